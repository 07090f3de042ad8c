"""What is said of the driver: with stand-ins for its library, and on this machine in a process of its own."""

import ctypes
import json
import subprocess
import sys
from typing import Any

import pytest

from app.config import ROOT
from engines import driver
from engines.driver import Driver, find_driver

NO_DEVICE, NOT_PERMITTED = 100, 800


class FakeCuda:
    """The driver's library: what each call returns, and what it reports."""

    def __init__(self, devices: int = 1, codes: dict[str, int] | None = None) -> None:
        self.devices = devices
        self.codes = codes or {}
        self.calls: list[str] = []

    def _call(self, name: str) -> int:
        self.calls.append(name)
        return self.codes.get(name, 0)

    def cuDriverGetVersion(self, version: Any) -> int:
        version._obj.value = 13020
        return self._call("version")

    def cuInit(self, flags: int) -> int:
        assert flags == 0
        return self._call("init")

    def cuDeviceGetCount(self, count: Any) -> int:
        count._obj.value = self.devices
        return self._call("count")

    def cuDeviceGet(self, device: Any, index: int) -> int:
        device._obj.value = index
        return self._call("device")

    def cuDeviceGetName(self, name: Any, length: int, device: Any) -> int:
        assert length == len(name) and device.value == 0
        name.value = "NVIDIA Tést 9000".encode()
        return self._call("name")

    def cuDeviceGetAttribute(self, value: Any, which: int, device: Any) -> int:
        value._obj.value = {75: 9, 76: 1}[which]
        return self._call("attribute")

    def cuGetErrorString(self, code: int, text: Any) -> int:
        if code == NO_DEVICE:
            text._obj.value = b"no CUDA-capable device is detected"
        return self._call("words")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a library in place of the driver's; "" where there is none for the system."""

    def put(library: Any, name: str = "libcuda.so.1") -> None:
        def load(wanted: str) -> Any:
            assert wanted == name
            if isinstance(library, OSError):
                raise library
            return library

        monkeypatch.setattr(ctypes, "CDLL", load)
        monkeypatch.setattr(driver, "_library_name", lambda: name)

    return put


def test_tells_the_first_gpu(opened: Any) -> None:
    opened(FakeCuda(devices=2))
    assert find_driver() == Driver(2, 13020, "NVIDIA Tést 9000", (9, 1), "")


def test_says_that_there_is_no_driver(opened: Any) -> None:
    opened(OSError("libcuda.so.1: cannot open shared object file:\nNo such file"))
    found = find_driver()
    assert found == Driver(
        reason="no NVIDIA driver (libcuda.so.1: cannot open shared object file: No such file)"
    )


def test_loads_nothing_where_no_driver_is_made(opened: Any) -> None:
    opened(AssertionError, name="")
    assert find_driver() == Driver(reason="NVIDIA has no driver for this system")


@pytest.mark.parametrize(
    ("cuda", "reason"),
    [
        (
            FakeCuda(codes={"init": NO_DEVICE}),
            "the NVIDIA driver finds no GPU (CUDA error 100: no CUDA-capable device is detected)",
        ),
        (
            FakeCuda(codes={"init": NOT_PERMITTED}),
            "the NVIDIA driver finds no GPU (CUDA error 800)",
        ),
        (FakeCuda(codes={"count": NOT_PERMITTED}), "the NVIDIA driver fails (CUDA error 800)"),
        (FakeCuda(devices=0), "the NVIDIA driver finds no GPU"),
        (FakeCuda(codes={"device": NOT_PERMITTED}), "the first GPU fails (CUDA error 800)"),
    ],
    ids=["none", "forbidden", "count", "zero", "device"],
)
def test_says_why_no_gpu_can_be_used(cuda: FakeCuda, reason: str, opened: Any) -> None:
    opened(cuda)
    found = find_driver()
    assert (found.reason, found.gpu, found.compute) == (reason, "", None)
    assert found.version == 13020
    assert not {"name", "attribute"} & set(cuda.calls)


def test_another_library_of_that_name_is_no_driver(opened: Any) -> None:
    opened(object())
    assert find_driver().reason.startswith("libcuda.so.1 is no NVIDIA driver (")


@pytest.mark.parametrize(
    ("platform", "name"), [("linux", "libcuda.so.1"), ("win32", "nvcuda.dll"), ("darwin", "")]
)
def test_library_of_each_system(platform: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver.sys, "platform", platform)  # type: ignore[attr-defined]
    assert driver._library_name() == name


def test_this_machine_is_asked_without_a_crash() -> None:
    program = "import dataclasses, json; from engines.driver import find_driver; "
    program += "print(json.dumps(dataclasses.asdict(find_driver())))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert bool(found["reason"]) == (not found["gpu"]) == (found["compute"] is None)
    assert "\n" not in found["reason"]
    if not found["reason"]:
        assert found["devices"] >= 1 and found["version"] >= 1000
