"""Whether there is an NVIDIA GPU that can be used, asked of the driver alone.

TensorRT must not be asked: without a driver some of its releases end the process. Nothing is imported here,
and a machine without a GPU answers within a millisecond.
"""

import ctypes
import sys
from dataclasses import dataclass
from typing import Any

# Attributes of a device in the driver's interface.
_COMPUTE_MAJOR, _COMPUTE_MINOR = 75, 76


@dataclass(frozen=True, slots=True)
class Driver:
    """What the driver says.

    `devices` that can be seen; `version`: the newest CUDA release that the driver runs, 1000 x major + 10 x
    minor; `gpu` and `compute`: name and compute capability of the first device. `reason`: one sentence that
    says why no GPU can be used; empty where one can.
    """

    devices: int = 0
    version: int = 0
    gpu: str = ""
    compute: tuple[int, int] | None = None
    reason: str = ""


def find_driver() -> Driver:
    """The driver and its first GPU; never an error."""
    name = _library_name()
    if not name:
        return Driver(reason="NVIDIA has no driver for this system")
    try:
        cuda = ctypes.CDLL(name)
    except OSError as error:
        return Driver(reason=f"no NVIDIA driver ({' '.join(str(error).split())})")
    try:
        return _ask(cuda)
    except AttributeError as error:
        return Driver(reason=f"{name} is no NVIDIA driver ({error})")


def _library_name() -> str:
    return {"win32": "nvcuda.dll", "darwin": ""}.get(sys.platform, "libcuda.so.1")


def _ask(cuda: Any) -> Driver:
    version, count, device = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    cuda.cuDriverGetVersion(ctypes.byref(version))
    if code := cuda.cuInit(0):
        return Driver(version=version.value, reason=f"the NVIDIA driver finds no GPU ({_words(cuda, code)})")
    if code := cuda.cuDeviceGetCount(ctypes.byref(count)):
        return Driver(version=version.value, reason=f"the NVIDIA driver fails ({_words(cuda, code)})")
    if not count.value:
        return Driver(version=version.value, reason="the NVIDIA driver finds no GPU")
    if code := cuda.cuDeviceGet(ctypes.byref(device), 0):
        return Driver(count.value, version.value, reason=f"the first GPU fails ({_words(cuda, code)})")
    name = ctypes.create_string_buffer(256)
    cuda.cuDeviceGetName(name, len(name), device)
    major, minor = (_attribute(cuda, device, which) for which in (_COMPUTE_MAJOR, _COMPUTE_MINOR))
    gpu = name.value.decode(errors="replace") or "unnamed GPU"
    return Driver(count.value, version.value, gpu, (major, minor))


def _attribute(cuda: Any, device: ctypes.c_int, which: int) -> int:
    value = ctypes.c_int()
    cuda.cuDeviceGetAttribute(ctypes.byref(value), which, device)
    return value.value


def _words(cuda: Any, code: int) -> str:
    """An error of the driver in its own words."""
    text = ctypes.c_char_p()
    cuda.cuGetErrorString(code, ctypes.byref(text))
    return f"CUDA error {code}" + (f": {text.value.decode(errors='replace')}" if text.value else "")
