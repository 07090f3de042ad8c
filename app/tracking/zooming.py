"""How the picture grows, for what moves along with its edges."""

import math
from typing import Final

import numpy as np

from app.frame import F64
from app.jit import jit

_STEPS: Final = 2
_USUAL_SPREAD: Final = 5.0
"""Points that lie closer together than this, in units of their reach, say little of how the picture grows."""


@jit
def zoom(matrix: F64, before: F64, after: F64, reach: float) -> None:
    """Give an affine motion, float64 (3, 3), the shift and the growth of the picture that points show.

    before, after: float64 (N, 2), N > 0, from the picture's centre. Points that move otherwise by more than
    `reach` count for nothing. The matrix is a roll and a shift; both go on in what it becomes.
    """
    count = len(before)
    cosine, sine = matrix[0, 0], matrix[1, 0]
    turned, aside = np.empty((count, 2)), np.empty((2, count))
    for n in range(count):
        turned[n, 0] = cosine * before[n, 0] - sine * before[n, 1]
        turned[n, 1] = sine * before[n, 0] + cosine * before[n, 1]
        aside[0, n], aside[1, n] = after[n, 0] - turned[n, 0], after[n, 1] - turned[n, 1]
    shift_x, shift_y = np.median(aside[0]), np.median(aside[1])
    if math.hypot(shift_x - matrix[0, 2], shift_y - matrix[1, 2]) < 2 * reach:
        matrix[0, 2], matrix[1, 2] = shift_x, shift_y
    believed = np.empty(count)
    scale = 1.0
    for _ in range(_STEPS):
        total = from_x = from_y = to_x = to_y = 0.0
        for n in range(count):
            x = scale * turned[n, 0] + matrix[0, 2] - after[n, 0]
            y = scale * turned[n, 1] + matrix[1, 2] - after[n, 1]
            weight = max(1 - (x * x + y * y) / (reach * reach), 0.0) ** 2
            believed[n] = weight
            total += weight
            from_x += weight * turned[n, 0]
            from_y += weight * turned[n, 1]
            to_x += weight * after[n, 0]
            to_y += weight * after[n, 1]
        if total <= 0:
            return
        from_x, from_y, to_x, to_y = from_x / total, from_y / total, to_x / total, to_y / total
        inertia = growth = 0.0
        for n in range(count):
            x, y = turned[n, 0] - from_x, turned[n, 1] - from_y
            inertia += believed[n] * (x * x + y * y)
            growth += believed[n] * (x * (after[n, 0] - to_x) + y * (after[n, 1] - to_y))
        damping = total * (_USUAL_SPREAD * reach) ** 2
        scale = (growth + damping) / (inertia + damping)
        matrix[0, 0], matrix[0, 1] = scale * cosine, -scale * sine
        matrix[1, 0], matrix[1, 1] = scale * sine, scale * cosine
        matrix[0, 2], matrix[1, 2] = to_x - scale * from_x, to_y - scale * from_y
