"""The skies to choose from, as pictures."""

from collections.abc import Sequence

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QWidget

from app.sky.library import SkyFile


class Gallery(QWidget):
    """All skies as thumbnails: click or Enter chooses, the first nine by number.

    `chosen(SkyFile)` when the user chose; `added(list[Path])` when files were dropped or named to become
    skies: that is done elsewhere, and shown by `set_skies`.
    """

    chosen = pyqtSignal(object)
    added = pyqtSignal(list)

    def __init__(self, skies: Sequence[SkyFile]) -> None:
        super().__init__()
        self.skies: list[SkyFile] = list(skies)

    def set_skies(self, skies: Sequence[SkyFile]) -> None:
        """Offer these skies."""

    def show_state(self, sky_name: str, loading_sky: str) -> None:
        """Mark the sky shown, by name, and the one being loaded, by title; empty = none."""

    def choose_number(self, number: int) -> None:
        """Choose the sky with that number, from 1; without such a sky nothing happens."""

    def choose_next(self, step: int = 1) -> None:
        """Choose the sky that many places after the one last chosen or shown, round and round."""

    def close_thumbnails(self) -> None:
        """Make no more thumbnails; for a window that closes."""
