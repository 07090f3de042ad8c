"""The comparison with another network: what it is fed, and what is said of both."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from engines.base import EngineError
from engines.registry import open_engine
from training.cases import labelled_cases
from training.compare import TimedEngine, comparison, main, peer_matte, take_turns
from training.data import read_index
from training.evaluate import MODELS
from training.metrics import Array


@pytest.fixture
def peer(tmp_path: Path) -> Path:
    """A network whose alpha is its normalised input's blue: more blue than ImageNet's mean is sky."""
    nodes = [
        helper.make_node("Split", ["image", "parts"], ["r", "g", "b"], axis=1),
        helper.make_node("Identity", ["b"], ["sky"]),
    ]
    graph = helper.make_graph(
        nodes,
        "peer",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 32, 48])],
        [helper.make_tensor_value_info("sky", TensorProto.FLOAT, [1, 1, 32, 48])],
        [helper.make_tensor("parts", TensorProto.INT64, [3], [1, 1, 1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    path = tmp_path / "peer.onnx"
    onnx.save(model, path)
    return path


def test_the_peer_sees_normalised_rgb(peer: Path) -> None:
    blue = np.zeros((64, 96, 3), np.uint8)
    blue[..., 2] = round(255 * (0.406 + 0.225 * 0.6))
    with TimedEngine(open_engine(peer, "ort", 1)) as engine:
        alpha = peer_matte(engine)(blue)
        assert alpha.shape == (64, 96) and np.abs(alpha.astype(int) - 0.6 * 255).max() <= 1
        assert peer_matte(engine)(blue[..., ::-1].copy()).max() == 0
        assert len(engine.times_ms) == 2 and min(engine.times_ms) > 0


def test_networks_of_another_kind_are_refused() -> None:
    with (
        open_engine(MODELS / "matte.onnx", "ort", 1) as engine,
        pytest.raises(EngineError, match="fixed size"),
    ):
        peer_matte(engine)


def test_every_picture_is_done_by_all_before_the_next(tiny_data: Path) -> None:
    order = []

    def named(name: str) -> object:
        def matte(rgb: Array) -> Array:
            order.append(name)
            return np.full(rgb.shape[:2], 255 if name == "a" else 0, np.uint8)

        return matte

    cases = labelled_cases(read_index(tiny_data, "val"), tiny_data)
    results = take_turns({"a": named("a"), "b": named("b")}, cases)  # type: ignore[dict-item]
    assert order == ["a", "b"] * 3
    line = comparison(results).splitlines()[2].split()
    assert line[0] == "roads"
    assert float(line[1]) == pytest.approx((35 + 40) / 192, abs=1e-4) and float(line[2]) == 0
    assert float(line[5]) == 100 and float(line[6]) == 0


def test_command_line(
    tiny_data: Path, peer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "result.json"
    assert main(["--peer", str(peer), "--data", str(tiny_data), "--json", str(out), "--night"]) == 0
    assert "times" in capsys.readouterr().out
    result = json.loads(out.read_text())
    assert result["peer"]["roads"]["pictures"] == 3 and result["full"]["night (made)"]["pictures"] == 2
    assert result["ms"] > 0 and result["peer_ms"] > 0
    assert main(["--peer", str(tmp_path / "absent.onnx"), "--data", str(tiny_data)]) == 1
    error = capsys.readouterr().err
    assert "absent.onnx" in error and error.count("\n") == 1
