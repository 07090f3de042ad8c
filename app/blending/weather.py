"""Rain, snow and fog: where they are at a given time, in units that no resolution enters.

Every drop and flake is a function of the time alone. It falls in cycles, each at a place drawn from a hash
of its number and the cycle's, so nothing is remembered between frames and nothing repeats visibly.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.frame import F32, F64


@dataclass(frozen=True, slots=True)
class _Layer:
    """Drops or flakes at one distance. Lengths in picture heights, speeds in picture heights per second."""

    count: int  # at density 1, for a picture twice as wide as high
    speed: float
    length: float
    radius: float
    opacity: float
    sway: float = 0.0


# From far to near: nearer ones are fewer, faster, larger and, out of focus, more transparent for their size.
_RAIN = (
    _Layer(1500, 1.6, 0.035, 0.0007, 0.50),
    _Layer(600, 2.4, 0.070, 0.0011, 0.42),
    _Layer(150, 3.8, 0.150, 0.0019, 0.30),
)
_SNOW = (
    _Layer(2600, 0.10, 0.000, 0.0022, 0.80, sway=0.006),
    _Layer(900, 0.17, 0.002, 0.0042, 0.85, sway=0.012),
    _Layer(240, 0.30, 0.006, 0.0080, 0.75, sway=0.020),
    _Layer(40, 0.55, 0.016, 0.0200, 0.40, sway=0.030),
)


def rain(seconds: float, density: float, wind: float, aspect: float) -> F32:
    """Streaks of rain at a time, float32 (n, 7) as `kernels.draw_streaks` takes them.

    density in [0, 1]; wind is the streaks' slant, 1 = 45 degrees to the right; aspect is width / height.
    """
    layers = enumerate(_RAIN)
    return np.concatenate([_fall(layer, n, seconds, density, wind, aspect, 1.0) for n, layer in layers])


def snow(seconds: float, density: float, wind: float, aspect: float) -> F32:
    """Flakes of snow at a time, as `rain` gives drops; the wind carries them, and they sway."""
    layers = enumerate(_SNOW, len(_RAIN))
    return np.concatenate([_fall(layer, n, seconds, density, wind, aspect, 0.0) for n, layer in layers])


def _fall(
    layer: _Layer, seed: int, seconds: float, density: float, wind: float, aspect: float, taper: float
) -> F32:
    number = np.arange(round(layer.count * density * aspect / 2), dtype=np.uint64)
    speed = layer.speed * (0.8 + 0.4 * _random(number, seed, 0))
    margin = layer.length + 2 * layer.radius
    fall = 1 + 2 * margin
    cycles = seconds * speed / fall + _random(number, seed, 1)
    cycle = np.floor(cycles)
    y = (cycles - cycle) * fall - margin
    # Blown in from beyond the sides: over the fall the wind moves a drop by wind picture heights.
    drift = wind * fall
    x = _random(number, seed, 2, cycle) * (aspect + abs(drift) + 2 * margin) - margin - max(drift, 0.0)
    x += wind * (y + margin)
    x += layer.sway * np.sin(seconds * (0.8 + _random(number, seed, 3)) + 6.3 * _random(number, seed, 4))
    size = 0.75 + 0.5 * _random(number, seed, 5)
    length = layer.length * size
    return np.stack(
        [
            x - wind * length,
            y - length,
            x,
            y,
            layer.radius * size,
            layer.opacity * (0.5 + 0.5 * _random(number, seed, 6)),
            np.full(len(number), taper),
        ],
        axis=1,
    ).astype(np.float32)


def _random(number: NDArray[np.uint64], seed: int, use: int, cycle: F64 | None = None) -> F64:
    """Numbers in [0, 1) that depend on the arguments alone; finaliser of SplitMix64 (Steele et al. 2014)."""
    salt = np.uint64((64 * seed + use + 1) * 0x632BE59BD9B4E019 % 2**64)
    bits = number * np.uint64(0x9E3779B97F4A7C15) + salt
    if cycle is not None:
        bits += cycle.astype(np.int64).astype(np.uint64) * np.uint64(0xD1B54A32D192ED03)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def haze(elevation: F64, fog: float, rain: float, snow: float) -> F32:
    """Share of the picture that haze covers, in [0, 1], at heights above the horizon in picture heights.

    Exponential in the distance looked through, 1 - exp(-extinction x distance): below the horizon the ground
    comes nearer as about 1 / depression, above it the layer of haze gets thinner; both begin gently, or the
    horizon would show as a line. Rain and snow count as thin fog.
    """
    ground = 0.09 / np.hypot(0.09, np.minimum(elevation, 0.0))
    air = np.exp((0.06 - np.hypot(0.06, np.maximum(elevation, 0.0))) / 0.2)
    extinction = 3.0 * fog**1.5 + 0.35 * rain + 0.45 * snow
    return np.asarray(1 - np.exp(-extinction * np.where(elevation < 0, ground, air)), np.float32)


def gamma(rain: float) -> float:
    """Exponent on the luma of a picture in which it rains: the middle tones get darker."""
    return 1 + 0.2 * rain
