"""The picture as a view: a cylinder of sky that closes on itself from the right edge to the left.

A picture of any size is `ARC` radians of azimuth wide. Columns are linear in azimuth and rows in the tangent
of the elevation, at one scale, so near the horizon it is what a camera sees. Azimuth 0 is the middle column.
Cloud fields are made to repeat after `ARC` by blending, near the left edge, into the field as seen `ARC`
further on (`turned_share`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.jit import jit

ARC = 2.0 * np.pi / 3.0
SEAM = 0.16
"""Share of the picture's width over which the two ends of a field are blended."""

Picture = NDArray[np.float32]
"""(H, W, 3) linear light, red green blue, scene units."""


@dataclass(frozen=True, slots=True)
class View:
    """Picture size in pixels and the horizon's row as a fraction of the height."""

    width: int
    height: int
    horizon: float

    @property
    def scale(self) -> float:
        """Pixels per radian of azimuth, and per unit of tan(elevation)."""
        return self.width / ARC

    def azimuths(self) -> NDArray[np.float64]:
        """Azimuth of every column's centre, radians to the right of the picture's middle."""
        return np.asarray((np.arange(self.width) + 0.5) / self.scale - 0.5 * ARC, np.float64)

    def slopes(self) -> NDArray[np.float64]:
        """Tangent of the elevation of every row's centre; negative below the horizon."""
        return np.asarray(
            (self.horizon * self.height - np.arange(self.height) - 0.5) / self.scale, np.float64
        )

    def direction(self, x: float, y: float) -> tuple[float, float]:
        """Azimuth and elevation in radians of the point at fractions x, y of the picture."""
        return (x - 0.5) * ARC, float(np.arctan((self.horizon - y) * self.height / self.scale))


def bearing_to(azimuths: NDArray[np.float64], sun_azimuth: float) -> NDArray[np.float64]:
    """Bearing of each azimuth from the sun, in [-ARC/2, ARC/2]: it closes over the picture's edges."""
    return (azimuths - sun_azimuth + 0.5 * ARC) % ARC - 0.5 * ARC


@jit
def turned_share(azimuth: float) -> float:
    """Share of the field ARC further on at an azimuth: 1 at the left edge, 0 from `SEAM` of the width on."""
    t = max(0.0, 1.0 - (azimuth / ARC + 0.5) / SEAM)
    return t * t * (3.0 - 2.0 * t)
