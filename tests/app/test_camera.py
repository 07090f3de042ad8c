import numpy as np
import pytest

from app.camera import Camera, View, first_view, rotated
from app.rotation import rotation_from_vector

SIZE = (641, 360)


@pytest.mark.parametrize("fov", [5.0, 60.0, 130.0])
def test_the_field_of_view_is_as_wide_as_asked(fov: float) -> None:
    camera = Camera.from_fov(SIZE, fov)
    assert camera.fov_deg == pytest.approx(fov)
    left, right = camera.inverse @ [-0.5, 0, 1], camera.inverse @ [SIZE[0] - 0.5, 0, 1]
    seen = np.degrees(np.arctan(right[0]) - np.arctan(left[0]))
    assert seen == pytest.approx(fov)


def test_the_principal_point_is_the_middle_and_the_inverse_is_one() -> None:
    camera = Camera(SIZE, 500.0)
    assert camera.matrix @ [0, 0, 1] == pytest.approx([320, 179.5, 1])
    assert np.allclose(camera.matrix @ camera.inverse, np.eye(3))


def test_the_first_frame_sees_itself() -> None:
    camera = Camera(SIZE, 500.0)
    assert np.allclose(first_view(camera).homography(camera), np.eye(3))


def test_when_the_camera_turns_right_the_sky_moves_left() -> None:
    camera = Camera(SIZE, 500.0)
    view = View(camera, rotation_from_vector(np.array([0, 0.02, 0])))
    x, y, w = view.homography(camera) @ [320, 179.5, 1]
    assert w == pytest.approx(1)
    assert (x - 320, y - 179.5) == pytest.approx((-500 * np.tan(0.02), 0))


def test_a_longer_lens_shows_the_middle_larger() -> None:
    matrix = View(Camera(SIZE, 750.0), np.eye(3)).homography(Camera(SIZE, 500.0))
    assert matrix @ [330, 179.5, 1] == pytest.approx([335, 179.5, 1])


def test_a_ray_is_seen_where_the_homography_says() -> None:
    first, now = Camera(SIZE, 500.0), Camera(SIZE, 520.0)
    rotation = rotation_from_vector(np.array([0.1, -0.3, 0.05]))
    pixel = np.array([100.0, 50.0, 1])
    seen = now.matrix @ rotation.T @ first.inverse @ pixel
    x, y, w = View(now, rotation).homography(first) @ pixel
    assert (x / w, y / w) == pytest.approx(tuple(seen[:2] / seen[2]))


@pytest.mark.parametrize("angle", [0.0, 1.2, np.pi / 2, 2.5])
def test_w_is_positive_in_front_of_the_camera_alone(angle: float) -> None:
    camera = Camera(SIZE, 500.0)
    turn = rotation_from_vector(np.array([0, angle, 0]))
    matrix = rotated(camera, turn, camera)
    assert np.isfinite(matrix).all()
    for x in (0, 320, 640):
        ahead = (turn @ camera.inverse @ [x, 100, 1])[2]
        assert np.sign((matrix @ [x, 100, 1])[2]) == np.sign(ahead)
