"""Living photos as skies: what they show, when, and in which light."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.camera import Camera, View, first_view
from app.colour import planes_from_rgb, rgb_from_planes
from app.errors import SkyError
from app.frame import U8, Colour, Planes
from app.rotation import rotation_from_vector
from app.sky.living_photo import LivingPhotoSky
from app.sky.sphere import FlatPicture
from living.specs import REAL, Clock, PhotoSpec, Wind

SIZE = WIDTH, HEIGHT = 320, 180
ROWS = 0, HEIGHT
COLOUR = Colour()
LOOP_S = 4.0


_opened: list[LivingPhotoSky] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Closes the skies of a test."""
    yield
    while _opened:
        _opened.pop().close()


def _clouds(size_wh: tuple[int, int] = (640, 384)) -> U8:
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((size_wh[1], size_wh[0])).astype(np.float32)
    texture = sum(
        (cv2.GaussianBlur(noise, (0, 0), sigma) * sigma * 14 for sigma in (2, 6, 18)),
        start=np.zeros_like(noise),
    )
    sky = np.linspace(90, 190, size_wh[1])[:, None] + texture
    return np.dstack([sky - 25, sky, sky + 25]).clip(0, 255).astype(np.uint8)


def _sky(
    wind: Wind = Wind(0.0, 100.0),  # noqa: B008
    day: tuple[float, float] | None = None,
    size_wh: tuple[int, int] = SIZE,
    alpha: U8 | None = None,
    rgb: U8 | None = None,
) -> LivingPhotoSky:
    spec = PhotoSpec(Path("clouds.jpg"), wind=wind, day=day, loop_s=LOOP_S)
    sky = LivingPhotoSky("Clouds", _clouds() if rgb is None else rgb, alpha, spec, size_wh, COLOUR, 0.5)
    _opened.append(sky)
    return sky


def _view(size_wh: tuple[int, int] = SIZE, turned: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> View:
    return View(Camera.from_fov(size_wh, 60), rotation_from_vector(np.array(turned)))


def _copy(planes: Planes) -> Planes:
    return Planes(*(plane.copy() for plane in planes))


def _shown(sky: LivingPhotoSky, seconds: float, view: View | None = None) -> Planes:
    return _copy(sky.render(seconds, view or _view(), ROWS).planes)


def test_at_the_start_it_is_the_photo() -> None:
    sky = _sky()
    backdrop = FlatPicture((640, 384), SIZE, COLOUR, 0.5, "mirror", most_texels=8_000_000, enlarge=False)
    texture = backdrop.texture(planes_from_rgb(_clouds(), COLOUR), COLOUR.chroma_xy)
    for turned in ((0.0, 0.0, 0.0), (0.4, -0.3, 0.1), (0.0, 2.5, 0.0)):
        view = _view(turned=turned)
        still = backdrop.render(texture, view, sky.placement, None, ROWS)
        drawn = sky.render(0.0, view, ROWS)
        for plane, wanted in zip(drawn.planes, still.planes, strict=True):
            difference = np.abs(plane.astype(int) - wanted)
            assert difference.mean() < 0.8 and difference.max() <= 6
        assert np.abs(drawn.mean_rgb - still.mean_rgb).max() < 6


def test_it_moves_as_asked_and_closes() -> None:
    sky = _sky(Wind(0.0, 100.0))
    view = _view(turned=(0.25, 0.0, 0.0))  # upwards, where the wind is
    for seconds in (0.1, 1.9):  # also where the copies take turns
        before, after = _shown(sky, seconds, view).y, _shown(sky, seconds + 1 / 30, view).y
        flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(
            before, after, np.zeros((HEIGHT, WIDTH, 2), np.float32)
        )[10:90, 20:-20]
        # At the field's top 100 px/s of 1280 are 50 of 640, 1.7 a frame, and less below.
        assert 0.6 < flow[..., 0].mean() < 1.8
        assert abs(flow[..., 1].mean()) < 0.15
    assert all(map(np.array_equal, _shown(sky, 1.3), _shown(sky, 1.3 + LOOP_S)))
    assert not np.array_equal(_shown(sky, 1.3).y, _shown(sky, 1.4).y)


def test_without_wind_it_stands_still() -> None:
    sky = _sky(Wind(0.0, 0.0))
    assert all(map(np.array_equal, _shown(sky, 0.0), _shown(sky, 2.2)))


def test_contrast_is_kept_through_the_loop() -> None:
    sky = _sky(Wind(0.0, 150.0))
    view = _view(turned=(0.25, 0.0, 0.0))
    contrast = np.array([_shown(sky, t, view).y.std() for t in np.linspace(0, LOOP_S, 9)])
    assert 0.85 * contrast[0] < contrast.min() and contrast.max() < 1.15 * contrast[0]


def test_parts_are_as_the_whole() -> None:
    sky = _sky(day=(6.0, 18.0))
    whole = _shown(sky, 1.7)
    for plane in sky._planes:
        plane[...] = 7
    part = sky.render(1.7, _view(), (34, 90)).planes
    assert np.array_equal(part.y[34:90], whole.y[34:90])
    assert np.array_equal(part.u[17:45], whole.u[17:45])
    assert (part.y[:34] == 7).all() and (part.y[90:] == 7).all() and (part.v[45:] == 7).all()
    sky.render(1.7, _view(), (0, 0))
    sky.close()
    sky.close()


@pytest.mark.parametrize("size_wh", [(161, 91), (96, 160)])
def test_other_sizes(size_wh: tuple[int, int]) -> None:
    sky = _sky(day=(6.0, 18.0), size_wh=size_wh)
    shown = sky.render(1.1, first_view(Camera.from_fov(size_wh, 60)), (0, size_wh[1]))
    assert shown.planes.size_wh == size_wh
    assert shown.planes.y.min() > 5


def test_light_multiplies_the_colours() -> None:
    sky = _sky()
    own = rgb_from_planes(_shown(sky, 0.0), COLOUR).astype(float)
    sky.set_clock(Clock(19.0, 0.0))
    dark = rgb_from_planes(_shown(sky, 0.0), COLOUR).astype(float)
    light, _ = sky._light_of(19.0)
    # The frame's middle sees the chart's level row.
    gains = light[round(sky._backdrop.sphere.chart.level_y)]
    assert gains.max() < 1
    middle = slice(HEIGHT // 2 - 1, HEIGHT // 2 + 1)
    assert np.abs(dark[middle] - own[middle] * gains).mean() < 2.5


def test_hours_of_the_day_and_of_a_clock() -> None:
    sky = _sky(day=(6.0, 18.0))
    noon_like, sun = sky.render(1.0, _view(), ROWS).mean_rgb, sky.render(1.0, _view(), ROWS).sun
    assert sky.hour == pytest.approx(12.0)
    assert sun is not None and sun.rgb.max() == pytest.approx(255)
    assert sun.direction[1] < -0.7 and abs(sun.direction[0]) < 1e-6  # high, in the sky's middle
    sky.set_clock(Clock(22.0, 0.0))
    night = sky.render(1.0, _view(), ROWS)
    assert sky.hour == pytest.approx(22.0)
    assert night.sun is None
    assert night.mean_rgb.mean() < 0.6 * noon_like.mean()
    sky.set_clock(Clock(6.0, 3600.0))
    sky.render(10.0, _view(), ROWS)
    sky.render(12.0, _view(), ROWS)
    assert sky.hour == pytest.approx(8.0)
    sky.set_clock(REAL)
    sky.render(13.0, _view(), ROWS)
    assert sky.hour is not None
    sky.set_clock(None)
    sky.render(1.0, _view(), ROWS)
    assert sky.hour == pytest.approx(12.0)


def test_in_its_own_light_it_has_no_hour() -> None:
    sky = _sky()
    assert sky.render(1.0, _view(), ROWS).sun is None
    assert sky.hour is None


def test_land_is_left_away_and_the_horizon_is_level() -> None:
    rgb = _clouds()
    rgb[230:] = (10, 20, 10)
    alpha = np.full(rgb.shape[:2], 255, np.uint8)
    alpha[230:] = 0
    sky = _sky(Wind(0.0, 0.0), rgb=rgb, alpha=alpha)
    shown = _shown(sky, 0.0, _view(turned=(-0.2, 0.0, 0.0)))  # downwards
    assert shown.y.min() > 60
    # Half a degree above eye level the photo's lowest sky is seen.
    row = round(sky._backdrop.sphere.chart.level_y)
    assert sky._elevations[row] < 0.03 < sky._elevations[row - 30]


def test_a_photo_without_sky_is_named() -> None:
    with pytest.raises(SkyError, match=r"clouds\.jpg: there is no sky"):
        _sky(alpha=np.zeros((384, 640), np.uint8))
