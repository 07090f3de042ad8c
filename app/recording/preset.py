"""The choice of an x264 preset that keeps up with the picture."""

import logging
from collections.abc import Sequence
from fractions import Fraction
from time import perf_counter
from typing import NamedTuple, get_args

import av
import cv2
import numpy as np

from app.config import Preset
from app.frame import U8, Planes
from app.recording.h264 import PictureBuffer, encoder_options, even

log = logging.getLogger(__name__)

PRESETS: tuple[Preset, ...] = tuple(name for name in get_args(Preset) if name != "auto")
# The encoder may take this share of a frame's time: all other stages run beside it on the same cores.
LOAD = 0.4
# Seconds for the whole trial, and for one preset of it; the first picture, a key frame, is not counted.
TRIAL_S = 0.5
PRESET_S = 0.12
PICTURES = 9
# Larger pictures are tried at this size.
LARGEST_WH = (1280, 720)


class Chosen(NamedTuple):
    """A preset, and whether it takes no more time than it may."""

    preset: Preset
    keeps_up: bool


def choose_preset(size_wh: tuple[int, int], fps: Fraction, crf: int, load: float = LOAD) -> Chosen:
    """The slowest preset that takes at most that share of a frame's time here and now, by a short trial.

    Presets are tried from the fastest on until one is too slow or `TRIAL_S` have passed; ultrafast where
    even that is too slow.
    """
    started = perf_counter()
    width, height = even(size_wh)
    trial_wh = (min(width, LARGEST_WH[0]), min(height, LARGEST_WH[1]))
    pictures = busy_pictures(trial_wh, PICTURES)
    # An encoder's time goes with the number of macroblocks.
    allowed_s = load / fps * trial_wh[0] * trial_wh[1] / (width * height)
    chosen = Chosen(PRESETS[0], keeps_up=False)
    for preset in PRESETS:
        if _encode_s(pictures, preset, crf, fps) > allowed_s:
            break
        chosen = Chosen(preset, keeps_up=True)
        if perf_counter() - started > TRIAL_S - PRESET_S:
            break
    log.info("x264 preset %s, chosen in %.2f s", chosen.preset, perf_counter() - started)
    return chosen


def busy_pictures(size_wh: tuple[int, int], count: int) -> list[Planes]:
    """Grey pictures that cost an encoder about as much as foliage filmed from a hand: the same at every call.

    Two rough textures move through each other, so that no motion vector fits both, under grain as from a
    camera. `size_wh`: even width and height.
    """
    width, height = size_wh
    rng = np.random.default_rng(1)
    texture = _rough((width + 4 * count, height + 2 * count), rng)
    grain = np.tile(rng.integers(0, 8, (128, 128), np.uint8), (height // 128 + 2, width // 128 + 2))
    chroma = np.full((height // 2, width // 2), 128, np.uint8)
    pictures = []
    for index in range(count):
        near = texture[2 * index :, 4 * index :][:height, :width]
        far = texture[count - index :, 3 * (count - index) :][:height, :width]
        y = cv2.addWeighted(near, 0.7, far, 0.3, 0)
        y = cv2.add(y, grain[37 * index % 128 :, 53 * index % 128 :][:height, :width])
        pictures.append(Planes(y.astype(np.uint8), chroma, chroma))
    return pictures


def _rough(size_wh: tuple[int, int], rng: np.random.Generator) -> U8:
    texture = np.full(size_wh[::-1], 128, np.uint8)
    for cell, strength in ((64, 0.6), (8, 0.3), (3, 0.25)):
        coarse = rng.integers(0, 256, (size_wh[1] // cell + 2, size_wh[0] // cell + 2), np.uint8)
        octave = cv2.resize(coarse, size_wh, interpolation=cv2.INTER_LINEAR)
        texture = cv2.addWeighted(texture, 1 - strength, octave, strength, 0).astype(np.uint8)
    return texture


def _encode_s(pictures: Sequence[Planes], preset: Preset, crf: int, fps: Fraction) -> float:
    """Seconds per picture after the first, the median of as many as fit into `PRESET_S`."""
    size_wh = pictures[0].size_wh
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height = size_wh
    context.pix_fmt, context.time_base, context.framerate = "yuv420p", 1 / fps, fps
    context.options = encoder_options(preset, crf)
    buffer = PictureBuffer(size_wh, 1 / fps)
    context.encode(buffer.fill(pictures[0], 0, key=True))
    times: list[float] = []
    for pts, picture in enumerate(pictures[1:], 1):
        started = perf_counter()
        context.encode(buffer.fill(picture, pts, key=False))
        times.append(perf_counter() - started)
        if sum(times) > PRESET_S:
            break
    return float(np.median(times))
