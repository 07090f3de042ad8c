"""What the H.264 encoder is given: its settings and its pictures."""

import os
from fractions import Fraction

import av
import numpy as np
from av.video.frame import PictureType

from app.config import Preset
from app.frame import U8, Planes


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
        self._frame.pts = pts
        self._frame.pict_type = PictureType.I if key else PictureType.NONE
        return self._frame
