import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
import pytest

from app.feed import Pacer, limited
from app.frame import Colour, Frame, Planes


def frames(*stamps_ms: int) -> Iterator[Frame]:
    plane = np.zeros((2, 2), np.uint8)
    for index, stamp in enumerate(stamps_ms):
        yield Frame(Planes(plane, plane, plane), index, stamp, Fraction(1, 1000), Colour(), -1)


def pacer_of(*, live: bool = False) -> Pacer:
    """A pacer of a source that takes no jumps."""

    def seek(seconds: float) -> None:
        raise AssertionError(f"asked to go to {seconds} s")

    return Pacer(live=live, seek=seek)


class Clock:
    """Simulated time: waiting moves it on; working is `now += …`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ns = 5_000_000_000
        monkeypatch.setattr(time, "perf_counter_ns", lambda: self.now_ns)

    def attach(self, pacer: Pacer) -> None:
        def wait(done: Callable[[], bool], timeout: float | None = None) -> bool:
            if timeout is not None:
                self.now_ns += round(timeout * 1e9)
            return done()

        pacer._changed.wait_for = wait  # type: ignore[method-assign, assignment]


def test_limits_by_count_and_by_time_since_the_first_frame() -> None:
    assert [f.index for f in limited(frames(500, 540, 580, 620), 2, None)] == [0, 1]
    assert [f.index for f in limited(frames(500, 540, 580, 620), None, 0.08)] == [0, 1]
    assert len(list(limited(frames(500, 540), None, None))) == 2


def test_the_count_is_reached_without_asking_for_one_more() -> None:
    def source() -> Iterator[Frame]:
        yield from frames(0, 40)
        raise AssertionError("asked for a third frame")

    assert len(list(limited(source(), 2, None))) == 2


def test_frames_come_when_they_are_due(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, pacer = Clock(monkeypatch), pacer_of()
    clock.attach(pacer)
    times = [clock.now_ns for _ in pacer.paced(frames(700, 740, 840))]
    assert [(t - times[0]) // 1_000_000 for t in times] == [0, 40, 140]


def test_a_file_waits_for_whoever_takes_the_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, pacer = Clock(monkeypatch), pacer_of()
    clock.attach(pacer)
    times = []
    for frame in pacer.paced(frames(0, 40, 80, 120)):
        times.append(clock.now_ns // 1_000_000)
        clock.now_ns += 200_000_000 if frame.index == 0 else 0
    assert [t - times[0] for t in times] == [0, 200, 240, 280]


def test_live_frames_keep_their_due_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, pacer = Clock(monkeypatch), pacer_of(live=True)
    clock.attach(pacer)
    start = clock.now_ns
    due = []
    for frame in pacer.paced(frames(0, 40, 80, 120)):
        due.append((frame.captured_ns - start) // 1_000_000)
        clock.now_ns += 100_000_000 if frame.index == 0 else 0
    assert due == [0, 40, 80, 120]
    assert (clock.now_ns - start) // 1_000_000 == 120


def test_a_long_hole_in_the_stamps_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, pacer = Clock(monkeypatch), pacer_of(live=True)
    clock.attach(pacer)
    times = [clock.now_ns for _ in pacer.paced(frames(0, 40, 3_600_000, 3_600_040))]
    assert [(t - times[0]) // 1_000_000 for t in times] == [0, 40, 40, 80]


def test_stop_ends_a_wait() -> None:
    pacer = pacer_of()
    taken: list[int] = []
    thread = threading.Thread(target=lambda: taken.extend(f.index for f in pacer.paced(frames(0, 9_000))))
    thread.start()
    pacer.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert 1 not in taken


def test_pause_holds_frames_back_and_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    pacer = pacer_of()
    pacer.pause()
    assert pacer.paused
    taken: list[int] = []
    first = threading.Event()

    def take() -> None:
        for frame in pacer.paced(frames(0, 1)):
            taken.append(frame.index)
            first.set()

    thread = threading.Thread(target=take)
    thread.start()
    assert not first.wait(0.05)
    pacer.resume()
    thread.join(5)
    assert taken == [0, 1]


def test_a_jump_is_made_between_two_frames_and_goes_on_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sought: list[float] = []
    pacer = Pacer(live=False, seek=sought.append)
    clock = Clock(monkeypatch)
    clock.attach(pacer)
    stamps: list[tuple[int, int]] = []
    start = clock.now_ns
    for frame in pacer.paced(frames(0, 40, 80, 5_000, 5_040, 5_080)):
        stamps.append((frame.pts, (clock.now_ns - start) // 1_000_000))
        if frame.pts == 40:
            pacer.seek(5.0)
    # The frame of 80 ms was read already: it belongs to the place before, and is not shown.
    assert sought == [5.0]
    assert stamps[2:] == [(5_000, 80), (5_040, 120), (5_080, 160)]


def test_while_paused_the_frame_that_was_sought_is_shown_and_no_more() -> None:
    sought: list[float] = []
    pacer = Pacer(live=False, seek=sought.append)
    pacer.pause()
    taken: list[int] = []
    shown = threading.Event()

    def take() -> None:
        for frame in pacer.paced(frames(0, 5_000, 5_001)):
            taken.append(frame.pts)
            shown.set()

    thread = threading.Thread(target=take)
    thread.start()
    pacer.seek(5.0)
    assert shown.wait(5)
    assert taken == [5_000]
    pacer.resume()
    thread.join(5)
    assert taken == [5_000, 5_001]
