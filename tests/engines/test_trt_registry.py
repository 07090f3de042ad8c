"""Which engine is taken, what is said of it, and why not another."""

import logging
import re
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.config import ROOT
from engines.base import Engine, EngineError
from engines.cuda import Cuda
from engines.driver import find_driver
from engines.ort import OrtEngine
from engines.plans import PlanStore
from engines.proof import Proof
from engines.registry import networks_for_plans, open_engine
from engines.tensorrt_library import Flavour, Library
from engines.watch import Watch
from tests.engines.plan_fakes import NO_DRIVER, FakeGpu, image
from tests.fakes import write_network

CPU = r"onnxruntime-cpu [\d.]+"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_network(tmp_path / "blue.onnx")


@pytest.fixture
def gpu(tmp_path: Path) -> FakeGpu:
    return FakeGpu(PlanStore(tmp_path / "plans"))


def settle(engine: Engine) -> None:
    """Run once, wait until an engine is ready, and run again."""
    engine.infer(image())
    for thread in threading.enumerate():
        if thread.name == "engine":
            thread.join(20)
    engine.infer(image())


def the_line(caplog: pytest.LogCaptureFixture) -> str:
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    return record.getMessage()


def test_without_a_gpu_the_cpu_is_taken_and_each_other_has_its_reason(
    path: Path, gpu: FakeGpu, caplog: pytest.LogCaptureFixture
) -> None:
    gpu.driver = NO_DRIVER
    machine = gpu.machine("tensorrt-rtx", providers=("CUDAExecutionProvider", "CPUExecutionProvider"))
    with caplog.at_level(logging.INFO), open_engine(path, "auto", 1, machine=machine) as engine:
        settle(engine)
        assert re.fullmatch(CPU, engine.name)
    assert re.fullmatch(
        rf"backend: {CPU} \(tensorrt: not installed; tensorrt-rtx: {re.escape(NO_DRIVER.reason)};"
        rf" ort-cuda: {re.escape(NO_DRIVER.reason)}\), 1 thread, blue\.onnx",
        the_line(caplog),
    )
    assert gpu.orders == []


def test_on_this_machine_the_line_says_what_the_driver_says(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reason = find_driver().reason
    if not reason:
        pytest.skip("there is a GPU here")
    with caplog.at_level(logging.INFO), open_engine(path, "auto", 2) as engine:
        assert re.fullmatch(CPU, engine.name)
    line = the_line(caplog)
    assert line.startswith(f"backend: {engine.name} (tensorrt: ")
    assert line.endswith("), 2 threads, blue.onnx")
    assert all(f"; {name}: " in line for name in ("tensorrt-rtx", "ort-cuda"))
    pytest.importorskip("tensorrt_rtx")
    assert f"tensorrt-rtx: {reason};" in line


def test_the_first_that_can_be_used_takes_over(
    path: Path, gpu: FakeGpu, caplog: pytest.LogCaptureFixture
) -> None:
    machine = gpu.machine("tensorrt", "tensorrt-rtx")
    with caplog.at_level(logging.INFO), open_engine(path, "auto", 1, machine=machine) as engine:
        assert re.fullmatch(
            rf"backend: {CPU} \(tensorrt: as soon as it is ready; tensorrt-rtx: if that fails;"
            r" ort-cuda: not in this onnxruntime\), 1 thread, blue\.onnx",
            the_line(caplog),
        )
        settle(engine)
        assert engine.name == "tensorrt 11.4.0.106"
    assert [order.flavour for order in gpu.orders] == ["tensorrt"]


def test_the_second_follows_where_the_first_cannot_build(path: Path, gpu: FakeGpu) -> None:
    builds = gpu.build

    def build(order, *arguments):  # type: ignore[no-untyped-def]
        if order.flavour == "tensorrt":
            raise EngineError("blue.onnx: building it with tensorrt crashed (SIGSEGV)")
        return builds(order, *arguments)

    gpu.build = build  # type: ignore[method-assign]
    with open_engine(path, "auto", 1, machine=gpu.machine("tensorrt", "tensorrt-rtx")) as engine:
        settle(engine)
        assert engine.name == "tensorrt-rtx 1.7.1.116"


def test_what_keeps_a_library_from_being_used_is_said(
    path: Path, gpu: FakeGpu, caplog: pytest.LogCaptureFixture
) -> None:
    def load_library(flavour: Flavour) -> Library:
        raise EngineError(f"{flavour}: cannot be imported (libnvinfer.so.11: cannot open)")

    machine = replace(gpu.machine("tensorrt"), load_library=load_library)
    with caplog.at_level(logging.INFO), open_engine(path, "auto", 1, machine=machine):
        assert "(tensorrt: cannot be imported (libnvinfer.so.11: cannot open); t" in the_line(caplog)
    with pytest.raises(EngineError, match=r"blue\.onnx: cannot be run by tensorrt: cannot be imported \(lib"):
        open_engine(path, "tensorrt", 1, machine=machine)


def test_plans_need_cuda_bindings(path: Path, gpu: FakeGpu, caplog: pytest.LogCaptureFixture) -> None:
    def open_cuda() -> Cuda:
        raise EngineError("cuda-bindings: not installed")

    machine = replace(gpu.machine("tensorrt-rtx"), open_cuda=open_cuda)
    with caplog.at_level(logging.INFO), open_engine(path, "auto", 1, machine=machine):
        assert "; tensorrt-rtx: cuda-bindings: not installed; " in the_line(caplog)


@pytest.mark.parametrize("name", ["tensorrt", "tensorrt-rtx"])
def test_a_name_is_that_engine_or_an_error(path: Path, gpu: FakeGpu, name: str) -> None:
    with pytest.raises(EngineError, match=rf"blue\.onnx: cannot be run by {name}: not installed$"):
        open_engine(path, name, 1, machine=gpu.machine())  # type: ignore[arg-type]
    other = "tensorrt-rtx" if name == "tensorrt" else "tensorrt"
    with pytest.raises(EngineError, match="not installed"):
        open_engine(path, name, 1, machine=gpu.machine(other))  # type: ignore[arg-type]
    gpu.driver = NO_DRIVER
    with pytest.raises(EngineError, match=rf"cannot be run by {name}: no NVIDIA driver"):
        open_engine(path, name, 1, machine=gpu.machine(name))  # type: ignore[arg-type]


def test_a_name_runs_from_the_first_run_on(
    path: Path, gpu: FakeGpu, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        engine = open_engine(path, "tensorrt-rtx", 1, machine=gpu.machine("tensorrt-rtx"))
    with engine:
        assert the_line(caplog) == "backend: tensorrt-rtx 1.7.1.116 (tensorrt-rtx), 1 thread, blue.onnx"
        np.testing.assert_array_equal(engine.infer(image())["alpha"], image()["image"][:, 2:3])
        assert gpu.engines[0].name == engine.name
        assert gpu.runs == 4  # three to prove it


def test_cuda_by_name_is_an_error_where_it_is_not(path: Path) -> None:
    if not find_driver().reason:
        pytest.skip("there is a GPU here")
    with pytest.raises(EngineError, match=r"CUDA"):
        open_engine(path, "ort-cuda", 1)


def test_who_watches_is_told(path: Path, gpu: FakeGpu) -> None:
    told: list[object] = []
    failures: list[EngineError] = []
    gpu.fails_at = 3 + 2
    machine = gpu.machine("tensorrt-rtx")
    with open_engine(path, "auto", 1, Watch(told.append, failures.append), machine) as engine:
        settle(engine)
        engine.infer(image())
        assert re.fullmatch(CPU, engine.name)
    assert told[-1] is None and len(told) == 5
    (failure,) = failures
    assert re.match(rf"tensorrt-rtx 1\.7\.1\.116 failed, {CPU} goes on: [^\n]*error 700", str(failure))


def test_of_a_network_that_does_not_open_only_that_is_said(tmp_path: Path, gpu: FakeGpu) -> None:
    with pytest.raises(EngineError, match=r"missing\.onnx: no such file"):
        open_engine(tmp_path / "missing.onnx", "tensorrt-rtx", 1, machine=gpu.machine("tensorrt-rtx"))


@pytest.mark.parametrize(
    ("metadata", "taken"),
    [
        ({"val_iou": "0.938", "val_iou_float": "0.940"}, True),
        ({"val_iou": "0.9379", "val_iou_float": "0.940"}, False),
        ({"val_iou": "0.95", "val_iou_float": "0.940"}, True),
        ({"val_iou": "0.940"}, False),
        ({"val_iou": "good", "val_iou_float": "0.940"}, False),
        ({"val_iou": "nan", "val_iou_float": "0.940"}, False),
        ({}, False),
    ],
)
def test_half_precision_is_taken_where_it_is_known_to_be_as_good(
    path: Path, metadata: dict[str, str], taken: bool
) -> None:
    half = write_network(path.with_name("blue_fp16.onnx"), metadata=metadata)
    assert networks_for_plans(path) == ([half, path] if taken else [path])


def test_half_precision_that_does_not_open_is_not_taken(path: Path) -> None:
    path.with_name("blue_fp16.onnx").write_bytes(b"no network")
    assert networks_for_plans(path) == [path]
    assert networks_for_plans(ROOT / "models" / "matte.onnx") == [
        ROOT / "models" / "matte_fp16.onnx",
        ROOT / "models" / "matte.onnx",
    ]


def test_released_half_precision_can_prove_itself() -> None:
    """Else it would be built on every GPU, only to be refused."""
    half, reference = networks_for_plans(ROOT / "models" / "matte.onnx")
    with OrtEngine(reference, 1) as cpu, OrtEngine(half, 1) as engine:
        for height, width in ((224, 384), (384, 224), (288, 384)):
            Proof.of(cpu, {"image": (1, 3, height, width)}).check(engine)


def test_half_precision_that_answers_otherwise_gives_way_to_float(
    path: Path, gpu: FakeGpu, caplog: pytest.LogCaptureFixture
) -> None:
    half = write_network(
        path.with_name("blue_fp16.onnx"), metadata={"val_iou": "0.94", "val_iou_float": "0.94"}
    )
    gpu.changed = lambda alpha: alpha + np.float32(0.5) * (gpu.engines[-1].path == half)
    with open_engine(path, "tensorrt-rtx", 1, machine=gpu.machine("tensorrt-rtx")) as engine:
        engine.infer(image())
    assert [order.onnx for order in gpu.orders] == [half, half, path]
    assert {order.reference for order in gpu.orders} == {path}
    assert caplog.records == []


def test_detection_ends_no_process(path: Path) -> None:
    """In a process of its own: a crash in a library would be this test's failure and no other's."""
    program = (
        "import logging, sys; from pathlib import Path; from engines.registry import open_engine;"
        "logging.basicConfig(level=logging.INFO, format='%(message)s', stream=sys.stdout);"
        "open_engine(Path(sys.argv[1]), 'auto', 1).close()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"backend: onnxruntime-cpu [^\n]+ blue\.onnx\n", done.stdout)
