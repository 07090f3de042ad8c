"""The bars below the picture: where the file is, and the buttons."""

from collections.abc import Mapping, Sequence

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtGui import QAction, QKeySequence, QMouseEvent
from PyQt6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QStyle,
    QStyleOptionSlider,
    QToolButton,
    QWidget,
)

from app.state import State
from app.viewer.actions import ACTS, tip_with_key
from app.viewer.banner import clock, size
from app.viewer.pictograms import icon
from app.viewer.style import ACCENT, BORDER, DANGER, FIELD, RAISED

_STYLE = f"""
#transport QToolButton {{ background: transparent; border-color: transparent; padding: 5px 6px; }}
#transport QToolButton[popupMode="2"] {{ padding-right: 22px; }}
#transport QToolButton:hover {{ background: {RAISED}; border-color: {BORDER}; }}
#transport QToolButton:checked {{ background: {RAISED}; color: {ACCENT}; }}
#transport QToolButton:focus {{ border-color: {ACCENT}; }}
#transport QToolButton#record {{ background: {FIELD}; border-color: {BORDER}; text-align: left; }}
#transport QToolButton#record[recording="true"] {{ background: #3a2023; border-color: {DANGER}; }}
#views {{ background: {FIELD}; border: 1px solid {BORDER}; border-radius: 6px; }}
#views QToolButton {{ border-radius: 4px; margin: 1px; padding: 4px 8px; }}
"""
_ICON = QSize(20, 20)
_STEP_S, _PAGE_S = 5, 30
_REACHED_S = 1.0
_PATIENCE = 20  # looks at the state before a position that was asked for is given up


class PositionBar(QWidget):
    """Where a file is, and a way to go elsewhere; not shown for sources that cannot.

    `sought` carries the time asked for, in seconds of the source's clock.
    """

    sought = pyqtSignal(float)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("position")
        self._first_s = 0.0
        self._wanted_s: float | None = None
        self._asked_s: float | None = None
        self._looks = 0
        self.slider = _Slider()
        self.slider.setSingleStep(_STEP_S * 1000)
        self.slider.setPageStep(_PAGE_S * 1000)
        self.slider.setAccessibleName("Position in the file")
        self.slider.valueChanged.connect(self._moved)
        self.slider.sliderReleased.connect(self._ask)
        self.now, self.whole = QLabel("0:00"), QLabel("0:00")
        for label in (self.now, self.whole):
            label.setProperty("role", "dim")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 6, 12, 0)
        layout.setSpacing(10)
        layout.addWidget(self.now)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.whole)
        self.hide()

    def show_state(self, state: State) -> None:
        """Follow the source, unless the user is moving the handle or waits for what was asked for."""
        self.setVisible(state.span_s is not None)
        if state.span_s is None:
            return
        first_s, last_s = state.span_s
        self._first_s = first_s
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(1, round((last_s - first_s) * 1000)))
        if self._wanted_s is not None:
            self._ask()
        if self._asked_s is not None:
            self._looks += 1
            if abs(state.position_s - self._asked_s) < _REACHED_S or self._looks > _PATIENCE:
                self._asked_s = None
        if self._asked_s is None and not self.slider.isSliderDown():
            self.slider.setValue(round((state.position_s - first_s) * 1000))
        self.slider.blockSignals(False)
        recording = state.recording is not None
        self.slider.setEnabled(not recording)
        self.slider.setToolTip(
            "Not while recording: a recording has no jumps"
            if recording
            else "Position in the file  (Shift+Left, Shift+Right; here Left, Right, Page Up, Page Down)"
        )
        self.now.setText(clock(self.slider.value() / 1000))
        self.whole.setText(clock(last_s - first_s))
        self.now.setMinimumWidth(self.whole.sizeHint().width())

    def step(self, seconds: float) -> None:
        """Go on, or back, by that much."""
        if self.isVisibleTo(self.parentWidget()) and self.slider.isEnabled():
            self.slider.setValue(self.slider.value() + round(seconds * 1000))
            self._ask()

    def _moved(self, value: int) -> None:
        # While the handle is dragged, the state's next look asks, ten times a second at most.
        self._wanted_s = self._first_s + value / 1000
        if not self.slider.isSliderDown():
            self._ask()

    def _ask(self) -> None:
        if self._wanted_s is None:
            return
        self._asked_s, self._wanted_s, self._looks = self._wanted_s, None, 0
        self.sought.emit(self._asked_s)


class _Slider(QSlider):
    """A slider whose handle comes to where it is clicked."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Bring the handle to the pointer; from there it is dragged as usual."""
        style = self.style()
        if event is not None and style is not None and event.button() == Qt.MouseButton.LeftButton:
            option = QStyleOptionSlider()
            self.initStyleOption(option)
            control, part = QStyle.ComplexControl.CC_Slider, QStyle.SubControl.SC_SliderHandle
            handle = style.subControlRect(control, option, part, self).width()
            x, room = round(event.position().x()) - handle // 2, self.width() - handle
            self.setSliderDown(True)
            self.setValue(QStyle.sliderValueFromPosition(self.minimum(), self.maximum(), x, room))
        super().mousePressEvent(event)


class TransportBar(QWidget):
    """The buttons. `every_s` is the show mode's time for a sky; `every_changed` says when it is set."""

    every_changed = pyqtSignal(int)

    def __init__(
        self, actions: Mapping[str, QAction], open_menu: QMenu, views: Sequence[QAction], every_s: int
    ) -> None:
        super().__init__()
        self.setObjectName("transport")
        self.setStyleSheet(_STYLE)
        self._actions = actions
        self.open = QToolButton()
        self.open.setText("Open")
        self.open.setShortcut(QKeySequence("Alt+O"))
        self.open.setIcon(icon("open"))
        self.open.setIconSize(_ICON)
        self.open.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.open.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.open.setMenu(open_menu)
        self.open.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.open.setToolTip(tip_with_key("Open a file, camera, address or the screen", ("Alt+O",)))
        self.hold, self.snapshot, self.record = (_button(actions[n]) for n in ("hold", "snapshot", "record"))
        self.record.setObjectName("record")
        self.record.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.every = QSpinBox()
        self.every.setRange(1, 3600)
        self.every.setSuffix(" s")
        self.every.setValue(every_s)
        self.every.setToolTip("Seconds until the show mode changes the sky")
        self.every.setAccessibleName("Seconds for each sky")
        self.every.valueChanged.connect(self.every_changed)
        self.views = [_button(action) for action in views]
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 6, 10, 8)
        layout.setSpacing(4)
        for button in (self.open, self.hold, self.record, self.snapshot):
            layout.addWidget(button)
        layout.addStretch(1)
        layout.addWidget(_group(self.views))
        layout.addStretch(1)
        previous, following, show = (_button(actions[n]) for n in ("previous sky", "next sky", "show"))
        for widget in (previous, following, show, self.every):
            layout.addWidget(widget)
        layout.addSpacing(8)
        for name in ("webcam", "statistics", "gallery", "look", "full screen", "help"):
            layout.addWidget(_button(actions[name]))
        self.show_state(State())

    def show_state(self, state: State) -> None:
        """Say what the buttons would do now."""
        hold, record = self._actions["hold"], self._actions["record"]
        text, picture = ("Go on", "play") if state.held else ("Pause", "pause")
        if state.ended:
            text, picture = "Play again", "again"
        hold.setText(text)
        _give_icon(hold, picture)
        hold.setToolTip(tip_with_key(text, ACTS["hold"].keys))
        hold.setEnabled(bool(state.source))
        written = state.recording
        record.setText(f"{clock(written.seconds)} · {size(written.size_bytes)}" if written else "Record")
        _give_icon(record, "recording" if written else "record")
        tip = f"Stop recording {written.path.name}" if written else ACTS["record"].tip
        record.setToolTip(tip_with_key(tip, ACTS["record"].keys))
        record.setEnabled(bool(state.source))
        if self.record.property("recording") != bool(written):
            self.record.setProperty("recording", bool(written))
            if (style := self.record.style()) is not None:
                style.unpolish(self.record)
                style.polish(self.record)
        # As wide as in the first hour and gigabyte: nothing moves while numbers grow.
        metrics = self.record.fontMetrics()
        longest = max(metrics.horizontalAdvance(text) for text in (record.text(), "88:88 · 888 MB"))
        self.record.setFixedWidth(longest + 50)
        self._actions["snapshot"].setEnabled(state.size_wh is not None)
        webcam = self._actions["webcam"]
        webcam.setChecked(bool(state.virtual_camera))
        tip = (
            f"Stop the virtual camera {state.virtual_camera}" if state.virtual_camera else ACTS["webcam"].tip
        )
        webcam.setToolTip(tip_with_key(tip, ACTS["webcam"].keys))


def _give_icon(action: QAction, name: str) -> None:
    """Give the action an icon unless it has it: Qt takes each call for a change, and loses memory with it."""
    made = icon(name)
    if action.icon().cacheKey() != made.cacheKey():
        action.setIcon(made)


def _button(action: QAction) -> QToolButton:
    button = QToolButton()
    button.setDefaultAction(action)
    button.setIconSize(_ICON)
    # Not by a click: otherwise Space would press the button again instead of pausing.
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setAccessibleName(action.text())
    if action.icon().isNull():
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
    return button


def _group(buttons: Sequence[QToolButton]) -> QWidget:
    group = QWidget()
    group.setObjectName("views")
    group.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    group.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Maximum)
    layout = QHBoxLayout(group)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    for button in buttons:
        layout.addWidget(button)
    return group
