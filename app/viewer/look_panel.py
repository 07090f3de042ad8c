"""The controls of the look."""

from collections.abc import Sequence

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QWidget

from app.config import Look
from app.looks import LookFile


class LookPanel(QWidget):
    """A slider or check box for every value of a look, below a choice of looks.

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

    def set_look(self, look: Look, name: str) -> None:
        """Show these values, as changed from the look of that name; emits nothing."""

    def set_looks(self, looks: Sequence[LookFile]) -> None:
        """Offer these looks; emits nothing."""
