import importlib
import inspect
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest

from engines.base import EngineError
from engines.cuda import CudaRuntime, open_cuda
from engines.driver import find_driver
from tests.engines.fake_cuda import CaptureMode, CopyKind, CudaError, FakeCudaRuntime


def _use(monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", module)


def test_opens_the_first_device(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = FakeCudaRuntime()
    _use(monkeypatch, runtime)
    cuda = open_cuda()
    assert runtime.calls == ["cudaGetDeviceCount", "cudaSetDevice"]
    cuda.free(cuda.malloc(5))
    assert runtime.left() == {}


def test_says_that_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    _use(monkeypatch, None)
    with pytest.raises(EngineError, match=r"^cuda-bindings: not installed \(.*cuda.*\)$"):
        open_cuda()


def test_says_that_it_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise OSError("libcudart.so.13:\n no such file")

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(
        EngineError, match=r"^cuda-bindings: cannot be imported \(libcudart.so.13: no such file\)$"
    ):
        open_cuda()


def test_no_device_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = FakeCudaRuntime()
    runtime.devices = 0
    _use(monkeypatch, runtime)
    with pytest.raises(EngineError, match=r"^CUDA: no device visible$"):
        open_cuda()


def test_an_error_names_the_function_and_is_not_reported_twice() -> None:
    runtime = FakeCudaRuntime()
    cuda = CudaRuntime(runtime)
    runtime.failing["cudaMalloc"] = 0
    runtime.error = CudaError.cudaErrorMemoryAllocation
    with pytest.raises(
        EngineError, match=r"^CUDA: cudaMalloc failed with error 2 \(cudaErrorMemoryAllocation\)$"
    ):
        cuda.malloc(1 << 40)
    assert runtime.calls[-1] == "cudaGetLastError"
    cuda.free(cuda.malloc(1))


@pytest.mark.parametrize("fails", [False, True])
def test_a_capture_leaves_nothing_but_the_graph(fails: bool) -> None:
    runtime = FakeCudaRuntime()
    cuda = CudaRuntime(runtime)
    stream = cuda.create_stream()
    cuda.begin_capture(stream)
    if fails:
        runtime.failing["cudaGraphInstantiate"] = 0
        with pytest.raises(EngineError, match="cudaGraphInstantiate"):
            cuda.end_capture(stream)
    else:
        cuda.destroy_graph(cuda.end_capture(stream))
    cuda.destroy_stream(stream)
    assert runtime.left() == {}


def test_cuda_bindings_has_all_functions_that_are_used() -> None:
    """`CudaRuntime` works with the fake, so it uses nothing else; cuda-bindings has to have what that has."""
    real = pytest.importorskip("cuda.bindings.runtime")
    for name, fake in inspect.getmembers(FakeCudaRuntime, inspect.isfunction):
        if name.startswith("cuda"):
            signature = re.match(rf"{name}\((.*)\)", getattr(real, name).__doc__)
            assert signature
            parameters = [part.partition(":")[0].split()[-1] for part in signature[1].split(",") if part]
            assert list(inspect.signature(fake).parameters)[1:] == parameters


def test_cuda_bindings_has_all_constants_that_are_used() -> None:
    real = pytest.importorskip("cuda.bindings.runtime")
    for name in ("cudaHostAllocDefault", "cudaStreamNonBlocking", "cudaEventDisableTiming"):
        assert getattr(real, name) == getattr(FakeCudaRuntime, name)
    kinds: dict[str, Any] = {
        "cudaError_t": CudaError,
        "cudaMemcpyKind": CopyKind,
        "cudaStreamCaptureMode": CaptureMode,
    }
    for kind, fake in kinds.items():
        for member in fake:
            assert int(getattr(getattr(real, kind), member.name)) == member.value


_CALLS: list[Callable[[CudaRuntime], object]] = [
    lambda cuda: cuda.malloc(1),
    lambda cuda: cuda.free(1),
    lambda cuda: cuda.host_alloc(1),
    lambda cuda: cuda.host_free(1),
    lambda cuda: cuda.upload(1, 1, 1, 1),
    lambda cuda: cuda.download(1, 1, 1, 1),
    lambda cuda: cuda.fill_zero(1, 1, 1),
    lambda cuda: cuda.create_stream(),
    lambda cuda: cuda.destroy_stream(1),
    lambda cuda: cuda.synchronize_stream(1),
    lambda cuda: cuda.create_event(),
    lambda cuda: cuda.destroy_event(1),
    lambda cuda: cuda.record_event(1, 1),
    lambda cuda: cuda.wait_event(1, 1),
    lambda cuda: cuda.synchronize_event(1),
    lambda cuda: cuda.begin_capture(1),
    lambda cuda: cuda.end_capture(1),
    lambda cuda: cuda.launch_graph(1, 1),
    lambda cuda: cuda.destroy_graph(1),
]


def test_without_a_driver_cuda_bindings_answers_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which also shows that it takes the arguments as they are given."""
    real = pytest.importorskip("cuda.bindings.runtime")
    if not find_driver().reason:
        pytest.skip("made-up addresses are no test for a GPU that is there")
    with pytest.raises(EngineError, match="CUDA: cudaGetDeviceCount failed with error 35 "):
        CudaRuntime(real)
    cuda = CudaRuntime(FakeCudaRuntime())
    monkeypatch.setattr(cuda, "_runtime", real)
    for call in _CALLS:
        with pytest.raises(EngineError, match=r"CUDA: cuda\w+ failed with error 35 \(CUDA driver version"):
            call(cuda)
