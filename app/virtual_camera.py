"""The composite as a camera that other programs find in their list."""

import importlib
import sys
from fractions import Fraction
from typing import Any

import numpy as np

from app.colour import I32, rgb_from_yuv, yuv_from_rgb
from app.errors import RecordError
from app.frame import U8, Colour, Planes
from app.jit import jit
from app.recording.h264 import even

# What programs take the I420 picture of a camera for: none of the drivers tells them otherwise.
CAMERA_COLOUR = Colour(matrix="bt601")

_NO_PACKAGE = "virtual camera: the package pyvirtualcam is missing; pip install pyvirtualcam"
_NO_CAMERA = {
    "linux": "this system has none that is free; sudo modprobe v4l2loopback exclusive_caps=1",
    "win32": "this system has none that is free; install OBS Studio, which brings one",
    "darwin": "this system has none that is free; install OBS Studio and start its virtual camera once",
}


class VirtualCamera:
    """Shows pictures to other programs as those of a camera, by pyvirtualcam.

    They get each picture when it is written: the pts are of no use to a camera.
    """

    def __init__(self, size_wh: tuple[int, int], fps: Fraction, colour: Colour = CAMERA_COLOUR) -> None:
        """Take the first virtual camera of the system that is free. Raises RecordError.

        The last column and row of odd sizes are cropped. `fps` is nominal. `colour` is that of the pictures:
        another matrix than BT.601, or full range, is converted.
        """
        width, height = even(size_wh)
        try:
            package: Any = importlib.import_module("pyvirtualcam")
        except ImportError as error:
            raise RecordError(_NO_PACKAGE) from error
        try:
            self._camera = package.Camera(width, height, float(fps), fmt=package.PixelFormat.I420)
        except RuntimeError as error:
            reason = "; ".join(str(error).splitlines())
            hint = _NO_CAMERA.get(sys.platform, "this system has none that is free")
            raise RecordError(f"virtual camera: {hint} ({reason})") from error
        self.device: str = self._camera.device
        self._closed = False
        self._buffer = np.empty(width * height * 3 // 2, np.uint8)
        self._planes = _planes_of(self._buffer, width, height)
        self._weights = None if _same_levels(colour, CAMERA_COLOUR) else _weights(colour)

    def write(self, planes: Planes, pts: int) -> None:
        """Show one picture. Raises RecordError where the camera is gone."""
        if self._weights is None:
            for target, source in zip(self._planes, planes, strict=True):
                np.copyto(target, source[: target.shape[0], : target.shape[1]])
        else:
            _convert(*planes, self._weights, *self._planes)
        try:
            self._camera.send(self._buffer)
        except (RuntimeError, OSError) as error:
            raise RecordError(f"{self.device}: {error}") from error

    def close(self) -> None:
        """Give the camera back; may be called twice."""
        if not self._closed:
            self._closed = True
            self._camera.close()


def _planes_of(buffer: U8, width: int, height: int) -> Planes:
    luma, chroma = width * height, width * height // 4
    half = (height // 2, width // 2)
    return Planes(
        buffer[:luma].reshape(height, width),
        buffer[luma : luma + chroma].reshape(half),
        buffer[luma + chroma :].reshape(half),
    )


def _same_levels(one: Colour, other: Colour) -> bool:
    return (one.matrix, one.full_range) == (other.matrix, other.full_range)


def _weights(colour: Colour) -> I32:
    """int32 (10,): how Y is made of Y, U, V and 1, and U and V each of U, V and 1; in 16.16 fixed point."""
    to_rgb, black = rgb_from_yuv(colour)
    from_rgb, target_black = yuv_from_rgb(CAMERA_COLOUR)
    matrix = from_rgb @ to_rgb
    constant = target_black - matrix @ black + 0.5  # rounded
    full = np.column_stack([matrix, constant])
    weights: I32 = np.rint(np.concatenate([full[0], full[1, 1:], full[2, 1:]]) * 65536).astype(np.int32)
    return weights


@jit
def _convert(y: U8, u: U8, v: U8, weights: I32, to_y: U8, to_u: U8, to_v: U8) -> None:
    """Each chroma sample counts for its 2x2 block."""
    y_y, y_u, y_v, y_1, u_u, u_v, u_1, v_u, v_v, v_1 = weights
    rows, columns = to_u.shape
    share = np.empty(2 * columns, np.int32)  # of the chroma in the luma of two rows
    for row in range(rows):
        for column in range(columns):
            cb, cr = np.int32(u[row, column]), np.int32(v[row, column])
            to_u[row, column] = min(max((u_u * cb + u_v * cr + u_1) >> 16, 0), 255)
            to_v[row, column] = min(max((v_u * cb + v_v * cr + v_1) >> 16, 0), 255)
            share[2 * column] = share[2 * column + 1] = y_u * cb + y_v * cr + y_1
        for line in range(2 * row, 2 * row + 2):
            for column in range(2 * columns):
                level = (y_y * np.int32(y[line, column]) + share[column]) >> 16
                to_y[line, column] = min(max(level, 0), 255)
