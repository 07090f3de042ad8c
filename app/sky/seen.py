"""Which part of a whole sphere a frame sees."""

from typing import NamedTuple

import numpy as np

from app.frame import F64
from app.sky.rays import enlarged

_POINTS = 9
"""So many columns and rows of the frame are looked at."""
_ALL_AROUND_DEG = 80.0
"""What is seen above this elevation may lie in any direction."""


class Bounds(NamedTuple):
    """Azimuths from `left` on, to the right by `span`, and elevations, in degrees."""

    left: float
    span: float
    low: float
    high: float

    def wider(self, aside: float, beyond: float) -> "Bounds":
        """The same with degrees more on both sides, and above and below."""
        low, high = max(self.low - beyond, -90.0), min(self.high + beyond, 90.0)
        span = 360.0 if high > _ALL_AROUND_DEG else min(self.span + 2 * aside, 360.0)
        return Bounds(self.left - aside, span, low, high)

    def holds(self, other: "Bounds") -> bool:
        """Whether all of another one lies within."""
        begin = (other.left - self.left) % 360.0
        aside = self.span >= 360.0 or begin + other.span <= self.span
        return aside and self.low <= other.low and other.high <= self.high


def bounds_of(size_wh: tuple[int, int], rays: F64, scale: float) -> Bounds:
    """What a frame of that size sees of a sky; rays and scale: as of `app.sky.rays.Eye`."""
    width, height = size_wh
    directions = []
    for row in np.linspace(0, height - 1, _POINTS):
        for column in np.linspace(0, width - 1, _POINTS):
            x, y, z = rays @ (column, row, 1.0)
            directions.append(enlarged(x, y, z, scale))
    x, y, z = np.array(directions).T
    elevation = np.degrees(np.arctan2(-y, np.hypot(x, z)))
    azimuth = np.degrees(np.arctan2(x, z))
    middle = azimuth[len(azimuth) // 2]
    aside = (azimuth - middle + 180.0) % 360.0 - 180.0
    low, high = float(elevation.min()), float(elevation.max())
    if max(high, -low) > _ALL_AROUND_DEG:
        return Bounds(-180.0, 360.0, low, high)
    return Bounds(float(middle + aside.min()), float(np.ptp(aside)), low, high)
