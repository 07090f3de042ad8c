import gc
import logging
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from app.config import ROOT
from engines.base import EngineError, TensorSpec
from engines.registry import open_engine
from tests.fakes import FLOAT32, write_network


def test_tells_inputs_outputs_and_metadata(tmp_path: Path) -> None:
    path = write_network(tmp_path / "blue.onnx", metadata={"size": "64x32", "name": "blue"})
    with open_engine(path, "ort", 1) as engine:
        assert engine.path == path
        assert dict(engine.inputs) == {"image": TensorSpec((1, 3, None, None), FLOAT32)}
        assert dict(engine.outputs) == {"alpha": TensorSpec((1, 1, None, None), FLOAT32)}
        assert engine.metadata == {"size": "64x32", "name": "blue"}
        assert re.fullmatch(r"onnxruntime-cpu \d+\.\d+\.\d+", engine.name)


def test_gives_each_run_its_own_outputs(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with open_engine(write_network(tmp_path / "blue.onnx"), "auto", 1) as engine:
        images = [rng.random((1, 3, height, 64), np.float32) for height in (32, 96, 32)]
        alphas = [engine.infer({"image": image})["alpha"] for image in images]
    for image, alpha in zip(images, alphas, strict=True):
        np.testing.assert_array_equal(alpha, image[:, 2:3])


def test_says_in_one_line_what_was_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.INFO),
        open_engine(write_network(tmp_path / "blue.onnx"), "auto", 2) as engine,
    ):
        (record,) = caplog.records
        assert record.levelno == logging.INFO
        assert engine.name in record.getMessage() and "2 threads" in record.getMessage()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such file"),
        (b"", "not an ONNX network"),
        (b"these are words, no network\n" * 20, "not an ONNX network"),
        ("truncated", "not an ONNX network"),
    ],
    ids=["missing", "empty", "text", "truncated"],
)
def test_refuses_what_is_no_network(
    tmp_path: Path, content: bytes | str | None, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.onnx"
    if content == "truncated":
        whole = write_network(tmp_path / "blue.onnx").read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(EngineError) as caught:
        open_engine(path, "auto", 1)
    message = str(caught.value)
    assert message.startswith(str(path)) and reason in message and "\n" not in message
    assert capfd.readouterr().err == ""


def test_a_folder_is_no_network(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no such file"):
        open_engine(tmp_path, "ort", 1)


@pytest.mark.parametrize(
    "feeds",
    [
        {},
        {"image": np.zeros((1, 3, 32, 32))},
        {"image": np.zeros((1, 2, 32, 32), np.float32)},
        {"picture": np.zeros((1, 3, 32, 32), np.float32)},
    ],
    ids=["nothing", "float64", "channels", "name"],
)
def test_wrong_feeds_are_an_engine_error(tmp_path: Path, feeds: dict[str, NDArray[Any]]) -> None:
    with (
        open_engine(write_network(tmp_path / "blue.onnx"), "ort", 1) as engine,
        pytest.raises(EngineError, match=r"^[^\n]*blue\.onnx: [^\n]*$"),
    ):
        engine.infer(feeds)


def test_close_ends_its_threads(tmp_path: Path) -> None:
    before = _native_threads()
    engine = open_engine(write_network(tmp_path / "blue.onnx"), "ort", 3)
    assert _native_threads() == before + 2
    engine.close()
    gc.collect()
    assert _native_threads() == before
    assert threading.active_count() == 1


def _native_threads() -> int:
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        pytest.skip("counting native threads needs /proc")
    return len(list(tasks.iterdir()))


@pytest.mark.skipif(sys.platform != "linux", reason="XDG_CACHE_HOME is Linux's")
def test_nothing_is_reported_about_this_machine(tmp_path: Path) -> None:
    """Where ONNX Runtime reports, it first leaves the number that it gives the device in the cache folder."""
    path = write_network(tmp_path / "blue.onnx")
    program = (
        "import sys; from pathlib import Path; from engines.registry import open_engine;"
        "open_engine(Path(sys.argv[1]), 'ort', 1).close()"
    )
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LD_LIBRARY_PATH")}
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT, env=kept | home, check=True)
    assert list(tmp_path.iterdir()) == [path]
