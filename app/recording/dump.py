"""Dumps: finished pictures and alphas as PNG files, one per frame."""

from pathlib import Path

import cv2

from app.colour import rgb_from_planes
from app.errors import RecordError
from app.frame import U8, Composited

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
        write_png(_numbered(self._folder, frame.index), rgb)

    def close(self) -> None:
        """Nothing is open between two pictures."""


class AlphaDump:
    """Writes final alphas as `folder`/000000.png and on, by frame index: 8 bits, 255 = sky."""

    def __init__(self, folder: Path) -> None:
        """Make the folder. Raises RecordError."""
        self._folder = _made(folder)

    def write(self, composited: Composited) -> None:
        """Write one alpha. Raises RecordError."""
        write_png(_numbered(self._folder, composited.frame.index), composited.tracked.alpha)

    def close(self) -> None:
        """Nothing is open between two alphas."""


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordError(f"{folder}: {error.strerror}") from error
    return folder


def _numbered(folder: Path, index: int) -> Path:
    return folder / f"{index:06d}.png"


def write_png(path: Path, picture: U8) -> None:
    """Write a picture, RGB (H, W, 3) or grey (H, W); the file gets its name when it is whole.

    Raises RecordError naming the file.
    """
    part = path.with_name(path.name + ".part")
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR) if picture.ndim == 3 else picture
    _, png = cv2.imencode(".png", bgr, _PNG)
    try:
        part.write_bytes(png.tobytes())
        part.replace(path)
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}") from error
