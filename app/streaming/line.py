"""One connection to a server, held by a process of its own.

FFmpeg connects, through PyAV, under Python's global lock and without a time limit: in our own process a
server that does not answer would hold up everything. A process can be waited for, and ended.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.packet import Packet

from app.streaming.child import CONNECTED, ORDER, PACKET

# Seconds until a server must have answered.
CONNECT_S = 4.5
# Packets that wait for the network: about 3 s of picture and sound. More mean that it stands still.
MOST_WAITING = 300
# Seconds in which the last packets and the farewell must be sent.
CLOSE_S = 1.0


class Line:
    """Sends packets to a server without ever waiting for it; for one thread, apart from `connected`."""

    def __init__(
        self,
        address: str,
        *,
        format_name: str,
        options: dict[str, str],
        sample: bytes,
        time_bases: Sequence[Fraction],
    ) -> None:
        """Begin to connect. `sample`: a NUT file with the streams that will be sent, in `time_bases`."""
        order = json.dumps(
            {
                "address": address,
                "format": format_name,
                "options": options,
                "time_bases": [str(time_base) for time_base in time_bases],
            }
        ).encode()
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name("child.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._limit = time.monotonic() + CONNECT_S
        self._waiting: queue.Queue[bytes | None] = queue.Queue(MOST_WAITING)
        self._waiting.put(ORDER.pack(len(order), len(sample)) + order + sample)
        self._connected = threading.Event()
        self._said = ""
        self._over = threading.Event()
        self._broken = ""
        self._threads = [
            threading.Thread(target=self._listen, name="stream listener", daemon=True),
            threading.Thread(target=self._feed, name="stream sender", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def connected(self) -> bool:
        """Whether the server has taken the stream."""
        return self._connected.is_set()

    @property
    def failure(self) -> str:
        """Why nothing can be sent any more; empty as long as all is well."""
        if self._broken:
            return self._broken
        if self._over.is_set():
            return self._said or "the connection was lost"
        if not self.connected and time.monotonic() > self._limit:
            return "no answer"
        return ""

    def wait(self) -> None:
        """Wait until it is connected or has failed."""
        while not self.connected and not self.failure:
            self._over.wait(0.02)

    def send(self, index: int, packet: Packet[Any]) -> None:
        """Send a packet of the stream with that index, soon."""
        header = PACKET.pack(
            index, packet.is_keyframe, packet.pts, packet.dts, packet.duration or 0, packet.size
        )
        try:
            self._waiting.put_nowait(header + bytes(packet))
        except queue.Full:
            self._broken = "the server takes nothing more"

    def close(self) -> None:
        """Send what waits, say farewell and end; where that fails, just end, in `CLOSE_S`."""
        if not self.connected or self.failure:
            self._process.kill()
        with suppress(queue.Full):
            self._waiting.put_nowait(None)
        try:
            self._process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join()

    def _listen(self) -> None:
        """Thread: what the process says."""
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            for line in pipe:
                if (said := line.decode(errors="replace").strip()) == CONNECTED:
                    self._connected.set()
                else:
                    self._said = said
        self._over.set()

    def _feed(self) -> None:
        """Thread: hands on what waits, until there is no more or nobody takes it."""
        assert self._process.stdin is not None
        # A broken pipe is no news: the process has said why it ended.
        with suppress(OSError), self._process.stdin as pipe:
            while (data := self._next()) is not None:
                pipe.write(data)
                if self._waiting.empty():
                    pipe.flush()

    def _next(self) -> bytes | None:
        """What is to be written next; None when the line is closed or the process has ended."""
        while not self._over.is_set():
            with suppress(queue.Empty):
                return self._waiting.get(timeout=0.2)
        return None
