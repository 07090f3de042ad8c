"""The gallery in a window of its own, driven by real keys, clicks and drops."""

import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PyQt6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PyQt6.QtGui import QColor, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QKeyEvent
from PyQt6.QtWidgets import QApplication, QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.errors import SkyError
from app.frame import Colour
from app.sky.base import Sky
from app.sky.library import ENDINGS, About, SkyFile, find_sky, list_skies
from app.viewer import style, thumbnails
from app.viewer.gallery import PHOTO_ENDINGS, Gallery
from app.viewer.sky_card import LOADING, NUMBER, PICTURE, SHOWN
from app.viewer.thumbnails import Thumbnails
from tests.media import write_video

Key = Qt.Key
KINDS = ["ash", "birch", "cedar", "dogwood", "elm", "fir", "gorse", "hazel", "ivy", "juniper", "kapok"]


class Shell(QWidget):
    """A window with a gallery and a button; notes the keys that reach it."""

    def __init__(self, gallery: Gallery) -> None:
        super().__init__()
        self.keys: list[int] = []
        self.other = QPushButton("other")
        layout = QHBoxLayout(self)
        layout.addWidget(gallery)
        layout.addWidget(self.other)
        self.other.setFocus()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        assert event is not None
        self.keys.append(event.key())


def colour_of(number: int) -> tuple[int, int, int]:
    return 200, 20 * number, 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eleven skies, each of its own colour; the last is a video."""
    folder = tmp_path / "skies"
    folder.mkdir()
    for number, name in enumerate(KINDS[:-1]):
        picture = np.full((90, 160, 3), colour_of(number)[::-1], np.uint8)
        cv2.imwrite(str(folder / f"{name}.png"), picture)
    write_video(folder / f"{KINDS[-1]}.mp4", frames=2)
    return folder


@pytest.fixture
def skies(folder: Path) -> list[SkyFile]:
    return list_skies([folder])


@pytest.fixture
def gallery(qtbot: QtBot, qapp: QApplication, skies: list[SkyFile], tmp_path: Path) -> Iterator[Gallery]:
    plain = qapp.styleSheet(), qapp.palette()
    style.dress(qapp)
    made = Thumbnails(tmp_path / "cache")
    gallery = Gallery(skies, made)
    shell = Shell(gallery)
    qtbot.addWidget(shell)
    shell.resize(400, 700)
    with qtbot.waitActive(shell, timeout=10_000):
        shell.show()
        shell.activateWindow()
    yield gallery
    gallery.close_thumbnails()
    qtbot.waitUntil(lambda: not [t for t in threading.enumerate() if t.name == "thumbnails"], timeout=20_000)
    qapp.setStyleSheet(plain[0])
    qapp.setPalette(plain[1])


@pytest.fixture
def chosen(gallery: Gallery) -> list[str]:
    names: list[str] = []
    gallery.chosen.connect(lambda sky: names.append(sky.name))
    return names


def shell_of(gallery: Gallery) -> Shell:
    shell = gallery.window()
    assert isinstance(shell, Shell)
    return shell


def roles(gallery: Gallery, role: int) -> list[object]:
    items = [gallery.list.item(row) for row in range(gallery.list.count())]
    return [item.data(role) for item in items if item is not None]


def colour_in(gallery: Gallery, row: int, x: int, y: int) -> tuple[int, int, int]:
    """The colour of a card's point, from its top left corner; from its bottom right if negative."""
    card = gallery.list.visualItemRect(gallery.list.item(row))
    card.adjust(10, 4, -10, -4)
    viewport = gallery.list.viewport()
    assert viewport is not None
    column = card.left() + x if x >= 0 else card.right() + x
    line = card.top() + y if y >= 0 else card.bottom() + y
    pixel = viewport.grab().toImage().pixelColor(column, line)
    return pixel.red(), pixel.green(), pixel.blue()


def press(qtbot: QtBot, gallery: Gallery, key: Qt.Key) -> None:
    qtbot.keyClick(QApplication.focusWidget(), key)  # type: ignore[no-untyped-call]


def click(qtbot: QtBot, gallery: Gallery, row: int) -> None:
    item = gallery.list.item(row)
    gallery.list.scrollToItem(item)
    middle = gallery.list.visualItemRect(item).center()
    qtbot.mouseClick(gallery.list.viewport(), Qt.MouseButton.LeftButton, pos=middle)  # type: ignore[no-untyped-call]


def wait_for_pictures(qtbot: QtBot, gallery: Gallery) -> None:
    def all_there() -> bool:
        return not any(picture.isNull() for picture in roles(gallery, PICTURE))  # type: ignore[attr-defined]

    qtbot.waitUntil(all_there, timeout=30_000)


def test_each_sky_is_seen_with_its_picture_title_and_key(
    qtbot: QtBot, gallery: Gallery, skies: list[SkyFile]
) -> None:
    wait_for_pictures(qtbot, gallery)
    assert colour_in(gallery, 0, 80, 40) == pytest.approx(colour_of(0), abs=4)
    assert colour_in(gallery, 3, 80, 40) == pytest.approx(colour_of(3), abs=4)
    assert roles(gallery, Qt.ItemDataRole.DisplayRole) == [sky.title for sky in skies]
    assert roles(gallery, NUMBER) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0]
    tips = roles(gallery, Qt.ItemDataRole.ToolTipRole)
    assert tips[0] == "Ash  (1)" and tips[9] == "Juniper"


def test_a_click_chooses_once(qtbot: QtBot, gallery: Gallery, chosen: list[str]) -> None:
    click(qtbot, gallery, 2)
    assert chosen == ["cedar"]
    click(qtbot, gallery, 10)
    assert chosen == ["cedar", "kapok"]


def test_other_buttons_and_empty_places_choose_nothing(
    qtbot: QtBot, gallery: Gallery, chosen: list[str], skies: list[SkyFile]
) -> None:
    gallery.set_skies(skies[:2])
    viewport = gallery.list.viewport()
    assert viewport is not None
    first = gallery.list.visualItemRect(gallery.list.item(0)).center()
    qtbot.mouseClick(viewport, Qt.MouseButton.RightButton, pos=first)  # type: ignore[no-untyped-call]
    below = QPoint(first.x(), viewport.height() - 5)
    qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=below)  # type: ignore[no-untyped-call]
    assert chosen == []


def test_arrows_move_and_enter_chooses(qtbot: QtBot, gallery: Gallery, chosen: list[str]) -> None:
    press(qtbot, gallery, Key.Key_Backtab)
    press(qtbot, gallery, Key.Key_Backtab)
    assert gallery.list.hasFocus() and gallery.list.currentRow() == 0
    for key in (Key.Key_Down, Key.Key_Down, Key.Key_Up, Key.Key_Down):
        press(qtbot, gallery, key)
    assert chosen == []
    press(qtbot, gallery, Key.Key_Return)
    press(qtbot, gallery, Key.Key_End)
    press(qtbot, gallery, Key.Key_Enter)
    press(qtbot, gallery, Key.Key_Home)
    press(qtbot, gallery, Key.Key_Return)
    assert chosen == ["cedar", "kapok", "ash"]
    assert shell_of(gallery).keys == []


def test_other_keys_are_the_windows(qtbot: QtBot, gallery: Gallery, chosen: list[str]) -> None:
    gallery.list.setFocus()
    keys = [Key.Key_3, Key.Key_Space, Key.Key_Left, Key.Key_Right, Key.Key_C, Key.Key_Escape]
    for key in keys:
        press(qtbot, gallery, key)
    assert shell_of(gallery).keys == keys
    assert chosen == [] and gallery.list.currentRow() == 0


def test_tab_leaves_the_list_and_focus_is_seen(qtbot: QtBot, gallery: Gallery) -> None:
    wait_for_pictures(qtbot, gallery)
    without = gallery.grab().toImage()
    gallery.list.setFocus()
    assert gallery.grab().toImage() != without
    press(qtbot, gallery, Key.Key_Tab)
    assert gallery.animate_button.hasFocus()
    press(qtbot, gallery, Key.Key_Tab)
    assert shell_of(gallery).other.hasFocus()
    for _ in range(3):
        press(qtbot, gallery, Key.Key_Backtab)
    assert gallery.add_button.hasFocus()


def test_the_sky_shown_is_marked(qtbot: QtBot, gallery: Gallery) -> None:
    accent = QColor(style.ACCENT)
    edge = accent.red(), accent.green(), accent.blue()
    gallery.show_state("birch", "")
    assert roles(gallery, SHOWN).index(True) == 1 and roles(gallery, SHOWN).count(True) == 1
    assert colour_in(gallery, 1, 80, 0) == pytest.approx(edge, abs=12)
    assert colour_in(gallery, 0, 80, 0) != pytest.approx(edge, abs=60)
    gallery.show_state("somewhere else", "")
    assert True not in roles(gallery, SHOWN)


def test_the_sky_shown_comes_into_view(gallery: Gallery) -> None:
    gallery.show_state("kapok", "")
    viewport = gallery.list.viewport()
    assert viewport is not None
    assert viewport.rect().contains(gallery.list.visualItemRect(gallery.list.item(10)))
    gallery.list.setFocus()
    gallery.show_state("ash", "")  # but not while the user is moving about in the list
    assert gallery.list.currentRow() == 10


def test_loading_is_seen_to_go_on(qtbot: QtBot, gallery: Gallery) -> None:
    wait_for_pictures(qtbot, gallery)
    gallery.show_state("ash", "Cedar")
    assert roles(gallery, LOADING).index(True) == 2

    def card() -> object:
        return gallery.list.grab(gallery.list.visualItemRect(gallery.list.item(2))).toImage()

    first = card()
    qtbot.waitUntil(lambda: card() != first)
    gallery.show_state("cedar", "")
    assert True not in roles(gallery, LOADING)
    still = card()
    qtbot.wait(150)
    assert card() == still


def test_numbers(gallery: Gallery, chosen: list[str]) -> None:
    for number in (1, 9, 11, 12, 0, -1):
        gallery.choose_number(number)
    assert chosen == ["ash", "ivy", "kapok"]


def test_next_and_previous_go_round(gallery: Gallery, chosen: list[str]) -> None:
    gallery.show_state("juniper", "")
    for step in (1, 1, 1, -1, -1):  # pressed quickly, before any is loaded
        gallery.choose_next(step)
    assert chosen == ["kapok", "ash", "birch", "ash", "kapok"]


def test_next_goes_on_from_what_is_asked_for_until_that_is_settled(
    gallery: Gallery, chosen: list[str]
) -> None:
    gallery.show_state("ash", "")
    gallery.choose_next()
    gallery.choose_next()
    gallery.show_state("ash", "Birch")
    gallery.show_state("birch", "Cedar")  # on its way
    gallery.choose_next()
    assert chosen == ["birch", "cedar", "dogwood"]
    gallery.show_state("birch", "")  # the others could not be loaded
    gallery.choose_next()
    assert chosen[-1] == "cedar"


def test_next_without_a_sky_shown_begins_at_an_end(gallery: Gallery, chosen: list[str]) -> None:
    gallery.show_state("of another folder", "")
    gallery.choose_next(-1)
    gallery.show_state("of a third", "")
    gallery.choose_next(1)
    assert chosen == ["kapok", "ash"]


def test_an_empty_gallery_says_what_to_do(qtbot: QtBot, gallery: Gallery, chosen: list[str]) -> None:
    gallery.set_skies([])
    assert not gallery.list.isVisible()
    for _ in (1, -1):
        gallery.choose_next()
    gallery.choose_number(1)
    assert chosen == []


def test_a_new_list_keeps_marks_pictures_and_place(
    qtbot: QtBot, gallery: Gallery, folder: Path, skies: list[SkyFile]
) -> None:
    wait_for_pictures(qtbot, gallery)
    gallery.show_state("kapok", "")
    gallery.list.setCurrentRow(9)
    bar = gallery.list.verticalScrollBar()
    assert bar is not None and bar.value() > 0
    place = bar.value()
    cv2.imwrite(str(folder / "yew.png"), np.full((90, 160, 3), 250, np.uint8))
    gallery.set_skies([*skies, find_sky(str(folder / "yew.png"))])
    pictures = roles(gallery, PICTURE)
    assert not pictures[0].isNull()  # type: ignore[attr-defined]
    assert roles(gallery, SHOWN).index(True) == 10
    assert gallery.list.currentRow() == 9 and bar.value() == place
    wait_for_pictures(qtbot, gallery)
    gallery.list.scrollToBottom()
    assert colour_in(gallery, 11, 80, 40) == pytest.approx((250, 250, 250), abs=4)


def test_a_sky_without_a_picture_has_a_calm_card(qtbot: QtBot, gallery: Gallery, folder: Path) -> None:
    wait_for_pictures(qtbot, gallery)
    broken = find_sky(str(folder / "ash.png"))
    broken.path.write_bytes(b"no picture")
    gallery.set_skies([broken, find_sky(str(folder / "birch.png"))])
    qtbot.waitUntil(lambda: roles(gallery, PICTURE)[0].isNull(), timeout=20_000)  # type: ignore[attr-defined]
    red, green, blue = colour_in(gallery, 0, 30, 40)
    assert max(red, green, blue) < 80 and max(red, green, blue) - min(red, green, blue) < 30
    assert colour_in(gallery, 1, 80, 40) == pytest.approx(colour_of(1), abs=4)


def test_slow_skies_hold_nothing_up(
    qtbot: QtBot, gallery: Gallery, chosen: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_for_pictures(qtbot, gallery)
    gate = threading.Event()

    def open_sky(file: SkyFile, size_wh: tuple[int, int], colour: Colour, crop: float | None) -> Sky:
        assert gate.wait(30)
        raise SkyError("slow and broken")

    monkeypatch.setattr(thumbnails, "open_sky", open_sky)
    try:
        for name in ("yew", "zelkova"):
            cv2.imwrite(str(folder / f"{name}.png"), np.full((90, 160, 3), 250, np.uint8))
        gallery.set_skies(list_skies([folder]))
        gallery.list.setFocus()
        press(qtbot, gallery, Key.Key_Home)
        press(qtbot, gallery, Key.Key_Return)
        gallery.grab()
        assert chosen == ["ash"]
    finally:
        gate.set()


def mime(*addresses: str) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl(address) for address in addresses])
    return data


def drag_over(gallery: Gallery, data: QMimeData) -> bool:
    """Whether files dragged over a card are welcome."""
    event = QDragEnterEvent(
        QPoint(60, 60),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    event.ignore()
    QApplication.sendEvent(gallery.list.viewport(), event)
    return event.isAccepted()


def drop(gallery: Gallery, data: QMimeData) -> None:
    event = QDropEvent(
        QPointF(60, 60),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(gallery, event)


def test_files_dropped_on_it_are_passed_on(qtbot: QtBot, gallery: Gallery, tmp_path: Path) -> None:
    added: list[list[Path]] = []
    gallery.added.connect(added.append)
    files = [tmp_path / "a sky.png", tmp_path / "ü.mp4"]
    data = mime(*(QUrl.fromLocalFile(str(file)).toString() for file in files), "https://example.org/b.png")
    before = gallery.grab().toImage()
    assert drag_over(gallery, data)
    assert gallery.grab().toImage() != before  # it shows where they would land
    drop(gallery, data)
    assert added == [files]
    assert gallery.grab().toImage() == before or gallery._thumbnails.busy


def test_what_is_no_file_is_not_welcome(gallery: Gallery) -> None:
    text = QMimeData()
    text.setText("clouds")
    assert not drag_over(gallery, text)
    assert not drag_over(gallery, mime("https://example.org/b.png"))


def test_a_drag_that_goes_elsewhere_leaves_no_sign(qtbot: QtBot, gallery: Gallery, tmp_path: Path) -> None:
    wait_for_pictures(qtbot, gallery)
    before = gallery.grab().toImage()
    assert drag_over(gallery, mime(QUrl.fromLocalFile(str(tmp_path / "a.png")).toString()))
    QApplication.sendEvent(gallery, QDragLeaveEvent())
    assert gallery.grab().toImage() == before


def test_the_button_asks_for_files(qtbot: QtBot, gallery: Gallery, folder: Path) -> None:
    added: list[list[Path]] = []
    gallery.added.connect(added.append)
    gallery._folder = str(folder)
    gallery.add_button.setFocus()
    press(qtbot, gallery, Key.Key_Space)

    def dialogs() -> list[QFileDialog]:
        return [d for d in gallery.findChildren(QFileDialog) if d.isVisible()]

    qtbot.waitUntil(lambda: bool(dialogs()))
    (dialog,) = dialogs()
    assert dialog.directory().absolutePath() == str(folder)
    name = dialog.findChild(QLineEdit)
    assert name is not None
    qtbot.waitUntil(name.hasFocus)
    qtbot.keyClicks(name, '"ash.png" "kapok.mp4"')  # type: ignore[no-untyped-call]
    press(qtbot, gallery, Key.Key_Return)
    qtbot.waitUntil(lambda: bool(added))
    assert [sorted(paths) for paths in added] == [[folder / "ash.png", folder / "kapok.mp4"]]
    qtbot.waitUntil(lambda: not dialogs())


def test_the_dialog_offers_all_that_can_be_a_sky(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(SkyError) as caught:
        find_sky(str(tmp_path / "a.txt"))
    assert str(caught.value).endswith("known endings are " + " ".join(ENDINGS))


def test_a_photo_to_animate_is_chosen_in_a_dialog_of_photos(
    qtbot: QtBot, gallery: Gallery, folder: Path
) -> None:
    named: list[Path] = []
    gallery.photo_named.connect(named.append)
    gallery._folder = str(folder)
    gallery.animate_button.setFocus()
    press(qtbot, gallery, Key.Key_Space)

    def dialogs() -> list[QFileDialog]:
        return [d for d in gallery.findChildren(QFileDialog) if d.isVisible()]

    qtbot.waitUntil(lambda: bool(dialogs()))
    (dialog,) = dialogs()
    assert dialog.windowTitle() == "Animate a photo"
    assert "mp4" not in "".join(dialog.nameFilters())
    name = dialog.findChild(QLineEdit)
    assert name is not None
    qtbot.waitUntil(name.hasFocus)
    qtbot.keyClicks(name, "ash.png")  # type: ignore[no-untyped-call]
    press(qtbot, gallery, Key.Key_Return)
    qtbot.waitUntil(lambda: bool(named))
    assert named == [folder / "ash.png"]
    qtbot.waitUntil(lambda: not dialogs())


def test_what_can_be_animated_are_the_skies_that_stand_still(tmp_path: Path) -> None:
    for ending in ENDINGS:
        path = tmp_path / f"sky{ending}"
        path.touch()
        assert (ending in PHOTO_ENDINGS) == (not SkyFile(path.stem, path, "still", About()).moving)
