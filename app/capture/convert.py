"""Decoded frames to I420 planes of one size and colour."""

import struct
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Literal, NamedTuple, cast

import av
import cv2
import numpy as np
from av.buffer import Buffer
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from app.capture.sizes import check_frame_size, check_source_size, fit_inside
from app.errors import CaptureError
from app.frame import U8, Colour, Planes, Siting

Matrix = Literal["bt601", "bt709", "bt2020"]
# Matrix coefficients of ITU-T H.273, table 4, each as the nearest of those that a Colour knows.
_MATRICES: dict[int, Matrix] = {
    1: "bt709",
    4: "bt601",
    5: "bt601",
    6: "bt601",
    7: "bt709",
    9: "bt2020",
    10: "bt2020",
}
_SWSCALE_MATRICES = {"bt601": Colorspace.ITU601, "bt709": Colorspace.ITU709, "bt2020": Colorspace.BT2020}
# Chroma positions as FFmpeg names them (H.273, figure 7), each as the nearest of those that a Colour knows.
_SITINGS: dict[str, Siting] = {
    "left": "left",
    "center": "center",
    "topleft": "topleft",
    "top": "topleft",
    "bottomleft": "left",
    "bottom": "center",
}
_PLANAR = {"yuv420p", "yuvj420p"}
# On RGB input these give the very mean of each 2x2 block (chroma sited in its centre).
_EXACT = Interpolation.FULL_CHR_H_INP | Interpolation.ACCURATE_RND
_REDUCE = Interpolation.AREA | _EXACT
_ENLARGE = Interpolation.BICUBIC | _EXACT


class Orientation(NamedTuple):
    """How a decoded picture is turned upright: transposed first, then mirrored along x and along y."""

    transpose: bool
    mirror_x: bool
    mirror_y: bool


UPRIGHT = Orientation(False, False, False)


def quarter_turn(frame: av.VideoFrame) -> Orientation:
    """The nearest quarter turn to the frame's display matrix or EXIF tag; mirroring is not seen."""
    return {
        0: UPRIGHT,
        1: Orientation(True, False, True),
        2: Orientation(False, True, True),
        3: Orientation(True, True, False),
    }[round(frame.rotation / 90) % 4]


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """The nearest of the eight orientations to the frame's display matrix.

    The matrix takes (x, y) to (a x + c y, b x + d y), as in ISO/IEC 14496-12, 8.3.2. For one frame of a
    video only: PyAV ties a frame whose side data was looked at into a reference cycle, so that its memory
    stays until the next garbage collection.
    """
    try:
        matrix = cast(Mapping[str, Buffer], frame.side_data)["DISPLAYMATRIX"]
    except KeyError:
        return UPRIGHT
    except ValueError:  # PyAV 18 fails on kinds of side data that it has no name for
        return quarter_turn(frame)
    a, b, _, c, d = struct.unpack_from("=5i", matrix)
    return Orientation(True, c < 0, b < 0) if abs(b) > abs(a) else Orientation(False, a < 0, d < 0)


def read_colour(frame: av.VideoFrame, location: str | None) -> Colour:
    """How the frame's own samples, or its I420 copy if it is RGB, are to be read.

    location: FFmpeg's name of the chroma position in the stream, None = unspecified.
    """
    by_lines: Matrix = "bt709" if frame.height >= 720 else "bt601"
    rgb = _is_rgb(frame)
    if location is None:
        subsampled = frame.format.chroma_width(2) == 1 and not rgb
        location = "left" if subsampled else "center"
    return Colour(
        matrix=by_lines if rgb else _MATRICES.get(frame.colorspace, by_lines),
        full_range=not rgb and _is_full_range(frame),
        siting=_SITINGS[location],
        primaries=frame.color_primaries,
        transfer=frame.color_trc,
    )


class Converter:
    """Planes of one size and colour, those of the first frame, from frames of any size and format.

    `colour` and `size_wh` hold for all planes. `rescaled` counts the frames that came in another size than
    the first one: they are scaled to fit, with black bars where the aspect differs.
    """

    def __init__(
        self,
        name: str,
        first: av.VideoFrame,
        orientation: Orientation,
        location: str | None,
        sample_aspect: Fraction,
        size_wh: tuple[int, int] | None,
    ) -> None:
        self._name = name
        self._location = location
        self._sample_aspect = sample_aspect
        self._reformatter = VideoReformatter()
        self._first_wh = upright_size((first.width, first.height), orientation)
        check_source_size(name, self._first_wh)
        shown = upright_size(self._square_size(first), orientation)
        self.size_wh = shown if size_wh is None else fit_inside(shown, size_wh)
        check_frame_size(name, self.size_wh)
        colour = read_colour(first, location)
        self.colour = _turned_colour(colour, self.size_wh, orientation)
        self.rescaled = 0

    def planes(self, frame: av.VideoFrame, orientation: Orientation) -> Planes:
        """The upright frame's planes, read-only; views of the decoder's memory where its layout allows it.

        Raises CaptureError if the pixel format cannot be converted.
        """
        self.rescaled += upright_size((frame.width, frame.height), orientation) != self._first_wh
        size_wh = upright_size(self.size_wh, orientation)
        if frame.format.name in _PLANAR and (frame.width, frame.height) == size_wh and self._is_alike(frame):
            planes = _planes_of(frame)
        else:
            planes = self._reformatted(frame, size_wh)
        if orientation != UPRIGHT:
            planes = Planes(*(upright(plane, orientation) for plane in planes))
        for plane in planes:
            plane.setflags(write=False)
        return planes

    def _is_alike(self, frame: av.VideoFrame) -> bool:
        """Whether the frame's samples are to be read as those of all planes."""
        colour = read_colour(frame, self._location)
        return (colour.matrix, colour.full_range) == (self.colour.matrix, self.colour.full_range)

    def _square_size(self, frame: av.VideoFrame) -> tuple[int, int]:
        """The frame's size with square pixels; a difference of less than 1 % is not worth the scaling."""
        width = round(frame.width * self._sample_aspect)
        return (frame.width if abs(width - frame.width) < 0.01 * width else width), frame.height

    def _reformatted(self, frame: av.VideoFrame, size_wh: tuple[int, int]) -> Planes:
        inner_wh = fit_inside(self._square_size(frame), size_wh)
        if all(abs(inner - side) <= 2 for inner, side in zip(inner_wh, size_wh, strict=True)):
            inner_wh = size_wh
        colour = read_colour(frame, self._location)
        larger = inner_wh[0] > frame.width or inner_wh[1] > frame.height
        try:
            reformatted = self._reformatter.reformat(
                frame,
                *inner_wh,
                format="yuv420p",
                src_colorspace=None if _is_rgb(frame) else _SWSCALE_MATRICES[colour.matrix],
                dst_colorspace=_SWSCALE_MATRICES[self.colour.matrix],
                src_color_range=ColorRange.JPEG if _is_full_range(frame) else ColorRange.MPEG,
                dst_color_range=ColorRange.JPEG if self.colour.full_range else ColorRange.MPEG,
                interpolation=_ENLARGE if larger else _REDUCE,
                threads=1,  # the default starts threads, which cost more than they save at these sizes
            )
        except av.FFmpegError as error:
            raise CaptureError(
                f"{self._name}: pixel format {frame.format.name} cannot be converted ({error.strerror})"
            ) from error
        planes = _planes_of(reformatted)
        return planes if inner_wh == size_wh else _with_bars(planes, size_wh, self.colour)


def _is_rgb(frame: av.VideoFrame) -> bool:
    return frame.format.is_rgb or frame.format.has_palette


def _is_full_range(frame: av.VideoFrame) -> bool:
    """Limited unless the frame says full, or its format does: RGB, yuvj, and grey that is not tagged."""
    if _is_rgb(frame) or frame.format.name.startswith("yuvj"):
        return True
    grey = len(frame.format.components) <= 2
    return frame.color_range == ColorRange.JPEG or (grey and frame.color_range != ColorRange.MPEG)


def _planes_of(frame: av.VideoFrame) -> Planes:
    return Planes(*(samples_of(plane) for plane in frame.planes[:3]))


def samples_of(plane: VideoPlane) -> U8:
    """The plane, uint8 (H, W); keeps the frame alive, or is a copy where the lines are padded."""
    padded = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return np.ascontiguousarray(padded[:, : plane.width])


def _with_bars(planes: Planes, size_wh: tuple[int, int], colour: Colour) -> Planes:
    width, height = size_wh
    left, top = (width - planes.size_wh[0]) // 4 * 2, (height - planes.size_wh[1]) // 4 * 2
    chroma = (height + 1) // 2, (width + 1) // 2
    framed = Planes(
        np.full((height, width), 0 if colour.full_range else 16, np.uint8),
        np.full(chroma, 128, np.uint8),
        np.full(chroma, 128, np.uint8),
    )
    for canvas, plane, step in zip(framed, planes, (1, 2, 2), strict=True):
        rows, columns = plane.shape
        canvas[top // step : top // step + rows, left // step : left // step + columns] = plane
    return framed


def upright(plane: U8, orientation: Orientation) -> U8:
    """The plane turned upright."""
    turned = cv2.transpose(plane) if orientation.transpose else plane
    if orientation.mirror_x or orientation.mirror_y:
        flip = -1 if orientation.mirror_x and orientation.mirror_y else int(orientation.mirror_x)
        turned = cv2.flip(turned, flip)
    return turned.astype(np.uint8, copy=False)


def upright_size(size_wh: tuple[int, int], orientation: Orientation) -> tuple[int, int]:
    """The (width, height) that a picture of that size has once it is upright; or the other way round."""
    return (size_wh[1], size_wh[0]) if orientation.transpose else size_wh


def _turned_colour(colour: Colour, size_wh: tuple[int, int], orientation: Orientation) -> Colour:
    """The colour with its siting as it comes to lie; where none has that place, the nearest."""
    x, y = colour.chroma_xy
    if orientation.transpose:
        x, y = y, x
    # Mirrored, the last sample becomes the first: at an even size it covers two luma samples, else one.
    if orientation.mirror_x:
        x = (0 if size_wh[0] % 2 else 1) - x
    if orientation.mirror_y:
        y = (0 if size_wh[1] % 2 else 1) - y
    sitings: tuple[Siting, ...] = ("left", "center", "topleft")
    candidates = [replace(colour, siting=siting) for siting in sitings]
    return min(candidates, key=lambda c: (c.chroma_xy[0] - x) ** 2 + (c.chroma_xy[1] - y) ** 2)
