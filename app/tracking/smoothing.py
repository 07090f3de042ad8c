"""Steadies the alpha along the camera's motion, and leaves alone what moves otherwise."""

from typing import Final

import numpy as np

from app.frame import F32, F64, U8
from app.jit import jit

_BLOCK: Final = 16
_CELL: Final = 4
"""Widths, in pixels, of what is shifted as a whole, and of what is judged as a whole."""

_SLACK: Final = 1.0
"""How far, in pixels, a block may lie outside of the last picture; it is then taken from the rim."""

_STILL_ALPHA: Final = 0.5
"""Mean change of a block's alpha, in levels, that is not worth smoothing."""

_LEAST_NOISE: Final = 1.0
_MOST_NOISE: Final = 4.0
"""Limits of the median difference of luma, in levels, that counts as noise."""

_OF_NOISE: Final = 2.0
_OF_GRADIENT: Final = 0.15
"""A cell shows the same thing as before when its mean difference of luma is at most so many times the noise
and this share of its mean gradient, that is a shift of so many pixels; at twice that it shows another."""

_UNSURE: Final = 0.25
"""Weight of an alpha of a half beside one of 0 or 1: it says least about whether there is sky."""


def smoothed(alpha: U8, luma: U8, last_alpha: U8, last_luma: U8, back: F64, strength: float) -> U8:
    """This frame's alpha, read-only: mixed with the last one where the picture is the same under `back`.

    All pictures are uint8 (H, W); `back`, float64 (3, 3), takes points of this frame to the last one by an
    affine map near a shift; `strength`, in [0, 1), is the weight of the last alpha where both are equally
    sure. The surer one weighs more, so one frame in doubt changes little. Each 4x4 cell is trusted by how
    little its luma differs from the last picture's beyond noise, which is estimated from the whole picture,
    and beyond what a small shift does at its gradients. So an alpha that flickers over the same picture comes
    to rest, while a bird or a branch, or an edge that moves otherwise than `back` says, leaves no trail.
    """
    final = alpha.copy()
    if strength > 0 and min(alpha.shape) > _BLOCK:
        noise = min(max(_noise(luma, last_luma, back), _LEAST_NOISE), _MOST_NOISE)
        _mix(alpha, luma, last_alpha, last_luma, back, noise, strength, final)
    final.setflags(write=False)
    return final


@jit
def _noise(luma: U8, last: U8, back: F64) -> float:
    """Median difference of luma between a pixel of each block and where it came from, to a quarter level."""
    height, width = luma.shape
    counts = np.zeros(4 * 256, np.int64)
    total = 0
    for y in range(_BLOCK // 2, height, _BLOCK):
        for x in range(_BLOCK // 2, width, _BLOCK):
            from_x = back[0, 0] * x + back[0, 1] * y + back[0, 2]
            from_y = back[1, 0] * x + back[1, 1] * y + back[1, 2]
            column, row = int(np.floor(from_x)), int(np.floor(from_y))
            if column < 0 or row < 0 or column + 1 >= width or row + 1 >= height:
                continue
            right, below = from_x - column, from_y - row
            upper = (1 - right) * last[row, column] + right * last[row, column + 1]
            lower = (1 - right) * last[row + 1, column] + right * last[row + 1, column + 1]
            counts[int(4 * abs(upper + below * (lower - upper) - luma[y, x]))] += 1
            total += 1
    below_median, level = 0, 0
    while level < counts.shape[0] - 1 and 2 * (below_median + counts[level]) < total:
        below_median += counts[level]
        level += 1
    return level / 4


@jit
def _mix(
    alpha: U8,
    luma: U8,
    last_alpha: U8,
    last_luma: U8,
    back: F64,
    noise: float,
    strength: float,
    final: U8,
) -> None:
    height, width = alpha.shape
    lanes = np.empty((2, _BLOCK), np.float32)
    trust = np.empty((_BLOCK // _CELL, _BLOCK), np.float32)
    for top in range(0, height, _BLOCK):
        top = min(top, height - _BLOCK)
        for left in range(0, width, _BLOCK):
            left = min(left, width - _BLOCK)
            # Across 16 pixels the roll and the zoom of one frame are no more than the shift of the centre.
            x, y = left + 0.5 * (_BLOCK - 1), top + 0.5 * (_BLOCK - 1)
            from_x = back[0, 0] * x + back[0, 1] * y + back[0, 2] - 0.5 * (_BLOCK - 1)
            from_y = back[1, 0] * x + back[1, 1] * y + back[1, 2] - 0.5 * (_BLOCK - 1)
            inner_x = min(max(from_x, 0.0), float(width - _BLOCK))
            inner_y = min(max(from_y, 0.0), float(height - _BLOCK))
            if abs(from_x - inner_x) > _SLACK or abs(from_y - inner_y) > _SLACK:
                continue
            column, row = min(int(inner_x), width - _BLOCK - 1), min(int(inner_y), height - _BLOCK - 1)
            if _change(alpha, last_alpha, top, left, row, column, lanes) < _STILL_ALPHA:
                continue
            right, below = np.float32(inner_x - column), np.float32(inner_y - row)
            if _judge(luma, last_luma, top, left, row, column, right, below, np.float32(noise), lanes, trust):
                _mix_block(
                    alpha,
                    last_alpha,
                    top,
                    left,
                    row,
                    column,
                    right,
                    below,
                    np.float32(strength),
                    trust,
                    final,
                )


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
def _judge(
    luma: U8,
    last: U8,
    top: int,
    left: int,
    row: int,
    column: int,
    right: np.float32,
    below: np.float32,
    noise: np.float32,
    lanes: F32,
    trust: F32,
) -> bool:
    """Into trust (4, 16), a row for each row of cells: 1 where they show the same as before, 0 where not.

    False when that is 0 everywhere. Every second row is looked at.
    """
    residual, gradient = lanes[0], lanes[1]
    w00, w01, w10, w11 = _bilinear(right, below)
    of_noise = np.float32(_OF_NOISE * _CELL * _CELL / 2) * noise
    none, one, two = np.float32(0), np.float32(1), np.float32(2)
    most = none
    for cell_row in range(_BLOCK // _CELL):
        lanes[:] = 0
        for r in range(cell_row * _CELL, (cell_row + 1) * _CELL, 2):
            now = luma[top + r][left : left + _BLOCK]
            upper = last[row + r][column : column + _BLOCK + 1]
            lower = last[row + r + 1][column : column + _BLOCK + 1]
            for c in range(_BLOCK):
                a, b = np.float32(upper[c]), np.float32(upper[c + 1])
                d, e = np.float32(lower[c]), np.float32(lower[c + 1])
                residual[c] += abs(w00 * a + w01 * b + w10 * d + w11 * e - np.float32(now[c]))
                gradient[c] += max(abs(b - a), abs(d - a))
        for begin in range(0, _BLOCK, _CELL):
            difference, slope = none, none
            for c in range(begin, begin + _CELL):
                difference += residual[c]
                slope += gradient[c]
            share = min(max(two - difference / (of_noise + np.float32(_OF_GRADIENT) * slope), none), one)
            trust[cell_row, begin : begin + _CELL] = share
            most = max(most, share)
    return bool(most > none)


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
    strength: np.float32,
    trust: F32,
    final: U8,
) -> None:
    w00, w01, w10, w11 = _bilinear(right, below)
    middle, unsure = np.float32(127.5), np.float32(_UNSURE)
    per_level = (np.float32(1) - unsure) / middle
    rest = np.float32(1) - strength
    for r in range(_BLOCK):
        now = alpha[top + r][left : left + _BLOCK]
        out = final[top + r][left : left + _BLOCK]
        upper = last[row + r][column : column + _BLOCK + 1]
        lower = last[row + r + 1][column : column + _BLOCK + 1]
        believed = trust[r // _CELL]
        for c in range(_BLOCK):
            here = np.float32(now[c])
            before = (
                w00 * np.float32(upper[c])
                + w01 * np.float32(upper[c + 1])
                + w10 * np.float32(lower[c])
                + w11 * np.float32(lower[c + 1])
            )
            of_last = strength * (unsure + per_level * abs(before - middle))
            of_this = rest * (unsure + per_level * abs(here - middle))
            weight = believed[c] * of_last / (of_last + of_this)
            # Cut off, not rounded: so the last levels of a change are made too.
            out[c] = np.uint8(np.int32(now[c]) + np.int32(weight * (before - here)))
