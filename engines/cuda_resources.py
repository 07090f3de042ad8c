"""What was taken from CUDA and has to be given back."""

import ctypes
import logging
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.base import EngineError, TensorSpec
from engines.cuda import Cuda

log = logging.getLogger(__name__)


def size_of(spec: TensorSpec) -> int:
    """Bytes of a tensor of fixed size."""
    return prod(size or 0 for size in spec.shape) * spec.dtype.itemsize


class CudaResources:
    """Streams, events, graphs and memory of one owner. Taking one raises EngineError; giving back never
    raises, as it also has to go on after the device has failed."""

    def __init__(self, cuda: Cuda) -> None:
        self._cuda = cuda
        self._streams: list[int] = []
        self._events: list[int] = []
        self._graphs: list[int] = []
        self._device: list[int] = []
        self._pinned: list[int] = []

    def stream(self) -> int:
        """A new stream."""
        self._streams.append(self._cuda.create_stream())
        return self._streams[-1]

    def event(self) -> int:
        """A new event."""
        self._events.append(self._cuda.create_event())
        return self._events[-1]

    def own_graph(self, graph: int) -> int:
        """The graph, which is destroyed with all else from here on."""
        self._graphs.append(graph)
        return graph

    def device(self, spec: TensorSpec, stream: int) -> int:
        """The address of new device memory for a tensor; its zeros are queued in the stream."""
        self._device.append(self._cuda.malloc(size_of(spec)))
        self._cuda.fill_zero(self._device[-1], size_of(spec), stream)
        return self._device[-1]

    def pinned(self, spec: TensorSpec) -> NDArray[Any]:
        """A tensor in new pinned memory, of zeros; it ends with `free_memory`."""
        self._pinned.append(self._cuda.host_alloc(size_of(spec)))
        memory = memoryview((ctypes.c_uint8 * size_of(spec)).from_address(self._pinned[-1]))
        array: NDArray[Any] = np.ndarray([size or 0 for size in spec.shape], spec.dtype, memory)
        array[...] = 0
        return array

    def synchronize(self) -> None:
        """Wait for all that is queued in the streams. Raises EngineError."""
        for stream in self._streams:
            self._cuda.synchronize_stream(stream)

    def settle(self) -> None:
        """Wait for all that is queued in the streams, whatever comes of it."""
        self._each(self._cuda.synchronize_stream, list(self._streams))

    def free_graphs(self) -> None:
        """Destroy the graphs; none may be running."""
        self._each(self._cuda.destroy_graph, self._graphs)

    def free_memory(self) -> None:
        """Give back device and pinned memory; nothing may use them any more."""
        self._each(self._cuda.free, self._device)
        self._each(self._cuda.host_free, self._pinned)

    def free_queues(self) -> None:
        """Give back events and streams; nothing may be queued any more."""
        self._each(self._cuda.destroy_event, self._events)
        self._each(self._cuda.destroy_stream, self._streams)

    def _each(self, give_back: Callable[[int], None], handles: list[int]) -> None:
        while handles:
            try:
                give_back(handles.pop())
            except EngineError as error:
                log.debug("while closing: %s", error)
