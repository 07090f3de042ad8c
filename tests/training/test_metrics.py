"""The measures, on arrays counted by hand."""

import math

import numpy as np
import pytest

from training.metrics import Tally, gradient_error, table


def test_counts_by_hand() -> None:
    truth = np.zeros((4, 10), np.uint8)
    truth[:2] = 255
    predicted = np.zeros_like(truth)
    predicted[:1] = 255  # one row of sky missed
    predicted[3, 0] = 128  # one pixel of false sky, just above a half
    predicted[3, 1] = 127  # not sky
    valid = np.full_like(truth, 255)
    valid[:, 9] = 0
    tally = Tally()
    tally.add(predicted, truth, valid)
    assert tally.iou == pytest.approx(9 / (18 + 1))
    assert tally.wrong_share == pytest.approx((9 + 1) / 36)
    assert math.isnan(tally.false_sky)


def test_false_sky_counts_only_pictures_without_sky() -> None:
    empty, full = np.zeros((10, 10), np.uint8), np.full((10, 10), 255, np.uint8)
    predicted = empty.copy()
    predicted[0, :3] = 255
    tally = Tally()
    tally.add(predicted, empty, full)
    tally.add(empty, full, full)
    assert tally.false_sky == pytest.approx(0.03)
    assert tally.iou == 0.0


def test_boundary_iou_is_stricter_than_iou() -> None:
    truth = np.zeros((100, 100), np.uint8)
    truth[:50] = 255
    predicted = np.zeros_like(truth)
    predicted[:48] = 255
    valid = np.full_like(truth, 255)
    tally = Tally()
    tally.add(predicted, truth, valid)
    # Bands of 3 pixels along all four sides; of the lower ones, rows 47..49 and 45..47, one row is shared.
    shared = 3 * 100 + 44 * 6 + 100
    assert tally.boundary_iou == pytest.approx(shared / (50 * 100 - 44 * 94 + 48 * 100 - 42 * 94 - shared))
    exact = Tally()
    exact.add(truth, truth, valid)
    assert exact.iou == exact.boundary_iou == 1.0


def test_the_rim_of_what_is_unknown_is_no_fault() -> None:
    truth = np.zeros((100, 100), np.uint8)
    truth[:40] = 255
    valid = np.full_like(truth, 255)
    valid[40:60] = 0
    for rows in (40, 50, 60):
        predicted = np.zeros_like(truth)
        predicted[:rows] = 255
        tally = Tally()
        tally.add(predicted, truth, valid)
        assert tally.boundary_iou == 1.0


def test_tallies_add_up_and_print() -> None:
    one = Tally(1, 2, 4, 3, 10, 1, 2, 1, 10)
    both = one + Tally(1, 2, 2, 0, 10)
    assert (both.pictures, both.iou, both.counted) == (2, 4 / 6, 20)
    text = table({"b": one, "a": one})
    assert [line.split()[0] for line in text.splitlines()] == ["set", "a", "b", "all"]


def test_mean_iou_weighs_pictures_alike() -> None:
    large, small = np.full((20, 20), 255, np.uint8), np.zeros((20, 20), np.uint8)
    small[0] = 255
    valid = np.full_like(small, 255)
    half = small.copy()
    half[0, 10:] = 0
    tally = Tally()
    tally.add(large, large, valid)
    tally.add(half, small, valid)
    tally.add(np.zeros_like(small), np.zeros_like(small), valid)  # without sky: says nothing here
    assert tally.mean_iou == pytest.approx(0.75)
    assert tally.iou == pytest.approx(410 / 420)


def test_soft_measures_by_hand() -> None:
    truth = np.zeros((10, 10), np.uint8)
    predicted = truth.copy()
    predicted[:, :5] = 51  # 0.2 too much on half of the picture
    valid = np.full_like(truth, 255)
    tally = Tally()
    tally.add(predicted, truth, valid)
    assert math.isnan(tally.mad) and math.isnan(tally.grad)
    tally = Tally()
    tally.add(predicted, truth, valid, soft=True)
    assert tally.mad == pytest.approx(0.1)
    assert tally.mse == pytest.approx(0.02)
    assert tally.grad > 0


def test_gradient_error_of_a_step() -> None:
    """Of a step from 0 to 1, straight across, the gradient is the running sum of the filter's slope."""
    step = np.zeros((60, 60), np.uint8)
    step[:, 30:] = 255
    x = np.arange(-4, 5)
    smooth = np.exp(-(x**2) / (2 * 1.4**2))
    slope = x * smooth
    across = np.cumsum(slope / np.linalg.norm(slope))[:-1]
    along = smooth.sum() / np.linalg.norm(smooth)
    expected = 60 * np.square(across * along).sum() / 1000
    assert gradient_error(step, np.zeros_like(step)) == pytest.approx(expected, rel=1e-4)
    assert gradient_error(step, step) == 0.0
    assert gradient_error(step.T, np.zeros_like(step)) == pytest.approx(expected, rel=1e-4)
