"""Maps of cloud: they close on themselves, and slide without a jump."""

import numpy as np

from living.weather import doubled, fractal_tile, periodic2, slid, wrapped


def test_noise_repeats_after_its_cells() -> None:
    places = np.random.default_rng(1).random((50, 2)) * 7
    for x, y in places:
        assert abs(periodic2(x, y, 7, 3) - periodic2(x + 7, y - 14, 7, 3)) < 1e-9
        assert abs(periodic2(x, y, 7, 3)) < 1.6


def test_a_tile_has_no_seam() -> None:
    tile = fractal_tile(128, 5, 4, 0.5, 0.3, 9)
    steps = np.abs(np.diff(tile, axis=1)).max(), np.abs(np.diff(tile, axis=0)).max()
    assert np.abs(tile[:, 0] - tile[:, -1]).max() <= 1.2 * steps[0]
    assert np.abs(tile[0] - tile[-1]).max() <= 1.2 * steps[1]
    assert tile.std() > 0.1


def test_tiles_slide_and_are_weighed() -> None:
    tiles = np.stack([fractal_tile(64, 4, 3, 0.5, 0.0, n) for n in (1, 2)])
    both = slid(tiles, np.array([1.0, 0.5]), np.array([[3.0, -2.0], [0.0, 0.0]]))
    np.testing.assert_allclose(both, np.roll(tiles[0], (-2, 3), (0, 1)) + 0.5 * tiles[1], atol=1e-5)
    half = slid(tiles[:1], np.array([1.0]), np.array([[0.5, 0.0]]))
    np.testing.assert_allclose(half, 0.5 * (tiles[0] + np.roll(tiles[0], 1, 1)), atol=1e-5)


def test_a_tile_is_looked_up_beyond_its_edges() -> None:
    tile = fractal_tile(64, 4, 3, 0.5, 0.0, 5)
    assert wrapped(tile, 5.0, 9.0) == tile[9, 5]
    assert abs(wrapped(tile, 5.25 - 640.0, 9.5 + 64.0) - wrapped(tile, 5.25, 9.5)) < 1e-6


def test_doubled_tiles_still_close() -> None:
    tile = fractal_tile(64, 4, 2, 0.5, 0.0, 5)
    large = doubled(tile[None])[0]
    assert large.shape == (128, 128)
    assert np.abs(large[:, 0] - large[:, -1]).max() <= 1.2 * np.abs(np.diff(large, axis=1)).max()
    np.testing.assert_allclose(large.mean(), tile.mean(), atol=1e-3)
