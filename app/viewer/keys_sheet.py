"""A sheet of all keys."""

from collections.abc import Iterable

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from app.viewer.actions import ACTS, key_name


class KeysSheet(QDialog):
    """Keys and what they do, in two columns."""

    def __init__(self, owner: QWidget, more: Iterable[tuple[str, str]]) -> None:
        """more: keys that are not in the table of actions, each with what it does."""
        super().__init__(owner)
        self.setWindowTitle("Keys")
        self.setObjectName("keys sheet")
        table = [(", ".join(key_name((key,)) for key in act.keys), act.tip) for act in ACTS.values()]
        rows = [*more, *table]
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(6)
        half = (len(rows) + 1) // 2
        for number, (keys, what) in enumerate(rows):
            row, column = number % half, 3 * (number // half)
            key = QLabel(keys)
            key.setProperty("role", "heading")
            grid.addWidget(key, row, column, Qt.AlignmentFlag.AlignRight)
            grid.addWidget(QLabel(what), row, column + 1)
        grid.setColumnMinimumWidth(2, 24)
        buttons = QDialogButtonBox()
        buttons.addButton("Close", QDialogButtonBox.ButtonRole.RejectRole)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(14)
        layout.addLayout(grid)
        layout.addWidget(buttons)
