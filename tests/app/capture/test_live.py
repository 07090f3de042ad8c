"""Live sources and their clock: gaps, jumps, sound, reconnecting, closing; with connections made up here."""

import gc
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av
import numpy as np
import pytest

from app.capture import live
from app.capture.live import Connection, LiveSource
from app.capture.live_clock import TIME_BASE, LiveClock
from app.errors import CaptureError
from app.frame import Frame
from app.sound_feed import SoundFeed

SECOND = 90_000
Script = Iterable[av.VideoFrame | av.AudioFrame | CaptureError | Callable[[], None] | None]


@dataclass
class Fake:
    """A connection that gives its script, calls what can be called and raises what can be raised."""

    script: Script
    has_sound: bool = False
    fps: Fraction = Fraction(10)
    sample_aspect: Fraction = Fraction(1)
    closed_by: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[av.VideoFrame | av.AudioFrame | None]:
        for step in self.script:
            if isinstance(step, CaptureError):
                raise step
            if callable(step):
                step()
            else:
                yield step

    def close(self) -> None:
        self.closed_by.append(threading.current_thread().name)


def picture(
    pts: int | None, size_wh: tuple[int, int] = (128, 96), time_base: Fraction = TIME_BASE, level: int = 90
) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.full((size_wh[1] * 3 // 2, size_wh[0]), level, np.uint8), "yuv420p")
    frame.pts, frame.time_base = pts, time_base
    return frame


def sound(pts: int | None, samples: int = 4800) -> av.AudioFrame:
    """A tenth of a second, unless told otherwise."""
    frame = av.AudioFrame.from_ndarray(np.zeros((1, samples), np.int16), "s16", "mono")
    frame.sample_rate, frame.pts, frame.time_base = 48_000, pts, Fraction(1, 48_000)
    return frame


def connecting(*connections: Fake | CaptureError) -> Callable[[], Connection]:
    """What connects to one after the other."""
    left = iter(connections)

    def connect() -> Connection:
        connection = next(left)
        if isinstance(connection, CaptureError):
            raise connection
        return connection

    return connect


def cut() -> CaptureError:
    return CaptureError("cam: the connection was cut")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "RETRY_S", 0.0)


@dataclass
class Wall:
    """The wall clock, which only moves when it is told to."""

    now_ns: int = 5_000_000_000

    def later(self, seconds: float) -> Callable[[], None]:
        def move() -> None:
            self.now_ns += round(seconds * 1e9)

        return move


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    clock = Wall()
    monkeypatch.setattr(time, "perf_counter_ns", lambda: clock.now_ns)
    return clock


def ticks(frames: Iterable[Frame]) -> list[int]:
    return [frame.pts for frame in frames]


# --- clock


class Clock:
    """A LiveClock at ten pictures per second and a wall clock, both at 0."""

    def __init__(self) -> None:
        self.clock = LiveClock(0, SECOND // 10)
        self.wall_s = 0.0

    def picture(self, stamp_s: float | None, wall_s: float | None = None) -> float:
        self.wall_s = wall_s if wall_s is not None else self.wall_s + 0.1
        stamp = None if stamp_s is None else round(stamp_s * SECOND)
        time, self.repaired = self.clock.picture(stamp, TIME_BASE, round(self.wall_s * 1e9))
        return time / SECOND

    def sound(self, stamp_s: float | None, wall_s: float | None = None, lasts: float = 0.1) -> float | None:
        now_ns = round((self.wall_s if wall_s is None else wall_s) * 1e9)
        stamp = None if stamp_s is None else round(stamp_s * SECOND)
        time = self.clock.sound(stamp, TIME_BASE, Fraction(lasts).limit_denominator(1000), now_ns)
        return None if time is None else time / SECOND


def test_stamps_keep_their_pace_however_they_arrive() -> None:
    clock = Clock()
    assert clock.picture(700.0, 0.0) == 0
    assert clock.picture(700.1, 0.19) == pytest.approx(0.1)
    assert clock.picture(700.2, 0.2) == pytest.approx(0.2)
    # Three seconds of nothing, then all that was held up on the way, at once.
    assert [clock.picture(700.3 + k / 10, 3.2 + k / 100) for k in range(30)] == pytest.approx(
        [0.3 + k / 10 for k in range(30)]
    )


def test_a_gap_in_stamps_and_wall_clock_is_a_gap() -> None:
    clock = Clock()
    clock.picture(9.0, 0.0)
    assert clock.picture(13.0, 4.05) == pytest.approx(4.0)


@pytest.mark.parametrize("jump_s", [-500.0, -3.0, 3.0, 500.0])
def test_a_jump_goes_on_by_the_wall_clock(jump_s: float) -> None:
    clock = Clock()
    for k in range(10):
        clock.picture(1000 + k / 10, k / 10)
    assert clock.picture(1001 + jump_s, 1.05) == pytest.approx(1.05)
    assert clock.picture(1001.1 + jump_s, 1.1) == pytest.approx(1.15)
    assert not clock.repaired


def test_sound_and_pictures_jump_together_whichever_comes_first() -> None:
    for sound_first in (False, True):
        clock = Clock()
        for k in range(10):
            clock.picture(50 + k / 10, k / 10)
            assert clock.sound(50 + k / 10) == pytest.approx(k / 10)
        if sound_first:
            assert clock.sound(0.0, 1.0) == pytest.approx(1.0)
            assert clock.picture(51.0, 1.0) == pytest.approx(1.0)
            assert clock.picture(0.1, 1.1) == pytest.approx(1.1)
            assert clock.sound(0.1) == pytest.approx(1.1)
        else:
            assert clock.picture(0.0, 1.0) == pytest.approx(1.0)
            assert clock.sound(51.0) == pytest.approx(1.0)
            assert clock.picture(0.1, 1.1) == pytest.approx(1.1)
            assert clock.sound(0.1) == pytest.approx(1.1)


def test_sound_keeps_its_place_beside_the_pictures() -> None:
    clock = Clock()
    assert clock.sound(19.0, 0.0) is None  # before the first picture
    clock.picture(20.0, 0.0)
    assert clock.sound(19.3) == pytest.approx(-0.7)
    assert clock.sound(19.4) == pytest.approx(-0.6)


def test_sound_with_stamps_of_its_own_begins_when_it_comes() -> None:
    clock = Clock()
    clock.picture(20.0, 0.0)
    assert clock.sound(7000.0, 0.2) == pytest.approx(0.2)
    assert clock.picture(20.5, 0.5) == pytest.approx(0.5)
    assert clock.sound(7000.1, 0.5) == pytest.approx(0.3)


def test_stamps_of_another_connection_mean_nothing() -> None:
    clock = Clock()
    clock.picture(100.0, 0.0)
    clock.clock.begin_connection()
    assert clock.picture(0.0, 50.0) == pytest.approx(50.0)
    assert clock.sound(150.0, 50.2) == pytest.approx(50.2)


def test_sound_without_stamps_follows_itself() -> None:
    clock = Clock()
    clock.picture(0.0, 0.0)
    assert [clock.sound(None, 0.05), clock.sound(None, 0.3)] == pytest.approx([0.05, 0.15])


def test_sound_over_sound_is_left_out() -> None:
    clock = Clock()
    clock.picture(0.0, 0.0)
    assert clock.sound(0.0, lasts=0.5) == 0
    assert clock.sound(0.1, lasts=0.1) is None
    assert clock.sound(0.5, lasts=0.1) == pytest.approx(0.5)


def test_stamps_that_are_missing_repeat_or_fall_are_replaced() -> None:
    clock = Clock()
    times = []
    repaired = []
    for stamp in (5.0, 5.1, 5.1, None, 5.4, 5.35, 5.6):
        times.append(clock.picture(stamp))
        repaired.append(clock.repaired)
    assert all(b > a for a, b in pairwise(times))
    assert repaired == [False, False, True, True, False, True, False]
    assert times[4] - times[0] == pytest.approx(0.4) and times[6] - times[0] == pytest.approx(0.6)


def test_what_waited_to_be_read_is_not_late_for_ever() -> None:
    """The first picture has no stamp, as from an RTSP server; the others queue up for three seconds."""
    for sound_first in (False, True):
        clock = Clock()
        assert clock.picture(None, 0.0) == 0
        if sound_first:
            assert clock.sound(50.0, 3.0) == pytest.approx(0.0)
        assert clock.picture(50.1, 3.0) == pytest.approx(0.1)
        assert [clock.picture(50.2 + k / 10, 3.0) for k in range(30)] == pytest.approx(
            [0.2 + k / 10 for k in range(30)]
        )


def test_no_stamps_at_all_give_the_wall_clock() -> None:
    clock = Clock()
    assert [clock.picture(None, wall) for wall in (0.0, 0.1, 0.25, 0.3)] == pytest.approx(
        [0.0, 0.1, 0.25, 0.3]
    )


def test_stamps_that_stand_still_are_taken_for_a_jump() -> None:
    clock = Clock()
    for k in range(5):
        clock.picture(5 + k / 10, k / 10)
    times = [clock.picture(5.1 + k / 10, 0.5 + k / 10) for k in range(30)]
    assert all(b > a for a, b in pairwise([0.4, *times]))
    assert times[-1] == pytest.approx(3.4, abs=0.15)


def test_a_slow_clock_is_not_corrected() -> None:
    """An hour at 0.1 % more: sound and picture would drift apart from what the source says, or jump."""
    clock = Clock()
    times = [clock.picture(k / 10, k / 10 * 1.001) for k in range(36_000)]
    assert times[-1] == pytest.approx(3599.9) and not clock.repaired


# --- one source from many connections


def test_what_is_known_of_the_source() -> None:
    script = [picture(0, (256, 192))]
    with LiveSource("cam", connecting(Fake(script, fps=Fraction(25))), (128, 128)) as source:
        info = source.info
        assert (info.name, info.size_wh) == ("cam", (128, 96))
        assert (info.fps, info.time_base) == (Fraction(25), TIME_BASE)
        assert (info.live, info.frames, info.sound) == (True, None, None)
        assert next(iter(source)).planes.size_wh == (128, 96)


def test_a_loss_is_a_gap_as_long_as_the_wall_clock_says(wall: Wall, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    first = Fake([picture(4_000_000), wall.later(0.1), picture(4_009_000), wall.later(0.2), cut()])
    second = Fake([wall.later(9.8), picture(77), wall.later(0.1), picture(9_077), lambda: source.close()])
    refused = CaptureError("cam: connection refused")
    source = LiveSource("cam", connecting(first, refused, refused, second), None)
    frames = list(source)
    assert ticks(frames) == [0, 9_000, SECOND * 10 + 9_000, SECOND * 10 + 18_000]
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert [frame.captured_ns for frame in frames] == [5_000_000_000 + k * 10**8 for k in (0, 1, 101, 102)]
    assert source.reconnects == 1 and source.trouble == ""
    assert caplog.messages == ["cam: the connection was cut; reconnecting", "cam: connected again"]
    assert first.closed_by and second.closed_by


def test_trouble_says_why_until_pictures_come_again() -> None:
    seen: list[str] = []

    def look() -> None:
        seen.append(source.trouble)

    source: LiveSource
    late = Fake([look, sound(0), look, picture(0), look, cut()], has_sound=True)
    last = Fake([picture(5), look, lambda: source.close()])
    refused = CaptureError("cam: connection refused")
    source = LiveSource("cam", connecting(Fake([picture(0), cut()]), refused, late, last), None)
    troubles = [source.trouble for _ in source]
    assert troubles == ["", "", ""]
    assert seen == ["cam: connection refused; reconnecting"] * 2 + ["", ""]
    assert source.reconnects == 2


def test_times_increase_through_losses_that_take_no_time(wall: Wall) -> None:
    """The pictures before ran ahead of the wall clock, as what a server had kept for us does."""
    source: LiveSource
    ahead: list[Any] = [picture(k * 9_000) for k in range(20)]
    source = LiveSource(
        "cam", connecting(Fake([*ahead, cut()]), Fake([*ahead, lambda: source.close()])), None
    )
    pts = ticks(source)
    assert len(pts) == 40 and all(b > a for a, b in pairwise(pts))


def test_the_first_connection_must_work() -> None:
    with pytest.raises(CaptureError, match=r"^cam: connection refused$"):
        LiveSource("cam", connecting(CaptureError("cam: connection refused")), None)
    broken = Fake([None, cut()])
    with pytest.raises(CaptureError, match=r"^cam: the connection was cut$"):
        LiveSource("cam", connecting(broken), None)
    assert broken.closed_by
    empty = Fake([sound(0)])
    with pytest.raises(CaptureError, match=r"^cam: there is no picture in it$"):
        LiveSource("cam", connecting(empty), None)
    assert empty.closed_by


def test_what_is_over_ends() -> None:
    connection = Fake([picture(0), picture(9_000)])
    with LiveSource("cam", connecting(connection), None) as source:
        assert len(list(source)) == 2
        assert list(source) == [] and source.trouble == ""
    assert connection.closed_by


def test_size_and_colour_stay_those_of_the_first_picture() -> None:
    again = Fake([picture(0, (96, 96)), lambda: source.close()])
    source = LiveSource("cam", connecting(Fake([picture(0), cut()]), again), None)
    assert [frame.planes.size_wh for frame in source] == [(128, 96), (128, 96)]
    assert source.rescaled == 1


def test_broken_pictures_are_counted_and_left_out() -> None:
    source: LiveSource
    script: Script = [picture(0), None, None, picture(27_000), lambda: source.close()]
    source = LiveSource("cam", connecting(Fake(script)), None)
    assert len(list(source)) == 2 and source.broken == 2


def test_replaced_stamps_are_counted(wall: Wall) -> None:
    source: LiveSource
    script: Script = [picture(0), wall.later(0.1), picture(None), lambda: source.close()]
    source = LiveSource("cam", connecting(Fake(script)), None)
    assert ticks(source) == [0, 9_000] and source.repaired_pts == 1


def test_pictures_are_freed_with_their_last_reference() -> None:
    script = (picture(k * 9_000) for k in range(60))
    with LiveSource("cam", connecting(Fake(script)), None) as source:
        frames = iter(source)
        next(frames)
        gc.collect()
        gc.disable()
        try:
            for _ in frames:
                pass
            assert gc.collect() < 20
        finally:
            gc.enable()


# --- sound


def heard(feed: Any, source: LiveSource) -> list[tuple[float, int]]:
    assert isinstance(feed, SoundFeed)
    listener = feed.listen()
    for _ in source:
        pass
    return [
        (float(f.pts * f.time_base), f.samples) for f in listener.take() if f.pts is not None and f.time_base
    ]


def test_sound_comes_on_the_clock_of_the_pictures(wall: Wall) -> None:
    """Its stamps count samples from elsewhere; after the loss they begin anew, like those of the pictures."""
    first = Fake(
        [sound(470_400), picture(900_000), sound(480_000), sound(484_800), wall.later(3), cut()],
        has_sound=True,
    )
    second = Fake(
        [wall.later(2), sound(0), picture(9_000), sound(4_800), lambda: source.close()], has_sound=True
    )
    source = LiveSource("cam", connecting(first, second), None)
    assert heard(source.info.sound, source) == [(0.0, 4800), (0.1, 4800), (5.0, 4800)]


# --- closing


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_closing_leaves_the_connection_to_the_thread_that_reads() -> None:
    blocked, release = threading.Event(), threading.Event()

    def block() -> None:
        blocked.set()
        assert release.wait(20)

    connection = Fake([picture(0), block, picture(1)])
    source = LiveSource("cam", connecting(connection), None)
    frames: list[Frame] = []
    reader = threading.Thread(target=lambda: frames.extend(source), name="reader")
    reader.start()
    assert blocked.wait(20)
    source.close()
    assert connection.closed_by == []
    release.set()
    reader.join(20)
    assert connection.closed_by == ["reader"] and len(frames) == 1


def test_closing_between_two_pictures_disconnects_at_once() -> None:
    connection = Fake([picture(0), picture(1)])
    source = LiveSource("cam", connecting(connection), None)
    frames = iter(source)
    next(frames)
    source.close()
    assert len(connection.closed_by) == 1
    assert list(frames) == []
    source.close()
    assert len(connection.closed_by) == 1


def test_closing_ends_the_wait_for_the_next_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "RETRY_S", 1000.0)
    source = LiveSource("cam", connecting(Fake([picture(0), cut()])), None)
    reader = threading.Thread(target=lambda: list(source))
    reader.start()
    wait_for(lambda: source.trouble != "")
    source.close()
    reader.join(20)
    assert not reader.is_alive()


def test_a_connection_made_while_closing_is_closed() -> None:
    connecting_now, release = threading.Event(), threading.Event()
    connections = [Fake([picture(0), cut()]), Fake([picture(0)])]
    made: list[Fake] = []

    def connect() -> Connection:
        if made:
            connecting_now.set()
            assert release.wait(20)
        made.append(connections[len(made)])
        return made[-1]

    source = LiveSource("cam", connect, None)
    frames: list[Frame] = []
    reader = threading.Thread(target=lambda: frames.extend(source))
    reader.start()
    assert connecting_now.wait(20)
    source.close()
    release.set()
    reader.join(20)
    assert made[1].closed_by and len(frames) == 1


def test_attempts_are_a_second_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """However soon each of them fails; the first comes at once where the connection had held longer."""
    waits: list[float] = []
    now_s = [100.0]
    refused = CaptureError("cam: connection refused")
    source = LiveSource(
        "cam", connecting(Fake([picture(0), cut()]), refused, refused, Fake([picture(0)])), None
    )
    source._tried_s = 40.0

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        now_s[0] += seconds
        return False

    monkeypatch.setattr(live, "RETRY_S", 1.0)
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    monkeypatch.setattr(source._closing, "wait", wait)
    assert len(list(source)) == 2
    assert waits == [0.0, 1.0, 1.0]
    source.close()
