import math

import numpy as np
import pytest

from app.frame import F64
from app.rotation import (
    angle_of,
    orthonormal,
    quaternion_from_rotation,
    rotation_from_quaternion,
    rotation_from_vector,
    vector_from_rotation,
)

ANGLES = [0.0, 1e-12, 1e-9, 1e-7, 1e-4, 0.3, 1.5, 3.0, math.pi - 1e-4]


def axes() -> list[F64]:
    drawn = np.random.default_rng(0).normal(size=(6, 3))
    drawn = np.concatenate([drawn, np.eye(3), -np.eye(3)])
    return list(drawn / np.linalg.norm(drawn, axis=1)[:, None])


@pytest.mark.parametrize("angle", ANGLES)
def test_a_vector_becomes_a_rotation_and_comes_back(angle: float) -> None:
    for axis in axes():
        rotation = rotation_from_vector(angle * axis)
        assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1)
        assert np.allclose(vector_from_rotation(rotation), angle * axis, rtol=1e-6, atol=1e-15)
        assert angle_of(rotation) == pytest.approx(angle, rel=1e-6, abs=1e-15)


def test_a_half_turn_keeps_its_axis_but_for_the_sign() -> None:
    for axis in axes():
        vector = vector_from_rotation(rotation_from_vector(math.pi * axis))
        assert abs(vector @ axis) == pytest.approx(math.pi)


def test_a_rotation_turns_the_way_its_vector_says() -> None:
    """By the right hand: about y (down) from z (ahead) towards x (right); about z from x towards y."""
    assert rotation_from_vector(np.array([0, 0.1, 0])) @ [0, 0, 1] == pytest.approx(
        [math.sin(0.1), 0, math.cos(0.1)]
    )
    assert rotation_from_vector(np.array([0, 0, 0.1])) @ [1, 0, 0] == pytest.approx(
        [math.cos(0.1), math.sin(0.1), 0]
    )


@pytest.mark.parametrize("angle", [*ANGLES, math.pi])
def test_a_rotation_becomes_a_quaternion_and_comes_back(angle: float) -> None:
    for axis in axes():
        rotation = rotation_from_vector(angle * axis)
        quaternion = quaternion_from_rotation(rotation)
        assert quaternion[0] >= 0
        assert np.linalg.norm(quaternion) == pytest.approx(1)
        assert quaternion[0] == pytest.approx(math.cos(angle / 2), abs=1e-12)
        assert np.allclose(rotation_from_quaternion(quaternion), rotation, atol=1e-12)


def test_quaternions_of_any_length_and_sign_are_rotations() -> None:
    quaternion = np.array([0.4, -0.2, 0.7, 0.1])
    rotation = rotation_from_quaternion(quaternion)
    assert np.allclose(rotation @ rotation.T, np.eye(3))
    assert np.allclose(rotation_from_quaternion(-3 * quaternion), rotation)


def test_what_rounding_adds_goes_again() -> None:
    rotation = rotation_from_vector(np.array([0.2, -0.4, 0.9]))
    spoilt = rotation * (1 + 1e-5) + 1e-6
    assert np.allclose(orthonormal(spoilt), rotation, atol=1e-5)
    assert np.allclose(orthonormal(spoilt) @ orthonormal(spoilt).T, np.eye(3), atol=1e-14)
