"""Small pieces of pictures that are found again in later ones, to a few hundredths of a pixel.

A piece is kept as it was first seen, on each level of a pyramid, and laid over later pictures under an affine
map that the camera's turn gives: so a point that is followed for minutes is still the point it was. What is
sought is the shift alone (inverse compositional alignment, Baker and Matthews 2004), with the brightness
and contrast of each picture taken out.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from app.frame import F32, F64, U8
from app.jit import jit

LEVELS: Final = 4
SIDE: Final = 11
"""Sides of a piece on every level, in pixels."""

_HALF: Final = SIDE // 2
_AREA: Final = SIDE * SIDE

_STEPS: Final = 7
_SMALL_STEP: Final = 0.015
_SMALL_STEP_ABOVE: Final = 0.06
_FARTHEST: Final = 6.0
"""The search on one level ends after so many steps, with one below a length, on level 0 and above, and is not
believed beyond the last."""

_FLAT: Final = 1.0
"""Standard deviation, in levels of brightness, below which a piece shows nothing."""

Pyramid = tuple[U8, U8, U8, U8]


def pyramid(grey: U8) -> Pyramid:
    """The picture, and three more, each half as wide: pixel (x, y) is at (x/2, y/2) on the next level."""
    first = np.array(grey)
    second = _half(first)
    third = _half(second)
    return first, second, third, _half(third)


def _half(picture: U8) -> U8:
    return np.asarray(cv2.pyrDown(picture), np.uint8)


@jit
def _sample(picture: U8, x: float, y: float) -> float:
    """Bilinear, the rim repeated without end."""
    height, width = picture.shape
    x, y = min(max(x, 0.0), width - 1.001), min(max(y, 0.0), height - 1.001)
    column, row = int(x), int(y)
    right, below = x - column, y - row
    upper = picture[row, column] + right * (np.float64(picture[row, column + 1]) - picture[row, column])
    lower = picture[row + 1, column] + right * (
        np.float64(picture[row + 1, column + 1]) - picture[row + 1, column]
    )
    return float(upper + below * (lower - upper))


@jit
def take(levels: Pyramid, chosen: NDArray[np.int64], xy: F64, pieces: F32, inverses: F32) -> None:
    """Keep the pieces around points xy, float64 (N, 2), in those entries of two arrays that are chosen, (N,).

    Into pieces, float32 (M, LEVELS, 3, SIDE * SIDE): brightness less its mean, and its slopes along x and y.
    Into inverses, float32 (M, LEVELS, 4): the inverse (xx, xy, yy) of the slopes' products, 0 where they are
    too weak, and the sum of the squared brightness.
    """
    wide = np.empty((SIDE + 2, SIDE + 2))
    for n in range(len(chosen)):
        _take_one(levels, xy[n, 0], xy[n, 1], wide, pieces[chosen[n]], inverses[chosen[n]])


@jit
def _take_one(levels: Pyramid, x: float, y: float, wide: F64, pieces: F32, inverses: F32) -> None:
    """One piece; `wide`, (SIDE + 2, SIDE + 2), is written over."""
    for level in range(LEVELS):
        picture = levels[level]
        piece = pieces[level]
        at_x, at_y = x / (1 << level), y / (1 << level)
        for j in range(SIDE + 2):
            for i in range(SIDE + 2):
                wide[j, i] = _sample(picture, at_x + (i - _HALF - 1), at_y + (j - _HALF - 1))
        mean = 0.0
        k = 0
        for j in range(1, SIDE + 1):
            for i in range(1, SIDE + 1):
                mean += wide[j, i]
                piece[0, k] = wide[j, i]
                piece[1, k] = 0.5 * (wide[j, i + 1] - wide[j, i - 1])
                piece[2, k] = 0.5 * (wide[j + 1, i] - wide[j - 1, i])
                k += 1
        mean /= _AREA
        squares = xx = xy = yy = 0.0
        for k in range(_AREA):
            piece[0, k] -= mean
            squares += piece[0, k] * piece[0, k]
            xx += piece[1, k] * piece[1, k]
            xy += piece[1, k] * piece[2, k]
            yy += piece[2, k] * piece[2, k]
        determinant = xx * yy - xy * xy
        if squares < _FLAT * _FLAT * _AREA or determinant < 1e-3 * (xx + yy) * (xx + yy) or determinant <= 0:
            inverses[level, 0] = inverses[level, 1] = inverses[level, 2] = 0.0
        else:
            inverses[level, 0] = yy / determinant
            inverses[level, 1] = -xy / determinant
            inverses[level, 2] = xx / determinant
        inverses[level, 3] = squares


@jit
def _lay(picture: U8, x: float, y: float, affine: F64, out: F32) -> float:
    """The picture under a piece, less its mean, into out (SIDE * SIDE,); the sum of its squares."""
    height, width = picture.shape
    a, b, c, d = np.float32(affine[0]), np.float32(affine[1]), np.float32(affine[2]), np.float32(affine[3])
    reach_x, reach_y = _HALF * (abs(a) + abs(b)), _HALF * (abs(c) + abs(d))
    inside = x - reach_x >= 1 and y - reach_y >= 1 and x + reach_x < width - 2 and y + reach_y < height - 2
    last_x, last_y = np.float32(width - 1.01), np.float32(height - 1.01)
    none = np.float32(0)
    # From the corner of the piece on, in float32: half the time of float64.
    base_x, base_y = int(x) - 16, int(y) - 16
    from_x, from_y = np.float32(x - base_x), np.float32(y - base_y)
    total = none
    for j in range(SIDE):
        down = np.float32(j - _HALF)
        row_x = from_x + b * down - a * np.float32(_HALF)
        row_y = from_y + d * down - c * np.float32(_HALF)
        for i in range(SIDE):
            at_x, at_y = row_x + a * np.float32(i), row_y + c * np.float32(i)
            column, row = np.int32(at_x), np.int32(at_y)
            right, below = at_x - np.float32(column), at_y - np.float32(row)
            column += base_x
            row += base_y
            if not inside:
                whole_x = min(max(np.float32(column) + right, none), last_x)
                whole_y = min(max(np.float32(row) + below, none), last_y)
                column, row = np.int32(whole_x), np.int32(whole_y)
                right, below = whole_x - np.float32(column), whole_y - np.float32(row)
            p, q = np.float32(picture[row, column]), np.float32(picture[row, column + 1])
            r, s = np.float32(picture[row + 1, column]), np.float32(picture[row + 1, column + 1])
            upper, lower = p + right * (q - p), r + right * (s - r)
            value = upper + below * (lower - upper)
            total += value
            out[j * SIDE + i] = value
    mean = total / np.float32(_AREA)
    squares = none
    for k in range(_AREA):
        out[k] -= mean
        squares += out[k] * out[k]
    return float(squares)


@jit
def find(
    levels: Pyramid,
    pieces: F32,
    inverses: F32,
    chosen: NDArray[np.int64],
    affine: F64,
    coarsest: int,
    finest: int,
    xy: F64,
    likeness: F64,
) -> None:
    """Find pieces again.

    pieces and inverses are those of many points, `take` for each; chosen int (N,) says which N are sought.
    affine, float64 (N, 4): the map (xx, xy, yx, yy) of each piece into this picture. xy, float64 (N, 2):
    where the search begins, from level `coarsest` on, and then where it ended, on level `finest`. likeness,
    float64 (N,): the correlation of the two there; -1 where nothing was found.
    """
    laid = np.empty(_AREA, np.float32)
    height, width = levels[0].shape
    for n in range(len(chosen)):
        which = int(chosen[n])
        x, y = xy[n, 0], xy[n, 1]
        a, b, c, d = affine[n, 0], affine[n, 1], affine[n, 2], affine[n, 3]
        likeness[n] = -1.0
        alike = -1.0
        for step in range(coarsest - finest + 1):
            level = coarsest - step
            inverse = inverses[which, level]
            if inverse[0] == 0.0:
                continue
            picture = levels[level]
            piece = pieces[which, level]
            scale = 1.0 / (1 << level)
            begin_x, begin_y = x * scale, y * scale
            at_x, at_y = begin_x, begin_y
            small = _SMALL_STEP if level == finest else _SMALL_STEP_ABOVE
            for _ in range(_STEPS):
                squares = _lay(picture, at_x, at_y, affine[n], laid)
                if squares < 1.0:
                    alike = -1.0
                    break
                gain = np.float32(min(max(np.sqrt(inverse[3] / squares), 0.4), 2.5))
                along = across = same = np.float32(0)
                for k in range(_AREA):
                    error = gain * laid[k] - piece[0, k]
                    along += piece[1, k] * error
                    across += piece[2, k] * error
                    same += piece[0, k] * laid[k]
                alike = same / np.sqrt(squares * inverse[3])
                move_x = inverse[0] * along + inverse[1] * across
                move_y = inverse[1] * along + inverse[2] * across
                at_x -= a * move_x + b * move_y
                at_y -= c * move_x + d * move_y
                if abs(at_x - begin_x) > _FARTHEST or abs(at_y - begin_y) > _FARTHEST:
                    at_x, at_y = begin_x, begin_y
                    alike = -1.0
                    break
                if move_x * move_x + move_y * move_y < small * small:
                    break
            x, y = at_x / scale, at_y / scale
        if inverses[which, finest, 0] == 0.0 or x < _HALF or y < _HALF:
            continue
        if x > width - 1 - _HALF or y > height - 1 - _HALF:
            continue
        xy[n, 0], xy[n, 1] = x, y
        likeness[n] = alike
