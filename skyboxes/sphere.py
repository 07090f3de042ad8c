"""The whole sphere as a picture: columns and rows are linear in azimuth and elevation (equirectangular)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.jit import jit
from skyboxes.view import Picture, View


@dataclass(frozen=True, slots=True)
class Sphere(View):
    """A picture twice as wide as high: azimuth 0 is its middle column, elevation 0 its middle row.

    Fields that are laid out around the viewer close on themselves over the whole turn, so none of their
    blending of a narrower picture's ends is wanted: azimuths are given where it leaves off, from 0 up.
    """

    horizon: float = 0.5

    def azimuths(self) -> NDArray[np.float64]:
        """Azimuth of every column's centre, radians to the right, in [0, 2 pi)."""
        turn = 2.0 * np.pi
        return np.asarray(((np.arange(self.width) + 0.5) / self.width - 0.5) * turn % turn, np.float64)

    def elevations(self) -> NDArray[np.float64]:
        """Elevation of every row's centre, radians."""
        return np.asarray((0.5 - (np.arange(self.height) + 0.5) / self.height) * np.pi, np.float64)

    def slopes(self) -> NDArray[np.float64]:
        """Tangent of the elevation of every row's centre."""
        return np.asarray(np.tan(self.elevations()), np.float64)

    def directions(self) -> NDArray[np.float64]:
        """(H, W, 3) unit vectors of the pixels: to the right, up, ahead."""
        azimuth, elevation = self.azimuths()[None, :], self.elevations()[:, None]
        level = np.cos(elevation)
        up = np.broadcast_to(np.sin(elevation), (self.height, self.width))
        return np.stack([level * np.sin(azimuth), up, level * np.cos(azimuth)], axis=-1)

    def place(self, azimuth: float, elevation: float) -> tuple[float, float]:
        """(x, y) of a direction, as shares of the picture."""
        return azimuth / (2.0 * np.pi) + 0.5, 0.5 - elevation / np.pi


def unit(azimuth: float, elevation: float) -> NDArray[np.float64]:
    """The unit vector of a direction: to the right, up, ahead."""
    level = np.cos(elevation)
    return np.array([level * np.sin(azimuth), np.sin(elevation), level * np.cos(azimuth)])


@jit
def splat(
    picture: Picture,
    xs: NDArray[np.float64],
    ys: NDArray[np.float64],
    light: NDArray[np.float64],
    radii: NDArray[np.float64],
) -> None:
    """Add stars that are round on the sphere, in place: Gaussians of `radii` (sigma, px at the horizon).

    `light` (N, 3) is each star's light, summed over its pixels where it stood at the horizon.
    """
    height, width = picture.shape[0], picture.shape[1]
    for i in range(xs.size):
        level = max(np.cos((0.5 - ys[i] / height) * np.pi), 0.02)
        sigma, wide = radii[i], radii[i] / level
        reach_x, reach_y = int(3.5 * wide) + 1, int(3.5 * sigma) + 1
        column, row = int(np.floor(xs[i])), int(np.floor(ys[i]))
        norm = 1.0 / (2.0 * np.pi * sigma * sigma)
        for y in range(max(0, row - reach_y), min(height, row + reach_y + 1)):
            for dx in range(-reach_x, reach_x + 1):
                x = column + dx
                across, down = (x + 0.5 - xs[i]) / wide, (y + 0.5 - ys[i]) / sigma
                value = norm * np.exp(-0.5 * (across * across + down * down))
                for c in range(3):
                    picture[y, x % width, c] += value * light[i, c]
