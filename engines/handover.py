"""An engine that answers from the CPU until one on the GPU is ready, and again should that one fail."""

import logging
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from numpy.typing import NDArray

from engines.base import Engine, EngineError
from engines.loaders import Loader, Task
from engines.proof import Proof
from engines.watch import Watch

log = logging.getLogger(__name__)

_CLOSE_S = 1.0
_LOOK_S = 0.2


class HandoverEngine:
    """Runs a network on the CPU until an engine on the GPU, made ready beside it, takes over.

    That is the engine of the first loader that succeeds. The shapes of the first `infer` are those that are
    loaded for. The engine takes over between two runs, in a thread's next `infer`; if it fails later, the CPU
    answers, that run and all after it. Feeds of other shapes are the CPU's.

    With `only`, the CPU answers nothing: the first `infer` waits for the engine, and every failure is raised.

    `name` is that of the engine that answers now. One thread at a time may call `infer`.
    """

    def __init__(
        self, cpu: Engine, loaders: Sequence[Loader], watch: Watch | None = None, *, only: bool = False
    ) -> None:
        """cpu: gives the specifications, and is closed with this one."""
        self.path = cpu.path
        self.name = loaders[0].name if only else cpu.name
        self.inputs = cpu.inputs
        self.outputs = cpu.outputs
        self.metadata = cpu.metadata
        self._cpu = cpu
        self._loaders = loaders
        self._watch = watch or Watch()
        self._only = only
        self._shapes: dict[str, tuple[int, ...]] | None = None
        self._stop = threading.Event()
        self._loading: threading.Thread | None = None
        self._lock = threading.Lock()
        self._loaded: Engine | None = None
        self._refusal: EngineError | None = None
        self._fault: Exception | None = None
        self._engine: Engine | None = None
        self._failed: Engine | None = None

    def infer(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """All outputs by name, in new arrays; without the GIL. Raises EngineError."""
        shapes = {name: array.shape for name, array in feeds.items()}
        if self._shapes is None:
            # What fits no network must not be built for: the CPU would say what is wrong with it.
            answers = self._cpu.infer(feeds)
            self._begin(shapes)
            if not self._only:
                return answers
        while self._only and self._loading is not None and self._loading.is_alive():
            self._loading.join(_LOOK_S)  # on Windows Ctrl-C is only heard between two waits
        self._take_over()
        if self._engine is not None and shapes == self._shapes:
            try:
                return self._engine.infer(feeds)
            except EngineError as error:
                if self._only:
                    raise
                self._give_up(self._engine, error)
        if self._only:
            raise self._refusal or EngineError(f"{self.path}: {self.name} was made ready for other sizes")
        return self._cpu.infer(feeds)

    def close(self) -> None:
        """Release all engines, and give up the one that is being made ready; nothing may be run
        afterwards."""
        self._stop.set()
        if self._loading is not None:
            # A library that is just loading a plan cannot be interrupted; its thread closes what comes of it.
            self._loading.join(_CLOSE_S)
        with self._lock:
            engines = [self._loaded, self._engine, self._failed, self._cpu]
            self._loaded = self._engine = self._failed = None
        for engine in engines:
            if engine is not None:
                engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, shapes: dict[str, tuple[int, ...]]) -> None:
        proof = Proof.of(self._cpu, shapes)
        task = Task(shapes, proof, self.metadata, self._watch.preparing, self._stop)
        self._shapes = shapes
        self._loading = threading.Thread(target=self._load, args=(task,), name="engine", daemon=True)
        self._loading.start()

    def _load(self, task: Task) -> None:
        """Thread: hand in what the first loader gives that succeeds."""
        refusals = []
        try:
            for loader in self._loaders:
                if task.stop.is_set():
                    return
                try:
                    self._hand_in(loader.load(task))
                except EngineError as error:
                    refusals.append(str(error))
                else:
                    for refusal in dict.fromkeys(refusals):
                        log.info("not taken: %s", refusal)
                    return
            self._refusal = EngineError("; ".join(dict.fromkeys(refusals)))
            if not self._only and not task.stop.is_set():
                log.warning("%s goes on: %s", self._cpu.name, self._refusal)
        except Exception as error:  # the one place where a failure of this thread is told or carried on
            self._fault = error
            if not self._only:
                log.exception("%s goes on: %s", self._cpu.name, error)
        finally:
            self._watch.preparing(None)

    def _hand_in(self, engine: Engine) -> None:
        with self._lock:
            if not self._stop.is_set():
                self._loaded = engine
                return
        engine.close()

    def _take_over(self) -> None:
        if self._only and self._fault is not None:
            raise self._fault
        with self._lock:
            engine, self._loaded = self._loaded, None
        if engine is not None:
            self._engine, self.name = engine, engine.name
            log.info("backend: %s from now on, %s", engine.name, self.path.name)

    def _give_up(self, engine: Engine, error: EngineError) -> None:
        # It is closed later: what failed may make that wait, and pictures do not.
        self._engine, self._failed, self.name = None, engine, self._cpu.name
        self._watch.failed(EngineError(f"{engine.name} failed, {self._cpu.name} goes on: {error}"))
