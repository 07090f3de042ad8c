from pathlib import Path

import numpy as np
import pytest

from app.capture.demo import DemoSource
from app.colour import rgb_from_planes
from app.matting.photo import sky_of_photo
from engines.base import EngineError
from tests.fakes import write_network


def test_the_sky_of_a_photo_is_found() -> None:
    frame, truth = DemoSource((320, 180)).frame(0)
    alpha = sky_of_photo(rgb_from_planes(frame.planes, frame.colour))
    assert alpha.dtype == np.uint8
    assert alpha.shape == truth.shape
    assert ((alpha > 127) != (truth > 127)).mean() < 0.02


def test_the_network_answers_at_any_size(tmp_path: Path) -> None:
    network = write_network(tmp_path / "blue.onnx", metadata={"size": "96x64"})
    rgb = np.full((71, 93, 3), 40, np.uint8)
    rgb[:30, :, 2] = 250
    alpha = sky_of_photo(rgb, network)
    assert alpha.shape == (71, 93)
    assert alpha[:20].min() > 200
    assert alpha[45:].max() < 60


def test_a_network_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"none\.onnx"):
        sky_of_photo(np.zeros((32, 32, 3), np.uint8), tmp_path / "none.onnx")
