"""Light of the sky that spills over the foreground: alpha x sky, blurred by a wide box, at low resolution."""

import numpy as np

from app.blending.kernels import Matrix, box_blur, widen
from app.frame import F32


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
