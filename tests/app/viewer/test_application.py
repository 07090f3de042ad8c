"""The window's life: what ends it, and where there is no screen for it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PyQt6.QtCore import QTimer
from PyQt6.QtGui import QShowEvent
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.config import ROOT
from app.user import Settings
from app.viewer.screen import ScreenSink
from app.viewer.viewer import Viewer
from app.viewer.window import Window, show
from tests.app.viewer.conftest import OpenWindow
from tests.app.viewer.controls import FakeControls
from tests.media import write_video

OPENS = "from app.viewer.application import open_application; print(open_application() is open_application())"


def opened(**environment: str) -> "subprocess.CompletedProcess[str]":
    plain = {
        k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    }
    command = [sys.executable, "-c", OPENS]
    return subprocess.run(
        command, cwd=ROOT, env=plain | environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def too_late(qapp: QApplication) -> Iterator[QTimer]:
    """Ends a loop that nothing else has ended."""
    timer = QTimer()
    timer.setSingleShot(True)
    timer.timeout.connect(qapp.quit)
    timer.start(20_000)
    yield timer
    timer.stop()


def test_there_is_one_application() -> None:
    done = opened(QT_QPA_PLATFORM="offscreen")
    assert (done.returncode, done.stdout.strip()) == (0, "True"), done.stderr


def test_no_display_is_an_error_of_one_line_not_a_crash() -> None:
    none = opened()
    assert none.returncode == 1
    assert none.stderr.strip().endswith("SkyLiveError: no display to show a window on; use --headless")
    wrong = opened(DISPLAY=":873")
    assert wrong.returncode == 1
    assert "the display cannot be opened" in wrong.stderr.strip().splitlines()[-1]


def test_show_returns_when_the_window_is_closed(
    qtbot: QtBot, qapp: QApplication, open_window: OpenWindow, controls: FakeControls, too_late: QTimer
) -> None:
    window = open_window(leave_at_end=True)
    controls.change(ended=True)
    show(qapp, window)
    assert not window.isVisible()
    assert too_late.isActive()


@pytest.mark.parametrize("error", [ValueError("broken stage"), KeyboardInterrupt()])
def test_an_error_of_the_program_is_raised_by_show(
    qapp: QApplication,
    open_window: OpenWindow,
    controls: FakeControls,
    too_late: QTimer,
    error: BaseException,
) -> None:
    window = open_window()
    before = sys.excepthook
    controls.error = error
    with pytest.raises(type(error)) as raised:
        show(qapp, window)
    assert raised.value is error
    assert sys.excepthook is before
    assert not window.isVisible()


def test_an_error_before_the_loop_has_begun_is_raised_by_show(
    qapp: QApplication, sink: ScreenSink, controls: FakeControls, too_late: QTimer
) -> None:
    class Broken(Window):
        def showEvent(self, event: QShowEvent | None) -> None:
            raise ValueError("broken window")

    with pytest.raises(ValueError, match="broken window"):
        show(qapp, Broken(sink, controls, Settings()))
    assert too_late.isActive()


@pytest.mark.usefixtures("open_window")  # which cleans up
def test_after_an_interrupt_there_is_something_to_remember(controls: FakeControls, too_late: QTimer) -> None:
    interrupted = threading.Event()
    controls.change(sky_name="milky_way")
    QTimer.singleShot(300, interrupted.set)
    kept = Viewer().show(controls, Settings(sky="milky_way", show_seconds=33), False, interrupted)
    assert too_late.isActive()
    assert (kept.sky, kept.show_seconds) == ("milky_way", 33.0)


def test_settings_that_cannot_be_kept_cost_a_run_nothing(tmp_path: Path) -> None:
    clip, stats, home = tmp_path / "clip.mp4", tmp_path / "stats.json", tmp_path / "home"
    write_video(clip, size_wh=(96, 64), frames=4)
    home.touch()
    done = subprocess.run(
        [sys.executable, "run_live.py", str(clip), "--stats", str(stats)],
        cwd=ROOT, env=os.environ | {"XDG_CONFIG_HOME": str(home)}, capture_output=True, text=True,
        timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"{home}/skyar-live/settings.json: " in done.stderr.splitlines()[-2]
    assert stats.exists()


@pytest.mark.parametrize("seconds", [0.0, 0.3, 0.6])
def test_an_interrupt_while_the_first_source_is_opened_leaves_nothing(tmp_path: Path, seconds: float) -> None:
    recording = tmp_path / "out.mkv"
    command = [sys.executable, "-X", "importtime", "run_live.py", "demo", "--record", str(recording)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "app.viewer.viewer" not in (line := process.stderr.readline()):
        assert line, "it ended before there was a window"
    time.sleep(seconds)  # somewhere between the window's first line and the first picture
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors[-1000:]
    assert "Traceback" not in errors
    assert not recording.exists() or recording.stat().st_size


def test_the_program_plays_a_file_in_a_window_and_leaves(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", size_wh=(96, 64), frames=8)
    stats = tmp_path / "stats.json"
    command = [sys.executable, "run_live.py", str(clip), "--stats", str(stats)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    assert '"frames_out": 8' in stats.read_text()
