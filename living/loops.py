"""Loops without a seam: two copies of a picture, one a whole period behind the other, that take turns.

At the time t of a period T the first copy has drifted for t, the second for t - T. At 0 the first is shown
alone, and it is the picture itself; at T the second is, which then is the same. In between each region
changes over at a moment of its own, so that the sky as a whole neither fades nor pulses.
"""

import math

import numpy as np

from app.frame import F32
from living.noise import NoiseBank

CHANGE = 0.5
"""Share of the period that the change-over of one place takes."""
_PATCHES = 8
_SPAN = 3.0
"""The moments of the change-over vary in about this many patches along the picture; the noise has more."""
_LEAST_ENERGY = 0.5
"""Mean square, in squared levels, below which contrast is nobody's concern."""


def phase_of(seconds: float, period: float) -> float:
    """The time within the period, in [0, period)."""
    phase = math.fmod(seconds, period)
    phase = phase + period if phase < 0 else phase
    return 0.0 if phase >= period else phase


def hour_at(seconds: float, period: float, day: tuple[float, float]) -> float:
    """The hour of a day that is lived through in one period, in [0, 24): it has to close as well.

    From the first hour on to the second in the period's first half, slowly at both ends, and back in its
    second; an hour before the first means the next day's. Where both are the same hour of the clock it goes
    around once, evenly.
    """
    begin, span = day[0], (day[1] - day[0]) % 24.0
    share = phase_of(seconds, period) / period
    if span == 0.0:
        return (begin + (24.0 * share if day[0] != day[1] else 0.0)) % 24.0
    return (begin + span * 0.5 * (1.0 - math.cos(2.0 * math.pi * share))) % 24.0


def moments(shape: tuple[int, int], seed: int = 0) -> F32:
    """When each place changes over, as a share of the period: float32 of that shape, (rows, columns).

    Smooth noise whose values are spread evenly over the time that there is.
    """
    rows, columns = shape
    noise = NoiseBank(_PATCHES, 1, seed=seed).state(np.eye(3))[0]
    y = np.linspace(0.0, 1.0, rows) * _SPAN * rows / max(rows, columns)
    x = np.linspace(0.0, 1.0, columns) * _SPAN * columns / max(rows, columns)
    smooth = _weights(y) @ noise @ _weights(x).T
    order = np.argsort(np.argsort(smooth.ravel())) / max(1, smooth.size - 1)
    return np.asarray(0.5 * CHANGE + (1.0 - CHANGE) * order.reshape(shape), np.float32)


def _weights(at: np.ndarray) -> F32:
    """Of the noise's samples at places on their torus: cubic B-splines."""
    distance = np.abs((at[:, None] - np.arange(_PATCHES) + 0.5 * _PATCHES) % _PATCHES - 0.5 * _PATCHES)
    near = 2 / 3 - distance**2 + 0.5 * distance**3
    return np.asarray(np.where(distance < 1, near, np.maximum(2.0 - distance, 0.0) ** 3 / 6), np.float32)


def second_share(share: float, moment: F32) -> F32:
    """How much of the second copy is shown, in [0, 1], at a share of the period; moment: as of `moments`."""
    passed = ((share - moment) / CHANGE + 0.5).clip(0.0, 1.0)
    return np.asarray(passed * passed * (3.0 - 2.0 * passed), np.float32)


def contrast_gain(second: F32, first_energy: F32, second_energy: F32, common: F32) -> F32:
    """By what the mixture of two copies is to be scaled, so that it has the contrast of what it is made of.

    second: share of the second copy. Energies: local mean squares of both copies' detail, around their local
    means; common: local mean of their product. Two unlike textures in equal shares would keep 0.71 of theirs.
    """
    first = 1.0 - second
    wanted = first * first_energy + second * second_energy + _LEAST_ENERGY
    left = first * first * first_energy + second * second * second_energy + 2.0 * first * second * common
    # Opposite textures may not be torn up without limit.
    return np.asarray(np.sqrt(wanted / np.maximum(left + _LEAST_ENERGY, 0.4 * wanted)), np.float32)
