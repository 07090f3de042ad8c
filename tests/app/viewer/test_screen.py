"""The screen as a real widget, driven by real events."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtCore import QEvent, QMimeData, QObject, QPoint, QPointF, QRect, Qt, QUrl
from PyQt6.QtGui import QDragEnterEvent, QDropEvent, QImage, QMouseEvent
from PyQt6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.config import ROOT
from app.frame import U8
from app.viewer.screen import Screen, ScreenSink
from app.viewer.views import View
from tests.app.viewer.pictures import composited, plain

RED, BLUE, GREEN = (200, 30, 40), (20, 60, 210), (30, 160, 60)
WIDE = (160, 90)


@pytest.fixture
def painted() -> list[int]:
    return []


@pytest.fixture
def screen(qtbot: QtBot, sink: ScreenSink, painted: list[int]) -> Screen:
    screen = Screen(sink, painted.append)
    qtbot.addWidget(screen)
    screen.resize(640, 480)
    with qtbot.waitActive(screen):
        screen.show()
        screen.activateWindow()
    screen.setFocus()
    return screen


class Paints(QObject):
    """Counts the paint events of a widget."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__()
        self.count = 0
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        self.count += event is not None and event.type() == QEvent.Type.Paint
        return False


def seen(screen: Screen) -> U8:
    """What the screen shows, uint8 (H, W, 3)."""
    image = screen.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    bits = image.constBits()
    assert bits is not None
    pixels = np.frombuffer(bits.asstring(image.sizeInBytes()), np.uint8)
    return np.ascontiguousarray(pixels.reshape(image.height(), image.width(), 4)[..., 2::-1])


def colour_at(screen: Screen, x: float, y: float) -> tuple[int, ...]:
    """The colour at a share of the screen's width and height."""
    picture = seen(screen)
    return tuple(picture[int(y * (picture.shape[0] - 1)), int(x * (picture.shape[1] - 1))].tolist())


def show(qtbot: QtBot, sink: ScreenSink, painted: list[int], rgb: tuple[int, int, int], number: int) -> None:
    """Send a picture whose original is green, and wait until it is on the screen."""
    sink.write(composited(plain(rgb, WIDE), original=plain(GREEN, WIDE), captured_ns=number))
    qtbot.waitUntil(lambda: number in painted)


def mouse(screen: Screen, kind: QEvent.Type, x: float, y: float) -> None:
    """A real mouse event of the left button at a place of the widget."""
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    moves = kind == QEvent.Type.MouseMove
    at = QPointF(x, y)
    event = QMouseEvent(
        kind,
        at,
        QPointF(screen.mapToGlobal(QPoint(round(x), round(y)))),
        none if moves else left,
        none if kind == QEvent.Type.MouseButtonRelease else left,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(screen, event)


def test_the_picture_arrives_with_its_colours_and_aspect(
    qtbot: QtBot, screen: Screen, sink: ScreenSink, painted: list[int]
) -> None:
    sender = threading.Thread(target=sink.write, args=(composited(plain(RED, WIDE), captured_ns=77),))
    sender.start()
    sender.join()
    qtbot.waitUntil(lambda: painted == [77])
    assert colour_at(screen, 0.5, 0.5) == pytest.approx(RED, abs=3)
    assert colour_at(screen, 0.5, 0.01) == (0, 0, 0)  # a wide picture in a higher window: black above
    assert colour_at(screen, 0.01, 0.5) == pytest.approx(RED, abs=3)


def test_the_newest_picture_wins_and_the_others_are_counted(
    qtbot: QtBot, screen: Screen, sink: ScreenSink, painted: list[int]
) -> None:
    for number, rgb in enumerate((RED, RED, BLUE)):
        sink.write(composited(plain(rgb, WIDE), captured_ns=number))
    qtbot.waitUntil(lambda: bool(painted))
    assert painted == [2]
    assert sink.replaced == 2
    assert colour_at(screen, 0.5, 0.5) == pytest.approx(BLUE, abs=3)
    assert painted == [2]  # painted again, but shown before


@pytest.mark.parametrize("size_wh", [(64, 64), (641, 359), (90, 160), (1920, 1080)])
def test_any_size_is_brought_to_the_screens(
    qtbot: QtBot, screen: Screen, sink: ScreenSink, painted: list[int], size_wh: tuple[int, int]
) -> None:
    sink.write(composited(plain(BLUE, size_wh), captured_ns=5))
    qtbot.waitUntil(lambda: painted == [5])
    assert colour_at(screen, 0.5, 0.5) == pytest.approx(BLUE, abs=3)


def test_a_held_picture_stays_and_the_next_one_comes_when_it_is_let_go(
    qtbot: QtBot, screen: Screen, sink: ScreenSink, painted: list[int]
) -> None:
    show(qtbot, sink, painted, RED, 1)
    held = sink.latest()
    sink.held = True
    for number in (2, 3):
        sink.write(composited(plain(BLUE, WIDE), captured_ns=number))
    assert colour_at(screen, 0.5, 0.5) == pytest.approx(RED, abs=3)
    assert sink.latest() is held
    assert sink.replaced == 0
    assert painted == [1]
    sink.held = False
    show(qtbot, sink, painted, BLUE, 4)
    assert colour_at(screen, 0.5, 0.5) == pytest.approx(BLUE, abs=3)
    latest = sink.latest()
    assert latest is not None
    assert latest.frame.captured_ns == 4


def test_the_first_picture_is_shown_even_while_held(
    qtbot: QtBot, screen: Screen, sink: ScreenSink, painted: list[int]
) -> None:
    assert sink.latest() is None
    sink.held = True
    show(qtbot, sink, painted, RED, 1)
    assert colour_at(screen, 0.5, 0.5) == pytest.approx(RED, abs=3)


def test_a_held_picture_is_drawn_anew_in_another_view_and_size(
    qtbot: QtBot, screen: Screen, sink: ScreenSink, painted: list[int]
) -> None:
    show(qtbot, sink, painted, RED, 1)
    sink.held = True
    sink.view = View.ORIGINAL
    assert colour_at(screen, 0.5, 0.5) == pytest.approx(GREEN, abs=3)
    sink.view = View.SPLIT
    assert colour_at(screen, 0.2, 0.5) == pytest.approx(GREEN, abs=3)
    assert colour_at(screen, 0.8, 0.5) == pytest.approx(RED, abs=3)
    screen.resize(320, 400)
    qtbot.waitUntil(lambda: sink.room_wh == (320, 400))
    picture = seen(screen)
    assert tuple(picture[200, 300]) == pytest.approx(RED, abs=3)
    assert not picture[:105].any()  # 320 x 180 in the middle of 320 x 400
    assert tuple(picture[112, 300]) == pytest.approx(RED, abs=3)
    assert painted == [1]


def test_another_view_is_painted_without_a_new_picture(
    qtbot: QtBot, screen: Screen, sink: ScreenSink, painted: list[int]
) -> None:
    show(qtbot, sink, painted, RED, 1)
    with qtbot.waitSignal(sink.ready):
        sink.view = View.ALPHA
    with qtbot.assertNotEmitted(sink.ready):
        sink.view = View.ALPHA


def test_the_divider_is_dragged_by_the_mouse(
    qtbot: QtBot, screen: Screen, sink: ScreenSink, painted: list[int]
) -> None:
    show(qtbot, sink, painted, RED, 1)
    sink.view = View.SPLIT
    mouse(screen, QEvent.Type.MouseMove, 100, 240)
    assert screen.cursor().shape() == Qt.CursorShape.ArrowCursor
    mouse(screen, QEvent.Type.MouseMove, 325, 240)
    assert screen.cursor().shape() == Qt.CursorShape.SplitHCursor
    assert screen.toolTip()
    mouse(screen, QEvent.Type.MouseButtonPress, 325, 240)
    assert sink.split_x == 0.5
    mouse(screen, QEvent.Type.MouseMove, 165, 200)
    assert sink.split_x == pytest.approx(0.25)
    assert colour_at(screen, 0.2, 0.6) == pytest.approx(GREEN, abs=3)
    assert colour_at(screen, 0.3, 0.6) == pytest.approx(RED, abs=3)
    mouse(screen, QEvent.Type.MouseMove, -300, 200)
    assert sink.split_x == 0.0
    mouse(screen, QEvent.Type.MouseMove, 485, 200)
    mouse(screen, QEvent.Type.MouseButtonRelease, 485, 200)
    mouse(screen, QEvent.Type.MouseMove, 100, 200)
    assert sink.split_x == pytest.approx(0.75)


def test_elsewhere_the_mouse_drags_nothing(
    qtbot: QtBot, screen: Screen, sink: ScreenSink, painted: list[int]
) -> None:
    show(qtbot, sink, painted, RED, 1)
    for view, x in ((View.SPLIT, 400), (View.RESULT, 320)):
        sink.view = view
        mouse(screen, QEvent.Type.MouseButtonPress, x, 240)
        mouse(screen, QEvent.Type.MouseMove, 50, 240)
        mouse(screen, QEvent.Type.MouseButtonRelease, 50, 240)
        assert sink.split_x == 0.5
        assert screen.cursor().shape() == Qt.CursorShape.ArrowCursor


def test_the_divider_lies_where_the_picture_changes(
    qtbot: QtBot, screen: Screen, sink: ScreenSink, painted: list[int]
) -> None:
    show(qtbot, sink, painted, RED, 1)
    sink.view, sink.split_x = View.SPLIT, 0.25
    row = seen(screen)[300].astype(int)  # below the handle
    assert (row[158:162].min(axis=1) > 180).any()
    assert row[150] == pytest.approx(np.array(GREEN), abs=3)
    assert row[170] == pytest.approx(np.array(RED), abs=3)


def test_keys_move_the_divider_in_the_split_view_alone(
    qtbot: QtBot, screen: Screen, sink: ScreenSink
) -> None:
    control = Qt.KeyboardModifier.ControlModifier

    def press(key: Qt.Key, modifiers: Qt.KeyboardModifier = control) -> None:
        qtbot.keyClick(screen, key, modifiers)  # type: ignore[no-untyped-call]

    press(Qt.Key.Key_Right)
    assert sink.split_x == 0.5
    sink.view = View.SPLIT
    press(Qt.Key.Key_Right)
    assert sink.split_x == pytest.approx(0.52)
    for _ in range(2):
        press(Qt.Key.Key_Left)
    assert sink.split_x == pytest.approx(0.48)
    for others in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier):
        press(Qt.Key.Key_Left, others)
    assert sink.split_x == pytest.approx(0.48)
    screen.move_split(-3)
    assert sink.split_x == 0.0
    screen.move_split(3)
    assert sink.split_x == 1.0


def test_a_double_click_asks_for_the_full_screen_but_not_on_the_divider(
    qtbot: QtBot, screen: Screen, sink: ScreenSink, painted: list[int]
) -> None:
    show(qtbot, sink, painted, RED, 1)
    with qtbot.waitSignal(screen.full_screen_asked):
        mouse(screen, QEvent.Type.MouseButtonDblClick, 320, 240)
    sink.view = View.SPLIT
    with qtbot.assertNotEmitted(screen.full_screen_asked):
        mouse(screen, QEvent.Type.MouseButtonDblClick, 320, 240)
    mouse(screen, QEvent.Type.MouseMove, 480, 240)  # the second press holds it too
    assert sink.split_x == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("urls", "files"),
    [
        (["file:///clips/a%20b.mp4", "file:///clips/c.png"], [Path("/clips/a b.mp4"), Path("/clips/c.png")]),
        (["https://example.org/a.mp4"], None),
        ([], None),
    ],
)
def test_files_can_be_dropped(
    qtbot: QtBot, screen: Screen, urls: list[str], files: list[Path] | None
) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl(url) for url in urls])
    heard: list[list[Path]] = []
    screen.dropped.connect(heard.append)
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(50, 50), copy, mime, left, none)
    enter.ignore()
    QApplication.sendEvent(screen, enter)
    assert enter.isAccepted() == (files is not None)
    QApplication.sendEvent(screen, QDropEvent(QPointF(50, 50), copy, mime, left, none))
    assert heard == ([] if files is None else [files])


def test_the_banner_is_at_the_top_and_goes(
    qtbot: QtBot, screen: Screen, sink: ScreenSink, painted: list[int]
) -> None:
    show(qtbot, sink, painted, RED, 1)
    bare = seen(screen)
    screen.set_banner("Paused")
    changed = (seen(screen) != bare).any(axis=2)
    rows, columns = np.nonzero(changed)
    top = (480 - 360) // 2  # the picture's upper edge
    assert top < rows.min() < rows.max() < top + 60
    assert columns.min() + columns.max() == pytest.approx(639, abs=2)
    screen.set_banner("a very long reason why there is no picture just now " * 8)
    rows, columns = np.nonzero((seen(screen) != bare).any(axis=2))
    assert rows.max() < top + 60
    assert 0 < columns.min() < columns.max() < 639
    screen.set_banner("")
    assert np.array_equal(seen(screen), bare)


@pytest.mark.parametrize("text", ["Paused", "a very long reason why there is no picture just now " * 8])
def test_the_banner_makes_way_for_what_lies_beside_it(
    qtbot: QtBot, screen: Screen, sink: ScreenSink, painted: list[int], text: str
) -> None:
    show(qtbot, sink, painted, RED, 1)
    bare = seen(screen)
    screen.set_banner(text, QRect(10, 10, 320, 200))
    _, columns = np.nonzero((seen(screen) != bare).any(axis=2))
    assert 330 < columns.min() < columns.max() < 639
    screen.set_banner("Paused", QRect(10, 10, 320, 20))  # above the picture, and the banner is on it
    _, columns = np.nonzero((seen(screen) != bare).any(axis=2))
    assert columns.min() + columns.max() == pytest.approx(639, abs=2)


def test_what_changes_over_a_standing_picture_is_painted_at_once(
    qtbot: QtBot, screen: Screen, sink: ScreenSink, painted: list[int]
) -> None:
    show(qtbot, sink, painted, RED, 1)
    paints = Paints(screen)
    screen.set_banner("Paused")
    qtbot.waitUntil(lambda: paints.count > 0)
    paints.count = 0
    screen.move_split(0.1)
    qtbot.waitUntil(lambda: paints.count > 0)


def test_a_banner_without_a_picture_is_in_the_middle(screen: Screen) -> None:
    screen.set_banner("Opening clip.mp4 …")
    rows, columns = np.nonzero(seen(screen).any(axis=2))
    assert rows.min() + rows.max() == pytest.approx(479, abs=2)
    assert columns.min() + columns.max() == pytest.approx(639, abs=2)


def test_the_caption_of_a_view_is_at_the_bottom_left(
    qtbot: QtBot, screen: Screen, sink: ScreenSink, painted: list[int]
) -> None:
    show(qtbot, sink, painted, RED, 1)
    sink.view = View.ALPHA  # no sky: the original in grey
    picture = seen(screen)
    rows, columns = np.nonzero((picture != picture[240, 320]).any(axis=2) & picture.any(axis=2))
    assert 340 < rows.min() < rows.max() < 420
    assert columns.max() < 200


_ONE_TO_ONE = """
import sys
import numpy as np
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QApplication
from app.viewer.screen import Screen, ScreenSink
from tests.app.viewer.pictures import composited

application = QApplication(sys.argv)
sink = ScreenSink()
screen = Screen(sink, lambda captured_ns: None)
screen.resize(160, 120)
screen.show()
width, height = sink.room_wh
picture = np.repeat(np.indices((height, width)).sum(axis=0)[..., np.newaxis] % 2 * 255, 3, axis=2)
sink.write(composited(picture.astype(np.uint8)))
image = screen.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
bits = image.constBits().asstring(image.sizeInBytes())
shown = np.frombuffer(bits, np.uint8).reshape(image.height(), image.width(), 4)[..., :3]
assert shown.shape == picture.shape, (shown.shape, picture.shape)
assert np.array_equal(shown, picture)
print(width, height)
"""


@pytest.mark.parametrize(("factor", "size"), [("2", "320 240"), ("1.5", "240 180")])
def test_on_a_fine_screen_each_sample_has_a_pixel_of_its_own(factor: str, size: str) -> None:
    environment = {**os.environ, "QT_SCALE_FACTOR": factor}
    done = subprocess.run(
        [sys.executable, "-c", _ONE_TO_ONE],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == size
