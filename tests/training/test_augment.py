"""Augmentation: picture, alpha and valid stay together; random but repeatable; cut-outs and night join in."""

import dataclasses

import numpy as np
import pytest

from training import augment as augmentation
from training.augment import add_cutouts, add_weather, augment, crop
from training.cutouts import HEIGHT, WIDTH, Cutout
from training.data import Picture

SIZE_WH = (96, 64)
Array = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


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
def post() -> Cutout:
    """A bright red post of 40 columns."""
    rgba = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    rgba[:, 220:260] = (200, 10, 10, 255)
    return Cutout(rgba, "bottom")


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
def test_a_sample_can_be_made_again(picture: Picture, post: Cutout, soft: bool) -> None:
    picture = Picture(picture.image, picture.alpha, picture.valid, soft)
    skies = [np.full((30, 40, 3), 120, np.uint8), np.full((30, 40, 3), 20, np.uint8)]
    for seed in range(60):
        first, second = (
            augment(picture, SIZE_WH, skies, np.random.default_rng(seed), [post]) for _ in range(2)
        )
        assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
        assert [plane.dtype for plane in first] == [np.uint8] * 3
        assert first[0].shape == (64, 96, 3) and first[1].shape == first[2].shape == (64, 96)


def test_another_sky_is_pasted_by_the_cut_not_by_the_hard_label(
    picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = np.full_like(picture.alpha, 128)
    cut = dataclasses.replace(picture, cut=(half, np.full_like(half, 255)))
    skies = [np.full((30, 40, 3), 120, np.uint8)]
    monkeypatch.setattr(augmentation, "PASTED_HARD", 1.0)
    assert np.isin(augment(cut, SIZE_WH, skies, np.random.default_rng(0))[1], (0, 128)).all()
    monkeypatch.setattr(augmentation, "PASTED_HARD", 0.0)
    monkeypatch.setattr(augmentation, "NIGHT", 0.0)
    assert augment(cut, SIZE_WH, skies, np.random.default_rng(0))[1].max() == 255


def test_a_picture_that_is_dark_already_keeps_its_sky(
    picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(augmentation, "NIGHT", 1.0)
    called: list[int] = []

    def night(*_arguments: object) -> tuple[Array, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
        called.append(1)
        return np.zeros((64, 96, 3), np.uint8), np.ones(3)

    monkeypatch.setattr(augmentation, "relight_as_night", night)
    augment(dataclasses.replace(picture, image=picture.image // 8), SIZE_WH, [], np.random.default_rng(0))
    assert not called
    augment(picture, SIZE_WH, [], np.random.default_rng(0))
    assert called


def test_cut_outs_take_the_sky_away_and_are_labelled(picture: Picture, post: Cutout) -> None:
    before = (picture.image, picture.alpha, np.zeros_like(picture.valid))
    image, alpha, valid = add_cutouts(*before, [post], np.ones(3), np.random.default_rng(2))
    covered = (picture.alpha == 255) & (alpha == 0)
    assert covered.sum() > 100
    assert (valid[covered] == 255).all() and (valid[alpha == 255] == 0).all()
    assert (image[covered][:, 0] > image[covered][:, 1]).all()
    unchanged = alpha == picture.alpha
    assert (image[unchanged & (picture.alpha == 255)] == 240).all()


def test_weather_changes_some_pictures_and_not_others(picture: Picture) -> None:
    changed = [
        bool((add_weather(picture.image, picture.alpha, [], np.random.default_rng(s)) != picture.image).any())
        for s in range(40)
    ]
    assert 4 < sum(changed) < 30
