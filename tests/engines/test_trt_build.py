"""Every exported graph through NVIDIA's parser and TensorRT-RTX's builder, neither of which needs a GPU."""

from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from engines.base import EngineError
from engines.tensorrt_build import Shapes, build_plan, parse_network
from engines.tensorrt_library import load_library
from tests.conftest import ExportFrame
from tests.engines.exported import MODELS, SKY_SHAPES, Built, build, in_child
from tests.fakes import write_network

pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed")

IMAGE = {"image": (1, 3, 32, 64)}
FRAMES = [((161, 91), "float"), ((65, 49), "half")]


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread of the export's progress bars is left behind."""
    monkeypatch.setattr("tqdm.std.tqdm.monitor_interval", 0)


@pytest.mark.parametrize("size_wh", [(384, 224), (224, 384), (640, 384)])
@pytest.mark.parametrize(
    ("name", "kind", "most"), [("matte", "FLOAT", 6e6), ("matte_fp16", "HALF", 4e6)], ids=["float", "half"]
)
def test_the_network_becomes_a_plan(name: str, kind: str, most: float, size_wh: tuple[int, int]) -> None:
    width, height = size_wh
    built = in_child(build, MODELS / f"{name}.onnx", {"image": (1, 3, height, width)})
    assert built.inputs == {"image": f"float32 1x3x{height}x{width}"}
    assert built.outputs == {"alpha": f"float32 1x1x{height}x{width}"}
    assert built.convolutions == {kind}  # strongly typed: as the file says, and nothing else
    assert 1e6 < built.size < most


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("size_wh", "precision"), FRAMES)
def test_the_whole_frame_becomes_a_plan(
    size_wh: tuple[int, int], precision: str, exported_frame: ExportFrame
) -> None:
    built: Built = in_child(build, exported_frame(size_wh, precision), SKY_SHAPES)
    width, height = size_wh
    frame, half = f"uint8 {height}x{width}", f"uint8 {(height + 1) // 2}x{(width + 1) // 2}"
    assert built.inputs == {
        "y": frame,
        "u": half,
        "v": half,
        "sky_y": "uint8 80x112",
        "sky_u": "uint8 40x56",
        "sky_v": "uint8 40x56",
        "rotation": "float32 3x3",
        "look": "float32 40",
        "prev_alpha": frame,
        "prev_y": frame,
    }
    assert list(built.inputs) == ["y", "u", "v", *SKY_SHAPES, "rotation", "look", "prev_alpha", "prev_y"]
    assert built.outputs == {
        "out_y": frame,
        "out_u": half,
        "out_v": half,
        "alpha": frame,
        "found": "float32 2",
    }
    # The picture around the network is computed in float whatever the network is.
    assert built.convolutions == ({"FLOAT", "HALF"} if precision == "half" else {"FLOAT"})
    assert built.size > 1e6


def test_a_plan_is_the_same_every_time(tmp_path: Path) -> None:
    path = write_network(tmp_path / "blue.onnx")
    first, second = (in_child(build, path, IMAGE).sha256 for _ in range(2))
    assert first == second
    assert in_child(build, path, {"image": (1, 3, 64, 64)}).sha256 != first


def test_inputs_are_fixed_and_outputs_follow() -> None:
    parsed = parse_network(load_library("tensorrt-rtx"), MODELS / "matte.onnx", {"image": (1, 3, 96, 160)})
    assert str(parsed.inputs["image"]) == "float32 1x3x96x160"
    assert str(parsed.outputs["alpha"]) == "float32 1x1x96x160"
    assert parsed.inputs["image"].dtype == np.float32


def test_progress_grows_to_the_end() -> None:
    shares: list[float] = []

    def told(share: float) -> bool:
        shares.append(share)
        return True

    plan = build_plan(load_library("tensorrt-rtx"), MODELS / "matte.onnx", {"image": (1, 3, 224, 384)}, told)
    assert len(plan) > 1e6
    assert len(set(shares)) > 20
    assert 0 <= shares[0] < 0.2 and shares[-1] == 1.0
    assert all(before <= after for before, after in pairwise(shares))


@pytest.mark.parametrize("after", [0, 5, 40])
def test_a_build_is_cancelled(after: int) -> None:
    calls = 0

    def told(share: float) -> bool:
        nonlocal calls
        calls += 1
        return calls <= after

    with pytest.raises(EngineError, match=r"matte\.onnx: the build was cancelled$"):
        build_plan(load_library("tensorrt-rtx"), MODELS / "matte.onnx", {"image": (1, 3, 224, 384)}, told)
    assert calls == after + 1


def test_an_error_of_who_is_told_ends_the_build() -> None:
    def told(share: float) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_plan(load_library("tensorrt-rtx"), MODELS / "matte.onnx", {"image": (1, 3, 224, 384)}, told)


@pytest.fixture
def refused(tmp_path: Path) -> Iterator[Any]:
    """What is said of a file that cannot be made a plan; no more than a line, and nothing of a driver."""

    def words(path: Path, shapes: Shapes) -> str:
        with pytest.raises(EngineError) as caught:
            build_plan(load_library("tensorrt-rtx"), path, shapes, None)
        message = str(caught.value)
        assert message.startswith(f"{path}: ") and "\n" not in message and "cudaError" not in message
        return message.removeprefix(f"{path}: ")

    yield words
    assert load_library("tensorrt-rtx").errors.take() == ""


@pytest.mark.parametrize("content", ["text", "truncated"])
def test_what_is_no_network_is_refused(content: str, tmp_path: Path, refused: Any) -> None:
    path = tmp_path / "bad.onnx"
    whole = (MODELS / "matte.onnx").read_bytes()
    path.write_bytes({"text": b"words\n" * 50, "truncated": whole[:100_000]}[content])
    words = refused(path, {})
    assert words.startswith("tensorrt-rtx ") and "cannot parse it: " in words
    assert not words.endswith("reason given")


def test_an_empty_file_is_refused(tmp_path: Path, refused: Any) -> None:
    path = tmp_path / "empty.onnx"
    path.touch()
    assert refused(path, {}) == "has no outputs; expected an ONNX network"


def test_what_is_not_there_is_refused(tmp_path: Path, refused: Any) -> None:
    for path in (tmp_path / "none.onnx", tmp_path):
        assert refused(path, {}) == "no such file; expected an ONNX network"


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ({}, "'image' is float32 1x3x?x?; its size must be given to build a plan"),
        ({"image": (1, 4, 32, 64)}, "'image' is float32 1x3x?x?; not 1x4x32x64"),
        ({"image": (3, 32, 64)}, "'image' is float32 1x3x?x?; not 3x32x64"),
        ({"image": (1, 3, 0, 64)}, "'image' is float32 1x3x?x?; not 1x3x0x64"),
        ({"image": (1, 3, -1, 64)}, "'image' is float32 1x3x?x?; not 1x3x-1x64"),
        (IMAGE | {"sky": (3, 3)}, "has no input 'sky'; expected image"),
    ],
)
def test_sizes_must_fit(shapes: Shapes, words: str, refused: Any) -> None:
    assert refused(MODELS / "matte.onnx", shapes) == words


def save(path: Path, *nodes: onnx.NodeProto, weights: dict[str, Any] | None = None) -> Path:
    """A file of some nodes from `image` (1, 3, ?, ?) to `out`."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "h", "w"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(array, name) for name, array in (weights or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, path)
    return path


def test_an_unknown_operator_is_named(tmp_path: Path, refused: Any) -> None:
    path = save(tmp_path / "odd.onnx", helper.make_node("Divination", ["image"], ["out"], name="entrails"))
    words = refused(path, IMAGE)
    assert "cannot parse it: " in words and "Divination" in words and "entrails" in words


def test_an_operator_that_is_not_taken_is_named(tmp_path: Path, refused: Any) -> None:
    half = {"scales": np.array([1, 1, 0.5, 0.5], np.float32)}
    node = helper.make_node(
        "Resize", ["image", "", "scales"], ["out"], name="smaller", mode="linear", antialias=1
    )
    words = refused(save(tmp_path / "resize.onnx", node, weights=half), IMAGE)
    assert "cannot parse it: " in words and "Resize smaller" in words and "ntialias" in words


def test_a_graph_that_does_not_fit_its_size_is_not_built(tmp_path: Path, refused: Any) -> None:
    shape = {"shape": np.array([1, 3, 100], np.int64)}
    path = save(tmp_path / "r.onnx", helper.make_node("Reshape", ["image", "shape"], ["out"]), weights=shape)
    words = refused(path, IMAGE)
    assert "cannot take it at this size: " in words and "eshape" in words


def test_a_child_that_crashes_is_an_error() -> None:
    """What the tests above rely on: they fail, and the others go on."""
    with pytest.raises(BrokenProcessPool):
        in_child(crash)


def crash() -> None:
    import ctypes

    ctypes.string_at(0)
