"""How living skies move, close and change light: `python -m benchmarks.living [--data DIR] [--json FILE]`.

Photos of `DIR/../skies`, labelled ones with land of DIR, and each kind of computed clouds, with a wind asked
for that moves the textured sky by one pixel per frame in a picture 256 pixels wide, at 30 frames per second.
Beside them DeepLandscape's own clips: as published numbers were measured on them, and, where they are in
`DIR/../clips`, measured here by the same code. Prints JSON and a table. Times are CPU times of one frame.
"""

import argparse
import csv
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np

from app.capture.video import VideoFile
from app.colour import rgb_from_planes
from app.errors import SkyError, SkyLiveError
from app.frame import F32, U8, Planes
from app.matting.photo import sky_of_photo
from app.sky.still import read_rgb, resized
from app.stats import cpu_name
from living.behind import horizon_of, without_specks
from living.field import Field, wind_field
from living.flow import flow_between
from living.loopify import Join, closed, fade_frames
from living.metrics import (
    FLOW_WIDTH,
    Bool,
    fast_flicker,
    flicker,
    flow_error,
    luma_of,
    monotone,
    moved_land,
    noise_variance,
    seam,
    sharpness,
    steps,
    textured,
)
from living.noise import NoiseBank
from living.photo import PhotoLoop
from living.render import Frames
from living.specs import Clock, Clouds, ProceduralSpec, Wind

FPS = 30
PERIOD_S = 8.0
DEGREES = 20.0
"""Direction of the wind that is asked for."""
PHOTO_WIDTH = 1280
COST_WH = (1280, 720)
NEAR_LAND = 21
"""Motion is measured half of so many pixels, of 256 across, away from land."""
SCENE_WH = (512, 288)
SKIES = ("skyar_cloudy.jpg", "skyar_sunny.jpg", "skyar_sunset.jpg", "skyar_rainy.jpg")
HOURS = tuple(12.0 + n for n in range(11))
"""From noon into the night, in which light may only get less."""

PUBLISHED: dict[str, dict[str, str]] = {
    "DeepLandscape, its clips": {"seam": "10-44", "px per frame": "0.26-1.05", "land": "25-46 dB"},
    "real time-lapses": {"seam": "7.5", "px per frame": "1.03 (0.26-3.9)"},
}
"""Measured on published clips at 256 pixels; land is the PSNR to the first frame after 10 to 99 frames."""

Row = dict[str, Any]
Picture = Callable[[float], U8]


def pairs(picture: Picture, count: int, period: float) -> Iterator[tuple[float, U8, U8]]:
    """(seconds, a picture, the next one), all over a loop, between whole parts of it."""
    for index in range(count):
        seconds = (index + 0.37) * period / count
        yield seconds, picture(seconds), picture(seconds + 1 / FPS)


def motion(picture: Picture, asked: Callable[[float], F32], sky: Bool | None, count: int) -> Row:
    """Measured motion over that asked for; sky: of pictures of `FLOW_WIDTH`, None = all of it."""
    found = []
    for seconds, a, b in pairs(picture, count, PERIOD_S):
        first, second = luma_of(a, FLOW_WIDTH), luma_of(b, FLOW_WIDTH)
        wanted = asked(seconds)
        where = textured(first, np.hypot(wanted[..., 0], wanted[..., 1]) > 0.05)
        where = where if sky is None else where & sky
        if where.any():
            found.append(flow_error(flow_between(first, second), wanted, where))
    if not found:
        return {}
    mean = np.mean(np.array(found), axis=0)
    names = ("asked", "px per frame", "epe", "mean epe", "degrees")
    return dict(zip(names, (round(float(value), 3) for value in mean), strict=True))


def seam_at(picture: Picture) -> float:
    """The step from a loop's last picture to its first over the median of eight others."""
    last = steps([luma_of(picture(PERIOD_S - 1 / FPS)), luma_of(picture(0.0))])[0]
    others = [steps([luma_of(a), luma_of(b)])[0] for _, a, b in pairs(picture, 8, PERIOD_S)]
    return round(float(last / np.median(others)), 3)


def warp(name: str, photo: U8, alpha: U8) -> Row:
    """What a photo's loop is like; alpha: uint8 (H, W), 255 = sky."""
    height, width = photo.shape[:2]
    alpha = without_specks(alpha)
    small = resized(alpha, (FLOW_WIDTH, round(height * FLOW_WIDTH / width)))
    # Flow is found by patches: near the land they hold land.
    sky = cv2.erode((small > 250).astype(np.uint8), np.ones((NEAR_LAND, NEAR_LAND), np.uint8)) > 0
    unit = wind_field((width, height), horizon_of(alpha), Wind(DEGREES, 1.0))
    first = luma_of(photo, FLOW_WIDTH)
    lengths = np.hypot(*np.moveaxis(per_frame(unit, first.shape), -1, 0))
    where = textured(first, sky & (lengths > 0))
    if not where.any():
        return {"name": name, "note": "nothing to see motion by"}
    wind = Wind(DEGREES, float(1 / lengths[where].mean()))
    field = wind_field((width, height), horizon_of(alpha), wind)
    loop = PhotoLoop(photo, alpha, field, PERIOD_S)
    asked = per_frame(field, first.shape)
    frames = [loop.frame(n * PERIOD_S / 8) for n in range(8)]
    sharp = [sharpness(luma_of(loop.frame(n * PERIOD_S / 24)), alpha == 255) for n in range(24)]
    land = alpha == 0
    calm = wind_field((width, height), horizon_of(alpha), Wind(DEGREES, 0.0))
    lit = PhotoLoop(photo, alpha, calm, PERIOD_S, (HOURS[0], HOURS[-1]))
    light = [float(luma_of(lit.frame(0.5 * PERIOD_S * n / 8))[alpha == 255].mean()) for n in range(9)]
    return {
        "name": name,
        "size": f"{width}x{height}",
        "seam": seam_at(loop.frame),
        **motion(loop.frame, lambda _: asked, sky, 6),
        "land moved by": moved_land([frame[..., 1] for frame in frames], land) if land.any() else None,
        "flicker": round(flicker(sharp), 4),
        "fast flicker": round(fast_flicker(sharp), 4),
        "monotone light": monotone(light),
        "CPU ms": cpu_ms(PhotoLoop(*fitted(photo, alpha), PERIOD_S).frame),
    }


def per_frame(field: Field, shape: tuple[int, ...]) -> F32:
    """A field's wind in a smaller picture: float32 (H, W, 2), its pixels per frame."""
    small = cv2.resize(field.velocity, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(small * (shape[1] / field.size_wh[0] / FPS), np.float32)


def fitted(photo: U8, alpha: U8) -> tuple[U8, U8, Field]:
    """A photo, its alpha and a wind, at the size at which the cost is told."""
    photo, alpha = resized(photo, COST_WH), resized(alpha, COST_WH)
    return photo, alpha, wind_field(COST_WH, horizon_of(alpha), Wind(DEGREES, 20.0))


def cpu_ms(picture: Picture, count: int = 8) -> float:
    """Median CPU time of a picture, after the first."""
    picture(0.0)
    times = []
    for index in range(count):
        began = time.process_time_ns()
        picture((index + 0.37) * PERIOD_S / count)
        times.append((time.process_time_ns() - began) / 1e6)
    return round(float(np.median(times)), 1)


def computed(clouds: Clouds) -> Row:
    """What a computed sky with these clouds is like."""
    spec = ProceduralSpec(clouds=clouds, wind=Wind(DEGREES, 100.0))
    slow = Frames(spec, SCENE_WH, panorama=False)
    small = FLOW_WIDTH / SCENE_WH[0]
    size_wh = FLOW_WIDTH, round(SCENE_WH[1] * small)

    def wanted(sky: Frames, seconds: float) -> F32:
        flow = sky.flow_at(seconds, seconds + 1 / FPS)
        return np.asarray(cv2.resize(flow, size_wh, interpolation=cv2.INTER_AREA) * small, np.float32)

    flow = wanted(slow, 0.0)
    cloudy = resized(slow.clouds_at(0.0), size_wh) > 25
    first = luma_of(slow.at(0.0), FLOW_WIDTH)
    where = textured(first, cloudy & (np.abs(flow).max(axis=-1) > 0))
    row: Row = {"name": f"computed, {clouds}", "size": f"{SCENE_WH[0]}x{SCENE_WH[1]}"}
    if where.any():
        speed = 100.0 / float(np.hypot(*np.moveaxis(flow[where], -1, 0)).mean())
        sky = Frames(replace(spec, wind=Wind(DEGREES, speed)), SCENE_WH, panorama=False)
        row |= motion(sky.at, lambda seconds: wanted(sky, seconds), cloudy, 6)
    calm = Frames(replace(spec, wind=Wind(DEGREES, 20.0)), SCENE_WH, panorama=False, fps=Fraction(FPS))
    fade = fade_frames(2 * FPS, Fraction(FPS), SCENE_WH)
    film = [calm.at(index / FPS) for index in range(2 * FPS + fade)]
    everywhere = np.ones(film[0].shape[:2], np.bool_)
    sharp = [sharpness(luma_of(frame), everywhere) for frame in film]
    looped = [planes.y for planes in closed(map(_luma_alone, film), Join(fade, len(film), fade))]
    row["seam"] = round(seam(steps(looped)), 3)
    row["flicker"], row["fast flicker"] = round(flicker(sharp), 4), round(fast_flicker(sharp), 4)
    row["monotone light"] = monotone([_light_at(spec, hour) for hour in HOURS])
    large = Frames(replace(spec, wind=Wind(DEGREES, 20.0)), COST_WH, panorama=False)
    large.at(0.0)
    began = time.process_time_ns()
    for index in range(1, FPS // 2 + 1):
        large.at(index / FPS)
    row["CPU ms"] = round((time.process_time_ns() - began) / 1e6 / (FPS // 2), 1)
    return row


def clip(path: Path) -> Row:
    """A published clip: its seam, and how fast what is in its upper half moves."""
    with VideoFile(path, None) as file:
        lumas = [luma_of(rgb_from_planes(frame.planes, frame.colour), FLOW_WIDTH) for frame in file]
    upper = np.zeros(lumas[0].shape, np.bool_)
    upper[: len(upper) // 2] = True
    speeds = []
    for index in range(0, len(lumas) - 1, max(1, len(lumas) // 12)):
        flow = flow_between(lumas[index], lumas[index + 1])
        speeds.append(float(np.hypot(*np.moveaxis(flow[textured(lumas[index], upper)], -1, 0)).mean()))
    sharp = [sharpness(luma, upper) for luma in lumas[:96]]
    return {
        "name": path.stem,
        "seam": round(seam(steps(lumas)), 2),
        "px per frame": round(float(np.mean(speeds)), 3),
        "flicker": round(flicker(sharp), 4),
        "fast flicker": round(fast_flicker(sharp), 4),
    }


def photos(data: Path, labelled: int) -> Iterator[tuple[str, U8, U8]]:
    """(name, photo, alpha): skies, whose alpha is the network's, and labelled pictures with land."""
    for name in SKIES:
        path = data.parent / "skies" / name
        if path.is_file():
            photo = _at_most(read_rgb(path))
            yield path.stem, photo, sky_of_photo(photo)
    with (data / "index.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if 0.35 < float(row["sky_fraction"]) < 0.75]
    large = sorted(rows, key=lambda row: (-int(row["width"]), row["image"]))
    sets: set[str] = set()
    for row in large:
        if row["dataset"] in sets or len(sets) == labelled:
            continue
        mask = cv2.imread(str(data / row["mask"]), cv2.IMREAD_GRAYSCALE)
        if mask is None:
            raise SkyError(f"{data / row['mask']}: not a picture that can be read")
        photo = _at_most(read_rgb(data / row["image"]))
        size_wh = photo.shape[1], photo.shape[0]
        alpha = np.asarray(cv2.resize(mask, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
        if (alpha == 255).mean() < 0.2:
            continue
        sets.add(row["dataset"])
        yield Path(row["image"]).stem, photo, alpha


def table(rows: Sequence[Row]) -> str:
    """The rows under each other, as Markdown."""
    names = (
        *("name", "seam", "asked", "px per frame", "mean epe", "epe", "degrees", "land moved by"),
        *("flicker", "fast flicker", "monotone light", "CPU ms"),
    )
    lines = [" | ".join(names), "|".join("---" for _ in names)]
    for row in rows:
        lines.append(" | ".join("" if row.get(name) is None else str(row[name]) for name in names))
    return "\n".join(f"| {line} |" for line in lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the measures; exit status 1 and one line where something cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.living", description=__doc__)
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="folder of the labelled pictures ($SKYAR_DATA)"
    )
    parser.add_argument("--labelled", type=int, default=3, metavar="N", help="so many with land (3)")
    parser.add_argument("--only", choices=("warp", "computed"))
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    data = options.data or Path(os.environ.get("SKYAR_DATA", "."))
    cv2.setNumThreads(1)
    rows: list[Row] = []
    try:
        if options.only != "computed":
            rows += [warp(*photo) for photo in photos(data, options.labelled)]
            rows += [clip(path) for path in sorted((data.parent / "clips").glob("skyanim_*"))]
        if options.only != "warp":
            rows += [computed(clouds) for clouds in get_args(Clouds) if clouds != "none"]
    except (SkyLiveError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    rows += [{"name": name, **values} for name, values in PUBLISHED.items()]
    rng = np.random.default_rng(0)
    shifts = [(float(x), float(y)) for x, y in rng.uniform(-1, 1, (100, 2))]
    least, most = noise_variance(NoiseBank(64, 4), shifts)
    results = {"cpu": cpu_name(), "rows": rows, "noise variance": [round(least, 4), round(most, 4)]}
    text = json.dumps(results, indent=2, ensure_ascii=False)
    print(text, table(rows), f"variance of moved noise: {least:.4f} to {most:.4f}", sep="\n\n")
    if options.json:
        options.json.write_text(text + "\n")
    return 0


def _light_at(spec: ProceduralSpec, hour: float) -> float:
    timed = replace(spec, clock=Clock(hour, 0.0))
    return float(luma_of(Frames(timed, (256, 144), panorama=False).at(0.0))[:72].mean())


def _luma_alone(rgb: U8) -> Planes:
    grey = np.full((rgb.shape[0] // 2, rgb.shape[1] // 2), 128, np.uint8)
    return Planes(luma_of(rgb), grey, grey)


def _at_most(photo: U8) -> U8:
    height, width = photo.shape[:2]
    shrink = min(1.0, PHOTO_WIDTH / width)
    return resized(photo, (round(width * shrink), round(height * shrink)))


if __name__ == "__main__":
    sys.exit(main())
