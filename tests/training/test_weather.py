"""Weather: fog flattens, the sun brightens, mirrors and walls leave the sky alone, drops turn the scene."""

import numpy as np
import pytest

from training.weather import (
    add_drops,
    add_fog,
    add_rain,
    add_reflections,
    add_snow,
    add_specks,
    add_sun,
    add_veil,
    add_water,
    whitewash,
)

Array = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


@pytest.fixture
def alpha() -> Array:
    alpha = np.zeros((90, 120), np.uint8)
    alpha[:45] = 255
    return alpha


@pytest.fixture
def image(alpha: Array) -> Array:
    return np.where(alpha[..., None] > 0, 220, 60).astype(np.uint8).repeat(3, axis=2)


def seeds(count: int = 20) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in range(count)]


def test_fog_is_thick_at_the_sky_and_thin_below(image: Array, alpha: Array) -> None:
    for rng in seeds():
        out = add_fog(image, alpha, rng).astype(int)
        assert out.std() < image.std()
        change = np.abs(out - image).mean(axis=(1, 2))
        assert change[48] > change[88]


def test_a_sun_shines_only_where_there_is_sky(image: Array, alpha: Array) -> None:
    for rng in seeds(6):
        sunny = add_sun(image, alpha, rng)
        assert sunny.max() == 255 and (sunny >= image).all()
    assert np.array_equal(add_sun(image, np.zeros_like(alpha), np.random.default_rng(0)), image)


def test_glare_takes_contrast(image: Array) -> None:
    assert all(add_veil(image, rng).std() < image.std() for rng in seeds(8))


def test_drops_and_specks_show_the_other_end_of_the_picture(image: Array) -> None:
    for function in (add_drops, add_specks):
        outs = np.stack([function(image, rng) for rng in seeds(8)]).astype(int)
        # the scene is turned over: dark spots in the sky, bright ones on the ground
        assert outs[:, 5:35].min() < 120 and outs[:, 55:85].max() > 100


def test_rain_is_light_and_thin(image: Array) -> None:
    for rng in seeds(5):
        out = add_rain(image, rng).astype(int) - image
        assert out[50:].min() >= 0 and out[50:].max() > 3


def test_snow_whitens_the_ground_and_not_the_sky(image: Array, alpha: Array) -> None:
    grounds = []
    for rng in seeds():
        out = add_snow(image, alpha, rng)
        assert (out[:40] >= image[:40]).all()
        grounds.append(out[80:].mean())
    assert np.mean(grounds) > 90


def test_water_mirrors_the_sky_below_it(image: Array, alpha: Array) -> None:
    brighter = 0
    for rng in seeds():
        out = add_water(image, alpha, rng)
        assert np.array_equal(out[:45], image[:45])
        brighter += bool(out[60:].max() > 90)
    assert brighter > 10


def test_panes_and_pale_walls_leave_the_sky_alone(image: Array, alpha: Array) -> None:
    sky = np.full((50, 80, 3), (200, 80, 20), np.uint8)
    panes, walls = False, False
    for rng in seeds():
        out = add_reflections(image, alpha, sky, rng)
        assert (out[alpha > 0] == 220).all()
        panes = panes or bool((out != image).any())
        out = whitewash(image, alpha, rng)
        assert (out[alpha > 0] == 220).all()
        walls = walls or bool(out[50:].max() > 120)
    assert panes and walls
