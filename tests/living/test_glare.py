"""The sun that stands still."""

import cv2
import numpy as np
import pytest

from app.frame import U8
from living.field import wind_field
from living.glare import find_glare, without_glare
from living.photo import PhotoLoop
from living.specs import Wind


def _sunny(x: float = 150.0, y: float = 60.0) -> U8:
    """A sun of 8 pixels with its glow in a blue sky that has some clouds."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:180, :320]
    distance = np.hypot(columns - x, rows - y)
    clouds = 40 * cv2.GaussianBlur(rng.standard_normal((180, 320)), (0, 0), 6) * 6
    light = 130 + clouds + 400 * np.exp(-distance / 12)
    return np.dstack([light - 40, light, light + 40]).clip(0, 255).astype(np.uint8)


def test_the_sun_is_found_and_taken_away() -> None:
    sky = _sunny()
    glare = find_glare(sky)
    assert glare is not None
    assert glare.x == pytest.approx(150, abs=2) and glare.y == pytest.approx(60, abs=2)
    assert 5 < glare.disc < 20 < glare.glow
    left = without_glare(sky, glare)
    assert (left <= sky).all()
    assert left[50:70, 140:160].max() < 200
    far = np.hypot(*(np.ogrid[:180, :320][k] - at for k, at in ((0, 60), (1, 150)))) > glare.glow
    assert np.array_equal(left[far], sky[far])


def test_clouds_are_no_suns() -> None:
    rng = np.random.default_rng(1)
    clouds = 128 + 1500 * cv2.GaussianBlur(rng.standard_normal((180, 320)), (0, 0), 5)
    assert clouds.max() > 255
    assert find_glare(np.dstack([clouds] * 3).clip(0, 255).astype(np.uint8)) is None
    white = np.full((180, 320, 3), 255, np.uint8)
    assert find_glare(white) is None
    white[:, :100] = 90
    assert find_glare(white) is None


def test_the_sun_does_not_drift() -> None:
    sky = _sunny()
    loop = PhotoLoop(sky, None, wind_field((320, 180), 200.0, Wind(0.0, 200.0)), 4.0)
    for seconds in (1.0, 2.0, 3.0):
        frame = loop.frame(seconds)
        found = find_glare(frame)
        assert found is not None
        assert found.x == pytest.approx(150, abs=4) and found.y == pytest.approx(60, abs=4)
    assert np.array_equal(loop.frame(0.0), sky)
