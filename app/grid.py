"""The cells in which stages look at a picture as a whole, at low resolution."""

from typing import NamedTuple

import numpy as np

from app.frame import F32


class Grid(NamedTuple):
    """Where a picture is read, and where its 2x2 blocks lie among the cells that come of it.

    `stride` is in blocks; a cell is two strides wide and high. `row` and `column` are float32: each row and
    column of blocks as a fractional row and column of cells.
    """

    stride: int
    rows: int
    columns: int
    row: F32
    column: F32


def grid_for(size_wh: tuple[int, int]) -> Grid:
    """The grid for a picture: about 160 cells or fewer across, at least 4 pixels wide."""
    stride = max(1, round(size_wh[0] / 640))
    columns, rows = ((length + 4 * stride - 1) // (4 * stride) for length in size_wh)
    # The blocks that a cell reads are 0 and `stride`: half a stride is its middle.
    column, row = ((np.arange((length + 1) // 2) - stride / 2) / (2 * stride) for length in size_wh)
    return Grid(
        stride,
        rows,
        columns,
        np.clip(row, 0, rows - 1).astype(np.float32),
        np.clip(column, 0, columns - 1).astype(np.float32),
    )
