"""The look's controls, driven by real keys and the mouse."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from annotated_types import Ge, Le
from pydantic import Field
from pydantic.fields import FieldInfo
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtGui import QKeyEvent, QWheelEvent
from PyQt6.QtWidgets import QApplication, QHBoxLayout, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.config import LOOKS, Halo, Light, Look, Part, Placement, Weather
from app.looks import LookFile
from app.viewer import style
from app.viewer.look_panel import LookPanel
from app.viewer.value_controls import CheckControl, NumberControl, control_for

Key = Qt.Key
NATURAL = Look(title="Natural", halo=Halo(strength=0.2))
STORM = Look(title="Storm", sky="thunderstorm", weather=Weather(rain=0.8), light=Light(match=True))
MINE = Look(title="My evening", halo=Halo(strength=0.9))


class Shell(QWidget):
    """A window with the panel and a button before it; notes the keys that reach it."""

    def __init__(self, panel: LookPanel) -> None:
        super().__init__()
        self.keys: list[int] = []
        self.other = QPushButton("other")
        layout = QHBoxLayout(self)
        layout.addWidget(self.other)
        layout.addWidget(panel)
        self.other.setFocus()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        assert event is not None
        self.keys.append(event.key())


@pytest.fixture
def looks(tmp_path: Path) -> list[LookFile]:
    return [
        LookFile("my_evening", tmp_path / "my_evening.toml", MINE),
        LookFile("natural", LOOKS / "natural.toml", NATURAL),
        LookFile("storm", LOOKS / "storm.toml", STORM),
    ]


@pytest.fixture
def panel(qtbot: QtBot, qapp: QApplication, looks: list[LookFile]) -> Iterator[LookPanel]:
    plain = qapp.styleSheet(), qapp.palette()
    style.dress(qapp)
    panel = LookPanel(looks, NATURAL, "natural")
    shell = Shell(panel)
    qtbot.addWidget(shell)
    shell.resize(420, 640)
    with qtbot.waitActive(shell, timeout=10_000):
        shell.show()
        shell.activateWindow()
    yield panel
    qapp.setStyleSheet(plain[0])
    qapp.setPalette(plain[1])


@pytest.fixture
def told(panel: LookPanel) -> list[object]:
    """What the panel said: looks, names of chosen looks, and (title, look) to be saved."""
    told: list[object] = []
    panel.changed.connect(told.append)
    panel.chosen.connect(lambda look: told.append(look.name))
    panel.save_asked.connect(lambda title, look: told.append((title, look)))
    return told


def number(panel: LookPanel, part: str, field: str) -> NumberControl:
    control = panel.control(part, field)
    assert isinstance(control, NumberControl)
    return control


def check(panel: LookPanel, part: str, field: str) -> CheckControl:
    control = panel.control(part, field)
    assert isinstance(control, CheckControl)
    return control


def press(qtbot: QtBot, key: Qt.Key) -> None:
    qtbot.keyClick(QApplication.focusWidget(), key)  # type: ignore[no-untyped-call]


def write(qtbot: QtBot, text: str) -> None:
    qtbot.keyClicks(QApplication.focusWidget(), text)  # type: ignore[no-untyped-call]


def click(qtbot: QtBot, widget: QWidget, at: QPoint | None = None) -> None:
    at = widget.rect().center() if at is None else at
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton, pos=at)  # type: ignore[no-untyped-call]


def parts() -> list[tuple[str, type[Part]]]:
    return [
        (name, info.annotation)
        for name, info in Look.model_fields.items()
        if isinstance(info.annotation, type) and issubclass(info.annotation, Part)
    ]


def test_every_value_of_a_look_has_a_control_with_its_range_and_meaning(panel: LookPanel) -> None:
    assert {name for name, _ in parts()} >= {"light", "halo", "weather", "matte"}
    for part, model in parts():
        for field, info in model.model_fields.items():
            control = panel.control(part, field)
            assert info.description and len(control.toolTip()) >= len(info.description) - 2
            if info.annotation is bool:
                assert check(panel, part, field).text()
                continue
            low = next(limit.ge for limit in info.metadata if isinstance(limit, Ge))
            high = next(limit.le for limit in info.metadata if isinstance(limit, Le))
            spin = number(panel, part, field).number
            assert (spin.minimum(), spin.maximum()) == pytest.approx((low, high))
            assert spin.value() == pytest.approx(getattr(getattr(NATURAL, part), field))


def test_each_control_sets_its_own_value_over_its_whole_range(
    qtbot: QtBot, panel: LookPanel, told: list[object]
) -> None:
    for part, model in parts():
        for field, info in model.model_fields.items():
            panel.set_look(Look(), "")
            control = panel.control(part, field)
            if isinstance(control, CheckControl):
                control.setFocus()
                press(qtbot, Key.Key_Space)
                expected: list[float] = [True]
            else:
                control.slider.setFocus()
                press(qtbot, Key.Key_Home)
                press(qtbot, Key.Key_End)
                expected = [next(limit.le for limit in info.metadata if isinstance(limit, Le))]  # type: ignore[list-item]
            value = getattr(getattr(panel.look, part), field)
            assert [value] == expected
            others = panel.look.model_copy(update={part: getattr(Look(), part)})
            assert others == Look()
            Look.model_validate(panel.look.model_dump())


def test_other_kinds_of_fields_are_refused() -> None:
    fields: list[FieldInfo] = [
        FieldInfo.from_annotated_attribute(str, "a"),
        FieldInfo.from_annotated_attribute(float, Field(0.5, ge=0)),
        FieldInfo.from_annotated_attribute(int, Field(1, ge=0, le=3)),
    ]
    for info in fields:
        with pytest.raises(TypeError, match="odd: no control"):
            control_for("odd", info, "Group")


def test_keys_move_a_slider_and_its_number(qtbot: QtBot, panel: LookPanel, told: list[object]) -> None:
    control = number(panel, "halo", "strength")
    control.slider.setFocus()
    press(qtbot, Key.Key_Right)
    assert told == [NATURAL.model_copy(update={"halo": Halo(strength=0.21)})]
    assert control.number.text() == "0.21"
    press(qtbot, Key.Key_PageUp)
    assert panel.look.halo.strength == 0.31
    assert shell_of(panel).keys == []


def test_a_number_can_be_typed(qtbot: QtBot, panel: LookPanel, told: list[object]) -> None:
    control = number(panel, "light", "relight")
    control.number.setFocus()
    control.number.selectAll()
    write(qtbot, "1.37")
    assert told == []  # not before it is complete
    press(qtbot, Key.Key_Return)
    assert panel.look.light.relight == 1.37 and told == [panel.look]
    assert control.slider.value() == 137
    press(qtbot, Key.Key_Up)
    assert panel.look.light.relight == 1.42


def test_the_mouse_takes_the_handle_along(qtbot: QtBot, panel: LookPanel) -> None:
    slider = number(panel, "weather", "wind").slider
    middle = slider.height() // 2
    left = Qt.MouseButton.LeftButton
    qtbot.mousePress(slider, left, pos=QPoint(slider.width() // 2, middle))  # type: ignore[no-untyped-call]
    assert panel.look.weather.wind == pytest.approx(0.0, abs=0.03)
    qtbot.mouseMove(slider, pos=QPoint(slider.width() * 3 // 4, middle))  # type: ignore[no-untyped-call]
    assert 0.4 < panel.look.weather.wind < 0.7
    qtbot.mouseMove(slider, pos=QPoint(-50, middle))  # type: ignore[no-untyped-call]
    assert panel.look.weather.wind == -1.0
    qtbot.mouseRelease(slider, left, pos=QPoint(-50, middle))  # type: ignore[no-untyped-call]


def test_a_slider_with_two_sides_fills_from_its_zero(panel: LookPanel) -> None:
    slider = number(panel, "matte", "shift").slider

    def is_filled(share: float) -> bool:
        pixel = slider.grab().toImage().pixelColor(int(share * slider.width()), slider.height() // 2)
        return pixel.blue() - pixel.red() > 60

    for value, filled in ((0.9, [False, True]), (-0.9, [True, False]), (0.0, [False, False])):
        panel.control("matte", "shift").show_value(value)
        assert [is_filled(0.3), is_filled(0.7)] == filled, value
    slider = number(panel, "halo", "strength").slider
    panel.control("halo", "strength").show_value(0.5)
    assert [is_filled(0.3), is_filled(0.7)] == [True, False]


def test_changes_come_paced_and_the_last_one_always(
    qtbot: QtBot, panel: LookPanel, told: list[object]
) -> None:
    slider = number(panel, "halo", "strength").slider
    for value in range(30, 80):
        slider.setValue(value)
    assert len(told) == 1  # the first at once
    qtbot.waitUntil(lambda: told[-1] == panel.look)
    assert panel.look.halo.strength == 0.79
    assert len(told) == 2
    qtbot.wait(120)
    assert len(told) == 2


def test_values_that_are_not_touched_are_not_rounded(qtbot: QtBot, panel: LookPanel) -> None:
    fine = Look(halo=Halo(strength=0.12345, radius=0.2))
    panel.set_look(fine, "natural")
    check(panel, "light", "match").setFocus()
    press(qtbot, Key.Key_Space)
    assert panel.look == fine.model_copy(update={"light": Light(match=True)})


def test_showing_a_look_says_nothing(
    qtbot: QtBot, panel: LookPanel, told: list[object], looks: list[LookFile]
) -> None:
    panel.set_look(STORM, "storm")
    panel.set_looks(looks[1:])
    assert panel.choice.currentText() == "Storm"
    assert number(panel, "weather", "rain").number.value() == 0.8
    assert check(panel, "light", "match").isChecked()
    qtbot.wait(80)
    assert told == []


def test_a_change_on_its_way_does_not_undo_the_look_shown_since(
    qtbot: QtBot, panel: LookPanel, told: list[object]
) -> None:
    slider = number(panel, "halo", "strength").slider
    slider.setValue(30)
    slider.setValue(40)
    panel.set_look(STORM, "storm")
    qtbot.wait(80)
    assert len(told) == 1


def test_a_look_is_chosen_by_keys(qtbot: QtBot, panel: LookPanel, told: list[object]) -> None:
    panel.choice.setFocus()
    press(qtbot, Key.Key_Down)
    assert told == ["storm", STORM]
    assert panel.look == STORM and panel.name == "storm"
    assert number(panel, "weather", "rain").number.text() == "0.80"
    assert shell_of(panel).keys == []


def test_reset_goes_back_to_the_look_chosen(qtbot: QtBot, panel: LookPanel, told: list[object]) -> None:
    assert not panel.reset_button.isEnabled()
    number(panel, "weather", "fog").slider.setFocus()
    press(qtbot, Key.Key_End)
    assert panel.reset_button.isEnabled()
    assert panel.reset_button.toolTip() == "Back to the values of Natural"
    click(qtbot, panel.reset_button)
    assert panel.look == NATURAL and told[-1] == NATURAL
    assert number(panel, "weather", "fog").number.value() == 0.0
    assert not panel.reset_button.isEnabled()
    qtbot.wait(80)
    assert told[-1] == NATURAL


def test_values_of_the_last_run_can_be_reset_once_looks_are_known(
    qtbot: QtBot, looks: list[LookFile]
) -> None:
    changed = NATURAL.model_copy(update={"weather": Weather(snow=0.4)})
    panel = LookPanel([], changed, "natural")
    qtbot.addWidget(panel)
    assert not panel.reset_button.isEnabled() and not panel.choice.isEnabled()
    panel.set_looks(looks)
    assert panel.look == changed and panel.choice.currentText() == "Natural"
    click(qtbot, panel.reset_button)
    assert panel.look == NATURAL


def test_a_look_from_elsewhere_keeps_its_name_and_its_reset(qtbot: QtBot, panel: LookPanel) -> None:
    own = Look(halo=Halo(strength=0.7))
    panel.set_look(own, "/elsewhere/own.toml")
    assert panel.choice.currentIndex() == -1 and panel.choice.placeholderText() == "/elsewhere/own.toml"
    number(panel, "halo", "strength").slider.setValue(10)
    click(qtbot, panel.reset_button)
    assert panel.look == own


def begin_to_save(qtbot: QtBot, panel: LookPanel) -> None:
    panel.save_button.setFocus()
    press(qtbot, Key.Key_Space)
    qtbot.waitUntil(panel.save_row.edit.hasFocus)


def test_values_are_saved_under_a_name(
    qtbot: QtBot, panel: LookPanel, told: list[object], looks: list[LookFile]
) -> None:
    number(panel, "weather", "snow").slider.setValue(55)
    begin_to_save(qtbot, panel)
    assert not panel.save_row.save.isEnabled()
    write(qtbot, "Snow 9")
    assert panel.save_row.save.isEnabled() and panel.save_row.save.text() == "Save"
    assert not panel.save_row.verdict.isVisible()
    press(qtbot, Key.Key_Return)
    assert told[-1] == ("Snow 9", panel.look)
    assert not panel.save_row.isVisible() and panel.save_button.hasFocus()
    assert shell_of(panel).keys == []
    saved = panel.look.model_copy(update={"title": "Snow 9"})
    panel.set_looks([*looks, LookFile("snow_9", Path("snow_9.toml"), saved)])
    panel.set_look(saved, "snow_9")
    assert panel.choice.currentText() == "Snow 9" and not panel.reset_button.isEnabled()


@pytest.mark.parametrize("title", ["natural", "Natural!", " STORM "])
def test_a_name_of_the_programs_looks_is_refused(
    qtbot: QtBot, panel: LookPanel, told: list[object], title: str
) -> None:
    begin_to_save(qtbot, panel)
    write(qtbot, title)
    assert not panel.save_row.save.isEnabled()
    assert panel.save_row.verdict.text() == "This is a look of the program."
    press(qtbot, Key.Key_Return)
    assert told == [] and panel.save_row.isVisible()


def test_ones_own_look_is_replaced_knowingly(qtbot: QtBot, panel: LookPanel, told: list[object]) -> None:
    panel.set_look(MINE, "my_evening")
    begin_to_save(qtbot, panel)
    assert panel.save_row.edit.text() == "My evening"
    assert panel.save_row.save.text() == "Replace"
    assert panel.save_row.verdict.text() == "Replaces your look."
    click(qtbot, panel.save_row.save)
    assert told == [("My evening", MINE)]


@pytest.mark.parametrize("how", ["key", "button"])
def test_saving_can_be_left(qtbot: QtBot, panel: LookPanel, told: list[object], how: str) -> None:
    begin_to_save(qtbot, panel)
    write(qtbot, "Snow")
    if how == "key":
        press(qtbot, Key.Key_Escape)
    else:
        click(qtbot, panel.save_row.cancel)
    assert not panel.save_row.isVisible() and panel.save_button.hasFocus()
    assert told == [] and shell_of(panel).keys == []  # Esc did not reach the window
    begin_to_save(qtbot, panel)
    assert panel.save_row.edit.text() == ""


def test_tab_reaches_every_control_and_the_focus_is_seen(qtbot: QtBot, panel: LookPanel) -> None:
    number(panel, "halo", "radius").slider.setValue(33)  # so that reset can be pressed
    expected: list[QWidget] = [panel.reset_button, panel.choice]
    place = [panel.place.control(field) for field in Placement.model_fields]
    looks = [panel.control(part, field) for part, model in parts() for field in model.model_fields]
    expected.append(panel.place.reset_button)
    for control in (*place, *looks):
        expected += [control] if isinstance(control, CheckControl) else [control.slider, control.number]
    expected.append(panel.save_button)
    for widget in expected:
        before = widget.grab().toImage()
        press(qtbot, Key.Key_Tab)
        assert widget.hasFocus(), widget.accessibleName() or widget
        assert widget.grab().toImage() != before, widget.accessibleName() or widget
        assert widget.toolTip() or widget.parentWidget().toolTip()  # type: ignore[union-attr]


def test_the_wheel_scrolls_past_what_has_no_focus(qtbot: QtBot, panel: LookPanel, told: list[object]) -> None:
    control = number(panel, "halo", "strength")
    for widget in (control.slider, control.number, panel.choice):
        QApplication.sendEvent(widget, wheel(widget))
    assert told == []
    control.slider.setFocus()
    QApplication.sendEvent(control.slider, wheel(control.slider))
    assert len(told) == 1


def wheel(widget: QWidget) -> QWheelEvent:
    middle = QPointF(widget.rect().center())
    return QWheelEvent(
        middle,
        widget.mapToGlobal(middle),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )


def test_a_low_window_scrolls_to_the_control_in_focus(qtbot: QtBot, panel: LookPanel) -> None:
    shell_of(panel).resize(420, 300)
    last = number(panel, "matte", "shift").number
    qtbot.waitUntil(lambda: last.visibleRegion().isEmpty())
    panel.save_button.setFocus()
    press(qtbot, Key.Key_Backtab)
    assert last.hasFocus()
    qtbot.waitUntil(lambda: not last.visibleRegion().isEmpty())


def shell_of(panel: LookPanel) -> Shell:
    shell = panel.window()
    assert isinstance(shell, Shell)
    return shell
