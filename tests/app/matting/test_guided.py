"""The guided filter against a plain float64 version of its formulas."""

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.frame import F32, F64, U8
from app.matting.guided import FLOOR, apply_coefficients, guide_coefficients, guided_upsample


def mean(values: F64, radius: int) -> F64:
    """Mean over the part of each window that lies inside the picture."""
    kernel = (2 * radius + 1, 2 * radius + 1)
    sums = cv2.boxFilter(values, cv2.CV_64F, kernel, normalize=False, borderType=cv2.BORDER_CONSTANT)
    counts = cv2.boxFilter(
        np.ones_like(values), cv2.CV_64F, kernel, normalize=False, borderType=cv2.BORDER_CONSTANT
    )
    return np.asarray(sums / counts)


def upsample(values: F64, size_wh: tuple[int, int]) -> F64:
    """Bilinear, pixel centres in place, edges held."""
    for axis, pixels in ((0, size_wh[1]), (1, size_wh[0])):
        samples = values.shape[axis]
        place = np.clip((np.arange(pixels) + 0.5) * samples / pixels - 0.5, 0, samples - 1)
        low = np.minimum(place.astype(int), samples - 2)
        share = (place - low).reshape([-1, 1] if axis == 0 else [1, -1])
        values = values.take(low, axis) * (1 - share) + values.take(low + 1, axis) * share
    return values


def reference(alpha: F32, small_luma: U8, luma: U8, radius: int, eps: float) -> F64:
    """Alpha levels as float64, before rounding."""
    p, y = np.rint(np.clip(alpha, 0, 1) * 255.0) / 255, small_luma / 255
    mean_p, mean_y = mean(p, radius), mean(y, radius)
    covariance = mean(p * y, radius) - mean_p * mean_y
    variance_y = mean(y * y, radius) - mean_y**2 + eps
    variance_p = mean(p * p, radius) - mean_p**2 + 1e-3
    slope = covariance / variance_y
    weight = covariance**2 / (variance_y * variance_p)
    slopes, offsets = mean(weight * slope, radius), mean(weight * (mean_p - slope * mean_y), radius)
    offsets += (1 - mean(weight, radius)) * p
    size_wh = (luma.shape[1], luma.shape[0])
    q = upsample(slopes, size_wh) * (luma / 255) + upsample(offsets, size_wh)
    return np.asarray(np.clip((q - FLOOR) / (1 - 2 * FLOOR), 0, 1) * 255)


def small(picture: NDArray[Any], size_wh: tuple[int, int]) -> NDArray[Any]:
    return np.asarray(cv2.resize(picture, size_wh, interpolation=cv2.INTER_AREA), picture.dtype)


def scene(size_wh: tuple[int, int], small_wh: tuple[int, int], steepness: float = 12) -> tuple[F32, U8, U8]:
    """(alpha, small luma, luma): a bright noisy disc in a dark noisy field; its alpha has a soft rim."""
    width, height = size_wh
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    distance = np.hypot(x - 0.5, y - 0.5) - 0.3
    noise = np.random.default_rng(3).normal(0, 12, (height, width))
    luma = np.clip(np.where(distance < 0, 190, 70) + noise, 0, 255).astype(np.uint8)
    soft = np.clip(0.5 - distance * steepness, 0, 1).astype(np.float32)
    return small(soft, small_wh), small(luma, small_wh), luma


SIZES = [
    ((320, 180), (96, 64)),
    ((181, 321), (64, 96)),
    ((64, 64), (96, 96)),
    ((97, 63), (96, 64)),
    ((1000, 64), (128, 32)),
]


@pytest.mark.parametrize(("size_wh", "small_wh"), SIZES, ids=str)
@pytest.mark.parametrize(("radius", "eps"), [(1, 1e-3), (4, 1e-3), (8, 1e-4), (32, 1e-2)])
def test_matches_the_formulas(
    size_wh: tuple[int, int], small_wh: tuple[int, int], radius: int, eps: float
) -> None:
    alpha, small_luma, luma = scene(size_wh, small_wh)
    made = guided_upsample(alpha, small_luma, luma, radius, eps)
    expected = reference(alpha, small_luma, luma, radius, eps)
    assert made.dtype == np.uint8 and made.shape == luma.shape
    assert np.abs(made - expected).max() <= 0.6  # rounding, and the float32 of the sums
    assert 0 < (made == 0).mean() < 1 and (made > 128).any()


@pytest.mark.parametrize(("size_wh", "small_wh"), SIZES, ids=str)
def test_filled_cells_hold_what_computing_gives(size_wh: tuple[int, int], small_wh: tuple[int, int]) -> None:
    alpha, small_luma, luma = scene(size_wh, small_wh)
    slope, offset = guide_coefficients(alpha, small_luma, 4, 1e-3)
    level = upsample(slope.astype(np.float64), size_wh) * luma + upsample(offset.astype(np.float64), size_wh)
    assert np.abs(apply_coefficients(slope, offset, luma) - np.clip(level, 0, 255)).max() <= 0.51


@pytest.mark.parametrize("value", [0.0, 0.03, 0.25, 0.5, 0.77, 0.98, 1.0])
def test_constant_alpha_stays_constant_whatever_the_picture(value: float) -> None:
    luma = np.random.default_rng(0).integers(0, 256, (180, 320), np.uint8)
    small_luma = small(luma, (96, 64))
    made = guided_upsample(np.full((64, 96), value, np.float32), small_luma, luma, 4, 1e-3)
    expected = np.clip((np.rint(value * 255) / 255 - FLOOR) / (1 - 2 * FLOOR), 0, 1) * 255
    assert np.abs(made - expected).max() <= 0.6


def test_sharpens_a_soft_edge_onto_the_picture() -> None:
    alpha, small_luma, luma = scene((640, 360), (192, 128), steepness=60)
    truth = np.where(luma > 130, 255, 0)
    plain = cv2.resize(alpha, (640, 360), interpolation=cv2.INTER_LINEAR) * 255
    made = guided_upsample(alpha, small_luma, luma, 4, 1e-3)
    assert np.abs(made - truth).mean() < 0.4 * np.abs(plain - truth).mean()


def test_an_edge_that_luma_does_not_show_is_not_blurred() -> None:
    """A tower as bright as the sky: the plain filter smears its edge over twice the radius, 26 pixels."""
    luma = np.random.default_rng(0).integers(120, 124, (180, 320), np.uint8)
    alpha = np.ones((64, 96), np.float32)
    alpha[:, 40:56] = 0
    small_luma = small(luma, (96, 64))
    made = guided_upsample(alpha, small_luma, luma, 4, 1e-3)
    edge = 40 / 96 * 320
    assert (made[:, : int(edge) - 4] == 255).all() and (made[:, int(edge) + 5 : 160] == 0).all()


def test_clouds_above_a_roof_leave_no_print_in_the_alpha() -> None:
    """Sure alpha above a dark roof stays nearly sure, though the sky above it is textured."""
    rng = np.random.default_rng(5)
    clouds = cv2.GaussianBlur(rng.normal(0, 1, (180, 320)), (0, 0), 6)
    luma = np.clip(170 + 500 * clouds, 90, 255).astype(np.uint8)
    luma[120:] = 40
    alpha = np.ones((64, 96), np.float32)
    alpha[43:] = 0
    alpha[42] = 2 / 3
    small_luma = small(luma, (96, 64))
    made = guided_upsample(alpha, small_luma, luma, 4, 1e-3)
    assert made[:110].min() >= 215 and (made[:110] == 255).mean() > 0.95
    assert (made[124:] == 0).all()


def test_takes_alpha_outside_its_range() -> None:
    luma = np.full((64, 64), 100, np.uint8)
    alpha = np.full((32, 32), 1.5, np.float32)
    alpha[16:] = -0.5
    made = guided_upsample(alpha, luma[::2, ::2].copy(), luma, 4, 1e-3)
    assert (made[:28] == 255).all() and (made[36:] == 0).all()


def test_same_input_same_output() -> None:
    alpha, small_luma, luma = scene((320, 180), (96, 64))
    first = guided_upsample(alpha, small_luma, luma, 4, 1e-3)
    np.testing.assert_array_equal(first, guided_upsample(alpha, small_luma, luma, 4, 1e-3))
