"""Light of the sky that spills over the foreground: alpha x sky, blurred by a wide box, at low resolution."""

from typing import NamedTuple

import numpy as np

from app.blending.kernels import Matrix, box_blur, widen
from app.frame import F32


class Grid(NamedTuple):
    """Where `kernels.survey` reads a picture, and where its 2x2 blocks lie among the cells that come of it.

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


def halo_map(cells: F32, width: float, strength: float, matrix: Matrix, column: F32) -> F32:
    """The halo for `kernels.compose`: RGB in [0, 1], float32 (rows, 3, len(column)), wide only in columns.

    cells: means of alpha, alpha Y, alpha U, alpha V, float32 (rows, 4, columns). width: the box's, in cells,
    taken as at least one. strength: the weight of the blurred light. SkyAR: 0.5 blur(B A, W / 5).
    """
    light = (strength / 255) * cells
    y, u, v = (light[:, 1] - matrix.black * light[:, 0], *(light[:, i] - 128 * light[:, 0] for i in (2, 3)))
    rgb: F32 = np.stack(
        [
            matrix.luma * y + matrix.red_v * v,
            matrix.luma * y + matrix.green_u * u + matrix.green_v * v,
            matrix.luma * y + matrix.blue_u * u,
        ],
        axis=1,
    )
    rows, _, columns = rgb.shape
    width = max(width, 1.0)
    down = np.empty_like(rgb)
    box_blur(rgb.reshape(rows, -1), width, down.reshape(rows, -1))
    turned = np.ascontiguousarray(down.transpose(2, 0, 1))
    across = np.empty_like(turned)
    box_blur(turned.reshape(columns, -1), width, across.reshape(columns, -1))
    wide = np.empty((rows, 3, len(column)), np.float32)
    widen(
        np.ascontiguousarray(across.transpose(1, 2, 0)).reshape(3 * rows, -1),
        column,
        wide.reshape(3 * rows, -1),
    )
    return wide
