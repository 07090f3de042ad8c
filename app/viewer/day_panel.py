"""The controls of the time of day."""

from PyQt6.QtCore import QTimer, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.state import Daylight
from app.viewer.day_dial import DayDial
from app.viewer.value_controls import LABEL_WIDTH, Choice
from living.specs import REAL, Clock

_GROUP = "Time of day"
_TIP = "The time of day: drag to set it; arrow keys move it by five minutes, Page Up and Page Down by an hour"
_CLOCK_TIP = (
    "How time passes: as the sky itself says, not at all, as on the clock of this machine, "
    "or so many times as fast"
)
_OWN, _FIXED, _REAL = 0, 1, 2
_RATES = 60.0, 600.0, 3600.0
_CLOCKS = ("The sky's own time", "Fixed time", "Real clock", *(f"Time lapse ×{rate:.0f}" for rate in _RATES))
_LAPSE_FROM = 6.0
_NOON = 12.0
_EVERY_MS = 40


class DayPanel(QWidget):
    """A dial for the time of day and a choice of how it passes; hidden while the sky shown has none.

    `asked(Clock | None)` comes when the user sets them, at most 25 times a second; None = the sky's own time.
    """

    asked = pyqtSignal(object)

    def __init__(self) -> None:
        super().__init__()
        self._daylight = Daylight(None)
        self._before: float | None = None  # the hour that was shown when the user set the present clock
        self._wanted: Clock | None = None
        self._due = False
        self._pace = QTimer(self)
        self._pace.setSingleShot(True)
        self._pace.setInterval(_EVERY_MS)
        self._pace.timeout.connect(self._tell)
        title = QLabel(_GROUP)
        title.setProperty("role", "dim")
        self.time = QLabel()
        self.time.setProperty("role", "heading")
        self.dial = DayDial()
        self.dial.setAccessibleName(_GROUP)
        self.dial.setToolTip(_TIP)
        self.dial.turned.connect(self._turned)
        self.choice = Choice()
        self.choice.addItems(_CLOCKS)
        self.choice.setAccessibleName(f"{_GROUP}: Clock")
        self.choice.setAccessibleDescription(_CLOCK_TIP)
        self.choice.setToolTip(_CLOCK_TIP)
        self.choice.activated.connect(self._chosen)
        self._lay_out(title)
        self._show_time()
        self.hide()

    def _lay_out(self, title: QLabel) -> None:
        head = QHBoxLayout()
        head.addWidget(title, 1)
        head.addWidget(self.time)
        text = QLabel("Clock")
        text.setFixedWidth(LABEL_WIDTH)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(text)
        row.addWidget(self.choice, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 8)
        layout.setSpacing(4)
        layout.addLayout(head)
        layout.addWidget(self.dial)
        layout.addLayout(row)

    def show_daylight(self, daylight: Daylight | None) -> None:
        """Show how late it is, unless the user is just setting it; emits nothing."""
        self.setVisible(daylight is not None)
        if daylight is None:
            return
        self._daylight = daylight
        if self._due or self.dial.isSliderDown():
            return
        self._show_clock(daylight.clock)
        self.dial.show_hour(self._hour(daylight))
        self._show_time()

    def turn(self, minutes: int) -> None:
        """Make it so many minutes later, if there is a time of day."""
        if not self.isHidden():
            self.dial.turn(minutes)

    def _hour(self, daylight: Daylight) -> float | None:
        """The hour to show: until there is a picture by a clock that was just set, the one it was set to."""
        clock, hour = daylight.clock, daylight.hour
        if clock is None:
            return hour
        if clock.start is not None and not clock.rate:
            return clock.start
        return self.dial.hour if hour is None or hour == self._before else hour

    def _show_clock(self, clock: Clock | None) -> None:
        self.choice.setPlaceholderText("" if clock is None else str(clock))
        self.choice.setCurrentIndex(_row_of(clock))

    def _show_time(self) -> None:
        hour = self.dial.hour
        minutes = self.dial.value()
        time = "own light" if hour is None else f"{minutes // 60:02}:{minutes % 60:02}"
        if time != self.time.text():
            self.time.setText(time)
            self.dial.setAccessibleDescription(f"{time}. {_TIP}")  # its number counts minutes

    def _turned(self, hour: float) -> None:
        """The dial sets a time that stands still, or that a time lapse goes on from."""
        row = self.choice.currentIndex()
        self._ask(Clock(hour, _RATES[row - _REAL - 1] if row > _REAL else 0.0))

    def _chosen(self, row: int) -> None:
        hour = self.dial.hour
        if row == _OWN:
            self._ask(None)
        elif row == _FIXED:
            self._ask(Clock(_NOON if hour is None else hour, 0.0))
        elif row == _REAL:
            self._ask(REAL)
        else:
            self._ask(Clock(_LAPSE_FROM if hour is None else hour, _RATES[row - _REAL - 1]))

    def _ask(self, clock: Clock | None) -> None:
        self._wanted, self._due = clock, True
        self._before = self._daylight.hour
        self._show_clock(clock)
        if clock is not None and clock.start is not None:
            self.dial.show_hour(clock.start)
        self._show_time()
        if not self._pace.isActive():
            self._tell()

    def _tell(self) -> None:
        """Say what was set, unless that was just done: then in a moment."""
        if self._due:
            self._due = False
            self.asked.emit(self._wanted)
            self._pace.start()


def _row_of(clock: Clock | None) -> int:
    """The choice that stands for a clock; -1: none does."""
    if clock is None:
        return _OWN
    if clock.start is None:
        return _REAL
    if not clock.rate:
        return _FIXED
    return _REAL + 1 + _RATES.index(clock.rate) if clock.rate in _RATES else -1
