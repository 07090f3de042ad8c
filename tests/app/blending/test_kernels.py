"""The compiled loops against plain NumPy."""

import numpy as np
import pytest

from app.blending.kernels import box_blur, draw_streaks, sky_rows, survey, widen
from app.frame import F32, U8, Planes
from app.grid import grid_for


@pytest.mark.parametrize(
    ("rows", "expected"),
    [([], (0, 0)), ([0], (0, 2)), ([1], (0, 2)), ([3, 7], (2, 8)), ([8], (8, 10)), ([10], (10, 11))],
)
def test_sky_rows_are_even_and_hold_all_sky(rows: list[int], expected: tuple[int, int]) -> None:
    alpha = np.zeros((11, 9), np.uint8)
    alpha[rows, 8] = 1
    assert sky_rows(alpha) == expected


def random_planes(size_wh: tuple[int, int], seed: int) -> Planes:
    rng = np.random.default_rng(seed)
    width, height = size_wh
    chroma = ((height + 1) // 2, (width + 1) // 2)
    return Planes(*(rng.integers(0, 256, shape, np.uint8) for shape in ((height, width), chroma, chroma)))


@pytest.mark.parametrize("size_wh", [(64, 48), (37, 25)], ids=str)
def test_survey_of_every_block_is_exact(size_wh: tuple[int, int]) -> None:
    frame, sky = random_planes(size_wh, 1), random_planes(size_wh, 2)
    alpha = np.random.default_rng(3).integers(0, 256, frame[0].shape, np.uint8)
    grid = grid_for(size_wh)
    assert grid.stride == 1
    cells = np.empty((grid.rows, 4, grid.columns), np.float32)
    sums = survey(*frame, *sky, alpha, 1, cells)

    padding = [(0, length % 2) for length in alpha.shape]
    a = np.pad(alpha / 255, padding, mode="edge")
    full = [np.pad(frame[0], padding, mode="edge"), *(plane.repeat(2, 0).repeat(2, 1) for plane in frame[1:])]
    expected = [(1 - a).sum() / 4, *(((1 - a) * plane).sum() / 4 for plane in full)]
    assert sums == pytest.approx(expected, rel=1e-5)

    behind = [np.pad(sky[0], padding, mode="edge"), *(plane.repeat(2, 0).repeat(2, 1) for plane in sky[1:])]
    for row in (0, grid.rows - 1):
        for column in (0, grid.columns - 1):
            cell = np.s_[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
            means = [a[cell].mean(), *((a[cell] * plane[cell]).mean() for plane in behind)]
            assert cells[row, :, column] == pytest.approx(means, rel=1e-5)


@pytest.mark.parametrize("width", [1.0, 2.5, 3.0, 8.0, 31.7])
def test_box_blur_is_the_mean_over_a_mirrored_window(width: float) -> None:
    values = np.random.default_rng(0).random((12, 3)).astype(np.float32)
    blurred = np.empty_like(values)
    box_blur(values, width, blurred)
    # A hundred samples per row, each the value of its row.
    fine = np.concatenate([values[::-1], values] * 4).repeat(100, axis=0)
    for row in range(len(values)):
        centre = 100 * (3 * len(values) + row) + 50
        half = round(50 * width)
        assert blurred[row] == pytest.approx(fine[centre - half : centre + half].mean(axis=0), abs=1e-3)


def test_box_blur_leaves_nothing_where_the_box_has_passed() -> None:
    values = np.zeros((80, 1), np.float32)
    values[:40] = np.random.default_rng(0).random((40, 1)).astype(np.float32)
    blurred = np.empty_like(values)
    box_blur(values, 20.0, blurred)
    assert (blurred[51:] == 0).all()


def test_widen_is_linear_between_columns() -> None:
    grid = np.array([[0, 10, 40], [5, 5, 5]], np.float32)
    at = np.array([0, 0.25, 1.5, 2], np.float32)
    wide = np.empty((2, 4), np.float32)
    widen(grid, at, wide)
    assert wide.tolist() == [[0, 2.5, 25, 40], [5, 5, 5, 5]]


def drawn(streak: tuple[float, ...], shape: tuple[int, int] = (40, 60), level: int = 50) -> U8:
    plane = np.full(shape, level, np.uint8)
    streaks = np.array([streak], np.float32)
    draw_streaks(plane, streaks, float(shape[0]), np.full(shape[0], 250, np.float32))
    return plane


def test_an_opaque_streak_takes_its_target_in_the_middle_and_nothing_beyond_its_radius() -> None:
    plane = drawn((0.5, 0.25, 1.0, 0.75, 0.1, 1.0, 0.0))
    assert plane[20, 30] == 250  # on its line, half way
    y, x = np.mgrid[:40, :60]
    part = np.clip(((x - 20) * 20 + (y - 10) * 20) / 800, 0, 1)
    distance = np.hypot(x - 20 - 20 * part, y - 10 - 20 * part)
    expected = 50 + 200 * np.clip(1 - distance**2 / 16, 0, None) ** 2
    assert np.abs(plane - expected).max() <= 0.51


def test_streaks_beyond_the_edges_are_cut_off() -> None:
    for x, y in ((-0.2, 0.5), (1.6, 0.5), (0.5, -0.3), (0.5, 1.2)):
        assert drawn((x, y, x + 0.01, y + 0.05, 0.1, 1.0, 0.0)).min() == 50


@pytest.mark.parametrize("radius", [0.004, 0.01, 0.05])
def test_a_streak_covers_as_much_at_any_size(radius: float) -> None:
    streak = (0.5, 0.2, 0.6, 0.7, radius, 0.9, 1.0)
    small = drawn(streak, (120, 180)).astype(np.float64) - 50
    large = drawn(streak, (480, 720)).astype(np.float64) - 50
    assert small.mean() == pytest.approx(large.mean(), rel=0.08)


def test_the_same_numbers_whatever_the_memory_is() -> None:
    values: F32 = np.random.default_rng(0).random((9, 6)).astype(np.float32)
    results = []
    for fill in (0, np.nan):
        blurred = np.full_like(values, fill)
        box_blur(values, 4.0, blurred)
        results.append(blurred)
    assert np.array_equal(results[0], results[1])
