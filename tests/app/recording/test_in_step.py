from collections.abc import Callable, Iterator
from fractions import Fraction

import av
import numpy as np
import pytest

from app.frame import F32, F64
from app.recording.in_step import InStep

RATE = 48_000
TONE_HZ = 100.0
CLOCK = Fraction(1, 90_000)


def tone_frames(
    seconds: float,
    *,
    rate: int = 44_100,
    faster: float = 0.0,
    stamp: Callable[[float], float] = lambda time: time,
    start_s: float = 0.0,
    layout: str = "mono",
) -> Iterator[av.AudioFrame]:
    """A tone from a sound card whose clock is faster than the stamps' by that share.

    stamp: what the stamp says of the true time of a frame.
    """
    true_rate = rate * (1 + faster)
    count = 0
    while count / true_rate < seconds:
        time = start_s + (count + np.arange(1024)) / true_rate
        samples = (0.5 * np.sin(2 * np.pi * TONE_HZ * time)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(
            np.stack([samples] * (1 if layout == "mono" else 2)), "fltp", layout
        )
        frame.sample_rate, frame.time_base = rate, CLOCK
        frame.pts = round(stamp(float(time[0])) / CLOCK)
        count += 1024
        yield frame


def placed(frames: Iterator[av.AudioFrame], origin: Fraction = Fraction(0)) -> list[tuple[int, F32]]:
    in_step = InStep(RATE, origin)
    return [piece for frame in frames for piece in in_step.place(frame)]


def breaks(pieces: list[tuple[int, F32]]) -> list[int]:
    """Lengths of the gaps between pieces, in samples; negative where they overlap."""
    ends = [start + samples.shape[1] for start, samples in pieces]
    return [start - end for (start, _), end in zip(pieces[1:], ends, strict=False) if start != end]


def lateness_s(pieces: list[tuple[int, F32]]) -> F64:
    """How much later than its place the tone is heard, every half second."""
    heard = np.concatenate([samples[0] for _, samples in pieces])
    window = 4 * RATE // int(TONE_HZ)
    late = []
    for first in range(0, len(heard) - window, RATE // 2):
        time = (pieces[0][0] + first + np.arange(window)) / RATE
        wave = np.sum(heard[first : first + window] * np.exp(-2j * np.pi * TONE_HZ * time))
        late.append(-np.angle(wave * 1j) / (2 * np.pi * TONE_HZ))
    return np.array(late)


def roughness(pieces: list[tuple[int, F32]]) -> float:
    """The largest departure from a smooth tone between one sample and the next: a click shows."""
    heard = np.concatenate([samples[0] for _, samples in pieces]).astype(np.float64)
    step = 2 * np.cos(2 * np.pi * TONE_HZ / RATE)
    return float(np.abs(heard[2:] - step * heard[1:-1] + heard[:-2])[100:-100].max())


@pytest.mark.parametrize("rate", [44_100, 48_000, 16_000])
@pytest.mark.parametrize("origin", [Fraction(0), Fraction(-3, 2)])
def test_sound_is_where_its_stamps_say(rate: int, origin: Fraction) -> None:
    pieces = placed(tone_frames(2, rate=rate), origin)
    assert pieces[0][0] == -origin * RATE
    assert breaks(pieces) == []
    moved = [(start + int(origin * RATE), samples) for start, samples in pieces]
    assert np.abs(lateness_s(moved)).max() < 0.0001
    assert all(samples.shape[0] == 2 and np.array_equal(*samples) for _, samples in pieces)


@pytest.mark.parametrize(("faster", "rate"), [(100e-6, 44_100), (-100e-6, 48_000), (500e-6, 48_000)])
def test_clocks_that_drift_apart_stay_together_without_a_click(faster: float, rate: int) -> None:
    pieces = placed(tone_frames(60, rate=rate, faster=faster))
    assert breaks(pieces) == []
    assert np.abs(lateness_s(pieces)).max() < 0.002
    assert roughness(pieces) < 2e-4


def test_stamps_that_jitter_cost_nothing() -> None:
    rng = np.random.default_rng(1)
    pieces = placed(tone_frames(20, stamp=lambda time: time + rng.uniform(-0.018, 0.018)))
    assert breaks(pieces) == []
    assert np.abs(lateness_s(pieces) - lateness_s(pieces).mean()).max() < 0.004
    assert np.abs(lateness_s(pieces)).max() < 0.02
    assert roughness(pieces) < 2e-4


@pytest.mark.parametrize("jump_s", [0.1, 1.0, 30.0])
def test_a_true_gap_stays_one(jump_s: float) -> None:
    pieces = placed(tone_frames(2, stamp=lambda time: time if time < 1 else time + jump_s))
    (gap,) = breaks(pieces)
    assert gap / RATE == pytest.approx(jump_s, abs=0.002)


def test_sound_that_comes_twice_overlaps() -> None:
    pieces = placed(tone_frames(2, stamp=lambda time: time if time < 1 else time - 0.5))
    (gap,) = breaks(pieces)
    assert gap / RATE == pytest.approx(-0.5, abs=0.002)


def test_another_format_follows_in_its_place() -> None:
    def frames() -> Iterator[av.AudioFrame]:
        yield from tone_frames(1)
        yield from tone_frames(1, rate=32_000, layout="stereo", start_s=2.0)

    pieces = placed(frames())
    assert sum(samples.shape[1] for _, samples in pieces) == pytest.approx(2 * RATE, abs=2 * 1600)
    later = [piece for piece in pieces if piece[0] >= 2 * RATE]
    assert later[0][0] == 2 * RATE
    assert np.abs(lateness_s(later)).max() < 0.0001


def test_frames_are_left_as_they_are_and_those_without_a_time_are_left_out() -> None:
    frames = list(tone_frames(0.5))
    frames[3].pts = None
    stamps = [frame.pts for frame in frames]
    before = [frame.to_ndarray().copy() for frame in frames]
    pieces = placed(iter(frames))
    assert [frame.pts for frame in frames] == stamps
    assert all(np.array_equal(frame.to_ndarray(), kept) for frame, kept in zip(frames, before, strict=True))
    assert sum(samples.shape[1] for _, samples in pieces) == pytest.approx(
        (len(frames) - 1) * 1024 * 480 / 441, abs=64
    )
