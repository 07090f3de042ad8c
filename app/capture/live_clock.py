"""One clock for the pictures and the sound of a live source, through all its connections."""

from collections import deque
from fractions import Fraction

TIME_BASE = Fraction(1, 90_000)

_TICKS_S = TIME_BASE.denominator
_TICK_NS = 1_000_000_000 * TIME_BASE
# A stamp that lies further off than this from where its stream has come to is a jump, not a gap.
_JUMP = _TICKS_S
# How far the first sound of a connection may lie from its pictures; streams are interleaved coarsely.
_APART = 5 * _TICKS_S
# Stamps in a row that do not increase before they are taken for a jump.
_MOST_REPAIRS = 3


class LiveClock:
    """Times that start near 0, keep the source's own pace and always show what was lost as a gap.

    Within a connection a time is the source's stamp plus an offset. The offset is set from the wall clock by
    the first picture of a connection and again by a stamp that jumps, which sound and pictures then share.
    All times are in ticks of TIME_BASE; `now_ns` is `time.perf_counter_ns()`.
    """

    def __init__(self, origin_ns: int, nominal: int) -> None:
        """origin_ns: the wall clock at time 0. nominal: ticks from picture to picture."""
        self._origin_ns = origin_ns
        self._nominal = max(nominal, 2)
        # The newest first. Those before serve the stream of the two that jumps later than the other.
        self._offsets: deque[int] = deque(maxlen=4)
        self._picture: _Last | None = None
        self._sound: _Last | None = None
        self._newest = -self._nominal
        self._sound_end = -_APART
        self._repairs = 0

    def now(self, now_ns: int) -> int:
        """The time on this clock."""
        return round((now_ns - self._origin_ns) / _TICK_NS)

    def begin_connection(self) -> None:
        """Forget the stamps so far: those of the next picture have nothing to do with them."""
        self._offsets.clear()
        self._picture = self._sound = None
        self._repairs = 0

    def picture(self, pts: int | None, time_base: Fraction | None, now_ns: int) -> tuple[int, bool]:
        """(time, whether its stamp was replaced) of the next picture; later than all before."""
        now, stamp = self.now(now_ns), _in_ticks(pts, time_base)
        last = self._picture
        if stamp is None:
            time = now if last is None else last.projected(now)
        elif last is None:
            time = self._anchor(stamp, max(now, self._newest + self._nominal))
        elif not self._offsets:
            # The pictures before had no stamps, as from an RTSP server that has just begun. This one may have
            # waited to be read: by the wall clock it, and all that follow, would be late for ever.
            time = self._anchor(stamp, self._newest + self._nominal)
        else:
            found = self._placed(stamp, last.time - _JUMP, last.projected(now) + _JUMP)
            stuck = found is not None and found <= self._newest and self._repairs == _MOST_REPAIRS
            if found is None or stuck:
                found = self._anchor(stamp, max(now, self._newest + self._nominal))
            time = found
        late = time <= self._newest
        self._repairs = self._repairs + 1 if late else 0
        if late:
            time = self._newest + self._nominal // 2
        self._newest = time
        self._picture = _Last(time, now)
        return time, late or (stamp is None and last is not None)

    def sound(
        self, pts: int | None, time_base: Fraction | None, seconds: Fraction, now_ns: int
    ) -> int | None:
        """Time of the next sound, which lasts that long; None if it is to be left out.

        That is what comes before the first picture of a connection, and what would be heard over the sound
        before it.
        """
        if self._picture is None:
            return None
        now, stamp = self.now(now_ns), _in_ticks(pts, time_base)
        last = self._sound
        if stamp is None:
            found: int | None = self._sound_end if last else now
        elif last is None:
            found = self._placed(stamp, now - _APART, now + _APART)
        else:
            found = self._placed(stamp, last.time - _JUMP, last.projected(now) + _JUMP)
        if found is None and stamp is not None:
            begins = now if self._offsets else self._newest  # see `picture`
            found = self._anchor(stamp, max(begins, self._sound_end))
        time = found if found is not None else now
        length = round(seconds / TIME_BASE)
        self._sound = _Last(time, now)
        if time < self._sound_end - length // 2:
            return None
        self._sound_end = time + length
        return time

    def _placed(self, stamp: int, earliest: int, latest: int) -> int | None:
        """The stamp's time by the newest offset that puts it between those two; None if none does."""
        times = (stamp + offset for offset in self._offsets)
        return next((time for time in times if earliest <= time <= latest), None)

    def _anchor(self, stamp: int, time: int) -> int:
        self._offsets.appendleft(time - stamp)
        return time


class _Last:
    """When a stream's last stamp was, by the source and by the wall clock."""

    def __init__(self, time: int, now: int) -> None:
        self.time = time
        self._now = now

    def projected(self, now: int) -> int:
        """Where the stream is by now if it kept its pace."""
        return self.time + now - self._now


def _in_ticks(pts: int | None, time_base: Fraction | None) -> int | None:
    return None if pts is None or time_base is None else round(pts * time_base / TIME_BASE)
