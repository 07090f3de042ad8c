"""The aurora at a tiny size: its loop and its picture close, and it moves."""

import numpy as np
import pytest

from skyboxes import aurora

pytestmark = pytest.mark.timeout(600)  # the first run compiles the renderer

WIDTH, HEIGHT = 96, 54


def test_loops_without_a_jump() -> None:
    first, second, last = (
        aurora.frame(WIDTH, HEIGHT, time_s)
        for time_s in (0.0, 1 / aurora.RATE, aurora.LOOP_S - 1 / aurora.RATE)
    )
    assert np.isfinite(first).all()
    assert 0.0 <= first.min() < first.max() <= 1.0
    np.testing.assert_array_equal(first, aurora.frame(WIDTH, HEIGHT, aurora.LOOP_S))
    step = float(np.abs(second - first).mean())
    assert step > 0.0
    assert float(np.abs(first - last).mean()) < 2.0 * step


def test_closes_left_to_right() -> None:
    picture = aurora.frame(WIDTH, HEIGHT, 2.0)
    edge = float(np.abs(picture[:, 0] - picture[:, -1]).mean())
    assert edge < 2.0 * float(np.abs(picture[:, 1:] - picture[:, :-1]).mean()) + 0.01


def test_is_green_above_the_horizon_and_dark_below() -> None:
    picture = aurora.frame(WIDTH, HEIGHT, 0.0)
    horizon = int(aurora.HORIZON * HEIGHT)
    curtain = picture[horizon // 3 : horizon - 4].mean(axis=(0, 1))
    assert curtain[1] > 1.2 * curtain[0]
    assert picture[-HEIGHT // 6 :].mean() < 0.5 * picture[:horizon].mean()
