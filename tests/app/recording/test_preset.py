import time
from fractions import Fraction

import numpy as np
import pytest

import app.recording.preset
from app.frame import Planes
from app.recording.h264 import even
from app.recording.preset import PRESETS, busy_pictures, choose_preset


def test_presets_are_tried_from_the_fastest_on() -> None:
    assert PRESETS[:3] == ("ultrafast", "superfast", "veryfast")


@pytest.mark.parametrize(
    ("times_ms", "chosen"),
    [
        ([20.0], "ultrafast"),
        ([5.0, 15.0], "ultrafast"),
        ([5.0, 8.0, 12.0, 20.0], "veryfast"),
        ([1.0] * len(PRESETS), PRESETS[-1]),
    ],
)
def test_takes_the_slowest_that_is_fast_enough(
    monkeypatch: pytest.MonkeyPatch, times_ms: list[float], chosen: str
) -> None:
    measured = iter(times_ms)
    monkeypatch.setattr(app.recording.preset, "_encode_s", lambda *_: next(measured) / 1000)
    # At 30 frames per second 0.4 of a frame's time is 13.3 ms.
    assert choose_preset((64, 64), Fraction(30), 20) == (chosen, times_ms[0] <= 13.3)


def test_large_pictures_are_tried_small_and_reckoned_up(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[tuple[int, int]] = []

    def encode_s(pictures: list[Planes], *_: object) -> float:
        tried.append(pictures[0].size_wh)
        return 0.003 * len(tried)

    monkeypatch.setattr(app.recording.preset, "_encode_s", encode_s)
    # 2560x1440 is four times the picture tried: 3, 6 ms there are 12, 24 ms, of which 13.3 ms are allowed.
    assert choose_preset((2560, 1440), Fraction(30), 20) == ("ultrafast", True)
    assert tried == [(1280, 720)] * 2


def test_stops_when_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(app.recording.preset, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(app.recording.preset, "_encode_s", lambda *_: 0.0)
    assert choose_preset((64, 64), Fraction(30), 20) == ("ultrafast", True)


def test_the_trial_is_short_and_real() -> None:
    spent = time.process_time()
    assert choose_preset((1281, 721), Fraction(30), 20).preset in PRESETS
    assert time.process_time() - spent < 1.5


def test_busy_pictures_are_alike_at_every_call_and_move() -> None:
    ones, others = busy_pictures((96, 64), 3), busy_pictures((96, 64), 3)
    for one, other in zip(ones, others, strict=True):
        np.testing.assert_array_equal(one.y, other.y)
    assert np.abs(ones[0].y.astype(int) - ones[1].y).mean() > 3
    assert even((97, 65)) == (96, 64)
