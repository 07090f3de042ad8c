"""The hours of a day on a band of sky, with a sun or a moon at the one that is shown."""

import math
from itertools import pairwise

from PyQt6.QtCore import QPointF, QRectF, QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtGui import (
    QColor,
    QKeyEvent,
    QLinearGradient,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QWheelEvent,
)
from PyQt6.QtWidgets import QSlider

from app.viewer import style
from living.sun import day_path

_DAY = 24 * 60
_KEY_STEP, _PAGE_STEP = 5, 60
"""Minutes."""
_STEPS = {
    Qt.Key.Key_Left: -_KEY_STEP,
    Qt.Key.Key_Down: -_KEY_STEP,
    Qt.Key.Key_Right: _KEY_STEP,
    Qt.Key.Key_Up: _KEY_STEP,
    Qt.Key.Key_PageDown: -_PAGE_STEP,
    Qt.Key.Key_PageUp: _PAGE_STEP,
}
_SIDE = 11.0
_BAND_TOP, _BAND = 5.0, 18.0
_DISC = 7.0
_MARKED = 0, 6, 12, 18, 24
_SHADES = (
    (-18.0, "#0d1430"),
    (-8.0, "#22376b"),
    (-3.0, "#7a5a86"),
    (1.0, "#e3935f"),
    (8.0, "#a9cbe6"),
    (30.0, "#5a9fdd"),
)
"""By the sun's elevation in degrees."""
_SUN, _MOON, _NIGHT, _RIM = "#ffd45e", "#e6ebf5", "#2a3658", "#12161c"


class DayDial(QSlider):
    """Midnight to midnight, in minutes. Goes where it is pressed; keys pass midnight.

    `turned(float)`, the hour, 0 to 24, comes when the user moves it.
    """

    turned = pyqtSignal(float)

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.hour: float | None = None
        """What is shown; None: no hour."""
        self.setRange(0, _DAY - 1)
        self.setSingleStep(_KEY_STEP)
        self.setPageStep(_PAGE_STEP)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.valueChanged.connect(self._moved)

    def show_hour(self, hour: float | None) -> None:
        """Show this hour, 0 to 24, or none; emits nothing."""
        if hour == self.hour:
            return
        self.hour = hour
        if hour is not None:
            with QSignalBlocker(self):
                self.setValue(int(60 * hour + 1e-6) % _DAY)
        self.update()

    def turn(self, minutes: int) -> None:
        """Move by so many minutes, as the user, past midnight, too; from noon where no hour is shown."""
        start = _DAY // 2 if self.hour is None else self.value()
        self._set((start + minutes) % _DAY)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """As a slider does, but past midnight."""
        if event is not None and (step := _STEPS.get(Qt.Key(event.key()))) is not None:
            self.turn(step)
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Take hold of the time that is under the mouse."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self._set(self._minutes_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Go along."""
        if event is not None and self.isSliderDown():
            self._set(self._minutes_at(event.position().x()))

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """Stay there."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(False)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Not by chance."""
        if event is not None and not self.hasFocus():
            event.ignore()
        else:
            super().wheelEvent(event)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """The band, its hours, and the sun or the moon."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        band = QRectF(_SIDE, _BAND_TOP, self._reach(), _BAND)
        _draw_band(painter, band.adjusted(-_DISC, 0, _DISC, 0), band, focused=self.hasFocus())
        _draw_hours(painter, band)
        if self.hour is not None:
            centre = QPointF(band.left() + self.value() / _DAY * band.width(), band.center().y())
            (_draw_sun if day_path(self.value() / 60)[0] > 0 else _draw_moon)(painter, centre)
        painter.end()

    def _reach(self) -> float:
        return max(self.width() - 2 * _SIDE, 1.0)

    def _minutes_at(self, x: float) -> int:
        return min(max(round((x - _SIDE) / self._reach() * _DAY), 0), _DAY - 1)

    def _set(self, minutes: int) -> None:
        if minutes == self.value() and self.hour is None:
            self._moved(minutes)
        self.setValue(minutes)

    def _moved(self, minutes: int) -> None:
        self.hour = minutes / 60
        self.update()
        self.turned.emit(self.hour)


def _draw_band(painter: QPainter, shape: QRectF, hours: QRectF, *, focused: bool) -> None:
    shade = QLinearGradient(hours.topLeft(), hours.topRight())
    for quarter in range(97):
        shade.setColorAt(quarter / 96, _shade(day_path(quarter / 4)[0]))
    painter.setPen(QPen(QColor(style.TEXT if focused else style.BORDER), 2.0 if focused else 1.0))
    painter.setBrush(shade)
    painter.drawRoundedRect(shape, shape.height() / 2, shape.height() / 2)


def _shade(elevation: float) -> QColor:
    """The colour of the band where the sun stands there."""
    if elevation <= _SHADES[0][0]:
        return QColor(_SHADES[0][1])
    for (low, below), (high, above) in pairwise(_SHADES):
        if elevation <= high:
            share = (elevation - low) / (high - low)
            first, second = QColor(below).getRgb()[:3], QColor(above).getRgb()[:3]
            return QColor(*(round(a + share * (b - a)) for a, b in zip(first, second, strict=True)))
    return QColor(_SHADES[-1][1])


def _draw_hours(painter: QPainter, band: QRectF) -> None:
    font = painter.font()
    font.setPixelSize(11)
    painter.setFont(font)
    painter.setPen(QColor(style.DIM))
    for hour in _MARKED:
        box = QRectF(band.left() + hour / 24 * band.width() - 12, band.bottom() + 4, 24, 15)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(hour))


def _draw_sun(painter: QPainter, centre: QPointF) -> None:
    painter.setPen(QPen(QColor(_RIM), 4.4, cap=Qt.PenCapStyle.RoundCap))
    for pen in (painter.pen(), QPen(QColor(_SUN), 2.0, cap=Qt.PenCapStyle.RoundCap)):
        painter.setPen(pen)
        for number in range(8):
            ray = QPointF(math.cos(number * math.pi / 4), math.sin(number * math.pi / 4))
            painter.drawLine(centre + ray * (_DISC + 1.5), centre + ray * (_DISC + 3.0))
    painter.setPen(QPen(QColor(_RIM), 1.4))
    painter.setBrush(QColor(_SUN))
    painter.drawEllipse(centre, _DISC, _DISC)


def _draw_moon(painter: QPainter, centre: QPointF) -> None:
    painter.setPen(QPen(QColor(_MOON), 1.4))
    painter.setBrush(QColor(_NIGHT))
    painter.drawEllipse(centre, _DISC + 1, _DISC + 1)
    whole, hidden = QPainterPath(), QPainterPath()
    whole.addEllipse(centre, _DISC - 2, _DISC - 2)
    hidden.addEllipse(centre + QPointF(3.2, -1.6), _DISC - 2.5, _DISC - 2.5)
    painter.fillPath(whole.subtracted(hidden), QColor(_MOON))
