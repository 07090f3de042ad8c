"""Points that are followed, each tied to the direction in which it was first seen."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.frame import F64
from app.jit import jit
from app.tracking.patches import LEVELS, SIDE, Pyramid, find, take

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

HISTORY: Final = 16
"""So many frames back it is known where a point was."""

_CAPACITY: Final = 640
_NEVER: Final = -(10**9)

_ALIKE: Final = 0.8
"""Least correlation of a piece of the picture with what it was at first."""

_TRUSTED_AFTER: Final = 12
"""A point that agreed in so many frames is trusted fully."""

_USUAL: Final = 0.3
"""A residual, in pixels of the small picture, at which a point counts half."""


class Landmarks:
    """The points. All arrays have one entry for each of them, and room for more: `alive` says which are.

    ray: unit vectors in the world, float64 (N, 3). xy: where each was seen last, float64 (N, 2), in pixels of
    the small picture, which is also the unit of `aside` (N, 2), last seen less expected place, and of `off`,
    the usual length of that. `seen`: the frame it was seen in last. `good`: frames in which it agreed, `bad`:
    in how many in a row it did not, `missed`: in how many it was not found, `strays`: how often it had to be
    tied to a new direction. `is_sky`: whether there was only sky around it. `variance`: of its direction,
    radians squared. serial: a number for each point and each time it was tied.
    """

    def __init__(self) -> None:
        n = _CAPACITY
        self.alive = np.zeros(n, np.bool_)
        self.ray = np.zeros((n, 3))
        self.xy = np.zeros((n, 2))
        self.aside = np.zeros((n, 2))
        self.off = np.zeros(n)
        self.seen = np.zeros(n, np.int64)
        self.serial = np.zeros(n, np.int64)
        self._ties = 0
        self.good = np.zeros(n, np.int64)
        self.bad = np.zeros(n, np.int64)
        self.missed = np.zeros(n, np.int64)
        self.strays = np.zeros(n, np.int64)
        self.is_sky = np.zeros(n, np.bool_)
        self.worth = np.zeros(n)
        self.variance = np.zeros(n)
        self.first_xy = np.zeros((n, 2))
        self.first_rotation = np.zeros((n, 3, 3))
        self.pieces = np.zeros((n, LEVELS, 3, SIDE * SIDE), np.float32)
        self.inverses = np.zeros((n, LEVELS, 4), np.float32)
        self.history = np.zeros((n, HISTORY, 2))
        self.history_at = np.full((n, HISTORY), _NEVER, np.int64)

    def clear(self) -> None:
        """Forget all points."""
        self.alive[:] = False

    def weights(self, which: Ints) -> F64:
        """What each of these points counts: by its contrast, by how long and how well it agreed."""
        return _weights(which, self.worth, self.good, self.off, self.strays)

    def search(
        self, levels: Pyramid, which: Ints, at: F64, affine: F64, coarsest: int, finest: int = 0
    ) -> tuple[F64, Bools]:
        """Where these points are, float64 (N, 2), searched from `at`, and whether they were found, (N,)."""
        xy, likeness = at.copy(), np.empty(len(which))
        find(levels, self.pieces, self.inverses, which, affine, coarsest, finest, xy, likeness)
        return xy, likeness >= _ALIKE

    def note(self, which: Ints, xy: F64, places: F64, frame: int) -> None:
        """Points were seen in this frame: small pixels and camera coordinates, float64 (N, 2) each."""
        self.xy[which] = xy
        self.seen[which] = frame
        self.missed[which] = 0
        self.history[which, frame % HISTORY] = places
        self.history_at[which, frame % HISTORY] = frame

    def add(
        self,
        levels: Pyramid,
        xy: F64,
        rays: F64,
        places: F64,
        is_sky: Bools,
        worth: F64,
        rotation: F64,
        variance: float,
        frame: int,
    ) -> None:
        """New points; as many as there is room for."""
        room = np.flatnonzero(~self.alive)[: len(xy)]
        kept = slice(0, len(room))
        self.alive[room] = True
        self.good[room] = self.strays[room] = 0
        self.history_at[room] = _NEVER
        self.is_sky[room], self.worth[room] = is_sky[kept], worth[kept]
        self.tie(levels, room, xy[kept], rays[kept], rotation, variance)
        self.note(room, xy[kept], places[kept], frame)

    def tie(self, levels: Pyramid, which: Ints, xy: F64, rays: F64, rotation: F64, variance: float) -> None:
        """Let points be what is at these places of the picture now, float64 (N, 2), in these directions."""
        take(levels, which, xy, self.pieces, self.inverses)
        self.first_xy[which], self.first_rotation[which] = xy, rotation
        self.ray[which] = rays
        self.variance[which] = variance
        self.aside[which] = 0.0
        self.off[which] = 0.0
        self.bad[which] = 0
        self.xy[which] = xy
        self.serial[which] = self._ties + 1 + np.arange(len(which))
        self._ties += len(which)


@jit
def _weights(which: Ints, worth: F64, good: Ints, off: F64, strays: Ints) -> F64:
    out = np.empty(len(which))
    for n in range(len(which)):
        i = which[n]
        trust = 0.15 + 0.85 * min(good[i], _TRUSTED_AFTER) / _TRUSTED_AFTER
        out[n] = worth[i] * trust / ((1 + (off[i] / _USUAL) ** 2) * (1 + strays[i]))
    return out
