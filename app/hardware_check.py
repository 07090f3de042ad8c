"""The process in which one encoder or decoder is tried; started by `hardware.py`.

It reads an order from its standard input, codes a few pictures, and says what came of it in one line of JSON.
Drivers print what they like beside it, may crash, and may never come back.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import av
import av.logging
import numpy as np
from av.codec.context import CodecContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.reformatter import VideoReformatter

from app.capture.device import DeviceError, device_decoder, difference, tag_like

RATE = 30
_TIME_BASE = Fraction(1, RATE)
# The first pictures pay for what is set up once.
_NOT_TIMED = 3
# What an encoder gives must look like what it got: on a smooth picture x264 has 40 dB and more at crf 20.
_LEAST_DB = 25.0


def main() -> None:
    """Do what the standard input says."""
    order = json.loads(sys.stdin.read())
    av.logging.set_level(av.logging.ERROR)
    with av.logging.Capture(local=False) as logged:
        try:
            said: dict[str, Any] = {"ms": (_decoded_in if order["kind"] == "decoder" else _encoded_in)(order)}
        except (DeviceError, av.FFmpegError) as error:
            said = {"reason": _reason(error, logged)}
    print("\n" + json.dumps(said), flush=True)
    os._exit(0)  # a driver that crashes when it is unloaded takes nothing back


def _decoded_in(order: dict[str, Any]) -> float:
    """Milliseconds per picture, from the packet to I420 in memory; raises where a picture is not right."""
    packets = list(_packets(order))
    software = _software(order)
    expected = [frame for packet in [*packets, None] for frame in software.decode(packet)]
    if order["name"] == "software":
        context = _software(order)
    else:
        context = device_decoder("h264", order["name"], _software(order))
    reformatter = VideoReformatter()
    frames: list[av.VideoFrame] = []
    for index, packet in enumerate([*packets, None]):
        if index == _NOT_TIMED:
            started = time.perf_counter()
        for frame in context.decode(packet):
            reformatter.reformat(frame, format="yuv420p", threads=1)
            frames.append(frame)
    seconds = time.perf_counter() - started
    if len(frames) != len(expected):
        raise DeviceError(f"{len(frames)} of {len(expected)} pictures came out")
    for frame, right in zip(frames, expected, strict=True):
        tag_like(frame, right)
        if what := difference(frame, right):
            raise DeviceError(what)
    return 1e3 * seconds / (len(packets) - _NOT_TIMED)


def _encoded_in(order: dict[str, Any]) -> float:
    """Milliseconds per picture, from the planes to the packet; raises where the packets are not right."""
    context = _encoder(order)
    given = list(_pictures(order))
    packets: list[Packet[Any]] = []
    for index, frame in enumerate([*given, None]):
        if index == _NOT_TIMED:
            started = time.perf_counter()
        packets += context.encode(frame)
    seconds = time.perf_counter() - started
    stamps = [packet.pts for packet in packets]
    if stamps != list(range(len(given))):
        raise DeviceError(f"of {len(given)} pictures it gives {len(stamps)}, with the times {stamps[:8]}")
    if not packets[0].is_keyframe:
        raise DeviceError("it does not begin with a key frame")
    software = _software(order)
    if extradata := context.extradata:
        software.extradata = extradata
    decoded = [frame for packet in [*packets, None] for frame in software.decode(packet)]
    if len(decoded) != len(given):
        raise DeviceError(f"{len(decoded)} of its {len(given)} pictures can be decoded")
    for frame, right in zip(decoded, given, strict=True):
        if (likeness := _likeness_db(frame, right)) < _LEAST_DB:
            raise DeviceError(f"its picture is not the one it was given ({likeness:.0f} dB)")
    return 1e3 * seconds / (len(given) - _NOT_TIMED)


def _packets(order: dict[str, Any]) -> Iterator[Packet[Any]]:
    """An H.264 stream with B-frames, as files have it."""
    options = {"preset": "veryfast", "bf": "2", "threads": "1"}
    context = _encoder(order | {"codec": "libx264", "pix_fmt": "yuv420p", "options": options})
    for frame in [*_pictures(order | {"pix_fmt": "yuv420p"}), None]:
        yield from context.encode(frame)


def _pictures(order: dict[str, Any]) -> Iterator[av.VideoFrame]:
    """Smooth waves that move, with a bright block before them; the last half asks for a key frame."""
    width, height = order["size_wh"]
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    for index in range(order["pictures"]):
        luma = 125 + 50 * np.sin((x + 3 * index) / 17) + 50 * np.cos((y + index) / 23)
        luma[height // 3 : height // 2, 5 * index : 5 * index + width // 8] = 230
        u = np.broadcast_to(128 + 60 * np.sin(x[::2] / 61), (height // 2, width // 2))
        v = np.broadcast_to(128 + 60 * np.cos(y[::2] / 47), (height // 2, width // 2))
        planes = [plane.astype(np.uint8).ravel() for plane in (luma, u, v)]
        picture = np.concatenate(planes).reshape(height * 3 // 2, width)
        frame = av.VideoFrame.from_ndarray(picture, "yuv420p")
        if order["pix_fmt"] != "yuv420p":
            frame = frame.reformat(format=order["pix_fmt"], threads=1)
        frame.pts, frame.time_base = index, _TIME_BASE
        frame.pict_type = PictureType.I if index in (0, order["pictures"] // 2) else PictureType.NONE
        yield frame


def _encoder(order: dict[str, Any]) -> VideoCodecContext:
    context = CodecContext.create(order["codec"], "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = order["size_wh"]
    context.pix_fmt, context.options = order["pix_fmt"], order["options"]
    context.time_base, context.framerate = _TIME_BASE, Fraction(RATE)
    return context


def _software(order: dict[str, Any]) -> VideoCodecContext:
    context = CodecContext.create("h264", "r")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = order["size_wh"]
    context.thread_count = 1
    return context


def _likeness_db(frame: av.VideoFrame, right: av.VideoFrame) -> float:
    """Peak signal-to-noise ratio over all samples."""
    one, other = (f.to_ndarray(format="yuv420p").astype(np.float32) for f in (frame, right))
    if one.shape != other.shape:
        raise DeviceError(f"its picture is {frame.width}x{frame.height}")
    return float(10 * np.log10(255**2 / max(float(np.square(one - other).mean()), 1e-6)))


def _reason(error: DeviceError | av.FFmpegError, logged: Sequence[tuple[int, str, str]]) -> str:
    """Why it does not work, in one line; FFmpeg tells it in its log, and the error is only what follows."""
    if isinstance(error, DeviceError):
        return str(error)
    said = next((text.strip().rstrip(".") for level, _, text in logged if level <= av.logging.ERROR), "")
    return said or error.strerror or type(error).__name__


if __name__ == "__main__":
    main()
