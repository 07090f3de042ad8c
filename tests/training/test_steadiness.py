"""Steadiness: dtSSD and flicker counted by hand, and the chains on a clip."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engines.registry import open_engine
from training.evaluate import MODELS
from training.metrics import Array
from training.sequences import Clip, Shot
from training.steadiness import CHAINS, Steadiness, as_numbers, main, measure, run_chains, still_table


def shot(alpha: Array | None) -> Shot:
    """A grey frame with a truth, or without."""
    shape = (10, 20) if alpha is None else alpha.shape
    valid = None if alpha is None else np.full_like(alpha, 255)
    return Shot(np.full((*shape, 3), 90, np.uint8), alpha, valid)


def level(value: int) -> Array:
    return np.full((10, 20), value, np.uint8)


def test_dtssd_by_hand() -> None:
    right = level(102)
    right[:, :10] = 51
    frames = [
        (shot(level(0)), {"x": level(0), "lagging": level(0)}),
        (shot(level(51)), {"x": right, "lagging": level(0)}),  # truth moves by 0.2; x by 0.2 and 0.4
    ]
    found = measure(frames)
    assert found["x"].dtssd == pytest.approx(100 * math.sqrt((0.0**2 + 0.2**2) / 2), rel=1e-5)
    assert found["lagging"].dtssd == pytest.approx(20.0, rel=1e-5)
    assert found["lagging"].mad == pytest.approx(0.1, rel=1e-5)
    assert found["lagging"].flicker == 0.0


def test_only_what_is_known_in_both_frames_counts() -> None:
    first, second = shot(level(0)), shot(level(0))
    assert first.valid is not None and second.valid is not None
    first.valid[:, :5] = 0
    second.valid[:, 15:] = 0
    before, after = level(0), level(0)
    after[:, :5] = after[:, 15:] = 255
    after[:5, 5:15] = 51
    found = measure([(first, {"x": before}), (second, {"x": after})])
    assert found["x"].dtssd == pytest.approx(100 * math.sqrt(0.2**2 / 2), rel=1e-5)


def test_flicker_of_a_still_camera() -> None:
    alphas = [level(0), level(51), level(51)]
    found = measure((shot(None), {"x": alpha}) for alpha in alphas)
    assert found["x"].flicker == pytest.approx(0.1, rel=1e-5)
    assert math.isnan(found["x"].dtssd) and math.isnan(found["x"].mad)
    twice = found["x"] + found["x"]
    assert twice.flicker == pytest.approx(0.1, rel=1e-5) and twice.pairs == 4
    assert as_numbers({"a": found})["a"]["x"]["dtssd"] is None
    table = still_table({"a": dict.fromkeys(CHAINS, Steadiness())})
    assert table.splitlines()[1].split() == ["a", "nan", "nan", "nan"]


def test_chains_see_the_same_frames_and_smoothing_steadies_noise() -> None:
    rng = np.random.default_rng(0)
    image = np.full((180, 320, 3), (90, 80, 70), np.uint8)
    image[:90] = (120, 170, 230)
    image[60:90, ::9] = (60, 60, 50)

    def shots() -> Iterator[Shot]:
        for _ in range(6):
            noise = rng.normal(0, 12, image.shape)
            yield Shot(np.clip(image + noise, 0, 255).astype(np.uint8))

    with open_engine(MODELS / "matte.onnx", "ort", 1) as engine:
        frames = list(run_chains(engine, Clip("posts", "still", 25, shots)))
    assert len(frames) == 6
    for frame, alphas in frames:
        assert list(alphas) == list(CHAINS)
        assert {alpha.shape for alpha in alphas.values()} == {frame.image.shape[:2]}
    assert np.array_equal(frames[0][1]["matting"], frames[0][1]["full"])
    found = measure(frames)
    assert 0 < found["full"].flicker < found["matting"].flicker


def test_command_line(tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = tiny_data / "index.csv"
    index.write_text(index.read_text().replace("roads,val", "camvid,val"))
    out = tmp_path / "result.json"
    assert main(["--data", str(tiny_data), "--clips", str(tmp_path), "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "labelled drive" in printed and "repeated frame: camvid" in printed
    result = json.loads(out.read_text())
    assert set(result["labelled drive"]) == set(CHAINS)
    assert result["labelled drive"]["net"]["dtssd"] > 0
    assert main(["--data", str(tmp_path / "absent")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
