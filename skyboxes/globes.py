"""Globes in the sky: the surface that a pixel looks at, craters, and how a disc's edge is filled."""

import numpy as np
from numpy.typing import NDArray

from app.jit import jit
from skyboxes.noise import Volume, sample


@jit
def smooth(low: float, high: float, x: float) -> float:
    """0 at `low`, 1 at `high`, and a smooth step between them; `high` may be the smaller."""
    t = min(1.0, max(0.0, (x - low) / (high - low)))
    return t * t * (3.0 - 2.0 * t)


@jit
def fractal(noise: Volume, x: float, y: float, z: float, octaves: int, gain: float) -> float:
    """Fractal sum of a periodic noise volume around its mean, about [-0.5, 0.5]; the cube's edge is the unit.

    Each octave is turned, which hides the directions of the lattice.
    """
    total, weight, norm = 0.0, 1.0, 0.0
    for octave in range(octaves):
        total += weight * (sample(noise, x, y, z) - 0.47)
        norm += weight
        weight *= gain
        x, y, z = (
            2.03 * (0.64 * x - 0.48 * y + 0.60 * z) + 0.31,
            2.03 * (0.60 * x + 0.80 * y) + 0.17 * octave,
            2.03 * (-0.48 * x + 0.36 * y + 0.80 * z) + 0.53,
        )
    return total / norm


def craters(rng: np.random.Generator, count: int, smallest: float, largest: float) -> NDArray[np.float64]:
    """(count, 5): unit vector to each crater's middle, its angular radius, and its freshness from 0 to 1.

    Numbers fall with the square of the size, as they do on old ground.
    """
    points = rng.normal(size=(count, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    share = rng.random(count)
    radii = smallest / np.sqrt(1.0 - share * (1.0 - (smallest / largest) ** 2))
    return np.column_stack([points, radii, rng.random(count)])


@jit
def crater_height(distance: float) -> float:
    """Height of a crater over the plain around it at a distance in its radii: bowl, rim and apron."""
    if distance > 2.2:
        return 0.0
    if distance < 1.0:
        return float(1.15 * distance**2.6 - 0.80)
    return float(0.35 * np.exp(-3.2 * (distance - 1.0)) - 0.35 * np.exp(-3.84))
