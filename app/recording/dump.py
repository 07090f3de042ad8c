"""Dumps: finished pictures and alphas as PNG files, one per frame."""

from pathlib import Path

import cv2
from cv2.typing import MatLike

from app.colour import rgb_from_planes
from app.errors import RecordError
from app.frame import Composited

# zlib's fastest level: a dump is read once and thrown away.
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]


class FrameDump:
    """Writes finished pictures as `folder`/000000.png and on, by frame index: RGB at the frame's size."""

    def __init__(self, folder: Path) -> None:
        """Make the folder. Raises RecordError."""
        self._folder = _made(folder)

    def write(self, composited: Composited) -> None:
        """Write one picture. Raises RecordError."""
        frame = composited.frame
        rgb = rgb_from_planes(composited.planes, frame.colour)
        _write_png(self._folder, frame.index, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))

    def close(self) -> None:
        """Nothing is open between two pictures."""


class AlphaDump:
    """Writes final alphas as `folder`/000000.png and on, by frame index: 8 bits, 255 = sky."""

    def __init__(self, folder: Path) -> None:
        """Make the folder. Raises RecordError."""
        self._folder = _made(folder)

    def write(self, composited: Composited) -> None:
        """Write one alpha. Raises RecordError."""
        _write_png(self._folder, composited.frame.index, composited.tracked.alpha)

    def close(self) -> None:
        """Nothing is open between two alphas."""


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordError(f"{folder}: {error.strerror}") from error
    return folder


def _write_png(folder: Path, index: int, picture: MatLike) -> None:
    """Encode under a name ending in .part and rename, so that a .png is always whole."""
    path = folder / f"{index:06d}.png"
    part = path.with_name(path.name + ".part")
    _, png = cv2.imencode(".png", picture, _PNG)
    try:
        part.write_bytes(png.tobytes())
        part.replace(path)
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}") from error
