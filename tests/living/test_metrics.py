import numpy as np
import pytest

from living.metrics import (
    fast_flicker,
    flicker,
    flow_error,
    luma_of,
    monotone,
    moved_land,
    noise_variance,
    seam,
    sharpness,
    steps,
    textured,
)
from living.noise import NoiseBank


def test_a_closed_ramp_has_no_seam_and_an_open_one_has() -> None:
    circle = [np.full((4, 4), level, np.uint8) for level in (0, 10, 20, 30, 20, 10)]
    assert seam(steps(circle)) == 1.0
    assert seam(steps(circle[:4])) == 3.0
    assert seam(steps([circle[0]] * 3)) == 1.0
    assert seam(steps([circle[0], circle[0], circle[0], circle[1]])) == np.inf


def test_flow_is_compared_where_it_is_asked() -> None:
    asked = np.zeros((4, 6, 2), np.float32)
    asked[..., 0] = 1.0
    measured = asked.copy()
    measured[:2, :, 1] = 1.0
    where = np.ones((4, 6), bool)
    error = flow_error(measured, asked, where)
    assert error.asked == 1.0
    assert error.epe == pytest.approx(0.5)
    assert error.mean_epe == pytest.approx(0.5)
    assert error.degrees == pytest.approx(np.degrees(np.arctan(0.5)))
    where[:2] = False
    assert flow_error(measured, asked, where).epe == 0.0
    with pytest.raises(ValueError, match="nothing"):
        flow_error(measured, asked, np.zeros((4, 6), bool))


def test_texture_is_found_and_calm_left_out() -> None:
    picture = np.full((64, 64), 100, np.uint8)
    picture[:, 32:] = np.random.default_rng(0).integers(60, 140, (64, 32), np.uint8)
    found = textured(picture, np.ones((64, 64), bool))
    assert found[:, 40:].all()
    assert not found[:, :24].any()


def test_land_that_moves_is_told() -> None:
    first = np.zeros((4, 4), np.uint8)
    second = first.copy()
    second[0, 0], second[3, 3] = 7, 200
    land = np.ones((4, 4), bool)
    land[3, 3] = False
    assert moved_land([first, first], land) == 0
    assert moved_land([first, second], land) == 7


def test_light_that_turns_back_is_told() -> None:
    assert monotone([9, 7, 7, 1]) == 1.0
    assert monotone([9, 7, 8, 1]) == pytest.approx(2 / 3)
    assert monotone([1, 2, 3]) == 1.0


def test_flicker_of_what_pulses_and_of_what_passes() -> None:
    pulsing = [10.0 + (-1) ** n for n in range(40)]
    assert flicker(pulsing) == pytest.approx(0.1)
    assert fast_flicker(pulsing) == pytest.approx(0.1, rel=0.15)
    passing = [10.0 + n / 20 for n in range(40)]
    assert flicker(passing) > 0.05
    assert fast_flicker(passing) < 0.01
    rng = np.random.default_rng(0)
    noise, everywhere = rng.integers(90, 110, (32, 32), np.uint8), np.ones((32, 32), bool)
    assert sharpness(noise, everywhere) > 10 * sharpness(np.full((32, 32), 90, np.uint8), everywhere)


def test_luma_is_smaller_where_asked() -> None:
    rgb = np.zeros((8, 16, 3), np.uint8)
    rgb[..., 1] = 255
    assert luma_of(rgb, 8).shape == (4, 8)
    assert luma_of(rgb).max() == 182


def test_moved_noise_keeps_its_variance() -> None:
    least, most = noise_variance(NoiseBank(32, 2), [(0.0, 0.0), (0.011, 0.3), (0.017, -0.2)])
    assert 0.92 <= least <= most <= 1.08
