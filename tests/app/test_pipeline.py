import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from app.channel import Channel, Policy
from app.frame import Colour, Composited, Frame, Planes
from app.pipeline import Outlet, Pipeline


def frame(index: int) -> Frame:
    plane = np.zeros((2, 2), np.uint8)
    return Frame(Planes(plane, plane, plane), index, index, Fraction(1, 30), Colour(), 0)


class Kept:
    """A sink that keeps what it was given."""

    def __init__(self) -> None:
        self.indices: list[int] = []
        self.closed = 0

    def write(self, composited: Composited) -> None:
        # The stages under test pass frames through, so a frame arrives here.
        assert isinstance(composited, Frame)
        self.indices.append(composited.index)

    def close(self) -> None:
        self.closed += 1


class BrokenSink(Kept):
    def write(self, composited: Composited) -> None:
        raise OSError("disk full")


def same(packet: Any) -> Any:
    return packet


def broken(packet: Any) -> Any:
    raise ValueError("no")


def pipeline(
    frames: Iterator[Frame],
    process: Callable[[Any], Any],
    *sinks: Kept,
    times: list[tuple[str, int]] | None = None,
) -> Pipeline:
    return Pipeline(
        frames,
        [("first", same), ("second", process)],
        [Outlet(f"sink {number}", sink, Channel(4, Policy.BLOCK)) for number, sink in enumerate(sinks)],
        links=[Channel(1, Policy.BLOCK), Channel(1, Policy.BLOCK)],
        measured=lambda name, ns: None if times is None else times.append((name, ns)),
    )


def our_threads() -> list[str]:
    return [
        t.name for t in threading.enumerate() if t.name in ("capture", "first", "second", "sink 0", "sink 1")
    ]


def test_every_frame_reaches_every_sink_in_order() -> None:
    sinks, times = (Kept(), Kept()), list[tuple[str, int]]()
    running = pipeline((frame(i) for i in range(50)), same, *sinks, times=times)
    running.start()
    assert running.join(20)
    assert [sink.indices for sink in sinks] == [list(range(50))] * 2
    assert [sink.closed for sink in sinks] == [1, 1]
    assert [name for name, _ in times].count("second") == 50
    assert our_threads() == []


@pytest.mark.parametrize("where", ["source", "stage", "sink"])
def test_the_first_error_stops_all_and_is_raised_with_its_stage(where: str) -> None:
    def failing_source() -> Iterator[Frame]:
        yield frame(0)
        raise ValueError("no")

    def endless() -> Iterator[Frame]:
        index = 0
        while True:
            yield frame(index)
            index += 1

    sink = BrokenSink() if where == "sink" else Kept()
    running = pipeline(
        failing_source() if where == "source" else endless(), broken if where == "stage" else same, sink
    )
    running.start()
    with pytest.raises((ValueError, OSError)) as caught:
        while not running.join(0.1):
            pass
    names = {"source": "capture", "stage": "second", "sink": "sink 0"}
    assert caught.value.__notes__ == [f"in stage {names[where]!r}"]
    running.stop()
    assert sink.closed == 1
    assert our_threads() == []


def test_stop_finishes_what_is_under_way() -> None:
    entered, release = threading.Event(), threading.Event()

    def slow(packet: Any) -> Any:
        entered.set()
        release.wait(5)
        return packet

    sink = Kept()
    running = pipeline((frame(i) for i in range(10**9)), slow, sink)
    running.start()
    assert entered.wait(5)
    stopper = threading.Thread(target=running.stop)
    stopper.start()
    release.set()
    stopper.join(5)
    assert sink.indices == list(range(len(sink.indices)))
    assert sink.indices
    assert sink.closed == 1
    assert our_threads() == []
    running.stop()


def test_stop_does_not_wait_for_a_reader_that_is_blocked() -> None:
    blocked = threading.Event()

    def stuck() -> Iterator[Frame]:
        yield frame(0)
        blocked.wait(30)

    sink = Kept()
    running = pipeline(stuck(), same, sink)
    running.start()
    started = time.monotonic()
    running.stop(drain_s=0.2, close_s=0.2)
    assert time.monotonic() - started < 2
    assert sink.closed == 1
    blocked.set()
    assert running.join(5)


def test_stop_before_start_closes_the_sinks() -> None:
    sink = Kept()
    pipeline(iter(()), same, sink).stop()
    assert sink.closed == 1


def test_stages_and_links_must_fit() -> None:
    with pytest.raises(ValueError, match="1 stages"):
        Pipeline(iter(()), [("only", same)], [], links=[], measured=lambda name, ns: None)


def test_a_sink_is_handed_what_it_picks_and_not_what_it_leaves() -> None:
    class Even(Kept):
        def write(self, composited: Any) -> None:
            self.indices.append(composited)

    def even_index(composited: Any) -> int | None:
        return composited.index if composited.index % 2 == 0 else None

    sink = Even()
    running = Pipeline(
        (frame(i) for i in range(6)),
        [("first", same)],
        [Outlet("even", sink, Channel(4, Policy.BLOCK), even_index)],
        links=[Channel(1, Policy.BLOCK)],
        measured=lambda name, ns: None,
    )
    running.start()
    assert running.join(20)
    assert sink.indices == [0, 2, 4]
