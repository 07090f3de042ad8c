"""The sky behind the foreground, its light and halo: `app.blending` and the lookup of `app.sky` in torch.

Planes are float32 in whole levels. `look` is an `export.look.FrameLook` as a dict of its parts.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from export.grid import Grid
from export.sampling import between, doubled, evened, rounded, sampled, sides

Look = dict[str, Tensor]
Planes = tuple[Tensor, Tensor, Tensor]

_SHARPEST = 0.9
"""Share of alpha's range that is cut off at the largest shift."""

_WIDEST_HALO = 0.5


def sky_behind(sky: Planes, rotation: Tensor, look: Look, size_wh: tuple[int, int]) -> Planes:
    """The sky's planes behind the frame, luma evened; `rotation` takes luma pixels to texels of its luma."""
    width, height = size_wh
    columns, rows = torch.arange(width, dtype=torch.float32), torch.arange(height, dtype=torch.float32)
    y = rounded(sampled(sky[0][None], *_texels(rotation, columns, rows)))[0]
    at, moved = look["chroma_xy"], look["sky_chroma_xy"]
    half_columns = 2.0 * torch.arange((width + 1) // 2, dtype=torch.float32) + at[0]
    half_rows = 2.0 * torch.arange((height + 1) // 2, dtype=torch.float32) + at[1]
    across, down = _texels(rotation, half_columns, half_rows)
    chroma = sampled(torch.stack(sky[1:]), 0.5 * across + moved[0], 0.5 * down + moved[1])
    u, v = rounded(chroma)
    return evened(y), u, v


def _texels(rotation: Tensor, columns: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Where the pixels of a plane, given by their columns and rows, are looked up."""
    x, y, w = (line[0] * columns[None] + (line[1] * rows[:, None] + line[2]) for line in rotation)
    return x / w, y / w


def shaped(alpha: Tensor, matte: Tensor) -> Tensor:
    """Alpha (H, W) with its edge softened by a blur and moved, as `app.blending.stage.shaped_alpha`."""
    softness, shift = matte[0], matte[1]
    height, width = sides(alpha)
    # Python's round goes to the even neighbour at halves, and so does torch's.
    reach = torch.round(softness * (width / 200))
    most = min(round(width / 200), min(height, width) - 1)
    blurred = _box(_box(alpha, reach, most).T, reach, most).T
    alpha = torch.where(reach > 0, rounded(blurred), alpha)
    cut = _SHARPEST * shift.abs()
    levels = alpha / 255.0 - torch.where(shift < 0, cut, torch.zeros_like(cut))
    moved = torch.round((levels / (1.0 - cut)).clamp(0.0, 1.0) * 255.0)
    return torch.where(shift != 0, moved, alpha)


def _box(plane: Tensor, reach: Tensor, most: int) -> Tensor:
    """Means along the rows over `reach` samples, at most `most`, on either side; mirrored at the ends."""
    width = sides(plane)[1]
    wide = F.pad(plane[None], (most, most), mode="reflect")[0] if most else plane
    total = plane
    for distance in range(1, most + 1):
        counts = (reach >= distance).to(plane.dtype)
        before, after = most - distance, most + distance
        total = total + counts * (wide[:, before : before + width] + wide[:, after : after + width])
    return total / (2.0 * reach + 1.0)


def halo_map(sky: Planes, alpha: Tensor, look: Look, grid: Grid) -> tuple[Tensor, Tensor, Tensor]:
    """The light of the sky on each block, RGB in [0, 1]; `sky` and `alpha` have an even size."""
    a = [part / 255.0 for part in grid.read(alpha)]
    mean = 0.25 * ((a[0] + a[1]) + (a[2] + a[3]))
    lit = [part * level for part, level in zip(a, grid.read(sky[0]), strict=True)]
    stride = grid.stride
    blocks = [mean, 0.25 * ((lit[0] + lit[1]) + (lit[2] + lit[3]))]
    blocks += [mean * plane[::stride, ::stride] for plane in sky[1:]]
    cells = grid.cell_sums(torch.stack(blocks)) / grid.cell_counts()

    black, luma, red_v, green_u, green_v, blue_u = look["matrix"][:6]
    strength, radius = look["halo"]
    light = (strength / 255.0) * cells
    y = luma * (light[1] - black * light[0])
    u, v = light[2] - 128.0 * light[0], light[3] - 128.0 * light[0]
    rgb = torch.stack([y + red_v * v, y + green_u * u + green_v * v, y + blue_u * u])
    cell = 4 * stride
    width = (radius * (grid.size_wh[0] / cell)).clamp(min=1.0)
    widest = max(1.0, _WIDEST_HALO * grid.size_wh[0] / cell)
    down, across = _blur_matrix(grid.rows, width, widest), _blur_matrix(grid.columns, width, widest)
    blurred = down @ rgb @ across.T
    red, green, blue = between(between(blurred, 2, grid.column), 1, grid.row)
    return red, green, blue


def _blur_matrix(count: int, width: Tensor, widest: float) -> Tensor:
    """(count, count): takes samples to their means over `width` samples, mirrored at the ends."""
    rounds = math.ceil((widest / 2 + 1) / count / 2) + 1
    index = np.arange(count, dtype=np.float32)
    matrix = torch.zeros(count, count)
    for turn in range(-rounds, rounds + 1):
        for copy in (index, 2 * count - 1 - index):
            distance = torch.from_numpy(np.abs(index[:, None] - (copy + 2 * count * turn)))
            matrix = matrix + (0.5 * width + 0.5 - distance).clamp(0.0, 1.0)
    return matrix / width


def composed(frame: Planes, sky: Planes, alpha: Tensor, halo: Planes, look: Look, grid: Grid) -> Planes:
    """Light on the frame, the sky over it, halo, haze: `app.blending.kernels.compose`.

    The luma planes and alpha have an even size; so has what comes back. Nothing is rounded before the end.
    """
    gain, light_y, light_u, light_v = look["light"]
    black, luma, red_v, green_u, green_v, blue_u = look["matrix"][:6]
    y_r, y_g, y_b, u_r, u_g, u_b, v_r, v_g, v_b = look["matrix"][6:]
    a = alpha / 255.0
    block_a = _block_means(a)
    y = gain * frame[0] + light_y
    y = y + a * (sky[0] - y)
    u, v = gain * frame[1] + (light_u - 128.0), gain * frame[2] + (light_v - 128.0)
    to_sky_u, to_sky_v = sky[1] - 128.0 - u, sky[2] - 128.0 - v
    mean_u, mean_v = u + block_a * to_sky_u, v + block_a * to_sky_v

    red, green, blue = halo
    weight_r, weight_g, weight_b = y_r * red, y_g * green, y_b * blue
    weight = weight_r + weight_g + weight_b
    fade = luma * weight
    by_u, by_v = weight_g * green_u + weight_b * blue_u, weight_r * red_v + weight_g * green_v
    lift = 255.0 * weight + black * fade - by_u * u - by_v * v
    lift_alpha = by_u * to_sky_u + by_v * to_sky_v
    fade2, lift2, lift_alpha2 = doubled(torch.stack([fade, lift, lift_alpha]))
    block_luma = luma * (_block_means(y) - black)
    red = red * (255.0 - block_luma - red_v * mean_v)
    green = green * (255.0 - block_luma - green_u * mean_u - green_v * mean_v)
    blue = blue * (255.0 - block_luma - blue_u * mean_u)
    out_u = 128.0 + mean_u + u_r * red + u_g * green + u_b * blue
    out_v = 128.0 + mean_v + v_r * red + v_g * green + v_b * blue
    out_y = y - fade2 * y + lift2 - lift_alpha2 * a

    haze = _haze(look["haze"], grid)
    haze2 = torch.stack([haze, haze], dim=1).reshape(-1, 1)
    haze_y, haze_u, haze_v = look["haze"][2:]
    return (
        rounded((1.0 - haze2) * out_y + haze2 * haze_y),
        rounded((1.0 - haze) * out_u + haze * haze_u),
        rounded((1.0 - haze) * out_v + haze * haze_v),
    )


def _block_means(plane: Tensor) -> Tensor:
    return F.avg_pool2d(plane[None, None], 2)[0, 0]


def _haze(haze: Tensor, grid: Grid) -> Tensor:
    """Share of the picture that haze covers, for each row of blocks, (h, 1): `app.blending.weather.haze`."""
    heights = (2 * np.arange(len(grid.row)) + 1) / grid.size_wh[1]
    elevation = haze[0] - torch.from_numpy(heights.astype(np.float32))
    below, above = elevation.clamp(max=0.0), elevation.clamp(min=0.0)
    ground = 0.09 / torch.sqrt(0.09**2 + below * below)
    air = torch.exp((0.06 - torch.sqrt(0.06**2 + above * above)) / 0.2)
    return (1.0 - torch.exp(-haze[1] * torch.where(elevation < 0, ground, air)))[:, None]
