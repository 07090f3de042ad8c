"""Networks with ONNX Runtime, on the CPU or with CUDA."""

import contextlib
import io
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from engines.base import EngineError, TensorSpec

_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}

# They have no common base below Exception.
_ORT_ERRORS: tuple[type[Exception], ...] = tuple(
    kind for kind in vars(ort_errors).values() if isinstance(kind, type) and issubclass(kind, Exception)
)

# ValueError: an input is missing.
_RUN_ERRORS: tuple[type[Exception], ...] = (*_ORT_ERRORS, ValueError)

Device = Literal["cpu", "cuda"]

_PROVIDERS: dict[Device, Any] = {
    "cpu": "CPUExecutionProvider",
    "cuda": ("CUDAExecutionProvider", {"use_tf32": "0"}),  # float32 stays float32, as on the CPU
}
_CUDA = "CUDAExecutionProvider"

# Standard output and the log level belong to the whole process.
_opening_cuda = threading.Lock()


class OrtEngine:
    """ONNX Runtime on the CPU, with `threads` threads within one run, or on the first CUDA device.

    Where that cannot be used it raises EngineError: it never goes over to the CPU by itself.
    """

    def __init__(self, path: Path, threads: int, device: Device = "cpu") -> None:
        if not path.is_file():
            raise EngineError(f"{path}: no such file; expected an ONNX network")
        try:
            self._session = (_cuda_session if device == "cuda" else _session)(path, threads, device)
        except _ORT_ERRORS as error:
            raise EngineError(f"{path}: not an ONNX network that can be run: {_line(error)}") from error
        self.path = path
        self.name = f"onnxruntime-{device} {onnxruntime.__version__}"
        self.inputs: Mapping[str, TensorSpec] = {
            node.name: _spec(node, path) for node in self._session.get_inputs()
        }
        self.outputs: Mapping[str, TensorSpec] = {
            node.name: _spec(node, path) for node in self._session.get_outputs()
        }
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map

    def infer(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """All outputs by name, in new arrays; without the GIL. Raises EngineError."""
        try:
            results = self._session.run(None, dict(feeds))
        except _RUN_ERRORS as error:
            raise EngineError(f"{self.path}: {_line(error)}") from error
        return dict(zip(self.outputs, results, strict=True))

    def close(self) -> None:
        """Release the network; nothing may be run afterwards."""
        del self._session

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _session(path: Path, threads: int, device: Device) -> Any:
    # With the fallback a session, or later a run, that fails on the GPU is repeated on the CPU.
    return onnxruntime.InferenceSession(
        str(path), _session_options(threads), providers=[_PROVIDERS[device]], enable_fallback=False
    )


def _cuda_session(path: Path, threads: int, device: Device) -> Any:
    if _CUDA not in onnxruntime.get_available_providers():
        raise EngineError(f"{path}: the installed onnxruntime has no CUDA; onnxruntime-gpu has")
    with _opening_cuda:
        # Libraries that came with Python packages are found by this alone; it prints what it misses.
        with contextlib.redirect_stdout(io.StringIO()) as words:
            onnxruntime.preload_dlls()
        onnxruntime.set_default_logger_severity(4)
        try:
            session = _session(path, threads, device)
        finally:
            onnxruntime.set_default_logger_severity(2)  # as it is by itself
    # That the provider is there does not mean that it works: where it does not, the session has the CPU only.
    if session.get_providers()[0] != _CUDA:
        reason = words.getvalue().partition("\n")[0] or "no usable GPU, or CUDA or cuDNN not installed"
        raise EngineError(f"{path}: onnxruntime {onnxruntime.__version__} cannot use CUDA: {reason}")
    return session


def _session_options(threads: int) -> Any:
    """Options for one network among other busy threads.

    Measured with a 0.8 M network at 384x224: fixed sizes, bound outputs, no arena and flushed denormals
    change nothing; spinning costs a third more CPU time whenever there are pauses between runs.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # errors arrive as exceptions; not on stderr as well
    return options


def _spec(node: Any, path: Path) -> TensorSpec:
    if node.type not in _DTYPES:
        raise EngineError(f"{path}: {node.name!r} is {node.type}; expected one of {', '.join(_DTYPES)}")
    shape = tuple(size if isinstance(size, int) else None for size in node.shape)
    return TensorSpec(shape, np.dtype(_DTYPES[node.type]))


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
