"""The skies there are: files in the program's folder and the user's, described by TOML files beside them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from platformdirs import user_data_path
from pydantic import Field

from app.config import ROOT, Placement, Share, load_part
from app.errors import ConfigError, SkyError
from app.frame import Colour
from app.sky.base import Sky
from app.sky.gpano import Area, read_area
from app.sky.panorama import PanoramaSky
from app.sky.placing import Wrap
from app.sky.still import Model, StillSky
from app.sky.video import VideoSky

log = logging.getLogger(__name__)

Kind = Literal["still", "video", "panorama"]

_KINDS: dict[str, Literal["still", "video"]] = {
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".webp"), "still"),
    **dict.fromkeys((".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif"), "video"),
}
ENDINGS = tuple(_KINDS)
"""Endings of the files that can be skies, with their dots."""

PANO = "pano:"
"""Before a path: what lies there is a panorama, whatever it says itself."""

_CROP = 0.5


class About(Placement):
    """What a sky is, and where it stands; the TOML file beside it, with the same name."""

    kind: Kind | None = Field(
        None, description="as the file's ending says; panorama: once around, from the zenith to the nadir"
    )
    title: str | None = Field(None, description="what the user reads; otherwise made from the file's name")
    crop: Annotated[float, Field(ge=0.1, le=1)] | None = Field(
        None, description="central share of the picture that the frame sees, if the configuration names none"
    )
    wrap: Wrap = Field(
        "mirror", description="repeat: the picture closes on itself left to right; else it is mirrored"
    )
    loop: bool = Field(True, description="a video begins again at its end; else its last frame stays")
    horizon: Share | None = Field(
        None, description="row of the horizon, as a share of the height; places a panorama that is a band"
    )
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
    area: Area | None = None
    """The part of the sphere that a panorama says it shows."""
    forced: bool = False
    """Whether it is a panorama because it was named as one."""

    @property
    def moving(self) -> bool:
        """Whether it is a video."""
        return _KINDS[self.path.suffix.lower()] == "video"

    @property
    def address(self) -> str:
        """What `find_sky` finds it by, wherever it lies."""
        return f"{PANO}{self.path}" if self.forced else str(self.path)

    @property
    def placement(self) -> Placement:
        """Where it stands by itself."""
        values = {name: getattr(self.about, name) for name in Placement.model_fields}
        if self.area is not None and "heading" not in self.about.model_fields_set:
            values["heading"] = -self.area.heading
        return Placement(**values)

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
    """The sky of that name in the folders (default: `sky_folders`), or the file at that path or pano:PATH.

    Raises SkyError naming what was asked for, with the names there are; ConfigError for a wrong TOML file.
    """
    files = _files(folders)
    if name_or_path in files:
        return _described(files[name_or_path])
    if name_or_path.startswith(PANO):
        return _described(Path(name_or_path.removeprefix(PANO)).expanduser(), forced=True)
    path = Path(name_or_path).expanduser()
    if path.is_file() or path.suffix.lower() in _KINDS:
        return _described(path)
    known = ", ".join(sorted(files)) or "none"
    raise SkyError(
        f"no sky named {name_or_path!r}; there are: {known}; or the path of a picture or video, or pano:PATH"
    )


def placed(file: SkyFile, given: Placement | None, kept: Placement | None = None) -> Placement:
    """Where a sky stands: what is set in `given`, else as `kept`, else as it says itself."""
    start = file.placement if kept is None else kept
    return start if given is None else start.model_copy(update=given.model_dump(exclude_unset=True))


def open_sky(
    file: SkyFile,
    size_wh: tuple[int, int],
    colour: Colour,
    crop: float | None,
    placement: Placement | None = None,
    model: Model = "sphere",
) -> Sky:
    """The sky, decoded and converted for frames of that size and colour: takes up to a second or two.

    crop: central share of the picture that the frame sees; None = the sky's own, else 0.5.
    placement: where it stands; None = as it says itself. model: of flat pictures and videos.
    Raises SkyError naming a file that cannot be read.
    """
    about = file.about
    share = crop or about.crop or _CROP
    placement = placement or file.placement
    if file.moving:
        panorama = file.kind == "panorama"
        return VideoSky(
            file.path, file.title, size_wh, colour, share, about.wrap,
            loop=about.loop, placement=placement, model=model, panorama=panorama, sun=about.sun,
        )  # fmt: skip
    if file.kind == "panorama":
        return PanoramaSky(
            file.path, file.title, size_wh, colour, file.area,
            horizon=about.horizon, placement=placement, sun=about.sun,
        )  # fmt: skip
    return StillSky(
        file.path, file.title, size_wh, colour, share, about.wrap,
        placement=placement, model=model, sun=about.sun,
    )  # fmt: skip


def _files(folders: Sequence[Path] | None) -> dict[str, Path]:
    return {
        path.stem: path
        for folder in folders or sky_folders()
        if folder.is_dir()
        for path in sorted(folder.iterdir(), reverse=True)
        if path.suffix.lower() in _KINDS and not path.name.startswith(".")
    }


def _described(path: Path, *, forced: bool = False) -> SkyFile:
    ending = _KINDS.get(path.suffix.lower())
    if ending is None:
        raise SkyError(f"{path}: not a sky; known endings are {' '.join(_KINDS)}")
    description = path.with_suffix(".toml")
    about = load_part(description, About) if description.is_file() else About()
    if about.kind not in (None, "panorama", ending):
        raise SkyError(f"{description}: kind: {path.name} is a {ending}, not a {about.kind}")
    if ending == "still" and about.kind is None and not forced:
        area = read_area(path)
        return SkyFile(path.stem, path, "still" if area is None else "panorama", about, area)
    if forced or about.kind == "panorama":
        area = read_area(path) if ending == "still" else None
        return SkyFile(path.stem, path, "panorama", about, area, forced)
    return SkyFile(path.stem, path, ending, about)
