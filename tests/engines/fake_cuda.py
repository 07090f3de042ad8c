"""A stand-in for `cuda.bindings.runtime` on a made-up device, which does no more than CUDA promises.

What is queued in streams runs as late as can be, at once, or in a made-up order that streams and events leave
open (`order`): a program that waits for too little sees wrong data in one of them. Only copies and what runs
on the device reach device memory; pinned memory is real, and filled with 0xDD when freed. Misuse that CUDA
would answer with wrong results, a crash or nothing at all is an AssertionError.
"""

import ctypes
import enum
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Order = Literal["late", "eager", "random"]
Bytes = NDArray[np.uint8]


class CudaError(enum.IntEnum):
    cudaSuccess = 0
    cudaErrorInvalidValue = 1
    cudaErrorMemoryAllocation = 2
    cudaErrorIllegalAddress = 700
    cudaErrorStreamCaptureUnsupported = 900
    cudaErrorStreamCaptureInvalidated = 901


class CopyKind(enum.IntEnum):
    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2


class CaptureMode(enum.IntEnum):
    cudaStreamCaptureModeGlobal = 0
    cudaStreamCaptureModeThreadLocal = 1


@dataclass
class Work:
    """Something queued. `touches` are the addresses that must stay valid until it has run."""

    what: str
    run: Callable[[], None]
    touches: tuple[int, ...] = ()
    after: tuple[int, int] | None = None


@dataclass
class Stream:
    queued: list[Work] = field(default_factory=list)
    done: int = 0
    captured: list[Work] | None = None
    capture_fault: bool = False


class FakeCudaRuntime:
    """The functions of `cuda.bindings.runtime` that the program uses, by their names and with their results.

    `calls` are their names in order, `ran` what has run on the device. `failing` maps a name to the number of
    calls that go well before one fails with `error`; `fail_at` is the number of the call that fails whatever
    its name. `lost` makes every later call fail, as after an illegal access.
    """

    cudaError_t = CudaError
    cudaMemcpyKind = CopyKind
    cudaStreamCaptureMode = CaptureMode
    cudaHostAllocDefault = 0
    cudaStreamNonBlocking = 1
    cudaEventDisableTiming = 2

    def __init__(self, order: Order = "late", seed: int = 0) -> None:
        self.calls: list[str] = []
        self.ran: list[str] = []
        self.failing: dict[str, int] = {}
        self.fail_at: int | None = None
        self.error = CudaError.cudaErrorInvalidValue
        self.lost = False
        self.devices = 1
        self.device_memory: dict[int, Bytes] = {}
        self.pinned_memory: dict[int, Bytes] = {}
        self.streams: dict[int, Stream] = {}
        self.events: dict[int, tuple[int, int] | None] = {}
        self.graphs: dict[int, list[Work]] = {}
        self.templates: dict[int, list[Work]] = {}
        self._order = order
        self._random = random.Random(seed)
        self._haste: dict[int, float] = {}
        self._freed: list[Any] = []
        self._handle = 0
        self._address = 0x7F00_0000_0000

    def left(self) -> dict[str, int]:
        """How much of each kind was not given back."""
        kinds: dict[str, dict[int, Any]] = {
            "device memory": self.device_memory,
            "pinned memory": self.pinned_memory,
            "streams": self.streams,
            "events": self.events,
            "graphs": self.graphs,
            "templates": self.templates,
        }
        return {kind: len(live) for kind, live in kinds.items() if live}

    def view(self, address: int, size: int) -> Bytes:
        """Device memory, for what runs on the device."""
        for start, memory in self.device_memory.items():
            if start <= address < start + len(memory):
                assert address - start + size <= len(memory), f"{size} bytes at {address:x}: beyond its end"
                return memory[address - start : address - start + size]
        raise AssertionError(f"{address:x} is no device memory, or none any more")

    def queue(self, stream: int, work: Work) -> None:
        """What a library does that is given a stream."""
        assert stream, "the default stream"
        own = self.streams[stream]
        if own.captured is not None:
            own.captured.append(work)
            return
        own.queued.append(work)
        if self._order == "eager":
            self._run_until(stream, own.done + len(own.queued))
        elif self._order == "random" and self._random.random() < 0.6:
            self._run_one_more()

    def capturing(self, stream: int) -> bool:
        return self.streams[stream].captured is not None

    def spoil_capture(self, stream: int) -> None:
        """What an action does that is not allowed while capturing."""
        self.streams[stream].capture_fault = True

    def run_queue_of(self, what: str) -> None:
        """Run the streams that hold such work, and of others what these wait for."""
        for stream, own in self.streams.items():
            if any(work.what == what for work in own.queued):
                self._run_until(stream, own.done + len(own.queued))

    # What the program calls.

    def cudaGetDeviceCount(self) -> tuple[CudaError, int | None]:
        return self._answer("cudaGetDeviceCount", lambda: self.devices)

    def cudaSetDevice(self, device: int) -> tuple[CudaError]:
        assert device == 0
        return self._act("cudaSetDevice", lambda: None)

    def cudaGetLastError(self) -> tuple[CudaError]:
        self.calls.append("cudaGetLastError")
        return (CudaError.cudaSuccess,)

    def cudaGetErrorString(self, error: CudaError) -> tuple[CudaError, bytes]:
        return CudaError.cudaSuccess, error.name.encode()

    def cudaMalloc(self, size: int) -> tuple[CudaError, int | None]:
        def take() -> int:
            self._not_while_capturing()
            assert size > 0
            self._address += 0x1000_0000
            # Not zeros: fresh device memory holds what was there before.
            self.device_memory[self._address] = np.full(size, 0xA5, np.uint8)
            return self._address

        return self._answer("cudaMalloc", take)

    def cudaFree(self, devPtr: int) -> tuple[CudaError]:
        def give_back() -> None:
            assert devPtr in self.device_memory, f"{devPtr:x} is no device memory, or none any more"
            self._not_queued(devPtr, len(self.device_memory[devPtr]))
            del self.device_memory[devPtr]

        return self._act("cudaFree", give_back)

    def cudaHostAlloc(self, size: int, flags: int) -> tuple[CudaError, int | None]:
        def take() -> int:
            self._not_while_capturing()
            assert size > 0 and flags == 0
            buffer = (ctypes.c_uint8 * size)()
            memory = np.frombuffer(memoryview(buffer), np.uint8)
            memory[:] = 0xA5
            self._freed.append(buffer)  # stays until the end, so that late use is seen and does not crash
            self.pinned_memory[ctypes.addressof(buffer)] = memory
            return ctypes.addressof(buffer)

        return self._answer("cudaHostAlloc", take)

    def cudaFreeHost(self, ptr: int) -> tuple[CudaError]:
        def give_back() -> None:
            assert ptr in self.pinned_memory, f"{ptr:x} is no pinned memory, or none any more"
            self._not_queued(ptr, len(self.pinned_memory[ptr]))
            self.pinned_memory.pop(ptr)[:] = 0xDD

        return self._act("cudaFreeHost", give_back)

    def cudaMemcpyAsync(
        self, dst: int, src: int, count: int, kind: CopyKind, stream: int
    ) -> tuple[CudaError]:
        def copy() -> None:
            if kind == CopyKind.cudaMemcpyHostToDevice:
                self.view(dst, count)[:] = self._pinned(src, count)
            else:
                self._pinned(dst, count)[:] = self.view(src, count)

        def start() -> None:
            up = kind == CopyKind.cudaMemcpyHostToDevice
            self.view(dst if up else src, count)
            self._pinned(src if up else dst, count)
            self.queue(stream, Work("upload" if up else "download", copy, (dst, src)))

        return self._act("cudaMemcpyAsync", start)

    def cudaMemsetAsync(self, devPtr: int, value: int, count: int, stream: int) -> tuple[CudaError]:
        def fill() -> None:
            self.view(devPtr, count)[:] = value

        def start() -> None:
            self.view(devPtr, count)
            self.queue(stream, Work("fill", fill, (devPtr,)))

        return self._act("cudaMemsetAsync", start)

    def cudaStreamCreateWithFlags(self, flags: int) -> tuple[CudaError, int | None]:
        def take() -> int:
            assert flags == self.cudaStreamNonBlocking
            return self._new(self.streams, Stream())

        return self._answer("cudaStreamCreateWithFlags", take)

    def cudaStreamDestroy(self, stream: int) -> tuple[CudaError]:
        def give_back() -> None:
            assert not self.streams[stream].queued, "a stream is destroyed that has not done its work"
            del self.streams[stream]

        return self._act("cudaStreamDestroy", give_back)

    def cudaStreamSynchronize(self, stream: int) -> tuple[CudaError]:
        def wait() -> None:
            self._not_while_capturing()
            own = self.streams[stream]
            self._run_until(stream, own.done + len(own.queued))

        return self._act("cudaStreamSynchronize", wait)

    def cudaEventCreateWithFlags(self, flags: int) -> tuple[CudaError, int | None]:
        def take() -> int:
            assert flags == self.cudaEventDisableTiming
            return self._new(self.events, None)

        return self._answer("cudaEventCreateWithFlags", take)

    def cudaEventDestroy(self, event: int) -> tuple[CudaError]:
        def give_back() -> None:
            del self.events[event]

        return self._act("cudaEventDestroy", give_back)

    def cudaEventRecord(self, event: int, stream: int) -> tuple[CudaError]:
        def record() -> None:
            assert event in self.events
            own = self.streams[stream]
            assert own.captured is None
            self.queue(stream, Work("event", lambda: None))
            self.events[event] = stream, own.done + len(own.queued)

        return self._act("cudaEventRecord", record)

    def cudaStreamWaitEvent(self, stream: int, event: int, flags: int) -> tuple[CudaError]:
        def wait() -> None:
            assert flags == 0
            self.queue(stream, Work("wait", lambda: None, after=self.events[event]))

        return self._act("cudaStreamWaitEvent", wait)

    def cudaEventSynchronize(self, event: int) -> tuple[CudaError]:
        def wait() -> None:
            if (mark := self.events[event]) is not None:
                self._run_until(*mark)

        return self._act("cudaEventSynchronize", wait)

    def cudaStreamBeginCapture(self, stream: int, mode: CaptureMode) -> tuple[CudaError]:
        def begin() -> None:
            assert mode == CaptureMode.cudaStreamCaptureModeThreadLocal
            own = self.streams[stream]
            assert own.captured is None
            own.captured, own.capture_fault = [], False

        return self._act("cudaStreamBeginCapture", begin)

    def cudaStreamEndCapture(self, stream: int) -> tuple[CudaError, int | None]:
        own = self.streams[stream]
        assert own.captured is not None
        captured, own.captured = own.captured, None
        if own.capture_fault:
            self.calls.append("cudaStreamEndCapture")
            return CudaError.cudaErrorStreamCaptureInvalidated, None
        return self._answer("cudaStreamEndCapture", lambda: self._new(self.templates, captured))

    def cudaGraphInstantiate(self, graph: int, flags: int) -> tuple[CudaError, int | None]:
        assert flags == 0
        return self._answer(
            "cudaGraphInstantiate", lambda: self._new(self.graphs, list(self.templates[graph]))
        )

    def cudaGraphDestroy(self, graph: int) -> tuple[CudaError]:
        return self._act("cudaGraphDestroy", lambda: self.templates.pop(graph))

    def cudaGraphLaunch(self, graphExec: int, stream: int) -> tuple[CudaError]:
        def start() -> None:
            for work in self.graphs[graphExec]:
                self.queue(stream, work)

        return self._act("cudaGraphLaunch", start)

    def cudaGraphExecDestroy(self, graphExec: int) -> tuple[CudaError]:
        return self._act("cudaGraphExecDestroy", lambda: self.graphs.pop(graphExec))

    # How it does it.

    def _answer(self, name: str, action: Callable[[], int]) -> tuple[CudaError, int | None]:
        self.calls.append(name)
        if self.lost:
            return CudaError.cudaErrorIllegalAddress, None
        if self.fail_at is not None and len(self.calls) > self.fail_at:
            self.fail_at = None
            return self.error, None
        if name in self.failing:
            self.failing[name] -= 1
            if self.failing[name] < 0:
                del self.failing[name]
                return self.error, None
        return CudaError.cudaSuccess, action()

    def _act(self, name: str, action: Callable[[], Any]) -> tuple[CudaError]:
        def answer() -> int:
            action()
            return 0

        return (self._answer(name, answer)[0],)

    def _new(self, kind: dict[int, Any], value: Any) -> int:
        self._handle += 1
        kind[self._handle] = value
        return self._handle

    def _pinned(self, address: int, size: int) -> Bytes:
        for start, memory in self.pinned_memory.items():
            if start <= address < start + len(memory):
                assert address - start + size <= len(memory), f"{size} bytes at {address:x}: beyond its end"
                return memory[address - start : address - start + size]
        raise AssertionError(f"{address:x} is no pinned memory, or none any more")

    def _not_while_capturing(self) -> None:
        assert not any(own.captured is not None for own in self.streams.values()), "while capturing"

    def _not_queued(self, address: int, size: int) -> None:
        for own in self.streams.values():
            for work in own.queued:
                for touched in work.touches:
                    assert not address <= touched < address + size, f"freed while a {work.what} is to come"

    def _run_until(self, stream: int, count: int) -> None:
        own = self.streams[stream]
        while own.done < count:
            work = own.queued[0]
            if work.after is not None and work.after[0] != stream:
                self._run_until(*work.after)
            work.run()
            own.queued.pop(0)
            own.done += 1
            self.ran.append(work.what)

    def _run_one_more(self) -> None:
        ready = [stream for stream, own in self.streams.items() if own.queued]
        if ready:
            # Some streams are quick, others slow.
            (stream,) = self._random.choices(
                ready, [self._haste.setdefault(own, self._random.random() ** 3) for own in ready]
            )
            self._run_until(stream, self.streams[stream].done + 1)
