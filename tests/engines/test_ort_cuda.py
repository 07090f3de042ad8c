from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from engines.base import EngineError
from engines.driver import find_driver
from engines.ort import OrtEngine
from tests.fakes import write_network


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return write_network(tmp_path / "blue.onnx")


def _without_gpu() -> None:
    if not find_driver().reason:
        pytest.skip("there is a GPU, so CUDA may well work")


def test_without_a_gpu_it_says_what_is_missing(network: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _without_gpu()
    with pytest.raises(EngineError, match=rf"^{network}: [^\n]*(has no CUDA|cannot use CUDA)[^\n]*$"):
        OrtEngine(network, 1, device="cuda")
    assert capfd.readouterr() == ("", "")


@pytest.mark.filterwarnings("ignore:Specified provider 'CUDAExecutionProvider' is not in available")
def test_a_session_that_has_only_the_cpu_is_refused(
    network: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As onnxruntime-gpu does it without a GPU: the provider is said to be there, the CPU is what runs."""
    _without_gpu()
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    with pytest.raises(EngineError, match=rf"^{network}: onnxruntime [\d.]+ cannot use CUDA: [^\n]+$"):
        OrtEngine(network, 1, device="cuda")
    assert capfd.readouterr() == ("", "")


@pytest.mark.filterwarnings("ignore:Specified provider 'CUDAExecutionProvider' is not in available")
def test_what_is_missing_is_said_in_the_error_alone(
    network: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    _without_gpu()
    levels: list[int] = []
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: print("Failed to load libcublas.so.13\nPlease"))
    set_level = onnxruntime.set_default_logger_severity

    def set_and_note(level: int) -> None:
        levels.append(level)
        set_level(level)

    monkeypatch.setattr(onnxruntime, "set_default_logger_severity", set_and_note)
    with pytest.raises(EngineError, match=r"cannot use CUDA: Failed to load libcublas.so.13$"):
        OrtEngine(network, 1, device="cuda")
    assert levels == [4, 2]
    assert capfd.readouterr() == ("", "")


class _Session:
    """A session as it would be on a GPU; `arguments` of the last one."""

    arguments: dict[str, Any]

    def __init__(self, path: str, options: Any, **arguments: Any) -> None:
        _Session.arguments = arguments
        self._real = _INFERENCE_SESSION(path, options, providers=["CPUExecutionProvider"])

    def get_providers(self) -> list[str]:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


_INFERENCE_SESSION = onnxruntime.InferenceSession


def test_says_that_it_runs_with_cuda_and_never_falls_back(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", _Session)
    image = np.random.default_rng(0).random((1, 3, 8, 16), np.float32)
    with OrtEngine(network, 1, device="cuda") as engine:
        assert engine.name == f"onnxruntime-cuda {onnxruntime.__version__}"
        np.testing.assert_array_equal(engine.infer({"image": image})["alpha"], image[:, 2:3])
    assert _Session.arguments["providers"][0][0] == "CUDAExecutionProvider"
    assert _Session.arguments["enable_fallback"] is False


def test_a_device_that_fails_in_mid_stream_is_an_error(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from onnxruntime.capi.onnxruntime_pybind11_state import EPFail

    def fail(*arguments: Any) -> None:
        raise EPFail("CUDA failure 700: an illegal memory access\nwas encountered")

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", _Session)
    with OrtEngine(network, 1, device="cuda") as engine:
        monkeypatch.setattr(engine._session, "run", fail, raising=False)
        with pytest.raises(EngineError, match=rf"^{network}: CUDA failure 700: [^\n]*$"):
            engine.infer({"image": np.zeros((1, 3, 8, 16), np.float32)})
