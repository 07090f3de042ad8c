"""The pictures and packets of a container, whatever it turns out to hold."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from app.errors import CaptureError


def demuxed(container: InputContainer, *streams: Stream) -> Generator[Packet[Any]]:
    """As `container.demux`, also where more streams are found on the way: those are left out.

    Raises av.FFmpegError where the container cannot be read any further.
    """
    try:
        yield from container.demux(*streams)
    except IndexError:
        # At the end PyAV 18 gives each stream a last, empty packet and has no object for those found late.
        return


def best_video(container: InputContainer, name: str) -> VideoStream:
    """FFmpeg's choice of the video streams that are not attached pictures, decoded by one thread.

    Raises CaptureError, with that name, where there is none or no decoder for it.
    """
    streams = [
        stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic
    ]
    if not streams:
        raise CaptureError(f"{name}: there is no video in it")
    best = container.streams.best("video")
    stream = next((stream for stream in streams if stream is best), streams[0])
    if stream.codec_context is None:
        raise CaptureError(f"{name}: no decoder for its video")
    # The other stages keep the remaining cores busy: a second decoding thread costs 5 to 10 % more CPU
    # time and a frame of delay, and gains nothing.
    stream.codec_context.thread_count = 1
    return stream
