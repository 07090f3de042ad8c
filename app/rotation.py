"""Rotations in space: matrices, rotation vectors and unit quaternions, and the ways between them.

Matrices are float64 (3, 3). A rotation vector, float64 (3,), has the axis as its direction and the angle in
radians as its length. A quaternion is float64 (4,), (w, x, y, z), of length 1.
"""

import math

import numpy as np

from app.frame import F64

_TINY = 1e-8
"""Below this angle the series of sine and cosine are exact to a float64."""


def rotation_from_vector(vector: F64) -> F64:
    """The rotation by a rotation vector (Rodrigues)."""
    x, y, z = vector.tolist()
    square = x * x + y * y + z * z
    angle = math.sqrt(square)
    first, second = 1.0, 0.5
    if angle >= _TINY:
        first, second = math.sin(angle) / angle, (1 - math.cos(angle)) / square
    xy, xz, yz = second * x * y, second * x * z, second * y * z
    x1, y1, z1 = first * x, first * y, first * z
    return np.array(
        [
            [1 - second * (y * y + z * z), xy - z1, xz + y1],
            [xy + z1, 1 - second * (x * x + z * z), yz - x1],
            [xz - y1, yz + x1, 1 - second * (x * x + y * y)],
        ]
    )


def vector_from_rotation(rotation: F64) -> F64:
    """The rotation vector of a rotation, its length at most pi."""
    w, x, y, z = quaternion_from_rotation(rotation).tolist()
    sine = math.sqrt(x * x + y * y + z * z)
    share = 2.0 if sine < _TINY else 2 * math.atan2(sine, w) / sine
    return np.array([share * x, share * y, share * z])


def quaternion_from_rotation(rotation: F64) -> F64:
    """The unit quaternion of a rotation, w >= 0."""
    # The largest of the four squares is taken from the diagonal, so that nothing is divided by little.
    (a, b, c), (d, e, f), (g, h, i) = rotation.tolist()
    squares = 1 + a + e + i, 1 + a - e - i, 1 - a + e - i, 1 - a - e + i
    rows = (
        (squares[0], h - f, c - g, d - b),
        (h - f, squares[1], b + d, c + g),
        (c - g, b + d, squares[2], f + h),
        (d - b, c + g, f + h, squares[3]),
    )
    row = rows[squares.index(max(squares))]
    length = math.hypot(*row) if row[0] >= 0 else -math.hypot(*row)
    return np.array([value / length for value in row])


def rotation_from_quaternion(quaternion: F64) -> F64:
    """The rotation of a quaternion, which need not be of length 1."""
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def orthonormal(matrix: F64) -> F64:
    """The rotation nearest to a matrix that is almost one: what rounding has added in long products goes."""
    for _ in range(2):  # Newton's steps to the polar decomposition: the error is squared
        matrix = matrix @ (1.5 * np.eye(3) - 0.5 * (matrix.T @ matrix))
    return matrix


def angle_of(rotation: F64) -> float:
    """Angle of a rotation in radians, from 0 to pi."""
    return math.hypot(*vector_from_rotation(rotation).tolist())
