"""Packets of a container, whatever it turns out to hold."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream


def demuxed(container: InputContainer, *streams: Stream) -> Generator[Packet[Any]]:
    """As `container.demux`, also where more streams are found on the way: those are left out.

    Raises av.FFmpegError where the container cannot be read any further.
    """
    try:
        yield from container.demux(*streams)
    except IndexError:
        # At the end PyAV 18 gives each stream a last, empty packet and has no object for those found late.
        return
