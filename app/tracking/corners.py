"""Points of a picture that can be found again: the strongest corner of each cell."""

from typing import Final

import numpy as np

from app.frame import F32, U8
from app.jit import jit

CELL: Final = 32
"""Points are sought one to a square of this many pixels, so that they spread out."""

SPOT: Final = 8
"""Width, in pixels, of the squares in which is kept where no points are sought."""

MARGIN: Final = 7
"""No points nearer to the rim of the picture than this, in pixels."""


@jit
def best_corners(grey: U8, wanted: U8, barred: U8, weakest: float) -> F32:
    """The strongest corner (x, y, strength) of each wanted cell, float32 (N, 3), in the order of the cells.

    grey: uint8 (H, W); wanted: uint8 (ceil(H / CELL), ceil(W / CELL)), not 0 where a point is sought;
    barred: uint8 (ceil(H / SPOT), ceil(W / SPOT)), not 0 where none may be. The strength is the smaller
    eigenvalue of the mean product of slopes over 3x3 pixels, brightness in [0, 1].
    """
    height, width = grey.shape
    found = np.empty((wanted.size, 3), np.float32)
    count = 0
    side = CELL + 2
    xx, xy, yy = (
        np.empty((side, side), np.float32),
        np.empty((side, side), np.float32),
        np.empty((side, side), np.float32),
    )
    scale = np.float32(1 / (2 * 255.0))
    for row in range(wanted.shape[0]):
        for column in range(wanted.shape[1]):
            if not wanted[row, column]:
                continue
            top, left = max(row * CELL, MARGIN), max(column * CELL, MARGIN)
            bottom, right = min((row + 1) * CELL, height - MARGIN), min((column + 1) * CELL, width - MARGIN)
            if bottom <= top or right <= left:
                continue
            for y in range(top - 1, bottom + 1):
                for x in range(left - 1, right + 1):
                    along = scale * (np.float32(grey[y, x + 1]) - np.float32(grey[y, x - 1]))
                    down = scale * (np.float32(grey[y + 1, x]) - np.float32(grey[y - 1, x]))
                    j, i = y - top + 1, x - left + 1
                    xx[j, i], xy[j, i], yy[j, i] = along * along, along * down, down * down
            best, best_x, best_y = np.float32(weakest), -1, -1
            for y in range(top, bottom):
                for x in range(left, right):
                    if barred[y // SPOT, x // SPOT]:
                        continue
                    a = b = c = np.float32(0)
                    for j in range(y - top, y - top + 3):
                        for i in range(x - left, x - left + 3):
                            a += xx[j, i]
                            b += xy[j, i]
                            c += yy[j, i]
                    half = np.float32(0.5) * (a - c)
                    strength = (np.float32(0.5) * (a + c) - np.sqrt(half * half + b * b)) / np.float32(9)
                    if strength > best:
                        best, best_x, best_y = strength, x, y
            if best_x >= 0:
                found[count, 0], found[count, 1], found[count, 2] = best_x, best_y, best
                count += 1
    return found[:count]
