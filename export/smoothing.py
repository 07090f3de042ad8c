"""Alpha steadied along the camera's motion: `app.tracking.smoothing` in torch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from export.sampling import sampled, sides

_BLOCK, _CELL = 16, 4
_SLACK = 1.0
_STILL_ALPHA = 0.5
_LEAST_NOISE, _MOST_NOISE = 1.0, 4.0
_OF_NOISE, _OF_GRADIENT = 2.0, 0.15
_UNSURE = 0.25


def smoothed(
    alpha: Tensor, luma: Tensor, last_alpha: Tensor, last_luma: Tensor, drift: Tensor, strength: Tensor
) -> Tensor:
    """This frame's alpha mixed with the last one, all (H, W) in whole levels.

    drift (6,) and strength (1,) are as in `export.look.FrameLook`.
    """
    height, width = sides(alpha)
    noise = _noise(luma, last_luma, drift)
    tops, lefts = _begins(height), _begins(width)
    here, ys = _in_blocks(torch.stack([alpha, luma]))
    down, across = drift.new_tensor(tops)[:, None], drift.new_tensor(lefts)[None]
    move_x, move_y = _moves(drift, across + (_BLOCK - 1) / 2, down + (_BLOCK - 1) / 2)
    from_x, from_y = across + move_x, down + move_y
    inner_x, inner_y = from_x.clamp(0.0, float(width - _BLOCK)), from_y.clamp(0.0, float(height - _BLOCK))
    inside = ((from_x - inner_x).abs() <= _SLACK) & ((from_y - inner_y).abs() <= _SLACK)
    left = torch.floor(inner_x).clamp(max=float(width - _BLOCK - 1))
    top = torch.floor(inner_y).clamp(max=float(height - _BLOCK - 1))

    x, y = _widened(left) + _steps(lefts, drift)[None], _widened(top) + _steps(tops, drift)[:, None]
    shift_x, shift_y = _widened(inner_x - left), _widened(inner_y - top)
    to_right = F.pad(last_luma[:, 1:] - last_luma[:, :-1], (0, 1))
    to_below = F.pad(last_luma[1:] - last_luma[:-1], (0, 0, 0, 1))
    slopes = torch.maximum(to_right.abs(), to_below.abs())
    nearest, slope = sampled(torch.stack([last_alpha, slopes]), x, y, "nearest")
    before, before_y = sampled(torch.stack([last_alpha, last_luma]), x + shift_x, y + shift_y)

    change = F.avg_pool2d((here - nearest).abs()[::2][None, None], (_BLOCK // 2, _BLOCK))[0, 0]
    signs = torch.stack([(before_y - ys).abs(), slope])[:, ::2]
    difference, gradient = F.avg_pool2d(signs[None], (_CELL // 2, _CELL))[0]
    trust = (2.0 - difference / (_OF_NOISE * noise + _OF_GRADIENT * gradient)).clamp(0.0, 1.0)
    most = F.max_pool2d(trust[None, None], _BLOCK // _CELL)[0, 0]
    mixes = _widened((inside & (change >= _STILL_ALPHA) & (most > 0)).to(alpha.dtype))

    believed = F.interpolate(trust[None, None], scale_factor=float(_CELL), mode="nearest")[0, 0]
    of_last, of_this = strength * _sureness(before), (1.0 - strength) * _sureness(here)
    step = believed * of_last / (of_last + of_this) * (before - here)
    cut = torch.where(step < 0, -torch.floor(-step), torch.floor(step))
    final, mixes = _joined(torch.where(mixes > 0, here + cut, here).T, mixes.T, width)
    return _joined(final.T, mixes.T, height)[0]


def _moves(drift: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """How far from here the last frame's pixels lie that belong to these."""
    return drift[0] * x + drift[1] * y + drift[2], drift[3] * x + drift[4] * y + drift[5]


def _noise(luma: Tensor, last: Tensor, drift: Tensor) -> Tensor:
    """Median difference of luma to the last frame, to a quarter level, between its limits."""
    height, width = sides(luma)
    middle = _BLOCK // 2
    x = torch.arange(middle, width, _BLOCK, dtype=torch.float32)[None]
    y = torch.arange(middle, height, _BLOCK, dtype=torch.float32)[:, None]
    move_x, move_y = _moves(drift, x, y)
    from_x, from_y = x + move_x, y + move_y
    inside = (from_x >= 0) & (from_y >= 0) & (from_x < width - 1) & (from_y < height - 1)
    off = (sampled(last[None], from_x, from_y)[0] - luma[middle::_BLOCK, middle::_BLOCK]).abs()
    weight = inside.to(luma.dtype).reshape(1, -1)
    # The median lies beyond as many quarters of a level as hold less than half of all differences.
    quarters = torch.arange(4 * _LEAST_NOISE, 4 * _MOST_NOISE) + 1.0
    within = ((4.0 * off.reshape(1, -1) < quarters[:, None]).to(luma.dtype) * weight).sum(dim=1)
    return _LEAST_NOISE + 0.25 * (2.0 * within < weight.sum()).to(luma.dtype).sum()


def _sureness(alpha: Tensor) -> Tensor:
    return _UNSURE + (1.0 - _UNSURE) / 127.5 * (alpha - 127.5).abs()


def _begins(length: int) -> list[int]:
    """Where the blocks along a side begin; the last one is moved in and laps over the one before."""
    return [min(begin, length - _BLOCK) for begin in range(0, length, _BLOCK)]


def _in_blocks(planes: Tensor) -> Tensor:
    """Planes (N, H, W) as whole blocks side by side: what two of them share is there twice."""
    for dim in (1, 2):
        length = int(planes.shape[dim])
        if rest := length % _BLOCK:
            parts = [planes.narrow(dim, 0, length - rest), planes.narrow(dim, length - _BLOCK, _BLOCK)]
            planes = torch.cat(parts, dim)
    return planes


def _steps(begins: list[int], like: Tensor) -> Tensor:
    """The place of each row or column within its block."""
    return like.new_tensor([i for _ in begins for i in range(_BLOCK)])


def _widened(blocks: Tensor) -> Tensor:
    return F.interpolate(blocks[None, None], scale_factor=float(_BLOCK), mode="nearest")[0, 0]


def _joined(values: Tensor, mixed: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Rows of whole blocks as `length` rows: where the last two lap, the last one counts if it was mixed."""
    rest = length % _BLOCK
    if not rest:
        return values, mixed
    lap = _BLOCK - rest
    end = int(values.shape[0]) - _BLOCK
    takes = mixed[end : end + lap] > 0
    shared = torch.where(takes, values[end : end + lap], values[end - lap : end])
    either = torch.maximum(mixed[end : end + lap], mixed[end - lap : end])
    return (
        torch.cat([values[: end - lap], shared, values[end + lap :]]),
        torch.cat([mixed[: end - lap], either, mixed[end + lap :]]),
    )
