"""The process that holds one connection to a server; started by `line.py`, imports nothing of ours.

It reads an order from its standard input, connects, says "connected", and sends the packets that follow until
the input ends. When something fails it says why, in one line, and ends.
"""

import errno
import io
import json
import signal
import struct
import sys
from fractions import Fraction
from typing import Any, BinaryIO

import av
import av.logging
from av.container import OutputContainer
from av.packet import Packet

CONNECTED = "connected"
# Size of the order in JSON and of the sample after it; then packets: number of the stream, whether it is a
# key frame, pts, dts, duration, size.
ORDER = struct.Struct("<II")
PACKET = struct.Struct("<B?qqqI")


def main() -> None:
    """Do what the standard input says."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all of a terminal; the parent ends us
    pipe = sys.stdin.buffer
    order_size, sample_size = ORDER.unpack(_exactly(pipe, ORDER.size))
    order = json.loads(_exactly(pipe, order_size))
    sample = _exactly(pipe, sample_size)
    with av.logging.Capture(local=False) as logged:
        try:
            container = _connected(order, sample)
        except av.FFmpegError as error:
            _say(_reason(error, logged))
            return
    av.logging.set_level(None)
    _say(CONNECTED)
    try:
        _send(pipe, container, [Fraction(time_base) for time_base in order["time_bases"]])
        container.close()
    except av.FFmpegError as error:
        _say(error.strerror or str(error))


def _connected(order: dict[str, Any], sample: bytes) -> OutputContainer:
    """A connection whose streams are as those of the sample, an encoded picture with sound."""
    av.logging.set_level(av.logging.ERROR)
    container: OutputContainer = av.open(
        order["address"], "w", format=order["format"], container_options=order["options"]
    )
    with av.open(io.BytesIO(sample), format="nut") as given:
        for stream in given.streams:
            container.add_stream_from_template(stream)
    container.start_encoding()
    return container


def _send(pipe: BinaryIO, container: OutputContainer, time_bases: list[Fraction]) -> None:
    while header := pipe.read(PACKET.size):
        index, key, pts, dts, duration, size = PACKET.unpack(header)
        packet: Packet[Any] = Packet(_exactly(pipe, size))
        packet.stream = container.streams[index]
        packet.time_base, packet.pts, packet.dts, packet.duration = time_bases[index], pts, dts, duration
        packet.is_keyframe = key
        container.mux_one(packet)


def _exactly(pipe: BinaryIO, size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:  # whoever started us is gone
        sys.exit()
    return data


def _reason(error: av.FFmpegError, logged: list[tuple[int, str, str]]) -> str:
    """Why there is no connection; FFmpeg keeps much of it in its log alone."""
    if error.errno != errno.EIO:
        return error.strerror or str(error)
    errors = [message for level, _, message in logged if level <= av.logging.ERROR]
    return errors[0].strip().rpartition(": ")[2] if errors else "the server refuses it"


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
