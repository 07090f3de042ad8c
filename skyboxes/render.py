"""Renders the sky pictures of this folder: `python -m skyboxes.render [NAME ...]`, all of them by default."""

import argparse
import logging
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from numpy.typing import NDArray

from skyboxes import (
    aurora,
    blue_evening,
    clear_day,
    dawn_mist,
    floating_island,
    golden_sunset,
    milky_way,
    overcast,
    ringed_planet,
    starry_night,
    storm_front,
    summer_day,
    super_moon,
    thunderstorm,
)
from skyboxes.grade import quantise
from skyboxes.view import Picture

FOLDER = Path(__file__).parent
STILL_SIZE = (3840, 2160)
VIDEO_SIZE = (1920, 1080)
STILLS: dict[str, Callable[[int, int], Picture]] = {
    "golden_sunset": golden_sunset.render,
    "milky_way": milky_way.render,
    "clear_day": clear_day.render,
    "overcast": overcast.render,
    "storm_front": storm_front.render,
    "dawn_mist": dawn_mist.render,
    "blue_evening": blue_evening.render,
    "super_moon": super_moon.render,
    "ringed_planet": ringed_planet.render,
    "floating_island": floating_island.render,
}


class Loop(NamedTuple):
    """A sky that moves: its frames at a (width, height), `rate` a second, for `seconds`."""

    frames: Callable[[int, int], Iterator[Picture]]
    rate: int
    seconds: float


LOOPS = {
    "thunderstorm": Loop(thunderstorm.frames, thunderstorm.RATE, thunderstorm.LOOP_S),
    "aurora": Loop(aurora.frames, aurora.RATE, aurora.LOOP_S),
}
PANORAMA_SIZE = (4096, 2048)
PANORAMAS: dict[str, Callable[[int, int], Picture]] = {
    "summer_day": summer_day.render,
    "starry_night": starry_night.render,
}
STILL_BYTES = 2_400_000
PANORAMA_BYTES = 1_500_000
VIDEO_CRF = 20

log = logging.getLogger(__name__)


def write_still(path: Path, pixels: NDArray[np.uint8], most_bytes: int) -> None:
    """Write RGB pixels as JPEG, at the best quality from 92 down that has at most so many bytes."""
    for quality in range(92, 70, -2):
        _, encoded = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        if encoded.size <= most_bytes:
            break
    part = path.with_name(path.name + ".part")
    part.write_bytes(encoded.tobytes())
    part.replace(path)
    log.info("%s: quality %d, %d kB", path.name, quality, encoded.size // 1000)


def write_video(path: Path, frames: Iterable[NDArray[np.uint8]], rate: int, size: tuple[int, int]) -> None:
    """Write RGB frames as H.264 in limited-range BT.709; `size` is (width, height)."""
    part = path.with_name(path.name + ".part")
    with av.open(part, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={
            "crf": str(VIDEO_CRF), "preset": "medium", "movflags": "+faststart", "x264-params": "aq-mode=3",
        })  # fmt: skip
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, rate)
        stream.codec_context.colorspace = Colorspace.ITU709
        stream.codec_context.color_primaries = ColorPrimaries.BT709
        stream.codec_context.color_trc = ColorTrc.BT709
        stream.codec_context.color_range = ColorRange.MPEG
        for index, pixels in enumerate(frames):
            rgb = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            planar = rgb.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            planar.pts = index
            container.mux(stream.encode(planar))
        container.mux(stream.encode(None))
    part.replace(path)
    log.info("%s: %d kB", path.name, path.stat().st_size // 1000)


def main() -> None:
    """Render the pictures named on the command line."""
    names = [*STILLS, *PANORAMAS, *LOOPS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(names)}; default all")
    chosen = parser.parse_args().names or names
    for name in chosen:
        if name not in names:
            parser.error(f"no sky is named {name}; there are {', '.join(names)}")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for name in chosen:
        if name in STILLS:
            write_still(FOLDER / f"{name}.jpg", quantise(STILLS[name](*STILL_SIZE), 1), STILL_BYTES)
            continue
        if name in PANORAMAS:
            pixels = quantise(PANORAMAS[name](*PANORAMA_SIZE), 1)
            write_still(FOLDER / f"{name}.jpg", pixels, PANORAMA_BYTES)
            continue
        pictures = LOOPS[name].frames(*VIDEO_SIZE)
        frames = (quantise(picture, index) for index, picture in enumerate(pictures))
        write_video(FOLDER / f"{name}.mp4", frames, LOOPS[name].rate, VIDEO_SIZE)


if __name__ == "__main__":
    main()
