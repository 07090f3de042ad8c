"""Keys of which only a part is fine: that part is the same whatever the window."""

import numpy as np
import pytest

from living.procedural import Scene
from living.specs import ProceduralSpec
from living.window import Window

WIDTH = 512


@pytest.mark.parametrize("clouds", ["cumulus", "cirrus", "storm"])
def test_what_lies_in_a_window_is_as_fine_as_without_one(clouds: str) -> None:
    scene = Scene(ProceduralSpec(sun=(30.0, 20.0), clouds=clouds), WIDTH)  # type: ignore[arg-type]
    whole = scene.key(0.5)
    assert whole.cloud is not None
    assert whole.alpha is not None
    for window in (Window(160, 352, 32, 128), Window(448, 640, 64, 128)):
        part = scene.key(0.5, window)
        assert part.cloud is not None
        assert part.alpha is not None
        columns = np.arange(window.left + 16, window.right - 16) % WIDTH
        rows = np.arange(window.top + 4, window.bottom - 4)
        assert np.array_equal(part.cloud[rows[:, None], columns], whole.cloud[rows[:, None], columns])
        assert np.array_equal(part.alpha[rows[:, None], columns], whole.alpha[rows[:, None], columns])
        # Elsewhere it is about the same.
        assert np.abs(part.alpha.astype(float) - whole.alpha)[: WIDTH // 4].mean() < 25
