"""Files that become skies: films and pictures, each there when it is whole, and the TOML file beside one."""

import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import av
import cv2
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from app.errors import RecordError
from app.frame import U8, Colour, Planes
from app.recording.codings import Coding
from app.recording.h264 import EncoderError, Form, PictureEncoder, even
from app.recording.recorder import FORMATS

COLOUR = Colour(matrix="bt709", primaries=1, transfer=1)
"""Of films that are made from RGB pictures."""
PICTURES = (".jpg", ".jpeg", ".png")
"""Endings of pictures, as which a sky that stands still may be written."""
FILMS = tuple(FORMATS)
"""Endings of films."""

# One quantiser for all pictures: otherwise each key frame, and a loop begins with one, is seen as a jerk of
# what stands still.
_CODING = Coding("libx264", {"preset": "medium", "qp": "12", "x264-params": "ipratio=1.0:pbratio=1.0"})
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 94]
_MOST_WORKERS = 4

Said = Mapping[str, str | float | bool | tuple[float, float]]
"""Keys and values of a sky's TOML file."""

T = TypeVar("T")
A = TypeVar("A")


class Film:
    """An H.264 film at one rate, a context: it gets its name once all of it is written, and on errors none.

    frames: how many it has so far.
    """

    def __init__(
        self, path: Path, size_wh: tuple[int, int], fps: Fraction, colour: Colour = COLOUR, *, force: bool
    ) -> None:
        """The last column and row of odd sizes are cropped. Raises RecordError naming the file."""
        check_free(path, FILMS, force=force)
        if 0 in even(size_wh):
            raise RecordError(f"{path}: a picture of {size_wh[0]}x{size_wh[1]} cannot be recorded")
        self.frames = 0
        self._path, self._part = path, _part_of(path)
        self._colour = colour
        self._said: Said = {}
        try:
            self._container: OutputContainer = av.open(
                f"file:{self._part}",
                "w",
                format=FORMATS[path.suffix.lower()],
                container_options={"movflags": "faststart"} if path.suffix.lower() != ".mkv" else {},
            )
        except FFmpegError as error:
            raise RecordError(f"{path}: {error.strerror}") from error
        try:
            self._encoder = PictureEncoder(self._container, Form(size_wh, 1 / fps, fps, colour), _CODING)
            self._container.start_encoding()
        except (EncoderError, FFmpegError) as error:
            self._give_up()
            raise RecordError(f"{path}: {getattr(error, 'strerror', None) or error}") from error

    def write(self, planes: Planes) -> None:
        """Add a picture of the film's size and colour. Raises RecordError naming the file."""
        try:
            self._mux(self._encoder.encode(planes, self.frames))
        except (EncoderError, FFmpegError, OSError) as error:
            raise RecordError(f"{self._path}: {getattr(error, 'strerror', None) or error}") from error
        self.frames += 1

    def say(self, said: Said) -> None:
        """Have these keys in a TOML file beside the film."""
        self._said = said

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._give_up()
            return
        try:
            self._mux(self._encoder.flush())
            self._container.close()
            if self._said:
                write_toml(self._path, self._said)
            self._part.replace(self._path)
        except (EncoderError, FFmpegError, OSError) as failure:
            self._give_up()
            raise RecordError(f"{self._path}: {getattr(failure, 'strerror', None) or failure}") from failure

    def _mux(self, packets: "list[Packet[VideoStream]]") -> None:
        for packet in packets:
            # The container cannot tell how long the last picture is shown.
            packet.duration = self._encoder.frame_ticks
            self._container.mux_one(packet)

    def _give_up(self) -> None:
        with suppress(FFmpegError):
            self._container.close()
        self._part.unlink(missing_ok=True)


def write_picture(path: Path, rgb: U8, *, force: bool) -> None:
    """Write a picture, RGB, uint8 (H, W, 3), as its ending says. Raises RecordError naming the file."""
    check_free(path, PICTURES, force=force)
    options = [] if path.suffix.lower() == ".png" else _JPEG
    _, data = cv2.imencode(path.suffix.lower(), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    _write_whole(path, data.tobytes())


def write_toml(path: Path, said: Said) -> None:
    """Write what is said of the sky in `path` beside it. Raises RecordError naming the file."""
    lines = [f"{key} = {_toml(value)}\n" for key, value in said.items()]
    _write_whole(path.with_suffix(".toml"), "".join(lines).encode())


def check_free(path: Path, endings: Iterable[str], *, force: bool) -> None:
    """Raises RecordError for another ending and, unless `force` is set, for a file that is there.

    So it does for the TOML file that would say something of it.
    """
    if path.suffix.lower() not in endings:
        raise RecordError(f"{path}: is to be named {', '.join('*' + ending for ending in endings)}")
    for file in (path, path.with_suffix(".toml")):
        if file.exists() and not force:
            raise RecordError(f"{file}: exists; --force writes over it")


def made_ahead(make: Callable[[A], T], of: Iterable[A]) -> Iterator[T]:
    """What `make` gives for each, in order, made by a thread for each core, of which at most four."""
    workers = min(_MOST_WORKERS, os.cpu_count() or 1)
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="pictures") as pool:
        try:
            for item in of:
                waiting.append(pool.submit(make, item))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _part_of(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _write_whole(path: Path, data: bytes) -> None:
    part = _part_of(path)
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise RecordError(f"{path}: {error.strerror}") from error


def _toml(value: str | float | bool | tuple[float, float]) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, float):
        return repr(round(value, 5))
    # A string of JSON is one of TOML; so are true and false.
    return json.dumps(value, ensure_ascii=False)
