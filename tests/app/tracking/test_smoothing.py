import cv2
import numpy as np
import pytest

from app.frame import U8
from app.tracking.smoothing import smoothed

STILL = np.eye(3)


def scene(shift: int = 0) -> tuple[U8, U8]:
    """Luma and true alpha of a bright sky above a dark, textured, soft-edged skyline."""
    rng = np.random.default_rng(0)
    skyline = 60 + cv2.GaussianBlur(rng.normal(size=(1, 400)).astype(np.float32), (0, 0), 8)[0] * 60
    rows = np.arange(128)[:, None]
    alpha = np.clip((skyline[None, 100 + shift : 292 + shift] - rows) * 60 + 128, 0, 255).astype(np.uint8)
    ground = rng.integers(20, 80, (128, 400))[:, 100 + shift : 292 + shift]
    luma = (alpha / 255 * 200 + (1 - alpha / 255) * ground).astype(np.uint8)
    return luma, alpha


def flickering(alpha: U8, index: int) -> U8:
    """The alpha with errors of up to 30 levels along its edge, new in every frame."""
    noise = np.random.default_rng(index).normal(0, 12, (16, 24)).astype(np.float32)
    edge = cv2.dilate(cv2.morphologyEx(alpha, cv2.MORPH_GRADIENT, np.ones((9, 9))), np.ones((5, 5))) > 0
    error = cv2.resize(noise, alpha.shape[::-1]) * edge
    return np.asarray(np.clip(alpha + error, 0, 255), np.uint8)


def flicker(alphas: list[U8]) -> float:
    return float(np.sqrt(np.mean(np.diff(np.array(alphas, np.float64), axis=0) ** 2)))


@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_the_flicker_of_a_still_edge_comes_to_rest(noise: float) -> None:
    luma, alpha = scene()
    rng = np.random.default_rng(0)
    pictures = [np.clip(luma + rng.normal(0, noise, luma.shape), 0, 255).astype(np.uint8) for _ in range(30)]
    raw = [flickering(alpha, index) for index in range(30)]
    final = [raw[0]]
    for index in range(1, 30):
        final.append(smoothed(raw[index], pictures[index], final[-1], pictures[index - 1], STILL, 0.8))
    assert flicker(final) < 0.35 * flicker(raw)


def test_a_frame_in_doubt_changes_little() -> None:
    luma, alpha = scene()
    doubtful = alpha.copy()
    doubtful[:32] = 100
    final = smoothed(doubtful, luma, alpha, luma, STILL, 0.8)
    assert alpha[:32].min() == 255 and final[:32].min() > 230


def test_a_lasting_change_is_made_to_the_last_level() -> None:
    luma = np.full((64, 96), 120, np.uint8)
    final, alpha = np.full_like(luma, 255), np.zeros_like(luma)
    highest = []
    for _ in range(40):
        final = smoothed(alpha, luma, final, luma, STILL, 0.8)
        highest.append(int(final.max()))
    assert highest[0] > 180 and highest[15] < 20 and highest[-1] == 0


def test_another_thing_in_the_same_place_is_believed_at_once() -> None:
    """A light wall comes before a lighter sky: 12 levels are more than noise."""
    luma, sky = np.full((64, 96), 200, np.uint8), np.full((64, 96), 255, np.uint8)
    wall, alpha = luma.copy(), sky.copy()
    wall[:, 60:], alpha[:, 60:] = 188, 0
    final = smoothed(alpha, wall, sky, luma, STILL, 0.8)
    assert np.array_equal(final, alpha)


def test_an_object_that_moves_leaves_no_trail() -> None:
    luma, alpha = np.full((96, 160), 200, np.uint8), np.full((96, 160), 255, np.uint8)
    last_luma, last_alpha = luma.copy(), alpha.copy()
    for x in range(8, 130, 7):
        now_luma, now_alpha = luma.copy(), alpha.copy()
        now_luma[40:52, x : x + 14] = 40
        now_alpha[40:52, x : x + 14] = 0
        final = smoothed(now_alpha, now_luma, last_alpha, last_luma, STILL, 0.8)
        assert np.array_equal(final, now_alpha)
        last_luma, last_alpha = now_luma, final


def test_a_faint_moving_object_leaves_no_trail_either() -> None:
    luma, alpha = np.full((96, 160), 200, np.uint8), np.full((96, 160), 255, np.uint8)
    last_luma, last_alpha = luma.copy(), alpha.copy()
    for x in range(8, 130, 5):
        now_luma, now_alpha = luma.copy(), alpha.copy()
        now_luma[40:52, x : x + 3] = 140
        now_alpha[40:52, x : x + 3] = 200
        final = smoothed(now_alpha, now_luma, last_alpha, last_luma, STILL, 0.8)
        assert np.abs(final.astype(int) - now_alpha).max() <= 8
        last_luma, last_alpha = now_luma, final


def test_the_edge_is_smoothed_along_its_motion() -> None:
    (last_luma, last_alpha), (luma, alpha) = scene(0), scene(5)
    back = np.array([[1, 0, 5.0], [0, 1, 0], [0, 0, 1]])
    noisy = flickering(alpha, 1)
    final = smoothed(noisy, luma, last_alpha, last_luma, back, 0.8)
    inner = (slice(None), slice(0, 160))
    before = np.abs(noisy[inner].astype(int) - alpha[inner]).mean()
    assert np.abs(final[inner].astype(int) - alpha[inner]).mean() < 0.6 * before
    assert np.array_equal(smoothed(alpha, luma, last_alpha, last_luma, back, 0.8)[inner], alpha[inner])


def test_strength_zero_and_tiny_pictures_leave_the_alpha_as_it_is() -> None:
    luma, alpha = scene()
    noisy = flickering(alpha, 1)
    assert np.array_equal(smoothed(noisy, luma, alpha, luma, STILL, 0.0), noisy)
    corner = (slice(0, 15), slice(0, 9))
    small, dark = np.ascontiguousarray(noisy[corner]), np.ascontiguousarray(luma[corner])
    tiny = smoothed(small, dark, np.ascontiguousarray(alpha[corner]), dark, STILL, 0.8)
    assert np.array_equal(tiny, noisy[corner])


def test_a_scene_that_leaves_the_picture_is_not_smoothed() -> None:
    luma, alpha = scene()
    away = np.array([[1, 0, 1000.0], [0, 1, 0], [0, 0, 1]])
    noisy = flickering(alpha, 1)
    assert np.array_equal(smoothed(noisy, luma, alpha, luma, away, 0.8), noisy)
