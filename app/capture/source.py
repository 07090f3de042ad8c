"""What every source of frames is, whatever it reads."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from app.frame import Colour, Frame
from app.sound_feed import SoundFeed


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What is known of a source once it is open.

    `size_wh` is the size of all its frames, upright. `time_base` is the unit of their pts, in seconds. `fps`
    is nominal: the pts may be spaced unevenly. `frames` is an estimate for a progress bar, None = unknown.
    `sound` is the file or feed whose sound belongs to the frames, on the same clock; None = no sound.
    `fov_deg` is the width of the camera's view as the source states it, None = unknown.
    `live`: frames come when they come, whether anybody takes them or not, as from a camera.
    """

    name: str
    size_wh: tuple[int, int]
    time_base: Fraction
    fps: Fraction
    frames: int | None
    colour: Colour
    sound: Path | SoundFeed | None
    live: bool = False
    fov_deg: float | None = None


class Source(Protocol):
    """Frames of one size and colour whose pts increase, iterated once.

    Whoever iterates it closes it, or waits until the iteration has ended: closing must not meet reading. A
    live source may be closed from any thread at any time, which ends the iteration soon.
    """

    @property
    def info(self) -> SourceInfo:
        """What is known of the source; does not change."""

    @property
    def repaired_pts(self) -> int:
        """Time stamps replaced so far because they were missing or did not increase."""

    @property
    def broken(self) -> int:
        """Frames skipped so far because they could not be decoded."""

    @property
    def rescaled(self) -> int:
        """Frames so far that came in another size than the first and were scaled to it."""

    @property
    def trouble(self) -> str:
        """Why no frames come just now, in one line, while the source tries again; empty when all is well."""

    @property
    def reconnects(self) -> int:
        """How often so far a live source was lost and found again."""

    def __iter__(self) -> Iterator[Frame]:
        """The frames. Raises CaptureError when the source fails on the way."""

    def close(self) -> None:
        """Release the source; frames already handed out stay valid. May be called twice."""

    def __enter__(self) -> Self:
        """The source."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Close it."""


@runtime_checkable
class Seekable(Source, Protocol):
    """A source that can go on at another time than the next."""

    @property
    def span_s(self) -> tuple[float, float] | None:
        """First and last time that can be sought, in seconds of the source's clock; None = it cannot."""

    def seek(self, seconds: float) -> None:
        """Go on at that time, with a jump in the pts. Called between two frames, by whoever iterates."""
