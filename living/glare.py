"""The sun in a photo: it stands still while clouds drift."""

from typing import NamedTuple

import cv2
import numpy as np

from app.frame import F32, F64, U8
from living.behind import carried_on

_WIDTH = 384
"""The sun is looked for in a picture of this width."""
_WHITE = 247.0
_SMALLEST, _LARGEST = 0.004, 0.07
"""Radius of its disc, in widths; clouds as bright are larger, or ragged."""
_ROUND = 0.42
"""Share of the circle around it that a disc fills, its rays counted."""
_SECTORS = 12
_RINGS = 2.5, 4.5
_FALL = 10.0
"""By how much it is darker all around on the nearer of two rings, whose radii are those of the disc."""
_UNEVEN = 13.0
"""Standard deviation around that ring; beside a bright spot of a cloud there is sky and cloud."""
_GLOW = 9.0
"""Radius of the glow in those of the disc; but within the two shares of the width that follow."""
_NARROWEST, _WIDEST = 0.06, 0.28
_EDGE = 0.4
"""Share of that radius over which what stands still fades out."""


class Glare(NamedTuple):
    """The sun's place (x, y) and radii, in pixels: of its disc, and of the glow that stands still with it."""

    x: float
    y: float
    disc: float
    glow: float


def find_glare(sky: U8) -> Glare | None:
    """The sun's glare in a sky, RGB, uint8 (H, W, 3); None where nothing round outshines all around it."""
    height, width = sky.shape[:2]
    shrink = max(1.0, width / _WIDTH)
    small_wh = max(1, round(width / shrink)), max(1, round(height / shrink))
    small = cv2.resize(sky, small_wh, interpolation=cv2.INTER_AREA)
    light = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)
    light = np.asarray(cv2.GaussianBlur(light, (0, 0), 1.0), np.float32)
    count, labels, stats, centres = cv2.connectedComponentsWithStats((light > _WHITE).astype(np.uint8))
    best: Glare | None = None
    for label in range(1, count):
        x, y = (float(value) for value in centres[label])
        radius = float(np.sqrt(stats[label, cv2.CC_STAT_AREA] / np.pi))
        if not _SMALLEST * small_wh[0] <= radius <= _LARGEST * small_wh[0]:
            continue
        rows, columns = np.nonzero(labels == label)
        reach = float(np.percentile(np.hypot(columns - x, rows - y), 95)) + 0.5
        if (radius / reach) ** 2 < _ROUND or not _glows(light, x, y, reach):
            continue
        if best is None or radius * shrink > best.disc:
            glow = min(max(_GLOW * reach, _NARROWEST * small_wh[0]), _WIDEST * small_wh[0])
            best = Glare((x + 0.5) * shrink - 0.5, (y + 0.5) * shrink - 0.5, reach * shrink, glow * shrink)
    return best


def _glows(light: F32, x: float, y: float, reach: float) -> bool:
    """Whether it is darker all around a spot, alike on all sides, and darker still further away."""
    near, far = (_sectors(light, x, y, times * reach + 2.0) for times in _RINGS)
    if len(near) < 0.8 * _SECTORS or len(far) < _SECTORS / 2:
        return False
    alike = near.std() < _UNEVEN and far.std() < 1.5 * _UNEVEN
    return bool(alike and near.max() < _WHITE - _FALL and near.mean() - far.mean() > _FALL / 2)


def _sectors(light: F32, x: float, y: float, radius: float) -> F64:
    """Means over parts of a circle; parts that lie beside the picture are left out."""
    angles = (np.arange(8 * _SECTORS) + 0.5) * 2 * np.pi / (8 * _SECTORS)
    columns, rows = np.rint(x + radius * np.cos(angles)), np.rint(y + radius * np.sin(angles))
    inside = (columns >= 0) & (columns < light.shape[1]) & (rows >= 0) & (rows < light.shape[0])
    levels = np.zeros(len(angles))
    levels[inside] = light[rows[inside].astype(int), columns[inside].astype(int)]
    sums, counts = levels.reshape(_SECTORS, 8).sum(axis=1), inside.reshape(_SECTORS, 8).sum(axis=1)
    return np.asarray(sums[counts > 4] / counts[counts > 4], np.float64)


def without_glare(sky: U8, glare: Glare) -> U8:
    """The sky as if the sun did not shine in it, nowhere brighter; what the two differ by stands still."""
    height, width = sky.shape[:2]
    y, x = np.ogrid[:height, :width]
    distance = np.hypot(x - glare.x, y - glare.y)
    share = ((glare.glow - distance) / (_EDGE * glare.glow)).clip(0.0, 1.0)
    share = np.asarray(share * share * (3.0 - 2.0 * share), np.float32)[..., None]
    outside = np.where(distance > glare.glow, 255, 0).astype(np.uint8)
    around = carried_on(sky, outside)
    sigma = max(1.0, glare.glow / 6 * around.shape[1] / width)
    around = np.asarray(cv2.resize(cv2.GaussianBlur(around, (0, 0), sigma), (width, height)), np.float32)
    dimmed: U8 = np.rint(sky - share * np.maximum(sky - around, 0.0)).clip(0, 255).astype(np.uint8)
    return dimmed
