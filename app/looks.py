"""The looks there are: TOML files in the program's folder and the user's."""

import json
import logging
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.config import LOOKS, Look, Part, load_part
from app.errors import ConfigError
from app.user import user_folder, write_whole

log = logging.getLogger(__name__)

_LONGEST_NAME = 60
_RESERVED = re.compile(r"con|prn|aux|nul|(com|lpt)\d")  # names of devices on Windows, whatever their ending


@dataclass(frozen=True, slots=True)
class LookFile:
    """A look that is ready to be used."""

    name: str
    path: Path
    look: Look

    @property
    def title(self) -> str:
        """What the user reads."""
        return self.look.title or self.name.replace("_", " ").replace("-", " ").strip().capitalize()

    @property
    def ours(self) -> bool:
        """Whether it comes with the program, so that nothing may be saved under its name."""
        return self.path.parent == LOOKS


def look_folders() -> tuple[Path, Path]:
    """The program's folder of looks and the user's, which need not exist."""
    return LOOKS, user_folder() / "looks"


def list_looks(folders: Sequence[Path] | None = None) -> list[LookFile]:
    """All looks of the folders (default: `look_folders`), by name; of equal names the last folder's.

    A look whose file is wrong is left out, with a warning.
    """
    looks = []
    for name, path in sorted(_files(folders).items()):
        try:
            looks.append(LookFile(name, path, load_part(path, Look)))
        except ConfigError as error:
            log.warning("%s", error)
    return looks


def load_look(name_or_path: str, folders: Sequence[Path] | None = None) -> Look:
    """The look of that name in the folders (default: `look_folders`), or in the TOML file at that path.

    Raises ConfigError naming file, key and allowed range, or the looks there are.
    """
    files = _files(folders)
    path = files.get(name_or_path, Path(name_or_path).expanduser())
    if name_or_path not in files and path.suffix != ".toml":
        known = ", ".join(sorted(files))
        raise ConfigError(f"no look named {name_or_path!r}; there are: {known}, or the path of a .toml file")
    return load_part(path, Look)


def look_name(title: str) -> str:
    """The name, and the file's without its ending, of a look that the user calls `title`.

    Lower-case letters and digits of any script, joined by "_". Empty if the title has none.
    """
    letters = unicodedata.normalize("NFC", title).lower()
    words = "".join(letter if letter.isalnum() else " " for letter in letters).split()
    name = "_".join(words)[:_LONGEST_NAME].rstrip("_")
    return f"{name}_look" if _RESERVED.fullmatch(name) else name


def save_look(title: str, look: Look, folders: Sequence[Path] | None = None) -> Path:
    """The file of the user's folder (the last of `folders`) that now holds the look, under that title.

    A look that the user saved before under that name is replaced; one of the program's is not.
    Raises ConfigError for such a name, one without letters, and a file that cannot be written.
    """
    name = look_name(title)
    if not name:
        raise ConfigError(f"{title!r}: the name of a look needs a letter or digit")
    *ours, users = folders or look_folders()
    if any(_same(name, other) for other in _files(ours)):
        raise ConfigError(f"{title!r} is a look of the program; choose another name")
    path = users / f"{name}.toml"
    shown = "".join(letter for letter in title if letter.isprintable()).strip()
    try:
        write_whole(path, _toml(look.model_copy(update={"title": shown})))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    return path


def _files(folders: Sequence[Path] | None) -> dict[str, Path]:
    return {
        path.stem: path
        for folder in (look_folders() if folders is None else folders)
        if folder.is_dir()
        for path in folder.glob("*.toml")
    }


def _same(name: str, other: str) -> bool:
    return name.casefold() == other.casefold()  # as file systems of Windows and macOS see it


def _toml(look: Look) -> str:
    """Plain values first, then a table for each part."""
    values = {key: value for key, value in look if not isinstance(value, Part)}
    parts = {key: value for key, value in look if isinstance(value, Part)}
    text = _lines(values.items())
    for key, part in parts.items():
        text += f"\n[{key}]\n{_lines(part)}"
    return text


def _lines(values: Iterable[tuple[str, object]]) -> str:
    return "".join(f"{key} = {_toml_value(value)}\n" for key, value in values if value is not None)


def _toml_value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
