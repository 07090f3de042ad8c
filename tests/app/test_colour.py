import itertools
from typing import Literal

import av
import numpy as np
import pytest

from app.colour import planes_from_rgb, rgb_from_planes, rgb_from_yuv, yuv_from_rgb
from app.frame import Colour, Planes

MATRICES: tuple[Literal["bt601", "bt709", "bt2020"], ...] = ("bt601", "bt709", "bt2020")
COLOURS = [Colour(matrix, full_range=full) for matrix, full in itertools.product(MATRICES, (False, True))]


@pytest.mark.parametrize("colour", COLOURS)
def test_black_white_and_primaries(colour: Colour) -> None:
    matrix, offset = yuv_from_rgb(colour)
    black, white = (0, 255) if colour.full_range else (16, 235)
    assert matrix @ [0, 0, 0] + offset == pytest.approx([black, 128, 128])
    assert matrix @ [255, 255, 255] + offset == pytest.approx([white, 128, 128])
    extreme = 255.5 if colour.full_range else 240
    assert (matrix @ [0, 0, 255] + offset)[1] == pytest.approx(extreme)
    assert (matrix @ [255, 0, 0] + offset)[2] == pytest.approx(extreme)
    back, zero = rgb_from_yuv(colour)
    assert back @ (matrix @ [12, 200, 77] + offset - zero) == pytest.approx([12, 200, 77])


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("shape", [(8, 10), (7, 9), (1, 1)])
def test_flat_colours_come_back(colour: Colour, shape: tuple[int, int]) -> None:
    rgb = np.broadcast_to(np.array([180, 60, 110], np.uint8), (*shape, 3))
    planes = planes_from_rgb(rgb, colour)
    assert planes.u.shape == ((shape[0] + 1) // 2, (shape[1] + 1) // 2)
    assert np.abs(rgb_from_planes(planes, colour).astype(int) - rgb).max() <= 2


def test_agrees_with_swscale() -> None:
    rng = np.random.default_rng(1)
    rgb = np.kron(rng.integers(30, 220, (8, 8, 3)), np.ones((16, 16, 1))).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(
        format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
    )
    ours = planes_from_rgb(rgb, Colour("bt709"))
    theirs = frame.to_ndarray()[:128].astype(int)
    assert np.abs(ours.y - theirs).max() <= 1


@pytest.mark.parametrize(
    ("siting", "expected"), [("left", (0.0, 0.5)), ("center", (0.5, 0.5)), ("topleft", (0.0, 0.0))]
)
def test_chroma_lies_where_the_siting_says(siting: str, expected: tuple[float, float]) -> None:
    colour = Colour("bt709", full_range=True, siting=siting)  # type: ignore[arg-type]
    assert colour.chroma_xy == expected
    # Along a ramp of blue, a chroma sample's value tells its position.
    columns, rows = np.meshgrid(np.arange(32.0), np.arange(32.0))
    for axis, positions in ((0, columns), (1, rows)):
        rgb = np.dstack([np.full_like(positions, 100)] * 2 + [100 + 4 * positions]).astype(np.uint8)
        u = planes_from_rgb(rgb, colour).u.astype(float)
        slope = 4 * yuv_from_rgb(colour)[0][1, 2]
        found = (u[8, 8] - 128) / slope
        assert found == pytest.approx(16 + expected[axis], abs=0.3)


def test_read_only_planes_are_taken() -> None:
    planes = planes_from_rgb(np.zeros((4, 4, 3), np.uint8), Colour())
    for plane in planes:
        plane.setflags(write=False)
    assert rgb_from_planes(Planes(*planes), Colour()).max() == 0
