import numpy as np
import pytest

from app.frame import F64
from app.rotation import rotation_from_vector, vector_from_rotation
from app.tracking.parallax import WAYS, fit_moving, prefers_moving
from app.tracking.turning import Bools, fit_turn, refine_turn

TRUTH = rotation_from_vector(np.array([0.03, -0.05, 0.08]))
NEARLY = rotation_from_vector(np.array([0.036, -0.045, 0.083]))
TOLERANCE = 0.003
NOISE = 0.0003


def places(count: int, seed: int) -> F64:
    return np.random.default_rng(seed).uniform((-0.55, -0.3), (0.55, 0.3), (count, 2))


def rays_of(seen: F64) -> F64:
    rays = np.column_stack([seen, np.ones(len(seen))])
    return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True), np.float64)


def seen_from(rays: F64, rotation: F64) -> F64:
    there = rays @ rotation
    return np.asarray(there[:, :2] / there[:, 2:], np.float64)


def scene(count: int = 80, astray: int = 0, seed: int = 4) -> tuple[F64, F64]:
    rng = np.random.default_rng(seed)
    seen = places(count, seed)
    rays = rays_of(seen) @ TRUTH.T
    seen = seen + rng.normal(0, NOISE, seen.shape)
    seen[:astray] += rng.uniform(0.02, 0.1, (astray, 2))
    return rays, seen


def off(rotation: F64) -> float:
    return float(np.linalg.norm(vector_from_rotation(rotation.T @ TRUTH)))


@pytest.mark.parametrize("astray", [0, 35])
def test_the_rotation_of_most_points_is_found(astray: int) -> None:
    rays, seen = scene(astray=astray)
    turn = fit_turn(rays, seen, np.ones(80), np.eye(3), TOLERANCE)
    assert off(turn.rotation) < 3e-4
    assert not turn.agree[:astray].any()
    assert turn.agree[astray:].all()


def test_weights_decide_between_two_groups() -> None:
    rays, seen = scene()
    other = rotation_from_vector(np.array([0.0, 0.03, 0.0]))
    seen[:50] = seen_from(rays[:50], TRUTH @ other)
    weights = np.where(np.arange(80) < 50, 0.2, 1.0)
    assert off(fit_turn(rays, seen, weights, np.eye(3), TOLERANCE).rotation) < 5e-4
    assert off(fit_turn(rays, seen, np.ones(80), np.eye(3), TOLERANCE).rotation) > 0.02


def test_the_covariance_is_that_of_the_errors() -> None:
    errors, claimed = [], []
    for seed in range(60):
        rays, seen = scene(40, seed=seed)
        turn = refine_turn(rays, seen, np.ones(40), TRUTH, TOLERANCE)
        errors.append(vector_from_rotation(turn.rotation.T @ TRUTH))
        claimed.append(np.diag(turn.covariance))
    true = np.mean(np.square(errors), axis=0)
    ratio = np.mean(claimed, axis=0) / true
    assert (ratio > 0.5).all() and (ratio < 2.5).all()


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_points_leave_the_guess(count: int) -> None:
    rays, seen = scene(count)
    turn = fit_turn(rays, seen, np.ones(count), TRUTH, TOLERANCE)
    assert np.array_equal(turn.rotation, TRUTH)
    assert not np.isfinite(turn.covariance).any()


def street(way: F64, far: int = 0) -> tuple[F64, F64, F64, Bools]:
    """Points before and after the camera went some way and turned; the first `far` of them at infinity."""
    rng = np.random.default_rng(7)
    before = places(90, 7)
    depth = rng.uniform(4, 60, 90)
    world = np.column_stack([before, np.ones(90)]) * depth[:, None]
    world[:far] *= 1e6
    there = (world - way) @ TRUTH
    now = there[:, :2] / there[:, 2:] + rng.normal(0, NOISE, (90, 2))
    return before, now, np.ones(90), np.arange(90) < far


@pytest.mark.parametrize("way", [[0, 0, 1.0], [0.4, 0, 0.9], [1, 0, 0.1]])
def test_parallax_is_told_from_rotation(way: list[float]) -> None:
    before, now, ones, _ = street(np.array(way))
    none = np.empty((0, 3)), np.empty((0, 2)), np.empty(0)
    moving = fit_moving(before, now, ones, np.eye(3), *none, NEARLY, WAYS, TOLERANCE, NOISE, 0.01)
    assert off(moving.rotation) < 2e-3
    assert abs(moving.way @ way) / np.linalg.norm(way) > 0.99
    alone = fit_turn(rays_of(before), now, ones, np.eye(3), TOLERANCE)
    assert prefers_moving(alone.residual, moving.residual, NOISE) > 0.5


def test_points_at_infinity_help() -> None:
    before, now, ones, far = street(np.array([0, 0, 1.0]), far=20)
    rays = rays_of(before[far])
    moving = fit_moving(
        before[~far],
        now[~far],
        ones[~far],
        np.eye(3),
        rays,
        now[far],
        ones[far],
        NEARLY,
        WAYS,
        TOLERANCE,
        NOISE,
        0.01,
    )
    assert off(moving.rotation) < 4e-4


def test_a_camera_that_only_turns_is_not_taken_to_move() -> None:
    rays, seen = scene(90)
    before = seen_from(rays, np.eye(3))
    ones, none = np.ones(90), (np.empty((0, 3)), np.empty((0, 2)), np.empty(0))
    moving = fit_moving(before, seen, ones, np.eye(3), *none, TRUTH, WAYS, TOLERANCE, NOISE, 0.01)
    alone = fit_turn(rays, seen, ones, TRUTH, TOLERANCE)
    assert prefers_moving(alone.residual, moving.residual, NOISE) < 0
