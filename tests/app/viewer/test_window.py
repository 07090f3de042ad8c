"""A real window, driven by real key and mouse events, over a program that only notes what it is asked."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PyQt6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PyQt6.QtGui import QDropEvent, QKeyEvent
from PyQt6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QScrollBar,
    QSlider,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.capture.demo import DemoSource
from app.colour import rgb_from_planes
from app.config import Placement
from app.state import Daylight, Written
from app.user import Settings
from app.viewer.screen import ScreenSink
from app.viewer.toast import Toast
from app.viewer.value_controls import NumberControl
from app.viewer.views import View
from app.viewer.window import Window
from living.specs import Clock
from tests.app.viewer.conftest import OpenWindow, wait_for
from tests.app.viewer.controls import FakeControls

Key = Qt.Key
SHIFT, CTRL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
WRITTEN = Written(Path("/videos/film.mkv"), 754.0, 345_000_000)


def press(
    qtbot: QtBot,
    where: QWidget,
    key: Qt.Key,
    modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    qtbot.keyClick(where, key, modifiers)  # type: ignore[no-untyped-call]


def type_in(qtbot: QtBot, where: QWidget, text: str) -> None:
    qtbot.keyClicks(where, text)  # type: ignore[no-untyped-call]


def click(qtbot: QtBot, where: QWidget, at: QPoint | None = None) -> None:
    qtbot.mouseClick(where, Qt.MouseButton.LeftButton, pos=at or where.rect().center())  # type: ignore[no-untyped-call]


def names(window: Window) -> list[str]:
    return [sky.name for sky in window.gallery.skies]


@pytest.mark.parametrize("view", View)
def test_digits_and_arrows_choose_skies(
    qtbot: QtBot, window: Window, controls: FakeControls, view: View
) -> None:
    window.views[list(View).index(view)].trigger()
    skies = names(window)
    controls.change(sky_name=skies[0])
    window.refresh()
    picture = window.screen_widget
    type_in(qtbot, picture, "3")
    press(qtbot, picture, Key.Key_Right)
    press(qtbot, picture, Key.Key_Left)
    press(qtbot, picture, Key.Key_Left)
    assert controls.asked == [("sky", skies[i]) for i in (2, 3, 2, 1)]


def test_keys_command_the_program(
    qtbot: QtBot, qapp: QApplication, window: Window, controls: FakeControls, tmp_path: Path
) -> None:
    picture = window.screen_widget
    press(qtbot, picture, Key.Key_Space)
    type_in(qtbot, picture, "w")
    assert controls.asked == ["hold", "webcam"]
    held = QKeyEvent(QEvent.Type.KeyPress, Key.Key_Space, Qt.KeyboardModifier.NoModifier, " ", autorep=True)
    qapp.sendEvent(picture, held)
    assert controls.asked == ["hold", "webcam"]
    type_in(qtbot, picture, "rs")
    wait_for(qtbot, window, lambda: len(controls.asked) == 4)
    paths = dict(controls.asked[2:])
    assert paths["record"].parent == tmp_path / "videos_dir" / "SkyAR Live"
    assert paths["save"].parent == tmp_path / "pictures_dir" / "SkyAR Live"
    assert (paths["record"].suffix, paths["save"].suffix) == (".mkv", ".png")


def test_the_record_key_stops_what_it_began_and_is_not_asked_twice(
    qtbot: QtBot, window: Window, controls: FakeControls
) -> None:
    picture = window.screen_widget
    type_in(qtbot, picture, "rrr")
    wait_for(qtbot, window, lambda: bool(controls.asked))
    type_in(qtbot, picture, "r")
    assert len(controls.asked) == 1  # it has not begun yet
    controls.change(recording=WRITTEN)
    window.refresh()
    type_in(qtbot, picture, "rr")
    assert controls.asked[1:] == ["stop"]
    controls.change(recording=None)
    window.refresh()
    type_in(qtbot, picture, "r")
    wait_for(qtbot, window, lambda: len(controls.asked) == 3)


def test_a_recording_that_could_not_begin_can_be_asked_for_again(
    qtbot: QtBot, window: Window, controls: FakeControls
) -> None:
    type_in(qtbot, window.screen_widget, "r")
    wait_for(qtbot, window, lambda: bool(controls.asked))
    controls.say("film.mkv: no space left on device", bad=True)
    window.refresh()
    type_in(qtbot, window.screen_widget, "r")
    wait_for(qtbot, window, lambda: len(controls.asked) == 2)


def test_keys_choose_views_and_the_buttons_follow(qtbot: QtBot, window: Window, sink: ScreenSink) -> None:
    for number, view in enumerate(View, start=1):
        press(qtbot, window.screen_widget, Qt.Key(Key.Key_0 + number), CTRL)
        assert sink.view == view
        assert [action.text().lower() for action in window.views if action.isChecked()] == [view.value]
    type_in(qtbot, window.screen_widget, "v")
    assert sink.view.value == "result"
    click(qtbot, window.transport.views[2])
    assert sink.view.value == "alpha"


def test_keys_show_and_hide_panels(qtbot: QtBot, window: Window) -> None:
    for letter, widget, name in (
        ("g", window.gallery, "gallery"),
        ("l", window.look_panel, "look"),
        ("i", window.overlay, "statistics"),
    ):
        before = widget.isHidden()
        type_in(qtbot, window.screen_widget, letter)
        window.refresh()
        assert widget.isHidden() is not before
        assert window.commands[name].isChecked() is before


def test_fields_keep_their_keys(qtbot: QtBot, window: Window, controls: FakeControls) -> None:
    field = window.transport.every
    field.setFocus()
    field.selectAll()
    type_in(qtbot, field, "42rsgv ")
    press(qtbot, field, Key.Key_Left)
    press(qtbot, field, Key.Key_Up)
    assert field.value() == 43
    assert controls.asked == []
    assert not window.gallery.isHidden()

    slider = window.look_panel.place.findChildren(QSlider)[0]
    slider.setFocus()
    value = slider.value()
    press(qtbot, slider, Key.Key_Left)
    assert slider.value() < value
    assert controls.asked == [("place", Placement(heading=-0.5))]


def test_the_sky_is_turned_raised_and_put_back(qtbot: QtBot, window: Window, controls: FakeControls) -> None:
    controls.change(placement=Placement(heading=176, elevation=89, tilt=3))
    window.refresh()
    place = window.look_panel.place
    heading = place.control("heading")
    assert isinstance(heading, NumberControl) and heading.number.value() == 176
    alt = Qt.KeyboardModifier.AltModifier
    for key in (Key.Key_Right, Key.Key_Up, Key.Key_Left, Key.Key_Down):
        press(qtbot, window.screen_widget, key, alt)
    assert [(at.heading, at.elevation, at.tilt) for _, at in controls.asked] == [
        (-179, 89, 3),
        (-179, 90, 3),
        (176, 90, 3),
        (176, 88, 3),
    ]
    controls.asked.clear()
    heading.number.setValue(-20.5)
    click(qtbot, place.reset_button)
    assert controls.asked == [("place", Placement(heading=-20.5, elevation=88, tilt=3)), ("place", None)]
    controls.change(placements={"clear_day": Placement(heading=1)})
    window.refresh()
    assert window.settings.placements == {"clear_day": Placement(heading=1)}


def test_the_time_of_day_is_shown_and_set(qtbot: QtBot, window: Window, controls: FakeControls) -> None:
    day = window.look_panel.day
    alt = Qt.KeyboardModifier.AltModifier
    press(qtbot, window.screen_widget, Key.Key_PageUp, alt)  # the sky shown has no time
    assert day.isHidden() and controls.asked == []

    controls.change(daylight=Daylight(18.0))
    window.refresh()
    assert day.isVisible() and day.time.text() == "18:00"
    window.look_panel.hide()
    press(qtbot, window.screen_widget, Key.Key_PageUp, alt)
    assert controls.asked == [("clock", Clock(18.25, 0.0))]
    press(qtbot, window.screen_widget, Key.Key_PageDown, alt)
    qtbot.waitUntil(lambda: controls.asked[1:] == [("clock", Clock(18.0, 0.0))])

    controls.change(daylight=None)
    window.refresh()
    assert day.isHidden()


def test_a_photo_is_animated_and_one_without_sky_is_refused(
    qtbot: QtBot, window: Window, controls: FakeControls, tmp_path: Path
) -> None:
    frame, _ = DemoSource((320, 180)).frame(0)
    photo = rgb_from_planes(frame.planes, frame.colour)[..., ::-1]
    beach, wall = tmp_path / "beach.png", tmp_path / "wall.png"
    cv2.imwrite(str(beach), photo)
    cv2.imwrite(str(wall), photo[120:])
    before = names(window)

    window.gallery.photo_named.emit(wall)
    assert window.toast.text() == "Looking for the sky of wall.png …"
    wait_for(qtbot, window, lambda: window.toast.bad)
    assert window.toast.text().endswith("wall.png: no sky was found in this photo")
    assert controls.asked == [] and names(window) == before

    window.gallery.photo_named.emit(beach)
    wait_for(qtbot, window, lambda: bool(controls.asked))
    assert controls.asked == [("sky", "beach")]
    (added,) = [sky for sky in window.gallery.skies if sky.name not in before]
    assert (added.kind, added.title) == ("living", "Beach, living")


def test_text_keeps_all_its_letters(qtbot: QtBot, window: Window, controls: FakeControls) -> None:
    click(qtbot, window.look_panel.save_button)
    edit = window.look_panel.save_row.edit
    type_in(qtbot, edit, "My rain 12 f")
    press(qtbot, edit, Key.Key_Left)
    press(qtbot, edit, Key.Key_Home)
    assert edit.text() == "My rain 12 f"
    assert controls.asked == []
    assert not window.isFullScreen()


def test_a_click_on_a_button_leaves_space_to_pausing(
    qtbot: QtBot, window: Window, controls: FakeControls
) -> None:
    window.screen_widget.setFocus()
    click(qtbot, window.transport.snapshot)
    press(qtbot, window.focusWidget() or window, Key.Key_Space)
    wait_for(qtbot, window, lambda: len(controls.asked) == 2)
    assert "hold" in controls.asked
    window.transport.snapshot.setFocus()
    press(qtbot, window.transport.snapshot, Key.Key_Space)  # reached by Tab, it is the button's
    wait_for(qtbot, window, lambda: len(controls.asked) == 3)
    assert controls.asked.count("hold") == 1


def test_escape_steps_back_one_by_one(qtbot: QtBot, window: Window) -> None:
    type_in(qtbot, window.screen_widget, "f")
    assert window.isFullScreen()
    window.transport.every.setFocus()
    press(qtbot, window.transport.every, Key.Key_Escape)
    assert window.focusWidget() is window.screen_widget
    assert window.isFullScreen()
    press(qtbot, window.screen_widget, Key.Key_Escape)
    assert not window.isFullScreen()
    assert window.isVisible()
    press(qtbot, window.screen_widget, Key.Key_Escape)
    assert not window.isVisible()


def test_full_screen_is_the_picture_alone_until_the_mouse_moves(qtbot: QtBot, window: Window) -> None:
    before = window.settings
    window.screen_widget.full_screen_asked.emit()
    qtbot.waitUntil(lambda: window.screen_widget.size() == window.size())
    assert window.gallery.isHidden() and window.look_panel.isHidden()
    assert window.settings == before
    qtbot.waitUntil(window.bars.isHidden)
    qtbot.mouseMove(window.screen_widget, QPoint(50, 60))  # type: ignore[no-untyped-call]
    qtbot.mouseMove(window.screen_widget, QPoint(70, 60))  # type: ignore[no-untyped-call]
    qtbot.waitUntil(window.bars.isVisible)
    assert window.bars.geometry().bottom() == window.screen_widget.geometry().bottom()
    press(qtbot, window, Key.Key_F11)
    assert not window.isFullScreen()
    assert not window.gallery.isHidden() and not window.look_panel.isHidden()
    qtbot.waitUntil(lambda: window.bars.y() >= window.screen_widget.geometry().bottom())
    assert QApplication.overrideCursor() is None


def test_what_the_state_says_is_shown(window: Window, controls: FakeControls) -> None:
    window.refresh()
    record = window.transport.record
    assert (record.text(), window.windowTitle()) == ("Record", "clip.mp4 - SkyAR Live")
    controls.change(recording=WRITTEN, held=True, virtual_camera="/dev/video9", live=True)
    window.refresh()
    assert record.text() == "12:34 · 345 MB"
    assert record.property("recording") is True
    assert "film.mkv" in record.toolTip()
    assert window.commands["hold"].text() == "Go on"
    assert window.commands["webcam"].isChecked()
    controls.change(recording=None, held=False, virtual_camera="", ended=True)
    window.refresh()
    assert record.text() == "Record"
    assert window.commands["hold"].text() == "Play again"
    assert not window.commands["webcam"].isChecked()


def test_a_message_is_shown_once_and_the_same_again_if_it_comes_again(
    window: Window, controls: FakeControls
) -> None:
    controls.say("recorded film.mkv")
    window.refresh()
    assert (window.toast.text(), window.toast.bad) == ("recorded film.mkv", False)
    window.toast.hide()
    window.refresh()
    assert window.toast.isHidden()
    controls.say("recorded film.mkv")
    window.refresh()
    assert not window.toast.isHidden()


def test_a_bad_message_is_not_covered_by_a_calm_one(qtbot: QtBot) -> None:
    below = QWidget()
    qtbot.addWidget(below)
    below.resize(400, 300)
    toast = Toast(below)
    below.show()
    toast.tell("saving")
    toast.tell("no space left", bad=True)
    toast.tell("saved")
    assert (toast.text(), toast.property("bad")) == ("no space left", True)
    toast.timer.timeout.emit()
    assert (toast.text(), toast.property("bad"), toast.isVisible()) == ("saved", False, True)
    toast.timer.timeout.emit()
    assert not toast.isVisible()


def test_the_show_mode_goes_from_sky_to_sky(qtbot: QtBot, window: Window, controls: FakeControls) -> None:
    skies = names(window)
    controls.change(sky_name=skies[-1])
    window.refresh()
    window.transport.every.setValue(1)
    type_in(qtbot, window.screen_widget, "n")
    wait_for(qtbot, window, lambda: len(controls.asked) == 2)
    assert controls.asked == [("sky", skies[0]), ("sky", skies[1])]
    type_in(qtbot, window.screen_widget, "n")
    assert not window.show_timer.isActive()


def test_looks_are_used_and_bring_their_sky(qtbot: QtBot, window: Window, controls: FakeControls) -> None:
    panel = window.look_panel
    row = panel.choice.findText("Galaxy", Qt.MatchFlag.MatchStartsWith)
    assert row >= 0
    panel.choice.activated.emit(row)
    kinds = [asked[0] for asked in controls.asked]
    assert kinds == ["sky", "look"]
    assert controls.asked[0] == ("sky", panel.look.sky)
    assert window.settings.look == panel.look


def test_a_look_is_saved_and_offered(qtbot: QtBot, window: Window) -> None:
    window.look_panel.save_asked.emit("My rain", window.look_panel.look)
    wait_for(qtbot, window, lambda: window.look_panel.name == "my_rain")
    assert window.look_panel.choice.currentText() == "My rain"
    assert window.settings.look_name == "my_rain"


def test_skies_dropped_on_the_gallery_are_added_and_shown(
    qtbot: QtBot, window: Window, controls: FakeControls, tmp_path: Path
) -> None:
    picture = tmp_path / "over my house.png"
    cv2.imwrite(str(picture), np.full((90, 160, 3), (200, 120, 40), np.uint8))
    drop(window.gallery, [picture])
    wait_for(qtbot, window, lambda: bool(controls.asked))
    assert controls.asked == [("sky", "over my house")]
    assert "over my house" in names(window)
    assert (tmp_path / "data_home" / "skyar-live" / "skyboxes" / "over my house.png").is_file()


def test_a_bad_sky_is_one_message_and_the_good_ones_are_added(
    qtbot: QtBot, window: Window, controls: FakeControls, tmp_path: Path
) -> None:
    bad, good = tmp_path / "broken.jpg", tmp_path / "good.png"
    bad.write_bytes(b"no picture at all")
    cv2.imwrite(str(good), np.full((90, 160, 3), 99, np.uint8))
    drop(window.gallery, [bad, good])
    wait_for(qtbot, window, lambda: window.toast.bad)
    assert "broken.jpg" in window.toast.text()
    assert "\n" not in window.toast.text()
    assert controls.asked == [("sky", "good")]


def test_a_file_dropped_on_the_picture_is_opened(window: Window, controls: FakeControls) -> None:
    drop(window.screen_widget, [Path("/clips/drive.mp4")])
    assert controls.asked == [("open", "/clips/drive.mp4")]


def test_the_program_says_what_ended_it(window: Window, controls: FakeControls) -> None:
    controls.error = ValueError("broken stage")
    with pytest.raises(ValueError, match="broken stage"):
        window.refresh()


def test_the_window_closes_at_the_end_if_that_is_wished(
    open_window: OpenWindow, controls: FakeControls
) -> None:
    stays, leaves = open_window(), open_window(leave_at_end=True)
    controls.change(ended=True)
    stays.refresh()
    leaves.refresh()
    assert (stays.isVisible(), leaves.isVisible()) == (True, False)


def test_settings_come_back(qtbot: QtBot, open_window: OpenWindow, sink: ScreenSink) -> None:
    window = open_window()
    window.resize(1200, 650)
    type_in(qtbot, window.screen_widget, "gi")
    press(qtbot, window.screen_widget, Key.Key_5, CTRL)
    sink.split_x = 0.25
    window.transport.every.setValue(33)
    window.refresh()
    kept = Settings.model_validate_json(window.settings.model_dump_json())
    window.close()
    assert (kept.gallery_shown, kept.look_panel_shown, kept.statistics_shown) == (False, True, True)
    assert (kept.view, kept.split_x, kept.show_seconds, kept.sky) == ("split", 0.25, 33.0, "clear_day")
    sink.view, sink.split_x = View.RESULT, 0.5
    again = open_window(kept)
    assert again.size() == window.size()
    same = again.settings.model_copy(update={"geometry": kept.geometry})  # Qt's own, compared by the size
    assert same == kept
    assert sink.view.value == "split"


def test_a_sky_named_by_its_path_is_remembered_by_it(open_window: OpenWindow, controls: FakeControls) -> None:
    controls.change(sky_name="holiday")
    window = open_window(Settings(sky="/pictures/holiday.jpg"))
    assert window.settings.sky == "/pictures/holiday.jpg"
    controls.change(sky_name="milky_way")
    window.refresh()
    assert window.settings.sky == "milky_way"


def test_a_place_that_is_on_no_screen_is_corrected(qtbot: QtBot, open_window: OpenWindow) -> None:
    window = open_window()
    window.move(30_000, -20_000)
    qtbot.waitUntil(lambda: window.x() == 30_000)
    lost = window.settings
    window.close()
    again = open_window(lost)
    screen = QApplication.primaryScreen()
    assert screen is not None
    assert screen.availableGeometry().contains(again.geometry().center())


def test_every_control_has_a_tooltip_and_is_reached_by_tab(window: Window, controls: FakeControls) -> None:
    controls.change(span_s=(0.0, 60.0))
    window.refresh()
    kinds = (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox)
    found = [
        widget
        for kind in kinds
        for widget in window.findChildren(kind)
        if widget.isVisible() and not isinstance(widget, QScrollBar)
    ]
    assert len(found) > 30
    for widget in found:
        what = f"{type(widget).__name__} {widget.accessibleName()!r} {getattr(widget, 'text', str)()!r}"
        assert shown_tip(widget), what
        assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus, what


def test_tooltips_name_the_keys(window: Window) -> None:
    for name, action in window.commands.items():
        assert action.toolTip().endswith(")"), name
    assert window.commands["record"].toolTip().endswith("(R)")
    assert window.views[0].toolTip().endswith("(Ctrl+1)")


def test_nothing_is_cut_off_at_1280x720(
    qtbot: QtBot, open_window: OpenWindow, controls: FakeControls
) -> None:
    window = open_window()
    window.resize(1280, 720)
    controls.change(span_s=(0.0, 36_000.0), position_s=35_999.0, recording=WRITTEN)
    window.refresh()
    whole = window.position.whole
    qtbot.waitUntil(lambda: whole.width() >= whole.minimumSizeHint().width())  # laid out
    assert (window.width(), window.height()) == (1280, 720)
    buttons = [b for b in window.transport.findChildren(QAbstractButton) if b.isVisible()]
    assert len(buttons) > 15
    for widget in (*buttons, window.transport.every, whole):
        corner = widget.mapTo(window, QPoint(widget.width(), widget.height()))
        assert corner.x() <= 1280 and corner.y() <= 720
        assert widget.width() >= widget.minimumSizeHint().width(), widget.toolTip()


def test_the_keys_are_listed(qtbot: QtBot, window: Window) -> None:
    press(qtbot, window, Key.Key_F1)
    sheet = window.findChildren(QWidget, "keys sheet")[0]
    assert sheet.isVisible()
    press(qtbot, sheet, Key.Key_Escape)
    assert not sheet.isVisible()
    assert window.isVisible()


def shown_tip(widget: QWidget) -> str:
    """The tooltip that Qt shows over a widget: where it has none, that of what holds it."""
    holder: QWidget | None = widget
    while holder is not None and not holder.toolTip():
        holder = holder.parentWidget()
    return holder.toolTip() if holder is not None else ""


def drop(where: QWidget, paths: list[Path]) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    buttons, modifiers = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    event = QDropEvent(QPointF(20, 20), Qt.DropAction.CopyAction, data, buttons, modifiers)
    where.dropEvent(event)
