"""The sky behind the land, and what is sky at all."""

import numpy as np
import pytest

from app.errors import SkyError
from app.frame import U8
from living.behind import extended, horizon_of, sure_sky, without_specks


def _photo(land_from: int = 60) -> tuple[U8, U8]:
    """A sky of soft stripes over dark land, and its alpha."""
    y, x = np.mgrid[:100, :160]
    photo = np.empty((100, 160, 3), np.uint8)
    photo[...] = (120 + 0.6 * y + 20 * np.sin(x / 9))[..., None]
    photo[land_from:] = (20, 40, 10)
    return photo, np.where(y < land_from, 255, 0).astype(np.uint8)


def test_sky_stays_and_land_is_replaced_by_sky() -> None:
    photo, alpha = _photo()
    sky = extended(photo, alpha)
    sure = sure_sky(alpha) > 0
    assert np.array_equal(sky[sure], photo[sure])
    assert sky[60:].min() > 110 and sky[60:].max() < 200
    # It goes on without an edge, and with the texture of the sky.
    assert np.abs(sky[58].astype(int) - sky[62]).mean() < 8
    assert sky[65:80].astype(float).std(axis=1).mean() > 2


def test_a_photo_of_sky_alone_is_left_as_it_is() -> None:
    photo, _ = _photo()
    assert extended(photo, np.full((100, 160), 255, np.uint8)) is photo


def test_no_sky_is_refused() -> None:
    photo, _ = _photo()
    with pytest.raises(SkyError, match="no sky"):
        extended(photo, np.zeros((100, 160), np.uint8))


def test_islands_are_sky_and_things_that_stand_are_not() -> None:
    _, alpha = _photo()
    alpha[20:22, 30:34] = 0  # a bird
    alpha[40:60, 100:102] = 0  # a mast
    cleaned = without_specks(alpha)
    assert (cleaned[20:22, 30:34] == 255).all()
    assert not cleaned[40:60, 100:102].any() and not cleaned[60:].any()
    assert (without_specks(np.full((9, 9), 255, np.uint8)) == 255).all()


def test_horizons() -> None:
    assert horizon_of(_photo(60)[1]) == pytest.approx(62.0)
    assert horizon_of(np.full((100, 160), 255, np.uint8)) == pytest.approx(115.0)
