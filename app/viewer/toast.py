"""Messages that come and go at the picture's lower edge."""

from PyQt6.QtCore import QEvent, QObject, Qt, QTimer
from PyQt6.QtWidgets import QLabel, QWidget

from app.viewer.style import BORDER, DANGER, RAISED

_STYLE = f"""
QLabel {{ background: {RAISED}; border: 1px solid {BORDER}; border-radius: 8px; padding: 8px 16px; }}
QLabel[bad="true"] {{ background: #3a2023; border-color: {DANGER}; }}
"""
_CALM_MS, _BAD_MS = 5000, 9000
_MARGIN = 16


class Toast(QLabel):
    """One message at a time over a widget. A calm one waits until a bad one has been seen."""

    def __init__(self, over: QWidget) -> None:
        super().__init__(over)
        self.setStyleSheet(_STYLE)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.bad = False
        self._waiting = ""
        self.timer = QTimer(self)
        self.timer.setSingleShot(True)
        self.timer.timeout.connect(self._over)
        self.lift = 0
        over.installEventFilter(self)
        self.hide()

    def tell(self, text: str, *, bad: bool = False) -> None:
        """Show a message for some seconds; a bad one is marked and stays longer."""
        if self.bad and self.isVisibleTo(self.parentWidget()) and not bad:
            self._waiting = text
            return
        self.bad = bad
        self.setProperty("bad", bad)
        if (style := self.style()) is not None:  # a property in a style sheet is read again only when asked
            style.unpolish(self)
            style.polish(self)
        self.setText(text)
        self.place()
        self.show()
        self.raise_()
        self.timer.start(_BAD_MS if bad else _CALM_MS)

    def place(self) -> None:
        """Sit in the middle of the lower edge, `lift` pixels higher than usual."""
        over = self.parentWidget()
        if over is None or not self.text():
            return
        widest = max(120, over.width() - 2 * _MARGIN)
        line = self.fontMetrics().horizontalAdvance(self.text()) + 44
        self.setFixedWidth(min(line, widest, 760))
        self.setFixedHeight(self.heightForWidth(self.width()))
        self.move((over.width() - self.width()) // 2, over.height() - self.height() - _MARGIN - self.lift)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Keep the place when the widget below changes its size."""
        if event is not None and event.type() == QEvent.Type.Resize:
            self.place()
        return False

    def _over(self) -> None:
        self.hide()
        self.bad = False
        if self._waiting:
            waiting, self._waiting = self._waiting, ""
            self.tell(waiting)
