"""The skies there are: files in the program's folder and the user's, described by TOML files beside them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from platformdirs import user_data_path
from pydantic import Field

from app.config import ROOT, Part, Share, load_part
from app.errors import ConfigError, SkyError
from app.frame import Colour
from app.sky.base import Sky
from app.sky.placing import Wrap
from app.sky.still import StillSky
from app.sky.video import VideoSky

log = logging.getLogger(__name__)

Kind = Literal["still", "video"]

_KINDS: dict[str, Kind] = {
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".webp"), "still"),
    **dict.fromkeys((".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif"), "video"),
}
ENDINGS = tuple(_KINDS)
"""Endings of the files that can be skies, with their dots."""

_CROP = 0.5


class About(Part):
    """What a sky is; the TOML file beside it, with the same name."""

    kind: Kind | None = Field(None, description="as the file's ending says")
    title: str | None = Field(None, description="what the user reads; otherwise made from the file's name")
    crop: Annotated[float, Field(ge=0.1, le=1)] | None = Field(
        None, description="central share of the picture that the frame sees, if the configuration names none"
    )
    wrap: Wrap = Field(
        "mirror", description="repeat: the picture closes on itself left to right; else it is mirrored"
    )
    loop: bool = Field(True, description="a video begins again at its end; else its last frame stays")
    horizon: Share | None = Field(None, description="row of the horizon, as a share of the height")
    sun: tuple[float, float] | None = Field(
        None, description="the sun's place (x, y), as shares of the picture"
    )


@dataclass(frozen=True, slots=True)
class SkyFile:
    """A sky that can be opened."""

    name: str
    path: Path
    kind: Kind
    about: About

    @property
    def title(self) -> str:
        """What the user reads."""
        return self.about.title or self.name.replace("_", " ").replace("-", " ").strip().capitalize()


def sky_folders() -> tuple[Path, Path]:
    """The program's folder of skies and the user's, which need not exist."""
    return ROOT / "skyboxes", user_data_path("skyar-live", appauthor=False) / "skyboxes"


def list_skies(folders: Sequence[Path] | None = None) -> list[SkyFile]:
    """All skies of the folders (default: `sky_folders`), by name; of equal names the last folder's.

    A sky whose TOML file is wrong is left out, with a warning.
    """
    skies = []
    for _, path in sorted(_files(folders).items()):
        try:
            skies.append(_described(path))
        except (ConfigError, SkyError) as error:
            log.warning("%s", error)
    return skies


def find_sky(name_or_path: str, folders: Sequence[Path] | None = None) -> SkyFile:
    """The sky of that name in the folders (default: `sky_folders`), or the file at that path.

    Raises SkyError naming what was asked for, with the names there are; ConfigError for a wrong TOML file.
    """
    files = _files(folders)
    if name_or_path in files:
        return _described(files[name_or_path])
    path = Path(name_or_path).expanduser()
    if path.is_file() or path.suffix.lower() in _KINDS:
        return _described(path)
    known = ", ".join(sorted(files)) or "none"
    raise SkyError(f"no sky named {name_or_path!r}; there are: {known}; or the path of a picture or video")


def open_sky(file: SkyFile, size_wh: tuple[int, int], colour: Colour, crop: float | None) -> Sky:
    """The sky, decoded and converted for frames of that size and colour: takes up to a second or two.

    crop: central share of the picture that the frame sees; None = the sky's own, else 0.5.
    Raises SkyError naming a file that cannot be read.
    """
    share = crop or file.about.crop or _CROP
    if file.kind == "video":
        return VideoSky(file.path, file.title, size_wh, colour, share, file.about.wrap, loop=file.about.loop)
    return StillSky(file.path, file.title, size_wh, colour, share, file.about.wrap)


def _files(folders: Sequence[Path] | None) -> dict[str, Path]:
    return {
        path.stem: path
        for folder in folders or sky_folders()
        if folder.is_dir()
        for path in sorted(folder.iterdir(), reverse=True)
        if path.suffix.lower() in _KINDS and not path.name.startswith(".")
    }


def _described(path: Path) -> SkyFile:
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise SkyError(f"{path}: not a sky; known endings are {' '.join(_KINDS)}")
    description = path.with_suffix(".toml")
    about = load_part(description, About) if description.is_file() else About()
    if about.kind not in (None, kind):
        raise SkyError(f"{description}: kind: {path.name} is a {kind}, not a {about.kind}")
    return SkyFile(path.stem, path, kind, about)
