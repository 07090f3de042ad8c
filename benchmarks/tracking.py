"""Trackers on clips of known camera rotation: how far each one's rotation is from the truth.

`python -m benchmarks.tracking --skies DIR --cache DIR` renders the clips (1280x720, 60 degrees wide, 30
frames per second, 10 s; noise, then H.264) from 360 degree panoramas, once, into the cache folder, and runs
every tracker on every clip; about a minute of CPU time each. `--only pan walk-flat` or `--only textureless`
takes some clips by their name or kind, `--trackers ours` some trackers, `--frames 90` the clips' beginnings;
`--list` says what there is. The alpha that the trackers get is the true one, or with `--matte network` the
program's own. `ours` is the program's tracker; the others stand in `benchmarks.rotations.peers`.

Printed per clip and tracker: the median and the 95th percentile of the frame-to-frame error in pixels (mean
at the picture's centre and corners), the drift at the end in percent of the width, the roll error at the end
in degrees, the shares of lost and of predicted frames, and CPU milliseconds per frame. Where the picture is
blank for two seconds: the largest error after it by which a placed sky moves from frame to frame, and that of
the motion into the first picture. Where there are cuts: how many were taken for a motion. How each is counted
stands in `benchmarks.rotations.errors`.
"""

import argparse
import dataclasses
import json
import sys
from fractions import Fraction
from functools import cache as cached
from pathlib import Path

import cv2

from app.config import ROOT, Matting
from app.frame import U8, Frame, Planes
from app.matting.stage import MattingStage
from benchmarks.rotations.clips import Clip, clip_of
from benchmarks.rotations.errors import Errors, errors
from benchmarks.rotations.panorama import COLOUR, PanoramaError
from benchmarks.rotations.peers import TRACKERS, Estimate
from benchmarks.rotations.render import Panoramas
from benchmarks.rotations.scenes import CAMERA, FRAMES, Scene, scenes
from engines.registry import open_engine


@cached
def _network(size_wh: tuple[int, int]) -> MattingStage:
    part = Matting()
    engine = open_engine(ROOT / "models" / f"{part.model}.onnx", "ort", 1)
    return MattingStage(engine, size_wh, part.guide_radius, part.guide_eps)


def network_alpha(planes: Planes) -> U8:
    """The program's alpha, uint8 (H, W), of an I420 picture."""
    frame = Frame(planes, 0, 0, Fraction(1, 30), COLOUR, 0)
    return _network(planes.size_wh).process(frame).alpha


def measure(clip: Clip, names: list[str], by_network: bool) -> dict[str, Errors]:
    """Each tracker's errors on the clip; all see the same frames and alphas."""
    trackers = {name: TRACKERS[name](CAMERA) for name in names}
    estimates: dict[str, list[Estimate]] = {name: [] for name in names}
    for frame, true_alpha in clip.frames():
        alpha = network_alpha(frame.planes) if by_network else true_alpha
        for name, follow in trackers.items():
            estimates[name].append(follow(frame, alpha))
    return {name: errors(found, clip.truth, CAMERA) for name, found in estimates.items()}


def table(scene: Scene, results: dict[str, Errors]) -> str:
    """The numbers of one clip, for people."""
    lines = [f"{scene.name} ({scene.kind})"]
    for name, e in results.items():
        line = (
            f"  {name:10} {e.median_px:9.3f} {e.p95_px:6.2f} {e.drift_percent:8.3f} {e.roll_deg:10.3f}"
            f" {e.lost_percent:7.1f} {e.predicted_percent:7.1f} {e.ms:6.1f}"
        )
        if e.jump_px is not None:
            line += f"   after the blank {e.jump_px:.2f} px, out of it {e.return_px:.2f} px"
        if len(scene.panoramas) > 1:
            line += f"   {e.missed_cuts} of {len(scene.panoramas) - 1} cuts missed"
        lines.append(line)
    return "\n".join(lines)


HEAD = " " * 13 + "median px    p95  drift %   roll deg  lost %  pred %     ms"


def main() -> int:
    """Render what is missing, measure and print."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.tracking", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--skies", type=Path, metavar="DIR", help="folder of the panoramas")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="where rendered clips are kept")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="clips by name or kind")
    parser.add_argument("--trackers", nargs="+", choices=TRACKERS, default=list(TRACKERS), metavar="NAME")
    parser.add_argument("--frames", type=int, default=FRAMES, metavar="N", help="frames of each clip")
    parser.add_argument("--matte", choices=("truth", "network"), default="truth", help="the alpha given")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers")
    parser.add_argument("--list", action="store_true", help="name the clips and trackers, measure nothing")
    options = parser.parse_args()
    chosen = [s for s in scenes() if not options.only or {s.name, s.kind} & set(options.only)]
    if options.list:
        print("\n".join(f"{scene.name} ({scene.kind})" for scene in chosen))
        print("trackers:", *TRACKERS)
        return 0
    if not chosen or options.skies is None or options.cache is None:
        parser.error("--skies and --cache are needed, and --only must name clips of --list")
    cv2.setNumThreads(1)
    options.cache.mkdir(parents=True, exist_ok=True)
    panoramas = Panoramas(options.skies, options.cache, network_alpha)
    numbers = {}
    print(HEAD)
    for scene in chosen:
        try:
            clip = clip_of(scene, options.frames, options.cache, panoramas)
        except PanoramaError as error:
            print(error, file=sys.stderr)
            return 1
        results = measure(clip, options.trackers, options.matte == "network")
        print(table(scene, results), flush=True)
        numbers[scene.name] = {name: dataclasses.asdict(found) for name, found in results.items()}
    if options.json:
        options.json.write_text(json.dumps(numbers, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
