"""Resizing and reading of planes, as torch functions of static sizes that export plainly.

Planes are float32 (..., H, W) in levels; what the live program keeps as uint8 is rounded here too.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

F32 = NDArray[np.float32]


def sides(planes: Tensor) -> tuple[int, int]:
    """(height, width) of planes (..., H, W), as constants also while a graph is traced."""
    return int(planes.shape[-2]), int(planes.shape[-1])


def rounded(levels: Tensor) -> Tensor:
    """Levels as uint8 would hold them: clipped and rounded, still float32."""
    return torch.floor(levels.clamp(0.0, 255.0) + 0.5).clamp(max=255.0)


def shrink(plane: Tensor, size_wh: tuple[int, int]) -> Tensor:
    """A plane (H, W) at (width, height), as `app.shrink.shrink`: halved by means, then bilinear."""
    width, height = size_wh
    while sides(plane)[1] >= 2 * width and sides(plane)[0] >= 2 * height:
        plane = rounded(_halved(_halved(plane).T).T)
    if sides(plane) == (height, width):
        return plane
    return _resized(plane, size_wh)


def _resized(plane: Tensor, size_wh: tuple[int, int]) -> Tensor:
    """A plane in whole levels at (width, height), bilinear, rounded step by step as OpenCV does.

    It matters: where leaves meet the sky, a level more or less here and there changes the network's alpha.
    """
    left, right, near_x, far_x = _taps(sides(plane)[1], size_wh[0])
    top, bottom, near_y, far_y = _taps(sides(plane)[0], size_wh[1])
    rows = plane.index_select(1, left) * near_x + plane.index_select(1, right) * far_x
    rows = torch.floor(rows / 16)
    upper = torch.floor(rows.index_select(0, top) * near_y[:, None] / 65536)
    lower = torch.floor(rows.index_select(0, bottom) * far_y[:, None] / 65536)
    return torch.floor((upper + lower + 2) / 4)


def _taps(source: int, target: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Which two of `source` samples make each of `target`, and their weights in parts of 2048."""
    place = ((np.arange(target) + 0.5) * (source / target) - 0.5).clip(0, source - 1).astype(np.float32)
    first = np.minimum(place.astype(np.int64), source - 1)
    share = place - first.astype(np.float32)
    second = np.minimum(first + 1, source - 1)
    near, far = (np.rint(2048 * weight).astype(np.float32) for weight in (1 - share, share))
    return torch.from_numpy(first), torch.from_numpy(second), torch.from_numpy(near), torch.from_numpy(far)


def _halved(plane: Tensor) -> Tensor:
    """Half as many columns: means of two, or at an odd width of two and a bit."""
    length = sides(plane)[1]
    if length % 2 == 0:
        return 0.5 * (plane[:, 0::2] + plane[:, 1::2])
    half = length // 2
    scale = length / half
    edges = np.arange(half + 1) * scale
    begin, end = edges[:-1, None], edges[1:, None]
    cell = np.arange(length)[None]
    share = np.clip(np.minimum(cell + 1, end) - np.maximum(cell, begin), 0, 1) / scale
    return plane @ torch.from_numpy(share.T.astype(np.float32))


def bilinear(planes: Tensor, size_wh: tuple[int, int]) -> Tensor:
    """Planes (N, h, w) at (width, height), pixel centres kept in place, edges repeated."""
    size_hw = (size_wh[1], size_wh[0])
    return F.interpolate(planes[None], size=size_hw, mode="bilinear", align_corners=False)[0]


def between(planes: Tensor, dim: int, at: F32, *, last: int | None = None) -> Tensor:
    """`planes` at fractional indices along `dim`, linear; the lower index is at most `last`."""
    count = int(planes.shape[dim])
    lower = np.minimum(at.astype(np.int64), count - 1 if last is None else last)
    upper = np.minimum(lower + 1, count - 1)
    shape = [1] * planes.dim()
    shape[dim] = len(at)
    share = torch.from_numpy((at - lower).astype(np.float32)).reshape(shape)
    left = planes.index_select(dim, torch.from_numpy(lower))
    return left + share * (planes.index_select(dim, torch.from_numpy(upper)) - left)


def evened(plane: Tensor) -> Tensor:
    """A plane (H, W) with its last row and column taken twice where their number is odd."""
    if sides(plane)[0] % 2:
        plane = torch.cat([plane, plane[-1:]], dim=0)
    if sides(plane)[1] % 2:
        plane = torch.cat([plane, plane[:, -1:]], dim=1)
    return plane


def doubled(blocks: Tensor) -> Tensor:
    """Blocks (N, h, w) at pixels (N, 2 h, 2 w), each value four times."""
    return F.interpolate(blocks[None], scale_factor=2.0, mode="nearest")[0]


def sampled(planes: Tensor, x: Tensor, y: Tensor, mode: str = "bilinear") -> Tensor:
    """Planes (N, H, W) at places x, y (h, w), in samples with centres at integers; mirrored at the edges."""
    height, width = planes.shape[1], planes.shape[2]
    grid = torch.stack([(x + 0.5) * (2.0 / width) - 1.0, (y + 0.5) * (2.0 / height) - 1.0], dim=-1)
    return F.grid_sample(planes[None], grid[None], mode, padding_mode="reflection", align_corners=False)[0]
