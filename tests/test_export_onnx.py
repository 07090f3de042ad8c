"""The export's command line: half precision, checks, accuracy."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import export_onnx
from export.checkpoint import load_checkpoint
from export.verify import HALF_TOLERANCE, Difference, alpha_differences
from tests.conftest import ExportFrame

pytestmark = pytest.mark.timeout(300)  # an export takes long on a busy machine

MODELS = Path(export_onnx.__file__).parent / "models"


@pytest.fixture(scope="module")
def half_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("half") / "half.onnx"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tqdm.std.tqdm.monitor_interval", 0)
        assert export_onnx.main(["--half", "--out", str(path)]) == 0
    return path


def test_half_file_is_half_inside_and_float_outside(half_file: Path) -> None:
    model = onnx.load(half_file)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(str(half_file), providers=["CPUExecutionProvider"])
    (image,), (alpha,) = session.get_inputs(), session.get_outputs()
    assert (image.name, image.type, image.shape) == ("image", "tensor(float)", [1, 3, "height", "width"])
    assert (alpha.name, alpha.type, alpha.shape) == ("alpha", "tensor(float)", [1, 1, "height", "width"])
    assert session.get_modelmeta().custom_metadata_map["precision"] == "half"
    weights = {value.name: value.data_type for value in model.graph.initializer}
    of_convolutions = [name for node in model.graph.node if node.op_type == "Conv" for name in node.input[1:]]
    assert of_convolutions
    assert {weights[name] for name in of_convolutions} == {onnx.TensorProto.FLOAT16}
    assert sum(node.op_type == "BatchNormalization" for node in model.graph.node) == 0


def test_half_alpha_is_near_that_of_float_and_finite(half_file: Path) -> None:
    network, _ = load_checkpoint(MODELS / "matte.safetensors")
    differences = alpha_differences(network, half_file)
    assert len(differences) >= 3
    for difference in differences.values():
        assert np.isfinite(difference.largest) and difference.largest <= HALF_TOLERANCE
        assert 0 < difference.mean <= difference.largest


@pytest.mark.parametrize(("half_iou", "status"), [(0.9481, 0), (0.9479, 1)])
def test_half_may_lose_a_fifth_of_a_point(
    half_iou: float,
    status: int,
    half_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "half.onnx"
    out.write_bytes(half_file.read_bytes())
    monkeypatch.setattr(export_onnx, "_make", lambda *_: [])
    monkeypatch.setattr(export_onnx, "_iou", lambda path, data: half_iou if path == out else 0.95)
    assert export_onnx.main(["--half", "--out", str(out), "--data", str(tmp_path)]) == status
    captured = capsys.readouterr()
    assert f"float 0.9500, half {half_iou:.4f}" in captured.out
    assert ("use matte.onnx" in captured.err) == bool(status)
    metadata = {entry.key: entry.value for entry in onnx.load(out).metadata_props}
    assert (metadata["val_iou"], metadata["val_iou_float"]) == (f"{half_iou:.4f}", "0.9500")


def test_verify_names_what_differs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(export_onnx, "frame_to_onnx", lambda *_: None)
    good = {"out_y": Difference(1.0, 0.001)}
    bad = {"out_y": Difference(3.0, 0.001)}
    monkeypatch.setattr(export_onnx, "frame_differences", lambda *_: good)
    monkeypatch.setattr("export.verify.OUTPUTS", ("out_y",))
    assert export_onnx.main(["--verify", "--frame", "161x91"]) == 0
    assert "frame_161x91 out_y: largest difference 1, mean 0.001" in capsys.readouterr().out
    monkeypatch.setattr(export_onnx, "frame_differences", lambda *_: bad)
    assert export_onnx.main(["--verify", "--frame", "161x91"]) == 1
    assert "frame_161x91: differs from torch" in capsys.readouterr().err


@pytest.mark.parametrize(("difference", "status"), [((3.0, 0.2), 0), ((3.0, 0.4), 1), ((13.0, 0.2), 1)])
def test_half_frames_may_differ_more(
    difference: tuple[float, float], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_onnx, "frame_to_onnx", lambda *_: None)
    monkeypatch.setattr(export_onnx, "frame_differences", lambda *_: {"out_y": Difference(*difference)})
    monkeypatch.setattr("export.verify.OUTPUTS", ("out_y",))
    assert export_onnx.main(["--verify", "--half", "--frame", "161x91"]) == status


def test_whole_frame_in_half_is_made_and_held_to_torch(exported_frame: ExportFrame) -> None:
    model = onnx.load(exported_frame((65, 49), "half"))
    kinds = {value.name: value.data_type for value in model.graph.initializer}
    weights = [kinds[node.input[1]] for node in model.graph.node if node.op_type == "Conv"]
    assert weights.count(onnx.TensorProto.FLOAT16) > 40
    assert onnx.TensorProto.FLOAT in weights  # what surrounds the network
    assert {entry.key: entry.value for entry in model.metadata_props}["precision"] == "half"


def test_file_that_is_none_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.onnx"
    text.write_text("no graph")
    for path, reason in ((text, "not an ONNX file"), (tmp_path / "missing.onnx", "No such file")):
        assert export_onnx.main(["--verify", "--half", "--out", str(path)]) == 1
        error = capsys.readouterr().err
        assert str(path) in error and reason in error and error.count("\n") == 1


def test_frame_needs_a_place(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        export_onnx.main(["--frame", "161x91"])
    assert "--frame needs --out FILE" in capsys.readouterr().err
