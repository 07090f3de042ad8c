"""The CUDA calls that running a plan needs: memory, streams, events and captured graphs of one device."""

import importlib
from typing import Any, Protocol

from engines.base import EngineError


class Cuda(Protocol):
    """One CUDA device. Addresses and handles are ints, sizes are in bytes; each call raises EngineError.

    What takes a stream is only queued there; it runs after what was queued in that stream before it.
    """

    def malloc(self, size: int) -> int:
        """The address of new memory on the device."""
        ...

    def free(self, address: int) -> None:
        """Give memory of `malloc` back; nothing may use it any more."""
        ...

    def host_alloc(self, size: int) -> int:
        """The address of new pinned memory of this process."""
        ...

    def host_free(self, address: int) -> None:
        """Give memory of `host_alloc` back; nothing may use it any more."""
        ...

    def upload(self, device: int, host: int, size: int, stream: int) -> None:
        """Queue a copy from pinned memory to the device."""
        ...

    def download(self, host: int, device: int, size: int, stream: int) -> None:
        """Queue a copy from the device to pinned memory."""
        ...

    def fill_zero(self, device: int, size: int, stream: int) -> None:
        """Queue zeros for memory of the device."""
        ...

    def create_stream(self) -> int:
        """A new stream, which does not wait for the default stream."""
        ...

    def destroy_stream(self, stream: int) -> None:
        """Give a stream back."""
        ...

    def synchronize_stream(self, stream: int) -> None:
        """Wait until all that is queued in the stream has run."""
        ...

    def create_event(self) -> int:
        """A new event, without time-keeping."""
        ...

    def destroy_event(self, event: int) -> None:
        """Give an event back."""
        ...

    def record_event(self, event: int, stream: int) -> None:
        """Let the event stand for all that is queued in the stream by now."""
        ...

    def wait_event(self, stream: int, event: int) -> None:
        """Queue that the stream goes on only after the event's last record; none: it does not wait."""
        ...

    def synchronize_event(self, event: int) -> None:
        """Wait for what the event's last record stands for; none: do not wait."""
        ...

    def begin_capture(self, stream: int) -> None:
        """From here on collect what is queued in the stream instead of running it."""
        ...

    def end_capture(self, stream: int) -> int:
        """The graph of what was collected, ready to run; the stream runs again what it is given."""
        ...

    def launch_graph(self, graph: int, stream: int) -> None:
        """Queue one run of a graph."""
        ...

    def destroy_graph(self, graph: int) -> None:
        """Give a graph back."""
        ...


def open_cuda() -> Cuda:
    """The first visible CUDA device; raises EngineError with the reason if there is none or no cuda-bindings.

    That it succeeds also means that a TensorRT runtime may be made: without a driver, making one can crash.
    """
    try:
        runtime = importlib.import_module("cuda.bindings.runtime")
    except ModuleNotFoundError as error:
        raise EngineError(f"cuda-bindings: not installed ({error})") from error
    except Exception as error:  # whatever a half-installed library raises: it is not to be used
        raise EngineError(f"cuda-bindings: cannot be imported ({' '.join(str(error).split())})") from error
    return CudaRuntime(runtime)


class CudaRuntime:
    """`Cuda` over the module `cuda.bindings.runtime`."""

    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime
        if not self._get("cudaGetDeviceCount"):
            raise EngineError("CUDA: no device visible")
        self._do("cudaSetDevice", 0)

    def malloc(self, size: int) -> int:
        """The address of new memory on the device."""
        return self._get("cudaMalloc", size)

    def free(self, address: int) -> None:
        """Give memory of `malloc` back; nothing may use it any more."""
        self._do("cudaFree", address)

    def host_alloc(self, size: int) -> int:
        """The address of new pinned memory of this process."""
        return self._get("cudaHostAlloc", size, self._runtime.cudaHostAllocDefault)

    def host_free(self, address: int) -> None:
        """Give memory of `host_alloc` back; nothing may use it any more."""
        self._do("cudaFreeHost", address)

    def upload(self, device: int, host: int, size: int, stream: int) -> None:
        """Queue a copy from pinned memory to the device."""
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._do("cudaMemcpyAsync", device, host, size, kind, stream)

    def download(self, host: int, device: int, size: int, stream: int) -> None:
        """Queue a copy from the device to pinned memory."""
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._do("cudaMemcpyAsync", host, device, size, kind, stream)

    def fill_zero(self, device: int, size: int, stream: int) -> None:
        """Queue zeros for memory of the device."""
        self._do("cudaMemsetAsync", device, 0, size, stream)

    def create_stream(self) -> int:
        """A new stream, which does not wait for the default stream."""
        return self._get("cudaStreamCreateWithFlags", self._runtime.cudaStreamNonBlocking)

    def destroy_stream(self, stream: int) -> None:
        """Give a stream back."""
        self._do("cudaStreamDestroy", stream)

    def synchronize_stream(self, stream: int) -> None:
        """Wait until all that is queued in the stream has run."""
        self._do("cudaStreamSynchronize", stream)

    def create_event(self) -> int:
        """A new event, without time-keeping."""
        return self._get("cudaEventCreateWithFlags", self._runtime.cudaEventDisableTiming)

    def destroy_event(self, event: int) -> None:
        """Give an event back."""
        self._do("cudaEventDestroy", event)

    def record_event(self, event: int, stream: int) -> None:
        """Let the event stand for all that is queued in the stream by now."""
        self._do("cudaEventRecord", event, stream)

    def wait_event(self, stream: int, event: int) -> None:
        """Queue that the stream goes on only after the event's last record; none: it does not wait."""
        self._do("cudaStreamWaitEvent", stream, event, 0)

    def synchronize_event(self, event: int) -> None:
        """Wait for what the event's last record stands for; none: do not wait."""
        self._do("cudaEventSynchronize", event)

    def begin_capture(self, stream: int) -> None:
        """From here on collect what is queued in the stream instead of running it."""
        # In the global mode an allocation in any other thread would spoil the capture.
        mode = self._runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._do("cudaStreamBeginCapture", stream, mode)

    def end_capture(self, stream: int) -> int:
        """The graph of what was collected, ready to run; the stream runs again what it is given."""
        template = self._get("cudaStreamEndCapture", stream)
        try:
            return self._get("cudaGraphInstantiate", template, 0)
        finally:
            self._do("cudaGraphDestroy", template)

    def launch_graph(self, graph: int, stream: int) -> None:
        """Queue one run of a graph."""
        self._do("cudaGraphLaunch", graph, stream)

    def destroy_graph(self, graph: int) -> None:
        """Give a graph back."""
        self._do("cudaGraphExecDestroy", graph)

    def _get(self, function: str, *arguments: Any) -> int:
        status, value = getattr(self._runtime, function)(*arguments)
        self._check(function, status)
        return int(value)

    def _do(self, function: str, *arguments: Any) -> None:
        (status,) = getattr(self._runtime, function)(*arguments)
        self._check(function, status)

    def _check(self, function: str, status: Any) -> None:
        if status == self._runtime.cudaError_t.cudaSuccess:
            return
        # Else the next call that asks for the last error would report this one again.
        self._runtime.cudaGetLastError()
        _, text = self._runtime.cudaGetErrorString(status)
        words = text.decode(errors="replace")
        raise EngineError(f"CUDA: {function} failed with error {int(status)} ({words})")
