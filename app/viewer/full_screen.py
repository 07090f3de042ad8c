"""Full screen: the picture alone, the bars over it while the mouse moves."""

from PyQt6.QtCore import QByteArray, QEvent, QObject, Qt, QTimer
from PyQt6.QtGui import QKeyEvent
from PyQt6.QtWidgets import QApplication, QMainWindow, QVBoxLayout, QWidget

_BARS_STAY_MS = 2500


class FullScreen(QObject):
    """Takes a window to full screen and back; `geometry` and `shown` say how it was before."""

    def __init__(
        self,
        window: QMainWindow,
        layout: QVBoxLayout,
        picture: QWidget,
        bars: QWidget,
        sides: tuple[QWidget, ...],
    ) -> None:
        """layout: holds the bars, as its last; sides: hidden in full screen until asked for."""
        super().__init__(window)
        self._window = window
        self._layout = layout
        self._picture = picture
        self._bars = bars
        self._sides = sides
        self._geometry = QByteArray()
        self._shown: tuple[bool, ...] = ()
        self._blank = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_BARS_STAY_MS)
        self._timer.timeout.connect(self._rest)
        self.on = False
        picture.installEventFilter(self)

    @property
    def geometry(self) -> QByteArray:
        """The window's place and size when it is not full screen, as Qt saves it."""
        return self._geometry if self.on else self._window.saveGeometry()

    @property
    def shown(self) -> tuple[bool, ...]:
        """Which of the sides are shown when it is not full screen."""
        return self._shown if self.on else tuple(not side.isHidden() for side in self._sides)

    def toggle(self) -> None:
        """There and back."""
        if self.on:
            self.leave()
        else:
            self._enter()

    def leave(self) -> None:
        """The window as it was; does nothing when it is not full screen."""
        if not self.on:
            return
        self.on = False
        self._timer.stop()
        self._show_pointer(True)
        self._layout.addWidget(self._bars)
        self._bars.show()
        for side, shown in zip(self._sides, self._shown, strict=True):
            side.setVisible(shown)
        self._window.setWindowState(self._window.windowState() & ~Qt.WindowState.WindowFullScreen)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Bring the bars when the mouse moves or Tab looks for them, and keep them at the lower edge."""
        if self.on and event is not None:
            if event.type() in (QEvent.Type.MouseMove, QEvent.Type.MouseButtonPress) or _is_tab(event):
                self._wake()
            elif event.type() == QEvent.Type.Resize:
                self._place()
        return False

    def _enter(self) -> None:
        self._geometry, self._shown = self.geometry, self.shown
        self.on = True
        for side in self._sides:
            side.hide()
        self._layout.removeWidget(self._bars)
        self._window.setWindowState(self._window.windowState() | Qt.WindowState.WindowFullScreen)
        self._wake()

    def _wake(self) -> None:
        self._show_pointer(True)
        self._bars.show()
        self._place()
        self._timer.start()

    def _rest(self) -> None:
        if self._bars.underMouse() or self._bars.isAncestorOf(QApplication.focusWidget() or self._window):
            self._timer.start()
            return
        self._bars.hide()
        self._show_pointer(False)

    def _place(self) -> None:
        middle = self._bars.parentWidget()
        if middle is not None:
            high = self._bars.sizeHint().height()
            self._bars.setGeometry(0, middle.height() - high, middle.width(), high)
            self._bars.raise_()

    def _show_pointer(self, shown: bool) -> None:
        if shown == self._blank:
            if shown:
                QApplication.restoreOverrideCursor()
            else:
                QApplication.setOverrideCursor(Qt.CursorShape.BlankCursor)
            self._blank = not shown


def _is_tab(event: QEvent) -> bool:
    keys = (Qt.Key.Key_Tab, Qt.Key.Key_Backtab)
    return event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and event.key() in keys
