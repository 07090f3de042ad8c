"""The skies there are: files in the program's folder and the user's, described by TOML files beside them.

A TOML file of the kinds living and procedural is a sky by itself.
"""

import logging
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from platformdirs import user_data_path
from pydantic import Field

from app.camera import Camera, first_view
from app.config import ROOT, Placement, Share, load_part
from app.errors import ConfigError, SkyError
from app.frame import Colour
from app.sky.base import Sky
from app.sky.gpano import Area, read_area
from app.sky.panorama import PanoramaSky
from app.sky.placing import FOV_DEG, Wrap
from app.sky.still import Model, StillSky, read_rgb, resized
from app.sky.video import VideoSky
from engines.base import EngineError
from living.specs import LIVING, PROCEDURAL, Clock, PhotoSpec, ProceduralSpec, Spec, parse_spec

log = logging.getLogger(__name__)

Kind = Literal["still", "video", "panorama", "living", "procedural"]

_KINDS: dict[str, Literal["still", "video"]] = {
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".webp"), "still"),
    **dict.fromkeys((".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif"), "video"),
}
ENDINGS = tuple(_KINDS)
"""Endings of the files that can be skies, with their dots."""

PANO = "pano:"
"""Before a path: what lies there is a panorama, whatever it says itself."""

_CROP = 0.5
_TRIAL_WIDTH = 256
_MOST_PHOTO = 3840
"""Pixels along a living photo's longer side; a texel to each pixel of a 1920x1080 frame."""
_LEAST_SKY = 0.02
"""Share of a photo that is to be sky before it can drift."""


class About(Placement):
    """What a sky is, and where it stands; the TOML file beside it, with the same name."""

    kind: Kind | None = Field(
        None,
        description="as the file's ending says; panorama: once around, from the zenith to the nadir; "
        "living: a photo that drifts; procedural: computed",
    )
    address: str | None = Field(
        None,
        description="of a living or procedural sky, as --sky takes it; a photo is sought beside this file",
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
    """A sky that can be opened; `path` of one that is only an address is that address."""

    name: str
    path: Path
    kind: Kind
    about: About
    area: Area | None = None
    """The part of the sphere that a panorama says it shows."""
    forced: bool = False
    """Whether it is a panorama because it was named as one."""
    spec: Spec | None = None
    """What a living or procedural sky is to be."""
    direct: bool = False
    """Whether it was named by the address of its spec."""

    @property
    def moving(self) -> bool:
        """Whether it shows something else from time to time."""
        return self.spec is not None or _KINDS[self.path.suffix.lower()] == "video"

    @property
    def there(self) -> bool:
        """Whether the file that it is made from is there, if it is made from one."""
        return (self.direct and isinstance(self.spec, ProceduralSpec)) or self.path.is_file()

    @property
    def address(self) -> str:
        """What `find_sky` finds it by, wherever it lies."""
        if self.direct and self.spec is not None:
            return self.spec.address
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
        if self.direct and not self.about.title:
            spec = self.spec
            return f"{spec.path.stem}, living" if isinstance(spec, PhotoSpec) else "Computed sky"
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
    """The sky of that name in the folders (default: `sky_folders`), or the file at that path or address.

    Addresses are pano:PATH and those of `living.specs`.
    Raises SkyError naming what was asked for, with the names there are; ConfigError for a wrong TOML file.
    """
    files = _files(folders)
    if name_or_path in files:
        return _described(files[name_or_path])
    if name_or_path.startswith(PANO):
        return _described(Path(name_or_path.removeprefix(PANO)).expanduser(), forced=True)
    if (spec := parse_spec(name_or_path)) is not None:
        return _asked_for(spec)
    path = Path(name_or_path).expanduser()
    if path.is_file() or path.suffix.lower() in _KINDS:
        return _described(path)
    known = ", ".join(sorted(files)) or "none"
    raise SkyError(
        f"no sky named {name_or_path!r}; there are: {known}; or the path of a picture or video, pano:PATH,"
        f" {LIVING}PHOTO or {PROCEDURAL}"
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
    *,
    patient: bool = False,
) -> Sky:
    """The sky, decoded and converted for frames of that size and colour: takes up to a second or two.

    crop: central share of the picture that the frame sees; None = the sky's own, else 0.5.
    placement: where it stands; None = as it says itself. model: of flat pictures and videos. patient: what is
    computed meanwhile is waited for, so that equal times show equal pictures; else the stream goes on.
    Raises SkyError naming a file that cannot be read.
    """
    about = file.about
    share = crop or about.crop or _CROP
    placement = placement or file.placement
    if isinstance(file.spec, ProceduralSpec):
        return _open_procedural(file.spec, file.title, size_wh, colour, placement, patient)
    if isinstance(file.spec, PhotoSpec):
        return _open_living(file.spec, file, size_wh, colour, share, placement)
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


def _open_procedural(
    spec: ProceduralSpec,
    title: str,
    size_wh: tuple[int, int],
    colour: Colour,
    placement: Placement,
    patient: bool,
) -> Sky:
    # Here, as the window's gallery needs none of it.
    from app.sky.procedural import ProceduralSky, scene_width
    from living.procedural import Scene

    # What night and day need is compiled here, not by the thread of the keys when the hour comes.
    for elevation in (-30.0, 30.0):
        Scene(ProceduralSpec(sun=(elevation, 0.0), clouds="none"), _TRIAL_WIDTH).key(0.0)
    width = scene_width(size_wh)
    scene = Scene(spec, width)
    return ProceduralSky(spec, scene, width, title, size_wh, colour, placement=placement, patient=patient)


def _open_living(
    spec: PhotoSpec,
    file: SkyFile,
    size_wh: tuple[int, int],
    colour: Colour,
    share: float,
    placement: Placement,
) -> Sky:
    from app.matting.photo import sky_of_photo
    from app.sky.living_photo import LivingPhotoSky

    rgb = read_rgb(spec.path)
    shrink = _MOST_PHOTO / max(rgb.shape)
    if shrink < 1:
        rgb = resized(rgb, (max(1, round(rgb.shape[1] * shrink)), max(1, round(rgb.shape[0] * shrink))))
    try:
        alpha = sky_of_photo(rgb)
    except EngineError as error:
        raise SkyError(f"{spec.path}: its sky cannot be looked for: {error}") from error
    if (alpha > 127).mean() < _LEAST_SKY:
        raise SkyError(f"{spec.path}: no sky was found in this photo")
    sky = LivingPhotoSky(
        file.title, rgb, alpha, spec, size_wh, colour, share, placement=placement, sun=file.about.sun
    )
    # What is compiled is compiled here, not while frames wait: with the light of an hour, and as it is.
    for clock in (Clock(12.0, 0.0), None):
        sky.set_clock(clock)
        sky.render(0.0, first_view(Camera.from_fov(size_wh, FOV_DEG)), (0, size_wh[1]))
    return sky


def _files(folders: Sequence[Path] | None) -> dict[str, Path]:
    return {
        path.stem: path
        for folder in folders or sky_folders()
        if folder.is_dir()
        for path in _files_in(folder)
    }


def _files_in(folder: Path) -> list[Path]:
    """The skies of a folder; of equal names the one that counts comes last."""
    seen = [path for path in sorted(folder.iterdir(), reverse=True) if not path.name.startswith(".")]
    pictures = [path for path in seen if path.suffix.lower() in _KINDS]
    stems = {path.stem for path in pictures}
    alone = [path for path in seen if path.suffix == ".toml" and path.stem not in stems]
    return [path for path in alone if _is_sky_itself(path)] + pictures


def _is_sky_itself(description: Path) -> bool:
    """Whether a TOML file without a picture or video beside it is meant to be a sky."""
    try:
        return tomllib.loads(description.read_text("utf-8")).get("kind") in ("living", "procedural")
    except (OSError, ValueError):
        return False


def _asked_for(spec: Spec) -> SkyFile:
    """The sky that is an address."""
    if isinstance(spec, ProceduralSpec):
        return SkyFile(spec.address, Path(spec.address), "procedural", About(), spec=spec, direct=True)
    spec = replace(spec, path=spec.path.absolute())
    photo = _described(spec.path)
    return replace(photo, name=spec.address, kind="living", spec=_checked(spec, photo), direct=True)


def _checked(spec: PhotoSpec, photo: SkyFile) -> PhotoSpec:
    """The spec, if what its path shows can drift."""
    if photo.kind not in ("still", "living"):
        raise SkyError(f"{spec.path}: a {photo.kind} cannot be made to drift; a photo can")
    return spec


def _described(path: Path, *, forced: bool = False) -> SkyFile:
    if path.suffix == ".toml" and not forced:
        return _described_alone(path)
    ending = _KINDS.get(path.suffix.lower())
    if ending is None:
        raise SkyError(f"{path}: not a sky; known endings are {' '.join(_KINDS)}")
    description = path.with_suffix(".toml")
    about = load_part(description, About) if description.is_file() else About()
    if about.kind == "living" and ending == "still" and not forced:
        return SkyFile(path.stem, path, "living", about, spec=_spec_in(description, about, "living"))
    if about.kind not in (None, "panorama", ending):
        raise SkyError(f"{description}: kind: {path.name} is a {ending}, not a {about.kind}")
    if ending == "still" and about.kind is None and not forced:
        area = read_area(path)
        return SkyFile(path.stem, path, "still" if area is None else "panorama", about, area)
    if forced or about.kind == "panorama":
        area = read_area(path) if ending == "still" else None
        return SkyFile(path.stem, path, "panorama", about, area, forced)
    return SkyFile(path.stem, path, ending, about)


def _described_alone(description: Path) -> SkyFile:
    """The sky that a TOML file is by itself."""
    about = load_part(description, About)
    if about.kind not in ("living", "procedural"):
        raise SkyError(f"{description}: kind: only a living or procedural sky is a file of its own")
    return SkyFile(
        description.stem, description, about.kind, about, spec=_spec_in(description, about, about.kind)
    )


def _spec_in(description: Path, about: About, kind: str) -> Spec:
    """What the address in a TOML file says."""
    try:
        spec = parse_spec(about.address or "")
    except SkyError as error:
        raise SkyError(f"{description}: address: {error}") from error
    if spec is None or (kind == "living") != isinstance(spec, PhotoSpec):
        raise SkyError(f"{description}: address: {about.address!r} does not begin with {kind}:")
    if isinstance(spec, PhotoSpec):
        return replace(spec, path=description.parent / spec.path)
    return spec
