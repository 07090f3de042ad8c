"""Folders and globs of pictures, and single pictures, as sources of frames."""

import logging
import re
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Self, cast

import av

from app.capture.convert import Converter, quarter_turn
from app.capture.source import SourceInfo
from app.errors import CaptureError
from app.frame import Frame

log = logging.getLogger(__name__)

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}

# First bytes of a file and the decoder for it: names are often wrong.
_DECODERS = (
    (re.compile(rb"\xff\xd8"), "mjpeg"),
    (re.compile(rb"\x89PNG"), "png"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "webp"),
    (re.compile(rb"BM"), "bmp"),
    (re.compile(rb"II\*\x00|MM\x00\*"), "tiff"),
)


class Pictures:
    """Picture files as frames, in the order given; pts counts the files, those that are skipped included.

    A file that cannot be read is skipped and counted.
    """

    trouble = ""
    reconnects = 0

    def __init__(self, name: str, paths: Sequence[Path], size_wh: tuple[int, int] | None, fps: float) -> None:
        """Read the first picture; raises CaptureError if none can be read or the size is not supported."""
        self.broken = 0
        self.repaired_pts = 0
        read = self._read(paths)
        first = next(read, None)
        if first is None:
            what = "cannot be read as a picture" if len(paths) == 1 else "none of its pictures can be read"
            raise CaptureError(f"{name}: {what}")
        self._pictures = chain([first], read)
        # All still formats mean the centre: JPEG and WebP by definition, RGB by the way it is converted.
        number, picture = first
        self._converter = Converter(
            str(paths[number]), picture, quarter_turn(picture), "center", Fraction(1), size_wh
        )
        rate = Fraction(fps).limit_denominator(1001)
        self.info = SourceInfo(
            name=name,
            size_wh=self._converter.size_wh,
            time_base=1 / rate,
            fps=rate,
            frames=len(paths),
            colour=self._converter.colour,
            sound=None,
        )

    @property
    def rescaled(self) -> int:
        """Pictures that came in another size than the first."""
        return self._converter.rescaled

    def __iter__(self) -> Iterator[Frame]:
        """The frames."""
        for index, (number, picture) in enumerate(self._pictures):
            captured_ns = time.perf_counter_ns()
            planes = self._converter.planes(picture, quarter_turn(picture))
            yield Frame(planes, index, number, self.info.time_base, self.info.colour, captured_ns)

    def close(self) -> None:
        """Nothing is held open between pictures."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, paths: Sequence[Path]) -> Iterator[tuple[int, av.VideoFrame]]:
        for number, path in enumerate(paths):
            try:
                yield number, read_picture(path)
            except CaptureError as error:
                self.broken += 1
                log.warning("skipped: %s", error)


def find_pictures(folder: Path) -> list[Path]:
    """The pictures in a folder in natural order (img2 before img10); hidden files are left out."""
    return natural_order(folder.iterdir())


def natural_order(paths: Iterator[Path]) -> list[Path]:
    """Those of the paths that are named like pictures, numbers in their names ordered by value."""
    pictures = (
        path
        for path in paths
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    return sorted(pictures, key=_natural)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort key: runs of digits compare by value; the text itself breaks ties (01, 1)."""
    parts = re.findall(r"\d+|\D+", str(path))
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts] + [(-1, str(path))]


def read_picture(path: Path) -> av.VideoFrame:
    """The decoded picture as it is stored. Raises CaptureError naming the file."""
    try:
        data = path.read_bytes()
        codec = next((name for start, name in _DECODERS if start.match(data)), None)
        if codec is None:
            raise CaptureError(f"{path}: not a picture (jpg, png, webp, bmp or tif)")
        decoder = cast(av.VideoCodecContext, av.CodecContext.create(codec, "r"))
        decoder.thread_count = 1
        frames = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
    except OSError as error:
        raise CaptureError(f"{path}: {error.strerror}") from error
    except av.FFmpegError as error:
        raise CaptureError(f"{path}: cannot be decoded as a picture") from error
    if not frames or frames[0].is_corrupt:
        raise CaptureError(f"{path}: cannot be decoded as a picture")
    return frames[0]
