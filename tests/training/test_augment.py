"""Augmentation: picture, alpha and valid stay together; random but repeatable; weather does its work."""

import numpy as np
import pytest

from training.augment import (
    add_bars,
    add_drops,
    add_fog,
    add_reflections,
    add_sun,
    augment,
    change_colours,
    crop,
    edge_band,
    paste_sky,
    relight_as_night,
)
from training.data import Picture

SIZE_WH = (96, 64)


@pytest.fixture
def picture() -> Picture:
    """A grey ground under a white sky, 160x120, with a tower; a strip at the left is unlabelled."""
    alpha = np.zeros((120, 160), np.uint8)
    alpha[:70] = 255
    alpha[30:70, 60:80] = 0
    image = np.where(alpha[..., None] > 0, 240, 60).astype(np.uint8).repeat(3, axis=2)
    valid = np.full_like(alpha, 255)
    valid[:, :20] = 0
    return Picture(image, alpha, valid, soft=False)


@pytest.fixture
def sky() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((50, 80, 3), (200, 80, 20), np.uint8)


@pytest.mark.parametrize("seed", range(20))
def test_crop_keeps_picture_alpha_and_valid_aligned(picture: Picture, seed: int) -> None:
    image, alpha, valid = crop(picture, SIZE_WH, np.random.default_rng(seed))
    assert image.shape == (64, 96, 3) and alpha.shape == valid.shape == (64, 96)
    expected = 60 + alpha.astype(float) / 255 * 180
    # both are interpolated from the same positions, so the grey follows the alpha
    assert np.abs(image[..., 0] - expected).max() <= 2
    assert set(np.unique(valid)) <= {0, 255}


def test_what_lies_outside_of_the_picture_is_not_valid() -> None:
    flat = np.zeros((40, 40), np.uint8)
    picture = Picture(np.zeros((40, 40, 3), np.uint8), flat, flat + 255, soft=True)
    shares = [crop(picture, SIZE_WH, np.random.default_rng(s))[2].mean() / 255 for s in range(60)]
    assert min(shares) < 0.99 and np.median(shares) > 0.9


@pytest.mark.parametrize("soft", [False, True])
def test_a_sample_can_be_made_again(picture: Picture, soft: bool) -> None:
    picture = Picture(picture.image, picture.alpha, picture.valid, soft)
    skies = [np.full((30, 40, 3), 120, np.uint8)]
    for seed in range(30):
        first, second = (augment(picture, SIZE_WH, skies, np.random.default_rng(seed)) for _ in range(2))
        assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
        assert [plane.dtype for plane in first] == [np.uint8] * 3
        assert first[0].shape == (64, 96, 3)


def test_pasted_sky_is_sky_and_the_tower_stays(picture: Picture, sky: np.ndarray) -> None:
    out = paste_sky(picture.image, picture.alpha, sky, np.random.default_rng(0))
    assert (out[:25] == sky[0, 0]).all()
    ground = out[picture.alpha == 0]
    assert (ground == ground[0]).all() and not (ground[0] == sky[0, 0]).all()


def test_night_is_darker_and_fog_flatter(picture: Picture) -> None:
    rng = np.random.default_rng(1)
    assert relight_as_night(picture.image, picture.alpha, rng)[:25].mean() < picture.image[:25].mean()
    assert add_fog(picture.image, picture.alpha, rng).std() < picture.image.std()


def test_reflections_leave_the_sky_alone(picture: Picture, sky: np.ndarray) -> None:
    changed = False
    for seed in range(20):
        out = add_reflections(picture.image, picture.alpha, sky, np.random.default_rng(seed))
        assert (out[picture.alpha > 0] == 240).all()
        changed = changed or bool((out != picture.image).any())
    assert changed


def test_a_sun_brightens_and_drops_keep_the_mean(picture: Picture) -> None:
    rng = np.random.default_rng(3)
    grey = np.full((64, 96, 3), 100, np.uint8)
    sunny = add_sun(grey, np.full((64, 96), 255, np.uint8), rng)
    assert sunny.max() == 255 and (sunny >= grey).all()
    assert np.array_equal(add_sun(grey, np.zeros((64, 96), np.uint8), rng), grey)
    assert 20 < add_drops(grey, rng).mean() < 200


def test_bars_are_no_sky() -> None:
    for seed in range(6):
        image = np.full((64, 96, 3), 200, np.uint8)
        alpha, valid = np.full((64, 96), 255, np.uint8), np.zeros((64, 96), np.uint8)
        add_bars(image, alpha, valid, np.random.default_rng(seed))
        bars = alpha == 0
        assert 0.05 < bars.mean() < 0.45 and bars[0, 0] and bars[-1, -1]
        assert (image[bars] < 12).all() and (valid[bars] == 255).all()
        assert (image[~bars] == 200).all() and (valid[~bars] == 0).all()


def test_edge_band_lies_around_the_edge_only(picture: Picture) -> None:
    band = edge_band(picture.alpha)
    assert (band[68:72, 100:] == 255).all()
    assert (band[:20] == 0).all() and (band[80:] == 0).all()


def test_colours_change_but_keep_order(picture: Picture) -> None:
    ramp = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    for seed in range(10):
        out = change_colours(ramp, np.random.default_rng(seed)).astype(int).sum(axis=2)[0]
        assert (np.diff(out) >= -1).all()
