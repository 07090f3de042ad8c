"""The window: the picture with skies and look beside it, the bars below, and what the user does with them."""

import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType

from PyQt6.QtCore import QByteArray, QKeyCombination, QRect, Qt, QTimer
from PyQt6.QtGui import QAction, QActionGroup, QCloseEvent, QKeyEvent, QKeySequence
from PyQt6.QtWidgets import (
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QMainWindow,
    QVBoxLayout,
    QWidget,
)

from app.config import Look
from app.errors import SkyLiveError
from app.looks import LookFile
from app.state import Controls, State
from app.user import Settings
from app.viewer.actions import build_actions, plain_action, tip_with_key
from app.viewer.background import Background
from app.viewer.banner import Banner
from app.viewer.bars import PositionBar, TransportBar
from app.viewer.collecting import Collecting
from app.viewer.full_screen import FullScreen
from app.viewer.gallery import Gallery
from app.viewer.keeping import Keeping
from app.viewer.keys_sheet import KeysSheet
from app.viewer.look_panel import LookPanel
from app.viewer.opening import Opening, shortened
from app.viewer.overlay import Overlay
from app.viewer.screen import Screen, ScreenSink
from app.viewer.toast import Toast
from app.viewer.views import View

_POLL_MS = 100
_SIZE_WH = 1280, 720
"""Of a first start; on a screen without room for it and its frame, the window is maximised."""
_FRAME = 60
_SEEK_S = 5.0
_TURN_DEG, _RAISE_DEG = 5.0, 2.0
_LATER_MIN = 15
_TAKES_KEYS = (QLineEdit, QAbstractSpinBox, QAbstractSlider, QComboBox)
_VIEW_TIPS = {
    View.RESULT: "The picture with its new sky",
    View.ORIGINAL: "The picture as it came",
    View.ALPHA: "What is taken for sky",
    View.TRACKING: "How the camera's motion is followed",
    View.SPLIT: "Before and after, with a divider to drag",
}
_MORE_KEYS = (
    ("1 … 9", "The sky with that number"),
    *((f"Ctrl+{number}", f"View: {view.value}") for number, view in enumerate(View, start=1)),
    ("Ctrl+Left, Ctrl+Right", "Move the divider of the split view, from the picture"),
)


class Window(QMainWindow):
    """Shows a `State` ten times a second and hands commands to `Controls`; nothing in it blocks."""

    def __init__(
        self, sink: ScreenSink, controls: Controls, settings: Settings, *, leave_at_end: bool = False
    ) -> None:
        """settings: what is in use at the beginning; leave_at_end: closes once the source has ended."""
        super().__init__()
        self.setWindowTitle("SkyAR Live")
        self._sink = sink
        self._controls = controls
        self._leave_at_end = leave_at_end
        self._state = State()
        self._banner = Banner()
        self._background = Background()
        self.show_timer = QTimer(self)
        self.show_timer.timeout.connect(self._next_in_show)
        self.opening = Opening(self, controls, self._background, settings)
        self._keeping = Keeping(controls, self._background, self._failed)
        self.commands = build_actions(self, self._calls())
        self.views = self._build_views()
        self._build_number_keys()
        self.opening.menu.fill(self.commands["open file"], self.commands["open address"])
        self._build_picture()
        self._build_sides(settings)
        self._build_bars(settings)
        self._lay_out()
        self._restore(settings)
        self._collecting = Collecting(self.gallery, self.look_panel, self._background, self._tell)
        self._collecting.list_all()

    @property
    def settings(self) -> Settings:
        """What is to be remembered."""
        gallery_shown, look_panel_shown = self._full_screen.shown
        before = self.opening.settings
        # A sky that the command line named by its path is not in the gallery, and would not be found by name.
        sky = next((sky.name for sky in self.gallery.skies if sky.name == self._state.sky_name), before.sky)
        return before.model_copy(
            update={
                "sky": sky,
                "look": self.look_panel.look,
                "look_name": self.look_panel.name or None,
                "placements": dict(self._state.placements),
                "view": self._sink.view.value,
                "split_x": self._sink.split_x,
                "geometry": self._full_screen.geometry.data(),
                "gallery_shown": gallery_shown,
                "look_panel_shown": look_panel_shown,
                "statistics_shown": not self.overlay.isHidden(),
                "show_seconds": float(self.transport.every.value()),
            }
        )

    def refresh(self) -> None:
        """Show how things are now; raises the error that ended the program."""
        self._background.deliver()
        before, state = self._state, self._controls.state()
        self._state = state
        self.setWindowTitle(f"{shortened(state.source)} - SkyAR Live" if state.source else "SkyAR Live")
        statistics = QRect() if self.overlay.isHidden() else self.overlay.geometry()
        self.screen_widget.set_banner(self._banner.text(state, time.monotonic()), statistics)
        self.transport.show_state(state)
        self.position.show_state(state)
        self.gallery.show_state(state.sky_name, state.loading_sky)
        self.look_panel.day.show_daylight(state.daylight)
        self.look_panel.place.show_placement(state.placement)
        self.opening.show_state(state)
        self._keeping.show_state(state)
        if not self.overlay.isHidden():
            self.overlay.show_state(state)
        if state.message.number != before.message.number:
            self._tell(state.message.text, state.message.bad)
        self._mark_shown()
        if self._leave_at_end and state.ended:
            self.close()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Act on plain keys, which arrive here only where the widget in focus had no use for them."""
        if event is None:
            return
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        keys = QKeySequence(QKeyCombination(modifiers, Qt.Key(event.key())))
        action = plain_action(self.commands, keys)
        busy = isinstance(self.focusWidget(), _TAKES_KEYS) and action is not self.commands["leave"]
        if action is None or busy:
            super().keyPressEvent(event)
        elif not event.isAutoRepeat():
            action.trigger()

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Leave nothing running."""
        self.show_timer.stop()
        self.gallery.close_thumbnails()
        super().closeEvent(event)

    def _calls(self) -> dict[str, Callable[[], object]]:
        return {
            "open file": self.opening.ask_for_file,
            "open address": self.opening.ask_for_address,
            "open camera": self._offer_cameras,
            "hold": self._controls.toggle_hold,
            "back": lambda: self.position.step(-_SEEK_S),
            "forward": lambda: self.position.step(_SEEK_S),
            "record": self._keeping.toggle_recording,
            "snapshot": self._keeping.save_picture,
            "webcam": self._controls.toggle_virtual_camera,
            "previous sky": lambda: self.gallery.choose_next(-1),
            "next sky": lambda: self.gallery.choose_next(1),
            "sky left": lambda: self.look_panel.place.turn(-_TURN_DEG, 0.0),
            "sky right": lambda: self.look_panel.place.turn(_TURN_DEG, 0.0),
            "sky up": lambda: self.look_panel.place.turn(0.0, _RAISE_DEG),
            "sky down": lambda: self.look_panel.place.turn(0.0, -_RAISE_DEG),
            "later": lambda: self.look_panel.day.turn(_LATER_MIN),
            "earlier": lambda: self.look_panel.day.turn(-_LATER_MIN),
            "show": self._pace_show,
            "next view": self._choose_next_view,
            "gallery": lambda: self.gallery.setVisible(self.gallery.isHidden()),
            "look": lambda: self.look_panel.setVisible(self.look_panel.isHidden()),
            "statistics": self._toggle_statistics,
            "full screen": lambda: self._full_screen.toggle(),
            "help": self._show_keys,
            "leave": self._leave,
            "quit": self.close,
        }

    def _build_views(self) -> list[QAction]:
        group = QActionGroup(self)
        for number, view in enumerate(View, start=1):
            action = QAction(view.value.capitalize(), group)
            keys = (f"Ctrl+{number}",)
            action.setShortcut(QKeySequence(keys[0]))
            action.setToolTip(tip_with_key(_VIEW_TIPS[view], keys))
            action.setCheckable(True)
            action.triggered.connect(partial(self._choose_view, view))
            self.addAction(action)
        return group.actions()

    def _build_number_keys(self) -> None:
        for number in range(1, 10):
            action = QAction(self)
            action.setShortcut(QKeySequence(str(number)))
            action.setAutoRepeat(False)
            action.triggered.connect(partial(self._choose_number, number))
            self.addAction(action)

    def _build_picture(self) -> None:
        self.screen_widget = Screen(self._sink, self._controls.painted)
        self.screen_widget.dropped.connect(self._dropped)
        self.screen_widget.full_screen_asked.connect(lambda: self._full_screen.toggle())
        self.overlay = Overlay(self.screen_widget)
        self.toast = Toast(self.screen_widget)

    def _build_sides(self, settings: Settings) -> None:
        self.gallery = Gallery([])
        self.gallery.chosen.connect(self._controls.choose_sky)
        self.look_panel = LookPanel([], settings.look or Look(), settings.look_name or "")
        self.look_panel.changed.connect(self._controls.set_look)
        self.look_panel.chosen.connect(self._look_chosen)
        self.look_panel.day.asked.connect(self._controls.set_clock)
        self.look_panel.place.placed.connect(self._controls.place_sky)
        self.look_panel.place.reset.connect(lambda: self._controls.place_sky(None))

    def _build_bars(self, settings: Settings) -> None:
        self.position = PositionBar()
        self.position.sought.connect(self._controls.seek)
        every_s = round(settings.show_seconds)
        self.transport = TransportBar(self.commands, self.opening.menu, self.views, every_s)
        self.transport.every_changed.connect(self._pace_show)
        self.bars = QWidget()
        self.bars.setProperty("role", "panel")
        self.bars.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = _column(self.bars)
        column.addWidget(self.position)
        column.addWidget(self.transport)

    def _lay_out(self) -> None:
        middle = QWidget()
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addWidget(self.gallery)
        row.addWidget(self.screen_widget, 1)
        row.addWidget(self.look_panel)
        column = _column(middle)
        column.addLayout(row, 1)
        column.addWidget(self.bars)
        self.setCentralWidget(middle)
        sides = (self.gallery, self.look_panel)
        self._full_screen = FullScreen(self, column, self.screen_widget, self.bars, sides)

    def _restore(self, settings: Settings) -> None:
        self.resize(*_SIZE_WH)
        if (screen := self.screen()) is not None and not settings.geometry:
            room = screen.availableSize()
            if room.width() < _SIZE_WH[0] or room.height() < _SIZE_WH[1] + _FRAME:
                self.setWindowState(Qt.WindowState.WindowMaximized)
        # Qt brings a place that is on no screen back onto one.
        self.restoreGeometry(QByteArray(settings.geometry))
        self.gallery.setVisible(settings.gallery_shown)
        self.look_panel.setVisible(settings.look_panel_shown)
        self.overlay.setVisible(settings.statistics_shown)
        self._sink.split_x = settings.split_x
        self._choose_view(View(settings.view))
        self._mark_shown()
        self.screen_widget.setFocus()

    def _mark_shown(self) -> None:
        """Check the actions of what is shown, however it came to be."""
        for name, shown in (
            ("gallery", not self.gallery.isHidden()),
            ("look", not self.look_panel.isHidden()),
            ("statistics", not self.overlay.isHidden()),
            ("full screen", self._full_screen.on),
        ):
            self.commands[name].setChecked(shown)

    def _tell(self, text: str, bad: bool) -> None:
        self.toast.tell(text, bad=bad)

    def _failed(self, error: SkyLiveError) -> None:
        self._tell(str(error), True)

    def _dropped(self, paths: list[Path]) -> None:
        self.opening.open(str(paths[0]))

    def _offer_cameras(self) -> None:
        button = self.transport.open
        self.opening.offer_cameras(button.mapToGlobal(button.rect().topLeft()))

    def _choose_view(self, view: View) -> None:
        self._sink.view = view
        self.views[list(View).index(view)].setChecked(True)

    def _choose_next_view(self) -> None:
        views = list(View)
        self._choose_view(views[(views.index(self._sink.view) + 1) % len(views)])

    def _choose_number(self, number: int) -> None:
        self.gallery.choose_number(number)

    def _look_chosen(self, look: LookFile) -> None:
        """A look that was made for a sky brings it along."""
        for sky in self.gallery.skies:
            if sky.name == look.look.sky and sky.name != self._state.sky_name:
                self._controls.choose_sky(sky)

    def _pace_show(self) -> None:
        """Begin, pace or end the show mode as its button and seconds say."""
        if self.commands["show"].isChecked():
            self.show_timer.start(self.transport.every.value() * 1000)
        else:
            self.show_timer.stop()

    def _next_in_show(self) -> None:
        if not self._state.loading_sky:
            self.gallery.choose_next(1)

    def _toggle_statistics(self) -> None:
        self.overlay.show_state(self._state)
        self.overlay.setVisible(self.overlay.isHidden())

    def _show_keys(self) -> None:
        sheet = KeysSheet(self, _MORE_KEYS)
        sheet.finished.connect(sheet.deleteLater)
        sheet.open()

    def _leave(self) -> None:
        """Step back: out of a field, out of full screen, out of the window."""
        if isinstance(self.focusWidget(), _TAKES_KEYS):
            self.screen_widget.setFocus()
        elif self._full_screen.on:
            self._full_screen.leave()
        else:
            self.close()


def _column(parent: QWidget) -> QVBoxLayout:
    column = QVBoxLayout(parent)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    return column


def show(application: QApplication, window: Window, interrupted: threading.Event | None = None) -> None:
    """Show the window until it is closed or `interrupted` is set; raises what went wrong meanwhile.

    An exception in a slot would abort the process (PyQt6), so it is caught, ends the loop and is raised here.
    """
    failures: list[BaseException] = []

    def fail(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        timer.stop()
        if not failures:  # once: a second one would be left to the next loop
            QTimer.singleShot(0, application.exit)  # at once would be lost where this loop has not begun
        failures.append(error)

    def look() -> None:
        if interrupted is not None and interrupted.is_set():
            timer.stop()
            application.exit()  # whatever dialog or menu is open
        else:
            window.refresh()

    timer = QTimer()
    timer.timeout.connect(look)  # also gives Python the chance to see Ctrl-C
    timer.start(_POLL_MS)
    previous: Callable[..., object] = sys.excepthook
    sys.excepthook = fail
    try:
        window.show()
        application.exec()
    finally:
        sys.excepthook = previous
        timer.stop()
        window.close()
    if failures:
        raise failures[0]
