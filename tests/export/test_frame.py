"""The whole frame as one network: held to the live program's stages, and its file to torch."""

import importlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import export_onnx
from app.capture import scene
from app.config import Halo, Light, Look, Matte, Matting, Weather
from app.frame import Colour, Planes
from app.matting.stage import network_size as live_network_size
from app.sky.still import StillSky
from engines.base import Engine
from engines.registry import open_engine
from export import frame_to_onnx as contract
from export import guided
from export.checkpoint import load_checkpoint
from export.frame import FrameNetwork, network_size
from export.look import LOOK_LENGTH, PLACES, FrameLook
from export.network import NetworkSpec, build_network
from export.to_onnx import fold_norms
from export.verify import LEVELS, MEAN_LEVELS, frame_differences
from tests.conftest import ExportFrame
from tests.export.live_frames import LiveFrame, live_frames
from tests.scenes import demo_frames

pytestmark = pytest.mark.timeout(300)  # an export takes long on a busy machine

MODELS = Path(export_onnx.__file__).parent / "models"
SKY = MODELS.parent / "skyboxes" / "golden_sunset.jpg"
ODD_WH = (161, 91)
PLAIN = Look()
BUSY = Look(
    light=Light(match=True),
    halo=Halo(strength=0.8, radius=0.4),
    weather=Weather(fog=0.6),
    matte=Matte(softness=0.7, shift=-0.2),
)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with open_engine(MODELS / "matte.onnx", "ort", 1) as opened:
        yield opened


def clip(name: str, size_wh: tuple[int, int], first: int, count: int) -> Iterator[Planes]:
    """Frames of a real clip, made small."""
    width, height = size_wh
    half = ((width + 1) // 2, (height + 1) // 2)
    with av.open(str(Path(os.environ["SKYAR_DATA"]).parent / "clips" / name)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index < first:
                continue
            if index == first + count:
                return
            planes = []
            for plane, target_wh in zip(frame.reformat(format="yuv420p").planes, (size_wh, half, half)):  # noqa: B905
                whole = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:, : plane.width]  # type: ignore[call-overload]
                small = cv2.resize(np.ascontiguousarray(whole), target_wh, interpolation=cv2.INTER_AREA)
                small.setflags(write=False)
                planes.append(np.asarray(small, np.uint8))
            yield Planes(*planes)


def through_torch(network: FrameNetwork, frame: LiveFrame) -> list[Any]:
    with torch.no_grad():
        feeds = [torch.from_numpy(frame.feeds[name].copy()) for name in contract.INPUTS]
        return [out.numpy() for out in network(*feeds)]


def whole_network(size_wh: tuple[int, int]) -> FrameNetwork:
    network, _ = load_checkpoint(MODELS / "matte.safetensors")
    return FrameNetwork(fold_norms(network), size_wh, network.spec.working_size_wh).eval()


def assert_same_picture(outputs: list[Any], frame: LiveFrame) -> None:
    """99.9 % of samples within 2 levels, mean at most 0.3; in fact they are far nearer."""
    planes = [
        np.abs(got - live.astype(np.int16)).ravel()
        for got, live in zip(outputs[:3], frame.planes, strict=True)
    ]
    off = np.concatenate(planes)
    assert (off <= 2).mean() >= 0.999 and off.mean() <= 0.3
    of_alpha = np.abs(outputs[3] - frame.alpha.astype(np.int16))
    assert (of_alpha <= 2).mean() >= 0.999 and of_alpha.mean() <= 0.3
    assert outputs[4] == pytest.approx(frame.found, abs=0.01)


@pytest.mark.parametrize(
    ("size_wh", "look", "colour"),
    [
        ((192, 108), PLAIN, scene.COLOUR),
        (ODD_WH, BUSY, Colour("bt601", True, "center")),
        ((98, 131), PLAIN, Colour(siting="topleft")),
    ],
    ids=["plain", "busy-odd", "upright-odd"],
)
def test_frames_come_out_as_from_the_live_program(
    size_wh: tuple[int, int], look: Look, colour: Colour, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = whole_network(size_wh)
    sky = StillSky(SKY, "", size_wh, colour, 0.5, "mirror", model="plane")
    smoothing = 0.0
    for frame in live_frames(demo_frames(size_wh, 3), engine, sky, look, colour, monkeypatch):
        assert_same_picture(through_torch(network, frame), frame)
        assert 0.05 < frame.found.share < 0.95  # both sky and ground
        smoothing = max(smoothing, float(frame.feeds["look"][PLACES["smoothing"]][0]))
    assert smoothing > 0


def test_without_trust_the_frame_itself_is_shown(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    size_wh = (96, 64)
    sky = StillSky(SKY, "", size_wh, Colour(), 0.5, "mirror", model="plane")
    (frame,) = live_frames(demo_frames(size_wh, 1), engine, sky, PLAIN, Colour(), monkeypatch)
    look = frame.feeds["look"].copy()
    look[PLACES["trust"]] = 0
    frame.feeds["look"] = look
    outputs = through_torch(whole_network(size_wh), frame)
    assert all(np.array_equal(out, frame.feeds[name]) for name, out in zip("yuv", outputs, strict=False))


@pytest.fixture(scope="module")
def frame_file(exported_frame: ExportFrame) -> Path:
    return exported_frame(ODD_WH, "float")


def test_file_keeps_its_contract(frame_file: Path) -> None:
    model = onnx.load(frame_file)
    onnx.checker.check_model(model, full_check=True)
    assert not any(node.metadata_props or node.doc_string or node.domain for node in model.graph.node)
    session = onnxruntime.InferenceSession(str(frame_file), providers=["CPUExecutionProvider"])
    width, height = ODD_WH
    frame, half = [height, width], [(height + 1) // 2, (width + 1) // 2]
    picture, number = "tensor(uint8)", "tensor(float)"
    assert {entry.name: (entry.type, entry.shape) for entry in session.get_inputs()} == {
        "y": (picture, frame),
        "u": (picture, half),
        "v": (picture, half),
        "sky_y": (picture, ["2*sky_h", "2*sky_w"]),
        "sky_u": (picture, ["sky_h", "sky_w"]),
        "sky_v": (picture, ["sky_h", "sky_w"]),
        "rotation": (number, [3, 3]),
        "look": (number, [LOOK_LENGTH]),
        "prev_alpha": (picture, frame),
        "prev_y": (picture, frame),
    }
    assert {entry.name: (entry.type, entry.shape) for entry in session.get_outputs()} == {
        "out_y": (picture, frame),
        "out_u": (picture, half),
        "out_v": (picture, half),
        "alpha": (picture, frame),
        "found": (number, [2]),
    }
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata["frame"] == "161x91" and metadata["precision"] == "float"
    assert {"name", "date", "data", "licence", "size"} <= metadata.keys()


def test_uint8_is_only_at_the_ends_of_the_graph(frame_file: Path) -> None:
    """TensorRT takes uint8 as an input before a Cast and as an output behind one, and nowhere else."""
    graph = onnx.load(frame_file).graph
    uint8 = onnx.TensorProto.UINT8
    pictures = {value.name for value in graph.input if value.type.tensor_type.elem_type == uint8}
    results = {value.name for value in graph.output}
    to_uint8 = [
        node
        for node in graph.node
        if node.op_type == "Cast" and onnx.helper.get_node_attr_value(node, "to") == uint8
    ]
    assert len(to_uint8) == 4 and all(node.output[0] in results for node in to_uint8)
    readers = [node for node in graph.node if pictures & set(node.input)]
    assert len(readers) >= 8 and {node.op_type for node in readers} <= {"Cast", "Shape"}


def test_file_computes_what_torch_computes(frame_file: Path) -> None:
    network, _ = load_checkpoint(MODELS / "matte.safetensors")
    differences = frame_differences(network, onnx.load(frame_file))
    for name in ("out_y", "out_u", "out_v", "alpha"):
        assert differences[name].largest <= LEVELS and differences[name].mean <= MEAN_LEVELS
    assert differences["found"].largest < 1e-4


def through_file(path: Path, frames: Iterator[LiveFrame]) -> None:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for frame in frames:
        assert_same_picture(session.run(list(contract.OUTPUTS), frame.feeds), frame)


def test_file_gives_the_live_programs_pictures(
    frame_file: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sky = StillSky(SKY, "", ODD_WH, scene.COLOUR, 0.5, "mirror", model="plane")
    through_file(
        frame_file, live_frames(demo_frames(ODD_WH, 3), engine, sky, PLAIN, scene.COLOUR, monkeypatch)
    )


@pytest.mark.skipif("SKYAR_DATA" not in os.environ, reason="SKYAR_DATA is not set")
@pytest.mark.parametrize("name", ["skyar_annarbor.mp4", "gopro_max_walk.mp4", "drive_night_highway.mp4"])
def test_file_gives_the_live_programs_pictures_of_real_clips(
    name: str, frame_file: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sky = StillSky(SKY, "", ODD_WH, Colour(), 0.5, "mirror", model="plane")
    through_file(
        frame_file, live_frames(clip(name, ODD_WH, 10, 3), engine, sky, PLAIN, Colour(), monkeypatch)
    )


@pytest.mark.parametrize(
    ("live", "ours"),
    [
        ("app.tracking.smoothing", "export.smoothing"),
        ("app.matting.foreground", "export.edges"),
        ("app.matting.guided", "export.guided"),
        ("app.matting.certainty", "export.certainty"),
    ],
)
def test_constants_are_those_of_the_live_program(live: str, ours: str) -> None:
    modules = [vars(importlib.import_module(name)) for name in (live, ours)]
    common = {name for name in modules[0].keys() & modules[1].keys() if re.fullmatch("_[A-Z_]+", name)}
    common -= {"_WINDOW"}  # a size here, an array of that size there
    assert len(common) >= 2
    for name in common:
        assert modules[1][name] == pytest.approx(modules[0][name]), name


def test_values_kept_twice_are_the_same() -> None:
    settings = Matting()
    assert (settings.guide_radius, settings.guide_eps) == (guided.RADIUS, guided.EPS)
    for size_wh in ((1280, 720), (1920, 1080), (720, 1280), (640, 97), (33, 900)):
        assert network_size(size_wh, (384, 224)) == live_network_size(size_wh, (384, 224))


def test_look_lies_in_its_places() -> None:
    parts = {name: np.arange(place.start, place.stop) for name, place in PLACES.items()}
    assert FrameLook(**parts).to_array().tolist() == list(range(LOOK_LENGTH))
    with pytest.raises(ValueError, match="halo has 1 numbers, not 2"):
        FrameLook(**parts | {"halo": [1.0]}).to_array()


def test_frame_that_is_too_small_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="16x64"):
        FrameNetwork(build_network(NetworkSpec()), (16, 64), (384, 224))
    with pytest.raises(SystemExit):
        export_onnx.main(["--frame", "16x64", "--out", "x.onnx"])
    assert "'16x64' is not WIDTHxHEIGHT" in capsys.readouterr().err
