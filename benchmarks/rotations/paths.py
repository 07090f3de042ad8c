"""How the camera of a rendered clip turns over time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from app.frame import F64

_SHAKE_HZ = (0.4, 0.9, 1.7, 3.1, 4.6, 6.3, 8.7)
"""A hand's slow sway, its tremor and steps; the amplitude falls with the frequency."""


@dataclass(frozen=True, slots=True)
class Swing:
    """A sine of so many degrees and seconds, 0 at the start."""

    degrees: float = 0.0
    period_s: float = 1.0

    def at(self, seconds: F64) -> F64:
        """Radians at some times."""
        return np.asarray(
            math.radians(self.degrees) * np.sin(2 * math.pi * seconds / self.period_s), np.float64
        )


@dataclass(frozen=True, slots=True)
class Path:
    """A start (degrees), a steady pan (degrees per second), swings and a hand's shake.

    `shake_deg` is the shake's deviation in yaw and in pitch, in degrees; the roll has half of it.
    """

    heading_deg: float
    elevation_deg: float
    pan_deg_s: float = 0.0
    yaw: Swing = Swing()
    pitch: Swing = Swing()
    roll: Swing = Swing()
    shake_deg: float = 0.0
    seed: int = 0

    def rotations(self, seconds: F64) -> F64:
        """From the camera's coordinates to the world's, float64 (N, 3, 3), at times (N,)."""
        shake = math.radians(self.shake_deg) * _shake(seconds, np.random.default_rng(self.seed))
        yaw = math.radians(self.heading_deg) + math.radians(self.pan_deg_s) * seconds
        return turned(
            yaw + self.yaw.at(seconds) + shake[0],
            math.radians(self.elevation_deg) + self.pitch.at(seconds) + shake[1],
            self.roll.at(seconds) + 0.5 * shake[2],
        )


def turned(yaw: F64, pitch: F64, roll: F64) -> F64:
    """Rotations, float64 (N, 3, 3): yaw to the right, then pitch upwards, then roll clockwise; radians (N,).

    The world's axes are the camera's at zero: x to the right, y down, z ahead.
    """
    one, nil = np.ones_like(yaw), np.zeros_like(yaw)
    cosine, sine = np.cos(yaw), np.sin(yaw)
    by_yaw = _matrices((cosine, nil, sine), (nil, one, nil), (-sine, nil, cosine))
    cosine, sine = np.cos(pitch), np.sin(pitch)
    by_pitch = _matrices((one, nil, nil), (nil, cosine, -sine), (nil, sine, cosine))
    cosine, sine = np.cos(roll), np.sin(roll)
    by_roll = _matrices((cosine, -sine, nil), (sine, cosine, nil), (nil, nil, one))
    return np.asarray(by_yaw @ by_pitch @ by_roll, np.float64)


def _matrices(*rows: tuple[F64, F64, F64]) -> F64:
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _shake(seconds: F64, rng: np.random.Generator) -> F64:
    """Yaw, pitch and roll (3, N) of about unit deviation."""
    frequency = np.array(_SHAKE_HZ)
    amplitude = 1 / np.sqrt(frequency)
    amplitude *= math.sqrt(2 / float(amplitude @ amplitude))
    phase = rng.uniform(0, 2 * math.pi, (3, len(frequency), 1))
    waves = np.sin(2 * math.pi * frequency[:, None] * seconds + phase)
    return np.asarray((amplitude[:, None] * waves).sum(axis=1), np.float64)
