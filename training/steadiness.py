"""Measures how steady the alpha of moving pictures is: `python -m training.steadiness --data DIR`.

Three chains run beside each other on every clip: `net`, the network alone, brought to the frame's size;
`matting`, the program's matting stage; `full`, that and the smoothing along the motion that tracking does.

Where alpha is known (clips rendered from soft mattes; a labelled drive) dtSSD x 100 is printed as Robust
Video Matting's evaluation computes it: per pair of frames the root of the mean over pixels of
((a_t - a_t-1) - (g_t - g_t-1))^2, a found and g true alpha in [0, 1], times 100; of these the mean over pairs
(RVM's sheet also counts a 0 for each first frame). Only pixels known in both frames count. IoU, boundary IoU
and MAD stand beside it: a chain that is steady because it lags is worse in those. Where the camera stands
still, flicker is the mean absolute change of alpha from frame to frame, in percent: on real clips, and on one
frame repeated with fresh noise.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.colour import planes_from_rgb
from app.config import Matting, Tracker
from app.frame import Frame
from app.matting.stage import MattingStage
from app.tracking.stage import TrackingStage
from engines.base import Engine, EngineError
from engines.registry import open_engine
from training.data import DataError, check_writable, data_root, read_index
from training.evaluate import PICTURE_COLOUR, model_path, net_matte
from training.metrics import Array, Tally
from training.sequences import Clip, Shot, labelled_clip, noisy_clips, rendered_clips, still_clips

CHAINS = ("net", "matting", "full")


@dataclasses.dataclass(slots=True)
class Steadiness:
    """What one chain did on clips; results are nan where nothing was counted."""

    dtssd_sum: float = 0.0
    known_pairs: int = 0
    change_sum: float = 0.0
    pairs: int = 0
    difference_sum: float = 0.0
    known: int = 0
    tally: Tally = dataclasses.field(default_factory=Tally)

    @property
    def dtssd(self) -> float:
        """dtSSD x 100, mean over pairs of frames whose alpha is known."""
        return self.dtssd_sum / self.known_pairs if self.known_pairs else float("nan")

    @property
    def flicker(self) -> float:
        """Mean absolute change of alpha from frame to frame, a share; of a still camera it is flicker."""
        return self.change_sum / self.pairs if self.pairs else float("nan")

    @property
    def mad(self) -> float:
        """Mean absolute difference to the true alpha in [0, 1], mean over frames."""
        return self.difference_sum / self.known if self.known else float("nan")

    def __add__(self, other: Steadiness) -> Steadiness:
        sums = (getattr(self, f.name) + getattr(other, f.name) for f in dataclasses.fields(self))
        return Steadiness(*sums)


def run_chains(engine: Engine, clip: Clip) -> Iterator[tuple[Shot, dict[str, Array]]]:
    """Each frame of the clip with the alpha of each chain, uint8 (H, W)."""
    net, settings = net_matte(engine), Matting()
    stages: tuple[MattingStage, TrackingStage] | None = None
    for index, shot in enumerate(clip.shots()):
        planes = planes_from_rgb(shot.image, PICTURE_COLOUR)
        if stages is None:
            size_wh = planes.size_wh
            matting = MattingStage(engine, size_wh, settings.guide_radius, settings.guide_eps)
            stages = matting, TrackingStage(Tracker(), size_wh)
        matted = stages[0].process(Frame(planes, index, index, Fraction(1, clip.fps), PICTURE_COLOUR, 0))
        smoothed = stages[1].process(matted).alpha
        yield shot, {"net": net(shot.image), "matting": matted.alpha, "full": smoothed}


def measure(frames: Iterable[tuple[Shot, dict[str, Array]]]) -> dict[str, Steadiness]:
    """What each chain's alphas of one clip come to."""
    found: dict[str, Steadiness] = {}
    last: tuple[Shot, dict[str, Array]] | None = None
    for shot, alphas in frames:
        for name, alpha in alphas.items():
            steadiness = found.setdefault(name, Steadiness())
            if shot.alpha is not None and shot.valid is not None:
                known = shot.valid > 0
                steadiness.tally.add(alpha, shot.alpha, shot.valid)
                steadiness.difference_sum += float(np.abs(_unit(alpha) - _unit(shot.alpha))[known].mean())
                steadiness.known += 1
            if last is not None:
                before = last[1][name]
                steadiness.change_sum += float(np.abs(_unit(alpha) - _unit(before)).mean())
                steadiness.pairs += 1
                error = dtssd(alpha, before, shot, last[0])
                if error is not None:
                    steadiness.dtssd_sum += error
                    steadiness.known_pairs += 1
        last = (shot, alphas)
    return found


def dtssd(alpha: Array, before: Array, shot: Shot, last: Shot) -> float | None:
    """dtSSD x 100 of one pair of frames; None where their alphas are not known."""
    if shot.alpha is None or shot.valid is None or last.alpha is None or last.valid is None:
        return None
    known = (shot.valid > 0) & (last.valid > 0)
    error = (_unit(alpha) - _unit(before)) - (_unit(shot.alpha) - _unit(last.alpha))
    return 100 * float(np.sqrt(np.square(error)[known].mean()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.steadiness",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", default="matte", help="name of a network in models/, or a path")
    parser.add_argument("--data", help="folder of the labelled pictures (default: $SKYAR_DATA)")
    parser.add_argument("--clips", type=Path, metavar="DIR", help="real clips (default: beside the data)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args(arguments)
    try:
        check_writable(args.json)
        root = data_root(args.data)
        samples = read_index(root, "val")
        moving = rendered_clips(samples) + labelled_clip(samples)
        still = still_clips(args.clips or root.parent / "clips") + noisy_clips(samples)
        with open_engine(model_path(args.model), "ort", 1) as engine:
            of_moving = by_name(engine, moving, lambda clip: clip.kind)
            of_still = by_name(engine, still, lambda clip: f"{clip.kind}: {clip.name}")
    except (DataError, EngineError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(moving_table(of_moving), still_table(of_still), sep="\n\n")
    if args.json:
        result = {"model": args.model, **as_numbers(of_moving), **as_numbers(of_still)}
        args.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


def by_name(
    engine: Engine, clips: Sequence[Clip], name_of: Callable[[Clip], str]
) -> dict[str, dict[str, Steadiness]]:
    """What each chain's alphas come to, over all clips of the same name."""
    found: dict[str, dict[str, Steadiness]] = {}
    for clip in clips:
        sums = found.setdefault(name_of(clip), {chain: Steadiness() for chain in CHAINS})
        for chain, steadiness in measure(run_chains(engine, clip)).items():
            sums[chain] += steadiness
    return found


def moving_table(found: Mapping[str, Mapping[str, Steadiness]]) -> str:
    """Of clips with known alpha: a line per name and chain."""
    lines = [f"{'clips':24}{'chain':10}{'dtSSD':>8}{'IoU':>9}{'boundary':>10}{'wrong %':>9}{'MAD e-3':>9}"]
    for name, chains in found.items():
        for chain, one in chains.items():
            lines.append(
                f"{name:24}{chain:10}{one.dtssd:8.3f}{one.tally.iou:9.4f}{one.tally.boundary_iou:10.4f}"
                f"{100 * one.tally.wrong_share:9.2f}{1000 * one.mad:9.2f}"
            )
    return "\n".join(lines)


def still_table(found: Mapping[str, Mapping[str, Steadiness]]) -> str:
    """Of still cameras: a line per clip, a column per chain."""
    lines = [f"{'flicker %':44}" + "".join(f"{chain:>10}" for chain in CHAINS)]
    for name, chains in found.items():
        lines.append(f"{name:44}" + "".join(f"{100 * chains[chain].flicker:10.3f}" for chain in CHAINS))
    return "\n".join(lines)


def as_numbers(
    found: Mapping[str, Mapping[str, Steadiness]],
) -> dict[str, dict[str, dict[str, float | None]]]:
    """The results by name and chain; None where nothing was counted. `flicker` and `mad` are shares."""
    return {name: {chain: _numbers(one) for chain, one in chains.items()} for name, chains in found.items()}


def _numbers(one: Steadiness) -> dict[str, float | None]:
    values = {
        "dtssd": one.dtssd,
        "iou": one.tally.iou,
        "boundary_iou": one.tally.boundary_iou,
        "wrong_share": one.tally.wrong_share,
        "mad": one.mad,
        "flicker": one.flicker,
    }
    return {name: None if math.isnan(value) else value for name, value in values.items()}


def _unit(alpha: Array) -> NDArray[np.float32]:
    return alpha.astype(np.float32) / np.float32(255)


if __name__ == "__main__":
    sys.exit(main())
