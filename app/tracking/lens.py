"""How wide the camera's view is, from what a turn of the camera does to the picture."""

import math
from typing import Final

import numpy as np

from app.camera import Camera
from app.frame import F64
from app.rotation import rotation_from_vector
from app.tracking.landmarks import Ints
from app.tracking.turning import refine_turn

WIDEST_DEG: Final = 130.0
NARROWEST_DEG: Final = 15.0

_CANDIDATES: Final = 41
_TURN: Final = 0.15
_LEFT: Final = 30
"""Two pictures are compared when a point in the middle has moved this share of the width, and so many of the
points are in both."""

_DEVIATION: Final = 0.7
_TOLERANCE: Final = 4.0
"""Standard deviation of where a point is seen, with what lenses do to it, and where it is left out, in
pixels of the small picture."""

_SURE: Final = 6.0
"""The view is known when one 12 % wider or narrower is so much worse, in squares of deviations."""


class Lens:
    """Compares pictures that are a good turn apart under a row of focal lengths.

    A picture that turns is sheared and stretched towards its rim by as much as the lens is wide. The sums of
    squares of all comparisons are added up for each candidate; the least of them is the estimate.
    """

    def __init__(self) -> None:
        wide, narrow = math.radians(WIDEST_DEG), math.radians(NARROWEST_DEG)
        tangents = np.geomspace(math.tan(wide / 2), math.tan(narrow / 2), _CANDIDATES)
        self._focals = 0.5 / tangents
        self._costs = np.zeros(_CANDIDATES)
        self._serials = np.empty(0, np.int64)
        self._xy = np.empty((0, 2))

    def see(self, serials: Ints, xy: F64, camera: Camera) -> None:
        """Take in one picture: the numbers of points at rest and far away, and where they are, in pixels."""
        width = camera.size_wh[0]
        _, now, before = np.intersect1d(serials, self._serials, assume_unique=True, return_indices=True)
        if len(now) < _LEFT:
            self._serials, self._xy = serials.copy(), xy.copy()
            return
        moved = xy[now] - self._xy[before]
        if np.hypot(*np.median(moved, axis=0)) < _TURN * width:
            return
        self._compare(self._xy[before], xy[now], camera)
        self._serials, self._xy = serials.copy(), xy.copy()

    @property
    def focal(self) -> float | None:
        """The focal length in widths of the picture; None while it is not known."""
        best = int(np.argmin(self._costs))
        if not 0 < best < _CANDIDATES - 1:
            return None
        step = math.log(self._focals[1] / self._focals[0])
        beside = round(math.log(1.12) / step)
        left, right = max(best - beside, 0), min(best + beside, _CANDIDATES - 1)
        if min(self._costs[left], self._costs[right]) < self._costs[best] + _SURE:
            return None
        a, b, c = self._costs[best - 1 : best + 2]
        aside = 0.5 * (a - c) / (a - 2 * b + c)
        return float(self._focals[best] * math.exp(step * aside))

    def _compare(self, before: F64, now: F64, camera: Camera) -> None:
        width, height = camera.size_wh
        centre = (np.array([width, height]) - 1) / 2
        shift = np.median(now - before, axis=0)
        for n, focal in enumerate(self._focals * width):
            rays = np.column_stack([(before - centre) / focal, np.ones(len(before))])
            rays /= np.linalg.norm(rays, axis=1, keepdims=True)
            guess = rotation_from_vector(np.array([shift[1] / focal, -shift[0] / focal, 0.0]))
            places = (now - centre) / focal
            turn = refine_turn(rays, places, np.ones(len(rays)), guess, 2 * _TOLERANCE / focal)
            off = np.minimum(turn.residual * focal, _TOLERANCE) / _DEVIATION
            self._costs[n] += float(off @ off) / 4  # residuals of neighbours are alike
        self._costs -= self._costs.min()
