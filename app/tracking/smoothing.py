"""Steadies the alpha along the motion of its edges, and leaves alone whatever else moves."""

from typing import Final

import numpy as np

from app.frame import F32, F64, U8
from app.jit import jit

_BLOCK: Final = 16

_CALM: Final = 0.5
_MOVED: Final = 1.0
"""Displacement, in pixels, up to which a block counts as still, and from which on as moved."""

_NOISE: Final = 4.0
"""Difference of luma between two pictures of the same thing that says nothing, in levels."""

_STILL_ALPHA: Final = 1.0
"""Mean change of a block's alpha, in levels, that is not worth smoothing."""

_LARGEST_STEP: Final = 96.0
"""Change of alpha that is believed at once; the weight of the last alpha falls linearly up to it."""


def smoothed(alpha: U8, luma: U8, last_alpha: U8, last_luma: U8, back: F64, strength: float) -> U8:
    """This frame's alpha, read-only: mixed with the last one where the picture stood still under `back`.

    All pictures are uint8 (H, W); `back`, float64 (3, 3), takes points of this frame to the last one by a
    shift and a roll; `strength`, 0-1, is the largest weight of the last alpha. In every 16x16 block whose
    alpha changes, the mean difference of luma over the mean gradient of each column tells how far the content
    moved beyond `back` (normal flow): the weight falls to 0 from 0.5 to 1 pixel, and for changes of alpha of
    96 levels.
    So an edge that stands still loses its flicker, and a bird or a branch leaves no trail.
    """
    final = alpha.copy()
    if strength > 0 and min(alpha.shape) >= _BLOCK:
        _mix(alpha, luma, last_alpha, last_luma, back, strength, final)
    final.setflags(write=False)
    return final


@jit
def _mix(alpha: U8, luma: U8, last_alpha: U8, last_luma: U8, back: F64, strength: float, final: U8) -> None:
    height, width = alpha.shape
    lanes = np.empty((2, _BLOCK), np.float32)
    for top in range(0, height, _BLOCK):
        top = min(top, height - _BLOCK)
        for left in range(0, width, _BLOCK):
            left = min(left, width - _BLOCK)
            # Across 16 pixels the roll of one frame is no more than a shift: that of the block's centre.
            x, y = left + 0.5 * (_BLOCK - 1), top + 0.5 * (_BLOCK - 1)
            from_x = back[0, 0] * x + back[0, 1] * y + back[0, 2] - 0.5 * (_BLOCK - 1)
            from_y = back[1, 0] * x + back[1, 1] * y + back[1, 2] - 0.5 * (_BLOCK - 1)
            column, row = int(np.floor(from_x)), int(np.floor(from_y))
            if column < 0 or row < 0 or column + _BLOCK >= width or row + _BLOCK >= height:
                continue
            if _change(alpha, last_alpha, top, left, row, column, lanes) < _STILL_ALPHA:
                continue
            right, below = np.float32(from_x - column), np.float32(from_y - row)
            moved = _displacement(luma, last_luma, top, left, row, column, right, below, lanes)
            weight = strength * min(max((_MOVED - moved) / (_MOVED - _CALM), 0.0), 1.0)
            if weight > 0:
                _mix_block(alpha, last_alpha, top, left, row, column, right, below, np.float32(weight), final)


@jit
def _change(alpha: U8, last: U8, top: int, left: int, row: int, column: int, lanes: F32) -> float:
    """Mean absolute difference of a block to the nearest one of the last alpha."""
    total = lanes[0]
    total[:] = 0
    for r in range(0, _BLOCK, 2):
        now = alpha[top + r][left : left + _BLOCK]
        before = last[row + r][column : column + _BLOCK]
        for c in range(_BLOCK):
            total[c] += abs(np.float32(now[c]) - np.float32(before[c]))
    return float(total.sum()) / (_BLOCK * _BLOCK / 2)


@jit
def _bilinear(right: np.float32, below: np.float32) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Weights of a sample, its right, its lower and its lower right neighbour."""
    w11 = right * below
    return np.float32(1) - right - below + w11, right - w11, below - w11, w11


@jit
def _displacement(
    luma: U8,
    last: U8,
    top: int,
    left: int,
    row: int,
    column: int,
    right: np.float32,
    below: np.float32,
    lanes: F32,
) -> float:
    """How far, in pixels, the column of a block that moved most did so beyond the shift.

    Every second row is looked at.
    """
    residual, gradient = lanes[0], lanes[1]
    lanes[:] = 0
    w00, w01, w10, w11 = _bilinear(right, below)
    for r in range(0, _BLOCK, 2):
        now = luma[top + r][left : left + _BLOCK]
        upper = last[row + r][column : column + _BLOCK + 1]
        lower = last[row + r + 1][column : column + _BLOCK + 1]
        for c in range(_BLOCK):
            a, b = np.float32(upper[c]), np.float32(upper[c + 1])
            d, e = np.float32(lower[c]), np.float32(lower[c + 1])
            residual[c] += abs(w00 * a + w01 * b + w10 * d + w11 * e - np.float32(now[c]))
            gradient[c] += max(abs(b - a), abs(d - a))
    moved = np.float32(0)
    for c in range(_BLOCK):
        moved = max(moved, residual[c] / (gradient[c] + np.float32(_NOISE * _BLOCK / 2)))
    return float(moved)


@jit
def _mix_block(
    alpha: U8,
    last: U8,
    top: int,
    left: int,
    row: int,
    column: int,
    right: np.float32,
    below: np.float32,
    weight: np.float32,
    final: U8,
) -> None:
    w00, w01, w10, w11 = _bilinear(right, below)
    per_step = np.float32(1 / _LARGEST_STEP)
    half, none, one = np.float32(0.5), np.float32(0), np.float32(1)
    for r in range(_BLOCK):
        now = alpha[top + r][left : left + _BLOCK]
        out = final[top + r][left : left + _BLOCK]
        upper = last[row + r][column : column + _BLOCK + 1]
        lower = last[row + r + 1][column : column + _BLOCK + 1]
        for c in range(_BLOCK):
            here = np.float32(now[c])
            before = (
                w00 * np.float32(upper[c])
                + w01 * np.float32(upper[c + 1])
                + w10 * np.float32(lower[c])
                + w11 * np.float32(lower[c + 1])
            )
            step = before - here
            out[c] = np.uint8(here + weight * max(one - abs(step) * per_step, none) * step + half)
