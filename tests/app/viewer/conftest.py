"""What every test of the window needs: a program to control, folders of its own, and an orderly end."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.user import Settings
from app.viewer.screen import ScreenSink
from app.viewer.style import dress
from app.viewer.window import Window
from tests.app.viewer.controls import FakeControls

OpenWindow = Callable[..., Window]


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's folders are empty ones of this test, but for the cache with small pictures of skies."""
    for name in ("CONFIG_HOME", "DATA_HOME", "VIDEOS_DIR", "PICTURES_DIR"):
        monkeypatch.setenv(f"XDG_{name}", str(tmp_path / name.lower()))


@pytest.fixture
def sink(qapp: QApplication) -> ScreenSink:
    return ScreenSink()


@pytest.fixture
def controls() -> FakeControls:
    return FakeControls()


@pytest.fixture
def open_window(
    qtbot: QtBot, qapp: QApplication, sink: ScreenSink, controls: FakeControls
) -> Iterator[OpenWindow]:
    """Opens the window with some settings, its skies and looks listed."""
    before = set(threading.enumerate())
    plain = qapp.styleSheet(), qapp.palette()
    dress(qapp)

    def open_it(settings: Settings | None = None, *, leave_at_end: bool = False) -> Window:
        window = Window(sink, controls, settings or Settings(), leave_at_end=leave_at_end)
        qtbot.addWidget(window)
        with qtbot.waitActive(window, timeout=10_000):  # shortcuts are those of the active window
            window.show()
            window.activateWindow()
        wait_for(qtbot, window, lambda: bool(window.gallery.skies) and window.look_panel.choice.count() > 0)
        return window

    yield open_it
    deadline = time.monotonic() + 20
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.01)
    qapp.setStyleSheet(plain[0])
    qapp.setPalette(plain[1])


@pytest.fixture
def window(open_window: OpenWindow) -> Window:
    return open_window()


def wait_for(qtbot: QtBot, window: Window, done: Callable[[], bool]) -> None:
    """Let the window look at the state until this is so."""

    def looked() -> bool:
        window.refresh()
        return done()

    qtbot.waitUntil(looked, timeout=10_000)
