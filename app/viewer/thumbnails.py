"""Small pictures of skies, made in a thread of their own and kept on disk."""

import hashlib
import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from platformdirs import user_cache_path

from app.camera import Camera, first_view
from app.colour import rgb_from_planes
from app.errors import SkyError
from app.frame import U8, Colour
from app.sky.library import SkyFile, open_sky

log = logging.getLogger(__name__)

SIZE_WH = 480, 270
"""16:9, sharp on a card of 240 pixels at scale factor 2."""
_COLOUR = Colour(full_range=True, siting="center")
_VIEW = first_view(Camera.from_fov(SIZE_WH, 60))
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 90]


class Thumbnails:
    """Pictures of skies as frames would see them at the start, RGB uint8 (270, 480, 3).

    Asked for and taken by one thread; the thread that makes them lives while there is something to make.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Keep the pictures in this folder (default: the user's cache)."""
        self._folder = folder or user_cache_path("skyar-live", appauthor=False) / "thumbnails"
        # What follows is shared with the thread, under `_lock`.
        self._lock = threading.Lock()
        self._wanted: deque[SkyFile] = deque()
        self._made: list[tuple[Path, U8 | None]] = []
        self._thread: threading.Thread | None = None

    def ask(self, skies: Sequence[SkyFile]) -> None:
        """Make the pictures of these skies, in this order, and no others that are not begun."""
        with self._lock:
            self._wanted = deque(skies)
            if self._wanted and self._thread is None:
                self._thread = threading.Thread(target=self._make, name="thumbnails", daemon=True)
                self._thread.start()

    def take(self) -> list[tuple[Path, U8 | None]]:
        """(the sky's path, its picture) of those made since the last call; None: it cannot be opened."""
        with self._lock:
            made, self._made = self._made, []
            return made

    @property
    def busy(self) -> bool:
        """Whether there is something to take, now or later."""
        with self._lock:
            return self._thread is not None or bool(self._made)

    def _make(self) -> None:
        if sys.platform == "linux":  # there a thread has a priority of its own; the pictures shown go first
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 5)
        while True:
            with self._lock:
                if not self._wanted:
                    self._thread = None
                    return
                sky = self._wanted.popleft()
            picture = self._picture(sky)
            with self._lock:
                self._made.append((sky.path, picture))

    def _picture(self, sky: SkyFile) -> U8 | None:
        try:
            kept = self._kept(sky)
            if (picture := _read(kept)) is None:
                picture = _drawn(sky)
                _keep(picture, kept)
        except (SkyError, OSError) as error:
            log.debug("no thumbnail: %s", error)
            return None
        except Exception:  # one sky must not cost the others their pictures
            log.warning("%s: no thumbnail", sky.path, exc_info=True)
            return None
        return picture

    def _kept(self, sky: SkyFile) -> Path:
        """Where the picture is kept: the name changes with the sky's file, and with what is said of it."""
        status = sky.path.stat()
        place = hashlib.sha256(os.fsencode(sky.path.absolute())).hexdigest()[:24]
        state = f"{status.st_mtime_ns}-{status.st_size}-{sky.kind}-{sky.about.model_dump_json()}-{SIZE_WH}"
        return self._folder / f"{place}-{hashlib.sha256(state.encode()).hexdigest()[:16]}.jpg"


def _drawn(sky: SkyFile) -> U8:
    opened = open_sky(sky, SIZE_WH, _COLOUR, None)
    try:
        return rgb_from_planes(opened.render(0.0, _VIEW, (0, SIZE_WH[1])).planes, _COLOUR)
    finally:
        opened.close()


def _read(path: Path) -> U8 | None:
    """The picture that is kept there; None if there is none, or none that is whole."""
    try:
        encoded = np.fromfile(path, np.uint8)
        picture = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB) if encoded.size else None
    except (OSError, cv2.error):
        return None
    fits = picture is not None and picture.shape == (SIZE_WH[1], SIZE_WH[0], 3)
    return np.asarray(picture, np.uint8) if fits else None


def _keep(picture: U8, path: Path) -> None:
    """Write the picture, in place of those of the file's earlier states; that it cannot be is no error."""
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), _JPEG)
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for old in path.parent.glob(f"{path.name.partition('-')[0]}-*.jpg"):
            old.unlink(missing_ok=True)
        part.write_bytes(encoded.tobytes())
        part.replace(path)
    except OSError as error:
        log.debug("thumbnail not kept: %s", error)
        with suppress(OSError):
            part.unlink(missing_ok=True)
