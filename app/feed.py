"""What happens to frames between the source and the first channel: limits and pace."""

import dataclasses
import threading
import time
from collections.abc import Iterable, Iterator
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
    `pause`, `resume` and `stop` may be called from any thread.
    """

    def __init__(self, *, live: bool) -> None:
        self._live = live
        self._stopped = threading.Event()
        self._running = threading.Event()
        self._running.set()

    @property
    def paused(self) -> bool:
        """Whether no frames are handed out just now."""
        return not self._running.is_set()

    def pause(self) -> None:
        """Hold the next frame back."""
        self._running.clear()

    def resume(self) -> None:
        """Go on; the time spent in between does not count."""
        self._running.set()

    def stop(self) -> None:
        """End the frames, also while one is being held back."""
        self._stopped.set()
        self._running.set()

    def paced(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The frames, each when it is due."""
        start_ns: int | None = None
        for frame in frames:
            media_ns = round(frame.seconds * 1e9)
            if self.paused:
                self._running.wait()
                start_ns = None
            now_ns = time.perf_counter_ns()
            if start_ns is None:
                start_ns = now_ns - media_ns
            due_ns = start_ns + media_ns
            if due_ns - now_ns > _LONGEST_WAIT_NS:
                start_ns, due_ns = now_ns - media_ns, now_ns
            if due_ns > now_ns:
                self._stopped.wait((due_ns - now_ns) / 1e9)
            elif not self._live:
                start_ns = now_ns - media_ns
            if self._stopped.is_set():
                return
            yield dataclasses.replace(frame, captured_ns=due_ns) if self._live else frame
