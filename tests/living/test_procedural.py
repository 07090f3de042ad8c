"""Computed skies: what a key promises, and what can be told of a sky by looking at its numbers."""

from functools import lru_cache

import numpy as np
import pytest

from app.frame import U8
from living.procedural import Key, Scene
from living.specs import parse_procedural

WIDTH = 512


@lru_cache
def key(query: str, seconds: float = 0.0) -> Key:
    return Scene(parse_procedural(f"procedural:?{query}"), WIDTH).key(seconds)


def seen(key: Key) -> U8:
    assert key.cloud is not None and key.alpha is not None
    through = 255 - key.alpha[..., None].astype(int)
    return np.asarray(key.cloud + (through * key.clear + 127) // 255)


def patch(picture: np.ndarray, azimuth: float, elevation: float, half: int = 4) -> np.ndarray:
    """Mean colour of some degrees around a direction."""
    x, y = int((azimuth / 360 + 0.5) * WIDTH), int((0.5 - elevation / 180) * WIDTH / 2)
    return np.asarray(picture[y - half : y + half, x - half : x + half].reshape(-1, 3).mean(axis=0))


@pytest.mark.parametrize("kind", ["cumulus", "cirrus", "stratus", "storm"])
def test_a_key_is_a_whole_sphere(kind: str) -> None:
    made = key(f"sun=40,20&clouds={kind}")
    assert made.clear.shape == (WIDTH // 2, WIDTH, 3) and made.clear.dtype == np.uint8
    assert made.cloud is not None and made.cloud.shape == made.clear.shape and made.cloud.dtype == np.uint8
    assert made.alpha is not None and made.alpha.shape == made.clear.shape[:2]
    assert seen(made).max() <= 255
    assert 5 < made.alpha[: WIDTH // 4].mean() <= 255
    assert made.sun == (40.0, 20.0) and made.sun_rgb.max() == pytest.approx(255)


@pytest.mark.parametrize("kind", ["cumulus", "cirrus", "stratus", "storm"])
def test_equal_seconds_show_an_equal_sky(kind: str) -> None:
    spec = parse_procedural(f"procedural:?sun=20,-40&clouds={kind}")
    scene = Scene(spec, WIDTH)
    scene.key(3.0)
    again, fresh = scene.key(7.5), Scene(spec, WIDTH).key(7.5)
    for one, other in zip(again[1:4], fresh[1:4], strict=True):
        np.testing.assert_array_equal(one, other)
    later = scene.key(60.0)
    assert np.abs(later.alpha.astype(int) - again.alpha).mean() > 0.5 or kind == "storm"  # type: ignore[union-attr]
    assert float(np.mean(np.asarray(later.cloud) != np.asarray(again.cloud))) > 0.05


def test_light_does_not_depend_on_what_was_asked_before() -> None:
    spec = parse_procedural("procedural:?clock=19:00,x30&clouds=none")
    scene = Scene(spec, WIDTH)
    for seconds in (0.0, 0.2, 1.1):
        scene.key(seconds)
    np.testing.assert_array_equal(scene.key(1.3).clear, Scene(spec, WIDTH).key(1.3).clear)


def test_without_clouds_there_is_no_layer() -> None:
    made = key("sun=40,20&clouds=none")
    assert made.cloud is None and made.alpha is None
    assert key("sun=40,20&clouds=cumulus&cover=0").cloud is None


def test_light_that_stands_still_is_made_once() -> None:
    scene = Scene(parse_procedural("procedural:?sun=30,0&clouds=none"), WIDTH)
    assert scene.key(0.0).clear is scene.key(5.0).clear
    lapse = Scene(parse_procedural("procedural:?clock=10:00,x600&clouds=none"), WIDTH)
    assert lapse.key(0.0).clear is not lapse.key(5.0).clear


def test_more_cover_covers_more() -> None:
    for kind in ("cumulus", "cirrus", "stratus"):
        shares = [
            float(key(f"sun=40,20&clouds={kind}&cover={c}").alpha[: WIDTH // 5].mean())  # type: ignore[index]
            for c in (0.15, 0.4, 0.8)
        ]
        assert shares[0] < shares[1] < shares[2], kind
    half = key("sun=40,20&clouds=cumulus&cover=0.5").alpha
    assert half is not None
    assert 0.25 < float(np.mean(half[WIDTH // 16 : WIDTH * 7 // 32] > 128)) < 0.75


def test_the_day_is_brighter_than_dusk_and_dusk_than_night() -> None:
    means = [key(f"sun={s},0&clouds=none").clear[: WIDTH // 4].mean() for s in (40, -5, -18)]
    assert means[0] > 1.2 * means[1] > 1.2 * 2.0 * means[2]
    assert 4 < means[2] < 50


def test_exposure_changes_without_a_step() -> None:
    scene_means = [
        key(f"sun={s},0&clouds=none").clear[: WIDTH // 4].mean() for s in np.arange(4.0, -14.0, -1.0)
    ]
    assert np.abs(np.diff(scene_means)).max() < 16


def test_the_sun_stands_where_it_is_said_to() -> None:
    clear = key("sun=35,50&clouds=none").clear
    y, x = np.unravel_index(int(clear.sum(axis=2).argmax()), clear.shape[:2])
    assert (x / WIDTH - 0.5) * 360 == pytest.approx(50, abs=1.5)
    assert 90 - y / WIDTH * 360 == pytest.approx(35, abs=1.5)


def test_sunset_reddens_clouds_and_the_day_does_not() -> None:
    def redness(query: str) -> float:
        made = key(query)
        assert made.cloud is not None and made.alpha is not None
        red, _, blue = made.cloud[: WIDTH // 4].astype(float).sum(axis=(0, 1))
        return float(red / blue)

    noon = redness("sun=50,0&clouds=cumulus")
    assert 0.85 < noon < 1.1
    assert redness("sun=1,0&clouds=cumulus") > 1.15 * noon
    # High clouds still have the sun when it has set on the ground.
    assert redness("sun=-1.5,0&clouds=cirrus") > redness("sun=-6,0&clouds=cirrus")


def test_a_storm_is_darker_than_stratus_and_cumulus() -> None:
    light = []
    for kind in ("storm", "stratus", "cumulus"):
        made = key(f"sun=50,0&clouds={kind}&cover=0.9")
        assert made.cloud is not None and made.alpha is not None
        light.append(float(made.cloud[: WIDTH // 5][made.alpha[: WIDTH // 5] > 230].mean()))
    assert light[0] < 0.75 * min(light[1:])


def test_a_night_has_stars_and_twilight_has_none() -> None:
    def points(sun: int) -> int:
        grey = key(f"sun={sun},0&clouds=none&date=2000-03-06").clear[: WIDTH // 5].mean(axis=2)
        around = (grey[1:-1, :-2] + grey[1:-1, 2:] + grey[:-2, 1:-1] + grey[2:, 1:-1]) / 4
        return int((grey[1:-1, 1:-1] > around + 12).sum())

    assert points(-25) > 60
    assert points(-2) < 5


def test_the_panorama_has_no_seam_and_no_mark_at_the_zenith() -> None:
    for query in ("sun=30,160&clouds=none", "sun=30,20&clouds=cirrus", "sun=30,20&clouds=stratus"):
        made = key(query)
        picture = (made.clear if made.cloud is None else seen(made))[: WIDTH // 4].astype(int)
        steps = np.abs(np.diff(picture, axis=1)).mean()
        seam = np.abs(picture[:, 0] - picture[:, -1]).mean()
        assert seam < 2.0 * steps + 1.0, query
        top = picture[0].astype(float)
        assert (top.max(axis=0) - top.min(axis=0)).max() < 40, query


def test_smooth_skies_are_dithered() -> None:
    """Rounding alone would leave plateaus as wide as the gradient is flat."""
    clear = key("sun=-8,90&clouds=none").clear[WIDTH // 16 : WIDTH // 8, : WIDTH // 8, 2].astype(int)
    assert (np.diff(clear, axis=1) != 0).mean() > 0.15


def test_clouds_go_with_the_wind_by_what_the_key_says() -> None:
    """A cloud 30 degrees up, straight ahead, moves `wind` pixels a second in a 1280 px view of 60 degrees."""
    spec = parse_procedural("procedural:?sun=40,120&clouds=stratus&cover=0.6&wind=0,64")
    scene = Scene(spec, 1024)
    first, then = scene.key(0.0), scene.key(2.0)
    assert first.drift_per_s == pytest.approx((0.1, 0.0))
    assert first.cloud is not None and then.cloud is not None
    middle = int((0.5 - 30 / 180) * 512)
    rows, at, best = slice(middle - 6, middle + 7), 512, (1e9, 0)
    window = first.cloud[rows, at - 60 : at + 60, 1].astype(float)
    for shift in range(-60, 61):
        moved = then.cloud[rows, at - 60 + shift : at + 60 + shift, 1].astype(float)
        best = min(best, (float(np.abs(moved - window).mean()), shift))
    # At height 1 it stands 1.732 ahead and goes 0.2 to the right.
    expected = np.degrees(np.arctan2(0.2, 1.732)) / 360 * 1024
    assert best[1] == pytest.approx(expected, abs=4)


@pytest.mark.parametrize("width", [256, 640, 1152])
def test_any_multiple_of_128_will_do_for_a_width(width: int) -> None:
    made = Scene(parse_procedural("procedural:?sun=-15,0&clouds=cumulus"), width).key(0.0)
    assert made.clear.shape == (width // 2, width, 3)
