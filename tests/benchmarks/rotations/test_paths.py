import math

import numpy as np
import pytest

from app.frame import F64
from benchmarks.rotations.paths import Path, Swing, turned


def one(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> F64:
    return turned(np.array(yaw), np.array(pitch), np.array(roll))


def test_yaw_turns_right_and_pitch_upwards() -> None:
    ahead = np.array([0.0, 0.0, 1.0])
    np.testing.assert_allclose(one(yaw=math.pi / 2) @ ahead, [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(one(pitch=math.pi / 2) @ ahead, [0, -1, 0], atol=1e-12)


def test_roll_turns_the_camera_clockwise() -> None:
    # The camera's right side goes down.
    np.testing.assert_allclose(one(roll=math.pi / 2) @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def test_pitch_is_about_the_turned_cameras_own_axis() -> None:
    seen = one(yaw=math.pi / 2, pitch=0.3) @ [0, 0, 1]
    np.testing.assert_allclose(seen, [math.cos(0.3), -math.sin(0.3), 0], atol=1e-12)


def test_path_starts_where_it_is_told_and_pans_steadily() -> None:
    rotations = Path(30, 0, pan_deg_s=6).rotations(np.array([0.0, 1.0, 2.0]))
    headings = np.degrees(np.arctan2(rotations[:, 0, 2], rotations[:, 2, 2]))
    np.testing.assert_allclose(headings, [30, 36, 42], atol=1e-9)


def test_all_are_rotations() -> None:
    rotations = Path(30, 5, 8, Swing(4, 3), Swing(5, 2), Swing(6, 5), 0.4, 7).rotations(np.arange(90) / 30)
    products = rotations @ rotations.transpose(0, 2, 1)
    np.testing.assert_allclose(products, np.broadcast_to(np.eye(3), products.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(rotations), 1)


def test_shake_has_the_deviation_asked_for_and_is_the_same_again() -> None:
    path = Path(0, 0, shake_deg=0.5, seed=3)
    rotations = path.rotations(np.arange(6000) / 30)
    yaw = np.degrees(np.arctan2(rotations[:, 0, 2], rotations[:, 2, 2]))
    assert yaw.std() == pytest.approx(0.5, rel=0.1)
    assert (rotations == path.rotations(np.arange(6000) / 30)).all()
