"""Opens a TensorRT plan: its tensors, and what runs it."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engines.base import EngineError, TensorSpec
from engines.tensorrt_library import Library

log = logging.getLogger(__name__)


class OpenPlan:
    """A plan on the GPU with its execution contexts, one for each set of tensor addresses.

    `inputs` and `outputs` keep the plan's order; all sizes are fixed. `replays` says that the library itself
    replays CUDA graphs of what it runs. A driver and a device must be there: making the runtime without them
    can crash. Raises EngineError naming the file that the plan was made of.
    """

    def __init__(
        self, library: Library, plan: bytes, path: Path, contexts: int, runtime_cache: bytes = b""
    ) -> None:
        self._library = library
        self._path = path
        self._runtime: Any = None
        self._engine: Any = None
        self._config: Any = None
        self._cache: Any = None
        self.contexts: list[Any] = []
        self.replays = library.flavour == "tensorrt-rtx"
        try:
            self._open(plan, contexts, runtime_cache)
        except BaseException:
            self.close()
            raise

    def runtime_cache(self) -> bytes:
        """The kernels that TensorRT-RTX has compiled for this GPU by now; empty for TensorRT."""
        if self._cache is None:
            return b""
        memory = self._made("save its runtime cache", lambda: self._cache.serialize())
        return bytes(memoryview(memory))

    def close(self) -> None:
        """Let go of contexts, plan and runtime, in this order."""
        self.contexts.clear()
        self._config = None
        self._cache = None
        self._engine = None
        self._runtime = None

    def _open(self, plan: bytes, contexts: int, runtime_cache: bytes) -> None:
        trt = self._library.module
        self._reason()  # of something before
        self._runtime = self._made("make a runtime", lambda: trt.Runtime(self._library.logger))
        self._engine = self._made("load its plan", lambda: self._runtime.deserialize_cuda_engine(plan))
        if self.replays:
            self._configure(runtime_cache)
        self.inputs: Mapping[str, TensorSpec] = self._specs(trt.TensorIOMode.INPUT)
        self.outputs: Mapping[str, TensorSpec] = self._specs(trt.TensorIOMode.OUTPUT)
        for _ in range(contexts):
            self.contexts.append(self._context())

    def _configure(self, runtime_cache: bytes) -> None:
        """Graphs replayed by the library, kernels kept: what TensorRT-RTX has and TensorRT has not."""
        self._config = self._made(
            "make a runtime configuration", lambda: self._engine.create_runtime_config()
        )
        self._config.cuda_graph_strategy = self._library.module.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        self._cache = self._made("make a runtime cache", lambda: self._config.create_runtime_cache())
        # Of another driver, GPU or release: refused, and its kernels are compiled anew.
        if runtime_cache and not self._cache.deserialize(runtime_cache):
            log.debug("%s: runtime cache not taken: %s", self._path, self._reason())
        if not self._config.set_runtime_cache(self._cache):
            raise self._error("use a runtime cache")

    def _context(self) -> Any:
        if self._config is None:
            return self._made("make a context", lambda: self._engine.create_execution_context())
        return self._made("make a context", lambda: self._engine.create_execution_context(self._config))

    def _specs(self, mode: Any) -> dict[str, TensorSpec]:
        names = [self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)]
        return {name: self._spec(name) for name in names if self._engine.get_tensor_mode(name) == mode}

    def _spec(self, name: str) -> TensorSpec:
        trt = self._library.module
        shape = tuple(int(size) for size in self._engine.get_tensor_shape(name))
        on_device = self._engine.get_tensor_location(name) == trt.TensorLocation.DEVICE
        if min(shape, default=1) < 1 or not on_device:
            raise EngineError(f"{self._path}: {name!r} is not of a fixed size on the GPU in this plan")
        try:
            dtype = np.dtype(trt.nptype(self._engine.get_tensor_dtype(name)))
        except TypeError as error:
            raise EngineError(f"{self._path}: {name!r} is of a type that cannot be fed: {error}") from error
        return TensorSpec(shape, dtype)

    # The objects of the library are kept in attributes alone, so that `close` lets go of the last reference
    # also while an error is under way, whose traceback keeps local variables.

    def _made(self, what: str, make: Callable[[], Any]) -> Any:
        """What `make` returns, which is None when it fails; without a driver, constructors can raise."""
        try:
            made = make()
        except (TypeError, RuntimeError) as error:
            raise self._error(what, " ".join(str(error).split())) from error
        if made is None:
            raise self._error(what)
        return made

    def _error(self, what: str, words: str = "no reason given") -> EngineError:
        return EngineError(f"{self._path}: {self._library.name} cannot {what}: {self._reason() or words}")

    def _reason(self) -> str:
        return self._library.errors.take()
