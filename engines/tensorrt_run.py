"""Runs plans of TensorRT and TensorRT-RTX."""

import logging
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engines.base import EngineError, TensorSpec
from engines.cuda import Cuda
from engines.cuda_resources import CudaResources, size_of
from engines.tensorrt_context import OpenPlan
from engines.tensorrt_library import Library

log = logging.getLogger(__name__)

WARM_UP_RUNS = 3

Arrays = dict[str, NDArray[Any]]


@dataclass(slots=True)
class _Slot:
    """What one run needs. Its addresses never change, so that a captured graph stays right.

    `context` is an index into those of the plan, which alone holds them. `addresses` are on the device;
    `feeds` and `results` are views of pinned memory.
    """

    context: int
    uploaded: int
    computed: int
    downloaded: int
    addresses: dict[str, int] = field(default_factory=dict)
    feeds: Arrays = field(default_factory=dict)
    results: Arrays = field(default_factory=dict)
    graph: int | None = None


class TensorRTEngine:
    """A plan on the GPU, warmed up: an Engine whose runs can overlap.

    `infer` runs once and waits. With more than one slot, `submit` queues a run and `collect` waits for the
    oldest: the GPU then uploads for one run while it computes another and downloads a third. Three slots
    keep it busy. Memory is taken here, once. One thread at a time may use it.

    - `path`, `metadata`: of the file that the plan was made of.
    - `carried`: inputs that are not fed but take a tensor of the run before, an output or a fed input, which
      does not leave the device; zeros in the first run. Needs two slots or more.
    - `held`: inputs that may be left out of the feeds once they were given; they stay as they are.
    - `resident`: outputs that stay on the device; `infer` and `collect` do not give them.
    - `runtime_cache`: of `runtime_cache()` in an earlier process; saves TensorRT-RTX compiling for this GPU.

    Raises EngineError naming `path`: the plan cannot be loaded or run. Then nothing more can be run by it.
    """

    def __init__(
        self,
        library: Library,
        plan: bytes,
        path: Path,
        metadata: Mapping[str, str],
        cuda: Cuda,
        *,
        slots: int = 1,
        carried: Mapping[str, str] | None = None,
        held: Collection[str] = (),
        resident: Collection[str] = (),
        runtime_cache: bytes = b"",
    ) -> None:
        self.path = path
        self.name = library.name
        self.metadata = metadata
        self._library = library
        self._cuda = cuda
        self._carried = dict(carried or {})
        self._held = frozenset(held)
        self._resident = frozenset(resident)
        self._resources = CudaResources(cuda)
        self._plan: OpenPlan | None = None
        self._contexts: list[Any] = []
        self._slots: list[_Slot] = []
        self._pending: deque[_Slot] = deque()
        self._turn = 0
        self._held_feeds: Arrays = {}
        self._held_addresses: dict[str, int] = {}
        self._held_given: set[str] = set()
        self._unusable = ""
        try:
            with self._on_device():
                self._open(plan, slots, runtime_cache)
        except BaseException:
            self.close()
            raise

    def infer(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """All outputs by name, without the resident ones, in new arrays; without the GIL. Raises EngineError;
        RuntimeError while submitted runs wait to be collected."""
        if self._pending:
            raise RuntimeError("runs that were submitted have to be collected first")
        self.submit(feeds)
        return self.collect()

    def next_feeds(self) -> Arrays:
        """What the next `submit` uploads, in pinned memory. Filled in place and submitted, it saves a copy.

        Without what is held. Raises as `submit`.
        """
        return dict(self._free_slot().feeds)

    def submit(self, feeds: Mapping[str, NDArray[Any]]) -> None:
        """Queue a run; the arrays may be changed afterwards, but those of `next_feeds`.

        Raises EngineError; RuntimeError when no slot is free.
        """
        slot = self._free_slot()
        self._check_feeds(feeds)
        with self._on_device():
            self._upload_feeds(slot, feeds)
            self._compute(slot)
            self._download_results(slot)
        self._pending.append(slot)
        self._turn = (self._turn + 1) % len(self._slots)

    def collect(self, *, copy: bool = True) -> Arrays:
        """The oldest submitted run's outputs by name, without the resident ones; without the GIL.

        Without `copy` they are in pinned memory, overwritten by the run that is submitted as many runs later
        as there are slots, and gone with `close`. Raises EngineError; RuntimeError if nothing was submitted.
        """
        self._check_usable()
        if not self._pending:
            raise RuntimeError("no run was submitted")
        slot = self._pending.popleft()
        with self._on_device():
            self._cuda.synchronize_event(slot.downloaded)
        return {name: array.copy() if copy else array for name, array in slot.results.items()}

    def runtime_cache(self) -> bytes:
        """What TensorRT-RTX has compiled for this GPU, for later engines; empty for TensorRT. Raises
        EngineError."""
        self._check_usable()
        assert self._plan is not None
        return self._plan.runtime_cache()

    def close(self) -> None:
        """Wait for what is queued and free everything; nothing may be run afterwards. Never raises."""
        self._unusable = self._unusable or "closed"
        self._resources.settle()
        self._resources.free_graphs()
        self._slots.clear()
        self._pending.clear()
        self._held_feeds.clear()
        self._contexts.clear()  # before the memory that they know the addresses of
        self._resources.free_memory()
        if self._plan is not None:
            self._plan.close()
            self._plan = None
        self._resources.free_queues()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _on_device(self) -> Iterator[None]:
        """What fails in here names the file, and the engine is not used again: after an error of CUDA there
        is no telling what has been run."""
        try:
            yield
        except EngineError as error:
            self._unusable = "has failed before"
            words = str(error)
            if words.startswith(str(self.path)):
                raise
            raise EngineError(f"{self.path}: {words}") from error

    def _check_usable(self) -> None:
        if self._unusable:
            raise EngineError(f"{self.path}: {self.name}: {self._unusable}")

    def _open(self, plan: bytes, slots: int, runtime_cache: bytes) -> None:
        resources = self._resources
        # Before the plan: a runtime cache is only taken by a thread that uses CUDA already.
        self._upload_stream, self._compute_stream, self._download_stream = (
            resources.stream() for _ in range(3)
        )
        self._plan = OpenPlan(self._library, plan, self.path, slots, runtime_cache)
        self._contexts = self._plan.contexts
        self.inputs, self.outputs = self._plan.inputs, self._plan.outputs
        self._check_roles(slots)
        self._held_uploaded = resources.event()
        self._slots = [
            _Slot(index, resources.event(), resources.event(), resources.event()) for index in range(slots)
        ]
        self._allocate()
        self._bind()
        self._warm_up(self._plan.replays)

    def _check_roles(self, slots: int) -> None:
        tensors = {**self.inputs, **self.outputs}
        fed = self.inputs.keys() - self._carried.keys() - self._held
        wrong = (self._held | self._carried.keys()) - self.inputs.keys()
        wrong |= self._resident - self.outputs.keys()
        wrong |= {source for source in self._carried.values() if source not in fed | self.outputs.keys()}
        if wrong or self._held & self._carried.keys() or (self._carried and slots < 2):
            raise ValueError(f"{self.path}: roles of tensors that cannot be: {sorted(wrong)}")
        for name, source in self._carried.items():
            own, other = tensors[name], tensors[source]
            if own != other:
                raise EngineError(
                    f"{self.path}: {name!r} is {own} but is to carry {source!r}, which is {other}"
                )

    def _allocate(self) -> None:
        resources, stream = self._resources, self._compute_stream
        for name, spec in self.inputs.items():
            if name in self._held:
                self._held_addresses[name] = resources.device(spec, stream)
                self._held_feeds[name] = resources.pinned(spec)
        for slot in self._slots:
            for name, spec in self.inputs.items():
                if name in self._held:
                    slot.addresses[name] = self._held_addresses[name]
                elif name not in self._carried:
                    slot.addresses[name] = resources.device(spec, stream)
                    slot.feeds[name] = resources.pinned(spec)
            for name, spec in self.outputs.items():
                slot.addresses[name] = resources.device(spec, stream)
                if name not in self._resident:
                    slot.results[name] = resources.pinned(spec)
        for slot, before in zip(self._slots, self._slots[-1:] + self._slots[:-1], strict=True):
            for name, source in self._carried.items():
                slot.addresses[name] = before.addresses[source]

    def _bind(self) -> None:
        for slot in self._slots:
            for name, address in slot.addresses.items():
                if not self._contexts[slot.context].set_tensor_address(name, address):
                    raise self._failure(f"does not take the address of {name!r}")

    def _warm_up(self, replayed: bool) -> None:
        """Run until everything that is done only once is done, then capture, unless the library does."""
        for _ in range(WARM_UP_RUNS):
            self._run_each()
        if not replayed:
            self._capture_each()
        for slot in self._slots:
            for source in set(self._carried.values()):
                spec = self.inputs.get(source) or self.outputs[source]
                self._cuda.fill_zero(slot.addresses[source], size_of(spec), self._compute_stream)
        self._resources.synchronize()

    def _run_each(self) -> None:
        for slot in self._slots:
            self._launch(slot)
        self._resources.synchronize()

    def _capture_each(self) -> None:
        """Give each slot a CUDA graph of its launches; where that cannot be, launches remain."""
        try:
            for slot in self._slots:
                slot.graph = self._captured(slot)
                self._launch(slot)
        except EngineError as error:
            log.info("%s: runs without a CUDA graph: %s", self.path, error)
            self._resources.settle()
            for slot in self._slots:
                slot.graph = None
            self._resources.free_graphs()
            self._run_each()

    def _captured(self, slot: _Slot) -> int:
        self._cuda.begin_capture(self._compute_stream)
        try:
            self._launch(slot)
        finally:
            # Whatever happened: until then the stream can be used for nothing else.
            graph = self._resources.own_graph(self._cuda.end_capture(self._compute_stream))
        return graph

    def _launch(self, slot: _Slot) -> None:
        if slot.graph is not None:
            self._cuda.launch_graph(slot.graph, self._compute_stream)
        elif not self._contexts[slot.context].execute_async_v3(self._compute_stream):
            raise self._failure("cannot run it")

    def _free_slot(self) -> _Slot:
        self._check_usable()
        if len(self._pending) == len(self._slots):
            raise RuntimeError(f"all {len(self._slots)} slots hold runs; collect one first")
        return self._slots[self._turn]

    def _check_feeds(self, feeds: Mapping[str, NDArray[Any]]) -> None:
        needed = self.inputs.keys() - self._carried.keys()
        if missing := needed - feeds.keys() - self._held_given:
            raise EngineError(f"{self.path}: no {sorted(missing)[0]!r} given")
        if unknown := feeds.keys() - needed:
            raise EngineError(
                f"{self.path}: {sorted(unknown)[0]!r} given; expected {', '.join(sorted(needed))}"
            )
        for name, array in feeds.items():
            if array.dtype != self.inputs[name].dtype or not self.inputs[name].accepts(array.shape):
                given = TensorSpec(array.shape, array.dtype)
                raise EngineError(f"{self.path}: {name!r} given as {given}; expected {self.inputs[name]}")

    def _upload_feeds(self, slot: _Slot, feeds: Mapping[str, NDArray[Any]]) -> None:
        cuda, stream = self._cuda, self._upload_stream
        if self._carried:
            # The slot's inputs of its last run may be the carried ones of the run after that.
            cuda.wait_event(stream, self._slots[(self._turn + 1) % len(self._slots)].computed)
        for name, array in slot.feeds.items():
            if feeds[name] is not array:
                np.copyto(array, feeds[name])
            cuda.upload(slot.addresses[name], array.ctypes.data, array.nbytes, stream)
        if given := [name for name in self._held_feeds if name in feeds]:
            cuda.synchronize_event(self._held_uploaded)  # the pinned memory is free again
            cuda.wait_event(stream, self._slots[self._turn - 1].computed)  # and nothing reads the device's
            for name in given:
                array = self._held_feeds[name]
                np.copyto(array, feeds[name])
                cuda.upload(self._held_addresses[name], array.ctypes.data, array.nbytes, stream)
            cuda.record_event(self._held_uploaded, stream)
            self._held_given.update(given)
        cuda.record_event(slot.uploaded, stream)

    def _compute(self, slot: _Slot) -> None:
        self._cuda.wait_event(self._compute_stream, slot.uploaded)
        self._launch(slot)
        self._cuda.record_event(slot.computed, self._compute_stream)

    def _download_results(self, slot: _Slot) -> None:
        cuda, stream = self._cuda, self._download_stream
        cuda.wait_event(stream, slot.computed)
        for name, array in slot.results.items():
            cuda.download(array.ctypes.data, slot.addresses[name], array.nbytes, stream)
        cuda.record_event(slot.downloaded, stream)

    def _failure(self, what: str) -> EngineError:
        reason = self._library.errors.take() or "no reason given"
        return EngineError(f"{self.path}: {self.name} {what}: {reason}")
