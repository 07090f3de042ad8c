"""What the user chose, kept from one run to the next in the user's own folder."""

import logging
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from platformdirs import user_config_path
from pydantic import AfterValidator, ConfigDict, Field, ValidationError

from app.addresses import without_credentials
from app.config import Look, Part, Placement, Share
from app.errors import ConfigError

log = logging.getLogger(__name__)

View = Literal["result", "original", "alpha", "tracking", "split"]

_MOST_SOURCES = 10
_MOST_PLACEMENTS = 200


def _recent(sources: Iterable[str]) -> tuple[str, ...]:
    known = dict.fromkeys(without_credentials(source) for source in sources if _can_be_written(source))
    return tuple(known)[:_MOST_SOURCES]


def _newest(placements: dict[str, Placement]) -> dict[str, Placement]:
    known = [(name, placement) for name, placement in placements.items() if _can_be_written(name)]
    return dict(known[-_MOST_PLACEMENTS:])


def _can_be_written(name: str | Path) -> bool:
    """Whether a file's name is text; on Linux it may be any bytes, which JSON cannot hold."""
    try:
        str(name).encode()
    except UnicodeEncodeError:
        return False
    return True


N = TypeVar("N", str, Path)


def _written(name: N | None) -> N | None:
    return name if name is not None and _can_be_written(name) else None


Name = Annotated[str | None, AfterValidator(_written)]
Folder = Annotated[Path | None, AfterValidator(_written)]


class Settings(Part):
    """The user's choices; defaults are those of a first start."""

    # Bytes are Base64 in the file.
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    sky: Name = Field(None, description="name or path of the sky shown last")
    look_name: Name = Field(None, description="name of the look chosen last")
    look: Look | None = Field(None, description="its values, as the user changed them")
    placements: Annotated[dict[str, Placement], AfterValidator(_newest)] = Field(
        {}, description="where the user put skies, by their names; the last two hundred are kept"
    )
    view: View = "result"
    split_x: Share = Field(0.5, description="the split view's divider, as a share of the picture's width")
    recent: Annotated[tuple[str, ...], AfterValidator(_recent)] = Field(
        (), description="sources, newest first, each once, without credentials; the first ten are kept"
    )
    open_folder: Folder = Field(None, description="where a file was opened last")
    geometry: bytes = Field(b"", description="the window's place and size, as Qt saves it")
    gallery_shown: bool = True
    look_panel_shown: bool = True
    statistics_shown: bool = False
    show_seconds: float = Field(10.0, ge=1, le=3600, description="seconds of each sky in the show mode")

    def opened(self, source: str) -> "Settings":
        """The settings after a source was opened: it is the newest of the recent ones."""
        return self.model_copy(update={"recent": _recent([source, *self.recent])})


def user_folder() -> Path:
    """The user's folder of settings and looks, which need not exist."""
    return user_config_path("skyar-live", appauthor=False)


def load_settings(path: Path | None = None) -> Settings:
    """The settings kept in a file (default: settings.json in `user_folder`); without one, the defaults.

    A file that is broken, or of another version, is set aside under another name, with a warning.
    """
    path = path or _settings_path()
    try:
        return Settings.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        log.warning("%s: %s; defaults are used", path, error.strerror)
        return Settings()
    except ValidationError as error:
        aside = path.with_suffix(".broken.json")
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = f"{where}: {first['msg']}" if where else first["msg"]
    try:
        path.replace(aside)
    except OSError as error:
        log.warning("%s: cannot be used (%s) nor set aside: %s", path, reason, error.strerror)
    else:
        log.warning("%s: cannot be used (%s); kept as %s, defaults are used", path, reason, aside.name)
    return Settings()


def save_settings(settings: Settings, path: Path | None = None) -> None:
    """Keep the settings (default: settings.json in `user_folder`): written whole, or not at all.

    Raises ConfigError naming a file that cannot be written.
    """
    path = path or _settings_path()
    checked = Settings.model_validate(settings.model_dump())  # a copy with changes was not checked yet
    try:
        write_whole(path, checked.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error


def write_whole(path: Path, text: str) -> None:
    """Write a text file, UTF-8, making its folder: readers see the old file or the new one, never a part.

    Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(".part", f".{path.name}.", path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as part:
            part.write(text)
            part.flush()
            os.fsync(handle)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _settings_path() -> Path:
    return user_folder() / "settings.json"
