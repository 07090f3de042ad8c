"""What it costs to look a sky up along each pixel's ray: `python -m benchmarks.panorama [--json FILE]`.

Measured in turn with `cv2.warpPerspective` of the same planes, on one thread: whole I420 frames, in CPU time.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from app.camera import Camera, View
from app.config import AS_IT_IS, Placement
from app.frame import F64, Colour, Planes
from app.sky.sphere import FlatPicture, Panorama
from app.sky.standing import sky_to_world

SIZES = ((854, 480), (1280, 720), (1920, 1080))
VIEWS = {
    "ahead": Placement(),
    "panned, rolled": Placement(heading=40, elevation=8, tilt=5),
    "across the seam": Placement(heading=180),
    "45 degrees up": Placement(heading=20, elevation=45),
    "the zenith": Placement(heading=20, elevation=90),
}
COLOUR = Colour()


def noise(size_wh: tuple[int, int]) -> Planes:
    """Planes of soft noise."""
    width, height = size_wh
    rng = np.random.default_rng(0)
    planes = []
    for part in (1, 2, 2):
        plane = rng.integers(0, 256, (height // part, width // part), np.uint8)
        planes.append(np.asarray(cv2.GaussianBlur(plane, (0, 0), 2), np.uint8))
    return Planes(*planes)


def warp(planes: Planes, size_wh: tuple[int, int]) -> Callable[[], None]:
    """One frame of the planes under a slightly perspective motion."""
    width, height = size_wh
    targets = [np.empty((height // part, width // part), np.uint8) for part in (1, 2, 2)]
    middle_x, middle_y = planes.size_wh[0] / 2 - width / 2, planes.size_wh[1] / 2 - height / 2
    luma = np.array([[1.0, 0.02, middle_x], [-0.02, 1.0, middle_y], [1e-5, 2e-6, 1.0]])
    half = np.diag([2.0, 2.0, 1.0])
    matrices = (luma, np.linalg.inv(half) @ luma @ half, np.linalg.inv(half) @ luma @ half)

    def draw() -> None:
        for source, target, matrix in zip(planes, targets, matrices, strict=True):
            cv2.warpPerspective(
                source,
                matrix,
                (target.shape[1], target.shape[0]),
                dst=target,
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REFLECT,
            )

    return draw


def jobs(size_wh: tuple[int, int]) -> dict[str, Callable[[], object]]:
    """What is measured, by name; the planar warp first."""
    panorama = Panorama((8192, 4096), size_wh, COLOUR, most_width=8192)
    whole = noise(panorama.picture_wh)
    texture = panorama.texture(whole, COLOUR.chroma_xy)
    flat = FlatPicture((3840, 2160), size_wh, COLOUR, 0.5, "repeat", most_texels=32_000_000, enlarge=True)
    picture = noise(flat.picture_wh)
    flat_texture = flat.texture(picture, COLOUR.chroma_xy)
    camera, rows = Camera.from_fov(size_wh, 60), (0, size_wh[1])

    def seen(rotation: F64) -> View:
        return View(camera, rotation)

    named: dict[str, Callable[[], object]] = {"planar warp": warp(whole, size_wh)}
    for name, placement in VIEWS.items():
        view = seen(sky_to_world(placement))
        named[f"panorama, {name}"] = lambda v=view: panorama.render(texture, v, AS_IT_IS, None, rows)  # type: ignore[misc]
    view = seen(sky_to_world(VIEWS["panned, rolled"]))
    named["flat picture"] = lambda: flat.render(flat_texture, view, AS_IT_IS, None, rows)
    return named


def measured(size_wh: tuple[int, int], rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds of CPU time for a frame, by name: median and least; and ratios to the planar warp's."""
    named = jobs(size_wh)
    times: dict[str, list[float]] = {name: [] for name in named}
    for job in named.values():
        job()
    for _ in range(rounds):
        for name, job in named.items():
            began = time.process_time_ns()
            job()
            times[name].append((time.process_time_ns() - began) / 1e6)
    base = np.array(times["planar warp"])
    return {
        name: {
            "median_ms": float(np.median(spent)),
            "least_ms": min(spent),
            "ratio": float(np.median(np.array(spent) / base)),
            "least_ratio": min(spent) / float(base.min()),
        }
        for name, spent in times.items()
    }


def main() -> None:
    """Print a table; write the numbers, if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    results = {f"{size[0]}x{size[1]}": measured(size, options.rounds) for size in SIZES}
    for size, named in results.items():
        print(f"\n{size:28} median ms  least ms  ratio  of the least")
        for name, numbers in named.items():
            print(
                f"{name:28} {numbers['median_ms']:9.2f} {numbers['least_ms']:9.2f} "
                f"{numbers['ratio']:6.2f} {numbers['least_ratio']:9.2f}"
            )
    if options.json:
        machine = {"cpu": platform.processor(), "opencv": cv2.__version__, "numpy": np.__version__}
        options.json.write_text(json.dumps({"machine": machine, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
