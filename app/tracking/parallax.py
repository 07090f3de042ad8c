"""Rotation of a camera that also moves: near points shift by parallax, along lines that the way ahead gives.

Between an earlier frame and this one a point at rest obeys a . (way x Q b) = 0, where a and b are where it
was and is seen (camera coordinates with z = 1), Q takes this frame's camera coordinates into the earlier
one's, and `way` is the unit vector of the camera's way in the earlier one's, however far the point is;
points at infinity also obey a ~ Q b. Which of the two models the points ask for is decided by Torr's
geometric robust information criterion (GRIC, 1998).
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.frame import F64
from app.jit import jit
from app.tracking.turning import add_turning, inverted, product, residuals, turned_by

Bools = NDArray[np.bool_]

_STEPS: Final = 4
_LAST_STEPS: Final = 6
"""Steps from each way that is tried, and from the best of them."""

WAYS: Final = np.array(
    [
        [0, 0, 1],
        [1, 0, 0],
        [0.7, 0, 0.7],
        [-0.7, 0, 0.7],
        [0, 0.5, 0.9],
        [0, -0.5, 0.9],
        [0.35, 0, 0.94],
        [-0.35, 0, 0.94],
    ],
    np.float64,
)
"""Ways that are worth a try when nothing is known; their signs do not matter."""


class Moving(NamedTuple):
    """A camera that turns and moves: its rotation as in `Turn`, its way, the near points' residuals (M,),
    and the covariance of the rotation vector, float64 (3, 3)."""

    rotation: F64
    way: F64
    residual: F64
    covariance: F64


def fit_moving(
    before: F64,
    now: F64,
    weights: F64,
    earlier: F64,
    rays: F64,
    seen: F64,
    ray_weights: F64,
    guess: F64,
    ways: F64,
    tolerance: float,
    deviation: float,
    usual: float,
) -> Moving:
    """Rotation and way of the camera.

    before, now, weights: float64 (M, 2), (M, 2), (M,): points at rest, seen in an earlier frame, which had
    the rotation `earlier`, and in this one. rays, seen, ray_weights as for `fit_turn`: points at infinity.
    guess: the rotation to begin with, right to `usual`, a standard deviation. ways: float64 (K, 3), unit
    vectors to begin with; their signs do not matter. A point agrees within `tolerance`; `deviation` is the
    standard deviation of where a point is seen.
    """
    rotation, found, residual, inverse = _fit(
        before, now, weights, earlier, rays, seen, ray_weights, guess, ways, tolerance, deviation, usual
    )
    return Moving(rotation, found, residual, inverse * deviation**2)


def prefers_moving(turning: F64, moving: F64, deviation: float) -> float:
    """How much better the moving camera explains the points; above 0 it does.

    turning, moving: residuals of the same points, float64 (N,), under a rotation alone (2 dimensions) and to
    their epipolar lines (3 dimensions). In units of GRIC, per point.
    """
    count = len(turning)
    if count == 0:
        return -math.inf
    each, all_points = math.log(4), math.log(4 * count)
    of_turn = np.minimum((turning / deviation) ** 2, 4).sum() + each * 2 * count + all_points * 3
    of_move = np.minimum((moving / deviation) ** 2, 2).sum() + each * 3 * count + all_points * 5
    return float(of_turn - of_move) / count


@jit
def _epipolar(before: F64, now: F64, earlier: F64, rotation: F64, way: F64, out: F64, slopes: F64) -> None:
    """Signed Sampson distances into out (M,); their slopes by rotation vector and way into slopes (M, 6)."""
    turn = np.empty((3, 3))
    for i in range(3):
        for j in range(3):
            turn[i, j] = (
                earlier[0, i] * rotation[0, j]
                + earlier[1, i] * rotation[1, j]
                + earlier[2, i] * rotation[2, j]
            )
    essential = np.empty((3, 3))
    for j in range(3):
        essential[0, j] = way[1] * turn[2, j] - way[2] * turn[1, j]
        essential[1, j] = way[2] * turn[0, j] - way[0] * turn[2, j]
        essential[2, j] = way[0] * turn[1, j] - way[1] * turn[0, j]
    for n in range(len(out)):
        ax, ay, bx, by = before[n, 0], before[n, 1], now[n, 0], now[n, 1]
        l0 = essential[0, 0] * bx + essential[0, 1] * by + essential[0, 2]
        l1 = essential[1, 0] * bx + essential[1, 1] * by + essential[1, 2]
        m0 = essential[0, 0] * ax + essential[1, 0] * ay + essential[2, 0]
        m1 = essential[0, 1] * ax + essential[1, 1] * ay + essential[2, 1]
        m2 = essential[0, 2] * ax + essential[1, 2] * ay + essential[2, 2]
        norm = math.sqrt(l0 * l0 + l1 * l1 + m0 * m0 + m1 * m1) + 1e-9
        out[n] = (m0 * bx + m1 * by + m2) / norm
        # e = a . (way x Q exp(d) b): by d it changes as b x (E^T a), by way as (Q b) x a.
        slopes[n, 0] = (by * m2 - m1) / norm
        slopes[n, 1] = (m0 - bx * m2) / norm
        slopes[n, 2] = (bx * m1 - by * m0) / norm
        q0 = turn[0, 0] * bx + turn[0, 1] * by + turn[0, 2]
        q1 = turn[1, 0] * bx + turn[1, 1] * by + turn[1, 2]
        q2 = turn[2, 0] * bx + turn[2, 1] * by + turn[2, 2]
        slopes[n, 3] = (q1 - q2 * ay) / norm
        slopes[n, 4] = (q2 * ax - q0) / norm
        slopes[n, 5] = (q0 * ay - q1 * ax) / norm


@jit
def _improve(
    before: F64,
    now: F64,
    weights: F64,
    earlier: F64,
    rays: F64,
    seen: F64,
    ray_weights: F64,
    rotation: F64,
    way: F64,
    tolerance: float,
    deviation: float,
    usual: float,
    steps: int,
    inverse: F64,
) -> tuple[F64, F64, float]:
    """(rotation, way, score) after so many steps; into inverse (3, 3) that of the normal equations."""
    near, far = len(weights), len(ray_weights)
    error, slopes, residual = np.empty(near), np.empty((near, 6)), np.empty(far)
    width = min(tolerance, 4.685 * deviation)
    across = np.empty((2, 3))
    turned = np.zeros(3)
    prior = (deviation / usual) ** 2
    for step in range(steps + 1):
        _epipolar(before, now, earlier, rotation, way, error, slopes)
        residuals(rays, seen, rotation, residual)
        if step == steps:
            break
        k = 0 if abs(way[0]) < 0.6 else 1
        across[0] = 0.0
        across[0, k] = 1.0
        along = way[k]
        for i in range(3):
            across[0, i] -= along * way[i]
        across[0] /= math.sqrt((across[0] * across[0]).sum())
        across[1, 0] = way[1] * across[0, 2] - way[2] * across[0, 1]
        across[1, 1] = way[2] * across[0, 0] - way[0] * across[0, 2]
        across[1, 2] = way[0] * across[0, 1] - way[1] * across[0, 0]
        normal, right, slope, total = np.zeros((5, 5)), np.zeros(5), np.empty(5), 0.0
        # Wide at first, so that a rough beginning is drawn in.
        reach = max(width, tolerance * (1 - step / 4))
        for n in range(near):
            if abs(error[n]) >= reach:
                continue
            share = error[n] / reach
            weight = weights[n] * (1 - share * share) ** 2
            total += weight
            for i in range(3):
                slope[i] = slopes[n, i]
            for i in range(2):
                slope[3 + i] = (
                    slopes[n, 3] * across[i, 0] + slopes[n, 4] * across[i, 1] + slopes[n, 5] * across[i, 2]
                )
            for i in range(5):
                right[i] -= weight * slope[i] * error[n]
                for j in range(i, 5):
                    normal[i, j] += weight * slope[i] * slope[j]
        for n in range(far):
            if residual[n] < reach:
                share = residual[n] / reach
                weight = ray_weights[n] * (1 - share * share) ** 2
                total += weight
                add_turning(rays, seen, rotation, n, weight, normal, right)
        for i in range(5):
            for j in range(i):
                normal[i, j] = normal[j, i]
            normal[i, i] += 1e-6 * (total + 1e-9)
        for i in range(3):
            normal[i, i] += prior
            right[i] -= prior * turned[i]
        solved = inverted(normal)
        inverse[:] = solved[:3, :3]
        move = product(solved, right)
        turned += move[:3]
        rotation = turned_by(rotation, move[0], move[1], move[2])
        way = way + move[3] * across[0] + move[4] * across[1]
        way = way / math.sqrt((way * way).sum())
    score = 0.0
    for n in range(near):
        share = abs(error[n]) / tolerance
        if share < 1:
            score += weights[n] * (1 - share * share)
    for n in range(far):
        share = residual[n] / tolerance
        if share < 1:
            score += ray_weights[n] * (1 - share * share)
    return rotation, way, score


@jit
def _fit(
    before: F64,
    now: F64,
    weights: F64,
    earlier: F64,
    rays: F64,
    seen: F64,
    ray_weights: F64,
    guess: F64,
    tried: F64,
    tolerance: float,
    deviation: float,
    usual: float,
) -> tuple[F64, F64, F64, F64]:
    best, best_way, best_score = guess.copy(), tried[0].copy(), -1.0
    inverse = np.full((3, 3), np.inf)
    for n in range(len(tried)):
        way = tried[n] / math.sqrt((tried[n] * tried[n]).sum())
        rotation, way, score = _improve(
            before,
            now,
            weights,
            earlier,
            rays,
            seen,
            ray_weights,
            guess,
            way,
            tolerance,
            deviation,
            usual,
            _STEPS,
            inverse,
        )
        if score > best_score:
            best, best_way, best_score = rotation, way, score
    best, best_way, _ = _improve(
        before,
        now,
        weights,
        earlier,
        rays,
        seen,
        ray_weights,
        best,
        best_way,
        tolerance,
        deviation,
        usual,
        _LAST_STEPS,
        inverse,
    )
    error, slopes = np.empty(len(weights)), np.empty((len(weights), 6))
    _epipolar(before, now, earlier, best, best_way, error, slopes)
    return best, best_way, np.abs(error), inverse
