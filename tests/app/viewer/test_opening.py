"""Ways to another source, through the window's own menus and dialogs."""

import threading
from pathlib import Path

import pytest
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtWidgets import QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from app.capture.cameras import Camera
from app.user import Settings
from app.viewer import opening
from app.viewer.opening import AddressDialog, shortened
from app.viewer.window import Window
from tests.app.viewer.conftest import OpenWindow, wait_for
from tests.app.viewer.controls import FakeControls
from tests.app.viewer.test_window import type_in


def texts(window: Window, menu: str) -> list[str]:
    return [action.text() for action in getattr(window.opening.menu, menu).actions()]


def test_a_file_is_picked_and_its_folder_remembered(
    qtbot: QtBot, window: Window, controls: FakeControls, tmp_path: Path
) -> None:
    clip = tmp_path / "clip.mp4"
    clip.touch()
    type_in(qtbot, window.screen_widget, "o")
    (dialog,) = window.findChildren(QFileDialog)
    assert dialog.isVisible()
    dialog.fileSelected.emit(str(clip))
    dialog.reject()
    assert controls.asked == [("open", str(clip))]
    assert window.settings.open_folder == tmp_path


def test_an_address_is_typed(qtbot: QtBot, window: Window, controls: FakeControls) -> None:
    type_in(qtbot, window.screen_widget, "a")
    (dialog,) = window.findChildren(AddressDialog)
    (button,) = (b for b in dialog.findChildren(QPushButton) if b.text() == "Open")
    type_in(qtbot, dialog.field, "camera.local")
    assert not button.isEnabled()
    dialog.field.clear()
    type_in(qtbot, dialog.field, " rtsp://camera.local/1 ")
    assert button.isEnabled()
    qtbot.keyClick(dialog.field, Qt.Key.Key_Return)  # type: ignore[no-untyped-call]
    assert not dialog.isVisible()
    assert controls.asked == [("open", "rtsp://camera.local/1")]


def test_cameras_are_listed_without_holding_up_the_window(
    qtbot: QtBot, window: Window, controls: FakeControls, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = threading.Event()

    def cameras() -> list[Camera]:
        slow.wait(10)
        return [Camera("/dev/video0", "Desk & door"), Camera("/dev/video2", "Car", trouble="no permission")]

    monkeypatch.setattr(opening, "list_cameras", cameras)
    window.opening.offer_cameras(QPoint(10, 10))
    assert texts(window, "cameras") == ["Looking for cameras …"]
    slow.set()
    wait_for(qtbot, window, lambda: len(texts(window, "cameras")) == 2)
    first, second = window.opening.menu.cameras.actions()
    assert (first.text(), first.isEnabled()) == ("Desk && door  (/dev/video0)", True)
    assert (second.isEnabled(), second.toolTip()) == (False, "no permission")
    first.trigger()
    assert controls.asked == [("open", "/dev/video0")]
    window.opening.menu.cameras.close()


def test_no_cameras_is_said(qtbot: QtBot, window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "list_cameras", list)
    window.opening.offer_cameras(QPoint(10, 10))
    wait_for(qtbot, window, lambda: texts(window, "cameras") == ["No cameras found"])
    window.opening.menu.cameras.close()


def test_what_could_be_opened_is_among_the_recent_ones(window: Window, controls: FakeControls) -> None:
    window.opening.open("rtsp://me:secret@camera.local/1")
    controls.change(opening="rtsp://me:secret@camera.local/1")
    window.refresh()
    assert not window.settings.recent
    controls.change(opening="", source="camera.local")
    window.refresh()
    assert window.settings.recent == ("rtsp://camera.local/1",)
    assert texts(window, "recent") == ["rtsp://camera.local/1"]


def test_what_could_not_be_opened_is_not(window: Window, controls: FakeControls) -> None:
    window.opening.open("/gone.mp4")
    controls.change(opening="/gone.mp4")
    window.refresh()
    controls.change(opening="")
    controls.say("/gone.mp4: no such file", bad=True)
    window.refresh()
    window.refresh()
    assert window.settings.recent == ()


def test_a_recent_source_is_opened_again(open_window: OpenWindow, controls: FakeControls) -> None:
    window = open_window(Settings(recent=("/clips/a & b.mp4", "demo")))
    assert texts(window, "recent") == ["/clips/a && b.mp4", "demo"]
    window.opening.menu.recent.actions()[0].trigger()
    assert controls.asked == [("open", "/clips/a & b.mp4")]


def test_the_screen_and_the_demo_are_in_the_menu(window: Window, controls: FakeControls) -> None:
    for action in window.opening.menu.actions():
        if action.text() in ("&Screen", "&Demo scene"):
            action.trigger()
    assert controls.asked == [("open", "screen"), ("open", "demo")]


def test_long_names_keep_their_end() -> None:
    long = "/home/someone/" + "very/" * 20 + "clip.mp4"
    assert shortened("clip.mp4") == "clip.mp4"
    assert len(shortened(long)) == 60
    assert shortened(long).startswith("…")
    assert shortened(long).endswith("/clip.mp4")
