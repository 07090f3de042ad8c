"""The matting stage: what reaches the network, what is made of its alpha, and which networks are refused."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.colour import planes_from_rgb
from app.config import Matting
from app.frame import F32, U8, Colour, Frame, Planes
from app.matting.stage import MattingStage, network_size
from engines.base import EngineError, TensorSpec
from engines.registry import open_engine
from tests.fakes import FLOAT32, FakeEngine, blueness, upper_half, write_network

WORKING = (384, 224)
COLOURS = [
    Colour(matrix, full_range) for matrix in ("bt601", "bt709", "bt2020") for full_range in (False, True)
]


def frame(rgb: U8, colour: Colour | None = None) -> Frame:
    colour = colour or Colour()
    planes = planes_from_rgb(rgb, colour)
    for plane in planes:
        plane.setflags(write=False)
    return Frame(planes, 0, 0, Fraction(1, 30), colour, 0)


def flat(rgb: tuple[int, int, int], size_wh: tuple[int, int]) -> U8:
    return np.full((size_wh[1], size_wh[0], 3), rgb, np.uint8)


def landscape(size_wh: tuple[int, int]) -> U8:
    """Blue above a wavy ridge of dark green."""
    width, height = size_wh
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    ground = y > 0.5 + 0.15 * np.sin(9 * x)
    return np.where(ground[..., None], (30, 60, 20), (90, 140, 230)).astype(np.uint8)


def stage(engine: FakeEngine, size_wh: tuple[int, int]) -> MattingStage:
    part = Matting()
    return MattingStage(engine, size_wh, part.guide_radius, part.guide_eps)


# --- the network's size


@pytest.mark.parametrize(
    ("frame_wh", "expected"),
    [
        ((1280, 720), (384, 224)),
        ((1920, 1080), (384, 224)),
        ((720, 1280), (224, 384)),
        ((512, 512), (288, 288)),
        ((640, 480), (352, 256)),
    ],
)
def test_network_size_of_common_frames(frame_wh: tuple[int, int], expected: tuple[int, int]) -> None:
    assert network_size(frame_wh, WORKING) == expected


@pytest.mark.parametrize("working_wh", [WORKING, (512, 288), (384, 384)])
def test_network_size_keeps_area_and_aspect(working_wh: tuple[int, int]) -> None:
    area = working_wh[0] * working_wh[1]
    for aspect in np.geomspace(9 / 21, 21 / 9, 60):
        width, height = network_size((round(1000 * aspect), 1000), working_wh)
        assert width % 32 == 0 and height % 32 == 0
        assert 0.8 * area < width * height < 1.25 * area
        assert 0.85 * aspect < width / height < 1.18 * aspect


def test_network_size_of_a_strip_is_never_zero() -> None:
    assert network_size((4096, 64), WORKING)[1] == 32
    assert network_size((64, 4096), WORKING)[0] == 32


# --- what the network sees


@pytest.mark.parametrize("colour", COLOURS, ids=str)
@pytest.mark.parametrize(
    "rgb",
    [(0, 0, 0), (128, 128, 128), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255), (90, 140, 230)],
    ids=str,
)
def test_colours_arrive_as_rgb(rgb: tuple[int, int, int], colour: Colour) -> None:
    engine = FakeEngine()
    stage(engine, (64, 48)).process(frame(flat(rgb, (64, 48)), colour))
    (image,) = engine.images
    assert image.dtype == np.float32 and image.shape == (1, 3, 256, 352)
    assert image.min() >= 0 and image.max() <= 1
    # Two levels: rounding to 8 bits of limited range, where one level of chroma is worth up to 2.1 of blue.
    assert np.abs(image[0] - np.array(rgb, np.float32)[:, None, None] / 255).max() <= 2 / 255


def test_a_grey_ramp_stays_grey_and_in_place() -> None:
    engine = FakeEngine()
    ramp = np.repeat(np.linspace(0, 255, 1280, dtype=np.uint8)[None, :, None], 720, 0).repeat(3, 2)
    stage(engine, (1280, 720)).process(frame(ramp, Colour(full_range=True)))
    (image,) = engine.images
    centres = (np.arange(384) + 0.5) / 384 * 1280 - 0.5
    expected = centres / 1279
    assert np.abs(image[0] - expected).max() <= 2 / 255


# --- what becomes of its alpha


@pytest.mark.parametrize(
    "size_wh",
    [(64, 64), (65, 67), (480, 716), (333, 1001), (853, 481), (1280, 720), (1080, 1920), (4096, 2304)],
    ids=str,
)
def test_any_size_gives_a_matte_that_follows_the_picture(size_wh: tuple[int, int]) -> None:
    picture = landscape(size_wh)
    truth = picture[..., 2] > 128
    matted = stage(FakeEngine(), size_wh).process(frame(picture))
    assert matted.alpha.shape == size_wh[::-1] and matted.alpha.dtype == np.uint8
    assert matted.alpha.flags.c_contiguous and not matted.alpha.flags.writeable
    margin = np.ones((5, 5), np.uint8)
    sure_sky = cv2.erode(truth.astype(np.uint8), margin) > 0
    sure_ground = cv2.dilate(truth.astype(np.uint8), margin) == 0
    assert (matted.alpha[sure_sky] > 200).mean() > 0.99 and (matted.alpha[sure_ground] < 55).mean() > 0.99
    assert (matted.alpha == 255)[truth].mean() > 0.8 and (matted.alpha == 0)[~truth].mean() > 0.8


def test_edges_are_finer_than_the_network() -> None:
    size_wh = (1280, 720)
    picture = landscape(size_wh)
    truth = np.where(picture[..., 2] > 128, 255.0, 0.0)
    matted = stage(FakeEngine(), size_wh).process(frame(picture))
    coarse = blueness(small_rgb(picture))[0, 0]
    plain = cv2.resize(coarse, size_wh, interpolation=cv2.INTER_LINEAR) * 255
    assert np.abs(matted.alpha - truth).mean() < 0.25 * np.abs(plain - truth).mean()


def small_rgb(picture: U8) -> F32:
    rgb = cv2.resize(picture, WORKING, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return np.ascontiguousarray(rgb.transpose(2, 0, 1)[None])


def test_no_sky_gives_zero_everywhere() -> None:
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (360, 640, 1), np.uint8).repeat(3, 2)
    faint = FakeEngine(lambda image: np.full((1, 1, *image.shape[2:]), 0.04, np.float32))
    assert not stage(faint, (640, 360)).process(frame(picture)).alpha.any()


def test_all_sky_gives_255_everywhere() -> None:
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (360, 640, 1), np.uint8).repeat(3, 2)
    sure = FakeEngine(lambda image: np.full((1, 1, *image.shape[2:]), 0.96, np.float32))
    assert (stage(sure, (640, 360)).process(frame(picture)).alpha == 255).all()


def test_each_frame_is_matted_by_itself() -> None:
    one, other = frame(landscape((320, 180))), frame(landscape((320, 180))[::-1])
    under_test = stage(FakeEngine(), (320, 180))
    first = under_test.process(one).alpha
    kept = first.copy()
    under_test.process(other)
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(under_test.process(one).alpha, kept)
    assert under_test.process(one).frame is one


def test_ignores_further_outputs() -> None:
    outputs = {"alpha": TensorSpec((1, 1, None, None), FLOAT32), "features": TensorSpec((1, 8), FLOAT32)}
    engine = FakeEngine(upper_half, outputs=outputs)
    alpha = stage(engine, (320, 180)).process(frame(flat((90, 90, 90), (320, 180)))).alpha
    assert (alpha[:85] == 255).all() and (alpha[95:] == 0).all()


# --- which networks are refused


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"input_name": "input.1"}, "input.1 float32 1x3x?x?"),
        ({"output_name": "sky"}, "sky float32 1x1x?x?"),
        ({"channels": 4}, "image float32 1x4x?x?"),
        ({"size": (384, 384)}, "image float32 1x3x384x384"),
        ({"metadata": {}}, "metadata size is ''"),
        ({"metadata": {"size": "large"}}, "metadata size is 'large'"),
        ({"metadata": {"size": "0x224"}}, "metadata size is '0x224'"),
    ],
    ids=str,
)
def test_refuses_other_networks_in_one_line(tmp_path: Path, changes: dict[str, object], says: str) -> None:
    path = write_network(tmp_path / "other.onnx", **changes)  # type: ignore[arg-type]
    with open_engine(path, "auto", 1) as engine, pytest.raises(EngineError) as caught:
        MattingStage(engine, (1280, 720), 4, 1e-3)
    message = str(caught.value)
    assert message.startswith(str(path)) and says in message and "expected" in message
    assert "\n" not in message


def test_refuses_two_inputs_and_other_types() -> None:
    image = TensorSpec((1, 3, None, None), FLOAT32)
    for inputs in (
        {"image": image, "mask": image},
        {"image": TensorSpec((1, 3, None, None), np.dtype(np.float16))},
        {"image": TensorSpec((3, None, None), FLOAT32)},
    ):
        with pytest.raises(EngineError, match="not a matting network"):
            stage(FakeEngine(inputs=inputs), (64, 64))


def test_a_real_file_runs(tmp_path: Path) -> None:
    """The tiny network's alpha is the blue channel."""
    with open_engine(write_network(tmp_path / "blue.onnx"), "auto", 1) as engine:
        under_test = MattingStage(engine, (320, 180), 4, 1e-3)
        alpha: NDArray[np.uint8] = under_test.process(frame(flat((0, 0, 255), (320, 180)))).alpha
        assert (alpha == 255).all()
        assert not under_test.process(frame(flat((255, 255, 0), (320, 180)))).alpha.any()


def test_reads_planes_with_odd_chroma() -> None:
    """A 65x67 frame has 33x34 chroma samples."""
    planes = Planes(
        np.full((67, 65), 81, np.uint8), np.full((34, 33), 90, np.uint8), np.full((34, 33), 240, np.uint8)
    )
    engine = FakeEngine()
    stage(engine, (65, 67)).process(Frame(planes, 0, 0, Fraction(1, 30), Colour("bt601"), 0))
    np.testing.assert_allclose(engine.images[0][0, :, 5, 5], [1, 0, 0], atol=2 / 255)
