"""Makes the released weights of a training run: `python -m training.release RUN/last.pt`."""

from __future__ import annotations

import argparse
import datetime
import pickle
import sys
from pathlib import Path

import torch

from export.checkpoint import CheckpointError, Origin, save_checkpoint
from export.network import NetworkSpec, build_network

NAME = "matte"
DATA = (
    "IDD-Lite, CamVid, Cityscapes (subset), ADE20K with soft sky mattes, LabelMeFacade, OASIS marine, AMOS "
    "and TILDE webcams, CARLA renderings, indoor and ground pictures without sky, "
    "sky photographs; encoder from ImageNet"
)
LICENCE = "research and other non-commercial use only, share alike; see models/LICENSE"


def release(run_checkpoint: Path, out: Path) -> None:
    """Writes the averaged weights of a training checkpoint as a released file dated today."""
    try:
        state = torch.load(run_checkpoint, weights_only=True)
        spec = NetworkSpec.from_json(state["spec"])
        network = build_network(spec)
        network.load_state_dict(state["averaged"])
    except (OSError, KeyError, ValueError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{run_checkpoint}: not a checkpoint of a training run ({reason})") from error
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    save_checkpoint(out, network, spec, Origin(NAME, date, DATA, LICENCE))


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.release", description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--out", type=Path, default=Path("models/matte.safetensors"))
    args = parser.parse_args(arguments)
    try:
        release(args.checkpoint, args.out)
    except CheckpointError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
