"""Skies: foreground colours without the old sky, horizons, pasting, and computed skies."""

import numpy as np

from training.skies import foreground_colours, horizon_of, mix, paste_sky, plain_sky, render_skies, sky_piece


def test_mixed_pixels_get_the_colour_of_what_stands_there() -> None:
    alpha = np.tile(np.clip(np.linspace(-700, 955, 60), 0, 255).astype(np.uint8), (40, 1))
    ground = np.full((40, 60, 3), (40, 60, 20), np.uint8)
    image = mix(ground, np.full_like(ground, 240), alpha)
    found = foreground_colours(image, alpha)
    half = (alpha > 40) & (alpha < 200)
    assert np.abs(image[half].astype(int) - ground[half]).mean() > 60
    assert np.abs(found[half].astype(int) - ground[half]).mean() < 12
    assert np.array_equal(found[alpha == 0], ground[alpha == 0])


def test_no_rim_of_the_old_sky_is_left_before_a_dark_one() -> None:
    alpha = np.tile(np.clip(np.linspace(-700, 955, 80), 0, 255).astype(np.uint8), (40, 1))
    image = mix(np.full((40, 80, 3), 30, np.uint8), np.full((40, 80, 3), 250, np.uint8), alpha)
    out = paste_sky(image, alpha, np.full_like(image, 20), np.random.default_rng(0))
    assert out.max() < 45


def test_the_horizon_is_where_the_sky_ends() -> None:
    alpha = np.zeros((50, 40), np.uint8)
    assert horizon_of(alpha) == 0
    alpha[:30] = 255
    assert horizon_of(alpha) == 30


def test_pieces_keep_the_top_up_and_often_end_at_the_horizon() -> None:
    ramp = np.repeat(np.linspace(0, 255, 100).astype(np.uint8)[:, None], 80, axis=1)[..., None].repeat(3, 2)
    ends = []
    for seed in range(30):
        piece = sky_piece(ramp, (60, 50), 20, np.random.default_rng(seed))
        assert piece.shape == (50, 60, 3)
        assert (np.diff(piece[:, 0, 0].astype(int)) >= 0).all()
        ends.append(bool(piece[20, 0, 0] > 245))
    assert 10 < sum(ends) < 28


def test_a_pasted_sky_is_sky_and_lights_the_ground() -> None:
    alpha = np.zeros((60, 80), np.uint8)
    alpha[:30] = 255
    image = np.where(alpha[..., None] > 0, 240, 100).astype(np.uint8).repeat(3, axis=2)
    sky = np.full_like(image, (200, 60, 20))
    out = paste_sky(image, alpha, sky, np.random.default_rng(0))
    assert (out[:29] == sky[:29]).all()
    assert out[45, 40, 0] > out[45, 40, 2]


def test_computed_skies_are_smooth_and_of_many_kinds() -> None:
    skies = render_skies(30, np.random.default_rng(1))
    means = np.array([sky.mean(axis=(0, 1)) for sky in skies])
    assert all(sky.shape == (240, 360, 3) and sky.dtype == np.uint8 for sky in skies)
    assert means.std(axis=0).min() > 20
    assert np.median([np.abs(np.diff(sky.astype(int), axis=1)).mean() for sky in skies]) < 3


def test_plain_skies_are_pale_and_without_a_cloud() -> None:
    for seed in range(20):
        sky = plain_sky((64, 40), np.random.default_rng(seed)).astype(int)
        assert sky.shape == (40, 64, 3) and sky.min() > 130
        assert np.abs(np.diff(sky, axis=0)).max() <= 2 and not np.diff(sky, axis=1).any()
        assert np.ptp(sky.mean(axis=(0, 1))) < 45
