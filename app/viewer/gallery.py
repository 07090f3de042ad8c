"""The skies to choose from, as pictures."""

from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import QStandardPaths, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QPixmap,
    QResizeEvent,
)
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
)

from app.frame import U8
from app.sky.library import ENDINGS, SkyFile
from app.viewer.sky_card import LOADING, NUMBER, PANORAMA, PICTURE, SHOWN, VIDEO, SkyCards
from app.viewer.thumbnails import Thumbnails

PHOTO_ENDINGS = ".jpg", ".jpeg", ".png", ".webp"
"""Of files that can be made to drift."""

_WIDTH = 208
_SKY = Qt.ItemDataRole.UserRole
_NUMBERS = 9
_POLL_MS = 50
_TURN_MS = 40
_SCROLL_STEP = 40
_MOVES = (
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
    Qt.Key.Key_Home,
    Qt.Key.Key_End,
    Qt.Key.Key_PageUp,
    Qt.Key.Key_PageDown,
)
_ENTERS = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class Gallery(QFrame):
    """All skies as thumbnails: click or Enter chooses, the first nine by number.

    `chosen(SkyFile)` when the user chose; `added(list[Path])` when files were dropped or named to become
    skies as they are, `photo_named(Path)` when a photo was named whose clouds shall drift: both is done
    elsewhere, and shown by `set_skies`.
    """

    chosen = pyqtSignal(object)
    added = pyqtSignal(list)
    photo_named = pyqtSignal(object)

    def __init__(self, skies: Sequence[SkyFile], thumbnails: Thumbnails | None = None) -> None:
        super().__init__()
        self.skies: list[SkyFile] = []
        self._thumbnails = thumbnails or Thumbnails()
        self._pixmaps: dict[Path, QPixmap] = {}
        self._state = ("", "")
        self._last = ""
        self._folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
        self._poll = QTimer(self)
        self._poll.setInterval(_POLL_MS)
        self._poll.timeout.connect(self._take_thumbnails)
        self._turning = QTimer(self)
        self._turning.setInterval(_TURN_MS)
        self._turning.timeout.connect(self._turn)
        self._build()
        self.set_skies(skies)

    def _build(self) -> None:
        self.setProperty("role", "panel")
        self.setFixedWidth(_WIDTH)
        self.setAcceptDrops(True)
        title = QLabel("Skies")
        title.setProperty("role", "heading")
        self.add_button = QPushButton("Add…")
        self.add_button.setToolTip(
            "Add pictures or videos as skies, as they are; they may also be dropped here"
        )
        self.add_button.clicked.connect(self.ask_for_files)
        self.animate_button = QPushButton("Animate a photo…")
        self.animate_button.setToolTip(
            "Add a photo as a sky whose clouds drift and whose light you may change"
        )
        self.animate_button.clicked.connect(self.ask_for_photo)
        self.list = _List()
        self.cards = SkyCards(self.list)
        self.list.setItemDelegate(self.cards)
        self.list.itemClicked.connect(self._choose)
        self.list.entered_on.connect(self._choose)
        self._empty = QLabel("No skies yet.\nDrop pictures or videos here.")
        self._empty.setProperty("role", "dim")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._target = QLabel("Drop to add", self)
        self._target.setObjectName("dropTarget")
        self._target.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._target.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._target.hide()
        head = QHBoxLayout()
        head.setContentsMargins(12, 8, 8, 6)
        head.addWidget(title, 1)
        head.addWidget(self.add_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self._empty, 1)
        layout.addWidget(self.list, 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(12, 8, 8, 10)
        foot.addWidget(self.animate_button)
        layout.addLayout(foot)

    def set_skies(self, skies: Sequence[SkyFile]) -> None:
        """Offer these skies."""
        row = self.list.currentRow()
        current = self.skies[row].name if 0 <= row < len(self.skies) else self._state[0]
        self.skies = list(skies)
        self._pixmaps = {sky.path: self._pixmaps.get(sky.path, QPixmap()) for sky in self.skies}
        scrolled = self.list.verticalScrollBar()
        position = scrolled.value() if scrolled else 0
        self.list.clear()
        for number, sky in enumerate(self.skies, start=1):
            item = QListWidgetItem(sky.title)
            item.setData(_SKY, sky)
            item.setData(VIDEO, sky.moving)
            item.setData(PANORAMA, sky.kind == "panorama")
            item.setData(NUMBER, number if number <= _NUMBERS else 0)
            item.setData(PICTURE, self._pixmaps[sky.path])
            key = f"  ({number})" if number <= _NUMBERS else ""
            item.setToolTip(f"{sky.title}{key}")
            self.list.addItem(item)
            if sky.name == current:
                self.list.setCurrentItem(item)
        self.list.setVisible(bool(self.skies))
        self._empty.setVisible(not self.skies)
        if scrolled:
            self.list.executeDelayedItemsLayout()  # now, as the bar takes no place beyond what is laid out
            scrolled.setValue(position)
        self._mark()
        self._thumbnails.ask(self.skies)
        self._poll.start()

    def show_state(self, sky_name: str, loading_sky: str) -> None:
        """Mark the sky shown, by name, and the one being loaded, by title; empty = none."""
        if self._state == (sky_name, loading_sky):
            return
        appeared = sky_name != self._state[0]
        self._state = sky_name, loading_sky
        if not loading_sky:
            self._last = sky_name
        self._mark()
        if appeared and (item := self._item(sky_name)) and not self.list.hasFocus():
            self.list.setCurrentItem(item)
            self.list.scrollToItem(item)

    def choose_number(self, number: int) -> None:
        """Choose the sky with that number, from 1; without such a sky nothing happens."""
        if 1 <= number <= self.list.count():
            self._choose(self.list.item(number - 1))

    def choose_next(self, step: int = 1) -> None:
        """Choose the sky that many places after the one last chosen or shown, round and round."""
        if not self.skies:
            return
        names = [sky.name for sky in self.skies]
        before = names.index(self._last) if self._last in names else (-1 if step > 0 else 0)
        self.choose_number((before + step) % len(names) + 1)

    def ask_for_files(self) -> None:
        """Show a dialog to name the files that become skies."""
        dialog = self._dialog("Add skies", f"Pictures and videos ({_patterns(ENDINGS)})")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(self._files_named)
        dialog.open()

    def ask_for_photo(self) -> None:
        """Show a dialog to name the photo whose clouds shall drift."""
        dialog = self._dialog("Animate a photo", f"Photos ({_patterns(PHOTO_ENDINGS)})")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self._photo_named)
        dialog.open()

    def close_thumbnails(self) -> None:
        """Make no more thumbnails; for a window that closes."""
        self._thumbnails.ask([])
        self._poll.stop()

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Welcome files."""
        if event is not None and _dropped_files(event):
            event.acceptProposedAction()
            self._target.setGeometry(self.rect().adjusted(6, 6, -6, -6))
            self._target.raise_()
            self._target.show()

    def dragLeaveEvent(self, event: QDragLeaveEvent | None) -> None:
        """They went elsewhere."""
        self._target.hide()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Pass the files on."""
        self._target.hide()
        if event is not None and (files := _dropped_files(event)):
            event.acceptProposedAction()
            self.added.emit(files)

    def _files_named(self, names: list[str]) -> None:
        self._folder = str(Path(names[0]).parent)
        self.added.emit([Path(name) for name in names])

    def _photo_named(self, name: str) -> None:
        self._folder = str(Path(name).parent)
        self.photo_named.emit(Path(name))

    def _dialog(self, title: str, filters: str) -> QFileDialog:
        dialog = QFileDialog(self, title, self._folder, filters)
        dialog.setOption(QFileDialog.Option.HideNameFilterDetails)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return dialog

    def _choose(self, item: QListWidgetItem | None) -> None:
        if item is None:
            return
        sky: SkyFile = item.data(_SKY)
        self._last = sky.name
        self.list.setCurrentItem(item)
        self.chosen.emit(sky)

    def _mark(self) -> None:
        shown, loading = self._state
        for sky, item in zip(self.skies, self._items(), strict=True):
            item.setData(SHOWN, sky.name == shown)
            item.setData(LOADING, bool(loading) and sky.title == loading)
        if loading:
            self._turning.start()
        else:
            self._turning.stop()

    def _turn(self) -> None:
        self.cards.turn()
        for item in self._items():
            if item.data(LOADING):
                self.list.update(self.list.indexFromItem(item))

    def _take_thumbnails(self) -> None:
        if not self._thumbnails.busy:
            self._poll.stop()
        for path, picture in self._thumbnails.take():
            if path in self._pixmaps:
                self._pixmaps[path] = QPixmap() if picture is None else _pixmap(picture)
                for sky, item in zip(self.skies, self._items(), strict=True):
                    if sky.path == path:
                        item.setData(PICTURE, self._pixmaps[path])

    def _items(self) -> list[QListWidgetItem]:
        return [item for row in range(self.list.count()) if (item := self.list.item(row)) is not None]

    def _item(self, name: str) -> QListWidgetItem | None:
        return next((i for s, i in zip(self.skies, self._items(), strict=True) if s.name == name), None)


class _List(QListWidget):
    """A column of cards. Takes only Enter and the keys that move up and down; others are the window's."""

    entered_on = pyqtSignal(QListWidgetItem)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Skies")
        self.setObjectName("skies")
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.NoDragDrop)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        if bar := self.verticalScrollBar():
            bar.setSingleStep(_SCROLL_STEP)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Move, or choose the sky in focus."""
        if event is None:
            return
        if event.key() in _ENTERS:
            if (item := self.currentItem()) is not None and not event.isAutoRepeat():
                self.entered_on.emit(item)
        elif event.key() in _MOVES:
            super().keyPressEvent(event)
            event.accept()
        else:
            event.ignore()

    def focusInEvent(self, event: QFocusEvent | None) -> None:
        """Begin at the first sky where none was in focus before."""
        super().focusInEvent(event)
        if self.currentRow() < 0:
            self.setCurrentRow(0)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Cards take the new width."""
        super().resizeEvent(event)
        self.scheduleDelayedItemsLayout()


def _pixmap(picture: U8) -> QPixmap:
    height, width = picture.shape[:2]
    image = QImage(picture.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image)


def _patterns(endings: Sequence[str]) -> str:
    return " ".join(f"*{ending} *{ending.upper()}" for ending in endings)


def _dropped_files(event: QDropEvent) -> list[Path]:
    data = event.mimeData()
    urls = data.urls() if data is not None else []
    return [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
