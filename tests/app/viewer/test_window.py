"""A real window, driven by real key events."""

import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtCore import QEvent, Qt, QTimer
from PyQt6.QtGui import QKeyEvent, QShowEvent
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.colour import planes_from_rgb
from app.config import ROOT
from app.frame import Colour, Composited, Frame, Motion, Tracked, Tracking
from app.viewer.screen import ScreenSink, fitted
from app.viewer.window import Window, show
from tests.media import write_video

RED, BLUE = (200, 30, 40), (20, 60, 210)


class Recorded:
    """Controls that note what they were asked for."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.captured: list[int] = []
        self.over = False
        self.error: Exception | None = None

    def choose_sky(self, index: int) -> None:
        self.asked.append(index)

    def toggle_pause(self) -> None:
        self.asked.append("pause")

    def status_line(self) -> str:
        return "31.4 fps"

    def ended(self) -> bool:
        if self.error is not None:
            raise self.error
        return self.over

    def painted(self, captured_ns: int) -> None:
        self.captured.append(captured_ns)


def composited(
    rgb: tuple[int, int, int], captured_ns: int, size_wh: tuple[int, int] = (160, 90)
) -> Composited:
    colour = Colour("bt709")
    picture = np.broadcast_to(np.array(rgb, np.uint8), (size_wh[1], size_wh[0], 3))
    planes = planes_from_rgb(picture, colour)
    frame = Frame(planes, 0, 0, Fraction(1, 30), colour, captured_ns)
    motion = Motion(np.eye(3), np.eye(3), Tracking.LOST, 0)
    return Composited(Tracked(frame, np.zeros((size_wh[1], size_wh[0]), np.uint8), motion), planes)


@pytest.fixture
def sink(qapp: QApplication) -> ScreenSink:
    return ScreenSink()


@pytest.fixture
def controls() -> Recorded:
    return Recorded()


@pytest.fixture
def window(qtbot: QtBot, sink: ScreenSink, controls: Recorded) -> Window:
    window = Window("clip.mp4", sink, controls)
    qtbot.addWidget(window)
    window.resize(640, 480)
    window.show()
    qtbot.waitExposed(window)
    return window


def colour_at(window: Window, x: float, y: float) -> tuple[int, int, int]:
    """The screen widget's colour at a share of its width and height."""
    image = window.screen_widget.grab().toImage()
    pixel = image.pixelColor(int(x * (image.width() - 1)), int(y * (image.height() - 1)))
    return pixel.red(), pixel.green(), pixel.blue()


def test_the_picture_arrives_with_its_colours_and_aspect(
    qtbot: QtBot, window: Window, sink: ScreenSink, controls: Recorded
) -> None:
    sender = threading.Thread(target=sink.write, args=(composited(RED, 77),))
    sender.start()
    sender.join()
    qtbot.waitUntil(lambda: controls.captured == [77])
    assert colour_at(window, 0.5, 0.5) == pytest.approx(RED, abs=3)
    assert colour_at(window, 0.5, 0.01) == (0, 0, 0)  # a wide picture in a higher window: black above
    assert colour_at(window, 0.01, 0.5) == pytest.approx(RED, abs=3)


def test_the_newest_picture_wins_and_the_others_are_counted(
    qtbot: QtBot, window: Window, sink: ScreenSink, controls: Recorded
) -> None:
    for number, colour in enumerate((RED, RED, BLUE)):
        sink.write(composited(colour, number))
    qtbot.waitUntil(lambda: bool(controls.captured))
    assert controls.captured == [2]
    assert sink.replaced == 2
    assert colour_at(window, 0.5, 0.5) == pytest.approx(BLUE, abs=3)


@pytest.mark.parametrize("size_wh", [(64, 64), (641, 359), (90, 160), (1920, 1080)])
def test_any_size_is_brought_to_the_screens(
    qtbot: QtBot, window: Window, sink: ScreenSink, controls: Recorded, size_wh: tuple[int, int]
) -> None:
    sink.write(composited(BLUE, 5, size_wh))
    qtbot.waitUntil(lambda: controls.captured == [5])
    assert colour_at(window, 0.5, 0.5) == pytest.approx(BLUE, abs=3)


def test_keys(qtbot: QtBot, qapp: QApplication, window: Window, controls: Recorded) -> None:
    qtbot.keyClicks(window, "19 ")  # type: ignore[no-untyped-call]
    assert controls.asked == [0, 8, "pause"]
    assert window.statistics.text() == "31.4 fps"
    held = QKeyEvent(
        QEvent.Type.KeyPress, Qt.Key.Key_Space, Qt.KeyboardModifier.NoModifier, " ", autorep=True
    )
    qapp.sendEvent(window, held)
    assert controls.asked == [0, 8, "pause"]
    qtbot.keyClick(window, Qt.Key.Key_Escape)  # type: ignore[no-untyped-call]
    assert not window.isVisible()


def test_show_returns_at_the_end_and_when_the_window_is_closed(
    qtbot: QtBot, qapp: QApplication, window: Window, controls: Recorded
) -> None:
    controls.over = True
    show(qapp, window, controls)
    assert not window.isVisible()


def test_an_error_of_the_run_is_raised_by_show(
    qtbot: QtBot, qapp: QApplication, window: Window, controls: Recorded
) -> None:
    controls.error = ValueError("broken stage")
    before = sys.excepthook
    with pytest.raises(ValueError, match="broken stage"):
        show(qapp, window, controls)
    assert sys.excepthook is before


def test_an_error_before_the_loop_has_begun_is_raised_by_show(
    qtbot: QtBot, qapp: QApplication, sink: ScreenSink, controls: Recorded
) -> None:
    class Broken(Window):
        def showEvent(self, event: QShowEvent | None) -> None:
            raise ValueError("broken window")

    too_late = QTimer()
    too_late.setSingleShot(True)
    too_late.timeout.connect(qapp.quit)
    too_late.start(5000)
    with pytest.raises(ValueError, match="broken window"):
        show(qapp, Broken("clip.mp4", sink, controls), controls)
    assert too_late.isActive()
    too_late.stop()


def test_fitted_keeps_the_aspect() -> None:
    assert fitted((1920, 1080), (960, 960)) == (960, 540)
    assert fitted((100, 1000), (50, 50)) == (5, 50)
    assert fitted((4096, 64), (10, 10)) == (10, 1)


def test_the_program_plays_a_file_in_a_window_and_leaves(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", size_wh=(96, 64), frames=8)
    stats = tmp_path / "stats.json"
    command = [sys.executable, "run_live.py", str(clip), "--stats", str(stats)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    assert '"frames_out": 8' in stats.read_text()
