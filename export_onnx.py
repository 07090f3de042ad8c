"""Command line of the export: weights in, ONNX file out, checked against torch.

Without options it makes models/matte.onnx; `--half` makes models/matte_fp16.onnx; `--frame 1280x720 --out
FILE` makes the whole frame of that size. `--verify` makes nothing: it checks the files there are, and whole
frames of three sizes. With `--data DIR` the network's accuracy on the labelled pictures of DIR is measured in
both precisions; half may cost 0.2 points of IoU.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import onnx

from engines.registry import LARGEST_LOSS
from export.checkpoint import CheckpointError, load_checkpoint
from export.frame_to_onnx import frame_to_onnx
from export.to_onnx import Precision, check_place, export_checkpoint, write_model
from export.verify import (
    HALF_TOLERANCE,
    TOLERANCE,
    alpha_differences,
    frame_differences,
    largest_difference,
    load_model,
    report,
    report_alpha,
    report_frame,
)

MODELS = Path(__file__).parent / "models"
VERIFIED_FRAMES_WH = ((160, 90), (161, 91), (98, 131))


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, default=MODELS / "matte.safetensors")
    parser.add_argument("--out", type=Path, help="the file to make; with --verify the file of that precision")
    parser.add_argument("--half", action="store_true", help="the network in float16, strongly typed")
    parser.add_argument("--frame", type=_size, metavar="WxH", help="the whole frame of this size")
    parser.add_argument("--verify", action="store_true", help="make nothing, check what there is")
    parser.add_argument("--data", type=Path, metavar="DIR", help="measure the accuracy on labelled pictures")
    args = parser.parse_args(arguments)
    if args.frame and not args.out and not args.verify:
        parser.error("--frame needs --out FILE")
    precision: Precision = "half" if args.half else "float"
    try:
        if args.verify:
            faults = _verify(args.checkpoint, args.out, precision, args.frame)
        else:
            out = args.out or _default(precision)
            faults = _make(args.checkpoint, out, precision, args.frame)
        if args.data and not args.frame and not faults:
            half = args.out if args.half and args.out else _default("half")
            faults = _accuracy(args.data, args.out if args.out and not args.half else _default("float"), half)
    except CheckpointError as error:
        print(error, file=sys.stderr)
        return 1
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def _default(precision: Precision) -> Path:
    return MODELS / ("matte_fp16.onnx" if precision == "half" else "matte.onnx")


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and min(int(width), int(height)) >= 32):
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT of at least 32x32")
    return int(width), int(height)


def _make(checkpoint: Path, out: Path, precision: Precision, frame_wh: tuple[int, int] | None) -> list[str]:
    """Makes and checks a file; what is wrong with it."""
    if frame_wh:
        check_place(out)
        network, origin = load_checkpoint(checkpoint)
        model = frame_to_onnx(network, origin, frame_wh, precision)
        write_model(model, out)
        same = report_frame(out.name, frame_differences(network, model), precision)
        return [] if same else [f"{out}: differs from torch"]
    export_checkpoint(checkpoint, out, precision)
    if precision == "half":
        return _verify_alpha(checkpoint, out, HALF_TOLERANCE)
    same = report(largest_difference(checkpoint, out))
    return [] if same else [f"{out}: differs from torch by more than {TOLERANCE:.0e}"]


def _verify(
    checkpoint: Path, out: Path | None, precision: Precision, frame_wh: tuple[int, int] | None
) -> list[str]:
    """Checks files, or whole frames made for the purpose; what is wrong with them."""
    network, origin = load_checkpoint(checkpoint)
    if frame_wh and out:
        same = report_frame(out.name, frame_differences(network, load_model(out)), precision)
        return [] if same else [f"{out}: differs from torch"]
    faults = []
    if not frame_wh:
        for kind, tolerance in (("float", TOLERANCE), ("half", HALF_TOLERANCE)):
            path = out if out and kind == precision else _default(kind)  # type: ignore[arg-type]
            if path.is_file() or kind == precision:
                faults += _verify_alpha(checkpoint, path, tolerance)
    for width, height in (frame_wh,) if frame_wh else VERIFIED_FRAMES_WH:
        model: onnx.ModelProto = frame_to_onnx(network, origin, (width, height), precision)
        name = f"frame_{width}x{height}"
        if not report_frame(name, frame_differences(network, model), precision):
            faults.append(f"{name}: differs from torch")
    return faults


def _verify_alpha(checkpoint: Path, path: Path, tolerance: float) -> list[str]:
    load_model(path)
    network, _ = load_checkpoint(checkpoint)
    same = report_alpha(path.name, alpha_differences(network, path), tolerance)
    return [] if same else [f"{path}: differs from torch by more than {tolerance:.0e}"]


def _accuracy(data: Path, float_file: Path, half_file: Path) -> list[str]:
    """Prints the sky IoU of both files on `val` and notes it in the half one; what is wrong with that."""
    float_iou, half_iou = (_iou(path, data) for path in (float_file, half_file))
    loss = float_iou - half_iou
    print(f"sky IoU on val: float {float_iou:.4f}, half {half_iou:.4f}, loss {100 * loss:.2f} points")
    model = load_model(half_file)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(
        model, metadata | {"val_iou": f"{half_iou:.4f}", "val_iou_float": f"{float_iou:.4f}"}
    )
    write_model(model, half_file)
    if loss <= LARGEST_LOSS:
        return []
    return [
        f"{half_file}: half loses more than {100 * LARGEST_LOSS:.1f} points of IoU: use {float_file.name}"
    ]


def _iou(model: Path, data: Path) -> float:
    """Pooled sky IoU of a matting file on the pictures of `val`, at their size."""
    # The evaluation brings the live program's stages with it; the export alone needs none of them.
    from engines.base import EngineError
    from engines.registry import open_engine
    from training.cases import labelled_cases
    from training.data import DataError, read_index
    from training.evaluate import evaluate, net_matte
    from training.metrics import Tally

    try:
        cases = labelled_cases(read_index(data, "val"), data)
        results = evaluate(net_matte(open_engine(model, "ort", 1)), cases)
    except (DataError, EngineError) as error:
        raise CheckpointError(str(error)) from error
    return sum((result.tally for result in results), Tally()).iou


if __name__ == "__main__":
    sys.exit(main())
