"""Motion of a plane of cloud as homographies: presets, powers for any real time, mirrored for water, flow.

A picture's own coordinates are x to the right and y down, from -1 to 1 over its width and its height,
whatever its shape.
"""

from dataclasses import dataclass

import numpy as np

from app.frame import F32, F64

Shift = tuple[float, float]

_ROOTS = 40
_NEAR = 0.25
"""The series of the logarithm is taken this near to the identity: 30 terms leave less than 1e-16."""
_TERMS = 30


@dataclass(frozen=True, slots=True)
class HomographyPreset:
    """How far the corners of the sky move in a second, (x, y) each: the upper two, and two at the horizon."""

    top_left: Shift
    top_right: Shift
    horizon_left: Shift
    horizon_right: Shift

    def homography(self, horizon: float = 1.0) -> F64:
        """The motion of one second, float64 (3, 3), determinant 1; horizon: y of the sky's lower corners.

        Raises ValueError where the shifts fold the sky over.
        """
        corners = np.array([[-1.0, -1.0], [1.0, -1.0], [-1.0, horizon], [1.0, horizon]])
        shifts = np.array([self.top_left, self.top_right, self.horizon_left, self.horizon_right])
        return _unimodular(_through(corners, corners + shifts))


PRESETS = {
    "drift": HomographyPreset((0.040, 0.0), (0.040, 0.0), (0.010, 0.0), (0.010, 0.0)),
    "slow-drift": HomographyPreset((0.015, 0.0), (0.015, 0.0), (0.004, 0.0), (0.004, 0.0)),
    "approach": HomographyPreset((-0.030, -0.035), (0.030, -0.035), (-0.004, 0.0), (0.004, 0.0)),
    "recede": HomographyPreset((0.024, 0.030), (-0.024, 0.030), (0.004, 0.0), (-0.004, 0.0)),
    "overhead": HomographyPreset((0.015, -0.030), (0.050, -0.035), (0.006, 0.0), (0.012, 0.0)),
    "turn": HomographyPreset((0.030, 0.008), (0.030, -0.008), (0.012, 0.004), (0.012, -0.004)),
}
"""Winds by name, at a calm speed; `power` of a larger number is a stronger wind."""


def power(h: F64, t: float) -> F64:
    """The motion `h`, float64 (3, 3), carried on for `t` times its time, for any real t; determinant 1.

    power(h, a) @ power(h, b) is power(h, a + b). Raises ValueError for a motion that no steady wind gives,
    such as a reflection.
    """
    return _exponential(t * _logarithm(_unimodular(h)))


def sky_and_mirror(h: F64, horizon: float) -> tuple[F64, F64]:
    """The motion above the horizon, and that of its mirror image in water below; horizon: y of the level."""
    mirror = np.array([[1.0, 0.0, 0.0], [0.0, -1.0, 2.0 * horizon], [0.0, 0.0, 1.0]])
    return _unimodular(h), _unimodular(mirror @ h @ mirror)


def flow_of(h: F64, size_wh: tuple[int, int]) -> F32:
    """Where each pixel of a picture of that size goes under `h`: float32 (H, W, 2), x and y in pixels."""
    width, height = size_wh
    x = (2.0 * np.arange(width) + 1.0) / width - 1.0
    y = ((2.0 * np.arange(height) + 1.0) / height - 1.0)[:, None]
    moved = [h[i, 0] * x + h[i, 1] * y + h[i, 2] for i in range(3)]
    flow = np.empty((height, width, 2), np.float32)
    flow[..., 0] = (moved[0] / moved[2] - x) * (width / 2)
    flow[..., 1] = (moved[1] / moved[2] - y) * (height / 2)
    return flow


def _through(before: F64, after: F64) -> F64:
    """The homography that takes four points, float64 (4, 2), to four others."""
    rows = []
    for (x, y), (u, v) in zip(before, after, strict=True):
        rows.append([x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y])
        rows.append([0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y])
    solution = np.linalg.solve(np.array(rows), after.ravel())
    h = np.append(solution, 1.0).reshape(3, 3)
    weights = np.column_stack([before, np.ones(4)]) @ h[2]
    if np.linalg.det(h) <= 0 or weights.min() <= 0:
        raise ValueError("corners of a sky may not change sides")
    return h


def _unimodular(h: F64) -> F64:
    return np.asarray(h / np.cbrt(np.linalg.det(h)), np.float64)


def _logarithm(matrix: F64) -> F64:
    """The principal logarithm: by square roots until it is near the identity, then its series.

    Eigenvectors would not do: a shift has only two of them.
    """
    values = np.linalg.eigvals(matrix)
    if np.any((values.real <= 0) & (np.abs(values.imag) < 1e-9)):
        raise ValueError("a motion without a real logarithm")
    root, roots = matrix, 0
    while np.abs(root - np.eye(3)).sum() > _NEAR:
        root, roots = _square_root(root), roots + 1
        if roots > _ROOTS:
            raise ValueError("a motion without a real logarithm")
    # log A = 2 artanh((A - 1)(A + 1)^-1)
    small = np.linalg.solve((root + np.eye(3)).T, (root - np.eye(3)).T).T
    total, term = np.zeros((3, 3)), small
    for k in range(_TERMS):
        total += term / (2 * k + 1)
        term = term @ small @ small
    return np.asarray(2.0 ** (roots + 1) * total, np.float64)


def _square_root(matrix: F64) -> F64:
    """Denman and Beavers' iteration (1976)."""
    root, inverse = matrix, np.eye(3)
    for _ in range(_ROOTS):
        better = 0.5 * (root + np.linalg.inv(inverse))
        inverse = 0.5 * (inverse + np.linalg.inv(root))
        done = np.abs(better - root).max() < 1e-15
        root = better
        if done:
            break
    return np.asarray(root, np.float64)


def _exponential(matrix: F64) -> F64:
    """By its series for a small part of the matrix, then by squaring."""
    squarings = max(0, int(np.ceil(np.log2(max(np.abs(matrix).sum(), 1e-300) / _NEAR))))
    part = matrix / 2.0**squarings
    total, term = np.eye(3), np.eye(3)
    for k in range(1, _TERMS):
        term = term @ part / k
        total += term
    for _ in range(squarings):
        total = total @ total
    return np.asarray(total, np.float64)
