"""The measures, on arrays counted by hand."""

import math

import numpy as np
import pytest

from training.metrics import Tally, table


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
    # bands of 3 rows: 47..49 and 45..47 share one row of five
    assert tally.boundary_iou == pytest.approx(1 / 5)
    exact = Tally()
    exact.add(truth, truth, valid)
    assert exact.iou == exact.boundary_iou == 1.0


def test_tallies_add_up_and_print() -> None:
    one = Tally(1, 2, 4, 3, 10, 1, 2, 1, 10)
    both = one + Tally(1, 2, 2, 0, 10)
    assert (both.pictures, both.iou, both.counted) == (2, 4 / 6, 20)
    text = table({"b": one, "a": one})
    assert [line.split()[0] for line in text.splitlines()] == ["set", "a", "b", "all"]
