"""Stars, the galaxy's band and the moon."""

import numpy as np

from living import moon, night
from living.sun import direction, galactic_axes


def test_the_band_closes_behind_the_viewer() -> None:
    band = night.band()
    seam = np.abs(band[:, 0, :3] - band[:, -1, :3]).mean()
    assert seam < 1.5 * np.abs(np.diff(band[..., :3], axis=1)).mean() + 1e-3
    assert band.min() >= 0.0


def test_stars_are_the_same_each_time_and_denser_in_the_band() -> None:
    directions, light = night.stars(3)
    night.stars.cache_clear()
    again, _ = night.stars(3)
    np.testing.assert_array_equal(directions, again)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0)
    assert (light > 0).all() and light[0].sum() >= light[-1].sum()
    near = float(np.mean(np.abs(directions[:, 2]) < 0.1))
    assert near > 0.12


def test_a_star_is_drawn_where_it_stands_and_none_below_the_horizon() -> None:
    axes = galactic_axes(80.0, 40.0, 180.0)
    up, down = direction(30.0, 50.0), direction(-30.0, 50.0)
    picture = np.zeros((128, 256, 3), np.float32)
    night.add_stars(picture, np.array([axes @ down]), np.array([[50.0, 50.0, 50.0]]), axes, 1.0)
    assert picture.max() == 0.0
    night.add_stars(picture, np.array([axes @ up]), np.array([[50.0, 40.0, 30.0]]), axes, 1.0)
    y, x = np.unravel_index(int(picture[..., 0].argmax()), picture.shape[:2])
    assert abs((x + 0.5) / 256 * 360 - 180 - 50) < 1.5
    assert abs(90 - (y + 0.5) / 128 * 180 - 30) < 1.5
    assert picture[y, x, 0] > picture[y, x, 2] > 0


def test_moonlight_falls_fast_from_full_to_half() -> None:
    full = moon.light(np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.0, -1.0]))
    half = moon.light(np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0]))
    new = moon.light(np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0]))
    assert full == moon.FULL_LIGHT
    assert 0.05 < half / full < 0.12
    assert new < 0.01 * full


def test_the_lit_side_of_the_moon_faces_the_sun() -> None:
    assert moon.disc(0.7, 0.0, 1.0, 0.0, 0.0) > 10 * moon.disc(-0.7, 0.0, 1.0, 0.0, 0.0)
    assert moon.disc(0.0, -0.9, 0.0, 0.0, 1.0) > 0.3
