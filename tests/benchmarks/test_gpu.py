"""The look into a GPU: on a made-up device, and what is left of it without one."""

import dataclasses
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import engine as engine_benchmark
from benchmarks import gpu as benchmark
from benchmarks.gpu import Speeds, libraries_here, measure, measure_speeds, table
from engines.base import EngineError, TensorSpec
from engines.cuda import CudaRuntime
from engines.driver import Driver, find_driver
from tests.benchmarks.test_engine import tiny
from tests.engines.fake_cuda import FakeCudaRuntime
from tests.engines.fake_tensorrt import Arrays, FakeNetwork, World, fake_library

FACTS = {"cpu": "a CPU", "gpu": "a GPU", "no_gpu_because": None, "versions": {"python": "3"}}


def _spec(*shape: int) -> TensorSpec:
    return TensorSpec(shape, np.dtype(np.uint8))


def _run(feeds: Arrays) -> Arrays:
    return {"out": feeds["y"] + feeds["sky"][:4, :6], "last": feeds["prev"]}


NETWORK = FakeNetwork(
    {"y": _spec(4, 6), "sky": _spec(5, 7), "prev": _spec(3)}, {"out": _spec(4, 6), "last": _spec(3)}, _run
)


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> FakeCudaRuntime:
    monkeypatch.setattr(benchmark, "build_plan", lambda *_: b"plan")
    monkeypatch.setattr(benchmark, "_BLOCK_BYTES", 4096)
    return FakeCudaRuntime("random")


def test_times_of_a_plan_and_both_bounds(runtime: FakeCudaRuntime) -> None:
    world = World(runtime, {b"plan": NETWORK})
    workload = dataclasses.replace(tiny("frame 3840x2160"), carried={"prev": "last"})
    missing: dict[str, str] = {}
    speeds, rows = measure([workload], [fake_library(world)], CudaRuntime(runtime), 0.0, missing)
    assert missing == {} and runtime.left() == {} and world.violations == []
    assert speeds is not None and min(speeds.upload, speeds.download, speeds.memory) > 0
    assert [row["precision"] for row in rows] == ["half", "float"]
    for row in rows:
        assert all(row[kind]["runs"] == 1 for kind in ("alone", "overlapped", "compute"))
        assert row["bus_bound_ms"] >= 0 and row["plan_bytes"] == 4 and row["uploaded_bytes"] == 24
    lines = table(rows, speeds, missing, FACTS).split("\n")
    assert "aim 4.0 ms: " in lines[1] and "aim" not in lines[2]
    assert "GB/s up" in lines[3] and "a GPU" in lines[4]


def test_a_plan_beside_other_engines_uploads_what_changes_alone(
    runtime: FakeCudaRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(runtime, {b"plan": NETWORK})
    monkeypatch.setattr(engine_benchmark, "load_library", lambda flavour: fake_library(world, flavour))
    monkeypatch.setattr(engine_benchmark, "open_cuda", lambda: CudaRuntime(runtime))
    monkeypatch.setattr(engine_benchmark, "build_plan", lambda *_: b"plan")
    workload = dataclasses.replace(tiny(), carried={"prev": "last"})
    with ExitStack() as stack:
        opened = engine_benchmark._tensorrt("tensorrt-rtx")(workload, "half", stack)
        uploads = runtime.ran.count("upload")
        for _ in range(4):
            opened.run()
        assert runtime.ran.count("upload") - uploads == 4  # y, and not the sky again
        assert (opened.uploaded_bytes, opened.downloaded_bytes) == (24, 30)
    assert runtime.left() == {} and world.violations == []


def test_bounds() -> None:
    speeds = Speeds(upload=1000.0, download=100.0, memory=1e6)
    assert speeds.bus_ms(tiny()) == pytest.approx(300.0)  # 30 bytes down take longer than 24 up
    assert speeds.memory_ms(tiny(), "float") == pytest.approx(1.092)


def test_speeds_are_given_back_when_the_device_fails(runtime: FakeCudaRuntime) -> None:
    runtime.failing["cudaMemcpyAsync"] = 3
    with pytest.raises(EngineError):
        measure_speeds(CudaRuntime(runtime))
    assert runtime.left() == {}


def test_a_plan_that_fails_is_named(runtime: FakeCudaRuntime) -> None:
    missing: dict[str, str] = {}
    library = fake_library(World(runtime, {}))
    _, rows = measure([tiny()], [library], CudaRuntime(runtime), 0.0, missing)
    assert rows == [] and runtime.left() == {}
    assert set(missing) == {f"tiny, {precision}, {library.name}" for precision in ("half", "float")}
    assert "Magic tag" in missing[f"tiny, half, {library.name}"]


def test_without_a_gpu_no_library_that_needs_one_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    def load(flavour: str) -> Any:
        loaded.append(flavour)
        raise EngineError(f"{flavour}: not installed")

    monkeypatch.setattr(benchmark, "load_library", load)
    missing: dict[str, str] = {}
    assert libraries_here(Driver(reason="no driver"), missing) == []
    assert loaded == ["tensorrt-rtx"]
    assert missing == {"tensorrt": "no driver", "tensorrt-rtx": "tensorrt-rtx: not installed"}


@pytest.mark.skipif(not find_driver().reason, reason="there is a GPU: it would be measured for minutes")
def test_without_a_gpu_plans_are_built_and_bytes_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed")
    out = tmp_path / "gpu.json"
    benchmark.main(["--sizes", "--json", str(out)])
    result = json.loads(out.read_text())
    assert [row["precision"] for row in result["rows"]] == ["half", "float"]
    assert result["speeds"] is None
    for row in result["rows"]:
        assert row["plan_bytes"] > 1e6 and row["build_s"] > 0 and "alone" not in row
        assert row["uploaded_bytes"] == 3 * row["downloaded_bytes"] == 3 * 4 * 448 * 256
    reason = find_driver().reason
    assert result["not_measured"]["times on a GPU and its bounds"] == reason
    assert reason in capsys.readouterr().out
