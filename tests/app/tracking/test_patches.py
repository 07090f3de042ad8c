import cv2
import numpy as np
import pytest

from app.frame import F64, U8
from app.tracking.corners import CELL, SPOT, best_corners
from app.tracking.patches import LEVELS, SIDE, find, pyramid, take

POINTS = np.array([[60.0, 50], [100, 70], [140, 90], [90, 110]])


def texture() -> U8:
    noise = np.random.default_rng(1).normal(size=(180, 240)).astype(np.float32)
    smooth = np.asarray(cv2.GaussianBlur(noise, (0, 0), 2.5), np.float64)
    return np.asarray(np.clip(130 + 45 * smooth / smooth.std(), 0, 255), np.uint8)


def found(before: U8, after: U8, begin: F64, affine: F64, coarsest: int = 3) -> tuple[F64, F64]:
    count = len(POINTS)
    pieces = np.zeros((count, LEVELS, 3, SIDE * SIDE), np.float32)
    inverses = np.zeros((count, LEVELS, 4), np.float32)
    levels = pyramid(before)
    take(levels, np.arange(count), POINTS, pieces, inverses)
    xy, likeness = begin.copy(), np.empty(count)
    find(pyramid(after), pieces, inverses, np.arange(count), affine, coarsest, 0, xy, likeness)
    return xy, likeness


def test_pieces_are_found_to_a_few_hundredths_of_a_pixel() -> None:
    before = texture()
    angle = 0.05
    turn = np.array([[np.cos(angle), -np.sin(angle), 6.3], [np.sin(angle), np.cos(angle), -4.7]])
    after = np.asarray(cv2.warpAffine(before, turn, (240, 180), flags=cv2.INTER_CUBIC), np.uint8)
    truth = POINTS @ turn[:, :2].T + turn[:, 2]
    affine = np.tile(turn[:, :2].ravel(), (len(POINTS), 1))
    xy, likeness = found(before, after, truth + np.array([5.0, -6.0]), affine)
    assert np.abs(xy - truth).max() < 0.08
    assert likeness.min() > 0.98


def test_brightness_and_contrast_do_not_matter() -> None:
    before = texture()
    after = np.asarray(before * 0.6 + 50, np.uint8)
    affine = np.tile([1.0, 0, 0, 1], (len(POINTS), 1))
    xy, likeness = found(before, after, POINTS + 1.5, affine)
    assert np.abs(xy - POINTS).max() < 0.05
    assert likeness.min() > 0.98


def test_what_is_not_there_is_unlike() -> None:
    affine = np.tile([1.0, 0, 0, 1], (len(POINTS), 1))
    _, likeness = found(texture(), texture()[::-1].copy(), POINTS, affine, 0)
    assert likeness.max() < 0.8
    _, flat = found(texture(), np.full((180, 240), 90, np.uint8), POINTS, affine)
    assert (flat == -1).all()


@pytest.mark.parametrize("at", [(-30.0, 50.0), (500.0, 500.0), (120.0, -9.0)])
def test_nothing_is_found_outside_of_the_picture(at: tuple[float, float]) -> None:
    affine = np.tile([1.0, 0, 0, 1], (len(POINTS), 1))
    _, likeness = found(texture(), texture(), np.tile(at, (len(POINTS), 1)), affine)
    assert (likeness < 0.8).all()


def test_each_wanted_cell_gives_its_strongest_corner() -> None:
    picture = np.full((96, 128), 100, np.uint8)
    picture[40:44, 50:54] = 200  # weak beside
    picture[50:60, 40:50] = 255
    picture[70:80, 100:110] = 255
    wanted = np.ones((3, 4), np.uint8)
    wanted[2, 3] = 0
    corners = best_corners(picture, wanted, np.zeros((12, 16), np.uint8), 1e-4)
    assert len(corners) >= 1
    cells = {(int(x) // CELL, int(y) // CELL) for x, y, _ in corners}
    assert (1, 1) in cells and (3, 2) not in cells and (0, 0) not in cells
    x, y, _ = next(c for c in corners if (int(c[0]) // CELL, int(c[1]) // CELL) == (1, 1))
    assert min(abs(x - 40), abs(x - 49)) <= 1 and min(abs(y - 50), abs(y - 59)) <= 1
    barred = np.zeros((12, 16), np.uint8)
    barred[int(y) // SPOT, int(x) // SPOT] = 1
    [*others] = best_corners(picture, wanted, barred, 1e-4)
    assert all((int(a) // SPOT, int(b) // SPOT) != (int(x) // SPOT, int(y) // SPOT) for a, b, _ in others)
