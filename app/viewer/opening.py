"""Ways to another source: file, camera, address, screen, and those used before."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PyQt6.QtCore import QPoint
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QVBoxLayout,
    QWidget,
)

from app.capture.cameras import Camera, list_cameras
from app.capture.pictures import SUFFIXES
from app.state import Controls, State
from app.user import Settings
from app.viewer.background import Background

_VIDEOS = ("mp4", "mov", "mkv", "m4v", "avi", "webm", "mts", "m2ts", "ts", "mpg", "gif")
_PICTURES = tuple(sorted(suffix[1:] for suffix in SUFFIXES))
_ADDRESSES = ("rtsp://", "rtmp://", "http://", "https://", "udp://")
_LONGEST = 60


class Opening:
    """Opens other sources and remembers those that could be opened, in `settings`."""

    def __init__(
        self, owner: QWidget, controls: Controls, background: Background, settings: Settings
    ) -> None:
        """owner: the window above which dialogs are shown."""
        self._owner = owner
        self._controls = controls
        self._asked: str | None = None
        self._message_number = 0
        self.settings = settings
        self.menu = OpenMenu(owner, background, self.open)
        self.menu.show_recent(settings.recent)

    def open(self, spec: str) -> None:
        """Open another source."""
        self._asked = spec
        self._controls.open(spec)

    def show_state(self, state: State) -> None:
        """See whether what was asked for has been opened."""
        failed = state.message.bad and state.message.number != self._message_number
        self._message_number = state.message.number
        if self._asked is None or (state.opening and not failed):
            return
        if not failed:
            self.settings = self.settings.opened(self._asked)
            self.menu.show_recent(self.settings.recent)
        self._asked = None

    def ask_for_file(self) -> QFileDialog:
        """Show a dialog, without waiting for it, that opens the file picked."""
        dialog = QFileDialog(self._owner, "Open a video or picture", str(self.settings.open_folder or ""))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        kinds = {"Videos and pictures": (*_VIDEOS, *_PICTURES), "Videos": _VIDEOS, "Pictures": _PICTURES}
        filters = [f"{kind} ({' '.join(f'*.{ending}' for ending in kinds[kind])})" for kind in kinds]
        dialog.setNameFilters([*filters, "All files (*)"])
        dialog.fileSelected.connect(self._picked)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog

    def ask_for_address(self) -> "AddressDialog":
        """Show a dialog, without waiting for it, that opens the address typed."""
        dialog = AddressDialog(self._owner)
        dialog.accepted.connect(lambda: self.open(dialog.address))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog

    def offer_cameras(self, at: QPoint) -> None:
        """Show the menu of cameras there, in coordinates of the screen."""
        self.menu.cameras.popup(at)

    def _picked(self, path: str) -> None:
        self.settings = self.settings.model_copy(update={"open_folder": Path(path).parent})
        self.open(path)


class OpenMenu(QMenu):
    """The menu behind the Open button. `choose(spec)` is called with what the user picked."""

    def __init__(self, owner: QWidget, background: Background, choose: Callable[[str], None]) -> None:
        super().__init__("Open", owner)
        self._background = background
        self._choose = choose
        self.cameras = QMenu("&Camera", self)
        self.cameras.aboutToShow.connect(self._look_for_cameras)
        self.recent = QMenu("&Recent", self)
        for menu in (self, self.cameras, self.recent):
            menu.setToolTipsVisible(True)

    def fill(self, file: QAction, address: QAction) -> None:
        """Put in the ways to open something; these two are the window's own actions."""
        self.addAction(file)
        self.addMenu(self.cameras)
        self.addAction(address)
        self._add(self, "&Screen", "screen", "Show this screen, with another sky in what it shows")
        self._add(self, "&Demo scene", "demo", "Show a scene drawn by the program")
        self.addSeparator()
        self.addMenu(self.recent)

    def show_recent(self, sources: Sequence[str]) -> None:
        """Offer these sources, newest first."""
        self.recent.clear()
        self.recent.setEnabled(bool(sources))
        for source in sources:
            self._add(self.recent, shortened(source).replace("&", "&&"), source, source)

    def _look_for_cameras(self) -> None:
        self._say("Looking for cameras …")
        self._background.start("cameras", list_cameras, self._found, lambda error: self._say(str(error)))

    def _found(self, cameras: Sequence[Camera]) -> None:
        self._say("No cameras found")
        if cameras:
            self.cameras.clear()
        for camera in cameras:
            name = f"{camera.name}  ({camera.device})".replace("&", "&&")
            action = self._add(self.cameras, name, camera.device, camera.trouble or camera.device)
            action.setEnabled(not camera.trouble)

    def _say(self, text: str) -> None:
        self.cameras.clear()
        action = self.cameras.addAction(text)
        if action is not None:
            action.setEnabled(False)

    def _add(self, menu: QMenu, text: str, spec: str, tip: str) -> QAction:
        action = QAction(text, menu)
        action.setToolTip(tip)
        action.triggered.connect(lambda _checked: self._choose(spec))
        menu.addAction(action)
        return action


class AddressDialog(QDialog):
    """Asks for the address of a stream; when accepted, `address` is one that can be tried."""

    def __init__(self, owner: QWidget) -> None:
        super().__init__(owner)
        self.setWindowTitle("Open an address")
        self.setMinimumWidth(460)
        self.field = QLineEdit()
        self.field.setPlaceholderText("rtsp://camera.local/stream")
        self.field.setToolTip("Address of a stream")
        self.field.textChanged.connect(self._check)
        hint = QLabel("  ".join(_ADDRESSES))
        hint.setProperty("role", "dim")
        buttons = QDialogButtonBox()
        self._open = buttons.addButton("Open", QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton("Cancel", QDialogButtonBox.ButtonRole.RejectRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        for widget in (QLabel("Address of a stream"), self.field, hint, buttons):
            layout.addWidget(widget)
        self._check()

    @property
    def address(self) -> str:
        """What was typed, without blanks around it."""
        return self.field.text().strip()

    def _check(self) -> None:
        can_be_tried = self.address.lower().startswith(_ADDRESSES) and not self.address.endswith("//")
        if self._open is not None:
            self._open.setEnabled(can_be_tried)


def shortened(source: str) -> str:
    """A source's name for a title or menu: of a long one the end, which tells more than the beginning."""
    return source if len(source) <= _LONGEST else f"…{source[1 - _LONGEST :]}"
