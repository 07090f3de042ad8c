import math

import numpy as np

from app.camera import Camera
from app.frame import F64, U8, Planes
from benchmarks.rotations import street
from benchmarks.rotations.street import Surfaces

CAMERA = Camera.from_fov((320, 180), 60.0)


def empty() -> tuple[Planes, U8]:
    grey = np.full((90, 160), 128, np.uint8)
    return Planes(np.full((180, 320), 20, np.uint8), grey, grey), np.full((180, 320), 255, np.uint8)


def wall(corner: tuple[float, float, float]) -> Surfaces:
    """A bright square of 2 m that faces the road's start, with a black spot in its middle."""
    side = 512
    texture = np.full((side, side, 2), 220, np.uint8)
    rows, columns = np.mgrid[:side, :side]
    texture[np.hypot(rows - 255.5, columns - 255.5) < 60, 0] = 20
    texture[..., 1] = 255
    return Surfaces(
        np.array([corner], np.float64),
        np.array([[2.0, 0, 0]]),
        np.array([[0, 2.0, 0]]),
        np.array([[1.0, 1.0]]),
        np.zeros(1, np.int32),
        street._pyramid(texture[..., 0].astype(float), texture[..., 1].astype(float))[None],
        np.array([[100, 150]], np.uint8),
    )


def projected(point: F64, rotation: F64, eye: F64) -> F64:
    seen = CAMERA.matrix @ rotation.T @ (point - eye)
    return np.asarray(seen[:2] / seen[2], np.float64)


def test_a_wall_stands_where_the_camera_projects_it_and_shows_parallax() -> None:
    surfaces = wall((1.0, -2.5, 12.0))
    corners = surfaces.corner[0] + np.array([[0.0, 0, 0], [2, 2, 0]])
    rotation = np.eye(3)
    for eye in (np.array([0.0, -1.4, 0.0]), np.array([0.4, -1.4, 4.0])):
        planes, alpha = street.draw(surfaces, CAMERA, rotation, eye, *empty())
        covered = np.argwhere(alpha == 0)
        (left, top), (right, bottom) = (projected(corner, rotation, eye) for corner in corners)
        np.testing.assert_allclose(covered.min(axis=0), [top, left], atol=1)
        np.testing.assert_allclose(covered.max(axis=0), [bottom, right], atol=1)
        spot = np.argwhere((alpha == 0) & (planes.y < 120))
        middle = projected(corners.mean(axis=0), rotation, eye)
        np.testing.assert_allclose(spot.mean(axis=0)[::-1], middle, atol=0.25)
        assert (planes.u[alpha[::2, ::2] == 0] == 100).all()
        assert (planes.v[alpha[::2, ::2] == 255] == 128).all()


def test_what_is_behind_the_camera_is_not_drawn() -> None:
    planes, alpha = empty()
    drawn = street.draw(
        wall((-1.0, -2.5, -12.0)), CAMERA, np.eye(3), np.array([0.0, -1.4, 0.0]), planes, alpha
    )
    assert (drawn[1] == 255).all()
    assert (drawn[0].y == planes.y).all()


def test_car_drives_the_way_it_heads() -> None:
    seconds = np.arange(61) / 30
    eyes = street.position(np.full(61, math.radians(30)), seconds)
    np.testing.assert_allclose(eyes[0], [0, -1.4, 0])
    way = 2 * street.SPEED_M_S
    np.testing.assert_allclose(
        eyes[-1], [way * math.sin(math.radians(30)), -1.4, way * math.cos(math.radians(30))]
    )


def test_street_has_sky_over_it_and_ground_below() -> None:
    surfaces = street.build("street", seed=1)
    planes, alpha = street.draw(surfaces, CAMERA, np.eye(3), np.array([0.0, -1.4, 0.0]), *empty())
    assert (alpha[:20, 150:170] == 255).all()
    assert (alpha[120:] == 0).all()
    assert planes.y[120:].std() > 8
