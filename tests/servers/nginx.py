"""nginx with its RTMP module on a loopback port, which takes a stream and hands it on to all who ask."""

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
_DEADLINE_S = 10

_CONF = """
load_module {module};
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 64; }}
rtmp {{
    access_log off;
    server {{
        listen 127.0.0.1:{port};
        application live {{ live on; wait_key on; }}
    }}
}}
"""


class RtmpServer:
    """A server of its own in `folder`; it can be killed and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        """Start it, or skip the test where nginx or its RTMP module is not installed."""
        nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
        if nginx is None or not MODULE.exists():
            pytest.skip("nginx with its RTMP module is not installed (nginx, libnginx-mod-rtmp)")
        self._nginx = nginx
        self._folder = folder
        self.port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "nginx.conf").write_text(_CONF.format(module=MODULE, folder=folder, port=self.port))
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def address(self, name: str = "sky") -> str:
        """Where a stream of that name is published and played."""
        return f"rtmp://127.0.0.1:{self.port}/live/{name}"

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        self._process = subprocess.Popen(
            [
                self._nginx,
                *("-p", self._folder),
                *("-c", self._folder / "nginx.conf"),
                *("-e", self._folder / "start.log"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _DEADLINE_S
        while not answers(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"nginx did not start: {self.log()}")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it without a word to its clients, as in a crash."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Stop it where it is: its connections stay open and nothing is read from them."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def log(self) -> str:
        """What it has noted."""
        logs = [self._folder / "start.log", self._folder / "error.log"]
        return "\n".join(path.read_text() for path in logs if path.exists())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


def free_port() -> int:
    """A loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Whether somebody takes connections at this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
