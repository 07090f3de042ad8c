"""The cells in which a picture is looked at as a whole: `app.grid`, with what torch needs."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from export.sampling import F32, sides


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A picture's blocks of 2x2 pixels, and the cells of two by two blocks, each `stride` from the next.

    `row` and `column`, float32: each row and column of blocks as a fractional row and column of cells.
    """

    size_wh: tuple[int, int]
    stride: int
    rows: int
    columns: int
    row: F32
    column: F32

    def read(self, even: Tensor) -> list[Tensor]:
        """The pixels that are read of a plane of even size: the four of every stride-th block, row by row."""
        step = 2 * self.stride
        return [even[y::step, x::step] for y in (0, 1) for x in (0, 1)]

    def cell_sums(self, blocks: Tensor) -> Tensor:
        """Sums (N, rows, columns) over each cell of the blocks (N, h, w) that are read."""
        height, width = sides(blocks)
        pad = (0, width % 2, 0, height % 2)
        return 4.0 * F.avg_pool2d(F.pad(blocks, pad)[None], 2)[0]

    def read_hw(self) -> tuple[int, int]:
        """How many blocks are read, downwards and across."""
        width, height = ((length + 1) // 2 for length in self.size_wh)
        return -(-height // self.stride), -(-width // self.stride)

    def cell_counts(self) -> Tensor:
        """How many blocks each cell has, (rows, columns)."""
        return self.cell_sums(torch.ones(1, *self.read_hw()))[0]


def grid_for(size_wh: tuple[int, int]) -> Grid:
    """The grid for a picture: about 160 cells or fewer across, at least 4 pixels wide."""
    stride = max(1, round(size_wh[0] / 640))
    columns, rows = ((length + 4 * stride - 1) // (4 * stride) for length in size_wh)
    column, row = ((np.arange((length + 1) // 2) - stride / 2) / (2 * stride) for length in size_wh)
    return Grid(
        size_wh,
        stride,
        rows,
        columns,
        np.clip(row, 0, rows - 1).astype(np.float32),
        np.clip(column, 0, columns - 1).astype(np.float32),
    )
