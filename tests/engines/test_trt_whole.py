"""All parts but device and library: plans that are kept, run by their runner, taken over and given up."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines import kept
from engines.base import EngineError, TensorSpec
from engines.cuda import CudaRuntime
from engines.kept import run_plan
from engines.plans import PlanStore
from engines.registry import Machine, open_engine
from engines.tensorrt_library import Flavour
from engines.tensorrt_run import TensorRTEngine
from engines.watch import Watch
from tests.engines.fake_cuda import FakeCudaRuntime
from tests.engines.fake_tensorrt import FakeNetwork, World, fake_library
from tests.engines.plan_fakes import FakeGpu, image
from tests.fakes import FLOAT32, write_network

BLUE = FakeNetwork(
    {"image": TensorSpec((1, 3, 32, 64), FLOAT32)},
    {"alpha": TensorSpec((1, 1, 32, 64), FLOAT32)},
    lambda feeds: {"alpha": feeds["image"][:, 2:3]},
)
FLAVOURS: list[Flavour] = ["tensorrt", "tensorrt-rtx"]


class Bench:
    """A network, a made-up device, and a store in which made-up plans are kept."""

    def __init__(self, folder: Path, flavour: Flavour, monkeypatch: pytest.MonkeyPatch) -> None:
        self.flavour = flavour
        self.path = write_network(folder / "blue.onnx")
        self.gpu = FakeGpu(PlanStore(folder / "plans"))
        self.runtime = FakeCudaRuntime()
        self.world = World(self.runtime, {b"plan 1": BLUE, b"plan 2": BLUE})
        self.gpu.libraries = {flavour: fake_library(self.world, flavour)}
        self.failures: list[str] = []
        monkeypatch.setattr(kept, "open_cuda", lambda: CudaRuntime(self.runtime))

    def machine(self) -> Machine:
        return replace(self.gpu.machine(self.flavour), run=run_plan)

    def watch(self) -> Watch:
        return Watch(failed=lambda error: self.failures.append(str(error)))

    def runs(self) -> int:
        return self.runtime.calls.count("cudaEventSynchronize")


@pytest.fixture(params=FLAVOURS)
def bench(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, request.param, monkeypatch)


def settle() -> None:
    for thread in threading.enumerate():
        if thread.name == "engine":
            thread.join(20)


@pytest.mark.parametrize("lost", [False, True], ids=["one call fails", "the device is lost"])
def test_taken_over_and_given_up(bench: Bench, lost: bool) -> None:
    with open_engine(bench.path, "auto", 1, bench.watch(), bench.machine()) as engine:
        cpu = engine.name
        names = []
        for number in range(8):
            if number == 5:
                bench.runtime.lost = lost
                bench.runtime.fail_at = None if lost else len(bench.runtime.calls)
            feeds = {"image": image()["image"] * np.float32(number / 8)}
            np.testing.assert_array_equal(engine.infer(feeds)["alpha"], feeds["image"][:, 2:3])
            names.append(engine.name)
            settle()
    library = bench.gpu.libraries[bench.flavour]
    assert names == [cpu] + 4 * [library.name] + 3 * [cpu]
    (failure,) = bench.failures
    assert failure.startswith(f"{library.name} failed, {cpu} goes on: {bench.path}: CUDA: ")
    assert bench.world.violations == []
    assert lost or bench.runtime.left() == {}
    assert +bench.world.live == {}


def test_a_name_keeps_its_engine(bench: Bench) -> None:
    for _ in range(2):
        with open_engine(bench.path, bench.flavour, 1, bench.watch(), bench.machine()) as engine:
            np.testing.assert_array_equal(engine.infer(image())["alpha"], image()["image"][:, 2:3])
    assert len(bench.gpu.orders) == 1
    assert bench.runtime.left() == {} and +bench.world.live == {}
    kernels = list(bench.gpu.store.folder.glob("*.cache"))
    assert len(kernels) == (bench.flavour == "tensorrt-rtx")


def test_a_plan_that_the_library_refuses_is_built_anew_once(bench: Bench) -> None:
    bench.world.refuse["deserialize_cuda_engine"] = 0
    with open_engine(bench.path, bench.flavour, 1, bench.watch(), bench.machine()) as engine:
        engine.infer(image())
    assert len(bench.gpu.orders) == 2
    bench.world.plans.clear()
    with (
        open_engine(bench.path, bench.flavour, 1, bench.watch(), bench.machine()) as engine,
        pytest.raises(EngineError, match=r"cannot load its plan"),
    ):
        engine.infer(image())
    assert bench.runtime.left() == {} and +bench.world.live == {}


def test_the_runner_of_plans_is_what_runs_them(bench: Bench) -> None:
    library = bench.gpu.libraries[bench.flavour]
    with run_plan(library, b"plan 1", bench.path, {"size": "64x32"}, b"") as engine:
        assert isinstance(engine, TensorRTEngine)
        assert engine.metadata == {"size": "64x32"}
