"""Rain, snow and fog as functions of the time."""

import numpy as np
import pytest

from app.blending.kernels import draw_streaks
from app.blending.weather import gamma, haze, rain, snow
from app.frame import F32


@pytest.mark.parametrize("fall", [rain, snow])
def test_the_same_time_gives_the_same_drops(fall: object) -> None:
    assert callable(fall)
    assert np.array_equal(fall(3.25, 0.5, 0.2, 1.78), fall(3.25, 0.5, 0.2, 1.78))
    assert not np.array_equal(fall(3.25, 0.5, 0.2, 1.78), fall(3.5, 0.5, 0.2, 1.78))


@pytest.mark.parametrize("fall", [rain, snow])
@pytest.mark.parametrize("wind", [-1.0, 0.0, 0.6])
def test_drops_fill_the_picture_evenly(fall: object, wind: float) -> None:
    assert callable(fall)
    drops = np.concatenate([fall(seconds, 1.0, wind, 1.78) for seconds in (0.0, 7.3, 100.1, 3600.0)])
    x, y = drops[:, 2], drops[:, 3]
    seen = (x >= 0) & (x < 1.78) & (y >= 0) & (y < 1)
    counts, _, _ = np.histogram2d(y[seen], x[seen], bins=(3, 4))
    assert counts.min() > 0.75 * counts.mean()
    assert counts.max() < 1.25 * counts.mean()


def matched(before: F32, after: F32) -> F32:
    """Both ends of the drops that did not start anew in between."""
    kept = after[:, 3] > before[:, 3]
    return np.asarray((after - before)[kept])


def test_rain_falls_along_its_streaks_and_faster_than_snow() -> None:
    step = 1 / 120
    rained = matched(rain(2.0, 1.0, 0.5, 1.78), rain(2.0 + step, 1.0, 0.5, 1.78))
    assert np.allclose(rained[:, 2], 0.5 * rained[:, 3], atol=1e-5)
    snowed = matched(snow(2.0, 1.0, 0.5, 1.78), snow(2.0 + step, 1.0, 0.5, 1.78))
    assert np.median(rained[:, 3]) > 5 * np.median(snowed[:, 3])
    streaks = rain(2.0, 1.0, 0.5, 1.78)
    assert np.allclose(streaks[:, 2] - streaks[:, 0], 0.5 * (streaks[:, 3] - streaks[:, 1]), atol=1e-5)


def test_density_adds_drops_to_those_there_are() -> None:
    few, many = rain(1.0, 0.25, 0.0, 2.0), rain(1.0, 1.0, 0.0, 2.0)
    assert len(many) == pytest.approx(4 * len(few), abs=6)
    assert {tuple(row) for row in few.tolist()} < {tuple(row) for row in many.tolist()}
    assert len(rain(1.0, 0.0, 0.0, 2.0)) == 0


def test_rain_is_a_screen_blend() -> None:
    drops = rain(1.0, 0.5, 0.3, 1.5)
    layer, picture = np.zeros((200, 300), np.uint8), np.full((200, 300), 120, np.uint8)
    white = np.full(200, 255, np.float32)
    draw_streaks(layer, drops, 200.0, white)
    draw_streaks(picture, drops, 200.0, white)
    expected = 255 - (255 - 120.0) * (255 - layer.astype(np.float64)) / 255
    assert np.abs(picture - expected).max() <= 2.0
    assert layer.max() > 20


def test_haze_is_thickest_at_the_horizon_and_grows_with_the_fog() -> None:
    elevation = np.linspace(-0.6, 0.4, 101)
    thin, thick = haze(elevation, 0.3, 0.0, 0.0), haze(elevation, 0.8, 0.0, 0.0)
    assert elevation[thick.argmax()] == pytest.approx(0.0, abs=0.011)
    assert (np.diff(thick[:60]) > 0).all() and (np.diff(thick[61:]) < 0).all()
    assert (thick > thin).all() and thick.max() < 1
    assert not haze(elevation, 0.0, 0.0, 0.0).any()


def test_rain_darkens_the_middle_tones() -> None:
    assert gamma(0.0) == 1.0 < gamma(1.0) < 1.5
