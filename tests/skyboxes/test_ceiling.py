"""The ceiling of cloud at a tiny size: closed left to right, darker where thicker, its light in bounds."""

from dataclasses import replace

import numpy as np
import pytest

from skyboxes import ceiling
from skyboxes.noise import billow_volume, softened
from skyboxes.overcast import STRATOCUMULUS
from skyboxes.view import Picture, View

pytestmark = pytest.mark.timeout(600)  # the first run compiles the renderer

VIEW = View(96, 54, 0.62)
ROWS = slice(0, 26)
"""Rows well above the horizon."""


def march(sheet: ceiling.Ceiling) -> Picture:
    noise = billow_volume(32, 4, 2, 0.5, 8)
    return ceiling.march(VIEW, sheet, noise, np.zeros(VIEW.width), 1.0)[ROWS]


def test_thicker_cloud_is_darker_and_hides_the_sky() -> None:
    thin, thick = march(STRATOCUMULUS), march(replace(STRATOCUMULUS, thickness=900.0, swell=0.4))
    assert thick[..., 0].mean() < 0.7 * thin[..., 0].mean()
    assert thick[..., 1].mean() < 0.05
    assert 0.0 <= thin[..., 1].min() <= thin[..., 1].max() <= 1.0


def test_a_sheet_that_heaves_enough_breaks_open() -> None:
    through = march(replace(STRATOCUMULUS, thickness=60.0, swell=4.0))[..., 1]
    assert through.max() > 0.9
    assert through.min() < 0.1


def test_distance_grows_towards_the_horizon() -> None:
    far = march(STRATOCUMULUS)[..., 2].mean(axis=1)
    assert far[0] < far[12] < far[25]
    assert far[0] > STRATOCUMULUS.base


def test_closes_left_to_right() -> None:
    light = march(STRATOCUMULUS)[..., 0]
    edge = np.abs(light[:, 0] - light[:, -1]).mean()
    assert edge < 2.0 * np.abs(light[:, 1:] - light[:, :-1]).mean() + 0.01


def test_softened_noise_is_smoother_and_periodic() -> None:
    noise = billow_volume(32, 4, 2, 0.5, 8)
    soft = softened(noise, 2.0)
    assert soft.dtype == np.float32
    assert soft.mean() == pytest.approx(0.5, abs=1e-3)
    assert soft.std() == pytest.approx(0.15, abs=1e-3)
    assert np.abs(np.diff(soft, 2, axis=0)).max() < 0.5 * np.abs(np.diff(noise, 2, axis=0)).max()
    assert np.abs(soft[0] - soft[-1]).mean() < 1.5 * np.abs(np.diff(soft, axis=0)).mean()
