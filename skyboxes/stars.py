"""Stars: a random catalogue with a believable spread of brightness and colour, drawn as round points."""

import numpy as np
from numpy.typing import NDArray

from app.jit import jit
from skyboxes.view import Picture


def star_colours(temperatures: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3) colour of black bodies at temperatures in K, by Planck's law at 610, 550 and 465 nm, mean 1."""
    metres = np.array([610e-9, 550e-9, 465e-9])
    exponent = 1.4388e-2 / (metres * temperatures[:, None])
    radiance = metres**-5.0 / np.expm1(exponent)
    daylight = metres**-5.0 / np.expm1(1.4388e-2 / (metres * 7500.0))
    colour = radiance / daylight
    return np.asarray(colour / colour.mean(axis=1, keepdims=True))


def fluxes(rng: np.random.Generator, count: int, slope: float, ceiling: float) -> NDArray[np.float64]:
    """Brightness of `count` stars, faintest 1: a power law in which N(brighter than f) falls as f**-slope.

    For stars spread evenly in space the slope is 1.5; in a thin disc it is nearer 1.
    """
    return np.asarray(np.minimum((1.0 - rng.random(count)) ** (-1.0 / slope), ceiling))


@jit
def splat(
    picture: Picture,
    xs: NDArray[np.float64],
    ys: NDArray[np.float64],
    light: NDArray[np.float64],
    radii: NDArray[np.float64],
) -> None:
    """Add round stars to the picture in place: Gaussians of `radii` (sigma, px), joined over the side edges.

    `light` (N, 3) is each star's light, summed over its pixels.
    """
    height, width = picture.shape[0], picture.shape[1]
    for i in range(xs.size):
        sigma = radii[i]
        reach = int(3.5 * sigma) + 1
        column, row = int(np.floor(xs[i])), int(np.floor(ys[i]))
        norm = 1.0 / (2.0 * np.pi * sigma * sigma)
        for y in range(max(0, row - reach), min(height, row + reach + 1)):
            for dx in range(-reach, reach + 1):
                x = column + dx
                distance2 = (x + 0.5 - xs[i]) ** 2 + (y + 0.5 - ys[i]) ** 2
                value = norm * np.exp(-distance2 / (2.0 * sigma * sigma))
                for c in range(3):
                    picture[y, x % width, c] += value * light[i, c]
