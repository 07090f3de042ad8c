"""Night: skies and ground go dark, lamps stay on the ground, a given sky is used as it is."""

import numpy as np
import pytest

from training.night import night_sky, relight_as_night

Array = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


@pytest.fixture
def scene() -> tuple[Array, Array]:
    alpha = np.zeros((96, 128), np.uint8)
    alpha[:50] = 255
    return np.where(alpha[..., None] > 0, 230, 110).astype(np.uint8).repeat(3, axis=2), alpha


def test_sky_and_shaded_ground_are_darker(scene: tuple[Array, Array]) -> None:
    for seed in range(20):
        image, ambient = relight_as_night(*scene, np.random.default_rng(seed))
        assert image.shape == scene[0].shape and image.dtype == np.uint8
        assert np.median(image[:40]) < 160 and ambient.shape == (3,) and (ambient < 1.0).all()
        assert np.percentile(image[60:], 5) < 130


def test_some_nights_have_lamps_and_some_skies_outshine_the_ground(scene: tuple[Array, Array]) -> None:
    nights = [relight_as_night(*scene, np.random.default_rng(seed))[0] for seed in range(30)]
    assert 5 < sum(bool(night[50:].max() > 230) for night in nights) <= 30
    brighter = sum(bool(np.median(night[:40]) > np.median(night[60:])) for night in nights)
    assert 3 < brighter < 27


def test_a_given_sky_stays(scene: tuple[Array, Array]) -> None:
    sky = np.full_like(scene[0], (3, 9, 30))
    image, _ = relight_as_night(*scene, np.random.default_rng(4), sky)
    assert (np.median(image[:20].reshape(-1, 3), axis=0) >= (3, 9, 30)).all()
    assert np.median(image[:20, :, 2]) < 90


def test_night_skies_differ_and_are_dark(scene: tuple[Array, Array]) -> None:
    skies = [night_sky(*scene, np.random.default_rng(seed)) for seed in range(30)]
    levels = [float(np.median(sky)) for sky in skies]
    assert min(levels) < 10 and max(levels) > 30 and max(levels) < 170
