"""Qt's application object and its life."""

import os
import subprocess
import sys
from functools import cache

from PyQt6.QtWidgets import QApplication

from app.errors import SkyLiveError

_PROBE = "from PyQt6.QtGui import QGuiApplication; QGuiApplication([])"
_PROBE_S = 10


@cache  # it must outlive all that Qt has made, or the process crashes on its way out
def open_application() -> QApplication:
    """The one QApplication of this process.

    Raises SkyLiveError where no window can be shown. Qt aborts the whole process when it finds no display,
    so that is tried in a process of its own first.
    """
    running = QApplication.instance()
    if isinstance(running, QApplication):
        return running
    linux = sys.platform.startswith("linux")
    if linux and not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        raise SkyLiveError("no display to show a window on; use --headless")
    if linux and not _display_opens():
        raise SkyLiveError(
            "the display cannot be opened; use --headless, or install the packages in the README"
        )
    application = QApplication([sys.argv[0]])
    application.setApplicationName("SkyAR Live")
    return application


def _display_opens() -> bool:
    try:
        subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, check=True, timeout=_PROBE_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return False
    return True
