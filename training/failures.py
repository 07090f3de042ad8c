"""A sheet of where the network fails, on pictures of our own: `python -m training.failures OUT.jpg`.

The labelled pictures may not be passed on. So the demo's rendered walk, whose sky is known, is put through
what fails on them: fog, a black night, drops on the lens, thin branches and wires, panes that mirror a sky.
Of each kind the worst of several tries is shown: picture, truth and the alpha of the program's matting stage.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from app.capture.scene import COLOUR, build_layers, render
from app.colour import rgb_from_planes
from app.frame import Planes
from engines.base import EngineError
from engines.registry import open_engine
from training.augment import add_cutouts
from training.cases import Case
from training.cutouts import render_cutouts
from training.data import DataError, Picture, check_writable
from training.evaluate import evaluate, full_matte, model_path
from training.made_night import as_night
from training.metrics import Array
from training.skies import render_skies
from training.weather import add_drops, add_fog, add_reflections
from training.worst import worst_sheet

_SIZE_WH = (640, 360)
_TRIES = 6
"""Pictures of each kind, from all along the walk."""
_SECONDS_APART = 2.9
_PLAIN = "demo"


def failure_cases(seed: int = 1) -> dict[str, list[Case]]:
    """By kind, the rendered pictures with their truth; the same for the same seed."""
    rng = np.random.default_rng(seed)
    cutouts = render_cutouts(24, rng)
    sky = render_skies(1, rng)[0]
    straight = np.ones(3)
    layers = build_layers()
    walk = [_shot(*render(layers, _SIZE_WH, _SECONDS_APART * index)) for index in range(_TRIES)]

    def behind_cutouts(shot: Picture) -> Picture:
        image, alpha, valid = add_cutouts(shot.image, shot.alpha, shot.valid, cutouts, straight, rng)
        return Picture(image, alpha, valid, soft=True)

    def seen(change: Callable[[Array, Array], Array]) -> Callable[[Picture], Picture]:
        return lambda shot: dataclasses.replace(shot, image=change(shot.image, shot.alpha))

    kinds: dict[str, Callable[[Picture], Picture]] = {
        _PLAIN: lambda shot: shot,
        "fog": seen(lambda image, alpha: add_fog(image, alpha, rng)),
        "night": lambda shot: dataclasses.replace(shot, image=as_night(shot, rng)),
        "drops": seen(lambda image, alpha: add_drops(image, rng)),
        "branches and wires": behind_cutouts,
        "mirroring panes": seen(lambda image, alpha: add_reflections(image, alpha, sky, rng)),
    }
    return {
        kind: [_case(kind, index, change(shot)) for index, shot in enumerate(walk)]
        for kind, change in kinds.items()
    }


def _shot(planes: Planes, alpha: Array) -> Picture:
    return Picture(rgb_from_planes(planes, COLOUR), alpha, np.full_like(alpha, 255), soft=True)


def _case(kind: str, index: int, picture: Picture) -> Case:
    return Case(Path(f"{kind} {index}"), "rendered", kind, lambda: picture)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.failures", description=__doc__)
    parser.add_argument("out", type=Path, help="the sheet, a picture file")
    parser.add_argument("--model", default="matte", help="name of a network in models/, or a path")
    args = parser.parse_args(arguments)
    try:
        check_writable(args.out)
        with open_engine(model_path(args.model), "ort", 1) as engine:
            matte = full_matte(engine)
            shown = []
            for cases in failure_cases().values():
                worst = max(evaluate(matte, cases), key=lambda result: result.tally.wrong_share)
                shown.append((worst.case, worst.tally))
            worst_sheet(args.out, shown, matte)
    except (DataError, EngineError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
