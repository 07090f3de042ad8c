"""Skies drawn along each pixel's ray: exact at the corners of small blocks, bilinear between them.

Directions are (x, y, z) in the sky's own axes: z to the middle of its picture, x to the right of that, y
down. Elevation is the angle above the plane of x and z.
"""

import math
from typing import NamedTuple

import numpy as np

from app.frame import F32, F64, U8
from app.jit import jit

BLOCK = 16
"""Side of a block, in luma pixels."""
CAP_SINE = math.sqrt(0.5)
"""Cosine of the elevation from which on, up and down, a panorama is looked up in pictures of its poles."""
_ONE = np.float32(65536.0)
_AHEAD = math.pi / 3
"""A flat picture keeps its width up to this azimuth; the rest of the turn is fitted to whole copies."""


class Chart(NamedTuple):
    """How the directions of a sky lie on the texels of its texture.

    width, height: texels. per_radian: texels to a radian, in the middle. level_y: row of elevation 0.
    cap: side of each of two squares, the sky around the zenith and around the nadir, `per_radian` texels to a
    radian from their middle, right as in the texture, and z upwards in the zenith's; 0 = there are none, and
    the texture is a flat picture: columns are azimuth and rows the tangent of the elevation, as a camera sees
    them, up to 45 degrees; beyond rows are elevation. Otherwise both are angles, the picture is once around.
    mirrored: every second copy beside the picture is reversed. excess: radians by which half of the turn is
    longer (> 0) or shorter behind the viewer, so that whole copies close the ring.
    """

    width: int
    height: int
    per_radian: float
    level_y: float
    cap: int
    mirrored: bool
    excess: float


class Levels(NamedTuple):
    """Where a texture lies in its arrays, and after it the same at half its size, a quarter ...

    first: float64 (n, 6), column and row, even, of the first luma texel of each: texture, zenith, nadir.
    Beside the texture some columns go on as its neighbouring copies do. chroma_xy: as in `Colour`.
    """

    first: F64
    chroma_xy: tuple[float, float]


class Eye(NamedTuple):
    """How a frame sees a sky.

    rays: float64 (3, 3), from luma pixels to directions in the sky's axes. scale: how much the sky is
    enlarged. chroma_xy: as in `Colour`, of the frame.
    """

    rays: F64
    scale: float
    chroma_xy: tuple[float, float]


@jit
def enlarged(x: float, y: float, z: float, scale: float) -> tuple[float, float, float]:
    """The direction at which a sky has what is seen at (x, y, z) once it is enlarged by `scale`.

    A stereographic zoom: straight ahead all is larger by `scale`, right behind smaller by it; shapes stay
    what they are, and the horizon stays level.
    """
    if scale == 1.0:
        return x, y, z
    length = math.sqrt(x * x + y * y + z * z)
    ahead, behind = scale * scale * (1.0 + z / length), 1.0 - z / length
    aside = 2.0 * scale / length
    return aside * x, aside * y, ahead - behind


@jit
def texel(chart: Chart, x: float, y: float, z: float) -> tuple[float, float]:
    """(column, row) of the texture in a direction of any length; columns go on beside the picture."""
    level = math.sqrt(x * x + z * z)
    azimuth = math.atan2(x, z)
    if chart.cap:
        up = math.atan2(-y, level)
    else:
        behind = (abs(azimuth) - _AHEAD) / (math.pi - _AHEAD)
        if behind > 0.0:
            azimuth += math.copysign(chart.excess * behind * behind * (2.0 - behind), azimuth)
        up = -y / level
        if abs(up) > 1.0:
            up = math.copysign(2.0 * math.atan(abs(up)) + 1.0 - 0.5 * math.pi, up)
    row = chart.level_y - chart.per_radian * up
    return 0.5 * (chart.width - 1) + chart.per_radian * azimuth, min(max(row, 0.0), chart.height - 1.0)


@jit
def cap_texel(chart: Chart, x: float, y: float, z: float) -> tuple[float, float]:
    """(column, row) in the square around the pole that is nearer to a direction."""
    level = math.sqrt(x * x + z * z)
    middle = 0.5 * (chart.cap - 1)
    if level == 0.0:
        return middle, middle
    away = chart.per_radian * math.atan2(level, abs(y)) / level
    return middle + away * x, middle + (-away * z if y < 0.0 else away * z)


@jit
def fold(chart: Chart, u: float) -> tuple[float, float]:
    """(factor, shift) from columns of the copy around column `u` onto the picture's own."""
    copy = math.floor((u + 0.5) / chart.width)
    if chart.mirrored and copy % 2 != 0:
        return -1.0, (copy + 1.0) * chart.width - 1.0
    return 1.0, -copy * chart.width


@jit
def _look(chart: Chart, eye: Eye, column: float, row: float, found: F64) -> None:
    """What a pixel sees: texel, cosine of the elevation, texel of the cap, y."""
    rays = eye.rays
    x = rays[0, 0] * column + rays[0, 1] * row + rays[0, 2]
    y = rays[1, 0] * column + rays[1, 1] * row + rays[1, 2]
    z = rays[2, 0] * column + rays[2, 1] * row + rays[2, 2]
    x, y, z = enlarged(x, y, z, eye.scale)
    level = x * x + z * z
    found[0], found[1] = texel(chart, x, y, z)
    found[2] = math.sqrt(level / (level + y * y))
    if chart.cap:
        found[3], found[4] = cap_texel(chart, x, y, z)
    found[5] = y


def numbers_of(chart: Chart, levels: Levels, eye: Eye) -> F64:
    """All but the arrays, float64 (12,): to hand tuples to compiled code takes as long as many rows."""
    return np.array([*chart, *levels.chroma_xy, eye.scale, *eye.chroma_xy], np.float64)


@jit
def _unpacked(numbers: F64, first: F64, rays: F64) -> tuple[Chart, Levels, Eye]:
    n = numbers
    chart = Chart(int(n[0]), int(n[1]), n[2], n[3], int(n[4]), n[5] != 0.0, n[6])
    return chart, Levels(first, (n[7], n[8])), Eye(rays, n[9], (n[10], n[11]))


@jit
def draw(
    numbers: F64,
    first: F64,
    rays: F64,
    rows: tuple[int, int],
    y: U8,
    u: U8,
    v: U8,
    out_y: U8,
    out_u: U8,
    out_v: U8,
) -> None:
    """Draw luma rows [top, bottom) of a frame's planes, and the chroma rows with them; top is even.

    numbers: `numbers_of`; first and rays: those of `Levels` and `Eye`; y, u, v: the texture's arrays.
    """
    chart, levels, eye = _unpacked(numbers, first, rays)
    blocks = (out_y.shape[1] + BLOCK - 1) // BLOCK
    upper, lower = np.empty((blocks + 1, 6)), np.empty((blocks + 1, 6))
    places, lines = np.empty((10, blocks)), np.empty((4, blocks), np.float32)
    begin = rows[0] // BLOCK * BLOCK
    for i in range(blocks + 1):
        _look(chart, eye, i * BLOCK, begin, lower[i])
    for top in range(begin, rows[1], BLOCK):
        upper, lower = lower, upper
        for i in range(blocks + 1):
            _look(chart, eye, i * BLOCK, top + BLOCK, lower[i])
        for i in range(blocks):
            _place(levels, chart, upper[i], upper[i + 1], lower[i], lower[i + 1], places[:, i])
        luma_rows = max(top, rows[0]), min(top + BLOCK, rows[1])
        for row in range(luma_rows[0], luma_rows[1]):
            _along(places, (row - top) / BLOCK, 0.0, lines)
            _sample(y, lines, BLOCK, out_y[row])
        for row in range(luma_rows[0] // 2, (luma_rows[1] + 1) // 2):
            _along(places, (2 * row + eye.chroma_xy[1] - top) / BLOCK, eye.chroma_xy[0], lines)
            for i in range(blocks):
                lines[0, i] = np.float32(0.5) * lines[0, i] + np.float32(places[8, i])
                lines[1, i] = np.float32(0.5) * lines[1, i] + np.float32(places[9, i])
            _sample(u, lines, BLOCK // 2, out_u[row])
            _sample(v, lines, BLOCK // 2, out_v[row])


@jit
def _place(levels: Levels, chart: Chart, a: F64, b: F64, c: F64, d: F64, place: F64) -> None:
    """Where a block lies; a, b, c, d: what `_look` says of its corners, upper left, upper right, lower ...

    place: column and row in the luma array at those corners; then what is added to half of a column and of a
    row for the chroma arrays.
    """
    in_cap = chart.cap > 0 and min(min(a[2], b[2]), min(c[2], d[2])) < CAP_SINE
    k = 3 if in_cap else 0
    ua, ub, uc, ud = a[k], b[k], c[k], d[k]
    va, vb, vc, vd = a[k + 1], b[k + 1], c[k + 1], d[k + 1]
    factor, shift, part = 1.0, 0.0, 0
    if in_cap:
        part = 2 if a[5] < 0.0 else 4
    else:
        turn = 2.0 * (math.pi + chart.excess) * chart.per_radian
        ub, uc, ud = _near(ub, ua, turn), _near(uc, ua, turn), _near(ud, ua, turn)
        factor, shift = fold(chart, 0.25 * (ua + ub + uc + ud))
    covered = abs((ub - ua) * (vc - va) - (uc - ua) * (vb - va))
    level, size = 0, 1.0
    while covered > 2.0 * BLOCK * BLOCK and level + 1 < len(levels.first):
        level, size, covered = level + 1, 0.5 * size, 0.25 * covered
    x_size, x_shift = size * factor, size * shift + levels.first[level, part] + 0.5 * size - 0.5
    y_shift = levels.first[level, part + 1] + 0.5 * size - 0.5
    place[0], place[1] = x_size * ua + x_shift, size * va + y_shift
    place[2], place[3] = x_size * ub + x_shift, size * vb + y_shift
    place[4], place[5] = x_size * uc + x_shift, size * vc + y_shift
    place[6], place[7] = x_size * ud + x_shift, size * vd + y_shift
    place[8] = 0.25 * (size - 1.0) - 0.5 * size * levels.chroma_xy[0]
    place[9] = 0.25 * (size - 1.0) - 0.5 * size * levels.chroma_xy[1]


@jit
def _near(u: float, other: float, turn: float) -> float:
    """The column `u`, or the same one turn on or back: the one nearest to another."""
    return u - turn * math.floor((u - other) / turn + 0.5)


@jit
def _along(places: F64, t: float, begin: float, lines: F32) -> None:
    """Column and row at `begin` pixels from the left edge of each block, and their steps, at height `t`.

    t: as a share of the block's side. In loops over all blocks, which are vectorised.
    """
    for k in range(2):
        a, b, c, d = places[k], places[k + 2], places[k + 4], places[k + 6]
        at, step = lines[k], lines[k + 2]
        for i in range(lines.shape[1]):
            left, right = a[i] + t * (c[i] - a[i]), b[i] + t * (d[i] - b[i])
            along = (right - left) * (1.0 / BLOCK)
            at[i] = np.float32(left + begin * along)
            step[i] = np.float32(along)


@jit
def _sample(plane: U8, lines: F32, side: int, out: U8) -> None:
    """Fill one row of samples, `side` to a block, bilinear; lines: as of `_along`, in the plane's samples."""
    samples, stride = plane.reshape(-1), plane.shape[1]
    most_x, most_y = (stride - 2) << 16, (plane.shape[0] - 2) << 16
    for i in range(lines.shape[1]):
        x, y = np.int64(lines[0, i] * _ONE), np.int64(lines[1, i] * _ONE)
        x_step, y_step = np.int64(lines[2, i] * _ONE), np.int64(lines[3, i] * _ONE)
        left, right = i * side, min(i * side + side, len(out))
        end_x, end_y = x + x_step * (right - left), y + y_step * (right - left)
        if min(x, end_x) < 0 or min(y, end_y) < 0 or max(x, end_x) > most_x or max(y, end_y) > most_y:
            for column in range(left, right):  # a block that is larger than the margins
                at_x, at_y = min(max(x, 0), most_x), min(max(y, 0), most_y)
                out[column] = _between(samples, stride, at_x, at_y)
                x += x_step
                y += y_step
        else:
            for column in range(left, right):
                out[np.uint64(column)] = _between(samples, stride, x, y)
                x += x_step
                y += y_step


@jit
def _between(samples: U8, stride: int, x: np.int64 | int, y: np.int64 | int) -> np.uint8:
    """The level at a place in 16.16 fixed point, within the plane; weights have 8 bits."""
    # Unsigned: otherwise Numba looks each time whether an index is negative.
    at = np.uint64((y >> 16) * stride + (x >> 16))
    across, down = np.int32((x >> 8) & 255), np.int32((y >> 8) & 255)
    a, b = np.int32(samples[at]), np.int32(samples[at + np.uint64(1)])
    c, d = np.int32(samples[at + np.uint64(stride)]), np.int32(samples[at + np.uint64(stride + 1)])
    above, below = (a << 8) + (b - a) * across, (c << 8) + (d - c) * across
    return np.uint8(((above << 8) + (below - above) * down + np.int32(32768)) >> 16)


@jit
def mean_levels(
    numbers: F64, first: F64, rays: F64, y: U8, u: U8, v: U8, number: int, columns: F64, rows: F64
) -> tuple[float, float, float]:
    """Mean levels of Y, U and V over the pixels where some columns and rows cross, in level `number`.

    numbers, first, rays: as in `draw`; y, u, v: the texture's arrays.
    """
    chart, levels, eye = _unpacked(numbers, first, rays)
    size = 0.5**number
    y_sum = u_sum = v_sum = 0.0
    found = np.empty(6)
    for row in rows:
        for column in columns:
            _look(chart, eye, column, row, found)
            if chart.cap > 0 and found[2] < CAP_SINE:
                across, down = found[3], found[4]
                part = 2 if found[5] < 0.0 else 4
            else:
                factor, shift = fold(chart, found[0])
                across, down, part = factor * found[0] + shift, found[1], 0
            # The nearest sample is near enough: each stands for its whole cell.
            i = int(levels.first[number, part]) + int(size * (across + 0.5))
            j = int(levels.first[number, part + 1]) + int(size * (down + 0.5))
            y_sum += y[j, i]
            u_sum += u[j // 2, i // 2]
            v_sum += v[j // 2, i // 2]
    count = len(rows) * len(columns)
    return y_sum / count, u_sum / count, v_sum / count
