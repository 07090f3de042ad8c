"""Released weights: one safetensors file that also tells how to rebuild its network and its origin."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from export.network import MattingNetwork, NetworkSpec, build_network


class CheckpointError(Exception):
    """A weights file cannot be read or written; the message names it."""


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where weights come from: the model's name, ISO date of training, data trained on, and licence."""

    name: str
    date: str
    data: str
    licence: str


def save_checkpoint(path: Path, network: MattingNetwork, origin: Origin) -> None:
    """Writes the network's weights, its spec and origin as metadata; the file appears whole or not at all."""
    weights = {name: value.detach().contiguous() for name, value in network.state_dict().items()}
    part = path.with_name(path.name + ".part")
    try:
        save_file(weights, part, {"spec": network.spec.to_json(), **dataclasses.asdict(origin)})
        part.replace(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be written ({error})") from error


def load_checkpoint(path: Path) -> tuple[MattingNetwork, Origin]:
    """The network in evaluation mode and its origin; raises CheckpointError for anything else."""
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        spec = NetworkSpec.from_json(metadata["spec"])
        origin = Origin(**{field.name: metadata[field.name] for field in dataclasses.fields(Origin)})
        network = build_network(spec)
        network.load_state_dict(weights)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: not a readable safetensors file ({error})") from error
    except (KeyError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path}: not weights of one of these networks ({reason})") from error
    return network.eval(), origin
