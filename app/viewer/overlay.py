"""The program's numbers in a corner over the picture."""

from typing import Final, NamedTuple

from PyQt6.QtCore import QEvent, QObject, QRectF, Qt
from PyQt6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPixmap
from PyQt6.QtWidgets import QWidget

from app.state import State
from app.viewer.style import ACCENT, DIM, TEXT

FRAME_MS: Final = 1000 / 30
"""A bar of full length: what a stage may take at most where thirty frames come in a second."""

_PANEL = QColor(14, 17, 20, 200)
_TEXT = QColor(TEXT)
_QUIET = QColor(DIM)
_TRACK = QColor(255, 255, 255, 26)
_BAR = QColor(ACCENT)
_SLOW = QColor(255, 186, 72)
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter

_WIDE: Final = 14.0
_EDGE: Final = 0.8
_NAME: Final = 4.4
_NUMBER: Final = 3.4
"""Widths of the panel, of its edge and of a stage's name and number, in heights of a line."""


class Row(NamedTuple):
    """A line of the panel: words on the left and right, and the length of a bar; above 1, it is too slow."""

    left: str
    right: str = ""
    bar: float | None = None


def rows(state: State) -> list[Row]:
    """The panel's lines, top to bottom."""
    head = [Row("speed", f"{state.fps:.1f} fps"), Row("latency", f"{state.latency_ms:.0f} ms")]
    stages = [Row(name, f"{ms:.1f} ms", ms / FRAME_MS) for name, ms in state.stages.items()]
    dropped = {place: count for place, count in state.drops.items() if count}
    drops = [Row(f"dropped at {place}", str(count)) for place, count in dropped.items()]
    size = "{} × {}".format(*state.size_wh) if state.size_wh else ""
    found = state.found
    sky = [Row("sky", f"{found.share:.0%}"), Row("confidence", f"{found.confidence:.2f}")] if found else []
    foot = [Row(name, value) for name, value in (("size", size), ("network", state.backend)) if value]
    return head + stages + (drops or [Row("dropped", "none")]) + sky + foot


class Overlay(QWidget):
    """A panel in the upper left corner of its parent; lets the mouse through."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []
        self._panel: QPixmap | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setAccessibleName("Statistics")
        parent.installEventFilter(self)
        self._settle()

    def show_state(self, state: State) -> None:
        """Show these numbers from now on."""
        new = rows(state)
        if new != self._rows:
            self._rows = new
            self.setAccessibleDescription("; ".join(f"{row.left} {row.right}".strip() for row in new))
            self._settle()
            self.update()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Stay in the corner, and readable, at every size of the parent."""
        if event is not None and event.type() == QEvent.Type.Resize:
            self._settle()
        return super().eventFilter(watched, event)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Show the panel; it is drawn when the numbers change, and not with every picture below it."""
        ratio = self.devicePixelRatioF()
        if self._panel is None or self._panel.devicePixelRatioF() != ratio:
            self._panel = self._draw_panel(ratio)
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._panel)
        painter.end()

    def _draw_panel(self, ratio: float) -> QPixmap:
        panel = QPixmap(self.size() * ratio)
        panel.setDevicePixelRatio(ratio)
        panel.fill(Qt.GlobalColor.transparent)
        line = self._line
        painter = QPainter(panel)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._font)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_PANEL)
        painter.drawRoundedRect(QRectF(self.rect()), line / 2, line / 2)
        at = QRectF(_EDGE * line, _EDGE * line, self.width() - 2 * _EDGE * line, line)
        for row in self._rows:
            self._paint_row(painter, row, at)
            if row.bar is not None:
                self._paint_bar(painter, row.bar, at)
            at.translate(0, line)
        painter.end()
        return panel

    def _paint_row(self, painter: QPainter, row: Row, at: QRectF) -> None:
        metrics = QFontMetricsF(self._font)
        painter.setPen(_QUIET)
        painter.drawText(at, _LEFT, row.left)
        painter.setPen(_TEXT)
        room = at.width() - metrics.horizontalAdvance(row.left + "  ")
        painter.drawText(at, _RIGHT, metrics.elidedText(row.right, Qt.TextElideMode.ElideRight, room))

    def _paint_bar(self, painter: QPainter, length: float, at: QRectF) -> None:
        thick = self._line / 4
        track = QRectF(at.left() + _NAME * self._line, at.center().y() - thick / 2, 0, thick)
        track.setRight(at.right() - _NUMBER * self._line)
        bar = QRectF(track)
        bar.setWidth(min(length, 1.0) * track.width())
        painter.setPen(Qt.PenStyle.NoPen)
        for colour, rectangle in ((_TRACK, track), (_BAR if length <= 1 else _SLOW, bar)):
            painter.setBrush(colour)
            painter.drawRoundedRect(rectangle, thick / 2, thick / 2)

    def _settle(self) -> None:
        """Take the size that the lines need, in letters that suit the parent's size."""
        parent = self.parentWidget()
        high = parent.height() if parent is not None else 0
        self._font = QFont(self.font())
        self._font.setPixelSize(min(max(high // 56, 12), 24))
        self._line = 1.45 * QFontMetricsF(self._font).height()
        self._panel = None
        edge = round(self._line)
        self.setGeometry(
            edge,
            edge,
            round(_WIDE * self._line),
            round((len(self._rows) + 2 * _EDGE) * self._line),
        )
