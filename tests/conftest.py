"""What holds for every test."""

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ExportFrame = Callable[[tuple[int, int], str], Path]


def pytest_configure(config: pytest.Config) -> None:
    """Tests, and the programs that they start, find a user who has chosen nothing yet."""
    home = tempfile.TemporaryDirectory(prefix="skyar-live-tests-")
    config.add_cleanup(home.cleanup)
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        os.environ[name] = home.name


@pytest.fixture(autouse=True)
def no_thread_is_left_behind() -> Iterator[None]:
    """Fails a test that leaves a thread running."""
    before = set(threading.enumerate())
    yield
    left = [thread.name for thread in threading.enumerate() if thread not in before]
    assert left == []


@pytest.fixture(scope="session")
def exported_frame(tmp_path_factory: pytest.TempPathFactory) -> ExportFrame:
    """The released network's whole frame of a size, in "float" or "half": each exported and checked once."""
    folder = tmp_path_factory.mktemp("frames")

    @cache
    def export(size_wh: tuple[int, int], precision: str) -> Path:
        import torch

        import export_onnx

        torch.set_num_threads(1)
        size = f"{size_wh[0]}x{size_wh[1]}"
        path = folder / f"frame_{size}_{precision}.onnx"
        options = ["--half"] if precision == "half" else []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tqdm.std.tqdm.monitor_interval", 0)  # no thread of a progress bar is left behind
            assert export_onnx.main([*options, "--frame", size, "--out", str(path)]) == 0
        return path

    return export
