"""A computed sky against a world whose every ray is known: clouds on a plane that the wind moves."""

import math
import threading
import time
from functools import cache

import numpy as np
import pytest

from app.camera import Camera, View
from app.colour import rgb_from_planes
from app.config import Placement
from app.frame import F64, U8, Colour
from app.sky.base import SkyView
from app.sky.layers import lay_over
from app.sky.procedural import ProceduralSky, scene_width
from app.sky.standing import sky_to_world
from living.clock import DayClock
from living.procedural import Key
from living.specs import Clock, ProceduralSpec
from living.sun import direction
from living.window import Window

FRAME_WH = WIDTH, HEIGHT = 96, 54
CAMERA = Camera.from_fov(FRAME_WH, 60)
COLOUR = Colour(full_range=True, siting="center")
WHOLE = 0, HEIGHT
WIDE = 512
WIND = 0.3, -0.2


def looking(heading: float, elevation: float) -> View:
    """A view of the camera that looks there, in degrees."""
    rotation = sky_to_world(
        Placement.model_construct(heading=heading, elevation=elevation, tilt=0, scale=1.0)
    )
    return View(CAMERA, rotation)


@cache
def whole_sphere(width: int) -> F64:
    """The direction of each pixel of a panorama, (H, W, 3)."""
    azimuth, elevation = np.meshgrid(
        ((np.arange(width) + 0.5) / width - 0.5) * math.tau,
        (0.5 - (np.arange(width // 2) + 0.5) / (width // 2)) * math.pi,
    )
    level = np.cos(elevation)
    return np.stack([level * np.sin(azimuth), -np.sin(elevation), level * np.cos(azimuth)], axis=-1)


class StandIn:
    """A scene without an atmosphere: `colours` says what is seen in directions at a time.

    `delay_s` is how long a key takes; `made` the times of those that were made.
    """

    def __init__(self, spec: ProceduralSpec, width: int = WIDE, *, cloudy: bool = True) -> None:
        self.clock = DayClock(spec)
        self.delay_s = 0.0
        self.made: list[float] = []
        self._cloudy = cloudy
        self._rays = whole_sphere(width)

    def key(self, seconds: float, window: Window | None = None) -> Key:
        time.sleep(self.delay_s)
        self.made.append(seconds)
        clear, light, alpha = self.layers(self._rays, seconds)
        moment = self.clock.at(seconds)
        rgb = np.array([255.0, 240.0, 200.0]) if moment.sun[0] > 0 else np.zeros(3)
        if window is not None:  # nothing that is seen may be missed outside
            inside = np.zeros(alpha.shape, bool)
            columns = np.arange(window.left, window.right) % alpha.shape[1]
            inside[window.top : window.bottom, columns] = True
            alpha, light = alpha * inside, light * inside[..., None]
        return Key(
            seconds,
            np.rint(clear).astype(np.uint8),
            np.rint(light).astype(np.uint8) if self._cloudy else None,
            np.rint(alpha * 255).astype(np.uint8) if self._cloudy else None,
            moment.sun,
            rgb,
            np.zeros(3),
            WIND,
        )

    def layers(self, rays: F64, seconds: float) -> tuple[F64, F64, F64]:
        """(clear sky, light of the clouds, their alpha) in directions of length 1."""
        x, y, z = np.moveaxis(rays, -1, 0)
        towards = direction(*self.clock.at(seconds).sun)
        glow = 90 * np.maximum(rays @ towards, 0) ** 8
        daylight = 40 + 40 * max(0.0, -float(towards[1]))
        clear = np.stack(
            [daylight + glow, daylight + glow + 20 * np.abs(y), daylight + 80 * np.abs(y)], axis=-1
        )
        up = np.maximum(-y, 1e-6)
        east, ahead = x / up - WIND[0] * seconds, z / up - WIND[1] * seconds
        shape = np.sin(3 * east) * np.cos(2.5 * ahead)
        fade = np.clip((up - 0.1) / 0.25, 0, 1)  # nothing finer than the key's own texels
        alpha = np.clip(0.5 + 0.6 * shape, 0, 1) * fade
        return clear, alpha[..., None] * np.array([200.0, 190.0, 180.0]), alpha

    def seen(self, view: View, seconds: float) -> F64:
        """What each pixel sees, RGB float (H, W, 3)."""
        columns, rows = np.meshgrid(*(np.arange(length) for length in view.camera.size_wh))
        rays = (
            np.stack([columns, rows, np.ones_like(rows)], axis=-1) @ (view.rotation @ view.camera.inverse).T
        )
        rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
        clear, light, alpha = self.layers(rays, seconds)
        return np.asarray(light + (1 - alpha[..., None]) * clear if self._cloudy else clear)


def opened(
    spec: ProceduralSpec, scene: StandIn, *, patient: bool = True, colour: Colour = COLOUR
) -> ProceduralSky:
    return ProceduralSky(spec, scene, WIDE, "computed", FRAME_WH, colour, patient=patient)


def errors(drawn: SkyView, expected: F64, colour: Colour = COLOUR) -> F64:
    return np.abs(rgb_from_planes(drawn.planes, colour) - expected)


FIXED = ProceduralSpec(sun=(35.0, 20.0))


@pytest.mark.parametrize("seconds", [0.0, 0.2, 0.25, 0.49, 0.5, 1.3])
def test_clouds_are_where_the_wind_has_moved_them(seconds: float) -> None:
    """Between two keys as well as at them: the plane's own motion is taken out before they are mixed."""
    scene = StandIn(FIXED)
    sky = opened(FIXED, scene)
    view = looking(20, 35)
    error = errors(sky.render(seconds, view, WHOLE), scene.seen(view, seconds))
    sky.close()
    assert error.mean() < 1.5
    assert np.percentile(error, 99) < 7
    # A sky that stands still would be this wrong:
    assert np.abs(scene.seen(view, seconds + 0.25) - scene.seen(view, seconds)).mean() > 4


@pytest.mark.parametrize(("heading", "elevation"), [(180, 20), (-100, 60), (0, 90), (45, 0)])
def test_it_is_seen_all_around(heading: float, elevation: float) -> None:
    scene = StandIn(FIXED)
    sky = opened(FIXED, scene)
    view = looking(heading, elevation)
    error = errors(sky.render(0.3, view, WHOLE), scene.seen(view, 0.3))
    sky.close()
    assert error.mean() < 1.5


@pytest.mark.parametrize("colour", [Colour(), Colour("bt601", True, "topleft"), Colour(siting="center")])
def test_every_matrix_range_and_siting(colour: Colour) -> None:
    scene = StandIn(FIXED)
    sky = opened(FIXED, scene, colour=colour)
    view = looking(0, 30)
    error = errors(sky.render(0.2, view, WHOLE), scene.seen(view, 0.2), colour)
    sky.close()
    assert error.mean() < 1.6


def test_a_sky_without_clouds() -> None:
    scene = StandIn(FIXED, cloudy=False)
    sky = opened(FIXED, scene)
    view = looking(20, 35)
    error = errors(sky.render(0.3, view, WHOLE), scene.seen(view, 0.3))
    sky.close()
    assert error.max() <= 5


@pytest.mark.parametrize(("frame_wh", "layer_width"), [((96, 54), 48), ((288, 162), 96)])
def test_clouds_that_are_drawn_smaller_lie_at_the_same_place(
    monkeypatch: pytest.MonkeyPatch, frame_wh: tuple[int, int], layer_width: int
) -> None:
    monkeypatch.setattr("app.sky.layers._LAYER_WIDTH", layer_width)
    scene = StandIn(FIXED)
    sky = ProceduralSky(FIXED, scene, WIDE, "computed", frame_wh, COLOUR, patient=True)
    view = View(Camera.from_fov(frame_wh, 60), looking(20, 35).rotation)
    error = errors(sky.render(0.3, view, (0, frame_wh[1])), scene.seen(view, 0.3))
    sky.close()
    assert error.mean() < 2


@pytest.mark.parametrize("layer_width", [640, 48, 32])
def test_rows_are_the_same_when_they_are_asked_for_alone(
    monkeypatch: pytest.MonkeyPatch, layer_width: int
) -> None:
    monkeypatch.setattr("app.sky.layers._LAYER_WIDTH", layer_width)
    sky = opened(FIXED, StandIn(FIXED))
    view = looking(20, 35)
    whole = [plane.copy() for plane in sky.render(0.3, view, WHOLE).planes]
    for top, bottom in ((0, 2), (10, 20), (18, 34), (40, HEIGHT), (HEIGHT - 2, HEIGHT)):
        planes = sky.render(0.3, view, (top, bottom)).planes
        assert np.array_equal(planes.y[top:bottom], whole[0][top:bottom])
        for plane, expected in zip(planes[1:], whole[1:], strict=True):
            assert np.array_equal(plane[top // 2 : bottom // 2], expected[top // 2 : bottom // 2])
    sky.close()


def test_odd_sizes_are_drawn_to_their_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.sky.layers._LAYER_WIDTH", 32)
    size_wh = 97, 53
    sky = ProceduralSky(FIXED, StandIn(FIXED), WIDE, "computed", size_wh, COLOUR, patient=True)
    camera = Camera.from_fov(size_wh, 60)
    planes = sky.render(0.3, View(camera, looking(20, 35).rotation), (0, 53)).planes
    sky.close()
    assert planes.size_wh == size_wh
    for plane in planes:
        assert abs(int(plane[-1, -1]) - int(plane[-2, -2])) < 20


def test_the_mean_is_that_of_the_view() -> None:
    scene = StandIn(FIXED)
    sky = opened(FIXED, scene)
    for view in (looking(20, 35), looking(180, 60), looking(20, 5)):
        drawn = sky.render(0.3, view, (0, 0))
        assert drawn.mean_rgb == pytest.approx(scene.seen(view, 0.3).mean(axis=(0, 1)), abs=3)
    sky.close()


def test_the_sky_stands_where_it_is_placed() -> None:
    scene = StandIn(FIXED)
    sky = opened(FIXED, scene)
    sky.placement = Placement(heading=50, elevation=10, tilt=5)
    turned = View(CAMERA, sky_to_world(sky.placement).T @ looking(0, 20).rotation)
    error = errors(sky.render(0.2, looking(0, 20), WHOLE), scene.seen(turned, 0.2))
    assert error.mean() < 1.5
    sun = sky.render(0.2, looking(0, 20), WHOLE).sun
    assert sun is not None
    assert sun.direction == pytest.approx(sky_to_world(sky.placement) @ direction(35, 20))
    sky.close()


def test_enlarged_clouds_move_on_between_keys() -> None:
    """Halfway from key to key they are about where the two keys themselves say."""
    scene = StandIn(FIXED)
    sky = opened(FIXED, scene)
    sky.placement = Placement(scale=2.0)
    view = looking(0, 30)
    before, half, after = (
        rgb_from_planes(sky.render(seconds, view, WHOLE).planes, COLOUR).astype(float)
        for seconds in (0, 0.25, 0.5)
    )
    sky.close()
    contrast = [picture.std() for picture in (before, half, after)]
    assert contrast[1] > 0.9 * min(contrast[0], contrast[2])
    assert np.abs(half - before).mean() > 3


LAPSE = ProceduralSpec(clock=Clock(9.0, 600.0))


def test_light_follows_the_clock() -> None:
    """In a lapse of ten minutes a second the sun stands, between keys, where it belongs."""
    scene = StandIn(LAPSE, cloudy=False)
    sky = opened(LAPSE, scene)
    for seconds in (0.0, 0.3, 0.75, 4.1):
        elevation, azimuth = scene.clock.at(seconds).sun
        view = looking(azimuth, elevation)
        drawn = sky.render(seconds, view, WHOLE)
        assert errors(drawn, scene.seen(view, seconds)).max() <= 5
        assert drawn.sun is not None
        off = float(drawn.sun.direction @ direction(elevation, azimuth))
        assert math.degrees(math.acos(min(1.0, off))) < 0.05
        assert sky.hour == pytest.approx(9 + seconds / 6)
    sky.close()


def test_at_night_there_is_no_sun() -> None:
    night = ProceduralSpec(clock=Clock(0.0, 0.0))
    sky = opened(night, StandIn(night))
    assert sky.render(0.2, looking(0, 20), WHOLE).sun is None
    sky.close()


def test_a_clear_sky_that_stays_is_converted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = StandIn(FIXED)
    first = scene.key(0.0).clear
    key = scene.key
    scene.key = lambda seconds, window=None: key(seconds)._replace(clear=first)  # type: ignore[method-assign]
    sky = opened(FIXED, scene)
    converted = 0
    whole = sky._painter.clear

    def counted(rgb: U8) -> object:
        nonlocal converted
        converted += 1
        return whole(rgb)

    monkeypatch.setattr(sky._painter, "clear", counted)
    for seconds in (0.2, 0.7, 1.2):
        sky.render(seconds, looking(0, 30), WHOLE)
    sky.close()
    assert converted == 0


def test_equal_times_show_an_equal_sky() -> None:
    pictures = []
    for delay_s, before in ((0.0, [0.1, 0.2]), (0.01, [1.0]), (0.0, [7.7, 0.4])):
        scene = StandIn(FIXED)
        sky = opened(FIXED, scene)
        scene.delay_s = delay_s
        for seconds in (*before, 1.3):
            drawn = sky.render(seconds, looking(20, 35), WHOLE)
        pictures.append([plane.copy() for plane in drawn.planes])
        sky.close()
    for picture in pictures[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(picture, pictures[0], strict=True))


def test_late_keys_hold_nobody_up_and_clouds_drift_on() -> None:
    scene = StandIn(FIXED)
    sky = opened(FIXED, scene, patient=False)
    held = threading.Event()
    key = scene.key

    def late(seconds: float, window: Window | None = None) -> Key:
        held.wait(10)
        return key(seconds, window)

    scene.key = late  # type: ignore[method-assign]
    view = looking(5, 7)  # about where a sky is seen first
    wrong = []
    for seconds in (0.1, 0.5, 1.5):
        wrong.append(errors(sky.render(seconds, view, WHOLE), scene.seen(view, seconds)).mean())
    made = scene.made.copy()
    held.set()
    sky.close()
    assert max(wrong) < 2.5  # all that moves is the plane
    assert made == [0.0]


def test_a_clock_that_is_set_changes_the_light() -> None:
    scene = StandIn(FIXED, cloudy=False)
    sky = opened(FIXED, scene)
    view = looking(0, 30)
    sky.render(1.2, view, WHOLE)
    sky.set_clock(Clock(12.0, 0.0))
    drawn = sky.render(1.3, view, WHOLE)
    assert sky.hour == pytest.approx(12.0)
    assert errors(drawn, scene.seen(view, 1.3)).max() <= 4
    assert scene.clock.at(0).sun == pytest.approx((50, 0))
    sky.set_clock(None)
    sky.render(1.4, view, WHOLE)
    assert scene.clock.at(0).sun == FIXED.sun
    sky.close()


def test_closing_ends_the_thread() -> None:
    before = threading.active_count()
    sky = opened(FIXED, StandIn(FIXED))
    assert threading.active_count() == before
    sky.render(0.2, looking(0, 30), WHOLE)
    assert threading.active_count() == before + 1
    sky.close()
    sky.close()
    assert threading.active_count() == before


def test_widths_of_keys() -> None:
    assert [scene_width(size_wh) for size_wh in ((1920, 1080), (1280, 720), (480, 270), (96, 54))] == [
        2048, 2048, 1280, 256,
    ]  # fmt: skip


def test_a_veil_keeps_black_black_and_nothing_changes_nothing() -> None:
    plane = np.arange(16, 236, dtype=np.uint8).reshape(4, 55)
    same = plane.copy()
    lay_over(same, np.full_like(plane, 16), np.zeros_like(plane), 16)
    assert np.array_equal(same, plane)
    lay_over(same, np.full_like(plane, 99), np.full_like(plane, 255), 16)
    assert np.all(same == 99)
    black = np.full_like(plane, 16)
    lay_over(black, np.full_like(plane, 16), np.full_like(plane, 128), 16)
    assert np.all(black == 16)
