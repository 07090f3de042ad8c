"""Moving pictures with known alpha: rendered from mattes, labelled drives; and still cameras.

A picture with a soft matte is taken apart into its sky and what stands before it, each completed where the
other hides it. Moved apart or together and put together again, they give frames whose alpha is exact.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from training.data import DataError, Picture, Sample, load_picture
from training.metrics import Array

F32 = NDArray[np.float32]

Motion = Literal["pan", "shake", "zoom", "drive"]
MOTIONS: tuple[Motion, ...] = ("pan", "shake", "zoom", "drive")

SIZE_WH = (640, 360)
FRAMES = 24
_PER_MOTION = 3
_NOISE = 2.0
"""Deviation of the rendered frames' noise, in levels."""

_FAULTY = ("ADE_val_00001300",)
"""Mattes that leave something out that stands before the sky: what is rendered with them is no truth."""

_WINDOW = 0.8
"""Share of the picture's width that a frame shows: the rest is room to move."""

STILL_CLIPS = (
    "skyanim_103_445001.mp4",
    "skyanim_1092_color_2-1.mp4",
    "night_snow_loop.mp4",
    "night_lightning_loop.mp4",
)
"""Clips of a fixed camera: clouds, light and snow move, the sky's edge does not."""

_STILL_FRAMES = 48
_STILL_NOISE = 4.0
"""Deviation of the fresh noise on each copy of a repeated frame, in levels."""


@dataclasses.dataclass(frozen=True, slots=True)
class Shot:
    """A frame, uint8 (H, W, 3) RGB, and, where it is known, its alpha and where that is valid."""

    image: Array
    alpha: Array | None = None
    valid: Array | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Clip:
    """Frames in order; `shots` gives the same ones every time."""

    name: str
    kind: str
    fps: int
    shots: Callable[[], Iterator[Shot]]


def rendered_clips(samples: Sequence[Sample]) -> list[Clip]:
    """Three clips of 24 frames for each motion, each from another picture with a soft matte."""
    wanted = _PER_MOTION * len(MOTIONS)
    sound = [sample for sample in samples if sample.soft and sample.image.stem not in _FAULTY]
    fit = [sample for sample in sound if _can_move(load_picture(sample))]
    chosen = [fit[index * len(fit) // wanted] for index in range(wanted)] if len(fit) >= wanted else fit
    return [_rendered_clip(sample, MOTIONS[i % len(MOTIONS)], i) for i, sample in enumerate(chosen)]


def labelled_clip(samples: Sequence[Sample]) -> list[Clip]:
    """CamVid's validation pictures: one drive, 15 pictures a second; empty where there are none."""
    drive = sorted((s for s in samples if s.dataset == "camvid"), key=lambda sample: sample.image.name)

    def shots() -> Iterator[Shot]:
        for sample in drive:
            picture = load_picture(sample)
            yield Shot(picture.image, picture.alpha, picture.valid)

    return [Clip("camvid", "labelled drive", 15, shots)] if drive else []


def still_clips(folder: Path) -> list[Clip]:
    """The first 48 frames of the clips with a fixed camera that lie in the folder."""
    files = [folder / name for name in STILL_CLIPS if (folder / name).is_file()]
    return [_still_clip(file) for file in files]


def noisy_clips(samples: Sequence[Sample]) -> list[Clip]:
    """Of each set the picture in its middle, repeated 12 times with fresh noise."""
    by_set: dict[str, list[Sample]] = {}
    for sample in samples:
        by_set.setdefault(sample.dataset, []).append(sample)
    return [_noisy_clip(name, members[len(members) // 2]) for name, members in by_set.items()]


def _rendered_clip(sample: Sample, motion: Motion, seed: int) -> Clip:
    def shots() -> Iterator[Shot]:
        yield from render(load_picture(sample), motion, np.random.default_rng(seed))

    return Clip(sample.image.stem, motion, 25, shots)


def render(picture: Picture, motion: Motion, rng: np.random.Generator) -> Iterator[Shot]:
    """24 frames, 640x360, of the picture under a motion, with their exact alpha and fresh noise on each."""
    ground, sky = completed(picture.image, picture.alpha < 13), completed(picture.image, picture.alpha > 242)
    alpha = picture.alpha.astype(np.float32)
    valid = np.full(SIZE_WH[::-1], 255, np.uint8)
    for index in range(FRAMES):
        of_ground, of_sky = (
            _warped(layer, _view(picture.alpha, motion, index, is_sky))
            for layer, is_sky in ((np.dstack([ground, alpha]), False), (sky, True))
        )
        share = np.clip(np.rint(of_ground[..., 3]), 0, 255).astype(np.uint8)
        part = share[..., None].astype(np.float32) / 255
        mixed = of_ground[..., :3] * (1 - part) + of_sky * part
        yield Shot(noisy(np.asarray(np.rint(mixed), np.uint8), _NOISE, rng), share, valid)


def completed(image: Array, known: NDArray[np.bool_]) -> F32:
    """The picture as float32 where it is known, elsewhere what is known around, smoothed; any size."""
    size_wh = (known.shape[1], known.shape[0])
    weight = known.astype(np.float32)
    source = image * weight[..., None]
    out, missing = image.astype(np.float32), ~known
    while missing.any():
        near = cv2.GaussianBlur(weight, (0, 0), 1.5)
        share = cv2.resize(near, size_wh)
        colour = cv2.resize(cv2.GaussianBlur(source, (0, 0), 1.5), size_wh)
        here = missing & (share > 0.02)
        out[here] = colour[here] / share[here, None]
        missing &= ~here
        if min(weight.shape) < 4:
            break
        half = (weight.shape[1] // 2, weight.shape[0] // 2)
        weight = np.asarray(cv2.resize(weight, half, interpolation=cv2.INTER_AREA), np.float32)
        source = np.asarray(cv2.resize(source, half, interpolation=cv2.INTER_AREA), np.float32)
    return out


def noisy(image: Array, deviation: float, rng: np.random.Generator) -> Array:
    """The picture with normal noise on each sample."""
    noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(deviation)
    return np.asarray(np.clip(np.rint(image + noise), 0, 255), np.uint8)


def _can_move(picture: Picture) -> bool:
    """Whether it is large and wide enough, and shows both sky and ground."""
    height, width = picture.alpha.shape
    return width >= 600 and width > height and 0.1 < float((picture.alpha > 127).mean()) < 0.85


def _view(alpha: Array, motion: Motion, index: int, is_sky: bool) -> NDArray[np.float64]:
    """The affine map (2, 3) from a frame's pixels to the picture's."""
    height, width = alpha.shape
    scale = _WINDOW * min(width, height * SIZE_WH[0] / SIZE_WH[1]) / SIZE_WH[0]
    progress = index / (FRAMES - 1) - 0.5
    x = y = roll = 0.0
    if motion == "pan":
        x, y = 2.0 * FRAMES * progress, 0.4 * FRAMES * progress
    elif motion == "shake":
        x, y = 6 * math.sin(0.9 * index), 4 * math.sin(1.3 * index + 1)
        roll = math.radians(0.6) * math.sin(0.7 * index)
    elif motion == "zoom":
        scale *= 1 - 0.12 * progress
    else:  # a drive: what is near moves more than the sky
        x = (0.5 if is_sky else 2.5) * FRAMES * progress
        scale *= 1 if is_sky else 1 - 0.06 * progress
    rows = np.flatnonzero((alpha > 13).any(axis=1) & (alpha < 242).any(axis=1))
    reach = 0.5 * scale * SIZE_WH[1] + 8
    middle = min(max(float(rows.mean()) if len(rows) else height / 2, reach), height - reach)
    turn = scale * np.array([[math.cos(roll), -math.sin(roll)], [math.sin(roll), math.cos(roll)]])
    centre = np.array([(SIZE_WH[0] - 1) / 2, (SIZE_WH[1] - 1) / 2])
    origin = np.array([(width - 1) / 2 + scale * x, middle + scale * y])
    return np.column_stack([turn, origin - turn @ centre])


def _warped(layer: F32, view: NDArray[np.float64]) -> F32:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(layer, view, SIZE_WH, flags=flags, borderMode=cv2.BORDER_REFLECT), np.float32
    )


def _still_clip(file: Path) -> Clip:
    def shots() -> Iterator[Shot]:
        try:
            with av.open(str(file)) as container:
                for index, frame in enumerate(container.decode(video=0)):
                    if index == _STILL_FRAMES:
                        return
                    yield Shot(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
        except av.FFmpegError as error:
            raise DataError(f"{file}: {error.strerror}") from error

    return Clip(file.stem, "still camera", 25, shots)


def _noisy_clip(name: str, sample: Sample) -> Clip:
    def shots() -> Iterator[Shot]:
        image = load_picture(sample).image
        rng = np.random.default_rng(0)
        for _ in range(FRAMES // 2):
            yield Shot(noisy(image, _STILL_NOISE, rng))

    return Clip(name, "repeated frame", 25, shots)
