"""Powers of homographies, presets, mirrors and flow."""

import cv2
import numpy as np
import pytest

from living.motion import PRESETS, HomographyPreset, flow_of, power, sky_and_mirror


@pytest.mark.parametrize("name", PRESETS)
def test_powers_add_up(name: str) -> None:
    h = PRESETS[name].homography(0.4)
    assert np.allclose(power(h, 1.0), h, atol=1e-12)
    assert np.allclose(power(h, 0.3) @ power(h, 2.45), power(h, 2.75), atol=1e-11)
    assert np.allclose(power(h, -7.5) @ power(h, 7.5), np.eye(3), atol=1e-10)
    assert np.allclose(power(h, 3.0), h @ h @ h, atol=1e-11)


def test_a_mere_shift_has_powers() -> None:
    shift = np.array([[1.0, 0.0, 0.3], [0.0, 1.0, -0.1], [0.0, 0.0, 1.0]])
    assert np.allclose(power(shift, 2.5), [[1.0, 0.0, 0.75], [0.0, 1.0, -0.25], [0.0, 0.0, 1.0]])
    assert np.array_equal(power(np.eye(3), 5.0), np.eye(3))


def test_half_of_a_strong_turn() -> None:
    angle = 2.0
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
    half = power(turn, 0.5)
    assert np.allclose(half[0, 0], np.cos(1.0), atol=1e-12)
    assert np.allclose(half @ half, turn, atol=1e-12)


def test_what_no_wind_gives_is_refused() -> None:
    with pytest.raises(ValueError, match="logarithm"):
        power(np.diag([-1.0, -1.0, 1.0]), 0.5)
    with pytest.raises(ValueError, match="corners"):
        HomographyPreset((2.1, 0.0), (-2.1, 0.0), (0.0, 0.0), (0.0, 0.0)).homography()


def test_corners_move_as_asked() -> None:
    preset = HomographyPreset((0.1, 0.0), (0.12, -0.05), (0.01, 0.0), (0.02, 0.01))
    h = preset.homography(0.5)
    for corner, shift in (((-1.0, -1.0), preset.top_left), ((1.0, 0.5), preset.horizon_right)):
        x, y, w = h @ [*corner, 1.0]
        assert np.allclose([x / w - corner[0], y / w - corner[1]], shift)


def test_the_mirror_moves_the_other_way_up_and_down() -> None:
    horizon = 0.3
    h = PRESETS["overhead"].homography(horizon)
    sky, water = sky_and_mirror(h, horizon)
    x, y, w = sky @ [0.2, -0.6, 1.0]
    u, v, s = water @ [0.2, 2 * horizon + 0.6, 1.0]
    assert np.allclose([u / s, v / s], [x / w, 2 * horizon - y / w])


def test_flow_is_what_opencv_does_with_the_homography() -> None:
    size = 64, 48
    h = power(PRESETS["approach"].homography(), 2.0)
    flow = flow_of(h, size)
    from_pixels = np.array([[2 / 64, 0, 1 / 64 - 1], [0, 2 / 48, 1 / 48 - 1], [0, 0, 1]])
    pixels = np.linalg.inv(from_pixels) @ h @ from_pixels
    points = np.array([[[0.0, 0.0], [40.0, 13.0], [63.0, 47.0]]])
    moved = cv2.perspectiveTransform(points, pixels)[0] - points[0]
    assert np.allclose(moved, [flow[0, 0], flow[13, 40], flow[47, 63]], atol=1e-4)
