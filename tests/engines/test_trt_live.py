"""A GPU through the whole live program: taken over from the CPU at a frame border, and lost in mid-stream."""

import json
import logging
import re
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray

from app import command, live
from app.config import Config, Matting
from app.errors import SkyLiveError
from app.live import run
from app.looks import load_look
from app.options import Options
from app.user import Settings
from engines.backends import Backend
from engines.base import EngineError
from engines.ort import OrtEngine
from engines.plans import PlanStore
from engines.registry import open_engine
from engines.watch import Preparing, Watch
from tests.engines.plan_fakes import FakeGpu, FakePlanEngine
from tests.media import write_video

FRAMES = 20
PROOF_RUNS = 3


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", size_wh=(96, 64), frames=FRAMES)


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeGpu:
    """The live program finds this one, and TensorRT-RTX installed."""
    gpu = FakeGpu(PlanStore(tmp_path / "plans"))
    monkeypatch.setattr(live, "open_engine", partial(open_engine, machine=gpu.machine("tensorrt-rtx")))
    return gpu


def make(clip: Path, folder: Path, backend: Backend) -> dict[str, Any]:
    """The run's pictures as PNG in the folder, and its statistics."""
    stats = folder.with_suffix(".json")
    options = Options(source=str(clip), sky="golden_sunset", headless=True, dump_frames=folder, stats=stats)
    config = Config(matting=Matting(backend=backend))
    assert run(options, config, load_look("natural"), Settings()) == 0
    numbers: dict[str, Any] = json.loads(stats.read_text())
    return numbers


def pictures(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def let_the_gpu_be_ready_at(frame: int, gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its plan is built once the CPU has matted that many frames, and the next frame waits for the engine."""
    gpu.waits_for = threading.Event()
    answered = 0
    infer: Callable[..., dict[str, NDArray[Any]]] = OrtEngine.infer

    def counted(self: OrtEngine, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        nonlocal answered
        answers = infer(self, feeds)
        if threading.current_thread().name == "matting" and not isinstance(self, FakePlanEngine):
            answered += 1
            if answered == frame:
                assert gpu.waits_for is not None
                gpu.waits_for.set()
                for thread in threading.enumerate():
                    if thread.name == "engine":
                        thread.join(20)
        return answers

    monkeypatch.setattr(OrtEngine, "infer", counted)


def test_a_gpu_that_takes_over_and_fails_in_mid_stream_costs_no_frame(
    clip: Path,
    tmp_path: Path,
    gpu: FakeGpu,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its answers are the CPU's, so the pictures are as well: none is left out, doubled or out of order."""
    # The float network is built, as the half one gives other answers, if only a little.
    monkeypatch.setattr("engines.registry.networks_for_plans", lambda path: [path])
    make(clip, tmp_path / "cpu", "ort")
    caplog.clear()
    let_the_gpu_be_ready_at(8, gpu, monkeypatch)
    gpu.fails_at = PROOF_RUNS + 7
    with caplog.at_level(logging.INFO):
        numbers = make(clip, tmp_path / "auto", "auto")
    assert numbers["frames_out"] == FRAMES
    cpu, rtx = numbers["backends"][0][1], "tensorrt-rtx 1.7.1.116"
    assert [name for _, name in numbers["backends"]] == [cpu, rtx, cpu]
    assert numbers["backend"] == cpu
    assert gpu.runs == PROOF_RUNS + 7
    (message,) = (record for record in caplog.records if record.levelno > logging.INFO)
    assert re.fullmatch(
        rf"{rtx} failed, {re.escape(cpu)} goes on: [^\n]*matte\.onnx: CUDA: [^\n]*", message.getMessage()
    )
    said = [record.getMessage() for record in caplog.records]
    assert f"building a plan of matte.onnx for {rtx}" in said
    assert f"backend: {rtx} from now on, matte.onnx" in said
    assert len(pictures(tmp_path / "auto")) == FRAMES
    assert pictures(tmp_path / "auto") == pictures(tmp_path / "cpu")


def test_an_engine_by_name_makes_every_picture(
    clip: Path, tmp_path: Path, gpu: FakeGpu, caplog: pytest.LogCaptureFixture
) -> None:
    numbers = make(clip, tmp_path / "named", "tensorrt-rtx")
    assert [name for _, name in numbers["backends"]] == ["tensorrt-rtx 1.7.1.116"]
    assert gpu.runs >= PROOF_RUNS + FRAMES
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


def test_an_engine_by_name_that_fails_ends_the_run_with_what_was_made(
    clip: Path, tmp_path: Path, gpu: FakeGpu
) -> None:
    warm_up = 2
    gpu.fails_at = PROOF_RUNS + warm_up + 5
    with pytest.raises(EngineError, match="CUDA: cudaStreamSynchronize failed with error 700"):
        make(clip, tmp_path / "named", "tensorrt-rtx")
    assert len(pictures(tmp_path / "named")) < FRAMES


def test_an_engine_by_name_that_is_not_there_is_one_line(
    clip: Path, gpu: FakeGpu, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([str(clip), "--headless", "--backend", "tensorrt"]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("run_live.py:")]
    assert len(lines) == 1
    assert re.fullmatch(r"run_live\.py: .*matte\.onnx: cannot be run by tensorrt: not installed", lines[0])


def test_leaving_while_a_plan_is_built_gives_it_up(clip: Path, tmp_path: Path, gpu: FakeGpu) -> None:
    gpu.waits_for = threading.Event()
    make(clip, tmp_path / "auto", "auto")
    assert len(gpu.orders) == 1 and gpu.engines == []


def test_progress_reaches_whoever_opens_a_session(clip: Path, gpu: FakeGpu) -> None:
    told: list[Preparing | None] = []
    options = Options(source=str(clip), sky="golden_sunset", headless=True)
    config = Config(matting=Matting(backend="tensorrt-rtx"))

    def tell(error: SkyLiveError) -> None:
        raise error

    live.open_session(options, config, load_look("natural"), None, tell, Watch(told.append)).close()
    name = "tensorrt-rtx 1.7.1.116"
    assert told == [*(Preparing(name, share) for share in (0, 0.5, 1)), Preparing(name), None]
