"""Where down is, learnt slowly from how the camera is held."""

import math
from typing import Final

import numpy as np

from app.frame import F64
from app.rotation import rotation_from_vector

_MEMORY_S: Final = 30.0
"""What was seen fades with this time constant: the levelling is at least as slow."""

_AHEAD: Final = 0.05
"""Weight of "the camera looks ahead" beside "the camera is held level": people do look up for a while."""

_RATE: Final = math.radians(0.5)
"""The levelling changes by no more than this a second: a third of a pixel a frame, which nobody sees."""

_LEVEL: Final = math.sin(math.radians(15))
"""A camera that leans by so much says half as much of the vertical: aircraft bank, and for long."""


class Vertical:
    """The world's vertical, from the camera's axes over time.

    Whoever holds a camera holds it level most of the time: its x axis keeps to the horizontal plane, however
    it pans (Brown and Lowe, "Automatic Panoramic Image Stitching", 2007, section 5), and on the whole it
    looks ahead. The vertical is the direction that is least along these axes; at first it is the first
    frame's y axis.
    """

    def __init__(self) -> None:
        self._axes = _MEMORY_S * _axes(np.eye(3))
        self._estimate = np.array([0.0, 1.0, 0.0])
        self._taken = self._estimate

    def see(self, rotation: F64, passed_s: float) -> None:
        """Take in one frame, whose rotation takes camera coordinates to the first frame's."""
        lean = float(rotation[:, 0] @ self._estimate)
        keep = math.exp(-passed_s / (_MEMORY_S * (1 + (lean / _LEVEL) ** 2)))
        self._axes = keep * self._axes + _MEMORY_S * (1 - keep) * _axes(rotation)
        least = np.asarray(np.linalg.eigh(self._axes)[1][:, 0], np.float64)
        self._estimate = least if least[1] >= 0 else -least
        missing = self._estimate - self._taken
        share = min(_RATE * passed_s / max(math.hypot(*missing.tolist()), 1e-12), 1.0)
        taken = self._taken + share * missing
        self._taken = np.asarray(taken / math.hypot(*taken.tolist()), np.float64)

    @property
    def levelling(self) -> F64:
        """The smallest rotation, float64 (3, 3), that takes the vertical to y."""
        x, y, z = self._taken.tolist()
        sine = math.hypot(x, z)
        if sine < 1e-12:
            return np.eye(3)
        # The cross product of the vertical and y, as long as the angle between them.
        return rotation_from_vector(math.atan2(sine, y) / sine * np.array([-z, 0.0, x]))


def _axes(rotation: F64) -> F64:
    right, ahead = rotation[:, 0], rotation[:, 2]
    return np.asarray(np.outer(right, right) + _AHEAD * np.outer(ahead, ahead), np.float64)
