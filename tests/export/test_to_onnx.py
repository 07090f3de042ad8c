"""The export: the ONNX file's contract, and that it computes what torch computes."""

import collections
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import export_onnx
from export.checkpoint import CheckpointError, Origin, load_checkpoint, save_checkpoint
from export.network import NetworkSpec, build_network
from export.verify import TOLERANCE, largest_difference

pytestmark = pytest.mark.timeout(300)  # an export takes long on a busy machine

MODELS = Path(export_onnx.__file__).parent / "models"
ORIGIN = Origin("name", "2026-01-01", "data", "licence")
PLAIN_OPERATORS = {
    *(
        "Add",
        "Cast",
        "Clip",
        "Concat",
        "Conv",
        "DepthToSpace",
        "Div",
        "Expand",
        "MaxPool",
        "Mul",
        "Range",
        "ReduceMean",
    ),
    *("Relu", "Reshape", "Resize", "Shape", "Sigmoid", "Squeeze", "Sub"),
}


def test_matte_file_keeps_its_contract() -> None:
    path = MODELS / "matte.onnx"
    assert path.stat().st_size <= 16e6
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (image,), outputs = session.get_inputs(), session.get_outputs()
    assert (image.name, image.type, image.shape) == ("image", "tensor(float)", [1, 3, "height", "width"])
    alpha = outputs[0]
    assert (alpha.name, alpha.type, alpha.shape) == ("alpha", "tensor(float)", [1, 1, "height", "width"])
    metadata = session.get_modelmeta().custom_metadata_map
    assert {"name", "date", "data", "licence", "size"} <= metadata.keys()
    width, height = map(int, metadata["size"].split("x"))
    assert width % 32 == height % 32 == 0


@pytest.mark.parametrize("size_wh", [(32, 32), (384, 224), (224, 384), (1280, 736)])
def test_matte_file_runs_at_any_multiple_of_32(size_wh: tuple[int, int]) -> None:
    session = onnxruntime.InferenceSession(str(MODELS / "matte.onnx"), providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).random((1, 3, size_wh[1], size_wh[0]), dtype=np.float32)
    (alpha,) = session.run(["alpha"], {"image": image})
    assert alpha.shape == (1, 1, size_wh[1], size_wh[0]) and alpha.dtype == np.float32
    assert 0.0 <= alpha.min() <= alpha.max() <= 1.0


def test_matte_file_is_made_again_from_its_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = tmp_path / "again.onnx"
    assert export_onnx.main(["--out", str(again)]) == 0
    assert "largest difference" in capsys.readouterr().out
    committed = largest_difference(MODELS / "matte.safetensors", MODELS / "matte.onnx")
    assert max(committed.values()) <= TOLERANCE


def test_norms_are_folded_and_operators_plain() -> None:
    model = onnx.load(MODELS / "matte.onnx")
    assert {node.op_type for node in model.graph.node} <= PLAIN_OPERATORS
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)


def test_coordinate_resnet_is_exported_by_the_same_code(tmp_path: Path) -> None:
    spec = NetworkSpec("coord_resnet50", 8, (128, 64, 32, 8), (384, 384))
    checkpoint, out = tmp_path / "coord.safetensors", tmp_path / "coord.onnx"
    torch.manual_seed(0)
    save_checkpoint(checkpoint, build_network(spec), ORIGIN)
    assert export_onnx.main(["--checkpoint", str(checkpoint), "--out", str(out)]) == 0
    model = onnx.load(out)
    operators = collections.Counter(node.op_type for node in model.graph.node)
    assert operators.keys() <= PLAIN_OPERATORS and operators["Conv"] == 59
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata["name"] == ORIGIN.name and metadata["size"] == "384x384"
    assert NetworkSpec.from_json(metadata["spec"]) == spec


def test_checkpoint_survives_a_round_trip(tmp_path: Path) -> None:
    network = build_network(NetworkSpec())
    save_checkpoint(tmp_path / "a.safetensors", network, ORIGIN)
    again, origin = load_checkpoint(tmp_path / "a.safetensors")
    assert (again.spec, origin) == (network.spec, ORIGIN)
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in network.state_dict().items())


def test_bad_checkpoint_is_one_line_and_exit_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.safetensors"
    text.write_text("not weights")
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes((MODELS / "matte.safetensors").read_bytes()[:100_000])
    for path in (tmp_path / "missing.safetensors", text, cut, tmp_path):
        assert export_onnx.main(["--checkpoint", str(path), "--out", str(tmp_path / "x.onnx")]) == 1
        error = capsys.readouterr().err
        assert str(path) in error and error.count("\n") == 1
    assert not (tmp_path / "x.onnx").exists()


def test_missing_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "nowhere" / "matte.onnx"
    assert export_onnx.main(["--out", str(out)]) == 1
    assert str(out) in capsys.readouterr().err


def test_folder_in_place_of_the_file_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "matte.onnx"
    out.mkdir()
    assert export_onnx.main(["--out", str(out)]) == 1
    assert capsys.readouterr().err == f"{out}: is a folder\n"
    assert list(tmp_path.iterdir()) == [out]


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    network = build_network(NetworkSpec())
    network.spec = NetworkSpec(decoder=(8, 8, 8, 8))
    save_checkpoint(path, network, ORIGIN)
    with pytest.raises(CheckpointError, match="not weights of one of these networks"):
        load_checkpoint(path)


def test_an_export_that_differs_is_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "matte.onnx"
    monkeypatch.setattr(export_onnx, "export_checkpoint", lambda *_: None)
    monkeypatch.setattr(export_onnx, "largest_difference", lambda *_: {(384, 224): 2e-5})
    assert export_onnx.main(["--out", str(out)]) == 1
    assert str(out) in capsys.readouterr().err
