"""The user's own files as skies: looked at first, then copied into the user's folder."""

import filecmp
import json
import os
import shutil
import stat
import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, count
from pathlib import Path

from app.errors import ConfigError, SkyError
from app.frame import Colour
from app.sky.library import SkyFile, find_sky, open_sky, sky_folders
from living.specs import PhotoSpec

_MOST_MB = 256
_MOST_MB_OF_VIDEOS = 2048
_MOST_PIXELS = 1 << 28
"""16384x16384, the most that a WebP file can hold: 0.8 GB decoded."""
_LONGEST_NAME = 150
"""Bytes; file systems take 255, a number and the ending included."""
_TRIAL_WH = 64, 36


def add_sky(path: Path, folders: Sequence[Path] | None = None) -> SkyFile:
    """The sky's copy in the user's folder, which is the last of `folders` (default: `sky_folders`).

    It is opened first, decoding one picture, and copied under a name that no sky of any folder has, together
    with its description if a TOML file lies beside it. A file that is in the user's folder already is not
    copied again. Takes up to some seconds.
    Raises SkyError naming a file that is no sky, is damaged or too large, or cannot be copied.
    """
    folders = sky_folders() if folders is None else folders
    users = folders[-1]
    sky = _checked(path.absolute())
    _try(sky)
    described = sky.path.with_suffix(".toml")
    with _copying(path, users):
        own = _twin(sky.path, users)
        if own is None or find_sky(str(own)).kind != sky.kind:  # a copy that drifts is another sky
            own = _copied(
                sky,
                users,
                _taken(folders),
                (lambda _: described.read_bytes()) if described.is_file() else None,
            )
    return find_sky(str(own))


def add_living(spec: PhotoSpec, folders: Sequence[Path] | None = None) -> SkyFile:
    """A copy of a photo in the user's folder, as `add_sky`, that is a sky which drifts as the spec says.

    Raises SkyError, too, for a photo without sky.
    """
    folders = sky_folders() if folders is None else folders
    users = folders[-1]
    spec = replace(spec, path=spec.path.absolute())
    photo = _checked(spec.path)
    _try(find_sky(spec.address))

    def description(copy: Path) -> bytes:
        address = replace(spec, path=Path(copy.name)).address
        title = f"{photo.title}, living"
        values = {"kind": "living", "title": title, "address": address}
        lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())
        return "".join(lines).encode(errors="replace")

    with _copying(spec.path, users):
        own = _copied(photo, users, _taken(folders), description)
    return find_sky(str(own))


@contextmanager
def _copying(path: Path, users: Path) -> Iterator[None]:
    try:
        users.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise SkyError(f"{path}: cannot be copied into {users}: {error.strerror}") from error


def _try(sky: SkyFile) -> None:
    """Open a sky, decoding one picture."""
    open_sky(sky, _TRIAL_WH, Colour(), None).close()


def _checked(path: Path) -> SkyFile:
    """The sky at that path, if it is not too large to be opened."""
    try:
        status = path.stat()
    except OSError as error:
        raise SkyError(f"{path}: {error.strerror}") from error
    if stat.S_ISDIR(status.st_mode):
        raise SkyError(f"{path}: is a folder, not a picture or video")
    if not stat.S_ISREG(status.st_mode):
        raise SkyError(f"{path}: is not a file")
    try:
        sky = find_sky(str(path))
    except ConfigError as error:
        raise SkyError(f"{path}: its description is wrong: {error}") from error
    if not status.st_size:
        raise SkyError(f"{path}: is empty")
    if sky.path.suffix == ".toml":
        raise SkyError(f"{path}: not a picture or video")
    most = _MOST_MB_OF_VIDEOS if sky.moving else _MOST_MB
    if status.st_size > most << 20:
        size = status.st_size / (1 << 20)
        raise SkyError(f"{path}: is too large: {size:.0f} MB; a {sky.kind} may have {most} MB")
    width, height = _declared_wh(path)
    if width * height > _MOST_PIXELS:
        raise SkyError(
            f"{path}: is too large: {width}x{height} pixels; at most {_MOST_PIXELS / 1e6:.0f} million"
        )
    return sky


def _declared_wh(path: Path) -> tuple[int, int]:
    """(width, height) that a PNG or JPEG file says it has; (0, 0) for other files.

    Read before decoding, as a small file may unfold into more than the memory holds.
    """
    try:
        with path.open("rb") as file:
            head = file.read(24)
            if head.startswith(b"\x89PNG") and len(head) == 24:
                width, height = struct.unpack(">16xII", head)
                return width, height
            if head.startswith(b"\xff\xd8"):
                file.seek(2)
                while len(segment := file.read(9)) == 9 and segment[0] == 0xFF:
                    kind, length, height, width = struct.unpack(">xBHxHH", segment)
                    if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):  # a start of frame
                        return width, height
                    file.seek(length + 2 - len(segment), os.SEEK_CUR)
    except OSError as error:
        raise SkyError(f"{path}: {error.strerror}") from error
    return 0, 0


def _twin(path: Path, folder: Path) -> Path | None:
    """The file of the folder with equal content and ending, if there is one."""
    for other in sorted(folder.iterdir()):
        same_kind = other.suffix.lower() == path.suffix.lower() and other.is_file()
        if same_kind and not other.name.startswith(".") and filecmp.cmp(path, other, shallow=False):
            return other
    return None


def _taken(folders: Sequence[Path]) -> set[str]:
    """Names that another sky would hide, or that would get another sky's description."""
    files = chain.from_iterable(folder.iterdir() for folder in folders if folder.is_dir())
    return {file.stem.casefold() for file in files}


def _copied(sky: SkyFile, folder: Path, taken: set[str], description: Callable[[Path], bytes] | None) -> Path:
    """The path of a whole copy, under a free name, beside what is said of it once its path is known."""
    suffix = sky.path.suffix.lower()
    handle, part = tempfile.mkstemp(".part", ".adding-", folder)
    os.close(handle)
    made: list[Path] = []
    try:
        shutil.copyfile(sky.path, part)
        targets = (folder / f"{name}{suffix}" for name in _names(sky.name) if name.casefold() not in taken)
        made.append(next(filter(_claimed, targets)))
        if description is not None:
            made.append(made[0].with_suffix(".toml"))
            made[1].write_bytes(description(made[0]))
        return Path(part).replace(made[0])
    except BaseException:
        for path in (*made, Path(part)):
            path.unlink(missing_ok=True)
        raise


def _names(name: str) -> Iterator[str]:
    """The name, made fit for a file, and then the same with numbers."""
    printable = "".join(letter for letter in name if letter.isprintable()).strip(". ")
    base = printable.encode()[:_LONGEST_NAME].decode(errors="ignore") or "sky"
    yield base
    for number in count(2):
        yield f"{base}_{number}"


def _claimed(path: Path) -> bool:
    """Whether the path was free; now there is an empty file."""
    try:
        path.open("xb").close()
    except FileExistsError:
        return False
    return True
