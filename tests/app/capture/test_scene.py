import cv2
import numpy as np
import pytest

from app.capture import scene
from app.capture.demo import FPS, DemoSource
from app.capture.scene import Layer
from app.colour import rgb_from_planes
from app.errors import CaptureError
from tests.scenes import demo_layers

SIZE_WH = (320, 180)


@pytest.fixture(scope="module")
def layers() -> list[Layer]:
    return demo_layers()


def test_the_same_picture_every_time(layers: list[Layer]) -> None:
    first, first_alpha = scene.render(layers, SIZE_WH, 3.7)
    again, again_alpha = scene.render(scene.build_layers(), SIZE_WH, 3.7)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert np.array_equal(first_alpha, again_alpha)


def test_alpha_is_where_the_sky_shows(layers: list[Layer]) -> None:
    with_all, alpha = scene.render(layers, SIZE_WH, 5.0)
    only_sky, open_alpha = scene.render(layers[:1], SIZE_WH, 5.0)
    assert (open_alpha == 255).all()
    assert np.array_equal(with_all.y[alpha == 255], only_sky.y[alpha == 255])
    assert 0.15 < (alpha > 127).mean() < 0.7
    assert (alpha[-40:] == 0).all()
    assert ((alpha > 10) & (alpha < 245)).mean() > 0.005  # leaves and masts have soft edges


@pytest.mark.parametrize("size_wh", [SIZE_WH, (180, 320), (321, 181)])
def test_the_sky_moves_by_the_cameras_rotation(layers: list[Layer], size_wh: tuple[int, int]) -> None:
    start, _ = scene.render(layers[:1], size_wh, 1.0)
    end, _ = scene.render(layers[:1], size_wh, 1.6)
    motion = scene.sky_motion(size_wh, 1.0, 1.6)
    width, height = size_wh
    moved = np.asarray(cv2.warpPerspective(start.y, motion, size_wh, borderValue=0), np.float64)
    inside = cv2.warpPerspective(np.full((height, width), 255, np.uint8), motion, size_wh) == 255
    assert inside.mean() > 0.8
    assert np.abs(moved - end.y)[inside].mean() < 1.0
    assert np.abs(start.y.astype(float) - end.y)[inside].mean() > 3.0


def test_rotation_is_a_rotation_and_the_walk_goes_somewhere() -> None:
    turn = scene.camera_rotation(4.2)
    assert np.allclose(turn @ turn.T, np.eye(3))
    assert np.linalg.det(turn) == pytest.approx(1)
    assert np.linalg.norm(scene.camera_position(6.0) - scene.camera_position(0.0)) > 1


def test_demo_is_an_endless_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene, "build_layers", demo_layers)
    with DemoSource(SIZE_WH) as source:
        assert source.info.size_wh == SIZE_WH
        frames = [frame for frame, _ in zip(source, range(3), strict=False)]
        assert [frame.seconds for frame in frames] == pytest.approx([i / float(FPS) for i in range(3)])
        assert [frame.index for frame in frames] == [0, 1, 2]
        picture = rgb_from_planes(frames[0].planes, frames[0].colour)
        assert picture.shape == (180, 320, 3)
        assert picture[:10].mean(axis=(0, 1))[2] > picture[:10].mean(axis=(0, 1))[0]  # a blue sky
        assert not frames[0].planes.y.flags.writeable


@pytest.mark.parametrize("size_wh", [(32, 320), (4098, 64)])
def test_demo_refuses_a_size_that_cannot_be_worked_on(size_wh: tuple[int, int]) -> None:
    with pytest.raises(CaptureError, match=f"demo: frames of {size_wh[0]}x{size_wh[1]} are too"):
        DemoSource(size_wh)
