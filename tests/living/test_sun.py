"""Sun and moon against values published by others."""

import datetime

import numpy as np
import pytest

from living import sun

UTC = datetime.UTC


def test_the_sun_of_meeus() -> None:
    """Meeus, Astronomical Algorithms (1998), example 25.a."""
    ascension, declination = sun.sun_equatorial(datetime.datetime(1992, 10, 13, tzinfo=UTC))
    assert ascension == pytest.approx(198.38083, abs=0.02)
    assert declination == pytest.approx(-7.78507, abs=0.02)


def test_the_moon_of_meeus() -> None:
    """Example 47.a."""
    ascension, declination, parallax = sun.moon_equatorial(datetime.datetime(1992, 4, 12, tzinfo=UTC))
    assert ascension == pytest.approx(134.688470, abs=0.3)
    assert declination == pytest.approx(13.768368, abs=0.3)
    assert parallax == pytest.approx(0.991990, abs=0.01)


def test_the_sun_of_the_solar_position_algorithm() -> None:
    """Reda and Andreas, Solar Position Algorithm (NREL, 2004), table A5.1."""
    moment = datetime.datetime(2003, 10, 17, 19, 30, 30, tzinfo=UTC)
    elevation, azimuth = sun.sun_position(moment, 39.742476, -105.1786)
    assert elevation == pytest.approx(90 - 50.11162, abs=0.03)
    assert azimuth == pytest.approx(194.34024, abs=0.03)


@pytest.mark.parametrize(
    ("utc", "place", "elevation"),
    [
        # The almanac's sunrise is the upper limb's: the middle of the disc is then 0.27 degrees lower.
        ((2024, 6, 20, 3, 43), (51.48, 0.0), -0.27),
        ((2024, 12, 21, 15, 53), (51.48, 0.0), -0.27),
        ((2024, 3, 20, 12, 7), (0.0, 0.0), 89.9),
    ],
)
def test_sunrise_sunset_and_noon(utc: tuple[int, ...], place: tuple[float, float], elevation: float) -> None:
    year, month, day, hour, minute = utc
    moment = datetime.datetime(year, month, day, hour, minute, tzinfo=UTC)
    assert sun.sun_position(moment, *place)[0] == pytest.approx(elevation, abs=0.25)


def test_refraction_lifts_the_setting_sun_by_its_width() -> None:
    assert sun.refraction_deg(-0.57) == pytest.approx(0.57, abs=0.05)
    assert sun.refraction_deg(45.0) == pytest.approx(1 / 60, abs=0.002)
    lifts = [sun.refraction_deg(e) for e in np.arange(-8, 3, 0.05)]
    assert np.abs(np.diff(lifts)).max() < 0.05
    assert lifts[0] == 0.0


def test_the_full_moon_stands_opposite_the_sun() -> None:
    """Total lunar eclipse of 2019-01-21, greatest at 05:12 UTC."""
    moment = datetime.datetime(2019, 1, 21, 5, 12, tzinfo=UTC)
    moon = sun.direction(*sun.horizontal(*sun.moon_equatorial(moment)[:2], 0.0, 0.0))
    light = sun.direction(*sun.horizontal(*sun.sun_equatorial(moment), 0.0, 0.0))
    assert np.degrees(np.arccos(-moon @ light)) < 1.0


def test_the_plain_day() -> None:
    assert sun.day_path(12.0) == pytest.approx((50.0, 0.0))
    assert sun.day_path(6.0) == pytest.approx((0.0, -90.0), abs=1e-9)
    assert sun.day_path(18.0) == pytest.approx((0.0, 90.0), abs=1e-9)
    rising = [sun.day_path(h)[0] for h in np.linspace(0, 12, 49)]
    assert (np.diff(rising) > 0).all()


def test_the_galaxy_stands_where_its_stars_do() -> None:
    """Its centre at 266.4, -28.9 and its pole at 192.86, 27.13 (J2000)."""
    sidereal, latitude, middle = 200.0, 35.0, 180.0
    axes = sun.galactic_axes(sidereal, latitude, middle)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-6)
    for row, place in ((0, (266.405, -28.936)), (2, (192.859, 27.128))):
        elevation, azimuth = sun.horizontal(*place, sidereal, latitude)
        np.testing.assert_allclose(axes[row], sun.direction(elevation, azimuth - middle), atol=1e-4)
