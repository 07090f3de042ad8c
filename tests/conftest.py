"""What holds for every test."""

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

WINDOWS = "tests/app/viewer/"
ExportFrame = Callable[[tuple[int, int], str], Path]


def pytest_configure(config: pytest.Config) -> None:
    """Tests, and the programs that they start, find a user who has chosen nothing yet."""
    home = tempfile.TemporaryDirectory(prefix="skyar-live-tests-")
    config.add_cleanup(home.cleanup)
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        os.environ[name] = home.name
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        # Two programs that keep what they compile in one place at once may read each other's half-kept code.
        os.environ["NUMBA_CACHE_DIR"] = str(config.rootpath / ".pytest_cache" / f"numba-{worker}")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Files are shared out whole, and all windows go to one worker: a screen has one active window."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return WINDOWS if nodeid.startswith(WINDOWS) else str(super()._split_scope(nodeid))

    return Scheduling(config, log)


@pytest.fixture(autouse=True)
def no_thread_is_left_behind() -> Iterator[None]:
    """Fails a test that leaves a thread running; one that compiles for a while yet may come to its end."""
    before = set(threading.enumerate())
    yield
    new = [thread for thread in threading.enumerate() if thread not in before]
    for thread in new:
        thread.join(60.0)
    assert [thread.name for thread in new if thread.is_alive()] == []


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
