"""What the H.264 encoder is given: its settings and its pictures."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import PictureType
from av.video.stream import VideoStream

from app.config import Preset
from app.frame import U8, Colour, Planes

# From one key frame to the next at most 2 s, a picture that comes a little late included.
KEY_FRAME_S = Fraction(7, 4)
# Code points of ITU-T H.273. BT.601 has two with the same matrix; this is the one of SMPTE 170M.
_MATRIX = {"bt601": 6, "bt709": 1, "bt2020": 9}


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


def even(size_wh: tuple[int, int]) -> tuple[int, int]:
    """The (width, height) that the encoder takes: without the last column and row of odd sizes."""
    width, height = size_wh
    return width & ~1, height & ~1


class PictureBuffer:
    """One av.VideoFrame, filled anew for every picture.

    x264 copies what it is given before `encode` returns, so the memory may be used again at once.
    """

    def __init__(self, size_wh: tuple[int, int], time_base: Fraction) -> None:
        """size_wh: even width and height; a larger picture is cropped at the right and at the bottom."""
        self._frame = av.VideoFrame(*size_wh, "yuv420p")
        self._frame.time_base = time_base
        self._planes: list[U8] = [
            np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[
                :, : plane.width
            ]
            for plane in self._frame.planes
        ]

    def fill(self, planes: Planes, pts: int, *, key: bool) -> av.VideoFrame:
        """The frame with this picture and time, valid until the next call; `key` asks for a key frame."""
        for target, source in zip(self._planes, planes, strict=True):
            np.copyto(target, source[: target.shape[0], : target.shape[1]])
        return self.again(pts, key=key)

    def again(self, pts: int, *, key: bool = False) -> av.VideoFrame:
        """The frame with the picture that it had, at another time."""
        self._frame.pts = pts
        self._frame.pict_type = PictureType.I if key else PictureType.NONE
        return self._frame


class PictureEncoder:
    """x264 as a new stream of a container; every picture leaves it in the call that brings it."""

    def __init__(
        self,
        container: OutputContainer,
        form: Form,
        options: dict[str, str],
    ) -> None:
        """The last column and row of odd sizes are cropped. `options`: see `encoder_options`."""
        size_wh, colour = even(form.size_wh), form.colour
        self._stream = container.add_stream(
            "libx264",
            rate=form.fps.limit_denominator(1_000_000),
            options=options | {"chroma_sample_location": colour.siting},
            width=size_wh[0],
            height=size_wh[1],
            time_base=form.time_base,
        )
        context = self._stream.codec_context
        context.colorspace = _MATRIX[colour.matrix]
        context.color_range = 2 if colour.full_range else 1
        context.color_primaries = colour.primaries
        context.color_trc = colour.transfer
        self._buffer = PictureBuffer(size_wh, form.time_base)
        self.frame_ticks = max(1, round(1 / (form.fps * form.time_base)))
        """How long a picture is nominally shown, in units of the time base."""
        self._key_ticks = int(KEY_FRAME_S / form.time_base)
        self._next_key: int | None = None

    def encode(self, planes: Planes, pts: int) -> list[Packet[VideoStream]]:
        """The packets of one picture; it becomes a key frame if the next would come too late for one."""
        key = self._next_key is None or pts + self.frame_ticks > self._next_key
        if key:
            self._next_key = pts + self._key_ticks
        return self._stream.encode(self._buffer.fill(planes, pts, key=key))

    def repeat(self, pts: int) -> list[Packet[VideoStream]]:
        """The packets of the last picture once more."""
        return self._stream.encode(self._buffer.again(pts))

    def flush(self) -> list[Packet[VideoStream]]:
        """The packets that remain; no picture may follow."""
        return self._stream.encode(None)
