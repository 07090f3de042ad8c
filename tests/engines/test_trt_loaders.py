"""From a plan, or from nothing, to an engine that is right: what is built, taken and refused."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import onnxruntime
import pytest

from engines.base import Engine, EngineError, TensorSpec
from engines.loaders import CudaLoader, PlanLoader, Task
from engines.ort import OrtEngine
from engines.plans import PlanStore
from engines.proof import Proof, WrongAnswerError, made_up
from engines.watch import Preparing
from tests.engines.plan_fakes import DRIVER, RTX, FakeGpu
from tests.fakes import FLOAT32, FakeEngine, write_network

SHAPES = {"image": (1, 3, 32, 64)}


class Bench:
    """A loader of a tiny network's plan, a task for it, and what it reports."""

    def __init__(self, folder: Path) -> None:
        self.path = write_network(folder / "blue.onnx")
        self.gpu = FakeGpu(PlanStore(folder / "plans"))
        self.reports: list[Preparing] = []
        self.stop = threading.Event()

    def load(self) -> Engine:
        library = self.gpu.libraries["tensorrt-rtx"]
        loader = PlanLoader(
            library, self.gpu.driver, self.path, self.path, self.gpu.store, self.gpu.build, self.gpu.run
        )
        with OrtEngine(self.path, 1) as cpu:
            proof = Proof.of(cpu, SHAPES)
            return loader.load(Task(SHAPES, proof, cpu.metadata, self.reports.append, self.stop))

    def plan_file(self) -> Path:
        (path,) = self.gpu.store.folder.glob("*.plan")
        return path


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_plan_is_built_once_and_then_taken(bench: Bench) -> None:
    bench.load().close()
    assert bench.reports == [*(Preparing(RTX.name, share) for share in (0, 0.5, 1)), Preparing(RTX.name)]
    bench.reports.clear()
    with bench.load() as engine:
        assert engine.name == RTX.name
    assert bench.reports == [Preparing(RTX.name)]
    assert len(bench.gpu.orders) == 1
    assert bench.gpu.orders[0].shapes == SHAPES


@pytest.mark.parametrize("damage", ["flipped", "cut", "refused by the library", "not described", "gone"])
def test_a_plan_with_anything_wrong_is_built_anew(bench: Bench, damage: str) -> None:
    bench.load().close()
    path = bench.plan_file()
    if damage == "refused by the library":  # though it is as it was kept
        bench.gpu.store.keep(bench.gpu.store.plans()[0].key, b"of another release", 1)
    elif damage == "not described":
        path.with_suffix(".json").write_text("{")
    elif damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"flam 1" if damage == "flipped" else b"pl")
    bench.load().close()
    assert len(bench.gpu.orders) == 2
    assert bench.plan_file().read_bytes() == b"plan 2"


def test_wrong_answers_are_built_anew_once_and_then_refused(bench: Bench) -> None:
    bench.gpu.changed = lambda alpha: alpha + np.float32(0.03)
    with pytest.raises(EngineError, match=r"'alpha' is not what the CPU makes of it: off by 0\.030"):
        bench.load()
    assert len(bench.gpu.orders) == 2
    assert all(engine.closed for engine in bench.gpu.engines)
    with pytest.raises(EngineError, match="its answers were wrong on NVIDIA H100, driver"):
        bench.load()  # which is not to be found out anew each time
    assert len(bench.gpu.orders) == 2
    bench.gpu.changed = lambda alpha: alpha + np.float32(0.01)
    bench.gpu.driver = replace(DRIVER, version=13020)
    bench.load().close()
    (stored,) = bench.gpu.store.plans()
    assert (stored.proven, stored.wrong) == ("NVIDIA H100, driver for CUDA 13.2", "")


def test_wrong_answers_in_the_process_that_builds_are_remembered_as_well(bench: Bench) -> None:
    bench.gpu.proves = False
    bench.gpu.refuses = WrongAnswerError("tensorrt-rtx: 'alpha' is not what the CPU makes of it")
    for said in ("is not what the CPU makes", "were wrong on"):
        with pytest.raises(EngineError, match=said):
            bench.load()
    assert len(bench.gpu.orders) == 2
    bench.gpu.store.clear()
    bench.gpu.refuses = None
    bench.load().close()


def test_what_fails_otherwise_is_tried_again_the_next_time(bench: Bench) -> None:
    bench.load().close()
    with pytest.raises(EngineError, match="out of memory"), pytest.MonkeyPatch.context() as patched:
        patched.setattr(bench.gpu, "run", lambda *_: _raise(EngineError("CUDA: out of memory")))
        bench.load()
    bench.load().close()


def _raise(error: Exception) -> NoReturn:
    raise error


def test_what_cannot_be_built_is_not_tried_twice(bench: Bench) -> None:
    bench.gpu.refuses = EngineError("blue.onnx: building it with tensorrt-rtx crashed (SIGSEGV)")
    with pytest.raises(EngineError, match="SIGSEGV"):
        bench.load()
    assert len(bench.gpu.orders) == 1


def test_a_plan_that_makes_the_proving_process_crash_is_built_anew(bench: Bench) -> None:
    bench.load().close()
    bench.gpu.driver = replace(DRIVER, version=13020)
    builds = bench.gpu.build

    def build(*arguments: Any) -> Any:
        if len(bench.gpu.orders) == 1:
            bench.gpu.orders.append(arguments[0])
            raise EngineError("blue.onnx: building it with tensorrt-rtx crashed (SIGSEGV)")
        return builds(*arguments)

    bench.gpu.build = build  # type: ignore[assignment, method-assign]
    bench.load().close()
    assert len(bench.gpu.orders) == 3


def test_another_release_or_network_needs_another_plan(bench: Bench) -> None:
    bench.load().close()
    bench.gpu.libraries["tensorrt-rtx"] = replace(RTX, version="1.8")
    bench.load().close()
    assert len(bench.gpu.orders) == 2
    write_network(bench.path, metadata={"size": "64x32"})
    bench.load().close()
    assert len(bench.gpu.orders) == 3
    assert len(bench.gpu.store.plans()) == 3


def test_on_another_driver_the_plan_proves_itself_elsewhere_first(bench: Bench) -> None:
    bench.load().close()
    bench.gpu.driver = replace(DRIVER, version=13020)
    bench.load().close()
    assert len(bench.gpu.orders) == 2  # where it is found to be built
    bench.load().close()
    assert len(bench.gpu.orders) == 2


def test_a_plan_that_nobody_could_prove_is_proven_by_its_first_use(bench: Bench) -> None:
    bench.gpu.proves = False
    bench.load().close()
    (stored,) = bench.gpu.store.plans()
    assert stored.proven == "NVIDIA H100, driver for CUDA 13.0"


def test_what_rtx_has_compiled_is_kept_for_the_next_time(bench: Bench) -> None:
    bench.load().close()
    bench.load().close()
    bench.gpu.driver = replace(DRIVER, gpu="NVIDIA L4")
    bench.load().close()
    assert bench.gpu.caches == [b"", b"kernels", b""]


def test_who_stops_a_build_gets_no_second_one(bench: Bench) -> None:
    bench.load().close()
    bench.plan_file().write_bytes(b"damaged")
    bench.stop.set()
    with pytest.raises(EngineError, match="damaged"):
        bench.load()
    assert len(bench.gpu.orders) == 1


def test_cuda_of_onnx_runtime_is_refused_where_there_is_none(bench: Bench) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    with OrtEngine(bench.path, 1) as cpu:
        task = Task(SHAPES, Proof.of(cpu, SHAPES), {}, bench.reports.append, bench.stop)
        with pytest.raises(EngineError, match="CUDA"):
            CudaLoader(bench.path, 1).load(task)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda alpha: alpha + np.float32(0.021), "off by 0.021"),
        (lambda alpha: np.where(alpha > 0.5, np.float32(np.nan), alpha), "not finite"),
        (lambda alpha: alpha * np.float32(np.inf), "not finite"),
        (lambda alpha: alpha[:, :, ::2], r"\(1, 1, 16, 64\), not"),
        (lambda alpha: alpha.astype(np.float16), "float16"),
    ],
)
def test_a_proof_finds_what_is_wrong(change: Any, said: str) -> None:
    proof = Proof.of(FakeEngine(), SHAPES)
    wrong = FakeEngine(lambda image: change(FakeEngine().infer({"image": image})["alpha"]))
    with pytest.raises(EngineError, match=said), np.errstate(invalid="ignore"):
        proof.check(wrong)


def test_a_proof_takes_what_is_nearly_right() -> None:
    proof = Proof.of(FakeEngine(), SHAPES)
    near = FakeEngine(lambda image: FakeEngine().infer({"image": image})["alpha"] + np.float32(0.019))
    proof.check(near)
    assert len(near.images) == 3


def levels(values: Any) -> Proof:
    return Proof({"image": np.zeros((1, 3, 2, 2), np.float32)}, {"alpha": values})


def test_of_levels_a_thousandth_may_be_off() -> None:
    expected = np.full((1, 1, 100, 100), 100, np.uint8)
    answer: Any = expected + np.uint8(2)
    answer.ravel()[:10] = 200
    levels(expected).check(FakeEngine(lambda _: answer))
    answer.ravel()[:11] = 200
    with pytest.raises(EngineError, match=r"0\.1% of the values are off by more than 2"):
        levels(expected).check(FakeEngine(lambda _: answer))


def test_what_is_made_up_is_the_same_each_time_and_looks_like_a_picture() -> None:
    spec = TensorSpec((1, 3, None, None), FLOAT32)
    first, second = (made_up(spec, (1, 3, 64, 96)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.dtype == np.float32 and first.min() >= 0 and first.max() <= 1
    assert first[..., :32, :].mean() > 2 * first[..., 32:, :].mean()
    assert first[..., :32, :].std(axis=-1).max() < 1e-6 < first[..., 32:, :].std(axis=-1).min()
    plane = made_up(TensorSpec((None, None), np.dtype(np.uint8)), (64, 96))
    assert plane.dtype == np.uint8 and plane.max() > 200 > 50 > plane.min()
    np.testing.assert_array_equal(made_up(TensorSpec((3, 3), FLOAT32), (3, 3)), np.eye(3))
