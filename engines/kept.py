"""Opens plans that are kept, and has them prove themselves before anything is left to them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from engines.base import Engine
from engines.cuda import open_cuda
from engines.driver import Driver
from engines.plans import PlanKey, PlanStore
from engines.proof import Proof
from engines.tensorrt_library import Library
from engines.tensorrt_run import TensorRTEngine


class PlanEngine(Engine, Protocol):
    """An engine that runs a plan."""

    def runtime_cache(self) -> bytes:
        """What TensorRT-RTX has compiled for this GPU, to be given to a later engine; empty for TensorRT."""
        ...


PlanRunner = Callable[[Library, bytes, Path, Mapping[str, str], bytes], PlanEngine]


def run_plan(
    library: Library, plan: bytes, onnx: Path, metadata: Mapping[str, str], runtime_cache: bytes
) -> PlanEngine:
    """A plan on the first GPU, warmed up. Raises EngineError."""
    return TensorRTEngine(library, plan, onnx, metadata, open_cuda(), runtime_cache=runtime_cache)


def proven_on(driver: Driver) -> str:
    """What a plan that runs here is proven on."""
    return f"{driver.gpu}, driver for CUDA {driver.version // 1000}.{driver.version % 1000 // 10}"


def open_kept(
    store: PlanStore,
    key: PlanKey,
    library: Library,
    driver: Driver,
    onnx: Path,
    metadata: Mapping[str, str],
    proof: Proof,
    run: PlanRunner = run_plan,
) -> Engine:
    """The plan that is kept for a key, warm, its answers found to be the CPU's; that is noted in the store.

    Raises EngineError: not kept, damaged, cannot be loaded or run; WrongAnswerError.
    """
    where = proven_on(driver)
    known = store.read_runtime_cache(key, where)
    engine = run(library, store.read(key), onnx, metadata, known)
    try:
        proof.check(engine)
        compiled = engine.runtime_cache()
        if compiled not in (b"", known):
            store.keep_runtime_cache(key, where, compiled)
        store.mark_proven(key, where)
    except BaseException:
        engine.close()
        raise
    return engine
