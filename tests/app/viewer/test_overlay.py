from dataclasses import replace

import numpy as np
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor
from PyQt6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.state import State
from app.viewer.overlay import FRAME_MS, Overlay, Row, rows
from app.viewer.style import ACCENT

STATE = State(
    size_wh=(1920, 1080),
    fps=29.97,
    latency_ms=48.4,
    stages={"matting": FRAME_MS / 2, "blending": 2 * FRAME_MS},
    drops={"capture": 3, "viewer": 0},
    backend="ONNX Runtime 1.23 CPU",
)


@pytest.fixture
def parent(qtbot: QtBot) -> QWidget:
    parent = QWidget()
    qtbot.addWidget(parent)
    parent.setStyleSheet("background: black")
    parent.resize(640, 480)
    parent.show()
    qtbot.waitExposed(parent)
    return parent


@pytest.fixture
def overlay(parent: QWidget) -> Overlay:
    overlay = Overlay(parent)
    overlay.show()
    return overlay


def count_of(overlay: Overlay, colour: QColor) -> int:
    """How many pixels of the panel have nearly this colour."""
    image = overlay.grab().toImage()
    wanted = np.array(colour.getRgb()[:3])
    pixels = [
        image.pixelColor(x, y).getRgb()[:3] for y in range(image.height()) for x in range(image.width())
    ]
    return int((np.abs(np.array(pixels) - wanted).max(axis=1) < 12).sum())


def test_the_lines_say_all_there_is_to_say() -> None:
    assert rows(STATE) == [
        Row("speed", "30.0 fps"),
        Row("latency", "48 ms"),
        Row("matting", "16.7 ms", 0.5),
        Row("blending", "66.7 ms", 2.0),
        Row("dropped at capture", "3"),
        Row("size", "1920 × 1080"),
        Row("network", "ONNX Runtime 1.23 CPU"),
    ]


def test_before_the_first_picture_there_is_little_to_say() -> None:
    assert rows(State()) == [Row("speed", "0.0 fps"), Row("latency", "0 ms"), Row("dropped", "none")]


def test_the_bars_are_as_long_as_the_times(overlay: Overlay) -> None:
    blue = QColor(ACCENT)
    overlay.show_state(replace(STATE, stages={"matting": FRAME_MS / 4}))
    quarter = count_of(overlay, blue)
    overlay.show_state(replace(STATE, stages={"matting": FRAME_MS}))
    whole = count_of(overlay, blue)
    overlay.show_state(replace(STATE, stages={"matting": 1.01 * FRAME_MS}))
    assert whole == pytest.approx(4 * quarter, rel=0.3)
    assert count_of(overlay, blue) < quarter / 4  # too slow: another colour


def test_new_numbers_are_drawn(overlay: Overlay) -> None:
    overlay.show_state(STATE)
    before = overlay.grab().toImage()
    overlay.show_state(replace(STATE, fps=12.3))
    assert overlay.grab().toImage() != before
    overlay.show_state(STATE)
    assert overlay.grab().toImage() == before


def test_it_stays_in_the_corner_as_large_as_its_lines_need(parent: QWidget, overlay: Overlay) -> None:
    overlay.show_state(STATE)
    small = overlay.geometry()
    assert 0 < small.left() < 40
    assert 0 < small.top() < 40
    assert parent.rect().contains(small)
    overlay.show_state(replace(STATE, stages={}))
    assert overlay.height() < small.height()
    overlay.show_state(STATE)
    parent.resize(2400, 1300)
    assert overlay.width() > 1.4 * small.width()
    assert overlay.height() > 1.4 * small.height()


def test_it_can_be_clicked_through(overlay: Overlay) -> None:
    assert overlay.testAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
