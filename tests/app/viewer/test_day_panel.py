"""The time of day, set by real keys and the mouse, and followed while it passes."""

from collections.abc import Iterator

import pytest
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtGui import QColor, QWheelEvent
from PyQt6.QtWidgets import QApplication, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.state import Daylight
from app.viewer import style
from app.viewer.day_panel import DayPanel
from living.specs import REAL, Clock

Key = Qt.Key
LEFT = Qt.MouseButton.LeftButton
OWN, FIXED, WALL, LAPSE_60, LAPSE_600, LAPSE_3600 = range(6)


@pytest.fixture
def panel(qtbot: QtBot, qapp: QApplication) -> Iterator[DayPanel]:
    """The panel beside a button, at noon of the sky's own time."""
    plain = qapp.styleSheet(), qapp.palette()
    style.dress(qapp)
    panel, shell = DayPanel(), QWidget()
    layout = QVBoxLayout(shell)
    layout.addWidget(QPushButton("other"))
    layout.addWidget(panel)
    qtbot.addWidget(shell)
    shell.resize(288, 220)
    with qtbot.waitActive(shell, timeout=10_000):
        shell.show()
        shell.activateWindow()
    panel.show_daylight(Daylight(12.0))
    QApplication.processEvents()
    yield panel
    qapp.setStyleSheet(plain[0])
    qapp.setPalette(plain[1])


@pytest.fixture
def told(panel: DayPanel) -> list[Clock | None]:
    """The clocks that were asked for."""
    told: list[Clock | None] = []
    panel.asked.connect(told.append)
    return told


def press(qtbot: QtBot, where: QWidget, key: Qt.Key) -> None:
    qtbot.keyClick(where, key)  # type: ignore[no-untyped-call]


def at_hour(panel: DayPanel, hour: float) -> QPoint:
    """A place on the dial, found by the words below it: they stand from one end to the other."""
    return QPoint(round(11 + hour / 24 * (panel.dial.width() - 22)), 14)


def choose(qtbot: QtBot, panel: DayPanel, row: int) -> None:
    """By keys, in the list that the choice opens."""
    panel.choice.setFocus()
    press(qtbot, panel.choice, Key.Key_Space)
    view = panel.choice.view()
    assert view is not None
    qtbot.waitUntil(view.isVisible)
    press(qtbot, view, Key.Key_Home)
    for _ in range(row):
        press(qtbot, view, Key.Key_Down)
    press(qtbot, view, Key.Key_Return)
    qtbot.waitUntil(lambda: not view.isVisible())


def test_it_is_there_only_with_a_time_of_day(panel: DayPanel) -> None:
    assert panel.isVisible() and panel.time.text() == "12:00"
    panel.show_daylight(None)
    assert not panel.isVisible()
    panel.turn(15)
    panel.show_daylight(Daylight(19.27))
    assert panel.isVisible() and panel.time.text() == "19:16"
    assert panel.choice.currentText() == "The sky's own time"


def test_a_click_and_a_drag_set_the_time_at_once(
    qtbot: QtBot, panel: DayPanel, told: list[Clock | None]
) -> None:
    qtbot.mousePress(panel.dial, LEFT, pos=at_hour(panel, 6))  # type: ignore[no-untyped-call]
    (first,) = told
    assert first is not None and first.rate == 0 and first.start == pytest.approx(6, abs=0.1)
    panel.show_daylight(Daylight(12.0))  # the program's answer to what was before
    assert panel.dial.hour == first.start and panel.choice.currentText() == "Fixed time"
    for hour in (8.0, 12.0, 20.0, 30.0):
        qtbot.mouseMove(panel.dial, at_hour(panel, hour))  # type: ignore[no-untyped-call]
        QApplication.processEvents()
    qtbot.waitUntil(lambda: told[-1] == Clock(1439 / 60, 0.0))
    assert panel.time.text() == "23:59"
    qtbot.mouseRelease(panel.dial, LEFT, pos=at_hour(panel, 30))  # type: ignore[no-untyped-call]
    qtbot.mouseMove(panel.dial, at_hour(panel, 3))  # type: ignore[no-untyped-call]
    assert panel.time.text() == "23:59"


def test_keys_move_it_past_midnight(qtbot: QtBot, panel: DayPanel, told: list[Clock | None]) -> None:
    panel.show_daylight(Daylight(0.05, Clock(0.05, 0.0)))
    panel.dial.setFocus()
    for key, time in (
        (Key.Key_Left, "23:58"),
        (Key.Key_PageUp, "00:58"),
        (Key.Key_Right, "01:03"),
        (Key.Key_Up, "01:08"),
        (Key.Key_PageDown, "00:08"),
        (Key.Key_Down, "00:03"),
        (Key.Key_End, "23:59"),
        (Key.Key_Home, "00:00"),
    ):
        press(qtbot, panel.dial, key)
        assert panel.time.text() == time
    qtbot.waitUntil(lambda: told[-1] == Clock(0.0, 0.0))


def test_quick_moves_are_told_seldom_and_the_last_one_always(
    qtbot: QtBot, panel: DayPanel, told: list[Clock | None]
) -> None:
    for _ in range(40):
        panel.turn(1)
    assert told == [Clock(721 / 60, 0.0)]
    panel.show_daylight(Daylight(721 / 60, told[0]))
    assert panel.time.text() == "12:40"  # what is still to be told is not taken back
    qtbot.waitUntil(lambda: told[-1] == Clock(760 / 60, 0.0))
    assert len(told) == 2


@pytest.mark.parametrize(
    ("row", "clock"),
    [
        (FIXED, Clock(12.0, 0.0)),
        (WALL, REAL),
        (LAPSE_60, Clock(12.0, 60.0)),
        (LAPSE_600, Clock(12.0, 600.0)),
        (LAPSE_3600, Clock(12.0, 3600.0)),
    ],
)
def test_the_clock_is_chosen_by_keys(
    qtbot: QtBot, panel: DayPanel, told: list[Clock | None], row: int, clock: Clock
) -> None:
    choose(qtbot, panel, row)
    assert told == [clock]
    panel.show_daylight(Daylight(12.5, clock))
    assert panel.choice.currentIndex() == row
    qtbot.wait(60)  # longer than two are apart
    choose(qtbot, panel, OWN)
    assert told == [clock, None]


def test_a_clock_that_runs_is_followed_and_goes_on_from_where_it_is_dragged(
    qtbot: QtBot, panel: DayPanel, told: list[Clock | None]
) -> None:
    lapse = Clock(12.0, 600.0)
    for hour, time in ((12.0, "12:00"), (13.5, "13:30"), (23.9999, "23:59"), (0.25, "00:15")):
        panel.show_daylight(Daylight(hour, lapse))
        assert panel.time.text() == time and panel.dial.value() == int(hour * 60)
    panel.turn(120)
    assert told == [Clock(2.25, 600.0)]
    panel.show_daylight(Daylight(0.25, told[0]))  # no picture by the new clock yet
    assert panel.time.text() == "02:15"
    panel.show_daylight(Daylight(2.5, told[0]))
    assert panel.time.text() == "02:30" and panel.choice.currentText() == "Time lapse ×600"


def test_a_fixed_time_is_that_of_its_clock_while_no_picture_comes(panel: DayPanel) -> None:
    panel.show_daylight(Daylight(9.0, Clock(18.5, 0.0)))
    assert panel.time.text() == "18:30"


def test_a_photo_in_its_own_light_has_no_hour_until_it_is_given_one(
    qtbot: QtBot, panel: DayPanel, told: list[Clock | None]
) -> None:
    noon = panel.dial.grab().toImage()
    panel.show_daylight(Daylight(None))
    assert panel.time.text() == "own light" and panel.dial.hour is None
    assert panel.dial.grab().toImage() != noon
    panel.turn(-15)
    assert told == [Clock(11.75, 0.0)] and panel.time.text() == "11:45"
    qtbot.wait(60)
    panel.show_daylight(Daylight(None))
    choose(qtbot, panel, LAPSE_60)
    assert told[1:] == [Clock(6.0, 60.0)]
    panel.show_daylight(Daylight(None, told[1]))  # its picture is to come
    assert panel.time.text() == "06:00"


def test_a_clock_that_is_not_offered_is_named(panel: DayPanel) -> None:
    panel.show_daylight(Daylight(7.0, Clock(5.5, 360.0)))
    assert panel.choice.currentIndex() == -1
    assert panel.choice.placeholderText() == "05:30,x360"
    panel.show_daylight(Daylight(7.0))
    assert panel.choice.currentText() == "The sky's own time"


def test_the_dial_shows_day_and_night_and_a_sun_or_a_moon(panel: DayPanel) -> None:
    def colour(hour: float) -> QColor:
        return panel.dial.grab().toImage().pixelColor(at_hour(panel, hour))

    panel.show_daylight(Daylight(None))
    assert colour(1).lightness() < 60 < 110 < colour(12).lightness()
    assert colour(18).red() > colour(18).blue()  # the glow of the evening
    panel.show_daylight(Daylight(15.0))
    sun = colour(15)
    assert sun.red() > 230 and sun.blue() < 130
    panel.show_daylight(Daylight(2.0))
    dial = panel.dial.grab().toImage()
    near = [dial.pixelColor(at_hour(panel, 2) + QPoint(x, 2)) for x in range(-6, 0)]
    assert max(spot.lightness() for spot in near) > 200


def test_it_is_reached_by_tab_named_and_explained(qtbot: QtBot, panel: DayPanel) -> None:
    panel.choice.setFocus()
    for widget in (panel.dial, panel.choice):
        before = widget.grab().toImage()
        if widget is panel.choice:
            panel.dial.setFocus()
            before = widget.grab().toImage()
            press(qtbot, panel.dial, Key.Key_Tab)
        else:
            qtbot.keyClick(panel.choice, Key.Key_Backtab)  # type: ignore[no-untyped-call]
        assert widget.hasFocus()
        assert widget.grab().toImage() != before
        assert widget.toolTip() and widget.accessibleName().startswith("Time of day")
    assert panel.dial.accessibleDescription().startswith("12:00. ")
    panel.turn(7)
    assert panel.dial.accessibleDescription().startswith("12:07. ")


def test_the_wheel_scrolls_past_it_without_focus(panel: DayPanel, told: list[Clock | None]) -> None:
    for widget in (panel.dial, panel.choice):
        QApplication.sendEvent(widget, wheel(widget))
    assert told == []
    panel.dial.setFocus()
    QApplication.sendEvent(panel.dial, wheel(panel.dial))
    assert len(told) == 1


def wheel(widget: QWidget) -> QWheelEvent:
    middle = QPointF(widget.rect().center())
    no_button, no_key = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    begun = Qt.ScrollPhase.NoScrollPhase
    there = widget.mapToGlobal(middle)
    return QWheelEvent(middle, there, QPoint(), QPoint(0, 120), no_button, no_key, begun, False)
