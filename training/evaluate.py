"""Measures a matting network on labelled pictures: `python -m training.evaluate --data DIR`.

Per set and pooled: sky IoU, share of wrong pixels, boundary IoU, and false sky on pictures without any. What
is run is the ONNX file, by ONNX Runtime, at the input size the live program would pick for the picture. Stage
`net` brings the network's output to the picture's size as it is; stage `full` runs the program's matting
stage on the picture's YUV planes.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.colour import planes_from_rgb
from app.config import Matting
from app.frame import Colour, Frame
from app.matting.stage import MattingStage, network_size, working_size
from engines.base import Engine, EngineError
from engines.registry import open_engine
from training.data import DataError, Sample, data_root, load_picture, read_index
from training.metrics import Array, Tally, table

MODELS = Path(__file__).resolve().parent.parent / "models"
_PICTURE_COLOUR = Colour(matrix="bt601", full_range=True, siting="center")
"""How a picture is turned into planes for the full stage: as JPEG stores it."""

Matte = Callable[[Array], Array]
"""Gives the alpha, uint8 (H, W), of an RGB picture, uint8 (H, W, 3)."""


def net_matte(engine: Engine) -> Matte:
    """The network alone, its alpha brought to the picture's size by bilinear interpolation."""
    working_wh = working_size(engine)
    if "alpha" not in engine.outputs:
        raise EngineError(f"{engine.path}: not a matting network: it has no output alpha")

    def matte(rgb: Array) -> Array:
        size_wh = (rgb.shape[1], rgb.shape[0])
        image = to_input(rgb, network_size(size_wh, working_wh))
        return to_size(engine.infer({"image": image})["alpha"][0, 0], size_wh)

    return matte


def full_matte(engine: Engine) -> Matte:
    """The live program's matting stage, from planes to refined alpha."""
    settings = Matting()

    def matte(rgb: Array) -> Array:
        planes = planes_from_rgb(rgb, _PICTURE_COLOUR)
        frame = Frame(planes, 0, 0, Fraction(1, 30), _PICTURE_COLOUR, 0)
        stage = MattingStage(engine, planes.size_wh, settings.guide_radius, settings.guide_eps)
        return stage.process(frame).alpha

    return matte


def to_input(rgb: Array, size_wh: tuple[int, int]) -> NDArray[np.float32]:
    """The picture as network input: float32 (1, 3, H, W) in [0, 1] at (width, height)."""
    small = cv2.resize(rgb, size_wh, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small.transpose(2, 0, 1)[None], np.float32) / np.float32(255.0)


def to_size(alpha: NDArray[np.float32], size_wh: tuple[int, int]) -> Array:
    """Alpha in [0, 1] brought to (width, height), bilinear, as uint8 with 255 = sky."""
    full = cv2.resize(alpha, size_wh, interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.rint(full * 255.0), np.uint8)


def evaluate(matte: Matte, samples: Sequence[Sample], dump: Path | None = None) -> dict[str, Tally]:
    """A tally per set; with `dump`, each alpha also as an 8-bit PNG, DIR/SET/PICTURE.png, 255 = sky."""
    tallies: dict[str, Tally] = {}
    for sample in samples:
        picture = load_picture(sample)
        alpha = matte(picture.image)
        tallies.setdefault(sample.dataset, Tally()).add(alpha, picture.alpha, picture.valid)
        if dump:
            path = dump / sample.dataset / f"{sample.image.stem}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            if not cv2.imwrite(str(path), alpha):
                raise DataError(f"{path}: cannot be written")
    return tallies


def as_json(tallies: dict[str, Tally]) -> dict[str, dict[str, float | None]]:
    """Each set's and all pictures' numbers by name; None where nothing was counted."""
    tallies = {**tallies, "all": sum(tallies.values(), Tally())}
    return {name: _numbers(tally) for name, tally in tallies.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("--model", default="matte", help="name of a network in models/, or a path")
    parser.add_argument("--data", help="folder of the labelled pictures (default: $SKYAR_DATA)")
    parser.add_argument("--split", choices=("val", "all"), default="val")
    parser.add_argument("--stage", choices=("net", "full"), default="net")
    parser.add_argument("--dump-alpha", type=Path, metavar="DIR")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args(arguments)
    named = MODELS / f"{args.model}.onnx"
    try:
        if args.json and (args.json.is_dir() or not args.json.resolve().parent.is_dir()):
            raise DataError(f"{args.json}: no file can be written there")
        samples = read_index(data_root(args.data), args.split)
        with open_engine(named if named.is_file() else Path(args.model), "ort", 1) as engine:
            matte = net_matte(engine) if args.stage == "net" else full_matte(engine)
            tallies = evaluate(matte, samples, args.dump_alpha)
        print(table(tallies))
        if args.json:
            result: dict[str, Any] = {"model": args.model, "stage": args.stage, "split": args.split}
            args.json.write_text(json.dumps({**result, "sets": as_json(tallies)}, indent=2) + "\n")
    except (DataError, EngineError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _numbers(tally: Tally) -> dict[str, float | None]:
    numbers = {
        "pictures": tally.pictures,
        "iou": tally.iou,
        "wrong_share": tally.wrong_share,
        "boundary_iou": tally.boundary_iou,
        "false_sky": tally.false_sky,
    }
    return {name: None if math.isnan(value) else value for name, value in numbers.items()}


if __name__ == "__main__":
    sys.exit(main())
