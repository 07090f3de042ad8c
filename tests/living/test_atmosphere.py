"""The cloudless sky: brightness and colour as they are known from outdoors."""

from itertools import pairwise

import numpy as np
import pytest

from living import atmosphere
from living.atmosphere import DEFAULT_AIR, Air, ambient, sky_colour, sun_at, sun_colour

UP = np.pi / 2


def colour(sun_deg: float, elevation_deg: float, bearing_deg: float, air: Air = DEFAULT_AIR) -> np.ndarray:
    return sky_colour(sun_deg, np.radians(elevation_deg), np.radians(bearing_deg), air)


def test_directions_broadcast() -> None:
    elevations, bearings = np.linspace(0, UP, 5)[:, None], np.linspace(-4, 4, 7)[None]
    rgb = sky_colour(20.0, elevations, bearings)
    assert rgb.shape == (5, 7, 3)
    assert np.isfinite(rgb).all() and (rgb > 0).all()
    assert colour(20.0, 30.0, 50.0) == pytest.approx(colour(20.0, 30.0, -50.0), rel=1e-6)
    assert colour(20.0, 30.0, 50.0) == pytest.approx(colour(20.0, 30.0, 410.0), rel=1e-6)


def test_a_day_sky_is_blue_above_and_pale_at_the_horizon() -> None:
    zenith, horizon = colour(45.0, 90.0, 0.0), colour(45.0, 1.0, 120.0)
    assert zenith[2] > 1.8 * zenith[1] > 1.8 * 1.5 * zenith[0]
    assert horizon.mean() > 2.5 * zenith.mean()
    assert horizon.max() / horizon.min() < 1.5


def test_the_sky_is_brightest_around_the_sun() -> None:
    away = [colour(30.0, 30.0, b).mean() for b in (0.0, 4.0, 10.0, 25.0, 60.0)]
    assert all(a > 1.15 * b for a, b in pairwise(away))


def test_sunlight_reddens_and_ends_as_the_sun_sets() -> None:
    high, low, grazing = sun_colour(60.0), sun_colour(5.0), sun_colour(0.5)
    assert high.min() / high.max() > 0.75
    assert low[0] > 1.3 * low[1] > 1.3 * 2 * low[2]
    assert grazing[0] > 3 * grazing[1]
    assert sun_colour(-1.0).max() == 0.0
    assert sun_at(3.0, float(np.sin(np.radians(-1.0))))[0] > 0.005


@pytest.mark.parametrize("bearing", [0.0, 90.0, 180.0])
def test_it_darkens_without_a_step_as_the_sun_sinks(bearing: float) -> None:
    suns = np.arange(8.0, -18.0, -0.25)
    light = np.array([colour(s, 25.0, bearing) for s in suns]).mean(axis=1)
    assert (np.diff(light) < 0).all()
    # A quarter of a degree never takes more than a third: there is no edge between two tables.
    assert (light[1:] / light[:-1]).min() > 0.66
    assert light[0] / light[-1] > 1e4


def test_ozone_keeps_the_zenith_blue_after_sunset() -> None:
    with_it, without = colour(-5.0, 80.0, 90.0), colour(-5.0, 80.0, 90.0, Air(ozone=0.0))
    assert with_it[2] / with_it[0] > 3.0
    assert with_it[2] / with_it[0] > 1.4 * without[2] / without[0]


def test_the_belt_of_venus_stands_over_the_earths_shadow() -> None:
    shadow, belt = colour(-3.0, 1.0, 180.0), colour(-3.0, 9.0, 180.0)
    assert shadow[2] > 1.2 * shadow[0]
    assert belt[0] / belt[2] > 1.5 * shadow[0] / shadow[2]
    assert belt.mean() > shadow.mean()


def test_twilight_has_its_known_illuminance() -> None:
    """Full sunlight above the air is 128 000 lux; sky alone: 10 000 or so at noon, 3 to 8 at -6 degrees."""
    lux = {s: float(np.pi * ambient(s) @ [0.2126, 0.7152, 0.0722]) * 128e3 for s in (50.0, -6.0, -18.0)}
    assert 6e3 < lux[50.0] < 18e3
    assert 2.0 < lux[-6.0] < 12.0
    assert 2e-4 < lux[-18.0] < 4e-3


def test_it_mixes_neighbouring_tables_and_meets_them() -> None:
    exact, near = atmosphere.mixed_dome(10.0, DEFAULT_AIR), atmosphere.mixed_dome(10.0001, DEFAULT_AIR)
    np.testing.assert_allclose(near, exact, rtol=1e-3)
    assert atmosphere.mixed_dome(-40.0, DEFAULT_AIR) is atmosphere.dome(-36, DEFAULT_AIR)
