"""The user's own skies and looks: added, saved and listed, all elsewhere than in the window's thread."""

from collections.abc import Callable, Sequence
from pathlib import Path

from app.config import Look
from app.errors import SkyLiveError
from app.looks import LookFile, list_looks, look_name, save_look
from app.sky.adding import add_living, add_sky
from app.sky.library import SkyFile, list_skies
from app.viewer.background import Background
from app.viewer.gallery import Gallery
from app.viewer.look_panel import LookPanel
from living.specs import PhotoSpec

Tell = Callable[[str, bool], None]


class Collecting:
    """Fills gallery and look panel, and adds to what they offer. `tell(text, bad)` says what came of it."""

    def __init__(self, gallery: Gallery, look_panel: LookPanel, background: Background, tell: Tell) -> None:
        self._gallery = gallery
        self._look_panel = look_panel
        self._background = background
        self._tell = tell
        gallery.added.connect(self.add_skies)
        gallery.photo_named.connect(self.animate)
        look_panel.save_asked.connect(self.save_look)

    def list_all(self) -> None:
        """Offer what there is."""
        self._background.start("skies", list_skies, self._gallery.set_skies, self._failed)
        self._background.start("looks", list_looks, self._look_panel.set_looks, self._failed)

    def add_skies(self, paths: Sequence[Path]) -> None:
        """Make skies of these files; what cannot be one is named, the others are added."""
        if paths:
            self._tell(
                f"Adding {paths[0].name} …" if len(paths) == 1 else f"Adding {len(paths)} skies …", False
            )
            self._background.start("adding skies", lambda: _added(paths), self._skies_added, self._failed)

    def animate(self, photo: Path) -> None:
        """Make a sky of a photo whose clouds drift; of one without sky that is told, and nothing changes."""
        self._tell(f"Looking for the sky of {photo.name} …", False)
        self._background.start("animating", lambda: _animated(photo), self._skies_added, self._failed)

    def save_look(self, title: str, look: Look) -> None:
        """Keep the look under that title."""
        self._background.start(
            "saving look",
            lambda: _saved(title, look),
            lambda looks: self._saved(title, look, looks),
            self._failed,
        )

    def _skies_added(self, outcome: "tuple[list[SkyFile], list[str], list[SkyFile]]") -> None:
        added, problems, skies = outcome
        if added:
            self._gallery.set_skies(skies)
            self._gallery.chosen.emit(added[-1])
            self._tell(f"Added {', '.join(sky.title for sky in added)}", False)
        for problem in problems[:1]:
            others = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            self._tell(f"{problem}{others}", True)

    def _saved(self, title: str, look: Look, looks: Sequence[LookFile]) -> None:
        self._look_panel.set_looks(looks)
        self._look_panel.set_look(look, look_name(title))
        self._tell(f"Saved the look {title}", False)

    def _failed(self, error: SkyLiveError) -> None:
        self._tell(str(error), True)


def _added(paths: Sequence[Path]) -> tuple[list[SkyFile], list[str], list[SkyFile]]:
    """(skies made of the files, what was wrong with the others, all skies there are now)."""
    added, problems = [], []
    for path in paths:
        try:
            added.append(add_sky(path))
        except SkyLiveError as error:
            problems.append(str(error))
    return added, problems, list_skies()


def _animated(photo: Path) -> tuple[list[SkyFile], list[str], list[SkyFile]]:
    """As `_added`, of a photo that is to drift."""
    return [add_living(PhotoSpec(photo))], [], list_skies()


def _saved(title: str, look: Look) -> list[LookFile]:
    save_look(title, look)
    return list_looks()
