"""Other skies behind labelled foregrounds, whose own colours are found first; skies that are computed."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.uint8]

_BLUR_PX = 17


def mix(foreground: Array, sky: Array, alpha: Array) -> Array:
    """foreground (1 - alpha) + sky alpha, alpha uint8 with 255 = sky."""
    share = alpha.astype(np.float32) / 255.0
    return np.asarray(cv2.blendLinear(foreground, sky, 1.0 - share, share), np.uint8)


def foreground_colours(image: Array, alpha: Array) -> Array:
    """The picture without its sky, uint8 (H, W, 3): in mixed pixels the colour of what stands before it.

    The colours of both sides are carried over from their surroundings (blur fusion, one pass); where nothing
    but sky is near, what comes out means nothing.
    """
    share = alpha.astype(np.float32) * np.float32(1.0 / 255.0)
    ground = _carried_over(image, 1.0 - share)
    sky = _carried_over(image, share)
    share3 = cv2.merge([share, share, share])
    # F = G + (1 - a) (I - a S - (1 - a) G): least squares of one mixed pixel
    rest = image.astype(np.float32) - ground - share3 * (sky - ground)
    return np.asarray(cv2.add(ground, rest * (1.0 - share3), dtype=cv2.CV_8U), np.uint8)


def horizon_of(alpha: Array) -> int:
    """The row down to which the sky reaches, but for a few pixels; 0 where there is none."""
    rows = np.flatnonzero((alpha > 127).mean(axis=1) > 0.02)
    return int(rows[-1]) + 1 if len(rows) else 0


def sky_piece(sky: Array, size_wh: tuple[int, int], horizon: int, rng: np.random.Generator) -> Array:
    """A part of a sky at size (W, H), top up, in two of three cases with its lower end at row `horizon`."""
    width, height = size_wh
    part = rng.uniform(0.4, 1.0)
    rows, columns = max(1, round(sky.shape[0] * part)), max(1, round(sky.shape[1] * part))
    left = rng.integers(sky.shape[1] - columns + 1)
    to_horizon = rng.random() < 0.67
    top = sky.shape[0] - rows if to_horizon else rng.integers(sky.shape[0] - rows + 1)
    piece = sky[top : top + rows, left : left + columns]
    if rng.random() < 0.5:
        piece = piece[:, ::-1]
    reach = min(height, max(horizon, height // 4)) if to_horizon else height
    out = cv2.resize(np.ascontiguousarray(piece), (width, reach))
    return np.asarray(cv2.copyMakeBorder(out, 0, height - reach, 0, 0, cv2.BORDER_REPLICATE), np.uint8)


def paste_sky(image: Array, alpha: Array, piece: Array, rng: np.random.Generator) -> Array:
    """The picture before another sky (H, W, 3), its foreground lit as that sky suggests."""
    weight = alpha.astype(np.float64)
    total = max(1.0, float(weight.sum()))
    old, new = (np.tensordot(weight, plane, 2) / total + 8.0 for plane in (image, piece))
    gains = np.clip((new / old) ** rng.uniform(0.1, 0.9), 0.12, 1.7)
    table = np.clip(np.arange(256)[:, None] * gains, 0, 255).astype(np.uint8)
    lit = cv2.LUT(foreground_colours(image, alpha), table[:, None, :])
    return mix(np.asarray(lit, np.uint8), piece, alpha)


def plain_sky(size_wh: tuple[int, int], rng: np.random.Generator) -> Array:
    """A pale sky without a cloud, overcast or over-exposed, uint8 (H, W, 3) RGB: easily taken for a wall."""
    width, height = size_wh
    top = rng.uniform(185, 255) * (1 + rng.normal(0.0, 0.02, 3)) * np.array([0.97, 1.0, 1.02])
    bottom = top + rng.uniform(-25, 25)
    down = np.linspace(0.0, 1.0, height)[:, None, None]
    sky = np.broadcast_to(top + (bottom - top) * down, (height, width, 3))
    return np.asarray(np.clip(sky, 0, 255), np.uint8)


def render_skies(count: int, rng: np.random.Generator) -> list[Array]:
    """Computed skies, uint8 (240, 360, 3): clear, overcast, blown out, at dusk, many with soft clouds."""
    return [_render_sky(rng) for _ in range(count)]


def _render_sky(rng: np.random.Generator) -> Array:
    shape = (240, 360)
    down = np.linspace(0.0, 1.0, shape[0])[:, None, None] ** rng.uniform(0.5, 2.5)
    kind = rng.random()
    if kind < 0.3:
        top = rng.uniform((20, 70, 130), (110, 160, 240))
        low = top + (rng.uniform(180, 250) - top) * rng.uniform(0.3, 1.0)
    elif kind < 0.6:
        top = rng.uniform(90, 235) * (1 + rng.normal(0, 0.03, 3))
        low = top * rng.uniform(0.85, 1.2)
    elif kind < 0.75:
        top = rng.uniform(236, 255) * np.ones(3)
        low = top * (1 - np.abs(rng.normal(0, 0.04, 3)))
    else:
        top = rng.uniform((35, 45, 70), (120, 130, 180))
        low = rng.uniform((150, 100, 70), (255, 195, 170))
    sky = top + (low - top) * down
    if rng.random() < 0.6:
        clouds = cloud_field(shape, rng)
        colour = rng.uniform(0.5, 1.15) * low.max() * (1 + rng.normal(0, 0.03, 3))
        cover = np.clip((clouds - rng.uniform(-0.5, 0.8)) * rng.uniform(0.4, 2.0), 0, rng.uniform(0.3, 0.95))
        sky = sky + (colour - sky) * cover[..., None]
    return np.clip(sky + np.zeros((*shape, 1)), 0, 255).astype(np.uint8)


def cloud_field(shape: Sequence[int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Smooth noise of several scales, mean about 0 and deviation about 1, wider than high."""
    rows, columns = shape
    field = np.zeros((rows, columns), np.float32)
    for octave in range(4):
        grid = rng.standard_normal((3 * 2**octave, 2 * 2**octave), dtype=np.float32)
        field += cv2.resize(grid, (columns, rows), interpolation=cv2.INTER_CUBIC) * np.float32(
            0.75 * 0.6**octave
        )
    return field


def _carried_over(image: Array, weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean colour around each pixel, mostly that of the purest; computed at half size, it is smooth."""
    for _ in range(3):
        weight = weight * weight
    rows, columns = weight.shape
    half = (max(1, columns // 2), max(1, rows // 2))
    counted = cv2.multiply(image, cv2.merge([weight, weight, weight]), dtype=cv2.CV_32F)
    size = (_BLUR_PX // 2, _BLUR_PX // 2)
    small = cv2.blur(cv2.resize(counted, half, interpolation=cv2.INTER_AREA), size)
    total = np.maximum(
        cv2.blur(cv2.resize(weight, half, interpolation=cv2.INTER_AREA), size), np.float32(1e-5)
    )
    return np.asarray(cv2.resize(small / total[..., None], (columns, rows)), np.float32)
