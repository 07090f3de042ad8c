"""Shift and roll between two sets of points: a robust fit with three parameters.

A sky at infinity neither comes nearer nor shears when the camera turns, so no scale is estimated: in the
plane, a turn is a shift (pan, tilt) and a rotation (roll). This is the planar special case of H = K R K^-1
and the model of SkyAR (arXiv 2010.11800, section 3.2) without its scale.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.frame import F64
from app.jit import jit

_HYPOTHESES = 160
_REFINEMENTS = 6

_USUAL_ROLL = 0.01
"""Roll between two frames, in radians, against which a roll that few close points suggest is weighed."""


class Rigid(NamedTuple):
    """p -> R(roll) p + (x, y); roll in radians, positive from the x axis towards the y axis."""

    roll: float
    x: float
    y: float

    @property
    def matrix(self) -> F64:
        """The same as a homography, float64 (3, 3)."""
        cosine, sine = math.cos(self.roll), math.sin(self.roll)
        return np.array([[cosine, -sine, self.x], [sine, cosine, self.y], [0.0, 0.0, 1.0]])

    def then(self, other: "Rigid") -> "Rigid":
        """This motion followed by another."""
        cosine, sine = math.cos(other.roll), math.sin(other.roll)
        return Rigid(
            self.roll + other.roll,
            cosine * self.x - sine * self.y + other.x,
            sine * self.x + cosine * self.y + other.y,
        )

    def inverse(self) -> "Rigid":
        """The motion that takes this one back."""
        cosine, sine = math.cos(self.roll), math.sin(self.roll)
        return Rigid(-self.roll, -cosine * self.x - sine * self.y, sine * self.x - cosine * self.y)

    def scaled(self, factor: float) -> "Rigid":
        """The share `factor` of a small motion."""
        return Rigid(factor * self.roll, factor * self.x, factor * self.y)


STILL = Rigid(0.0, 0.0, 0.0)


def fit_rigid(
    source: F64, target: F64, weights: F64, tolerance: float, noise: float, narrowest: float = 1.0
) -> tuple[Rigid, NDArray[np.bool_]]:
    """The motion on which most of the points' weight agrees, and which points those are (N,).

    source and target are float64 (N, 2), N >= 2, in pixels; weights float64 (N,), positive. A point agrees
    when it ends up within `tolerance` pixels of its target. Pairs of points propose motions, drawn in the
    same order every time (RANSAC, scored as MSAC: Torr and Zisserman 2000); the best is refined by
    least squares with Tukey's biweight. Where the points lie too close together to tell a usual roll from
    `noise`, in pixels, the roll is damped towards 0. With `narrowest` below 1 the refinement
    narrows the tolerance, down to that share of it, to where the points lie densest.
    """
    roll, x, y, agree = _fit(source, target, weights, tolerance, noise, narrowest)
    return Rigid(roll, x, y), agree


@jit
def _least_squares(
    source: F64, target: F64, weights: F64, least_inertia: float
) -> tuple[float, float, float]:
    """Orthogonal Procrustes in the plane (Umeyama 1991, scale 1); the roll damped below an inertia."""
    total = sx = sy = tx = ty = 0.0
    for i in range(len(weights)):
        w = weights[i]
        total += w
        sx += w * source[i, 0]
        sy += w * source[i, 1]
        tx += w * target[i, 0]
        ty += w * target[i, 1]
    sx, sy, tx, ty = sx / total, sy / total, tx / total, ty / total
    along = across = 0.0
    for i in range(len(weights)):
        ax, ay = source[i, 0] - sx, source[i, 1] - sy
        bx, by = target[i, 0] - tx, target[i, 1] - ty
        along += weights[i] * (ax * bx + ay * by)
        across += weights[i] * (ax * by - ay * bx)
    trust = along**4 / (along**4 + least_inertia**4 + 1e-12)
    roll = trust * math.atan2(across, along)
    cosine, sine = math.cos(roll), math.sin(roll)
    return roll, tx - (cosine * sx - sine * sy), ty - (sine * sx + cosine * sy)


@jit
def _agreement(
    source: F64, target: F64, motion: tuple[float, float, float], tolerance: float, out: F64
) -> None:
    """1 at no residual, falling with its square to 0 at the tolerance and beyond."""
    roll, x, y = motion
    cosine, sine = math.cos(roll), math.sin(roll)
    for i in range(len(out)):
        dx = cosine * source[i, 0] - sine * source[i, 1] + x - target[i, 0]
        dy = sine * source[i, 0] + cosine * source[i, 1] + y - target[i, 1]
        out[i] = max(0.0, 1.0 - (dx * dx + dy * dy) / (tolerance * tolerance))


@jit
def _fit(
    source: F64, target: F64, weights: F64, tolerance: float, noise: float, narrowest: float
) -> tuple[float, float, float, NDArray[np.bool_]]:
    count = len(weights)
    agreement = np.empty(count)
    pair_source, pair_target = np.empty((2, 2)), np.empty((2, 2))
    both = np.ones(2)
    best, best_score = (0.0, 0.0, 0.0), -1.0
    least_inertia = (noise / _USUAL_ROLL) ** 2
    state = np.uint64(1)
    for _ in range(_HYPOTHESES):
        for k in range(2):
            # Knuth's MMIX linear congruential generator; its upper bits.
            state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
            i = np.int64(state >> np.uint64(33)) % count
            pair_source[k] = source[i]
            pair_target[k] = target[i]
        motion = _least_squares(pair_source, pair_target, both, 0.0)
        _agreement(source, target, motion, tolerance, agreement)
        score = (weights * agreement).sum()
        if score > best_score:
            best, best_score = motion, score
    narrow = tolerance
    for _ in range(_REFINEMENTS):
        _agreement(source, target, best, narrow, agreement)
        if agreement.sum() <= 0.0:
            break
        # Residuals of the half that agree best, in tolerances: agreement is 1 - residual^2.
        usual = narrow * math.sqrt(1.0 - np.median(agreement[agreement > 0.0]))
        narrow = min(narrow, max(3.0 * usual, narrowest * tolerance))
        _agreement(source, target, best, narrow, agreement)
        best = _least_squares(source, target, weights * agreement**2, least_inertia)
    _agreement(source, target, best, tolerance, agreement)
    return best[0], best[1], best[2], agreement > 0.0
