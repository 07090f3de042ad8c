"""A drifting sky drawn along each pixel's ray: two displaced look-ups of one texture, over what is smooth.

As in `app.sky.rays`, everything is exact at the corners of small blocks and bilinear between them. The
texture holds fine detail alone, around the level `MIDDLE`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.frame import F32, F64, U8
from app.jit import jit
from app.sky.rays import BLOCK, Chart, _along, _look, _place, _sample, _unpacked, fold

Bools = NDArray[np.bool_]
Arrays = tuple[U8, U8, U8]

MIDDLE = 128
"""The level of a texture without detail."""

_STILL = np.float32(1e-3)
"""A copy of which a block shows less than this is not looked up."""
_SMOOTH = 5
"""Channels of `Sample.smooth`: Y, U and V, then the shares of the two copies."""


class Sample(NamedTuple):
    """A drifting sky at one time, over its chart.

    smooth: float32 (h, w, 5): levels of Y, U and V without detail, then what of each copy's detail is shown;
    samples lie in the middles of equal cells. first, second: float32 (rows, columns, 2): how far the copies
    have come from, in texels, at nodes from the chart's first texel to its last.
    """

    smooth: F32
    first: F32
    second: F32


@jit
def _fetch(grid: F32, x: float, y: float, out: F32) -> None:
    """A grid (h, w, n) at a place, between its samples."""
    rows, columns, count = grid.shape
    x, y = min(max(x, 0.0), columns - 1.0), min(max(y, 0.0), rows - 1.0)
    i, j = min(int(x), columns - 2), min(int(y), rows - 2)
    u, v = np.float32(x - i), np.float32(y - j)
    for c in range(count):
        above = grid[j, i, c] + u * (grid[j, i + 1, c] - grid[j, i, c])
        below = grid[j + 1, i, c] + u * (grid[j + 1, i + 1, c] - grid[j + 1, i, c])
        out[c] = above + v * (below - above)


@jit
def _corner(chart: Chart, smooth: F32, first: F32, second: F32, light: F32, found: F64, values: F32) -> None:
    """What a corner of a block shows: texels of both copies, and the values that are smooth.

    found: (2, 6), the first as of `_look`; becomes that of the two copies. values: as `smooth`, then light.
    """
    own, other = found[0], found[1]
    factor, shift = fold(chart, own[0])
    x, y = factor * own[0] + shift, own[1]
    _fetch(
        smooth,
        (x + 0.5) * smooth.shape[1] / chart.width - 0.5,
        (y + 0.5) * smooth.shape[0] / chart.height - 0.5,
        values,
    )
    if light.shape[0] > 0:
        values[_SMOOTH : _SMOOTH + 3] = light[int(y)]
    moved = np.empty(2, np.float32)
    node_x, node_y = (
        x * (first.shape[1] - 1) / (chart.width - 1),
        y * (first.shape[0] - 1) / (chart.height - 1),
    )
    other[:] = own
    # In copies of the picture that are reversed the wind is not.
    _fetch(first, node_x, node_y, moved)
    own[0], own[1] = own[0] + moved[0], min(max(y + moved[1], 0.0), chart.height - 1.0)
    _fetch(second, node_x, node_y, moved)
    other[0], other[1] = other[0] + moved[0], min(max(y + moved[1], 0.0), chart.height - 1.0)


@jit
def draw(
    numbers: F64,
    levels: F64,
    rays: F64,
    rows: tuple[int, int],
    smooth: F32,
    first: F32,
    second: F32,
    light: F32,
    matrix: F32,
    planes: Arrays,
    out: Arrays,
) -> None:
    """Draw luma rows [top, bottom) of a frame's planes, and the chroma rows with them; top is even.

    numbers, levels, rays: as numbers, first and rays of `app.sky.rays.draw`; planes: the texture's arrays.
    smooth, first and second: of a `Sample`. light: float32 (chart's height, 3), by what coded red, green and
    blue are multiplied in each row of the chart; no rows: by nothing. matrix: float32 (6, 4): RGB from Y, U
    and V less their offsets, and back; those offsets are in the first rows' last column.
    """
    chart, sides, eye = _unpacked(numbers, levels, rays)
    blocks = (out[0].shape[1] + BLOCK - 1) // BLOCK
    found = np.empty((2, 2, blocks + 1, 6))
    values = np.empty((2, blocks + 1, _SMOOTH + 3), np.float32)
    places = np.empty((2, 10, blocks))
    lines, line = np.empty((4, blocks), np.float32), np.empty((blocks + 1, _SMOOTH + 3), np.float32)
    detail = np.empty((2, blocks * BLOCK), np.uint8)
    shown = np.empty((2, blocks), np.bool_)
    ends, work = np.empty((9, blocks + 1), np.float32), np.empty((13, blocks * BLOCK), np.float32)
    begin = rows[0] // BLOCK * BLOCK
    lower = 0
    for top in range(begin - BLOCK, rows[1], BLOCK):
        upper, lower = lower, 1 - lower
        for i in range(blocks + 1):
            _look(chart, eye, i * BLOCK, top + BLOCK, found[lower, 0, i])
            _corner(chart, smooth, first, second, light, found[lower, :, i], values[lower, i])
        if top < begin:
            continue
        for n in range(2):
            up, down = found[upper, n], found[lower, n]
            for i in range(blocks):
                above = max(values[upper, i, 3 + n], values[upper, i + 1, 3 + n])
                below = max(values[lower, i, 3 + n], values[lower, i + 1, 3 + n])
                shown[n, i] = max(above, below) > _STILL
                _place(sides, chart, up[i], up[i + 1], down[i], down[i + 1], places[n, :, i])
        first_row, last_row = max(top, rows[0]), min(top + BLOCK, rows[1])
        for channel in range(3):
            half = 1 if channel == 0 else 2
            x, y = (0.0, 0.0) if channel == 0 else eye.chroma_xy
            for row in range(first_row // half, (last_row + half - 1) // half):
                t = (half * row + y - top) / BLOCK
                _values(values[upper], values[lower], t, line)
                target = out[channel][row]
                for n in range(2):
                    _detail(
                        planes[channel], places[n], t, x, half, lines, shown[n], detail[n, : target.shape[0]]
                    )
                _mix(detail, line, channel, BLOCK // half, target)
        if light.shape[0] > 0:
            for row in range(first_row // 2, (last_row + 1) // 2):
                _values(values[upper], values[lower], (2 * row + eye.chroma_xy[1] - top) / BLOCK, line)
                upper_row = out[0][2 * row]
                # The last row of an odd height has its chroma for itself.
                lower_row = out[0][2 * row + 1] if 2 * row + 1 < out[0].shape[0] else upper_row.copy()
                _light(line, matrix, ends, work, upper_row, lower_row, out[1][row], out[2][row])


@jit
def _values(upper: F32, lower: F32, t: float, line: F32) -> None:
    share = np.float32(t)
    for i in range(line.shape[0]):
        for k in range(line.shape[1]):
            line[i, k] = upper[i, k] + share * (lower[i, k] - upper[i, k])


@jit
def _detail(
    plane: U8, places: F64, t: float, begin: float, half: int, lines: F32, shown: Bools, out: U8
) -> None:
    """A row of a copy's detail; only where it is shown is it looked up.

    half: 1 for luma, 2 for chroma, whose samples begin at `begin` luma pixels.
    """
    side = BLOCK // half
    _along(places, t, begin, lines)
    if half == 2:
        for i in range(lines.shape[1]):
            lines[0, i] = np.float32(0.5) * lines[0, i] + np.float32(places[8, i])
            lines[1, i] = np.float32(0.5) * lines[1, i] + np.float32(places[9, i])
    i = 0
    while i < lines.shape[1]:
        end = i
        while end < lines.shape[1] and shown[end] == shown[i]:
            end += 1
        if shown[i]:
            _sample(plane, lines[:, i:end], side, out[i * side : min(end * side, out.shape[0])])
        else:
            out[i * side : min(end * side, out.shape[0])] = MIDDLE
        i = end


@jit
def _mix(detail: U8, line: F32, channel: int, side: int, out: U8) -> None:
    """A row of a plane: what is smooth, and the detail of both copies by their shares."""
    a, b = detail[0], detail[1]
    per_sample = np.float32(1.0 / side)
    for i in range(line.shape[0] - 1):
        left, right = i * side, min(i * side + side, out.shape[0])
        base, of_a, of_b = line[i, channel], line[i, 3], line[i, 4]
        base_step = per_sample * (line[i + 1, channel] - base)
        a_step, b_step = per_sample * (line[i + 1, 3] - of_a), per_sample * (line[i + 1, 4] - of_b)
        base += np.float32(0.5)
        own, near, far = out[left:right], a[left:right], b[left:right]
        for k in range(own.shape[0]):
            along = np.float32(k)
            level = base + along * base_step
            level += (of_a + along * a_step) * (np.float32(near[k]) - np.float32(MIDDLE))
            level += (of_b + along * b_step) * (np.float32(far[k]) - np.float32(MIDDLE))
            own[k] = np.uint8(min(max(level, np.float32(0.0)), np.float32(255.0)))


@jit
def _light(line: F32, matrix: F32, ends: F32, work: F32, upper: U8, lower: U8, u: U8, v: U8) -> None:
    """Two rows of luma, perhaps the same twice, and their row of chroma in another light, in place.

    Y' = e Y + f U + g V and so on, Y, U and V without their offsets. ends: float32 (9, blocks + 1) and work:
    float32 (13, samples of chroma in all blocks, or twice as many) are for the way there.
    """
    for i in range(line.shape[0]):
        _lighting(line[i], matrix, ends[:, i])
    for k in range(9):
        _spread(ends[k], BLOCK // 2, work[k])
    count = u.shape[0]
    black, grey, half = matrix[0, 3], matrix[1, 3], np.float32(0.5)
    cu, cv, luma = work[9, :count], work[10, :count], work[11, :count]
    for k in range(count):
        cu[k] = np.float32(u[k]) - grey
    for k in range(count):
        cv[k] = np.float32(v[k]) - grey
    for k in range(count):  # where chroma lies, or half a pixel from it
        luma[k] = half * (np.float32(upper[2 * k]) + np.float32(lower[2 * k])) - black
    for k in range(count):
        u[k] = _level(work[3, k] * luma[k] + work[4, k] * cu[k] + work[5, k] * cv[k] + grey + half)
    for k in range(count):
        v[k] = _level(work[6, k] * luma[k] + work[7, k] * cu[k] + work[8, k] * cv[k] + grey + half)
    for k in range(count):
        luma[k] = work[1, k] * cu[k] + work[2, k] * cv[k] + black + half
    gains, added = work[0], work[12]
    for k in range(count):
        added[2 * k] = luma[k]
        added[2 * k + 1] = luma[k]
    _spread(ends[0], BLOCK, gains)
    for k in range(upper.shape[0]):
        upper[k] = _level(gains[k] * (np.float32(upper[k]) - black) + added[k])
    for k in range(lower.shape[0]):
        lower[k] = _level(gains[k] * (np.float32(lower[k]) - black) + added[k])


@jit
def _spread(ends: F32, side: int, out: F32) -> None:
    """Values between those at the edges of blocks, `side` to a block."""
    per_sample = np.float32(1.0 / side)
    for i in range(ends.shape[0] - 1):
        step = per_sample * (ends[i + 1] - ends[i])
        own = out[i * side : (i + 1) * side]
        for k in range(side):
            own[k] = ends[i] + np.float32(k) * step


@jit
def _level(value: np.float32) -> np.uint8:
    return np.uint8(min(max(value, np.float32(0.0)), np.float32(255.0)))


@jit
def _lighting(values: F32, matrix: F32, rows: F32) -> None:
    """The matrix, row by row, that multiplies red, green and blue by the light; matrix: as of `draw`."""
    for i in range(3):
        for j in range(3):
            total = np.float32(0.0)
            for c in range(3):
                total += matrix[3 + i, c] * values[_SMOOTH + c] * matrix[c, j]
            rows[3 * i + j] = total


@jit
def mean_levels(
    numbers: F64, levels: F64, rays: F64, smooth: F32, light: F32, columns: F64, rows: F64
) -> F64:
    """Means of Y, U and V, then of the light (1 without any), over pixels where columns and rows cross."""
    chart, _, eye = _unpacked(numbers, levels, rays)
    sums = np.zeros(6)
    found, values = np.empty(6), np.empty(_SMOOTH, np.float32)
    for row in rows:
        for column in columns:
            _look(chart, eye, column, row, found)
            factor, shift = fold(chart, found[0])
            x = (factor * found[0] + shift + 0.5) * smooth.shape[1] / chart.width - 0.5
            _fetch(smooth, x, (found[1] + 0.5) * smooth.shape[0] / chart.height - 0.5, values)
            for c in range(3):
                sums[c] += values[c]
                sums[3 + c] += light[int(found[1]), c] if light.shape[0] > 0 else 1.0
    return sums / (len(rows) * len(columns))
