"""The moon's disc: its seas, its phase, and the light it sends."""

import numpy as np

from app.frame import F64
from living.jit import fast_jit

RADIUS = np.radians(0.55)
"""Twice the real one's: a camera's frame shows a sky smaller than the eye remembers it."""
FULL_LIGHT = 2.3e-6
"""Irradiance of the full moon, the sun's being 1: 0.27 lux to 128 000 (Krisciunas and Schaefer 1991)."""

_SEAS = np.array([
    [-0.42, 0.42, 0.34], [-0.10, 0.52, 0.22], [0.22, 0.38, 0.21], [0.42, 0.18, 0.22], [0.60, -0.06, 0.16],
    [0.62, 0.36, 0.12], [-0.58, 0.06, 0.30], [-0.30, -0.22, 0.22], [-0.52, -0.40, 0.15], [0.04, 0.10, 0.12],
    [0.36, -0.16, 0.13], [-0.70, -0.16, 0.20],
])  # fmt: skip
"""Places to the right and up in radii of the disc, and sizes, of the dark plains."""


def light(sun: F64, moon: F64) -> float:
    """Irradiance of the moon by the directions of sun and moon: it falls fast from full to half.

    Krisciunas and Schaefer, "A Model of the Brightness of Moonlight" (1991), eq. 9.
    """
    angle = 180.0 - float(np.degrees(np.arccos(np.clip(sun @ moon, -1.0, 1.0))))
    return float(FULL_LIGHT * 10.0 ** (-0.4 * (0.026 * angle + 4e-9 * angle**4)))


@fast_jit
def disc(right: float, up: float, sun_right: float, sun_up: float, sun_near: float) -> float:
    """Brightness, 0 to about 1, at a place of the disc in radii; the sun's direction as seen from the moon.

    sun_near: towards the viewer. The dust sends light back where it came from, so that the full disc is as
    bright at its edge as in its middle.
    """
    near = np.sqrt(max(0.0, 1.0 - right * right - up * up))
    facing = right * sun_right + up * sun_up + near * sun_near
    lit = min(1.0, max(0.0, facing * 6.0)) * (0.55 + 0.45 * max(0.0, facing) ** 0.5)
    dark = 0.0
    for n in range(_SEAS.shape[0]):
        away = np.hypot(right - _SEAS[n, 0], up - _SEAS[n, 1]) / _SEAS[n, 2]
        dark = max(dark, min(1.0, max(0.0, (1.25 - away) / 0.5)))
    return float(lit * (1.0 - 0.42 * dark) + 0.012)
