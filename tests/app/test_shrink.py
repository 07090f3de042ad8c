import cv2
import numpy as np
import pytest

from app.shrink import shrink


@pytest.mark.parametrize("size_wh", [(853, 481), (1280, 720), (721, 1283), (1921, 1081)])
def test_shrink_is_near_the_mean_over_each_pixel(size_wh: tuple[int, int]) -> None:
    x, y = np.meshgrid(np.linspace(0, 6, size_wh[0]), np.linspace(0, 4, size_wh[1]))
    plane = (127.5 + 120 * np.sin(x) * np.cos(y)).astype(np.uint8)
    target = (384, 224) if size_wh[0] > size_wh[1] else (224, 384)
    shrunk = shrink(plane, target)
    assert shrunk.shape == target[::-1] and shrunk.dtype == np.uint8
    area = cv2.resize(plane.astype(np.float32), target, interpolation=cv2.INTER_AREA)
    assert np.abs(shrunk - area).max() < 5 and np.abs(shrunk - area).mean() < 1


def test_shrink_averages_fine_texture() -> None:
    """A chequered plane must not turn into a moiré pattern."""
    chequered = ((np.add.outer(np.arange(1080), np.arange(1920)) % 2) * 255).astype(np.uint8)
    shrunk = shrink(chequered, (384, 224))
    assert shrunk.min() >= 126 and shrunk.max() <= 129
