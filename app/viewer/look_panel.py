"""The controls of the look."""

from collections.abc import Sequence
from functools import partial

from PyQt6.QtCore import QEvent, QObject, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QKeyEvent
from PyQt6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.config import Look, Part
from app.looks import LookFile, look_name
from app.viewer.day_panel import DayPanel
from app.viewer.place_panel import PlacePanel
from app.viewer.value_controls import CheckControl, Choice, NumberControl, control_for

_WIDTH = 288
_EVERY_MS = 40
_MARGIN = 20


class LookPanel(QFrame):
    """A slider or check box for every value of a look, below a choice of looks; first how late it
    is in the sky and where that stands.

    `changed(Look)` comes while the user changes values, at most 25 times a second. `chosen(LookFile)` comes
    before it when that is by another look chosen; `save_asked(str, Look)` when the user saves the values
    under a title: saving is done elsewhere, and shown by `set_looks` and `set_look`.
    """

    changed = pyqtSignal(object)
    chosen = pyqtSignal(object)
    save_asked = pyqtSignal(str, object)

    def __init__(self, looks: Sequence[LookFile], look: Look, name: str) -> None:
        super().__init__()
        self.look = look
        self.name = name
        self._looks: list[LookFile] = []
        self._base = look
        self._controls: dict[tuple[str, str], NumberControl | CheckControl] = {}
        self._due = False
        self._pace = QTimer(self)
        self._pace.setSingleShot(True)
        self._pace.setInterval(_EVERY_MS)
        self._pace.timeout.connect(self._tell)
        self._build()
        self.set_looks(looks)
        self.set_look(look, name)

    def _build(self) -> None:
        self.setProperty("role", "panel")
        self.setFixedWidth(_WIDTH)
        title = QLabel("Look")
        title.setProperty("role", "heading")
        self.reset_button = QPushButton("Reset")
        self.reset_button.clicked.connect(self.reset)
        self.choice = Choice()
        self.choice.setAccessibleName("Look")
        self.choice.setToolTip("The look to begin with")
        self.choice.activated.connect(self._choose)
        self.save_button = QPushButton("Save as look…")
        self.save_button.setToolTip("Keep these values as a look of your own")
        self.save_button.clicked.connect(self._ask_name)
        self.save_row = _SaveRow()
        self.save_row.named.connect(self._save)
        self.save_row.cancelled.connect(self._end_save)
        self.save_row.hide()
        head = QHBoxLayout()
        head.addWidget(title, 1)
        head.addWidget(self.reset_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 10)
        layout.setSpacing(8)
        for row in (head, self._boxed(self.choice)):
            row.setContentsMargins(12, 0, 10, 0)
            layout.addLayout(row)
        layout.addWidget(self._build_values(), 1)
        for row in (self._boxed(self.save_button), self._boxed(self.save_row)):
            row.setContentsMargins(12, 0, 10, 0)
            layout.addLayout(row)

    @staticmethod
    def _boxed(widget: QWidget) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addWidget(widget)
        return row

    def _build_values(self) -> QScrollArea:
        values = QWidget()
        layout = QVBoxLayout(values)
        layout.setContentsMargins(12, 0, 10, 4)
        layout.setSpacing(4)
        self.day = DayPanel()
        self.place = PlacePanel()
        layout.addWidget(self.day)
        layout.addWidget(self.place)
        for part, info in Look.model_fields.items():
            if not (isinstance(info.annotation, type) and issubclass(info.annotation, Part)):
                continue
            group = QLabel(info.title or part.capitalize())
            group.setProperty("role", "dim")
            group.setContentsMargins(0, 10, 0, 2)
            layout.addWidget(group)
            for field, about in info.annotation.model_fields.items():
                control = control_for(field, about, group.text())
                control.moved.connect(partial(self._moved, part, field))
                layout.addWidget(control)
                self._controls[part, field] = control
        layout.addStretch(1)
        return _Scrolled(values)

    def control(self, part: str, field: str) -> NumberControl | CheckControl:
        """The control of one value, such as ("halo", "strength")."""
        return self._controls[part, field]

    def set_look(self, look: Look, name: str) -> None:
        """Show these values, as changed from the look of that name; emits nothing."""
        self.look = self._base = look
        self.name = name
        self._due = False
        self._show_choice()
        for (part, field), control in self._controls.items():
            control.show_value(getattr(getattr(look, part), field))

    def set_looks(self, looks: Sequence[LookFile]) -> None:
        """Offer these looks; emits nothing."""
        self._looks = list(looks)
        self.choice.clear()
        for look in self._looks:
            self.choice.addItem(look.title)
        self.save_row.looks = self._looks
        self._show_choice()

    def reset(self) -> None:
        """Go back to the values of the chosen look."""
        self.set_look(self._base, self.name)
        self.changed.emit(self.look)

    def _show_choice(self) -> None:
        row = next((row for row, look in enumerate(self._looks) if look.name == self.name), -1)
        self._base = self._looks[row].look if row >= 0 else self._base
        self.choice.setPlaceholderText(self.name or "Own values")
        self.choice.setCurrentIndex(row)
        self.choice.setEnabled(bool(self._looks))
        self._show_difference()

    def _show_difference(self) -> None:
        differs = any(getattr(self.look, part) != getattr(self._base, part) for part, _ in self._controls)
        self.reset_button.setEnabled(differs)
        name = self.choice.currentText() or self.choice.placeholderText()
        self.reset_button.setToolTip(
            f"Back to the values of {name}" if differs else f"These are the values of {name}"
        )

    def _choose(self, row: int) -> None:
        look = self._looks[row]
        self.set_look(look.look, look.name)
        self.chosen.emit(look)
        self.changed.emit(self.look)

    def _moved(self, part: str, field: str, value: float) -> None:
        values = getattr(self.look, part).model_copy(update={field: value})
        self.look = self.look.model_copy(update={part: values})
        self._show_difference()
        self._due = True
        if not self._pace.isActive():
            self._tell()

    def _tell(self) -> None:
        """Say what changed, unless that was just done: then in a moment."""
        if self._due:
            self._due = False
            self.changed.emit(self.look)
            self._pace.start()

    def _ask_name(self) -> None:
        self.save_button.hide()
        own = next((look.title for look in self._looks if look.name == self.name and not look.ours), "")
        self.save_row.begin(own)

    def _save(self, title: str) -> None:
        self._end_save()
        self.save_asked.emit(title, self.look)

    def _end_save(self) -> None:
        self.save_row.hide()
        self.save_button.show()
        self.save_button.setFocus()


class _SaveRow(QWidget):
    """Asks for the title of a look; says what a title would replace. `named(str)` or `cancelled()`."""

    named = pyqtSignal(str)
    cancelled = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.looks: Sequence[LookFile] = ()
        self.edit = _TitleEdit()
        self.edit.setPlaceholderText("Name of the look")
        self.edit.setAccessibleName("Name of the look")
        self.edit.setToolTip("Enter saves, Esc leaves")
        self.edit.setMaxLength(60)
        self.edit.textChanged.connect(self._judge)
        self.edit.returnPressed.connect(self._enter)
        self.edit.left.connect(self.cancelled)
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Do not save")
        self.cancel.clicked.connect(self.cancelled)
        self.save = QPushButton("Save")
        self.save.setProperty("role", "primary")
        self.save.clicked.connect(self._enter)
        self.verdict = QLabel()
        self.verdict.setWordWrap(True)
        buttons = QHBoxLayout()
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.save)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.edit)
        layout.addWidget(self.verdict)
        layout.addLayout(buttons)

    def begin(self, title: str) -> None:
        """Show the row, with a title to begin with."""
        self.edit.setText(title)
        self._judge(title)
        self.show()
        self.edit.setFocus()
        self.edit.selectAll()

    def _judge(self, title: str) -> None:
        name = look_name(title)
        same = next((look for look in self.looks if look_name(look.name) == name), None)
        refused = same is not None and same.ours
        self.save.setEnabled(bool(name) and not refused)
        self.save.setText("Replace" if same and not refused else "Save")
        what = "This is a look of the program." if refused else "Replaces your look." if same else ""
        self.save.setToolTip(what or "Keep the values under this name")
        self.verdict.setText(what)
        self.verdict.setProperty("role", "error" if refused else "dim")
        self.verdict.setVisible(bool(what))
        if style := self.verdict.style():
            style.polish(self.verdict)  # the role is only looked at when a widget is polished

    def _enter(self) -> None:
        if self.save.isEnabled():
            self.named.emit(self.edit.text())


class _Scrolled(QScrollArea):
    """Shows a column of controls, and always the one that gets the focus."""

    def __init__(self, column: QWidget) -> None:
        super().__init__()
        self.setWidget(column)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for control in column.findChildren(QWidget):
            control.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Bring a control into view that got the focus."""
        if event is not None and event.type() == QEvent.Type.FocusIn and isinstance(watched, QWidget):
            self.ensureWidgetVisible(watched, 0, _MARGIN)
        return super().eventFilter(watched, event)


class _TitleEdit(QLineEdit):
    """Keeps Enter and Esc to itself: they end the row, and mean nothing to the window."""

    left = pyqtSignal()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """As a line edit does, but for Enter and Esc."""
        if event is None:
            return
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape):
            event.accept()
