"""The noise bank: variance and sharpness at every shift, loops, seeds."""

import numpy as np
import pytest

from app.frame import F32, F64
from living.motion import PRESETS, power
from living.noise import NoiseBank


def _shift(x: float, y: float) -> F64:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def _sharpness(noise: F32) -> float:
    """Half the mean square step between neighbours: 1 for white noise."""
    return float(((noise - np.roll(noise, 1, 1)) ** 2).mean() / 2)


def test_variance_and_sharpness_are_kept_at_every_shift() -> None:
    bank = NoiseBank(64, 5, seed=3)
    assert bank.sides == (4, 8, 16, 32, 64)
    rng = np.random.default_rng(0)
    states = [bank.state(_shift(*rng.uniform(-1, 1, 2))) for _ in range(100)]
    variance = np.array([[level.var() for level in state] for state in states])
    sharpness = np.array([[_sharpness(level) for level in state] for state in states])
    assert np.abs(variance - 1).max() < 0.08
    assert (np.ptp(sharpness, axis=0) / sharpness.mean(axis=0)).max() < 0.08
    assert 0.9 < sharpness[:, -1].mean() < 1.05


def test_bilinear_noise_would_not_pass() -> None:
    noise = np.random.default_rng(0).standard_normal((64, 64))
    half = (noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1) + np.roll(noise, (1, 1), (0, 1))) / 4
    assert half.var() < 0.3


def test_the_torus_closes() -> None:
    bank = NoiseBank(32, 2, seed=1)
    start, around = bank.state(np.eye(3)), bank.state(_shift(2.0, -4.0))
    for a, b in zip(start, around, strict=True):
        assert np.allclose(a, b, atol=1e-4)


def test_a_whole_sample_moves_the_noise_unchanged() -> None:
    start = NoiseBank(32, 1).state(np.eye(3))[0]
    moved = NoiseBank(32, 1).state(_shift(2 * 3 / 32, 0.0))[0]
    assert np.allclose(np.roll(start, 3, axis=1), moved, atol=1e-4)


@pytest.mark.parametrize("name", PRESETS)
def test_loops_close_and_keep_their_variance(name: str) -> None:
    bank, second, period = NoiseBank(64, 4, seed=5), PRESETS[name].homography(), 12.0
    times = np.linspace(0, period, 25)
    states = [bank.looped(power(second, t), power(second, t - period), t / period) for t in times]
    for first, last in zip(states[0], states[-1], strict=True):
        assert np.allclose(first, last, atol=1e-5)
    assert np.abs(np.array([level.var() for state in states for level in state]) - 1).max() < 0.08


def test_seeds() -> None:
    same, other = NoiseBank(16, 1, seed=1), NoiseBank(16, 1, seed=2)
    assert np.array_equal(same.state(np.eye(3))[0], NoiseBank(16, 1, seed=1).state(np.eye(3))[0])
    assert abs(float((same.state(np.eye(3))[0] * other.state(np.eye(3))[0]).mean())) < 0.3


@pytest.mark.parametrize(("res", "levels"), [(64, 0), (64, 6), (48, 5), (6, 2)])
def test_sizes_that_do_not_fit(res: int, levels: int) -> None:
    with pytest.raises(ValueError, match="levels"):
        NoiseBank(res, levels)
