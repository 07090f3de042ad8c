"""Alpha corrected, and the old sky's colour taken out of the edge: `app.matting.foreground` in torch."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from export.grid import Grid
from export.sampling import between, doubled, rounded, sides

_TAPS = np.exp(-0.5 * (np.arange(-3, 4) / 1.5) ** 2)
_TAPS = (_TAPS / _TAPS.sum()).astype(np.float32)
_SURE = 5
_FAINT, _NEAR = 0.004, 0.02
_BESIDE, _AT = 0.1, 0.35
_CHROMA = 3.0
_LIKE, _UNLIKE = 0.1, 0.5
_OTHER, _FOREIGN = 0.15, 0.6
_CONTRAST = 40.0**2
_LEAST = 1e-6


def cleaned(
    y: Tensor, u: Tensor, v: Tensor, alpha: Tensor, grid: Grid
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(alpha, y, u, v): the corrected alpha and the foreground's planes without the old sky, whole levels.

    y and alpha have an even size (`evened`), u and v half of it; so has what comes back.
    """
    sky, own = _surroundings(y, u, v, alpha, grid)
    known = torch.minimum(sky[0], own[0]) > _FAINT
    at_blocks = _at_blocks(_fields(sky, own), grid)
    near = _near_edge(known, grid)
    trust, (u_sky, u_own, v_sky, v_own) = at_blocks[0], at_blocks[5:]
    trust2, scale2, touch2, y_sky2, y_own2 = doubled(at_blocks[:5])
    rest = scale2 * _CHROMA * (_chroma_squares(u, u_sky, near) + _chroma_squares(v, v_sky, near))

    dy = y - y_sky2
    distance = torch.sqrt(rest + scale2 * dy * dy)
    a = alpha / 255.0
    like = ((_UNLIKE - distance) / (_UNLIKE - _LIKE)).clamp(0.0, 1.0)
    raised = a + trust2 * like * a * (1.0 - a)
    most = ((_FOREIGN - distance) / (_FOREIGN - _OTHER)).clamp(0.0, 1.0)
    share = raised - trust2 * (raised - most).clamp(min=0.0)
    old = torch.maximum(torch.maximum(a, share), touch2 * (1.0 - distance))
    means = F.avg_pool2d(old[None, None], 2)[0, 0]

    near2 = doubled(near.to(y.dtype)[None])[0] > 0
    return (
        _last_row_once(torch.where(near2, torch.floor(255.0 * share + 0.5), alpha), grid),
        _last_row_once(torch.where(near2, _clean(y, old, y_sky2, y_own2, trust2), y), grid),
        torch.where(near, _clean(u, means, u_sky, u_own, trust), u),
        torch.where(near, _clean(v, means, v_sky, v_own, trust), v),
    )


def _surroundings(y: Tensor, u: Tensor, v: Tensor, alpha: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """[weight, weight Y, weight U, weight V] around each cell, of sure sky and of sure foreground."""
    a00, a01, a10, a11 = grid.read(alpha)
    level = (a00 + a01) + (a10 + a11)
    y00, _, _, y11 = grid.read(y)
    stride = grid.stride
    colours = torch.stack(
        [torch.ones_like(level), 0.5 * (y00 + y11), u[::stride, ::stride], v[::stride, ::stride]]
    )
    down, across = grid.read_hw()
    diagonal = (np.arange(down)[:, None] % 2 == np.arange(across) % 2).astype(np.float32)
    sky = torch.from_numpy(diagonal) * (level >= 4 * (255 - _SURE)).to(y.dtype)
    own = torch.from_numpy(diagonal) * (level <= 4 * _SURE).to(y.dtype)
    sums = grid.cell_sums(torch.cat([sky * colours, own * colours]))[:, None]
    taps = torch.from_numpy(_TAPS)
    reach = len(_TAPS) // 2
    sums = F.conv2d(sums, taps.reshape(1, 1, -1, 1), padding=(reach, 0))
    sums = 0.5 * F.conv2d(sums, taps.reshape(1, 1, 1, -1), padding=(0, reach))[:, 0]
    return sums[:4], sums[4:]


def _fields(sky: Tensor, own: Tensor) -> Tensor:
    """trust, scale, touch, then sky and foreground of Y, of U and of V, (9, rows, columns)."""
    less = torch.minimum(sky[0], own[0])
    behind, front = sky[1:] / sky[:1].clamp(min=_LEAST), own[1:] / own[:1].clamp(min=_LEAST)
    y, u, v = (behind - front) * (behind - front)
    distance = y + _CHROMA * u + _CHROMA * v
    trust = ((less - _FAINT) / (_NEAR - _FAINT)).clamp(max=1.0) * (distance / _CONTRAST).clamp(max=1.0)
    touch = trust * ((sky[0] - _BESIDE) / (_AT - _BESIDE)).clamp(0.0, 1.0)
    colours = [plane for pair in zip(behind, front, strict=True) for plane in pair]
    return torch.stack([trust, 1.0 / (distance + 1.0), touch, *colours])


def _at_blocks(fields: Tensor, grid: Grid) -> Tensor:
    """The fields at the blocks: linear along the rows, and constant over half a cell downwards."""
    halves = np.floor(2 * grid.row)
    row = np.floor(grid.row) + np.where(halves == 2 * np.floor(grid.row), 0.25, 0.75)
    rows = between(fields, 1, row.astype(np.float32))
    return between(rows, 2, grid.column, last=max(grid.columns - 2, 0))


def _near_edge(known: Tensor, grid: Grid) -> Tensor:
    """Blocks that lie between four known cells, bool (h, w); an odd width's last column has none."""
    values = known.to(torch.float32)
    upper = grid.row.astype(np.int64)
    left = np.minimum(grid.column.astype(np.int64), max(grid.columns - 2, 0))
    lower, right = np.minimum(upper + 1, grid.rows - 1), np.minimum(left + 1, grid.columns - 1)
    both = values.index_select(0, torch.from_numpy(upper)) * values.index_select(0, torch.from_numpy(lower))
    all_four = both.index_select(1, torch.from_numpy(left)) * both.index_select(1, torch.from_numpy(right))
    whole = (np.arange(len(left)) < grid.size_wh[0] // 2).astype(np.float32)
    return all_four * torch.from_numpy(whole) > 0


def _chroma_squares(plane: Tensor, sky: Tensor, near: Tensor) -> Tensor:
    """Squared difference to the sky at pixels: a sample lies on the left of two and between two rows."""
    above, below = torch.cat([plane[:1], plane[:-1]]), torch.cat([plane[1:], plane[-1:]])
    lines = [0.75 * plane + 0.25 * beside - sky for beside in (above, below)]
    height, width = sides(plane)
    left = torch.stack(lines, dim=1).reshape(2 * height, width)
    follows = F.pad(near[:, 1:].to(plane.dtype), (0, 1))
    follows = torch.stack([follows, follows], dim=1).reshape(2 * height, width)
    beside = torch.where(follows > 0, torch.cat([left[:, 1:], left[:, -1:]], dim=1), left)
    right = 0.5 * (left + beside)
    return torch.stack([left * left, right * right], dim=2).reshape(2 * height, 2 * width)


def _clean(levels: Tensor, share: Tensor, sky: Tensor, own: Tensor, trust: Tensor) -> Tensor:
    left = 1.0 - share
    alone = own + left * (levels - share * sky - left * own)
    return rounded(levels + trust * (alone - levels))


def _last_row_once(plane: Tensor, grid: Grid) -> Tensor:
    """Of an odd height's last row, which was computed twice, the second result counts."""
    if grid.size_wh[1] % 2 == 0:
        return plane
    return torch.cat([plane[:-2], plane[-1:], plane[-1:]])
