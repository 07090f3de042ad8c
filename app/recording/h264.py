"""What an H.264 encoder is given: its settings and its pictures."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import PictureType
from av.video.stream import VideoStream

from app.config import Preset
from app.errors import RecordError
from app.frame import U8, Colour, Planes
from app.recording.codings import Coding

# From one key frame to the next at most 2 s, a picture that comes a little late included.
KEY_FRAME_S = Fraction(7, 4)
# Code points of ITU-T H.273. BT.601 has two with the same matrix; this is the one of SMPTE 170M.
_MATRIX = {"bt601": 6, "bt709": 1, "bt2020": 9}


class EncoderError(RecordError):
    """An encoder cannot be opened, or fails; what it was to write names the file or address in front."""


@dataclass(frozen=True, slots=True)
class Form:
    """What all pictures of a recording or stream have in common; `fps` is nominal."""

    size_wh: tuple[int, int]
    time_base: Fraction
    fps: Fraction
    colour: Colour


def encoder_options(preset: Preset, crf: int) -> dict[str, str]:
    """Options of libx264 by which every picture leaves the encoder in the call that brings it.

    Zero latency means no B-frames, no look-ahead and threads that share one picture: half the cores, at most
    4; with two cores the caller's own thread alone. Key frames are left to the caller, who knows the time.
    """
    threads = min(4, max(1, (os.cpu_count() or 1) // 2))
    return {
        "preset": preset,
        "tune": "zerolatency",
        "crf": str(crf),
        "threads": str(threads),
        "x264-params": "keyint=infinite",
    }


def x264_coding(preset: Preset, crf: int, most_bits: int | None = None) -> Coding:
    """x264 with `encoder_options`; at most so many bits per second, held over one second."""
    limit = {} if most_bits is None else {"maxrate": str(most_bits), "bufsize": str(most_bits)}
    return Coding("libx264", encoder_options(preset, crf) | limit)


def even(size_wh: tuple[int, int]) -> tuple[int, int]:
    """The (width, height) that the encoder takes: without the last column and row of odd sizes."""
    width, height = size_wh
    return width & ~1, height & ~1


class PictureBuffer:
    """An av.VideoFrame for every picture: for x264 one, filled anew.

    x264 copies what it is given before `encode` returns, so the memory may be used again at once. Hardware
    may still read from it after that: it gets a frame of its own for each picture.
    """

    def __init__(
        self,
        size_wh: tuple[int, int],
        time_base: Fraction,
        pix_fmt: str = "yuv420p",
        *,
        refill: bool = True,
    ) -> None:
        """size_wh: even width and height; a larger picture is cropped at the right and at the bottom.

        pix_fmt: yuv420p or nv12. refill: whether one frame is filled anew.
        """
        self._size_wh = size_wh
        self._time_base = time_base
        self._pix_fmt = pix_fmt
        self._refill = refill
        self._renew()

    def _renew(self) -> None:
        self._frame = av.VideoFrame(*self._size_wh, self._pix_fmt)
        self._frame.time_base = self._time_base
        rows = [
            np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
            for plane in self._frame.planes
        ]
        width = self._size_wh[0]
        widths = [width, width] if self._pix_fmt == "nv12" else [width, width // 2, width // 2]
        self._planes: list[U8] = [plane[:, :used] for plane, used in zip(rows, widths, strict=True)]

    def fill(self, planes: Planes, pts: int, *, key: bool) -> av.VideoFrame:
        """The frame with this picture and time, valid until the next call; `key` asks for a key frame."""
        if not self._refill:
            self._renew()
        width, height = self._size_wh
        y = planes.y[:height, :width]
        u, v = (plane[: height // 2, : width // 2] for plane in planes[1:])
        pairs = [cv2.merge((u, v)).reshape(height // 2, width)] if self._pix_fmt == "nv12" else [u, v]
        for target, source in zip(self._planes, [y, *pairs], strict=True):
            np.copyto(target, source)
        return self.again(pts, key=key)

    def again(self, pts: int, *, key: bool = False) -> av.VideoFrame:
        """The frame with the picture that it had, at another time."""
        self._frame.pts = pts
        self._frame.pict_type = PictureType.I if key else PictureType.NONE
        return self._frame


class PictureEncoder:
    """An encoder as a new stream of a container, already open.

    From x264 every picture leaves in the call that brings it; hardware may be some pictures behind.
    """

    def __init__(self, container: OutputContainer, form: Form, coding: Coding) -> None:
        """The last column and row of odd sizes are cropped. Raises EncoderError where it does not open."""
        size_wh, colour = even(form.size_wh), form.colour
        self._name = coding.codec
        stream = container.add_stream(
            coding.codec,
            rate=form.fps.limit_denominator(1_000_000),
            options=coding.options | {"chroma_sample_location": colour.siting},
            width=size_wh[0],
            height=size_wh[1],
            time_base=form.time_base,
        )
        assert isinstance(stream, VideoStream)
        self._stream = stream
        context = stream.codec_context
        context.colorspace = _MATRIX[colour.matrix]
        context.color_range = 2 if colour.full_range else 1
        context.color_primaries = colour.primaries
        context.color_trc = colour.transfer
        context.pix_fmt = coding.pix_fmt
        try:
            context.open()
        except FFmpegError as error:
            raise EncoderError(f"the encoder {self._name} does not open: {error.strerror}") from error
        refill = coding.codec == "libx264"
        self._buffer = PictureBuffer(size_wh, form.time_base, coding.pix_fmt, refill=refill)
        self.frame_ticks = max(1, round(1 / (form.fps * form.time_base)))
        """How long a picture is nominally shown, in units of the time base."""
        self._key_ticks = int(KEY_FRAME_S / form.time_base)
        self._next_key: int | None = None

    def encode(self, planes: Planes, pts: int) -> list[Packet[VideoStream]]:
        """The packets that are ready; a picture becomes a key frame if the next would come too late for one.

        Raises EncoderError.
        """
        key = self._next_key is None or pts + self.frame_ticks > self._next_key
        if key:
            self._next_key = pts + self._key_ticks
        return self._encoded(self._buffer.fill(planes, pts, key=key))

    def repeat(self, pts: int) -> list[Packet[VideoStream]]:
        """The same, for the last picture once more."""
        return self._encoded(self._buffer.again(pts))

    def flush(self) -> list[Packet[VideoStream]]:
        """The packets that remain; no picture may follow. Raises EncoderError."""
        return self._encoded(None)

    def _encoded(self, frame: av.VideoFrame | None) -> list[Packet[VideoStream]]:
        try:
            return self._stream.encode(frame)
        except FFmpegError as error:
            raise EncoderError(f"the encoder {self._name} has failed: {error.strerror}") from error
