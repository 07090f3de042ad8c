"""Ways to an engine on the GPU: by a plan that is kept or built first, or by ONNX Runtime with CUDA."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engines.base import Engine, EngineError
from engines.building import Order, Outcome, build_elsewhere
from engines.driver import Driver
from engines.kept import PlanRunner, open_kept, proven_on, run_plan
from engines.ort import OrtEngine
from engines.plans import PlanKey, PlanStore, plan_key
from engines.proof import Proof, WrongAnswerError
from engines.tensorrt_library import Library
from engines.watch import Preparing

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """What an engine is loaded for: inputs of these shapes, and the answers that it has to give.

    `report` is told how far it is. Once `stop` is set nobody waits for the engine any more.
    """

    shapes: Mapping[str, tuple[int, ...]]
    proof: Proof
    metadata: Mapping[str, str]
    report: Callable[[Preparing], None]
    stop: threading.Event


class Loader(Protocol):
    """One way to an engine."""

    @property
    def name(self) -> str:
        """The engine's, with its version."""
        ...

    def load(self, task: Task) -> Engine:
        """The engine, warm, its answers found to be right. Raises EngineError."""
        ...


Build = Callable[[Order, Callable[[float], None], threading.Event], Outcome]


@dataclass(frozen=True, slots=True)
class PlanLoader:
    """By a plan of TensorRT or TensorRT-RTX: that of `onnx`, if it answers as `reference` does on the CPU."""

    library: Library
    driver: Driver
    onnx: Path
    reference: Path
    store: PlanStore
    build: Build = build_elsewhere
    run: PlanRunner = run_plan

    @property
    def name(self) -> str:
        """The library's, with its version."""
        return self.library.name

    def load(self, task: Task) -> Engine:
        """The engine, warm, its answers found to be right.

        A plan that is not kept is built first. Whatever is wrong with a plan, it is built anew, once; if its
        answers are still wrong, that is remembered. One that has not run on this GPU and driver yet does so
        in another process first, which may crash. Raises EngineError.
        """
        library = self.library
        key = plan_key(self.onnx, library.flavour, library.version, self.driver, task.shapes)
        stored, where = self.store.find(key), proven_on(self.driver)
        if stored is not None and stored.wrong == where:
            raise EngineError(
                f"{self.onnx.name}: with {self.name} its answers were wrong on {where};"
                " python -m engines clear has it tried again"
            )
        try:
            return self._load(key, task)
        except EngineError:
            # Where nothing is kept it could not even be built, and cannot be built a second time either.
            if task.stop.is_set() or not self.store.discard(key):
                raise
        try:
            return self._load(key, task)
        except WrongAnswerError:
            self.store.mark_wrong(key, where)
            raise

    def _load(self, key: PlanKey, task: Task) -> Engine:
        library, store, driver = self.library, self.store, self.driver
        stored = store.find(key)
        if stored is None or stored.proven != proven_on(driver):
            order = Order(self.onnx, self.reference, library.flavour, task.shapes, store.folder)
            log.info("building a plan of %s for %s", self.onnx.name, self.name)
            self.build(order, lambda share: task.report(Preparing(self.name, share)), task.stop)
        task.report(Preparing(self.name))
        return open_kept(store, key, library, driver, self.onnx, task.metadata, task.proof, self.run)


@dataclass(frozen=True, slots=True)
class CudaLoader:
    """By ONNX Runtime with CUDA."""

    path: Path
    threads: int
    name: str = "onnxruntime-cuda"

    def load(self, task: Task) -> Engine:
        """The engine, warm, its answers found to be right. Raises EngineError."""
        task.report(Preparing(self.name))
        engine = OrtEngine(self.path, self.threads, device="cuda")
        try:
            task.proof.check(engine)
        except BaseException:
            engine.close()
            raise
        return engine
