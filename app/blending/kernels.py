"""The blending stage's compiled loops over I420 planes.

Every step from the frame to the finished picture (recolour, relight, composite, halo, haze) is affine in
RGB, so it is affine in YUV as well: no pixel is converted, and a 2x2 block with its shared chroma sample
comes out as it would from RGB. All loops work on stored 8-bit levels, in single precision.
"""

from typing import NamedTuple

import numpy as np

from app.colour import rgb_from_yuv, yuv_from_rgb
from app.frame import F32, F64, I32, U8, Colour
from app.jit import jit

ZERO, ONE = np.float32(0), np.float32(1)
QUARTER, HALF = np.float32(0.25), np.float32(0.5)
GREY, WHITE = np.float32(128), np.float32(255)
UNIT = np.float32(1 / 255)


class Matrix(NamedTuple):
    """`rgb_from_yuv` and its inverse as scalars: R = luma (Y - black) + red_v V, Y = y_r R + y_g G + ..."""

    black: np.float32
    luma: np.float32
    red_v: np.float32
    green_u: np.float32
    green_v: np.float32
    blue_u: np.float32
    y_r: np.float32
    y_g: np.float32
    y_b: np.float32
    u_r: np.float32
    u_g: np.float32
    u_b: np.float32
    v_r: np.float32
    v_g: np.float32
    v_b: np.float32


def matrix_of(colour: Colour) -> Matrix:
    """The numbers of a colour space as the kernels want them."""
    rgb, (black, _, _) = rgb_from_yuv(colour)
    used = rgb[[0, 0, 1, 1, 2], [0, 2, 1, 2, 1]]
    return Matrix(*(np.float32(value) for value in (black, *used, *yuv_from_rgb(colour)[0].ravel())))


class Affine(NamedTuple):
    """The foreground's light in stored levels: Y' = gain Y + y, U' = gain U + u, V' = gain V + v."""

    gain: np.float32
    y: np.float32
    u: np.float32
    v: np.float32


@jit
def _level(value: float) -> np.uint8:
    return np.uint8(min(max(value + HALF, ZERO), WHITE))


@jit
def compose(
    fy: U8, fu: U8, fv: U8,
    cy: U8, cu: U8, cv: U8,
    spans: I32,
    span_row: F32,
    sy: U8, su: U8, sv: U8,
    alpha: U8,
    light: Affine,
    matrix: Matrix,
    halo: F32,
    halo_row: F32,
    haze: F32,
    haze_yuv: F32,
    oy: U8, ou: U8, ov: U8,
) -> None:  # fmt: skip
    """Writes the composite of the planes f (frame) and s (sky) into the planes o.

    In the spans the planes c are taken instead of f (`app.frame.Foreground`; `span_row` is the grid's `row`).
    Then, in this order: `light` on the frame; the sky over it by `alpha` (uint8 (H, W), 255 = sky); screen
    blend of `halo` (float32 (n, 3, block columns), RGB in [0, 1], a fractional row of it for each row of
    blocks in `halo_row`); haze of colour `haze_yuv` by the share in `haze` for each row of blocks.
    """
    height, width = fy.shape
    edge = np.empty((8, 2), np.uint8)
    own_y0, own_y1 = np.empty((2, width), np.uint8)
    own_u, own_v = np.empty((2, fu.shape[1]), np.uint8)
    for row in range(fu.shape[0]):
        top, bottom = 2 * row, min(2 * row + 1, height - 1)  # the last row of an odd height is taken twice
        upper = int(halo_row[row])
        step = halo_row[row] - np.float32(upper)
        h0, h1 = halo[upper], halo[min(upper + 1, halo.shape[0] - 1)]
        here = spans[min(int(span_row[row]), len(spans) - 1)]
        if here[0, 0] == here[0, 1]:
            _compose_blocks(
                fy[top], fy[bottom], fu[row], fv[row], sy[top], sy[bottom], su[row], sv[row],
                alpha[top], alpha[bottom], light, matrix, h0, h1, step, haze[row], haze_yuv,
                oy[top], oy[bottom], ou[row], ov[row],
            )  # fmt: skip
        else:
            own_y0[:], own_y1[:], own_u[:], own_v[:] = fy[top], fy[bottom], fu[row], fv[row]
            for begin, end in here:
                if begin == end:
                    break
                for i in range(2 * begin, 2 * end):
                    own_y0[i], own_y1[i] = cy[top, i], cy[bottom, i]
                for j in range(begin, end):
                    own_u[j], own_v[j] = cu[row, j], cv[row, j]
            _compose_blocks(
                own_y0, own_y1, own_u, own_v, sy[top], sy[bottom], su[row], sv[row],
                alpha[top], alpha[bottom], light, matrix, h0, h1, step, haze[row], haze_yuv,
                oy[top], oy[bottom], ou[row], ov[row],
            )  # fmt: skip
        if width % 2:  # and so is the last column of an odd width
            last = fu.shape[1] - 1
            h0_edge, h1_edge = np.ascontiguousarray(h0[:, last:]), np.ascontiguousarray(h1[:, last:])
            for line in range(2):
                y = top if line == 0 else bottom
                edge[line], edge[2 + line], edge[4 + line] = fy[y, -1], sy[y, -1], alpha[y, -1]
            _compose_blocks(
                edge[0], edge[1], fu[row, last:], fv[row, last:], edge[2], edge[3], su[row, last:],
                sv[row, last:], edge[4], edge[5], light, matrix, h0_edge, h1_edge, step, haze[row],
                haze_yuv, edge[6], edge[7], ou[row, last:], ov[row, last:],
            )  # fmt: skip
            oy[top, -1], oy[bottom, -1] = edge[6, 0], edge[7, 0]


@jit
def _compose_blocks(
    fy0: U8, fy1: U8, fu: U8, fv: U8,
    sy0: U8, sy1: U8, su: U8, sv: U8,
    alpha0: U8, alpha1: U8,
    light: Affine,
    m: Matrix,
    halo0: F32, halo1: F32,
    halo_step: float,
    haze: float,
    haze_yuv: F32,
    oy0: U8, oy1: U8, ou: U8, ov: U8,
) -> None:  # fmt: skip
    """`compose` for one row of whole blocks: two rows of luma (0, 1) and one of chroma."""
    red0, green0, blue0 = halo0[0], halo0[1], halo0[2]
    red1, green1, blue1 = halo1[0], halo1[1], halo1[2]
    gain, light_y, light_u, light_v = light.gain, light.y, light.u - GREY, light.v - GREY
    clear = ONE - haze
    haze_y, haze_u, haze_v = haze * haze_yuv[0], haze * haze_yuv[1], haze * haze_yuv[2]
    for j in range(fy0.shape[0] // 2):
        left, right = 2 * j, 2 * j + 1
        # Light on the foreground, then the sky over it. U and V are counted from grey.
        a00, a01 = UNIT * np.float32(alpha0[left]), UNIT * np.float32(alpha0[right])
        a10, a11 = UNIT * np.float32(alpha1[left]), UNIT * np.float32(alpha1[right])
        a = QUARTER * ((a00 + a01) + (a10 + a11))
        y00 = gain * np.float32(fy0[left]) + light_y
        y01 = gain * np.float32(fy0[right]) + light_y
        y10 = gain * np.float32(fy1[left]) + light_y
        y11 = gain * np.float32(fy1[right]) + light_y
        y00 += a00 * (np.float32(sy0[left]) - y00)
        y01 += a01 * (np.float32(sy0[right]) - y01)
        y10 += a10 * (np.float32(sy1[left]) - y10)
        y11 += a11 * (np.float32(sy1[right]) - y11)
        u = gain * np.float32(fu[j]) + light_u
        v = gain * np.float32(fv[j]) + light_v
        to_sky_u = np.float32(su[j]) - GREY - u
        to_sky_v = np.float32(sv[j]) - GREY - v
        mean_u, mean_v = u + a * to_sky_u, v + a * to_sky_v
        # Screen blend, RGB' = RGB + halo (255 - RGB): first its sum for luma, where RGB is split into what
        # comes from Y (-> fade), from white and black, and from the pixel's own chroma, u + alpha (sky - u).
        red = red0[j] + halo_step * (red1[j] - red0[j])
        green = green0[j] + halo_step * (green1[j] - green0[j])
        blue = blue0[j] + halo_step * (blue1[j] - blue0[j])
        weight_r, weight_g, weight_b = m.y_r * red, m.y_g * green, m.y_b * blue
        weight = weight_r + weight_g + weight_b
        fade = m.luma * weight
        by_u = weight_g * m.green_u + weight_b * m.blue_u
        by_v = weight_r * m.red_v + weight_g * m.green_v
        lift = WHITE * weight + m.black * fade - by_u * u - by_v * v
        lift_alpha = by_u * to_sky_u + by_v * to_sky_v
        # Then for chroma, from the means over the block.
        luma = m.luma * (QUARTER * ((y00 + y01) + (y10 + y11)) - m.black)
        red *= WHITE - luma - m.red_v * mean_v
        green *= WHITE - luma - m.green_u * mean_u - m.green_v * mean_v
        blue *= WHITE - luma - m.blue_u * mean_u
        mean_u += GREY + m.u_r * red + m.u_g * green + m.u_b * blue
        mean_v += GREY + m.v_r * red + m.v_g * green + m.v_b * blue
        oy0[left] = _level(clear * (y00 - fade * y00 + lift - lift_alpha * a00) + haze_y)
        oy0[right] = _level(clear * (y01 - fade * y01 + lift - lift_alpha * a01) + haze_y)
        oy1[left] = _level(clear * (y10 - fade * y10 + lift - lift_alpha * a10) + haze_y)
        oy1[right] = _level(clear * (y11 - fade * y11 + lift - lift_alpha * a11) + haze_y)
        ou[j] = _level(clear * mean_u + haze_u)
        ov[j] = _level(clear * mean_v + haze_v)


@jit
def sky_rows(alpha: U8) -> tuple[int, int]:
    """Rows [first, last) of `alpha` that hold all its non-zero samples; first is even, (0, 0) for none.

    last is even too, or the height.
    """
    height = alpha.shape[0]
    first = last = 0
    for row in range(height):
        peak = np.uint8(0)
        for level in alpha[row]:
            peak = max(peak, level)
        if peak > 0:
            if last == 0:
                first = row - row % 2
            last = min(row + 2 - row % 2, height)
    return first, last


@jit
def survey(fy: U8, fu: U8, fv: U8, sy: U8, su: U8, sv: U8, alpha: U8, stride: int, cells: F32) -> F64:
    """Sums over the foreground: float64 (4,), [weight, weight Y, weight U, weight V], weight = 1 - alpha.

    Of the 2x2 blocks every `stride`-th is read in both directions, from the top left one on. Of the sky each
    cell of `cells` (float32 (rows, 4, columns), written here) gets the mean of [alpha, alpha Y, alpha U,
    alpha V]; a cell is two by two of the blocks that are read, or as many of them as there are.
    """
    height, width = fy.shape
    blocks_down, blocks_across = (fu.shape[0] + stride - 1) // stride, (fu.shape[1] + stride - 1) // stride
    sums = np.zeros(4)
    cells[:] = 0
    for r in range(blocks_down):
        row = r * stride
        top, bottom = 2 * row, min(2 * row + 1, height - 1)
        alpha0, fy0, sy0, alpha1, fy1, sy1 = (
            alpha[top],
            fy[top],
            sy[top],
            alpha[bottom],
            fy[bottom],
            sy[bottom],
        )
        own_weight = own_y = own_u = own_v = ZERO
        sky_weight, sky_y, sky_u, sky_v = cells[r >> 1]
        for c in range(blocks_across):
            column, cell = c * stride, c >> 1
            left, right = 2 * column, min(2 * column + 1, width - 1)
            a00, a01 = UNIT * np.float32(alpha0[left]), UNIT * np.float32(alpha0[right])
            a10, a11 = UNIT * np.float32(alpha1[left]), UNIT * np.float32(alpha1[right])
            a = QUARTER * ((a00 + a01) + (a10 + a11))
            if a < ONE:
                own_weight += ONE - a
                own_y += QUARTER * (
                    ((ONE - a00) * np.float32(fy0[left]) + (ONE - a01) * np.float32(fy0[right]))
                    + ((ONE - a10) * np.float32(fy1[left]) + (ONE - a11) * np.float32(fy1[right]))
                )
                own_u += (ONE - a) * np.float32(fu[row, column])
                own_v += (ONE - a) * np.float32(fv[row, column])
            if a > ZERO:
                sky_weight[cell] += a
                sky_y[cell] += QUARTER * (
                    (a00 * np.float32(sy0[left]) + a01 * np.float32(sy0[right]))
                    + (a10 * np.float32(sy1[left]) + a11 * np.float32(sy1[right]))
                )
                sky_u[cell] += a * np.float32(su[row, column])
                sky_v[cell] += a * np.float32(sv[row, column])
        sums += np.array([own_weight, own_y, own_u, own_v])
    for r in range(cells.shape[0]):
        for c in range(cells.shape[2]):
            cells[r, :, c] /= np.float32(min(blocks_down - 2 * r, 2) * min(blocks_across - 2 * c, 2))
    return sums


@jit
def box_blur(values: F32, width: float, blurred: F32) -> None:
    """Means over `width` rows, which need not be whole, mirrored at the ends; float32 (rows, any).

    A running sum, in double precision so that nothing is left where the box has passed.
    """
    rows, columns = values.shape
    half = (width - 1) / 2
    whole = int(half)  # rows on either side that lie in the box; of the next ones, `part`
    part = half - whole
    sums = np.zeros(columns)
    for offset in range(-whole - 1, whole):
        sums += values[_mirrored(offset, rows)]
    for row in range(rows):
        entering, leaving = values[_mirrored(row + whole, rows)], values[_mirrored(row - whole - 1, rows)]
        after = values[_mirrored(row + whole + 1, rows)]
        for column in range(columns):
            sums[column] += entering[column]
            sums[column] -= leaving[column]
            ends = np.float64(leaving[column]) + np.float64(after[column])
            blurred[row, column] = np.float32((sums[column] + part * ends) / width)


@jit
def _mirrored(index: int, count: int) -> int:
    index %= 2 * count
    return min(index, 2 * count - 1 - index)


@jit
def widen(grid: F32, at: F32, wide: F32) -> None:
    """Columns of `grid` (float32 (rows, columns)) at the fractional places `at`, linear between them.

    wide: float32 (rows, len(at)), written here. `at` lies in [0, columns - 1].
    """
    for row in range(grid.shape[0]):
        line, out = grid[row], wide[row]
        for j in range(at.shape[0]):
            left = np.int32(at[j])
            value = line[left]
            out[j] = value + (at[j] - np.float32(left)) * (line[min(left + 1, line.shape[0] - 1)] - value)


@jit
def draw_streaks(plane: U8, streaks: F32, scale: float, target: F32) -> None:
    """Blends soft streaks over a plane, in place.

    streaks: float32 (n, 7): x0, y0, x1, y1 (ends), radius, in picture heights; opacity in [0, 1]; taper, the
    share by which the ends are fainter than the middle. scale: rows of the plane in one picture height.
    target: float32 (rows,), the level that an opaque streak has in each row.
    """
    height, width = plane.shape
    for n in range(streaks.shape[0]):
        x0, y0 = scale * streaks[n, 0], scale * streaks[n, 1]
        x1, y1 = scale * streaks[n, 2], scale * streaks[n, 3]
        # Thinner than a pixel can show: wider and as much fainter.
        radius = max(scale * streaks[n, 4], ONE)
        opacity = streaks[n, 5] * (scale * streaks[n, 4] / radius)
        along_x, along_y = x1 - x0, y1 - y0
        length2 = along_x * along_x + along_y * along_y + np.float32(1e-6)
        slope = along_x / (along_y + np.float32(1e-6))
        reach = radius * np.sqrt(ONE + slope * slope)
        per_radius2 = ONE / (radius * radius)
        for row in range(max(int(np.ceil(y0 - radius)), 0), min(int(y1 + radius) + 1, height)):
            y = np.float32(row)
            centre = x0 + slope * (min(max(y, y0), y1) - y0)
            first, last = max(int(np.ceil(centre - reach)), 0), min(int(np.floor(centre + reach)) + 1, width)
            for column in range(first, last):
                dx, dy = np.float32(column) - x0, y - y0
                part = min(max((dx * along_x + dy * along_y) / length2, ZERO), ONE)
                ox, oy = dx - part * along_x, dy - part * along_y
                inside = ONE - (ox * ox + oy * oy) * per_radius2
                if inside > ZERO:
                    middle = np.float32(2) * part - ONE
                    share = opacity * inside * inside * (ONE - streaks[n, 6] * middle * middle)
                    level = np.float32(plane[row, column])
                    plane[row, column] = _level(level + share * (target[row] - level))
