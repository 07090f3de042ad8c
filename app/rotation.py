"""Rotations in space: matrices, rotation vectors and unit quaternions, and the ways between them.

Matrices are float64 (3, 3). A rotation vector, float64 (3,), has the axis as its direction and the angle in
radians as its length. A quaternion is float64 (4,), (w, x, y, z), of length 1.
"""

import math

import numpy as np

from app.frame import F64

_TINY = 1e-8
"""Below this angle the series of sine and cosine are exact to a float64."""


def cross_matrix(vector: F64) -> F64:
    """The matrix, float64 (3, 3), by which a product is the cross product with a vector (3,)."""
    x, y, z = vector
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


def rotation_from_vector(vector: F64) -> F64:
    """The rotation by a rotation vector (Rodrigues)."""
    angle = float(np.linalg.norm(vector))
    along = cross_matrix(vector)
    if angle < _TINY:
        return np.asarray(np.eye(3) + along, np.float64)
    first, second = math.sin(angle) / angle, (1 - math.cos(angle)) / angle**2
    return np.asarray(np.eye(3) + first * along + second * (along @ along), np.float64)


def vector_from_rotation(rotation: F64) -> F64:
    """The rotation vector of a rotation, its length at most pi."""
    w, *rest = quaternion_from_rotation(rotation)
    axis = np.array(rest)
    sine = float(np.linalg.norm(axis))
    if sine < _TINY:
        return 2 * axis
    return np.asarray(2 * math.atan2(sine, w) / sine * axis, np.float64)


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
    quaternion = np.array(rows[int(np.argmax(squares))])
    quaternion /= np.linalg.norm(quaternion)
    return np.asarray(-quaternion if quaternion[0] < 0 else quaternion, np.float64)


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
    left, _, right = np.linalg.svd(matrix)
    return np.asarray(left @ right, np.float64)


def angle_of(rotation: F64) -> float:
    """Angle of a rotation in radians, from 0 to pi."""
    return float(np.linalg.norm(vector_from_rotation(rotation)))
