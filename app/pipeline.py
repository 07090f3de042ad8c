"""The threads: one for the source, one for each stage, one for each sink, with channels between them."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from app.channel import Channel
from app.frame import Composited, Frame

T = TypeVar("T", contravariant=True)


class Sink(Protocol[T]):
    """Takes finished pictures; `write` and `close` are called by one thread, `close` once, at the end."""

    def write(self, item: T, /) -> None:
        """Take one picture, or what was picked of it."""

    def close(self) -> None:
        """Finish what was begun; also called after a failure."""


def _whole(composited: Composited) -> Composited:
    return composited


@dataclass(frozen=True, slots=True)
class Outlet:
    """A sink and the channel before it. `pick` is called by the last stage's thread and takes of a finished
    picture what the sink needs, so that no more than that waits in the channel; None = not this one."""

    name: str
    sink: Sink[Any]
    channel: Channel[Any]
    pick: Callable[[Composited], Any] = _whole


Timer = Callable[[str, int], None]


class Pipeline:
    """Runs source, stages and sinks, each in a daemon thread named after it, until the source ends.

    The end of the source travels down the channels, so everything under way is finished first. The first
    error closes all channels, and `join` raises it with the name of its thread as a note. `measured` is
    called with a stage's name and the nanoseconds of each of its calls, by the stage's thread.
    """

    def __init__(
        self,
        frames: Iterable[Frame],
        stages: Sequence[tuple[str, Callable[[Any], Any]]],
        outlets: Sequence[Outlet],
        *,
        links: Sequence[Channel[Any]],
        measured: Timer,
    ) -> None:
        if len(links) != len(stages):
            raise ValueError(f"{len(stages)} stages need as many links before them, not {len(links)}")
        self._links = list(links)
        self._outlets = outlets
        self._measured = measured
        self._started = False
        self._error: Exception | None = None
        self._lock = threading.Lock()
        self._threads = [self._thread("capture", self._read, frames)]
        for position, (name, process) in enumerate(stages):
            packets, following = self._links[position], self._links[position + 1 : position + 2]
            hand_on = following[0].put if following else self._hand_out
            closing = following or [outlet.channel for outlet in outlets]
            self._threads.append(self._thread(name, self._work, name, process, packets, hand_on, closing))
        for outlet in outlets:
            self._threads.append(self._thread(outlet.name, self._write, outlet))

    def start(self) -> None:
        """Start all threads."""
        self._started = True
        for thread in self._threads:
            thread.start()

    def join(self, timeout_s: float | None = None) -> bool:
        """True when all is done, False when the time ran out first; raises the first error of any thread."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        if self._error is not None:
            raise self._error
        return not any(thread.is_alive() for thread in self._threads)

    def wait_ended(self) -> None:
        """Wait until all threads have ended, whatever came of them."""
        for thread in self._threads:
            thread.join()

    def stop(self, drain_s: float = 1.0, close_s: float = 0.8) -> bool:
        """Take no more frames, finish those under way for at most `drain_s`, drop the rest; close the sinks.

        True when all threads have ended. Returns within `drain_s + close_s` seconds: a reader that is blocked
        inside a decoder is left behind, as a daemon thread, to its own time-out. May be called again and from
        any thread.
        """
        if not self._started:
            for outlet in self._outlets:
                outlet.sink.close()
            return True
        self._links[0].close()
        workers = self._threads[1:]
        deadline = time.monotonic() + drain_s
        for thread in workers:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._close_all()
        deadline = time.monotonic() + close_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _thread(self, name: str, target: Callable[..., None], *args: Any) -> threading.Thread:
        return threading.Thread(target=self._guarded, args=(name, target, *args), name=name, daemon=True)

    def _guarded(self, name: str, target: Callable[..., None], *args: Any) -> None:
        try:
            target(*args)
        except Exception as error:  # the one place where a thread's failure is carried to the main thread
            with self._lock:
                if self._error is None:
                    error.add_note(f"in stage {name!r}")
                    self._error = error
            self._close_all()

    def _close_all(self) -> None:
        for channel in (*self._links, *(outlet.channel for outlet in self._outlets)):
            channel.close(discard=True)

    def _read(self, frames: Iterable[Frame]) -> None:
        for frame in frames:
            if not self._links[0].put(frame):
                break
        self._links[0].close()

    def _work(
        self,
        name: str,
        process: Callable[[Any], Any],
        packets: Channel[Any],
        hand_on: Callable[[Any], object],
        closing: Sequence[Channel[Any]],
    ) -> None:
        for packet in packets:
            started = time.perf_counter_ns()
            result = process(packet)
            self._measured(name, time.perf_counter_ns() - started)
            hand_on(result)
        for channel in closing:
            channel.close()

    def _hand_out(self, composited: Composited) -> None:
        for outlet in self._outlets:
            if (item := outlet.pick(composited)) is not None:
                outlet.channel.put(item)

    def _write(self, outlet: Outlet) -> None:
        try:
            for item in outlet.channel:
                started = time.perf_counter_ns()
                outlet.sink.write(item)
                self._measured(outlet.name, time.perf_counter_ns() - started)
        finally:
            outlet.sink.close()
