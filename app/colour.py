"""Conversions between RGB and planar YUV 4:2:0, by matrix, range and chroma siting."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from app.frame import F64, U8, Colour, Planes
from app.jit import jit

I32 = NDArray[np.int32]

# Kr and Kb of ITU-R BT.601, BT.709 and BT.2020 (non-constant luminance).
_LUMA_WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}


@cache
def rgb_from_yuv(colour: Colour) -> tuple[F64, F64]:
    """(matrix, offset) with RGB = matrix @ (YUV - offset); read-only.

    matrix is float64 (3, 3), offset float64 (3,). YUV are the stored 8-bit levels; RGB has 0 = black and
    255 = white and may fall outside. Formulas: ITU-T H.273, section 8.3.
    """
    red, blue = _LUMA_WEIGHTS[colour.matrix]
    green = 1.0 - red - blue
    luma_scale, chroma_scale = (1.0, 1.0) if colour.full_range else (255 / 219, 255 / 224)
    matrix = np.array(
        [
            [1.0, 0.0, 2 * (1 - red)],
            [1.0, -2 * blue * (1 - blue) / green, -2 * red * (1 - red) / green],
            [1.0, 2 * (1 - blue), 0.0],
        ]
    )
    scaled = (matrix * [luma_scale, chroma_scale, chroma_scale]).astype(np.float64)
    offset = np.array([0.0 if colour.full_range else 16.0, 128.0, 128.0])
    for shared in (scaled, offset):
        shared.setflags(write=False)
    return scaled, offset


def yuv_from_rgb(colour: Colour) -> tuple[F64, F64]:
    """(matrix, offset) with YUV = matrix @ RGB + offset: the inverse of `rgb_from_yuv`."""
    matrix, offset = rgb_from_yuv(colour)
    return np.linalg.inv(matrix).astype(np.float64), offset


@jit
def _clip(value: float) -> np.uint8:
    return np.uint8(min(max(value + 0.5, 0.0), 255.0))


@jit
def _to_rgb(y: U8, u: U8, v: U8, weights: I32, black: int, red: U8, green: U8, blue: U8) -> None:
    """One plane per colour, in 16.16 fixed point: such loops are vectorised, interleaved ones are not."""
    height, width = y.shape
    luma, red_v, green_u, green_v, blue_u = weights
    for row in range(height):
        for column in range(width):
            grey = luma * (np.int32(y[row, column]) - np.int32(black)) + np.int32(32768)
            cb = np.int32(u[row, column]) - np.int32(128)
            cr = np.int32(v[row, column]) - np.int32(128)
            red[row, column] = min(max((grey + red_v * cr) >> 16, 0), 255)
            green[row, column] = min(max((grey + green_u * cb + green_v * cr) >> 16, 0), 255)
            blue[row, column] = min(max((grey + blue_u * cb) >> 16, 0), 255)


def rgb_from_planes(planes: Planes, colour: Colour) -> U8:
    """RGB picture, uint8 (H, W, 3), each chroma sample shared by its 2x2 block."""
    matrix, offset = rgb_from_yuv(colour)
    weights = np.rint(matrix[[0, 0, 1, 1, 2], [0, 2, 1, 2, 1]] * 65536).astype(np.int32)
    u, v = (cv2.resize(plane, planes.size_wh, interpolation=cv2.INTER_NEAREST) for plane in planes[1:])
    rgb = tuple(np.empty_like(planes.y) for _ in range(3))
    _to_rgb(planes.y, np.asarray(u, np.uint8), np.asarray(v, np.uint8), weights, int(offset[0]), *rgb)
    return np.asarray(cv2.merge(rgb), np.uint8)


@jit
def _rgb_to_luma(rgb: U8, matrix: F64, offset: F64, y: U8) -> None:
    height, width = y.shape
    m = matrix.astype(np.float32)
    for row in range(height):
        for column in range(width):
            y[row, column] = _clip(
                m[0, 0] * np.float32(rgb[row, column, 0])
                + m[0, 1] * np.float32(rgb[row, column, 1])
                + m[0, 2] * np.float32(rgb[row, column, 2])
                + np.float32(offset[0])
            )


@jit
def _rgb_to_chroma(rgb: U8, matrix: F64, offset: F64, taps_x: F64, taps_y: F64, u: U8, v: U8) -> None:
    height, width = rgb.shape[0], rgb.shape[1]
    for row in range(u.shape[0]):
        for column in range(u.shape[1]):
            red = green = blue = 0.0
            for i in range(3):
                source_row = min(max(2 * row + i - 1, 0), height - 1)
                for j in range(3):
                    weight = taps_y[i] * taps_x[j]
                    source_column = min(max(2 * column + j - 1, 0), width - 1)
                    red += weight * rgb[source_row, source_column, 0]
                    green += weight * rgb[source_row, source_column, 1]
                    blue += weight * rgb[source_row, source_column, 2]
            u[row, column] = _clip(
                matrix[1, 0] * red + matrix[1, 1] * green + matrix[1, 2] * blue + offset[1]
            )
            v[row, column] = _clip(
                matrix[2, 0] * red + matrix[2, 1] * green + matrix[2, 2] * blue + offset[2]
            )


def planes_from_rgb(rgb: U8, colour: Colour) -> Planes:
    """I420 planes of an RGB picture, uint8 (H, W, 3), with the chroma filtered onto its siting.

    A sample that lies on a luma column or row takes it and its neighbours 1:2:1, one that lies between
    two takes both alike.
    """
    height, width = rgb.shape[:2]
    on_sample, between = np.array([0.25, 0.5, 0.25]), np.array([0.0, 0.5, 0.5])
    x, y = colour.chroma_xy
    chroma = ((height + 1) // 2, (width + 1) // 2)
    planes = Planes(
        np.empty((height, width), np.uint8), np.empty(chroma, np.uint8), np.empty(chroma, np.uint8)
    )
    matrix, offset = yuv_from_rgb(colour)
    rgb = np.ascontiguousarray(rgb)
    _rgb_to_luma(rgb, matrix, offset, planes.y)
    _rgb_to_chroma(
        rgb,
        matrix,
        offset,
        on_sample if x == 0 else between,
        on_sample if y == 0 else between,
        planes.u,
        planes.v,
    )
    return planes
