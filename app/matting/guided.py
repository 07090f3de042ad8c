"""Brings the network's small alpha to the frame's size with edges that follow the picture.

The fast guided filter (He and Sun, "Fast Guided Filter", arXiv 1505.00996): in every window the alpha is
fitted as a line over the luma, alpha = slope * luma + offset, at the network's size; slope and offset are
averaged over the windows that hold a pixel, brought to the frame's size and applied to its own luma. Two
things are ours:

- A window speaks with weight r^2, the share of the alpha's variance that its line explains, and leaves the
  rest to the alpha as it is. Where luma says nothing (a white tower before a blue sky of the same brightness)
  the plain filter blurs the edge over twice its radius; above roofs it prints clouds into the alpha.
- Slope and offset are in 8-bit levels and contain the final stretch of the contrast. Between four of them
  that can only give 0, or only 255, pixels are filled without being looked at: most of a frame is.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.frame import F32, I32, U8
from app.jit import jit

I64 = NDArray[np.int64]

FLOOR = 0.05
"""Alpha up to this becomes 0, from 1 minus this on 1, what is between is stretched: no faint haze of sky."""

_GAIN = np.float32(1 / (1 - 2 * FLOOR))
_FLOOR_LEVEL = np.float32(255 * FLOOR)

_ALPHA_VARIANCE = np.float32(1e-3 * 255**2)
"""Regulariser of r^2, in levels^2: an alpha that varies less than this has no edge to refine."""

_MIXED = np.uint8(1)
"""Kind of a cell whose pixels must be computed; 0 and 255 are the kinds of those that need not."""


_SHORTEST_FILL = 32
"""Fills of fewer pixels than this between computed ones cost more than they save."""


def guided_upsample(alpha: F32, small_luma: U8, luma: U8, radius: int, eps: float) -> U8:
    """Alpha at the frame's size, uint8 (H, W), 255 where `alpha` is 1.

    `alpha` float32 (h, w) in [0, 1] and `small_luma` uint8 (h, w) are at the network's size, at least 2x2;
    `luma` uint8 (H, W) is the frame's, of any size, and shows what `small_luma` shows. `radius` is that of
    the windows in network pixels, at most 32; `eps` is the variance of the luma (in [0, 1]) below which an
    edge in it is not trusted.
    """
    slope, offset = guide_coefficients(alpha, small_luma, radius, eps)
    return apply_coefficients(slope, offset, luma)


def guide_coefficients(alpha: F32, small_luma: U8, radius: int, eps: float) -> tuple[F32, F32]:
    """(slope, offset), float32 (h, w): alpha's level = slope * luma's level + offset, still to be clipped."""
    fits = np.empty((3, *alpha.shape), np.float32)
    levels = np.empty(alpha.shape, np.uint8)
    _fit_windows(alpha, small_luma, radius, np.float32(eps * 255**2), levels, fits)
    slope, offset = np.empty_like(alpha), np.empty_like(alpha)
    _average_windows(fits, levels, radius, slope, offset)
    return slope, offset


def apply_coefficients(slope: F32, offset: F32, luma: U8) -> U8:
    """slope * luma + offset, clipped to uint8 (H, W); slope and offset are brought to (H, W) bilinearly."""
    alpha = np.empty(luma.shape, np.uint8)
    _apply(slope, offset, luma, alpha)
    return alpha


@jit
def _fit_windows(alpha: F32, luma: U8, radius: int, eps: np.float32, levels: U8, fits: F32) -> None:
    """fits[0] = weight * slope, fits[1] = weight * offset, fits[2] = weight of each pixel's window."""
    height, width = alpha.shape
    for row in range(height):
        for column in range(width):
            value = min(max(alpha[row, column], np.float32(0)), np.float32(1))
            levels[row, column] = np.uint8(value * np.float32(255) + np.float32(0.5))
    # Sums of luma, alpha and their products over the window's rows, with a margin of zeros on both sides;
    # then over its columns. Integers are exact: a row that comes and goes leaves no trace. The largest sum is
    # 65 * 65 * 255^2.
    tall = np.zeros((5, radius + 1 + width + radius), np.int32)
    wide = np.empty((5, width), np.int32)
    columns = _window_sizes(width, radius)
    rows = _window_sizes(height, radius)
    for row in range(-radius, height):
        if row + radius < height:
            _add_products(tall, radius + 1, luma[row + radius], levels[row + radius], np.int32(1))
        if row - radius - 1 >= 0:
            _add_products(tall, radius + 1, luma[row - radius - 1], levels[row - radius - 1], np.int32(-1))
        if row >= 0:
            _sum_columns(tall[:3], wide[:3])
            _sum_columns(tall[2:], wide[2:])  # the third once more, to have three
            _fit_row(wide, columns, rows[row], eps, fits[0, row], fits[1, row], fits[2, row])


@jit
def _add_products(sums: I32, margin: int, luma: U8, levels: U8, sign: np.int32) -> None:
    """Add a row to the sums, or take it out."""
    of_luma, of_alpha, of_luma2 = sums[0, margin:], sums[1, margin:], sums[2, margin:]
    of_both, of_alpha2 = sums[3, margin:], sums[4, margin:]
    for i in range(luma.shape[0]):
        y, p = np.int32(luma[i]), np.int32(levels[i])
        of_luma[i] += sign * y
        of_alpha[i] += sign * p
        of_luma2[i] += sign * (y * y)
        of_both[i] += sign * (y * p)
        of_alpha2[i] += sign * (p * p)


@jit
def _sum_columns(tall: NDArray[Any], wide: NDArray[Any]) -> None:
    """Sums over each window's columns, of three rows side by side: one alone keeps the processor waiting."""
    width = wide.shape[1]
    span = tall.shape[1] - width
    out0, out1, out2 = wide[0], wide[1], wide[2]
    old0, old1, old2 = tall[0], tall[1], tall[2]
    new0, new1, new2 = old0[span:], old1[span:], old2[span:]
    sum0, sum1, sum2 = old0[:span].sum(), old1[:span].sum(), old2[:span].sum()
    for i in range(width):
        sum0 += new0[i] - old0[i]
        sum1 += new1[i] - old1[i]
        sum2 += new2[i] - old2[i]
        out0[i], out1[i], out2[i] = sum0, sum1, sum2


@jit
def _fit_row(
    sums: I32, columns: F32, rows: np.float32, eps: np.float32, slopes: F32, offsets: F32, weights: F32
) -> None:
    """Each window's weight, and its slope and offset times the weight."""
    of_luma, of_alpha, of_luma2, of_both, of_alpha2 = sums[0], sums[1], sums[2], sums[3], sums[4]
    for i in range(columns.shape[0]):
        scale = np.float32(1) / (rows * columns[i])
        mean_luma, mean_alpha = np.float32(of_luma[i]) * scale, np.float32(of_alpha[i]) * scale
        luma_variance = np.float32(of_luma2[i]) * scale - mean_luma * mean_luma + eps
        covariance = np.float32(of_both[i]) * scale - mean_luma * mean_alpha
        alpha_variance = np.float32(of_alpha2[i]) * scale - mean_alpha * mean_alpha + _ALPHA_VARIANCE
        slope = covariance / luma_variance
        weight = slope * covariance / alpha_variance
        slopes[i] = weight * slope
        offsets[i] = weight * (mean_alpha - slope * mean_luma)
        weights[i] = weight


@jit
def _window_sizes(length: int, radius: int) -> F32:
    """How many of `length` samples the window around each sample holds."""
    sizes = np.empty(length, np.float32)
    for i in range(length):
        sizes[i] = min(i + radius, length - 1) - max(i - radius, 0) + 1
    return sizes


@jit
def _average_windows(fits: F32, levels: U8, radius: int, slope: F32, offset: F32) -> None:
    """The coefficients of each pixel from those of all windows that hold it, with the contrast stretched."""
    height, width = levels.shape
    tall = np.zeros((3, radius + 1 + width + radius), np.float32)
    wide = np.empty((3, width), np.float32)
    columns = _window_sizes(width, radius)
    rows = _window_sizes(height, radius)
    for row in range(-radius, height):
        for k in range(3):
            sums = tall[k, radius + 1 :]
            if row + radius < height:
                _add(sums, fits[k, row + radius], np.float32(1))
            if row - radius - 1 >= 0:
                _add(sums, fits[k, row - radius - 1], np.float32(-1))
        if row >= 0:
            _sum_columns(tall, wide)
            _average_row(wide, columns, rows[row], levels[row], slope[row], offset[row])


@jit
def _add(sums: F32, values: F32, sign: np.float32) -> None:
    for i in range(values.shape[0]):
        sums[i] += sign * values[i]


@jit
def _average_row(sums: F32, columns: F32, rows: np.float32, levels: U8, slope: F32, offset: F32) -> None:
    for i in range(columns.shape[0]):
        scale = np.float32(1) / (rows * columns[i])
        own = (np.float32(1) - sums[2, i] * scale) * np.float32(levels[i])
        slope[i] = _GAIN * sums[0, i] * scale
        offset[i] = _GAIN * (sums[1, i] * scale + own - _FLOOR_LEVEL)


@jit
def _apply(slope: F32, offset: F32, luma: U8, alpha: U8) -> None:
    height, width = luma.shape
    rows, columns = slope.shape
    kinds = _kinds(slope, offset)
    above, down = _cells(height, rows)
    left, right = _cells(width, columns)
    begins = _cell_begins(left, columns)
    runs, run_kinds = np.empty(columns, np.int64), np.empty(columns - 1, np.uint8)
    # At the frame's columns: the coefficients along a row of cells' upper edge, and the way to its lower.
    top_slope, top_offset = np.empty(width, np.float32), np.empty(width, np.float32)
    more_slope, more_offset = np.empty(width, np.float32), np.empty(width, np.float32)
    count = 0
    for y in range(height):
        cell = above[y]
        if y == 0 or cell != above[y - 1]:
            count = _find_runs(kinds[cell], kinds[cell + 1], begins, runs, run_kinds)
            for run in range(count):
                if run_kinds[run] == _MIXED:
                    span = slice(runs[run], runs[run + 1])
                    part, share = left[span], right[span]
                    _spread(slope[cell], slope[cell + 1], part, share, top_slope[span], more_slope[span])
                    _spread(offset[cell], offset[cell + 1], part, share, top_offset[span], more_offset[span])
        row, out = luma[y], alpha[y]
        for run in range(count):
            span = slice(runs[run], runs[run + 1])
            if run_kinds[run] == _MIXED:
                slopes, offsets = (top_slope[span], more_slope[span]), (top_offset[span], more_offset[span])
                _apply_run(slopes, offsets, down[y], row[span], out[span])
            else:
                out[span] = run_kinds[run]


@jit
def _kinds(slope: F32, offset: F32) -> U8:
    """0 or 255 where slope and offset give that for every luma, else _MIXED."""
    kinds = np.empty(slope.shape, np.uint8)
    for row in range(slope.shape[0]):
        slopes, offsets, out = slope[row], offset[row], kinds[row]
        for i in range(slopes.shape[0]):
            at_black = offsets[i]
            at_white = at_black + np.float32(255) * slopes[i]
            if max(at_black, at_white) < np.float32(0.5):
                out[i] = 0
            elif min(at_black, at_white) >= np.float32(254.5):
                out[i] = 255
            else:
                out[i] = _MIXED
    return kinds


@jit
def _cells(pixels: int, samples: int) -> tuple[I32, F32]:
    """For each of `pixels`, the cell it lies in (between samples i and i + 1) and the share of i + 1."""
    cell, share = np.empty(pixels, np.int32), np.empty(pixels, np.float32)
    for pixel in range(pixels):
        place = min(max((pixel + 0.5) * samples / pixels - 0.5, 0.0), samples - 1.0)
        cell[pixel] = min(int(place), samples - 2)
        share[pixel] = place - cell[pixel]
    return cell, share


@jit
def _cell_begins(cell: I32, samples: int) -> I32:
    """The first pixel of each cell, or of the next that has any; last the number of pixels."""
    begins = np.full(samples, cell.shape[0], np.int32)
    for pixel in range(cell.shape[0] - 1, -1, -1):
        begins[cell[pixel]] = pixel
    for i in range(samples - 2, -1, -1):
        begins[i] = min(begins[i], begins[i + 1])
    return begins


@jit
def _find_runs(upper: U8, lower: U8, begins: I32, runs: I64, run_kinds: U8) -> int:
    """How many runs of one kind a row of cells has; `runs` gets their first pixels, and the row's end."""
    count = 0
    for i in range(begins.shape[0] - 1):
        kind = upper[i]
        if upper[i + 1] != kind or lower[i] != kind or lower[i + 1] != kind:
            kind = _MIXED
        if count > 0 and kind == run_kinds[count - 1]:
            continue
        if kind == _MIXED and count > 1 and begins[i] - runs[count - 1] < _SHORTEST_FILL:
            count -= 1  # run on through the few pixels that could have been filled
        else:
            runs[count], run_kinds[count] = begins[i], kind
            count += 1
    runs[count] = begins[-1]
    return count


@jit
def _spread(upper: F32, lower: F32, left: I32, right: F32, top: F32, more: F32) -> None:
    """A row of cells' upper samples at the pixels' columns, and the differences to the lower ones."""
    for x in range(left.shape[0]):
        i, share = left[x], right[x]
        at_top = upper[i] + share * (upper[i + 1] - upper[i])
        top[x] = at_top
        more[x] = lower[i] + share * (lower[i + 1] - lower[i]) - at_top


@jit
def _apply_run(
    slopes: tuple[F32, F32], offsets: tuple[F32, F32], down: np.float32, luma: U8, alpha: U8
) -> None:
    top_slope, more_slope = slopes
    top_offset, more_offset = offsets
    for x in range(luma.shape[0]):
        slope = top_slope[x] + down * more_slope[x]
        level = slope * np.float32(luma[x]) + top_offset[x] + down * more_offset[x] + np.float32(0.5)
        alpha[x] = np.uint8(np.int32(min(max(level, np.float32(0)), np.float32(255))))
