"""A plain window: the picture, a line of statistics, and keys."""

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtGui import QKeyEvent
from PyQt6.QtWidgets import QApplication, QLabel, QMainWindow, QVBoxLayout, QWidget

from app.viewer.screen import Screen, ScreenSink

_STYLE = """
QWidget { background: #111417; color: #c8ced4; font-size: 12px; }
QLabel#statistics { padding: 4px 8px; }
"""


class Controls(Protocol):
    """What the window may ask of the run it shows; called in the GUI thread, so nothing here may block."""

    def choose_sky(self, index: int) -> None:
        """Cross-fade to the sky with that position in the list, from 0; beyond its end nothing happens."""

    def toggle_pause(self) -> None:
        """Hold the source, or let it go on."""

    def status_line(self) -> str:
        """Statistics and messages in one line."""

    def ended(self) -> bool:
        """Whether the source has come to its end; raises the error that ended it."""

    def painted(self, captured_ns: int) -> None:
        """A picture is on the screen; `captured_ns` of its frame."""


class Window(QMainWindow):
    """The picture above a line of statistics. Keys: 1-9 skies, space pause, Esc leave."""

    def __init__(self, title: str, sink: ScreenSink, controls: Controls) -> None:
        super().__init__()
        self._controls = controls
        self.setWindowTitle(f"{title} - SkyAR Live")
        self.setStyleSheet(_STYLE)
        self.statistics = QLabel("starting")
        self.statistics.setObjectName("statistics")
        self.statistics.setMinimumWidth(1)  # a long line is cut, it never widens the window
        self.screen_widget = Screen(sink, controls.painted)
        middle = QWidget()
        layout = QVBoxLayout(middle)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.screen_widget, 1)
        layout.addWidget(self.statistics)
        self.setCentralWidget(middle)

    def refresh(self) -> None:
        """Write the statistics anew."""
        self.statistics.setText(self._controls.status_line())

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Act on the keys named above."""
        if event is None or event.isAutoRepeat():
            return
        key = event.key()
        if Qt.Key.Key_1 <= key <= Qt.Key.Key_9:
            self._controls.choose_sky(key - Qt.Key.Key_1)
        elif key == Qt.Key.Key_Space:
            self._controls.toggle_pause()
        elif key == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)
        self.refresh()


def show(application: QApplication, window: Window, controls: Controls) -> None:
    """Show the window until it is closed or the source ends; raises what went wrong meanwhile.

    An exception in a slot would abort the process (PyQt6), so it is caught, ends the loop and is raised here.
    """
    failures: list[BaseException] = []

    def fail(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        failures.append(error)
        QTimer.singleShot(0, application.quit)  # at once would be lost where the loop has not begun

    def poll() -> None:
        # Also gives Python the chance to see Ctrl-C.
        window.refresh()
        if controls.ended():
            window.close()

    timer = QTimer()
    timer.timeout.connect(poll)
    timer.start(100)
    previous: Callable[..., object] = sys.excepthook
    sys.excepthook = fail
    try:
        window.show()
        application.exec()
    finally:
        sys.excepthook = previous
        timer.stop()
        window.hide()
    if failures:
        raise failures[0]
