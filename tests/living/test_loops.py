"""Loops: times, hours, the change-over and the contrast that is kept."""

import numpy as np
import pytest

from living.loops import CHANGE, contrast_gain, hour_at, moments, phase_of, second_share


def test_phases() -> None:
    assert phase_of(0.0, 8.0) == phase_of(8.0, 8.0) == phase_of(-16.0, 8.0) == 0.0
    assert phase_of(9.5, 8.0) == 1.5
    assert phase_of(-1.0, 8.0) == 7.0
    assert phase_of(-1e-20, 8.0) == 0.0


def test_hours_go_there_and_back() -> None:
    day = 6.0, 20.0
    hours = [hour_at(t, 10.0, day) for t in np.linspace(0, 10, 41)]
    assert hours[0] == hours[-1] == 6.0
    assert hours[20] == pytest.approx(20.0)
    assert (np.diff(hours[:21]) > 0).all() and (np.diff(hours[20:]) < 0).all()


def test_hours_over_midnight_and_around() -> None:
    assert hour_at(5.0, 10.0, (20.0, 4.0)) == pytest.approx(4.0)
    assert hour_at(2.5, 10.0, (20.0, 4.0)) == pytest.approx(0.0)
    assert [hour_at(t, 24.0, (0.0, 24.0)) for t in (0.0, 6.0, 23.0, 24.0)] == [0.0, 6.0, 23.0, 0.0]
    assert [hour_at(t, 24.0, (9.0, 9.0)) for t in (0.0, 6.0)] == [9.0, 9.0]


def test_moments_leave_both_ends_to_one_copy() -> None:
    moment = moments((30, 50), seed=2)
    assert moment.shape == (30, 50)
    assert moment.min() == pytest.approx(CHANGE / 2) and moment.max() == pytest.approx(1 - CHANGE / 2)
    assert not second_share(0.0, moment).any()
    assert (second_share(1.0, moment) == 1).all()
    half = second_share(0.5, moment)
    assert half.min() < 0.2 and half.max() > 0.8
    assert np.abs(np.diff(moment, axis=1)).max() < 0.1
    assert np.array_equal(moment, moments((30, 50), seed=2))


def test_contrast_is_kept() -> None:
    rng = np.random.default_rng(1)
    a, b = 20 * rng.standard_normal((2, 200, 200)).astype(np.float32)
    for b_part, level in (
        (b, 20.0),
        (a, 20.0),
        (0.5 * a + np.sqrt(np.float32(0.75)) * b, 20.0),
        (0 * a, 20 / 2**0.5),
    ):
        second = np.full(a.shape, 0.5, np.float32)
        energies = [
            np.full(a.shape, (one * two).mean(), np.float32)
            for one, two in ((a, a), (b_part, b_part), (a, b_part))
        ]
        mixed = contrast_gain(second, *energies) * (0.5 * a + 0.5 * b_part)
        assert mixed.std() == pytest.approx(level, rel=0.02)


def test_gain_has_limits() -> None:
    one = np.ones((1, 1), np.float32)
    assert contrast_gain(0.5 * one, 100 * one, 100 * one, -100 * one) <= 1.6
    assert contrast_gain(0.5 * one, 0 * one, 0 * one, 0 * one) == 1
    assert contrast_gain(0 * one, 100 * one, 3 * one, 0 * one) == 1
