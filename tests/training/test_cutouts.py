"""Rendered foregrounds: partial coverage, colours multiplied by it, places in the frame, exact pasting."""

import numpy as np
import pytest

from training.cutouts import HEIGHT, WIDTH, Cutout, paste_cutout, place_cutout, render_cutouts


@pytest.fixture(scope="module")
def pool() -> list[Cutout]:
    return render_cutouts(12, np.random.default_rng(3))


def test_cut_outs_leave_most_of_the_sky_free_and_have_soft_edges(pool: list[Cutout]) -> None:
    for cutout in pool:
        assert cutout.rgba.shape == (HEIGHT, WIDTH, 4) and cutout.rgba.dtype == np.uint8
        cover = cutout.rgba[..., 3]
        assert 0 < (cover > 0).mean() < 0.9
        assert ((cover > 10) & (cover < 245)).any()
        # colours are multiplied by coverage, so they never exceed it by more than a rounding
        assert (cutout.rgba[..., :3].astype(int) <= cover[..., None].astype(int) + 1).all()
    assert len({cutout.anchor for cutout in pool}) >= 3


def test_the_same_seed_draws_the_same() -> None:
    first, second = (render_cutouts(2, np.random.default_rng(9)) for _ in range(2))
    assert all(np.array_equal(a.rgba, b.rgba) for a, b in zip(first, second, strict=True))


def test_what_spans_reaches_both_sides_and_what_hangs_starts_at_the_top() -> None:
    rgba = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    rgba[HEIGHT // 2 - 3 : HEIGHT // 2 + 3] = 255
    for seed in range(20):
        placed = place_cutout(Cutout(rgba, "span"), (128, 96), 0.6, np.random.default_rng(seed))
        assert placed[:, 0, 3].any() and placed[:, -1, 3].any()
    full = Cutout(np.full((HEIGHT, WIDTH, 4), 255, np.uint8), "top")
    tops = []
    for seed in range(20):
        placed = place_cutout(full, (128, 96), 0.6, np.random.default_rng(seed))[..., 3]
        tops += np.flatnonzero(placed.any(axis=1))[:1].tolist()
    assert len(tops) > 15 and max(tops) < 48


def test_pasting_mixes_by_coverage() -> None:
    image = np.full((4, 6, 3), 200, np.uint8)
    alpha = np.full((4, 6), 255, np.uint8)
    valid = np.zeros((4, 6), np.uint8)
    placed = np.zeros((4, 6, 4), np.uint8)
    placed[:, 2:4] = (50, 50, 50, 128)
    placed[:, 4:] = (100, 100, 100, 255)
    image, alpha, valid = paste_cutout(image, alpha, valid, placed, np.array([1.0, 0.5, 0.0]))
    assert alpha[0].tolist() == [255, 255, 127, 127, 0, 0]
    assert valid[0].tolist() == [0, 0, 0, 0, 255, 255]
    assert image[0, 0].tolist() == [200, 200, 200]
    assert np.abs(image[0, 2].astype(int) - (150, 125, 100)).max() <= 1
    assert image[0, 5].tolist() == [100, 50, 0]
