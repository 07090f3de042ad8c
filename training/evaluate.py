"""Measures a matting network on labelled pictures: `python -m training.evaluate --data DIR`.

Per set, condition and pooled: sky IoU over all pixels and its mean over pictures with sky, share of wrong
pixels, boundary IoU (a band of 2 % of the diagonal), false sky on pictures without any; of soft mattes also
MAD and MSE in thousandths, and Grad (Rhemann et al. 2009) in thousands. What is run is the ONNX file, by ONNX
Runtime, at the input size the live program would pick for the picture. Stage `net` brings the network's
output to the picture's size as it is; stage `full` runs the program's matting stage on the picture's YUV
planes. Each picture stands alone. `--night` adds day pictures made night and hand-checked crops of night
pictures in `../skies`; they are not part of "all labelled".
"""

from __future__ import annotations

import argparse
import dataclasses
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
from training.cases import Case, labelled_cases
from training.data import DataError, check_writable, data_root, read_index
from training.made_night import MADE, night_cases
from training.metrics import Array, Tally, heading, line
from training.night_crops import CROPS, crop_cases
from training.worst import worst_sheet

MODELS = Path(__file__).resolve().parent.parent / "models"
PICTURE_COLOUR = Colour(matrix="bt601", full_range=True, siting="center")
"""How a picture is turned into planes for the full stage: as JPEG stores it."""

_WORST = 24
"""Pictures on the sheet of the worst."""

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
        planes = planes_from_rgb(rgb, PICTURE_COLOUR)
        frame = Frame(planes, 0, 0, Fraction(1, 30), PICTURE_COLOUR, 0)
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


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What came of one case."""

    case: Case
    tally: Tally


def evaluate(matte: Matte, cases: Sequence[Case], dump: Path | None = None) -> list[Result]:
    """A result per case; with `dump`, each alpha also as an 8-bit PNG, 255 = sky, below that folder.

    Its path there is the picture's below the data folder, with the suffix .png.
    """
    results = []
    for case in cases:
        picture = case.load()
        alpha = matte(picture.image)
        tally = Tally()
        tally.add(alpha, picture.alpha, picture.valid, picture.soft)
        results.append(Result(case, tally))
        if dump:
            path = (dump / case.name).with_suffix(".png")
            path.parent.mkdir(parents=True, exist_ok=True)
            if not cv2.imwrite(str(path), alpha):
                raise DataError(f"{path}: cannot be written")
    return results


def grouped(results: Sequence[Result], key: Callable[[Case], str]) -> dict[str, Tally]:
    """The tallies of all cases with the same key, sorted by key."""
    tallies: dict[str, Tally] = {}
    for result in results:
        name = key(result.case)
        tallies[name] = tallies.get(name, Tally()) + result.tally
    return dict(sorted(tallies.items()))


def groups(results: Sequence[Result]) -> dict[str, dict[str, Tally]]:
    """Tallies by `set`, by `condition`, and by both (`set, condition`) where a set has more than one."""
    both = grouped(results, lambda case: f"{case.dataset}, {case.condition}")
    kinds: dict[str, set[str]] = {}
    for result in results:
        kinds.setdefault(result.case.dataset, set()).add(result.case.condition)
    mixed = {name: tally for name, tally in both.items() if len(kinds[name.partition(", ")[0]]) > 1}
    return {
        "set": grouped(results, lambda case: case.dataset),
        "condition": grouped(results, lambda case: case.condition),
        "set, condition": mixed,
    }


def numbers(tally: Tally) -> dict[str, float | None]:
    """A tally's results by name; None where nothing was counted. Shares and alpha are in [0, 1]."""
    values = {
        "pictures": tally.pictures,
        "iou": tally.iou,
        "mean_iou": tally.mean_iou,
        "wrong_share": tally.wrong_share,
        "boundary_iou": tally.boundary_iou,
        "false_sky": tally.false_sky,
        "mad": tally.mad,
        "mse": tally.mse,
        "grad": tally.grad,
    }
    return {name: None if math.isnan(value) else value for name, value in values.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("--model", default="matte", help="name of a network in models/, or a path")
    parser.add_argument("--data", help="folder of the labelled pictures (default: $SKYAR_DATA)")
    parser.add_argument("--split", choices=("val", "all"), default="val")
    parser.add_argument("--stage", choices=("net", "full"), default="net")
    parser.add_argument("--night", action="store_true", help="also on pictures made night, and night crops")
    parser.add_argument("--dump-alpha", type=Path, metavar="DIR")
    parser.add_argument("--worst", type=Path, metavar="FILE", help="sheet of the 24 worst pictures")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args(arguments)
    try:
        check_writable(args.json, args.worst)
        root = data_root(args.data)
        cases = labelled_cases(read_index(root, args.split), root)
        if args.night:
            cases += night_cases(read_index(root, "val"), root) + crop_cases(root.parent / "skies")
        with open_engine(model_path(args.model), "ort", 1) as engine:
            matte = net_matte(engine) if args.stage == "net" else full_matte(engine)
            results = evaluate(matte, cases, args.dump_alpha)
            if args.worst:
                ranked = sorted(results, key=lambda result: -result.tally.wrong_share)
                worst_sheet(args.worst, [(r.case, r.tally) for r in ranked[:_WORST]], matte)
        everything = sum((r.tally for r in results if r.case.dataset not in (MADE, CROPS)), Tally())
        tables = groups(results)
        for of, tallies in tables.items():
            print(heading(of), *(line(*row) for row in tallies.items()), sep="\n", end="\n\n")
        print(line("all labelled", everything))
        if args.json:
            found: dict[str, Any] = {"model": args.model, "stage": args.stage, "split": args.split}
            for of, tallies in tables.items():
                found[of] = {name: numbers(tally) for name, tally in tallies.items()}
            args.json.write_text(json.dumps({**found, "all labelled": numbers(everything)}, indent=2) + "\n")
    except (DataError, EngineError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def model_path(model: str) -> Path:
    """The file of a network in models/ by its name, else the path itself."""
    named = MODELS / f"{model}.onnx"
    return named if named.is_file() else Path(model)


if __name__ == "__main__":
    sys.exit(main())
