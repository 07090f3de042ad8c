import re
from collections.abc import Iterator

import pytest
from PyQt6.QtCore import QDir, QFile
from PyQt6.QtGui import QColor, QIcon
from PyQt6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLineEdit,
    QListWidget,
    QMainWindow,
    QMenu,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSlider,
    QTableWidget,
    QToolButton,
    QTreeWidget,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.viewer import style

WIDGETS: list[type[QWidget]] = [
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLineEdit,
    QListWidget,
    QMainWindow,
    QMenu,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSlider,
    QTableWidget,
    QToolButton,
    QTreeWidget,
]


@pytest.fixture
def dressed(qapp: QApplication) -> Iterator[QApplication]:
    plain = qapp.styleSheet(), qapp.palette()
    style.dress(qapp)
    yield qapp
    qapp.setStyleSheet(plain[0])
    qapp.setPalette(plain[1])


def luminance(colour: str) -> float:
    """Relative luminance as in WCAG 2."""
    shares = [level / 255 for level in QColor(colour).getRgb()[:3] if level is not None]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("ground", [style.BACKGROUND, style.PANEL, style.FIELD])
def test_text_is_readable_on_every_ground(ground: str) -> None:
    assert contrast(style.TEXT, ground) > 7
    assert contrast(style.DIM, ground) > 4.5
    assert contrast(style.DANGER, ground) > 4.5
    assert contrast(style.ACCENT, ground) > 4.5  # of what is checked or in focus


def test_text_is_readable_on_what_stands_out() -> None:
    assert contrast(style.ON_ACCENT, style.ACCENT) > 7
    assert contrast(style.ON_ACCENT, style.DANGER) > 4.5


def test_the_sheet_is_whole(dressed: QApplication, qtbot: QtBot, capfd: pytest.CaptureFixture[str]) -> None:
    assert not re.search(r"\$\w", style.STYLE)
    for icon in re.findall(r"url\((icons:[^)]*)\)", style.STYLE):
        assert QFile.exists(icon), icon
        assert not QIcon(icon).pixmap(12, 12).isNull()
    assert QDir.searchPaths("icons")


@pytest.mark.parametrize("kind", WIDGETS)
def test_no_widget_is_a_light_box(dressed: QApplication, qtbot: QtBot, kind: type[QWidget]) -> None:
    shell = QWidget()
    qtbot.addWidget(shell)
    layout = QVBoxLayout(shell)
    widget = kind()
    layout.addWidget(widget)
    shell.resize(200, 120)
    shell.show()
    qtbot.waitExposed(shell)
    image = shell.grab().toImage()
    lights = [
        image.pixelColor(x, y).lightness()
        for x in range(0, image.width(), 4)
        for y in range(0, image.height(), 4)
    ]
    assert sum(light > 90 for light in lights) < 0.05 * len(lights)


def test_qt_understands_the_sheet(dressed: QApplication, qtbot: QtBot, qtlog: object) -> None:
    shell = QMainWindow()
    qtbot.addWidget(shell)
    shell.show()
    qtbot.waitExposed(shell)
    assert [record.message for record in qtlog.records] == []  # type: ignore[attr-defined]
    shell.setStyleSheet(style.STYLE + "{")
    assert any("parse" in record.message for record in qtlog.records)  # type: ignore[attr-defined]
