"""The blending stage's equations as they are written, in RGB and double precision.

Each 2x2 block's chroma sample is shared by its pixels; on the way back the block's mean is taken. Nothing is
clipped before the end.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from app.colour import rgb_from_yuv, yuv_from_rgb
from app.config import Look
from app.frame import F64, Colour, Planes


def to_rgb(planes: Planes, colour: Colour) -> F64:
    """RGB, float64 (H, W, 3), unclipped."""
    matrix, offset = rgb_from_yuv(colour)
    height, width = planes.y.shape
    chroma = [plane.repeat(2, 0).repeat(2, 1)[:height, :width] for plane in (planes.u, planes.v)]
    yuv = np.stack([planes.y, *chroma], axis=2).astype(np.float64)
    return (yuv - offset) @ matrix.T


def from_rgb(rgb: F64, colour: Colour) -> tuple[F64, F64, F64]:
    """Y, U and V in levels, unclipped and not rounded."""
    matrix, offset = yuv_from_rgb(colour)
    yuv = rgb @ matrix.T + offset
    height, width = rgb.shape[:2]
    padded = np.pad(yuv, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    chroma = padded.reshape((height + 1) // 2, 2, (width + 1) // 2, 2, 3).mean(axis=(1, 3))
    return yuv[..., 0], chroma[..., 1], chroma[..., 2]


def box(values: F64, width: float) -> F64:
    """Means over `width` pixels each way, mirrored at the edges, by integrating between the pixels."""
    for axis in (0, 1):
        count = values.shape[axis]
        pad = int(width / 2) + 1
        index = np.arange(-pad, count + pad) % (2 * count)
        index = np.minimum(index, 2 * count - 1 - index)
        integral = np.cumsum(np.moveaxis(values, axis, 0)[index], axis=0)
        integral = np.concatenate([np.zeros_like(integral[:1]), integral])
        means = 0.0
        for sign, edge in ((1, width / 2), (-1, -width / 2)):
            place = pad + 0.5 + edge
            whole = int(place)
            before, after = integral[whole : whole + count], integral[whole + 1 : whole + 1 + count]
            means = means + sign * (before + (place - whole) * (after - before)) / width
        values = np.moveaxis(np.asarray(means), 0, axis)
    return values


def composite(
    frame: Planes,
    sky: Planes,
    sky_mean: F64,
    alpha: NDArray[np.uint8],
    look: Look,
    colour: Colour,
    haze: Iterable[float] = (),
) -> tuple[F64, F64, F64]:
    """Y, U and V of the composite, in levels; `haze` is its share for each row of blocks."""
    image, behind = to_rgb(frame, colour), to_rgb(sky, colour)
    a = alpha[..., np.newaxis] / 255
    light = look.light
    mean = (image * (1 - a)).sum((0, 1)) / (1 - a).sum()
    recoloured = image + light.recolour * (sky_mean - mean)
    lit = recoloured if light.match else light.relight * (recoloured + image.mean() - recoloured.mean())
    result = lit * (1 - a) + behind * a
    if look.halo.strength:
        halo = look.halo.strength * box(behind * a, look.halo.radius * alpha.shape[1])
        result = 255 - (255 - result) * (255 - halo) / 255
    shares = np.fromiter(haze, np.float64).repeat(2)[: len(alpha), np.newaxis, np.newaxis]
    if shares.size:
        result = (1 - shares) * result + shares * sky_mean
    return from_rgb(result, colour)


def worst_difference(planes: Planes, expected: tuple[F64, F64, F64]) -> float:
    """The largest difference in levels over all samples that are not clipped."""
    worst = 0.0
    for plane, levels in zip(planes, expected, strict=True):
        inside = (levels > 0) & (levels < 255)
        worst = max(worst, float(np.abs(plane - levels)[inside].max(initial=0)))
    return worst
