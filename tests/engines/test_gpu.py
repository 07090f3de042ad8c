"""Plans on a GPU, held to the CPU. Without a GPU they are skipped, unless SKYAR_GPU=required."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from app.capture import scene
from app.config import Halo, Light, Look, Matte, Weather
from app.sky.still import StillSky
from engines.base import EngineError
from engines.cuda import Cuda, open_cuda
from engines.driver import find_driver
from engines.ort import OrtEngine
from engines.tensorrt_build import build_plan
from engines.tensorrt_library import Flavour, Library, load_library
from engines.tensorrt_run import TensorRTEngine
from tests.engines.exported import MODELS, export_frame
from tests.export.live_frames import Feeds, live_frames
from tests.scenes import demo_frames

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(900)]

FLAVOURS: tuple[Flavour, ...] = ("tensorrt", "tensorrt-rtx")
REQUIRED = os.environ.get("SKYAR_GPU") == "required"
SKY = MODELS.parent / "skyboxes" / "golden_sunset.jpg"
SKY_PLANES = ("sky_y", "sky_u", "sky_v")
CARRIED = {"prev_alpha": "alpha", "prev_y": "y"}
BUSY = Look(
    light=Light(match=True),
    halo=Halo(strength=0.8, radius=0.4),
    weather=Weather(fog=0.6),
    matte=Matte(softness=0.7, shift=-0.2),
)

Arrays = dict[str, NDArray[Any]]


def usable() -> tuple[list[Library], Cuda]:
    """What there is to run plans with. Raises EngineError with the reason when there is nothing."""
    if reason := find_driver().reason:
        raise EngineError(reason)
    cuda = open_cuda()
    libraries, reasons = [], []
    for flavour in FLAVOURS:
        try:
            libraries.append(load_library(flavour))
        except EngineError as error:
            reasons.append(str(error))
    if not libraries:
        raise EngineError("; ".join(reasons))
    return libraries, cuda


@pytest.fixture(scope="module")
def here() -> tuple[list[Library], Cuda]:
    try:
        found = usable()
    except EngineError as error:
        if REQUIRED:
            pytest.fail(f"no GPU that can be used: {error}")
        pytest.skip(f"no GPU that can be used: {error}")
    return found


@pytest.fixture(params=FLAVOURS)
def library(
    request: pytest.FixtureRequest, here: tuple[list[Library], Cuda], capsys: pytest.CaptureFixture[str]
) -> Library:
    """One of the libraries; what a run was made with stands in its log."""
    for found in here[0]:
        if found.flavour == request.param:
            driver = find_driver()
            with capsys.disabled():
                print(f"\n{found.name} on {driver.gpu} {driver.compute}, driver for CUDA {driver.version}")
            return found
    pytest.skip(f"{request.param} is not installed")


@pytest.fixture
def cuda(here: tuple[list[Library], Cuda]) -> Cuda:
    return here[1]


@pytest.fixture(autouse=True)
def no_monitor(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread of the export's progress bars is left behind."""
    monkeypatch.setattr("tqdm.std.tqdm.monitor_interval", 0)


def opened(
    library: Library, cuda: Cuda, path: Path, shapes: dict[str, tuple[int, ...]], **options: Any
) -> TensorRTEngine:
    return TensorRTEngine(library, build_plan(library, path, shapes, None), path, {}, cuda, **options)


def image(size_wh: tuple[int, int]) -> NDArray[np.float32]:
    """The demo scene's luma as a grey picture with a little of its chroma, as the network is fed."""
    (planes,) = demo_frames(size_wh, 1)
    v, u = (
        np.repeat(np.repeat(plane, 2, 0), 2, 1)[: size_wh[1], : size_wh[0]] for plane in (planes.v, planes.u)
    )
    rgb = np.stack([planes.y + (v - 128.0), planes.y.astype(np.float64), planes.y + (u - 128.0)])
    return (rgb[None] / 255).clip(0, 1).astype(np.float32)


@pytest.mark.parametrize("size_wh", [(384, 224), (224, 384)])
@pytest.mark.parametrize(("name", "most", "mean"), [("matte", 2e-3, 1e-4), ("matte_fp16", 0.1, 2e-3)])
def test_the_networks_alpha_is_the_cpus(
    name: str, most: float, mean: float, size_wh: tuple[int, int], library: Library, cuda: Cuda
) -> None:
    feeds = {"image": image(size_wh)}
    with OrtEngine(MODELS / "matte.onnx", 1) as cpu:
        expected = cpu.infer(feeds)["alpha"]
    assert expected.min() < 0.1 and expected.max() > 0.9
    path = MODELS / f"{name}.onnx"
    with opened(library, cuda, path, {"image": feeds["image"].shape}) as engine:
        for _ in range(3):
            off = np.abs(engine.infer(feeds)["alpha"] - expected)
            assert off.max() <= most and off.mean() <= mean
        assert not np.array_equal(
            engine.infer({"image": feeds["image"][..., ::-1].copy()})["alpha"], engine.infer(feeds)["alpha"]
        )


@pytest.mark.parametrize("precision", ["float", "half"])
@pytest.mark.parametrize("size_wh", [(192, 108), (161, 91)], ids=["even", "odd"])
def test_whole_frames_are_the_cpus(
    size_wh: tuple[int, int],
    precision: str,
    library: Library,
    cuda: Cuda,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A shot of five frames, overlapped, with the last alpha carried from run to run on the GPU."""
    shot = frames_of_a_shot(size_wh, monkeypatch)
    path = export_frame(tmp_path, size_wh, precision)
    expected = on_the_cpu(path, shot)
    shapes = {name: array.shape for name, array in shot[0].items()}
    got: list[Arrays] = []
    with opened(library, cuda, path, shapes, slots=3, carried=CARRIED, held=SKY_PLANES) as engine:
        for index, feeds in enumerate(shot):
            left_out = set(CARRIED) | (set(SKY_PLANES) if index else set())
            if index >= 3:
                got.append(engine.collect())
            engine.submit({name: array for name, array in feeds.items() if name not in left_out})
        got += [engine.collect() for _ in range(3)]
    for results, wanted in zip(got, expected, strict=True):
        assert_same_picture(results, wanted)


def frames_of_a_shot(size_wh: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> list[Feeds]:
    sky = StillSky(SKY, "", size_wh, scene.COLOUR, 0.5, "mirror")
    with OrtEngine(MODELS / "matte.onnx", 1) as engine:
        frames = live_frames(demo_frames(size_wh, 5), engine, sky, BUSY, scene.COLOUR, monkeypatch)
        return [frame.feeds for frame in frames]


def on_the_cpu(path: Path, shot: list[Feeds]) -> list[Arrays]:
    """Each frame's results, its last alpha being the file's own."""
    results: list[Arrays] = []
    with OrtEngine(path, 1) as cpu:
        for feeds in shot:
            before = {"prev_alpha": results[-1]["alpha"]} if results else {}
            results.append(cpu.infer(feeds | before))
    return results


def assert_same_picture(got: Arrays, expected: Arrays) -> None:
    """99.9 % of samples within 2 levels, mean at most 0.3."""
    names = ("out_y", "out_u", "out_v", "alpha")
    off = [np.abs(got[name].astype(np.int16) - expected[name]).ravel() for name in names]
    for samples in (np.concatenate(off[:3]), off[3]):
        assert (samples <= 2).mean() >= 0.999 and samples.mean() <= 0.3
    assert got["found"] == pytest.approx(expected["found"], abs=0.01)


def test_an_engine_is_opened_again_and_again(library: Library, cuda: Cuda) -> None:
    shape = {"image": (1, 3, 96, 160)}
    plan = build_plan(library, MODELS / "matte.onnx", shape, None)
    feeds = {"image": image((160, 96))}
    alphas = []
    for _ in range(5):
        with TensorRTEngine(library, plan, MODELS / "matte.onnx", {}, cuda) as engine:
            alphas.append(engine.infer(feeds)["alpha"])
            cache = engine.runtime_cache()
    assert all(np.array_equal(alpha, alphas[0]) for alpha in alphas)
    with TensorRTEngine(library, plan, MODELS / "matte.onnx", {}, cuda, runtime_cache=cache) as engine:
        assert np.allclose(engine.infer(feeds)["alpha"], alphas[0], atol=1e-5)


def test_a_damaged_plan_is_an_error(library: Library, cuda: Cuda) -> None:
    plan = build_plan(library, MODELS / "matte.onnx", {"image": (1, 3, 32, 32)}, None)
    for damaged in (plan[: len(plan) // 2], b"words" * 1000):
        with pytest.raises(EngineError, match=r"matte\.onnx: "):
            TensorRTEngine(library, damaged, MODELS / "matte.onnx", {}, cuda)


def test_onnxruntime_on_the_gpu_gives_the_cpus_alpha(here: tuple[list[Library], Cuda]) -> None:
    feeds = {"image": image((384, 224))}
    try:
        gpu = OrtEngine(MODELS / "matte.onnx", 1, device="cuda")
    except EngineError as error:
        pytest.skip(str(error))
    with gpu, OrtEngine(MODELS / "matte.onnx", 1) as cpu:
        assert np.abs(gpu.infer(feeds)["alpha"] - cpu.infer(feeds)["alpha"]).max() <= 2e-3
