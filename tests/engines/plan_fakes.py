"""A GPU that is not there: a driver that finds one, builds that are noted, plans run by ONNX Runtime."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.base import EngineError
from engines.building import Order, Outcome
from engines.driver import Driver
from engines.kept import PlanEngine, proven_on
from engines.ort import OrtEngine
from engines.plans import PlanStore, plan_key
from engines.proof import WrongAnswerError
from engines.registry import Machine
from engines.tensorrt_library import Flavour, Library

DRIVER = Driver(1, 13000, "NVIDIA H100", (9, 0))
NO_DRIVER = Driver(reason="no NVIDIA driver (libcuda.so.1: not found)")
RTX = Library(None, "tensorrt-rtx", "1.7.1.116")
TENSORRT = Library(None, "tensorrt", "11.4.0.106")


class FakePlanEngine(OrtEngine):
    """Runs the network that a plan was made of on the CPU, under the library's name."""

    def __init__(self, library: Library, path: Path, gpu: "FakeGpu") -> None:
        super().__init__(path, 1)
        self.name = library.name
        self.closed = False
        self._gpu = gpu

    def infer(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        self._gpu.runs += 1
        if self._gpu.runs == self._gpu.fails_at:
            raise EngineError(f"{self.path}: CUDA: cudaStreamSynchronize failed with error 700 (illegal)")
        return {name: self._gpu.changed(array) for name, array in super().infer(feeds).items()}

    def runtime_cache(self) -> bytes:
        return self._gpu.compiled

    def close(self) -> None:
        self.closed = True
        super().close()


class FakeGpu:
    """Builds and runs plans. `orders` and `engines` keep what was asked for, in order."""

    def __init__(self, store: PlanStore, driver: Driver = DRIVER) -> None:
        self.store = store
        self.driver = driver
        self.libraries: dict[Flavour, Library] = {"tensorrt": TENSORRT, "tensorrt-rtx": RTX}
        self.orders: list[Order] = []
        self.engines: list[FakePlanEngine] = []
        self.caches: list[bytes] = []
        self.runs = 0
        self.fails_at = 0
        self.compiled = b"kernels"
        self.refuses: EngineError | None = None
        self.proves = True
        self.waits_for: threading.Event | None = None
        self.changed: Callable[[NDArray[Any]], NDArray[Any]] = lambda array: array

    def build(self, order: Order, on_progress: Callable[[float], None], stop: threading.Event) -> Outcome:
        self.orders.append(order)
        for share in (0.0, 0.5, 1.0):
            on_progress(share)
        if self.waits_for is not None:
            while not self.waits_for.wait(0.01):
                if stop.is_set():
                    raise EngineError(f"{order.onnx.name}: the build was stopped")
        if self.refuses is not None and not isinstance(self.refuses, WrongAnswerError):
            raise self.refuses
        library = self.libraries[order.flavour]
        key = plan_key(order.onnx, library.flavour, library.version, self.driver, order.shapes)
        plan = f"plan {len(self.orders)}".encode()
        self.store.keep(key, plan, 1.5)
        if self.refuses is not None:
            raise self.refuses
        if self.proves:
            self.store.mark_proven(key, proven_on(self.driver))
        return Outcome(1.5, len(plan), proven_on(self.driver) if self.proves else "")

    def run(
        self, library: Library, plan: bytes, onnx: Path, metadata: Mapping[str, str], cache: bytes
    ) -> PlanEngine:
        if not plan.startswith(b"plan"):
            raise EngineError(f"{onnx}: {library.name} cannot load its plan: Magic tag does not match")
        self.caches.append(cache)
        self.engines.append(FakePlanEngine(library, onnx, self))
        return self.engines[-1]

    def machine(self, *flavours: Flavour, providers: tuple[str, ...] = ("CPUExecutionProvider",)) -> Machine:
        """A machine with this GPU on which these are installed."""
        modules = {flavour.replace("-", "_") for flavour in flavours}
        cuda: Any = SimpleNamespace()
        return Machine(
            find_driver=lambda: self.driver,
            installed=modules.__contains__,
            load_library=self.libraries.__getitem__,
            open_cuda=lambda: cuda,
            providers=lambda: providers,
            store=self.store,
            build=self.build,
            run=self.run,
        )


def image(height: int = 32, width: int = 64) -> dict[str, NDArray[Any]]:
    """Feeds for a network of `tests.fakes.write_network`."""
    return {"image": np.random.default_rng(height).random((1, 3, height, width), np.float32)}
