"""The edge between foreground and old sky: what is left of the old sky there, and how to be rid of it.

In a soft edge the camera saw I = F (1 - A) + B A: foreground F, old sky B. Over a new sky the rest of B shows
as a rim. F is estimated as by blur fusion (Forte, "Approximate fast foreground colour estimation", ICIP
2021): with local means F^ and B^ of what is surely foreground and surely sky,

    F = F^ + (1 - A) (I - A B^ - (1 - A) F^).

The same means tell where alpha itself is wrong by some pixels: near the edge, what has the sky's colour is
sky, and what is as far from it as the foreground is none.
"""

import numpy as np
from numpy.typing import NDArray

from app.frame import F32, I32, NO_SPANS, U8, Foreground, Planes
from app.grid import Grid
from app.jit import jit

Bools = NDArray[np.bool_]

ZERO, ONE, HALF = np.float32(0), np.float32(1), np.float32(0.5)
WHITE, UNIT, QUARTER = np.float32(255), np.float32(1 / 255), np.float32(0.25)

_TAPS = np.exp(-0.5 * (np.arange(-3, 4) / 1.5) ** 2)
_TAPS = (_TAPS / _TAPS.sum()).astype(np.float32)
"""The local means are Gaussian, over cells."""

_SURE = 5
"""Mean alpha of a block up to which it is surely foreground, and from 255 minus which on surely sky."""

_FAINT, _NEAR = np.float32(0.004), np.float32(0.02)
"""Share of sky, and of foreground, around a pixel: from the first to the second their colours come in."""

_BESIDE, _AT = np.float32(0.1), np.float32(0.35)
"""Share of sky around a pixel: from the first to the second a mixed colour comes to be an edge's."""

_CHROMA = np.float32(3)
"""Weight of a squared difference in U and V beside one in Y."""

_LIKE, _UNLIKE = np.float32(0.1), np.float32(0.5)
_OTHER, _FOREIGN = np.float32(0.15), np.float32(0.6)
"""Distance to the sky's colour, in distances of sky and foreground: up to the first a pixel is sky, from the
second on it may be anything; from the third on it is not all sky, from the fourth on none."""

_CONTRAST = np.float32(40**2)
"""Squared distance of sky and foreground from which on colours tell them apart."""

# The means as fields on the cells.
_TRUST, _SCALE, _Y_SKY, _Y_OWN, _U_SKY, _U_OWN, _V_SKY, _V_OWN, _TOUCH = range(9)
_FIELDS = 9


class EdgeFinder:
    """Finds the edges of frames of one size; remembers nothing."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._cell = np.minimum(grid.column.astype(np.int32), max(grid.columns - 2, 0))
        self._share = grid.column - self._cell.astype(np.float32)

    def find(self, planes: Planes, alpha: U8) -> tuple[U8, Foreground]:
        """A frame's alpha, corrected at its edges, and its foreground; alpha is uint8 (H, W), 255 = sky."""
        grid = self._grid
        if grid.columns < 2:
            return alpha, Foreground(planes, NO_SPANS)
        fields, known = _surroundings(planes, alpha, grid)
        spans = np.zeros((grid.rows, grid.columns // 2 + 2, 2), np.int32)
        _find_spans(known, self._cell[: alpha.shape[1] // 2], spans)
        better = alpha.copy()
        clean = Planes(*(np.empty_like(plane) for plane in planes))
        _refine(*planes, alpha, fields, spans, grid.row, self._cell, self._share, better, *clean)
        for array in (better, *clean, spans):
            array.setflags(write=False)
        return better, Foreground(clean, spans)


def _surroundings(planes: Planes, alpha: U8, grid: Grid) -> tuple[F32, Bools]:
    sums = np.empty((grid.rows, 8, grid.columns), np.float32)
    _gather(*planes, alpha, grid.stride, sums)
    _blur(sums, _TAPS)
    fields = np.empty((grid.rows, _FIELDS, grid.columns), np.float32)
    known = np.empty((grid.rows, grid.columns), np.bool_)
    _fill(sums, fields, known)
    return fields, known


@jit
def _gather(fy: U8, fu: U8, fv: U8, alpha: U8, stride: int, sums: F32) -> None:
    """Per cell the sums of [1, Y, U, V] over blocks of sky, then of foreground: two blocks on a diagonal."""
    height, width = fy.shape
    sums[:] = 0
    across = (fu.shape[1] + stride - 1) // stride
    for r in range((fu.shape[0] + stride - 1) // stride):
        row = r * stride
        top, bottom = 2 * row, min(2 * row + 1, height - 1)
        alpha0, alpha1, y0, y1 = alpha[top], alpha[bottom], fy[top], fy[bottom]
        sky, sky_y, sky_u, sky_v, own, own_y, own_u, own_v = sums[r >> 1]
        us, vs = fu[row], fv[row]
        for c in range(r & 1, across, 2):
            column, cell = c * stride, c >> 1
            left, right = 2 * column, min(2 * column + 1, width - 1)
            level = (int(alpha0[left]) + int(alpha0[right])) + (int(alpha1[left]) + int(alpha1[right]))
            if level <= 4 * _SURE:
                own[cell] += ONE
                own_y[cell] += HALF * (np.float32(y0[left]) + np.float32(y1[right]))
                own_u[cell] += np.float32(us[column])
                own_v[cell] += np.float32(vs[column])
            elif level >= 4 * (255 - _SURE):
                sky[cell] += ONE
                sky_y[cell] += HALF * (np.float32(y0[left]) + np.float32(y1[right]))
                sky_u[cell] += np.float32(us[column])
                sky_v[cell] += np.float32(vs[column])


@jit
def _blur(sums: F32, taps: F32) -> None:
    """A filter over rows and columns, in place; beyond the picture there is nothing."""
    rows, channels, columns = sums.shape
    reach = taps.shape[0] // 2
    down = np.zeros((rows, channels, columns + 2 * reach), np.float32)
    for row in range(rows):
        for tap in range(-min(reach, row), min(reach, rows - 1 - row) + 1):
            weight = taps[reach + tap]
            for channel in range(channels):
                out, line = down[row, channel, reach:], sums[row + tap, channel]
                for i in range(columns):
                    out[i] += weight * line[i]
    for row in range(rows):
        for channel in range(channels):
            out, line = sums[row, channel], down[row, channel]
            out[:] = 0
            for tap in range(2 * reach + 1):
                weight, moved = taps[tap], line[tap:]
                for i in range(columns):
                    out[i] += weight * moved[i]


@jit
def _fill(sums: F32, fields: F32, known: Bools) -> None:
    """Where both sky and foreground are near, the fields from the sums."""
    for row in range(sums.shape[0]):
        for i in range(sums.shape[2]):
            sky, own = HALF * sums[row, 0, i], HALF * sums[row, 4, i]  # two blocks make a whole cell
            less = min(sky, own)
            known[row, i] = less > _FAINT
            if not known[row, i]:
                continue
            here = fields[row, :, i]
            distance = ZERO
            for k in range(3):
                b, f = HALF * sums[row, 1 + k, i] / sky, HALF * sums[row, 5 + k, i] / own
                here[_Y_SKY + 2 * k], here[_Y_OWN + 2 * k] = b, f
                distance += (ONE if k == 0 else _CHROMA) * (b - f) * (b - f)
            here[_TRUST] = min((less - _FAINT) / (_NEAR - _FAINT), ONE) * min(distance / _CONTRAST, ONE)
            here[_TOUCH] = here[_TRUST] * min(max((sky - _BESIDE) / (_AT - _BESIDE), ZERO), ONE)
            here[_SCALE] = ONE / (distance + ONE)


@jit
def _find_spans(known: Bools, cell: I32, spans: I32) -> None:
    """Runs of blocks that lie between known cells of a row and the next, for each row of cells."""
    rows = known.shape[0]
    for row in range(rows):
        upper, lower = known[row], known[min(row + 1, rows - 1)]
        if not upper.any():
            continue
        count = 0
        inside = False
        for j in range(cell.shape[0]):
            left, right = cell[j], cell[j] + 1
            if (upper[left] and upper[right] and lower[left] and lower[right]) != inside:
                inside = not inside
                if inside:
                    spans[row, count, 0] = j
                else:
                    spans[row, count, 1] = j
                    count += 1
        if inside:
            spans[row, count, 1] = cell.shape[0]


@jit
def _refine(
    fy: U8, fu: U8, fv: U8, alpha: U8,
    fields: F32, spans: I32, rows: F32, cell: I32, part: F32,
    better: U8, cy: U8, cu: U8, cv: U8,
) -> None:  # fmt: skip
    """Corrected alpha and cleaned planes in the spans.

    rows: `Grid.row`; cell and part: `Grid.column`, its whole part and the rest.
    """
    height, width = fy.shape
    last_row = fu.shape[0] - 1
    # Of a span, from its start on: the fields and what comes of them.
    trust, scale, y_sky, y_own, touch, rest, share, old0, old1 = np.empty((9, width), np.float32)
    trusts, scales, y_skies, y_owns, u_sky, u_own, v_sky, v_own, touches = at_blocks = np.empty(
        (_FIELDS, width), np.float32
    )
    du, dv, means = np.empty((3, width), np.float32)
    line_of_cells = np.empty(fields.shape[2], np.float32)
    first = 0
    for cell_row in range(spans.shape[0]):
        end_row = first
        while end_row <= last_row and int(rows[end_row]) == cell_row:
            end_row += 1
        upper, lower = fields[cell_row], fields[min(cell_row + 1, fields.shape[0] - 1)]
        for n in range(spans.shape[1]):
            begin, end = spans[cell_row, n]
            if begin == end:
                break
            blocks, pixels = slice(begin, end), slice(2 * begin, 2 * end)
            half = -1
            for row in range(first, end_row):
                us, vs = fu[row, blocks], fv[row, blocks]
                count = us.shape[0]
                if int(2 * rows[row]) != half:  # the fields are smooth: they hold for half a cell
                    half = int(2 * rows[row])
                    step = QUARTER if half == 2 * cell_row else np.float32(0.75)
                    for k in range(_FIELDS):
                        _widen(
                            upper[k], lower[k], step, line_of_cells, cell[blocks], part[blocks], at_blocks[k]
                        )
                    _double(trusts, count, trust)
                    _double(scales, count, scale)
                    _double(y_skies, count, y_sky)
                    _double(y_owns, count, y_own)
                    _double(touches, count, touch)
                for line in range(2):
                    y = min(2 * row + line, height - 1)
                    beside = min(max(row + 2 * line - 1, 0), last_row)
                    _difference(us, fu[beside, blocks], u_sky, du)
                    _difference(vs, fv[beside, blocks], v_sky, dv)
                    _chroma_distance(du, dv, scales, count, rest)
                    ys = fy[y, pixels]
                    old = old0 if line == 0 else old1
                    _distance(ys, scale, y_sky, rest)
                    here = alpha[y, pixels]
                    _correct(here, rest, trust, share)
                    _old_share(here, rest, share, touch, old)
                    _store(share, better[y, pixels])
                    _clean(ys, old, y_sky, y_own, trust, cy[y, pixels])
                _block_means(old0, old1, count, means)
                _clean(us, means, u_sky, u_own, trusts, cu[row, blocks])
                _clean(vs, means, v_sky, v_own, trusts, cv[row, blocks])
        first = end_row


@jit
def _widen(upper: F32, lower: F32, step: np.float32, line: F32, cell: I32, share: F32, wide: F32) -> None:
    """A field between two rows of cells, at places between the cells; `line` is for the way there."""
    for i in range(cell[0], cell[-1] + 2):
        line[i] = upper[i] + step * (lower[i] - upper[i])
    for j in range(cell.shape[0]):
        left = line[cell[j]]
        wide[j] = left + share[j] * (line[cell[j] + 1] - left)


@jit
def _double(blocks: F32, count: int, pixels: F32) -> None:
    for j in range(count):
        pixels[2 * j] = blocks[j]
        pixels[2 * j + 1] = blocks[j]


@jit
def _difference(near: U8, far: U8, sky: F32, difference: F32) -> None:
    """Chroma at a row of luma, which lies a quarter of the way to the next row of chroma, less the sky's."""
    for j in range(near.shape[0]):
        difference[j] = np.float32(0.75) * np.float32(near[j]) + QUARTER * np.float32(far[j]) - sky[j]


@jit
def _chroma_distance(du: F32, dv: F32, scale: F32, count: int, rest: F32) -> None:
    """The chroma's part in the squared distance to the sky, at pixels; a sample lies on the left of two."""
    du[count], dv[count] = du[count - 1], dv[count - 1]
    for j in range(count):
        weight = _CHROMA * scale[j]
        rest[2 * j] = weight * (du[j] * du[j] + dv[j] * dv[j])
        u, v = HALF * (du[j] + du[j + 1]), HALF * (dv[j] + dv[j + 1])
        rest[2 * j + 1] = weight * (u * u + v * v)


# Loops that write into one array only: with two the compiler gives up on vectors.


@jit
def _distance(ys: U8, scale: F32, sky_y: F32, rest: F32) -> None:
    """From the chroma's part in the squared distance to the sky to the distance, in place."""
    for i in range(ys.shape[0]):
        dy = np.float32(ys[i]) - sky_y[i]
        rest[i] = np.sqrt(rest[i] + scale[i] * dy * dy)


@jit
def _correct(alpha: U8, distance: F32, trust: F32, share: F32) -> None:
    """Alpha in [0, 1], raised where the colour is the sky's, and held to what sky the colour leaves room for.

    It is raised by its own share: where the network sees none, pale walls have the sky's colour too.
    """
    for i in range(alpha.shape[0]):
        a = UNIT * np.float32(alpha[i])
        like = min(max((_UNLIKE - distance[i]) * (ONE / (_UNLIKE - _LIKE)), ZERO), ONE)
        raised = a + trust[i] * like * a * (ONE - a)
        most = min(max((_FOREIGN - distance[i]) * (ONE / (_FOREIGN - _OTHER)), ZERO), ONE)
        share[i] = raised - trust[i] * max(raised - most, ZERO)


@jit
def _old_share(alpha: U8, distance: F32, share: F32, touch: F32, old: F32) -> None:
    """The share that the old sky has in each pixel's colour."""
    for i in range(alpha.shape[0]):
        old[i] = max(max(UNIT * np.float32(alpha[i]), share[i]), touch[i] * (ONE - distance[i]))


@jit
def _store(share: F32, alpha: U8) -> None:
    for i in range(alpha.shape[0]):
        alpha[i] = np.uint8(np.int32(WHITE * share[i] + HALF))


@jit
def _clean(levels: U8, share: F32, sky: F32, own: F32, trust: F32, clean: U8) -> None:
    for i in range(levels.shape[0]):
        level, left = np.float32(levels[i]), ONE - share[i]
        alone = own[i] + left * (level - share[i] * sky[i] - left * own[i])
        made = level + trust[i] * (alone - level) + HALF
        clean[i] = np.uint8(np.int32(min(max(made, ZERO), WHITE)))


@jit
def _block_means(upper: F32, lower: F32, count: int, means: F32) -> None:
    for j in range(count):
        left, right = 2 * j, 2 * j + 1
        means[j] = QUARTER * ((upper[left] + upper[right]) + (lower[left] + lower[right]))
