"""The camera's rotation from rays of the world and where they are seen: robust, and with its uncertainty.

`rays` are unit vectors in the world, float64 (N, 3); `seen` is where they appear, float64 (N, 2), in camera
coordinates with z = 1. A rotation, float64 (3, 3), takes camera coordinates into the world's. Lengths, such
as `tolerance`, are in the units of `seen`: pixels over the focal length.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.frame import F64
from app.jit import jit

Bools = NDArray[np.bool_]

_PROPOSALS: Final = 80
_PLAIN: Final = 0.75
_REFINEMENTS: Final = 8
_STILL: Final = 1e-7
"""No pairs are tried where the guess has this share of all that could be scored: no other one then has more.
The refinement ends with a step below the last, in radians."""

_TUKEY: Final = 4.685
"""Residuals of more than so many standard deviations count for nothing (95 % efficient: Huber 1981)."""

_FAINT: Final = 0.12
"""Least standard deviation of a residual that is believed, as a share of the tolerance."""


class Turn(NamedTuple):
    """A rotation; which points agree, bool (N,); the covariance of the rotation vector, float64 (3, 3); the
    residual of every point, float64 (N,); the agreeing points' standard deviation."""

    rotation: F64
    agree: Bools
    covariance: F64
    residual: F64
    deviation: float


def fit_turn(rays: F64, seen: F64, weights: F64, guess: F64, tolerance: float) -> Turn:
    """The rotation on which most of the points' weight agrees.

    weights: float64 (N,), positive; guess: a rotation to try first. A point agrees when it is seen within
    `tolerance` of where it should be. Pairs of rays propose rotations, always the same (MSAC: Torr and
    Zisserman 2000); the best is refined by least squares with Tukey's biweight, whose width follows the
    residuals. N may be anything; with fewer than two points it is the guess, of infinite covariance.
    """
    rotation, residual, inverse, deviation = _fit(
        rays, seen, weights, guess, tolerance, _PROPOSALS if len(rays) >= 2 else 0
    )
    return Turn(rotation, residual < tolerance, inverse * deviation**2, residual, deviation)


def refine_turn(rays: F64, seen: F64, weights: F64, guess: F64, tolerance: float) -> Turn:
    """As `fit_turn`, from a guess that is nearly right."""
    rotation, residual, inverse, deviation = _fit(rays, seen, weights, guess, tolerance, 0)
    return Turn(rotation, residual < tolerance, inverse * deviation**2, residual, deviation)


@jit
def turned_by(rotation: F64, x: float, y: float, z: float) -> F64:
    """rotation @ exp([x, y, z])."""
    angle = math.sqrt(x * x + y * y + z * z)
    first, second = 1.0 - angle * angle / 6, 0.5 - angle * angle / 24
    if angle > 1e-4:
        first, second = math.sin(angle) / angle, (1 - math.cos(angle)) / (angle * angle)
    by = np.empty((3, 3))
    by[0, 0], by[0, 1], by[0, 2] = (
        1 - second * (y * y + z * z),
        second * x * y - first * z,
        second * x * z + first * y,
    )
    by[1, 0], by[1, 1], by[1, 2] = (
        second * x * y + first * z,
        1 - second * (x * x + z * z),
        second * y * z - first * x,
    )
    by[2, 0], by[2, 1], by[2, 2] = (
        second * x * z - first * y,
        second * y * z + first * x,
        1 - second * (x * x + y * y),
    )
    out = np.empty((3, 3))
    for i in range(3):
        for j in range(3):
            out[i, j] = rotation[i, 0] * by[0, j] + rotation[i, 1] * by[1, j] + rotation[i, 2] * by[2, j]
    return out


@jit
def inverted(matrix: F64) -> F64:
    """The inverse of a small, positive definite matrix (Gauss and Jordan)."""
    count = len(matrix)
    left, out = matrix.copy(), np.eye(count)
    for k in range(count):
        factor = 1.0 / left[k, k]
        for j in range(count):
            left[k, j] *= factor
            out[k, j] *= factor
        for i in range(count):
            if i != k:
                factor = left[i, k]
                for j in range(count):
                    left[i, j] -= factor * left[k, j]
                    out[i, j] -= factor * out[k, j]
    return out


@jit
def product(matrix: F64, vector: F64) -> F64:
    """matrix @ vector, for small ones."""
    out = np.zeros(len(matrix))
    for i in range(len(matrix)):
        for j in range(len(vector)):
            out[i] += matrix[i, j] * vector[j]
    return out


@jit
def residuals(rays: F64, seen: F64, rotation: F64, out: F64) -> None:
    """Distance from where each ray should be seen, into out (N,); infinite behind the camera."""
    for i in range(len(out)):
        x, y, z = rays[i, 0], rays[i, 1], rays[i, 2]
        ahead = rotation[0, 2] * x + rotation[1, 2] * y + rotation[2, 2] * z
        if ahead <= 1e-3:
            out[i] = np.inf
            continue
        dx = (rotation[0, 0] * x + rotation[1, 0] * y + rotation[2, 0] * z) / ahead - seen[i, 0]
        dy = (rotation[0, 1] * x + rotation[1, 1] * y + rotation[2, 1] * z) / ahead - seen[i, 1]
        out[i] = math.sqrt(dx * dx + dy * dy)


@jit
def _score(residual: F64, weights: F64, tolerance: float) -> float:
    total = 0.0
    for i in range(len(weights)):
        if residual[i] < tolerance:
            share = residual[i] / tolerance
            total += weights[i] * (1 - share * share)
    return total


@jit
def _of_pair(first: F64, second: F64, seen_first: F64, seen_second: F64, out: F64) -> bool:
    """The rotation that takes two seen directions to two rays (TRIAD); False where they are too close."""
    frames = np.empty((2, 3, 3))
    for side in range(2):
        a, b = frames[side, 0], frames[side, 1]
        if side == 0:
            for k in range(3):
                a[k], b[k] = first[k], second[k]
        else:
            a[0], a[1], a[2] = seen_first[0], seen_first[1], 1.0
            b[0], b[1], b[2] = seen_second[0], seen_second[1], 1.0
            la = math.sqrt(a[0] * a[0] + a[1] * a[1] + 1)
            lb = math.sqrt(b[0] * b[0] + b[1] * b[1] + 1)
            for k in range(3):
                a[k] /= la
                b[k] /= lb
        middle0, middle1, middle2 = a[0] + b[0], a[1] + b[1], a[2] + b[2]
        apart0, apart1, apart2 = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        long = math.sqrt(middle0 * middle0 + middle1 * middle1 + middle2 * middle2)
        wide = math.sqrt(apart0 * apart0 + apart1 * apart1 + apart2 * apart2)
        if wide < 0.03 or long < 0.1:
            return False
        a[0], a[1], a[2] = middle0 / long, middle1 / long, middle2 / long
        b[0], b[1], b[2] = apart0 / wide, apart1 / wide, apart2 / wide
        c = frames[side, 2]
        c[0], c[1], c[2] = a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
    for i in range(3):
        for j in range(3):
            out[i, j] = 0.0
            for k in range(3):
                out[i, j] += frames[0, k, i] * frames[1, k, j]
    return True


@jit
def add_turning(rays: F64, seen: F64, rotation: F64, i: int, weight: float, normal: F64, right: F64) -> None:
    """Add one point to the normal equations of rotation @ exp(d), into normal (3+, 3+) and right (3+,)."""
    x, y, z = rays[i, 0], rays[i, 1], rays[i, 2]
    ahead = rotation[0, 2] * x + rotation[1, 2] * y + rotation[2, 2] * z
    px = (rotation[0, 0] * x + rotation[1, 0] * y + rotation[2, 0] * z) / ahead
    py = (rotation[0, 1] * x + rotation[1, 1] * y + rotation[2, 1] * z) / ahead
    a0, a1, a2 = px * py, -1 - px * px, py
    b0, b1, b2 = 1 + py * py, -px * py, -px
    dx, dy = px - seen[i, 0], py - seen[i, 1]
    normal[0, 0] += weight * (a0 * a0 + b0 * b0)
    normal[0, 1] += weight * (a0 * a1 + b0 * b1)
    normal[0, 2] += weight * (a0 * a2 + b0 * b2)
    normal[1, 1] += weight * (a1 * a1 + b1 * b1)
    normal[1, 2] += weight * (a1 * a2 + b1 * b2)
    normal[2, 2] += weight * (a2 * a2 + b2 * b2)
    right[0] -= weight * (a0 * dx + b0 * dy)
    right[1] -= weight * (a1 * dx + b1 * dy)
    right[2] -= weight * (a2 * dx + b2 * dy)


@jit
def _fit(
    rays: F64, seen: F64, weights: F64, guess: F64, tolerance: float, proposals: int
) -> tuple[F64, F64, F64, float]:
    count = len(weights)
    residual = np.empty(count)
    best = guess.copy()
    residuals(rays, seen, best, residual)
    best_score = _score(residual, weights, tolerance)
    proposed = np.empty((3, 3))
    if best_score >= _PLAIN * weights.sum():
        proposals = 0
    state = np.uint64(1)
    for _ in range(proposals):
        # Knuth's MMIX linear congruential generator; its upper bits.
        state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        i = int(state >> np.uint64(33)) % count
        state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        j = int(state >> np.uint64(33)) % count
        if i == j or not _of_pair(rays[i], rays[j], seen[i], seen[j], proposed):
            continue
        residuals(rays, seen, proposed, residual)
        score = _score(residual, weights, tolerance)
        if score > best_score:
            best_score = score
            best[:] = proposed
    inverse = np.full((3, 3), np.inf)
    deviation = tolerance
    for _ in range(_REFINEMENTS):
        residuals(rays, seen, best, residual)
        inside = residual[residual < tolerance]
        if len(inside) < 2:
            break
        # The median of a Rayleigh distribution is 1.1774 standard deviations of one coordinate.
        deviation = max(np.median(inside) / 1.1774, _FAINT * tolerance)
        width = min(tolerance, _TUKEY * deviation)
        normal, right, total = np.zeros((3, 3)), np.zeros(3), 0.0
        for i in range(count):
            if residual[i] < width:
                share = residual[i] / width
                weight = weights[i] * (1 - share * share) ** 2
                add_turning(rays, seen, best, i, weight, normal, right)
                total += weight
        normal[1, 0], normal[2, 0], normal[2, 1] = normal[0, 1], normal[0, 2], normal[1, 2]
        # A prior far below one point's weight, so that a roll that nothing shows stays as it was.
        for k in range(3):
            normal[k, k] += 1e-4 * (total + 1e-9)
        inverse = inverted(normal)
        step = product(inverse, right)
        best = turned_by(best, step[0], step[1], step[2])
        if (step * step).sum() < _STILL * _STILL:
            break
    residuals(rays, seen, best, residual)
    return best, residual, inverse, deviation
