"""The renderers at a tiny size: deterministic, in range, closed left to right, loops closed."""

import numpy as np
import pytest

from skyboxes import grade, noise, thunderstorm
from skyboxes.lightning import brightness
from skyboxes.render import PANORAMAS, STILLS
from skyboxes.view import ARC, Picture, View, bearing_to

pytestmark = pytest.mark.timeout(600)  # the first run compiles the renderers

WIDTH, HEIGHT = 96, 54


def seam(picture: Picture) -> tuple[float, float]:
    """Mean step from the last column to the first, and between neighbouring columns."""
    edge = float(np.abs(picture[:, 0] - picture[:, -1]).mean())
    return edge, float(np.abs(picture[:, 1:] - picture[:, :-1]).mean())


@pytest.mark.parametrize("name", sorted(STILLS))
def test_still(name: str) -> None:
    picture = STILLS[name](WIDTH, HEIGHT)
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert np.isfinite(picture).all()
    assert 0.0 <= picture.min() < picture.max() <= 1.0
    assert picture.std() > 0.03
    edge, neighbours = seam(picture)
    assert edge < 2.0 * neighbours + 0.01
    np.testing.assert_array_equal(picture, STILLS[name](WIDTH, HEIGHT))


@pytest.mark.parametrize("name", sorted(PANORAMAS))
def test_panorama(name: str) -> None:
    picture = PANORAMAS[name](360, 180)
    assert picture.shape == (180, 360, 3)
    assert np.isfinite(picture).all()
    assert 0.0 <= picture.min() < picture.max() <= 1.0
    assert picture[:90].std() > 0.03
    edge, neighbours = seam(picture)
    assert edge < 2.0 * neighbours + 0.01
    assert picture[0].mean(axis=1).std() < 0.05  # the zenith is one point
    np.testing.assert_array_equal(picture, PANORAMAS[name](360, 180))


def test_storm_loops_without_a_jump() -> None:
    first, second, last = (
        thunderstorm.frame(WIDTH, HEIGHT, time_s) for time_s in (0.0, 1 / 25, thunderstorm.LOOP_S - 1 / 25)
    )
    assert np.isfinite(first).all()
    assert 0.0 <= first.min() < first.max() <= 1.0
    np.testing.assert_array_equal(first, thunderstorm.frame(WIDTH, HEIGHT, thunderstorm.LOOP_S))
    step = float(np.abs(second - first).mean())
    assert step > 0.0
    assert float(np.abs(first - last).mean()) < 2.0 * step
    edge, neighbours = seam(first)
    assert edge < 2.0 * neighbours + 0.01


def test_lightning_lights_the_clouds() -> None:
    flash = thunderstorm.FLASHES[0]
    dark = thunderstorm.frame(WIDTH, HEIGHT, flash.start_s - 0.04)
    lit = thunderstorm.frame(WIDTH, HEIGHT, flash.start_s + 0.02)
    assert lit.mean() > dark.mean() + 0.02
    assert brightness(flash, flash.start_s - 0.01, thunderstorm.LOOP_S) < 1e-6


def test_noise_volume_is_periodic_and_repeats() -> None:
    volume = noise.billow_volume(16, 4, 2, 0.5, 3)
    np.testing.assert_array_equal(volume, noise.billow_volume(16, 4, 2, 0.5, 3))
    assert not np.array_equal(volume, noise.billow_volume(16, 4, 2, 0.5, 4))
    wrapped = np.abs(volume[0] - volume[-1]).mean()
    inside = np.abs(volume[1:] - volume[:-1]).mean()
    assert wrapped < 1.5 * inside
    here, repeated = noise.sample(volume, 0.2, 0.3, 0.4), noise.sample(volume, 1.2, -0.7, 3.4)
    assert here == pytest.approx(repeated, abs=1e-5)


def test_fractal_noise_has_no_bias_and_stays_in_range() -> None:
    values = np.array([noise.fbm2(0.37 * i, 0.73 * i, 5, 0.5, 2) for i in range(2000)])
    assert np.abs(values).max() < 1.2
    assert abs(values.mean()) < 0.05
    assert values.std() > 0.1


def test_bearings_close_over_the_edges() -> None:
    view = View(WIDTH, HEIGHT, 0.6)
    bearings = bearing_to(view.azimuths(), 0.3)
    assert np.abs(bearings).max() <= ARC / 2
    steps = np.diff(np.append(bearings, bearings[0]))
    assert np.isclose(np.cos(steps * 2.0 * np.pi / ARC), np.cos(2.0 * np.pi / WIDTH)).all()


def test_dither_keeps_the_mean() -> None:
    level = 0.3712
    flat = np.full((64, 64, 3), level, np.float32)
    pixels = grade.quantise(flat, 1)
    assert len(np.unique(pixels)) > 1
    assert pixels.mean() / 255.0 == pytest.approx(level, abs=5e-4)
