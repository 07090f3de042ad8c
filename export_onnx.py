"""Command line of the export: weights in, ONNX file out, checked against torch."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from export.checkpoint import CheckpointError
from export.to_onnx import export_checkpoint
from export.verify import TOLERANCE, largest_difference, report

MODELS = Path(__file__).parent / "models"


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; the exit status."""
    parser = argparse.ArgumentParser(description="Makes the matting network's ONNX file from its weights.")
    parser.add_argument("--checkpoint", type=Path, default=MODELS / "matte.safetensors")
    parser.add_argument("--out", type=Path, default=MODELS / "matte.onnx")
    args = parser.parse_args(arguments)
    try:
        export_checkpoint(args.checkpoint, args.out)
        same = report(largest_difference(args.checkpoint, args.out))
    except CheckpointError as error:
        print(error, file=sys.stderr)
        return 1
    if not same:
        print(f"{args.out}: differs from torch by more than {TOLERANCE:.0e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
