import math

import numpy as np
import pytest

from app.sky.placing import Placing, place

PLENTY = 10**9


def placed(picture_wh: tuple[int, int], frame_wh: tuple[int, int], crop: float = 0.5) -> Placing:
    return place(picture_wh, frame_wh, crop, "mirror", most_texels=PLENTY, enlarge=True)


@pytest.mark.parametrize(
    ("picture_wh", "texture_wh"),
    [((320, 180), (320, 180)), ((160, 90), (320, 180)), ((400, 180), (400, 180)), ((160, 400), (320, 800))],
)
def test_the_picture_covers_twice_the_frame_and_keeps_its_aspect(
    picture_wh: tuple[int, int], texture_wh: tuple[int, int]
) -> None:
    placing = placed(picture_wh, (160, 90))
    assert (placing.texture_wh, placing.scale) == (texture_wh, 1.0)


def test_a_crop_of_one_shows_the_whole_picture() -> None:
    placing = placed((320, 180), (160, 90), crop=1.0)
    assert placing.texture_wh == (160, 90)
    assert np.array_equal(placing.texel_from_first, np.eye(3))


@pytest.mark.parametrize("picture_wh", [(3840, 2160), (100_000, 100), (100, 100_000), (1, 1)])
def test_a_texture_with_its_margins_is_bounded(picture_wh: tuple[int, int]) -> None:
    placing = place(picture_wh, (4096, 2304), 0.1, "mirror", most_texels=32_000_000, enlarge=True)
    width, height = (length + 2 * placing.margin for length in placing.texture_wh)
    assert width * height < 32_000_000 * 1.02
    assert max(width, height) < 2**15
    assert min(placing.texture_wh) >= 2


def test_a_picture_is_not_enlarged_where_the_drawing_can_do_it() -> None:
    placing = place((160, 90), (640, 360), 0.5, "mirror", most_texels=PLENTY, enlarge=False)
    assert placing.texture_wh == (160, 90)
    assert placing.scale == pytest.approx(1 / 8)


def test_the_margin_holds_half_a_frame_turned_by_any_angle() -> None:
    placing = placed((320, 180), (160, 90))
    assert math.hypot(160, 90) / 2 + 1 <= placing.margin <= math.hypot(160, 90) / 2 + 6
    assert placing.margin % 2 == 0


@pytest.mark.parametrize(
    "pose",
    [
        [[1, 0, 0], [0, 1, 0], [0.05, 0, 1]],  # the horizon of the plane in view
        [[1e-3, 0, 0], [0, 1e-3, 0], [0, 0, 1]],  # a thousand copies in view
    ],
)
def test_a_pose_gone_wrong_is_ignored(pose: list[list[float]]) -> None:
    placing = placed((320, 180), (160, 90))
    assert np.array_equal(placing.texel_from_pixel(np.array(pose, float)), placing.texel_from_first)


def test_a_pose_may_have_any_scale_and_sign() -> None:
    placing = placed((320, 180), (160, 90))
    pose = np.array([[1, 0.1, 5], [-0.1, 1, 7], [1e-4, 0, 1]])
    assert placing.texel_from_pixel(pose) == pytest.approx(placing.texel_from_pixel(-3 * pose))
