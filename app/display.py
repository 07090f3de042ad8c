"""Whether a window can be shown, found out beside all else that a start has to do."""

import os
import subprocess
import sys
from functools import cache

from app.errors import SkyLiveError

_PROBE = "from PyQt6.QtGui import QGuiApplication; QGuiApplication([])"
_PROBE_S = 10
_LINUX = sys.platform.startswith("linux")


def begin_check() -> None:
    """Begin to find out, in a process of its own: Qt aborts the process in which it finds no display."""
    if _LINUX and _is_named():
        _probe()


def check_display() -> None:
    """Wait for what was found; raises SkyLiveError where no window can be shown."""
    if not _LINUX:
        return
    if not _is_named():
        raise SkyLiveError("no display to show a window on; use --headless")
    probe = _probe()
    try:
        opens = probe.wait(_PROBE_S) == 0
    except subprocess.TimeoutExpired:
        probe.kill()
        probe.wait()
        opens = False
    if not opens:
        raise SkyLiveError(
            "the display cannot be opened; use --headless, or install the packages in the README"
        )


def _is_named() -> bool:
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


@cache
def _probe() -> "subprocess.Popen[bytes]":
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        [sys.executable, "-c", _PROBE],
        stdin=quiet,
        stdout=quiet,
        stderr=quiet,
        start_new_session=True,  # or Ctrl-C in a terminal would end it, too: as if there were no display
    )
