"""Where recordings and snapshots go: dated names that are free."""

from datetime import datetime
from pathlib import Path

from platformdirs import user_pictures_path, user_videos_path

from app.errors import SkyLiveError

_FOLDER = "SkyAR Live"


class FreeNames:
    """Names of files that are not there yet and were not given before; reads and makes folders."""

    def __init__(self) -> None:
        self._given: set[Path] = set()

    def recording(self, now: datetime) -> Path:
        """A name in the user's folder of videos; raises SkyLiveError where that cannot be made."""
        return self._free(user_videos_path() / _FOLDER, now, ".mkv")

    def picture(self, now: datetime) -> Path:
        """A name in the user's folder of pictures; raises SkyLiveError where that cannot be made."""
        return self._free(user_pictures_path() / _FOLDER, now, ".png")

    def _free(self, folder: Path, now: datetime, suffix: str) -> Path:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SkyLiveError(f"{folder}: {error.strerror}") from error
        stem = f"{now:%Y-%m-%d %H.%M.%S}"  # no colons: Windows allows none in names
        path, number = folder / f"{stem}{suffix}", 2
        while path in self._given or path.exists():
            path, number = folder / f"{stem} ({number}){suffix}", number + 1
        self._given.add(path)
        return path
