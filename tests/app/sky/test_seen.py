import numpy as np
import pytest

from app.camera import Camera
from app.config import Placement
from app.sky.procedural import window_of
from app.sky.seen import Bounds, bounds_of
from app.sky.standing import sky_to_world
from living.window import STEP, Window

CAMERA = Camera.from_fov((160, 90), 60)


def bounds(heading: float, elevation: float, scale: float = 1.0) -> Bounds:
    turn = sky_to_world(Placement.model_construct(heading=heading, elevation=elevation, tilt=0, scale=1.0))
    return bounds_of(CAMERA.size_wh, np.asarray(turn @ CAMERA.inverse), scale)


def test_what_a_level_camera_sees() -> None:
    left, span, low, high = bounds(0, 0)
    assert (left, span) == pytest.approx((-30, 60), abs=0.5)
    assert high == -low == pytest.approx(18, abs=0.5)


@pytest.mark.parametrize("heading", [-170, -90, 100, 179])
def test_headings_turn_it(heading: float) -> None:
    seen = bounds(heading, 0)
    assert (seen.left - heading + 180) % 360 - 180 == pytest.approx(-30, abs=0.5)
    assert seen.span == pytest.approx(60, abs=0.5)


def test_looking_up_sees_all_directions() -> None:
    assert bounds(30, 85).span == 360
    assert bounds(30, 85).high > 80


def test_an_enlarged_sky_is_seen_in_part() -> None:
    assert bounds(0, 0, 2.0).span < 35


def test_holding() -> None:
    outer = Bounds(170, 60, -10, 40)
    assert outer.holds(Bounds(-170, 30, 0, 40))
    assert outer.holds(Bounds(175, 10, -10, 5))
    assert not outer.holds(Bounds(160, 30, 0, 40))
    assert not outer.holds(Bounds(-170, 50, 0, 40))
    assert not outer.holds(Bounds(-170, 30, 0, 41))
    assert Bounds(3, 360, -90, 90).holds(outer)


def test_wider_bounds_hold_the_others() -> None:
    for heading, elevation in ((0, 0), (175, 30), (-60, 70), (0, 90)):
        seen = bounds(heading, elevation)
        assert seen.wider(16, 9).holds(seen.wider(2, 2))


def test_near_the_zenith_all_directions_are_close() -> None:
    assert Bounds(0, 60, 40, 75).wider(10, 6).span == 360


@pytest.mark.parametrize(
    "seen",
    [
        Bounds(-30, 60, -18, 18),
        Bounds(150, 70, -5, 50),
        Bounds(-400, 80, 3, 30),
        Bounds(0, 360, -90, 90),
        Bounds(0, 50, -60, -20),
    ],
)
def test_windows_are_whole_steps_within_the_picture(seen: Bounds) -> None:
    window = window_of(seen, 2048)
    assert all(edge % STEP == 0 for edge in window)
    assert 0 <= window.left < 2048
    assert window.left < window.right <= window.left + 2048
    assert 0 <= window.top < window.bottom <= 512


def test_a_window_holds_what_is_seen() -> None:
    assert window_of(Bounds(-90, 180, 0, 45), 2048) == Window(512, 1536, 256, 512)
    assert window_of(Bounds(135, 90, 0, 90), 2048) == Window(1792, 2304, 0, 512)
    assert window_of(Bounds(33, 360, 0, 90), 2048) == Window(0, 2048, 0, 512)
