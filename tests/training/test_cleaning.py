"""Rules on labels: bands and borders by set, wires labelled as sky, mattes read off the colours."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.cleaning import distrusted, edge_band, load_for_training, pasting_matte, thin_in_sky
from training.data import Sample

Array = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


@pytest.fixture
def scene() -> tuple[Array, Array]:
    """A dark ground under a bright sky that a wire crosses, which the label does not know of."""
    alpha = np.zeros((120, 160), np.uint8)
    alpha[:70] = 255
    image = np.where(alpha[..., None] > 0, 220, 50).astype(np.uint8).repeat(3, axis=2)
    image[20:22] = 90
    return image, alpha


def test_bands_and_borders_are_those_of_the_set(scene: tuple[Array, Array]) -> None:
    image, alpha = scene
    image = np.where(alpha[..., None] > 0, 220, 50).astype(np.uint8).repeat(3, axis=2)
    assert not distrusted(image, alpha, "camvid").any()
    banded = distrusted(image, alpha, "oasis_marine")
    assert banded[69:71].all() and not banded[:66].any() and not banded[74:].any()
    bordered = distrusted(image, alpha, "cityscapes_sub")
    assert bordered[:3].all() and bordered[:, -3:].all() and not bordered[3:60, 3:-3].any()


def test_edge_band_lies_around_the_edge_only(scene: tuple[Array, Array]) -> None:
    band = edge_band(scene[1], 7)
    assert (band[68:72] == 255).all()
    assert (band[:60] == 0).all() and (band[80:] == 0).all()


def test_wires_in_the_sky_are_found_and_clouds_are_not(scene: tuple[Array, Array]) -> None:
    image, alpha = scene
    assert thin_in_sky(image, alpha)[20:22].all()
    assert not thin_in_sky(image, alpha)[30:60].any() and not thin_in_sky(image, alpha)[75:].any()
    cloudy = image.copy()
    cloudy[:70] = np.linspace(120, 230, 160).astype(np.uint8)[None, :, None]
    assert not thin_in_sky(cloudy, alpha)[:66].any()


def test_the_matte_follows_the_picture_not_the_label(scene: tuple[Array, Array]) -> None:
    image, alpha = scene
    image[67:70] = 50  # the ground reaches three rows higher than its label
    image[66] = 135
    matte, trusted = pasting_matte(image, alpha, np.full_like(alpha, 255))
    inner = np.s_[10:-10]
    assert (matte[67:70, inner] == 0).all() and (matte[63, inner] == 255).all()
    assert (np.abs(matte[66, inner].astype(int) - 128) < 30).all()
    assert (trusted[66:70, inner] == 255).all()


def test_where_colours_do_not_tell_the_edge_is_not_trusted() -> None:
    alpha = np.zeros((100, 100), np.uint8)
    alpha[:50] = 255
    matte, trusted = pasting_matte(np.full((100, 100, 3), 128, np.uint8), alpha, np.full_like(alpha, 255))
    assert (trusted[48:52] == 0).all() and (trusted[:40] == 255).all() and (trusted[60:] == 255).all()
    assert (matte[:45] == 255).all() and (matte[55:] == 0).all()


def test_sky_in_gaps_of_the_ground_is_not_trusted(scene: tuple[Array, Array]) -> None:
    image, alpha = scene
    image[78:82, 70:74] = 220
    trusted = pasting_matte(image, alpha, np.full_like(alpha, 255))[1]
    assert (trusted[78:82, 70:74] == 0).all() and (trusted[78:82, 20:60] == 255).all()


def test_only_hard_labels_are_cleaned(scene: tuple[Array, Array], tmp_path: Path) -> None:
    image, alpha = scene
    cv2.imwrite(str(tmp_path / "i.png"), image)
    cv2.imwrite(str(tmp_path / "m.png"), alpha)
    hard = Sample("labelmefacade", "train", tmp_path / "i.png", tmp_path / "m.png", False)
    picture = load_for_training(hard, 160)
    assert picture.cut is not None and (picture.valid[69:71] == 0).all() and (picture.valid[20:22] == 0).all()
    soft = Sample("ade20k_sky", "train", tmp_path / "i.png", tmp_path / "m.png", True)
    picture = load_for_training(soft, 160)
    assert picture.cut is None and picture.valid.min() == 255
