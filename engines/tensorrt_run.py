"""Runs TensorRT plans, of TensorRT and TensorRT-RTX alike."""

import ctypes
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engines.base import EngineError, TensorSpec
from engines.cuda import Cuda
from engines.tensorrt_context import OpenPlan
from engines.tensorrt_library import Library

log = logging.getLogger(__name__)

_WARM_UP_RUNS = 3

Arrays = dict[str, NDArray[Any]]


@dataclass(slots=True)
class _Slot:
    """What one run needs; all its addresses stay the same, so that a captured graph stays right.

    `feeds` and `results` are views of pinned memory; `addresses` are on the device.
    """

    context: Any
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
    keep it busy. Memory is allocated here once. One thread at a time may use it.

    - `carried`: inputs that are not fed but take a tensor of the run before, an output or a fed input, on the
      device; zeros in the first run. Needs two slots or more.
    - `held`: inputs that may be left out of the feeds once they were given, and then stay as they are.
    - `resident`: outputs that stay on the device; `infer` and `collect` do not give them.
    - `runtime_cache`: bytes of `runtime_cache()` of an earlier process, which save TensorRT-RTX compiling.

    Raises EngineError naming the file, `path`, which is the one that the plan was made of: the plan cannot be
    loaded or run. After that nothing more can be run; `close` remains to be called.
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
        self.inputs: Mapping[str, TensorSpec] = {}
        self.outputs: Mapping[str, TensorSpec] = {}
        self._library = library
        self._cuda = cuda
        self._carried = dict(carried or {})
        self._held = frozenset(held)
        self._resident = frozenset(resident)
        self._plan: OpenPlan | None = None
        self._slots: list[_Slot] = []
        self._pending: deque[_Slot] = deque()
        self._next = 0
        self._device: list[tuple[int, int]] = []
        self._pinned: list[int] = []
        self._streams: list[int] = []
        self._events: list[int] = []
        self._held_feeds: Arrays = {}
        self._held_given: set[str] = set()
        self._unusable = ""
        with self._guarded():
            # First of all: a runtime cache is only taken where CUDA is in use already.
            self._upload, self._compute, self._download = (self._stream() for _ in range(3))
            self._plan = OpenPlan(library, plan, path, slots, runtime_cache)
            self.inputs, self.outputs = self._plan.inputs, self._plan.outputs
            self._check_roles()
            self._slots = [
                _Slot(context, *(self._event() for _ in range(3))) for context in self._plan.contexts
            ]
            self._held_uploaded = self._event()
            self._allocate()
            self._warm_up()

    def infer(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """All outputs that are not resident by name, in new arrays; without the GIL. Raises EngineError."""
        if self._pending:
            raise RuntimeError("runs that were submitted have to be collected first")
        self.submit(feeds)
        return self.collect()

    def next_feeds(self) -> Arrays:
        """What the next `submit` uploads, in pinned memory: filled in place and submitted, it saves a copy."""
        return dict(self._free_slot().feeds)

    def submit(self, feeds: Mapping[str, NDArray[Any]]) -> None:
        """Queue a run. The feeds may be changed afterwards. Raises EngineError; RuntimeError if no slot is
        free."""
        slot = self._free_slot()
        self._check_feeds(feeds)
        with self._guarded():
            self._queue(slot, feeds)
        self._pending.append(slot)
        self._next += 1

    def collect(self, *, copy: bool = True) -> Arrays:
        """The outputs of the oldest submitted run by name, once it is done; without the GIL.

        Without `copy` they are in pinned memory, until as many runs more are submitted as there are slots or
        the engine is closed. Raises EngineError; RuntimeError if nothing was submitted.
        """
        if not self._pending:
            raise RuntimeError("nothing was submitted")
        slot = self._pending.popleft()
        self._check_usable()
        with self._guarded():
            self._cuda.synchronize_event(slot.downloaded)
        return {name: array.copy() if copy else array for name, array in slot.results.items()}

    def runtime_cache(self) -> bytes:
        """What TensorRT-RTX has compiled for this GPU, to be given to a later engine; empty for TensorRT."""
        self._check_usable()
        assert self._plan is not None
        return self._plan.runtime_cache()

    def close(self) -> None:
        """Wait for what is queued and free everything; nothing may be run afterwards. Never raises."""
        cuda = self._cuda
        self._unusable = self._unusable or "closed"
        for stream in self._streams:
            self._quietly(cuda.synchronize_stream, stream)
        for slot in self._slots:
            if slot.graph is not None:
                self._quietly(cuda.destroy_graph, slot.graph)
        self._slots.clear()
        self._pending.clear()
        self._held_feeds.clear()
        if self._plan is not None:
            self._plan.contexts.clear()  # they know addresses
        for address, _ in self._device:
            self._quietly(cuda.free, address)
        self._device.clear()
        for address in self._pinned:
            self._quietly(cuda.host_free, address)
        self._pinned.clear()
        if self._plan is not None:
            self._plan.close()
            self._plan = None
        for event in self._events:
            self._quietly(cuda.destroy_event, event)
        self._events.clear()
        for stream in self._streams:
            self._quietly(cuda.destroy_stream, stream)
        self._streams.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _stream(self) -> int:
        self._streams.append(self._cuda.create_stream())
        return self._streams[-1]

    def _event(self) -> int:
        self._events.append(self._cuda.create_event())
        return self._events[-1]
