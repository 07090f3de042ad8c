"""The floating island's field of distances: its sign, and that a ray can trust it."""

import numpy as np
import pytest

from skyboxes import floating_island, island
from skyboxes.island import EXTENT, HEIGHT, PLATEAU, Scene

pytestmark = pytest.mark.timeout(600)  # the first run compiles the scene


@pytest.fixture
def scene() -> Scene:
    """The scene of the picture, which is kept: it takes long to build."""
    return floating_island._rock()[1]


def test_sign(scene: Scene) -> None:
    x, y, level, _ = PLATEAU
    assert island.distance(scene.ground, x, y, level - 40.0) < 0.0
    assert island.distance(scene.ground, x, y, HEIGHT[1] + 20.0) > 0.0
    assert island.distance(scene.ground, 0.0, 0.0, HEIGHT[0] - 20.0) > 0.0
    assert island.distance(scene.ground, 2.0 * EXTENT, 0.0, 0.0) > 0.0


def test_no_step_leads_into_the_island(scene: Scene) -> None:
    """From points about the island, half the distance given may be gone in any direction."""
    rng = np.random.default_rng(1)
    low, high = (-EXTENT, -EXTENT, HEIGHT[0]), (EXTENT, EXTENT, HEIGHT[1])
    points = rng.uniform(low, high, (4000, 3))
    ways = rng.normal(size=(4000, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    free = np.array([island.distance(scene.ground, *point) for point in points])
    outside = free > 0.0
    assert 0.5 < outside.mean() < 1.0
    ends = points + 0.5 * np.maximum(free, 0.0)[:, None] * ways
    after = np.array([island.distance(scene.ground, *point) for point in ends])
    assert (after[outside] > 0.0).mean() > 0.999


def test_water_leaves_at_the_rim(scene: Scene) -> None:
    y, z = island.rim(scene, -92.0)
    assert y < 0.0
    assert island.distance(scene.ground, -92.0, y - 25.0, z) > 0.0
    assert island.distance(scene.ground, -92.0, y + 60.0, z - 12.0) < -1.0
    with pytest.raises(ValueError, match="no ground"):
        island.rim(scene, 1.5 * EXTENT)
