import numpy as np
import pytest

from app.camera import Camera
from app.rotation import rotation_from_vector
from app.tracking.lens import Lens

SIZE = (640, 360)


def looked_about(fov_deg: float, reach_deg: float, noise: float = 0.2) -> Lens:
    """What a lens finder makes of a camera that looks to and fro."""
    camera, assumed = Camera.from_fov(SIZE, fov_deg), Camera.from_fov(SIZE, 60.0)
    rng = np.random.default_rng(2)
    world = rng.normal(size=(6000, 3))
    world /= np.linalg.norm(world, axis=1, keepdims=True)
    lens = Lens()
    for step in range(60):
        angle = np.radians(reach_deg) * np.sin(step / 8)
        seen = world @ rotation_from_vector(np.array([0.3 * angle, angle, 0.1 * angle]))
        ahead = seen[:, 2] > 0.1
        pixels = seen @ camera.matrix.T
        xy = pixels[:, :2] / np.where(ahead, pixels[:, 2], 1)[:, np.newaxis]
        inside = ahead & (xy >= 0).all(axis=1) & (xy < SIZE).all(axis=1)
        shown = np.flatnonzero(inside)
        lens.see(shown, xy[shown] + rng.normal(0, noise, (len(shown), 2)), assumed)
    return lens


@pytest.mark.parametrize("fov_deg", [40.0, 60.0, 95.0])
def test_the_width_of_the_view_is_found_from_turns(fov_deg: float) -> None:
    focal = looked_about(fov_deg, 0.5 * fov_deg).focal
    assert focal is not None
    assert Camera(SIZE, focal * SIZE[0]).fov_deg == pytest.approx(fov_deg, rel=0.03)


def test_a_camera_that_hardly_turns_says_nothing() -> None:
    assert looked_about(60.0, 3.0).focal is None
