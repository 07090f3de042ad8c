"""Moments of a sky that take long to make: made ahead in the background, and faded from one to the next."""

import math
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K")

_NICE = 5
_CLOSE_S = 2.0


class Shown(NamedTuple, Generic[K]):
    """What is shown: `share` of the key `then`, the rest of `now`; `then` is None where one is alone."""

    now: K
    then: K | None
    share: float


@dataclass(frozen=True, slots=True)
class _Made(Generic[K]):
    """A key, its time, and the time in which the one before it fades into it."""

    key: K
    seconds: float
    begin: float = -math.inf
    end: float = -math.inf


class Keys(Generic[K]):
    """Keys at multiples of `period_s`, made one after the other by a thread of their own.

    patient: whoever asks waits for the keys before and after a time, so that equal times show equal pictures
    however fast keys are made. Otherwise nobody waits: keys that cannot be ready in time are left out, and
    the last one stays until the next one comes; the thread's priority is low. The first key is made at once,
    by whoever makes this.
    """

    def __init__(self, make: Callable[[float], K], period_s: float, *, patient: bool, name: str) -> None:
        """make: the key of a time, in seconds; called by one thread at a time. name: the thread's."""
        self._make = make
        self._period = period_s
        self._patient = patient
        self._cost = 0.0  # seconds that the last key took
        # From here on: what the asking and the making thread share, under `_changed`.
        self._changed = threading.Condition()
        self._due = 0.0
        self._version = 0
        self._stale = False  # whether there is no key yet of what `renew` told of
        self._error: BaseException | None = None
        self._closed = False
        self._made = [_Made(self._timed(0.0), 0.0)]
        self._shown: Shown[K] = Shown(self._made[0].key, None, 0.0)
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    @property
    def shown(self) -> Shown[K]:
        """What `at` said last; at the start, the first key."""
        return self._shown

    def at(self, seconds: float, fits: Callable[[K], bool]) -> Shown[K]:
        """What is shown at a time. Raises what the making of a key raised.

        fits: whether a key can be shown now; others are made anew, and the patient wait for those.
        """
        with self._changed:
            self._due = seconds
            if self._thread.ident is None and not self._closed:
                self._thread.start()
            self._follow_jump()
            self._changed.notify_all()
            if self._patient:
                self._await_keys(seconds, fits)
            elif not self._stale and not fits(self._made[-1].key):
                self._forget(seconds)
            if self._error is not None:
                raise self._error
            self._pass(seconds)
            if self._made:  # else it was closed meanwhile
                self._shown = self._between(seconds)
            return self._shown

    def renew(self) -> None:
        """What keys are made from has changed: fade to one of the new as soon as it is there."""
        with self._changed:
            self._forget(self._due)
            self._changed.notify_all()

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(_CLOSE_S)

    def _await_keys(self, seconds: float, fits: Callable[[K], bool]) -> None:
        while True:
            self._changed.wait_for(lambda: self._closed or (self._made and self._made[-1].end > seconds))
            self._pass(seconds)
            if self._closed or all(fits(made.key) for made in self._made[:2]):
                return
            self._forget(seconds)
            self._changed.notify_all()

    def _pass(self, seconds: float) -> None:
        """Let go of the keys that are over."""
        while len(self._made) > 1 and self._made[1].end <= seconds:
            del self._made[0]

    def _between(self, seconds: float) -> Shown[K]:
        if len(self._made) == 1:
            return Shown(self._made[0].key, None, 0.0)
        now, then = self._made[:2]
        share = (seconds - then.begin) / (then.end - then.begin)
        return Shown(now.key, then.key, min(max(share, 0.0), 1.0))

    def _follow_jump(self) -> None:
        """After a jump in time keys are made anew; forward, nobody but the patient notices it."""
        made, due = self._made, self._due
        if not made:
            return
        if self._patient and not made[0].seconds <= due <= made[-1].seconds + 2 * self._period:
            self._forget(due)
        elif not self._patient and due < made[0].seconds - self._period:
            self._made = [_Made(made[0].key, due)]
            self._forget(due)

    def _forget(self, due: float) -> None:
        """Let go of the keys that nobody has seen."""
        self._version += 1
        self._stale = True
        self._made = [] if self._patient else [m for m in self._made if m.begin <= due]

    def _work(self) -> None:
        """Make keys until the sky is closed: the making thread."""
        # On Linux a thread has a priority of its own: frames go first, unless they wait for keys.
        if sys.platform == "linux" and not self._patient:
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        try:
            while (wanted := self._take_wanted()) is not None:
                seconds, version = wanted
                self._offer(self._timed(seconds), seconds, version)
        except BaseException as error:  # it belongs to whoever asks for a key
            self._error = error
        finally:  # whatever ends this thread, nobody may wait for it
            with self._changed:
                self._closed = True
                self._changed.notify_all()

    def _timed(self, seconds: float) -> K:
        started = time.perf_counter()
        key = self._make(seconds)
        self._cost = time.perf_counter() - started
        return key

    def _take_wanted(self) -> tuple[float, int] | None:
        """(time, version) of the key to make, once one is wanted; None when the sky is closed."""
        with self._changed:
            while not self._closed:
                if (seconds := self._wanted()) is not None:
                    return seconds, self._version
                self._changed.wait()
        return None

    def _wanted(self) -> float | None:
        """The time of the next key; two at most lie ahead."""
        period, due = self._period, self._due
        if self._patient:
            if not self._made:
                return math.floor(due / period) * period
            last = self._made[-1].seconds
            return None if last > due + period else (round(last / period) + 1) * period
        soon = math.ceil((due + self._cost) / period) * period
        if self._stale:
            return soon
        if sum(made.seconds > due for made in self._made) >= 2:
            return None
        return max(soon, (round(self._made[-1].seconds / period) + 1) * period)

    def _offer(self, key: K, seconds: float, version: int) -> None:
        with self._changed:
            awaited = self._stale and version == self._version
            if version == self._version:
                self._stale = False
            elif self._patient:
                return
            begin = end = seconds - self._period
            if self._made:
                end = seconds
                if not self._patient:  # it may be late: nothing jumps
                    soonest = max(self._made[-1].end, self._due)
                    # What `renew` told of is shown at once: where frames are slow, its own time is far ahead.
                    begin = soonest if awaited else max(soonest, begin)
                    end = begin + self._period / 2 if awaited else max(seconds, begin + self._period / 2)
            self._made.append(_Made(key, seconds, begin, end))
            self._changed.notify_all()
