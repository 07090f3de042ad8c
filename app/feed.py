"""What happens to frames between the source and the first channel: limits, pace, jumps."""

import dataclasses
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

from app.frame import Frame


def limited(frames: Iterable[Frame], count: int | None, duration_s: float | None) -> Iterator[Frame]:
    """The frames up to a count and up to a time since the first one, in seconds, exclusive."""
    limit = None if duration_s is None else Fraction(duration_s).limit_denominator(1_000_000)
    first_pts: int | None = None
    for taken, frame in enumerate(frames, start=1):
        first_pts = frame.pts if first_pts is None else first_pts
        if limit is not None and (frame.pts - first_pts) * frame.time_base >= limit:
            return
        yield frame
        if taken == count:
            return


_LONGEST_WAIT_NS = 10_000_000_000
"""A hole in the time stamps that is longer than this is passed over: nobody waits an hour for a picture."""


class Pacer:
    """Hands frames out when they are due by their pts.

    Live, a frame is handed out at its due time, however late the last one was, and `captured_ns` becomes
    that time. Otherwise the clock waits for whoever takes the frames, as a player does with a file.
    `pause`, `resume`, `seek` and `stop` may be called from any thread.
    """

    def __init__(self, *, live: bool, seek: Callable[[float], None]) -> None:
        """seek: the source's; called between two frames by the thread that takes the frames."""
        self._live = live
        self._seek = seek
        self._changed = threading.Condition()
        self._paused = False
        self._stopped = False
        self._sought_s: float | None = None

    @property
    def paused(self) -> bool:
        """Whether no frames are handed out just now."""
        return self._paused

    def pause(self) -> None:
        """Hold the next frame back."""
        with self._changed:
            self._paused = True

    def resume(self) -> None:
        """Go on; the time spent in between does not count."""
        with self._changed:
            self._paused = False
            self._changed.notify_all()

    def seek(self, seconds: float) -> None:
        """Go on at this time of the source; while paused its frame there is handed out, and no more."""
        with self._changed:
            self._sought_s = seconds
            self._changed.notify_all()

    def stop(self) -> None:
        """End the frames, also while one is being held back."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def paced(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The frames, each when it is due."""
        start_ns: int | None = None
        at_once = False
        for frame in frames:
            media_ns = round(frame.seconds * 1e9)
            if not at_once and self._held():
                start_ns = None
            now_ns = time.perf_counter_ns()
            if start_ns is None or at_once:
                start_ns, at_once = now_ns - media_ns, False
            due_ns = start_ns + media_ns
            if due_ns - now_ns > _LONGEST_WAIT_NS:
                start_ns, due_ns = now_ns - media_ns, now_ns
            if due_ns > now_ns:
                self._wait((due_ns - now_ns) / 1e9)
            elif not self._live:
                start_ns = now_ns - media_ns
            if self._stopped:
                return
            if (sought_s := self._take_sought()) is not None:
                self._seek(sought_s)
                at_once = True  # instead of this frame, which belongs to the place before
                continue
            yield dataclasses.replace(frame, captured_ns=due_ns) if self._live else frame

    def _held(self) -> bool:
        """Wait while paused and nothing else is asked; True if that took time."""
        with self._changed:
            held = self._paused
            self._changed.wait_for(lambda: not self._paused or self._stopped or self._sought_s is not None)
            return held

    def _wait(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._sought_s is not None, seconds)

    def _take_sought(self) -> float | None:
        with self._changed:
            sought, self._sought_s = self._sought_s, None
            return sought
