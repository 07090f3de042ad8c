"""The picture on the screen: from the pipeline's thread to the paint event."""

import threading
from collections.abc import Callable
from typing import cast

import cv2
from PyQt6.QtCore import QObject, QRect, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QImage, QPainter, QPaintEvent, QResizeEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from app.colour import rgb_from_planes
from app.frame import U8, Composited, Planes


def fitted(size_wh: tuple[int, int], room_wh: tuple[int, int]) -> tuple[int, int]:
    """The largest size, at least 1x1, that has the aspect of one and fits into the other."""
    scale = min(room_wh[0] / size_wh[0], room_wh[1] / size_wh[1])
    return max(1, round(size_wh[0] * scale)), max(1, round(size_wh[1] * scale))


class ScreenSink(QObject):
    """Takes pictures from the pipeline, brings them to the screen's size and hands over the newest.

    `write` runs in the pipeline's thread, so that the GUI thread only has to draw. `ready` is emitted when
    a picture waits where none was waiting before: at most one event is ever under way.
    """

    ready = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.room_wh = (1280, 720)
        self.replaced = 0
        self._lock = threading.Lock()
        self._waiting: tuple[U8, int] | None = None

    def write(self, composited: Composited) -> None:
        """Make the picture ready to be drawn; one that was not taken yet is replaced and counted."""
        planes, colour = composited.planes, composited.frame.colour
        width, height = fitted(planes.size_wh, self.room_wh)
        if (width, height) != planes.size_wh:
            shrinks = width < planes.size_wh[0]
            how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            half = ((width + 1) // 2, (height + 1) // 2)
            sizes = ((width, height), half, half)
            y, u, v = (
                cv2.resize(plane, size, interpolation=how) for plane, size in zip(planes, sizes, strict=True)
            )
            planes = Planes(y, u, v)  # type: ignore[arg-type]
        rgb = rgb_from_planes(planes, colour)
        with self._lock:
            was_empty = self._waiting is None
            self.replaced += not was_empty
            self._waiting = rgb, composited.frame.captured_ns
        if was_empty:
            self.ready.emit()

    def close(self) -> None:
        """Nothing to finish."""

    def take(self) -> tuple[U8, int] | None:
        """The newest picture, RGB uint8 (H, W, 3), and its frame's `captured_ns`; None when it was taken."""
        with self._lock:
            taken, self._waiting = self._waiting, None
            return taken


class Screen(QWidget):
    """Draws the newest picture in the middle, as large as it fits; calls `painted(captured_ns)` once each."""

    def __init__(self, sink: ScreenSink, painted: Callable[[int], None]) -> None:
        super().__init__()
        self._sink = sink
        self._painted = painted
        self._rgb: U8 | None = None
        self._captured_ns: int | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        sink.ready.connect(self.update)

    def sizeHint(self) -> QSize:
        """A picture that fits on every laptop's screen."""
        return QSize(1120, 630)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Tell the pipeline's side how large the next picture may be, in device pixels."""
        ratio = self.devicePixelRatioF()
        self._sink.room_wh = max(1, int(self.width() * ratio)), max(1, int(self.height() * ratio))
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the newest picture on black."""
        if (taken := self._sink.take()) is not None:
            self._rgb, self._captured_ns = taken
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)
        if self._rgb is None:
            return
        height, width = self._rgb.shape[:2]
        pixels = cast(bytes, self._rgb.data)  # borrowed; PyQt6 takes any buffer but declares bytes
        image = QImage(pixels, width, height, self._rgb.strides[0], QImage.Format.Format_RGB888)
        shown_w, shown_h = fitted((width, height), (self.width(), self.height()))
        left, top = (self.width() - shown_w) // 2, (self.height() - shown_h) // 2
        painter.drawImage(QRect(left, top, shown_w, shown_h), image)
        painter.end()
        if self._captured_ns is not None:
            self._painted(self._captured_ns)
            self._captured_ns = None
