"""Qt's application object and its life."""

import sys
from functools import cache

from PyQt6.QtWidgets import QApplication

from app.display import check_display


@cache  # it must outlive all that Qt has made, or the process crashes on its way out
def open_application() -> QApplication:
    """The one QApplication of this process. Raises SkyLiveError where no window can be shown."""
    running = QApplication.instance()
    if isinstance(running, QApplication):
        return running
    check_display()
    application = QApplication([sys.argv[0]])
    application.setApplicationName("SkyAR Live")
    return application
