"""Checkpoints of training runs: every way in which one cannot be read is one error that names the file."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from export.checkpoint import CheckpointError
from export.network import MattingNetwork, NetworkSpec, build_network


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Within it the checkpoint `path` is loaded and used; raises CheckpointError where it does not fit."""
    try:
        yield
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}") from error
    # a damaged file makes the unpickler fail in many ways, another network's weights with RuntimeError
    except (LookupError, TypeError, ValueError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path}: not a checkpoint of a training run of this network") from error


def averaged_network(path: Path) -> MattingNetwork:
    """The averaged network of a training run's checkpoint, in evaluation mode; raises CheckpointError."""
    with reading(path):
        state = torch.load(path, map_location="cpu", weights_only=True)
        network = build_network(NetworkSpec.from_json(state["spec"]))
        network.load_state_dict(state["averaged"])
    return network.eval()
