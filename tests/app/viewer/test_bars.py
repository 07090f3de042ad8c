"""The position bar, moved by a real mouse and real keys."""

from pathlib import Path

import pytest
from PyQt6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from app.state import State, Written
from app.viewer.bars import PositionBar

FILE = State(source="clip.mp4", span_s=(10.0, 110.0), position_s=20.0)


@pytest.fixture
def bar(qtbot: QtBot) -> PositionBar:
    bar = PositionBar()
    qtbot.addWidget(bar)
    bar.resize(600, 40)
    bar.show_state(FILE)
    bar.show()
    qtbot.waitExposed(bar)
    return bar


@pytest.fixture
def sought(bar: PositionBar) -> list[float]:
    seconds: list[float] = []
    bar.sought.connect(seconds.append)
    return seconds


def at(bar: PositionBar, share: float) -> QPoint:
    return QPoint(round(share * bar.slider.width()), bar.slider.height() // 2)


def test_it_is_there_only_where_the_position_can_be_set(bar: PositionBar) -> None:
    assert bar.isVisible()
    bar.show_state(State(source="rtsp://camera", live=True))
    assert bar.isHidden()


def test_it_follows_the_source_and_asks_for_nothing(bar: PositionBar, sought: list[float]) -> None:
    bar.show_state(State(source="clip.mp4", span_s=(10.0, 110.0), position_s=85.0))
    assert bar.slider.value() == 75_000
    assert (bar.now.text(), bar.whole.text()) == ("1:15", "1:40")
    assert sought == []


def test_a_click_goes_there(qtbot: QtBot, bar: PositionBar, sought: list[float]) -> None:
    left = Qt.MouseButton.LeftButton
    qtbot.mouseClick(bar.slider, left, pos=at(bar, 0.75))  # type: ignore[no-untyped-call]
    assert sought == [pytest.approx(85.0, abs=2)]
    bar.show_state(FILE)  # the source is not there yet: the handle stays where it was asked to
    assert bar.slider.value() == pytest.approx(75_000, abs=2000)
    bar.show_state(State(source="clip.mp4", span_s=(10.0, 110.0), position_s=sought[0] + 0.1))
    bar.show_state(State(source="clip.mp4", span_s=(10.0, 110.0), position_s=sought[0] + 5))
    assert bar.now.text() == "1:20"


def test_a_position_that_is_never_reached_is_given_up(
    qtbot: QtBot, bar: PositionBar, sought: list[float]
) -> None:
    left = Qt.MouseButton.LeftButton
    qtbot.mouseClick(bar.slider, left, pos=at(bar, 0.9))  # type: ignore[no-untyped-call]
    for _ in range(25):
        bar.show_state(FILE)
    assert bar.slider.value() == 10_000


def test_dragging_asks_with_each_look_and_at_the_end(
    qtbot: QtBot, bar: PositionBar, sought: list[float]
) -> None:
    left = Qt.MouseButton.LeftButton
    qtbot.mousePress(bar.slider, left, pos=at(bar, 0.2))  # type: ignore[no-untyped-call]
    for share in (0.3, 0.4, 0.5):
        qtbot.mouseMove(bar.slider, at(bar, share))  # type: ignore[no-untyped-call]
    bar.show_state(FILE)
    assert len(sought) == 1
    assert sought[0] == pytest.approx(60.0, abs=2)
    assert bar.slider.value() == pytest.approx(50_000, abs=2000)
    qtbot.mouseMove(bar.slider, at(bar, 0.6))  # type: ignore[no-untyped-call]
    qtbot.mouseRelease(bar.slider, left, pos=at(bar, 0.6))  # type: ignore[no-untyped-call]
    assert len(sought) == 2
    assert sought[1] == pytest.approx(70.0, abs=2)


def test_keys_and_steps_move_it(qtbot: QtBot, bar: PositionBar, sought: list[float]) -> None:
    for key in (Qt.Key.Key_Right, Qt.Key.Key_PageUp, Qt.Key.Key_Home, Qt.Key.Key_End):
        qtbot.keyClick(bar.slider, key)  # type: ignore[no-untyped-call]
    bar.step(-5.0)
    assert sought == [25.0, 55.0, 10.0, 110.0, 105.0]


def test_it_rests_while_recording_and_says_why(qtbot: QtBot, bar: PositionBar, sought: list[float]) -> None:
    recording = Written(Path("film.mkv"), 1.0, 1)
    bar.show_state(State(source="clip.mp4", span_s=(10.0, 110.0), position_s=30.0, recording=recording))
    left = Qt.MouseButton.LeftButton
    qtbot.mouseClick(bar.slider, left, pos=at(bar, 0.75))  # type: ignore[no-untyped-call]
    bar.step(5.0)
    assert sought == []
    assert not bar.slider.isEnabled()
    assert "recording" in bar.slider.toolTip()
    assert bar.slider.value() == 20_000
