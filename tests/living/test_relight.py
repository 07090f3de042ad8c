"""Light of other hours: monotone, one at the photo's own, kept as computed."""

import numpy as np
import pytest

from living import relight
from living.atmosphere import ambient, sky_colour, sun_colour
from living.relight import Daylight, own_sun, shine_of, sun_at

HIGH = np.radians([0.0, 5.0, 15.0, 40.0])
ROWS = np.linspace(0.9, 0.02, 60)


def test_at_its_own_hour_a_photo_is_itself() -> None:
    for sun in (-9.0, 2.5, 35.0):
        assert np.allclose(Daylight(sun).sky_gains(sun, HIGH), 1)
        assert np.allclose(Daylight(sun).land_gains(sun), 1)


def test_light_falls_with_the_sun() -> None:
    light = Daylight(35.0)
    suns = np.arange(60.0, -18.5, -1.5)
    land = np.array([light.land_gains(sun) for sun in suns]) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(land) < 0).all()
    sky = np.array([light.sky_gains(sun, HIGH).mean(axis=0) for sun in suns])
    dusk = suns < 3
    assert (np.diff(sky[dusk] @ [0.2126, 0.7152, 0.0722]) < 0).all()
    assert 0.1 < sky[-1].mean() < 0.45  # dark, and still to be seen


def test_evening_is_red_below_and_the_night_blue() -> None:
    light = Daylight(35.0)
    red, _, blue = light.sky_gains(1.0, HIGH)[0]
    assert red > 1.5 * blue
    high_red, _, high_blue = light.sky_gains(1.0, HIGH)[3]
    assert red / blue > 1.5 * high_red / high_blue
    red, _, blue = light.sky_gains(-18.0, HIGH)[3]
    assert blue > 1.2 * red


def test_what_is_kept_is_what_the_atmosphere_gives() -> None:
    kept = np.load(relight.KEPT)
    for node, sun in enumerate(relight._SUNS):
        if sun not in (-4, 0, 10, 50):
            continue
        height = 0.5 * np.pi * (6 / 13) ** 2
        sky = np.log(sky_colour(sun, np.full(6, height), relight._BEARINGS)).mean(axis=0)
        assert np.allclose(kept[node, 6], sky, atol=0.02), "run python -m living.relight"
        land = ambient(sun) + sun_colour(sun) * max(np.sin(np.radians(sun)), 0.25) / np.pi
        assert np.allclose(kept[node, -1], np.log(land), atol=0.02), "run python -m living.relight"


@pytest.mark.parametrize("sun", [1.0, 3.0, 28.0])
def test_a_clear_sky_tells_where_its_sun_is(sun: float) -> None:
    colours = sky_colour(sun, ROWS[:, None], relight._BEARINGS[None]).mean(axis=1)
    rows = 255 * (colours / colours.max()) ** (1 / 2.2)
    photo = np.repeat(rows[:, None], 40, axis=1).astype(np.uint8)
    found = own_sun(photo, ROWS)
    assert sun / 3 <= found <= sun * 3
    assert (found < 8) == (sun < 8)


def test_grey_skies_have_the_usual_sun() -> None:
    assert own_sun(np.full((60, 40, 3), 170, np.uint8), ROWS) > 15


def test_plain_days() -> None:
    assert sun_at(12.0) == pytest.approx(50.0, abs=0.1)
    assert sun_at(18.0) == pytest.approx(0.0, abs=0.1)


def test_a_sun_that_has_set_does_not_shine() -> None:
    assert [shine_of(sun) for sun in (-10.0, -3.0, -1.0, 1.0, 40.0)] == [0.0, 0.0, 0.5, 1.0, 1.0]
