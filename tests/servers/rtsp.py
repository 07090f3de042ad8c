"""A real RTSP server (GStreamer's) as a subprocess, which tests start, stall, kill and start again."""

import select
import signal
import subprocess
from functools import cache
from pathlib import Path
from typing import Self

import pytest

# Debian's own Python: its bindings of GStreamer are for no other.
_PYTHON = "/usr/bin/python3"
_MAIN = Path(__file__).with_name("rtsp_main.py")


@cache
def missing() -> str:
    """Why no server can run here, in one line; empty if one can."""
    if not Path(_PYTHON).exists():
        return f"no {_PYTHON}"
    tried = subprocess.run([_PYTHON, str(_MAIN), "--check"], capture_output=True, text=True, check=False)
    lines = tried.stderr.strip().splitlines() or ["it fails"]
    return f"no RTSP server: {lines[-1]}" if tried.returncode else ""


class RtspServer:
    """A server on a port of 127.0.0.1 that stays the same when it is started again.

    `play` is the address of the file, `push` takes a stream, and `pushed` plays it to others.
    """

    def __init__(self, file: Path | None = None, *, silent: bool = False, user: str = "") -> None:
        """file: H.264 and, unless silent, AAC in an mp4 file, played to each client from its beginning.

        user: "NAME:PASSWORD", needed to connect.
        """
        if reason := missing():
            pytest.skip(reason)
        self._options = [*(["--file", str(file)] if file else []), *(["--user", user] if user else [])]
        self._options += ["--silent"] if silent else []
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    @property
    def play(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/play"

    @property
    def push(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/push"

    @property
    def pushed(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/pushed"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = [_PYTHON, str(_MAIN), "--port", str(self.port), *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        output = self._process.stdout
        assert output is not None
        ready, _, _ = select.select([output], [], [], 20)
        words = output.readline().split() if ready else []
        if words[:1] != ["ready"]:
            self.kill()
            raise AssertionError("the RTSP server does not start")
        self.port = int(words[1])

    def stall(self) -> None:
        """Connections stay, and nothing comes any more."""
        self._signal(signal.SIGSTOP)

    def kill(self) -> None:
        """End it at once, as if its machine were gone; the port stays free for the next start."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)
