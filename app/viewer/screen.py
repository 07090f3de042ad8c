"""The picture on the screen: from the pipeline's thread to the paint event."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, cast

from PyQt6.QtCore import QEvent, QObject, QPointF, QRect, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDropEvent,
    QFont,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
)
from PyQt6.QtWidgets import QSizePolicy, QWidget

from app.frame import U8, Composited
from app.viewer.style import ACCENT, TEXT
from app.viewer.views import Caption, View, caption, draw, warm_up

_NEAR: Final = 12
"""The divider is grabbed within so many pixels."""

_STEP: Final = 0.02
"""What a key moves the divider by, as a share of the picture's width."""

_HANDLE: Final = 15
"""Radius of the divider's handle."""

_PANEL = QColor(14, 17, 20, 190)
_TEXT = QColor(TEXT)
_DIVIDER = ((4.0, QColor(0, 0, 0, 70)), (2.0, QColor(255, 255, 255, 215)))
_ARROW = QPen(_TEXT, 1.8, cap=Qt.PenCapStyle.RoundCap, join=Qt.PenJoinStyle.RoundJoin)
_RIM = QPen(QColor(255, 255, 255, 215), 1.5)
_FOCUSED_RIM = QPen(QColor(ACCENT), 2.5)
_ARROWS = tuple(
    QPolygonF([QPointF(side * 4, -4), QPointF(side * 8, 0), QPointF(side * 4, 4)]) for side in (-1, 1)
)


class Drawn(NamedTuple):
    """A picture for the screen: uint8 (H, W, 4) as Qt's RGB32, and what is to be said of it.

    `captured_ns` is that of its frame, None where the frame has been on the screen before.
    """

    pixels: U8
    caption: Caption | None
    captured_ns: int | None


class _Wanted(NamedTuple):
    view: View
    split_x: float
    room_wh: tuple[int, int]


class ScreenSink(QObject):
    """Takes pictures from the pipeline, draws them as wanted and hands over the newest.

    `write` runs in the pipeline's thread, so that the GUI thread only has to copy. `ready` is emitted when
    a picture waits where none was waiting before, and when another view is wanted. All else belongs to the
    GUI thread. While `held`, the picture stays that was the newest, and those that come are not looked at.
    """

    ready = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.held = False
        self.replaced = 0
        self._lock = threading.Lock()
        self._wanted = _Wanted(View.RESULT, 0.5, (1280, 720))
        self._newest: Composited | None = None
        self._drawn_as: _Wanted | None = None
        self._waiting: Drawn | None = None

    @property
    def view(self) -> View:
        """What is shown of the frames; may be set at any time, the held picture's too."""
        return self._wanted.view

    @view.setter
    def view(self, view: View) -> None:
        self._want(self._wanted._replace(view=view))

    @property
    def split_x(self) -> float:
        """Where the split view changes from original to result: a share of the width in [0, 1]."""
        return self._wanted.split_x

    @split_x.setter
    def split_x(self, share: float) -> None:
        self._want(self._wanted._replace(split_x=min(max(share, 0.0), 1.0)))

    @property
    def room_wh(self) -> tuple[int, int]:
        """How large a picture may be, in device pixels."""
        return self._wanted.room_wh

    @room_wh.setter
    def room_wh(self, room_wh: tuple[int, int]) -> None:
        self._want(self._wanted._replace(room_wh=room_wh))

    def latest(self) -> Composited | None:
        """The newest picture, the held one while held; None before the first."""
        return self._newest

    def write(self, composited: Composited) -> None:
        """Make the picture ready to be shown; one that was not taken yet is replaced and counted."""
        if self.held and self._newest is not None:
            return
        warm_up()
        wanted = self._wanted
        drawn = _drawn(composited, wanted)
        with self._lock:
            was_empty = self._waiting is None
            self.replaced += not was_empty
            self._newest, self._waiting, self._drawn_as = composited, drawn, wanted
        if was_empty:
            self.ready.emit()

    def close(self) -> None:
        """Nothing to finish."""

    def take(self) -> Drawn | None:
        """The newest picture as it is wanted now; None when that was taken already.

        What was drawn in another view or size is drawn anew here: no other frame need ever come.
        """
        with self._lock:
            drawn, self._waiting = self._waiting, None
            wanted, newest = self._wanted, self._newest
            if newest is None or self._drawn_as == wanted:
                return drawn
            self._drawn_as = wanted
        return _drawn(newest, wanted)._replace(captured_ns=drawn.captured_ns if drawn else None)

    def _want(self, wanted: _Wanted) -> None:
        if wanted != self._wanted:
            self._wanted = wanted
            self.ready.emit()


def _drawn(composited: Composited, wanted: _Wanted) -> Drawn:
    pixels = draw(composited, wanted.view, wanted.split_x, wanted.room_wh)
    return Drawn(pixels, caption(composited, wanted.view), composited.frame.captured_ns)


class Screen(QWidget):
    """Shows the newest picture in the middle, as large as it fits; calls `painted(captured_ns)` once each.

    In the split view a divider can be dragged, or moved by Ctrl and an arrow key while the screen has the
    focus: arrows alone change the sky in every view.
    """

    full_screen_asked = pyqtSignal()
    dropped = pyqtSignal(list)

    def __init__(self, sink: ScreenSink, painted: Callable[[int], None]) -> None:
        super().__init__()
        self._sink = sink
        self._painted = painted
        self._pixels: U8 | None = None  # borrowed by the image
        self._image = QImage()
        self._caption: Caption | None = None
        self._banner = ""
        self._beside = QRect()
        self._grabbed_at: float | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAcceptDrops(True)
        self.setAccessibleName("Picture")
        sink.ready.connect(self.update)

    def set_banner(self, text: str, beside: QRect | None = None) -> None:
        """Show a line at the top of the picture, right of what lies `beside`; none if the text is empty."""
        beside = beside or QRect()
        if (text, beside) != (self._banner, self._beside):
            self._banner, self._beside = text, beside
            self.update()

    def move_split(self, delta: float) -> None:
        """Move the divider by a share of the picture's width, to the right if positive."""
        self._sink.split_x += delta

    def sizeHint(self) -> QSize:
        """A picture that fits on every laptop's screen."""
        return QSize(1120, 630)

    def event(self, event: QEvent | None) -> bool:
        """Follow a change of the screen's scale."""
        if event is not None and event.type() == QEvent.Type.DevicePixelRatioChange:
            self._measure()
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Tell the sink how large the next picture may be."""
        self._measure()
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the newest picture on black, and what lies over it."""
        drawn = self._sink.take()
        if drawn is not None:
            self._pixels, self._caption = drawn.pixels, drawn.caption
            height, width = drawn.pixels.shape[:2]
            pixels = cast(bytes, drawn.pixels.data)  # PyQt6 takes any buffer but declares bytes
            self._image = QImage(pixels, width, height, drawn.pixels.strides[0], QImage.Format.Format_RGB32)
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)
        ratio = self.devicePixelRatioF()
        at = self._picture()
        painter.scale(1 / ratio, 1 / ratio)  # the picture has the size in device pixels: no second scaling
        painter.drawImage(round(at.left() * ratio), round(at.top() * ratio), self._image)
        painter.resetTransform()
        if self._pixels is not None and self._sink.view is View.SPLIT:
            self._paint_divider(painter, at)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_words(painter, at)
        painter.end()
        if drawn is not None and drawn.captured_ns is not None:
            self._painted(drawn.captured_ns)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Grab the divider."""
        if event is None:
            return
        if event.button() == Qt.MouseButton.LeftButton and self._is_near(event.position()):
            self._grabbed_at = event.position().x() - self._divider_x()
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Drag the divider; the pointer's shape shows where it can be grabbed."""
        if event is None:
            return
        if self._grabbed_at is not None:
            at = self._picture()
            self._sink.split_x = (event.position().x() - self._grabbed_at - at.left()) / at.width()
        self._show_grip(self._grabbed_at is not None or self._is_near(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """Let go of the divider."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self._grabbed_at = None

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Ask for the full screen; on the divider it is two grabs in a row."""
        if event is not None and self._is_near(event.position()):
            self.mousePressEvent(event)
        elif event is not None and event.button() == Qt.MouseButton.LeftButton:
            self.full_screen_asked.emit()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Move the divider."""
        step = self._split_step(event) if event is not None else 0.0
        if step:
            self.move_split(step)
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Take files."""
        if event is not None and _files(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Hand on the files."""
        if event is not None and (files := _files(event)):
            event.acceptProposedAction()
            self.dropped.emit(files)

    def _measure(self) -> None:
        ratio = self.devicePixelRatioF()
        self._sink.room_wh = max(1, int(self.width() * ratio)), max(1, int(self.height() * ratio))

    def _picture(self) -> QRectF:
        """Where the picture lies, in the widget's coordinates, its corner on a whole device pixel."""
        ratio = self.devicePixelRatioF()
        left = (int(self.width() * ratio) - self._image.width()) // 2
        top = (int(self.height() * ratio) - self._image.height()) // 2
        return QRectF(left / ratio, top / ratio, self._image.width() / ratio, self._image.height() / ratio)

    def _divider_x(self) -> float:
        at = self._picture()
        return at.left() + self._sink.split_x * at.width()

    def _is_near(self, point: QPointF) -> bool:
        in_split = self._pixels is not None and self._sink.view is View.SPLIT
        return in_split and abs(point.x() - self._divider_x()) <= _NEAR

    def _show_grip(self, near: bool) -> None:
        if near:
            self.setCursor(Qt.CursorShape.SplitHCursor)
            self.setToolTip("Drag, or press Ctrl+← →: the original on the left, the result on the right")
        else:
            self.unsetCursor()
            self.setToolTip("")

    def _split_step(self, event: QKeyEvent) -> float:
        """What a key moves the divider by; 0 if it does not."""
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if self._sink.view is not View.SPLIT or modifiers != Qt.KeyboardModifier.ControlModifier:
            return 0.0
        return {Qt.Key.Key_Left: -_STEP, Qt.Key.Key_Right: _STEP}.get(Qt.Key(event.key()), 0.0)

    def _paint_divider(self, painter: QPainter, at: QRectF) -> None:
        x = self._divider_x()
        for wide, colour in _DIVIDER:
            painter.fillRect(QRectF(x - wide / 2, at.top(), wide, at.height()), colour)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(x, at.center().y())
        painter.setPen(_FOCUSED_RIM if self.hasFocus() else _RIM)
        painter.setBrush(_PANEL)
        painter.drawEllipse(QPointF(0, 0), _HANDLE, _HANDLE)
        painter.setPen(_ARROW)
        for arrow in _ARROWS:
            painter.drawPolyline(arrow)
        painter.resetTransform()

    def _paint_words(self, painter: QPainter, at: QRectF) -> None:
        """The banner at the top, the caption at the bottom left."""
        if not self._banner and self._caption is None:
            return
        font = QFont(self.font())
        font.setPixelSize(min(max(self.height() // 42, 13), 26))
        painter.setFont(font)
        metrics = QFontMetricsF(font)
        high = 2.0 * metrics.height()
        margin = 0.7 * high
        if self._banner:
            top = at.top() + margin if self._pixels is not None else (self.height() - high) / 2
            row = QRectF(0, top, self.width(), high)
            left = self._beside.right() if row.intersects(QRectF(self._beside)) else 0
            room = self.width() - left - 2 * margin - high
            text = metrics.elidedText(self._banner, Qt.TextElideMode.ElideRight, room)
            wide = metrics.horizontalAdvance(text) + high
            pill = QRectF(max((self.width() - wide) / 2, left + margin), top, wide, high)
            _paint_pill(painter, pill)
            painter.drawText(pill, Qt.AlignmentFlag.AlignCenter, text)
        if self._caption is not None:
            text, rgb = self._caption
            dot = 0.3 * high
            wide = metrics.horizontalAdvance(text) + high + 1.6 * dot
            pill = QRectF(at.left() + margin, at.bottom() - margin - high, wide, high)
            _paint_pill(painter, pill)
            painter.drawText(
                pill.adjusted(0, 0, -high / 2, 0),
                Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight,
                text,
            )
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(*rgb))
            painter.drawEllipse(
                QPointF(pill.left() + high / 2 + dot / 2, pill.center().y()), dot / 2, dot / 2
            )


def _paint_pill(painter: QPainter, pill: QRectF) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_PANEL)
    painter.drawRoundedRect(pill, pill.height() / 2, pill.height() / 2)
    painter.setPen(_TEXT)


def _files(event: QDropEvent) -> list[Path]:
    """The local files in what is dragged."""
    mime = event.mimeData()
    urls = mime.urls() if mime is not None else []
    return [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
