"""The controls of where the sky stands."""

from functools import partial

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.config import AS_IT_IS, Placement
from app.viewer.value_controls import CheckControl, NumberControl, control_for

_GROUP = "Sky"


class PlacePanel(QWidget):
    """A slider for heading, elevation, size and tilt of the sky that is shown.

    `placed(Placement)` comes when the user moves the sky, `reset` when it shall stand as it says itself.
    """

    placed = pyqtSignal(object)
    reset = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.placement = AS_IT_IS
        self._controls: dict[str, NumberControl | CheckControl] = {}
        title = QLabel(_GROUP)
        title.setProperty("role", "dim")
        self.reset_button = QPushButton("Reset")
        self.reset_button.setToolTip("The sky as it stands by itself")
        self.reset_button.setAccessibleName("Reset the sky's place")
        self.reset_button.clicked.connect(self.reset)
        head = QHBoxLayout()
        head.addWidget(title, 1)
        head.addWidget(self.reset_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(head)
        for field, about in Placement.model_fields.items():
            control = control_for(field, about, _GROUP)
            control.moved.connect(partial(self._moved, field))
            layout.addWidget(control)
            self._controls[field] = control
        self._show(AS_IT_IS)

    def control(self, field: str) -> NumberControl | CheckControl:
        """The control of one value, such as "heading"."""
        return self._controls[field]

    def show_placement(self, placement: Placement) -> None:
        """Show where the sky stands; emits nothing."""
        if placement != self.placement:
            self._show(placement)

    def _show(self, placement: Placement) -> None:
        self.placement = placement
        for field, control in self._controls.items():
            control.show_value(getattr(placement, field))

    def turn(self, heading: float, elevation: float) -> None:
        """Turn the sky by so many degrees, on and on around the viewer; raise it up to its limits."""
        self._place(
            {
                "heading": (self.placement.heading + heading + 180) % 360 - 180,
                "elevation": min(max(self.placement.elevation + elevation, -90.0), 90.0),
            }
        )

    def _moved(self, field: str, value: float) -> None:
        self._place({field: value})

    def _place(self, values: dict[str, float]) -> None:
        self.show_placement(self.placement.model_copy(update=values))
        self.placed.emit(self.placement)
