"""How TensorRT is found: installed, half installed, too old, absent; and what becomes of its messages."""

import importlib.metadata
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.config import ROOT
from engines.base import EngineError
from engines.tensorrt_library import Errors, Flavour, Library, load_library

NOISE = (
    "Error Code 1: Cuda Runtime (In generateForCurrent: cudaError 35: CUDA driver version is insufficient)"
)
MODULE = """
__version__ = {version!r}
class _Severity:
    def __init__(self, name):
        self.name = name
class ILogger:
    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = map(
        _Severity, ("INTERNAL_ERROR", "ERROR", "WARNING", "INFO", "VERBOSE"))
    made = 0
    def __init__(self):
        ILogger.made += 1
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a package `tensorrt` before all others and loads it anew."""

    def load(source: str) -> Library:
        (tmp_path / "tensorrt").mkdir()
        (tmp_path / "tensorrt" / "__init__.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
        try:
            return load_library.__wrapped__("tensorrt")
        finally:
            sys.modules.pop("tensorrt", None)

    return load


@pytest.mark.parametrize("version", ["10.0.1", "10.16.1.11", "11.4.0.106"])
def test_releases_that_are_taken(version: str, install: Any) -> None:
    library = install(MODULE.format(version=version))
    assert (library.flavour, library.version, library.name) == ("tensorrt", version, f"tensorrt {version}")
    assert isinstance(library.logger, library.module.ILogger)
    assert library.module.ILogger.made == 1


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (MODULE.format(version="8.6.1"), "tensorrt 8.6.1: too old; 10 or later is needed"),
        (
            "raise ImportError('libnvonnxparser.so.11: cannot open\\nshared object file')",
            "tensorrt: cannot be imported (libnvonnxparser.so.11: cannot open shared object file)",
        ),
        (
            "import tensorrt_libs_nowhere",
            "tensorrt: cannot be imported (No module named 'tensorrt_libs_nowhere')",
        ),
        ("raise OSError('libcudart is broken')", "tensorrt: cannot be imported (libcudart is broken)"),
        ("raise RuntimeError('no place for us')", "tensorrt: cannot be imported (no place for us)"),
        ("", "tensorrt: cannot be imported (module 'tensorrt' has no attribute '__version__')"),
        ("__version__ = 'nightly'", "tensorrt: cannot be imported (invalid literal"),
    ],
    ids=["old", "no-libraries", "no-bindings", "os", "other", "empty", "no-version"],
)
def test_reasons_are_one_line(source: str, words: str, install: Any) -> None:
    with pytest.raises(EngineError) as caught:
        install(source)
    assert str(caught.value).startswith(words) and "\n" not in str(caught.value)


@pytest.mark.parametrize("flavour", ["tensorrt", "tensorrt-rtx"])
def test_says_that_it_is_not_installed(flavour: Flavour, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, flavour.replace("-", "_"), None)
    with pytest.raises(EngineError, match=f"^{flavour}: not installed$"):
        load_library.__wrapped__(flavour)


def test_messages_are_logged_for_debugging_and_errors_kept(
    install: Any, caplog: pytest.LogCaptureFixture
) -> None:
    library = install(MODULE.format(version="10.3"))
    severity = library.module.ILogger
    with caplog.at_level(logging.DEBUG):
        library.logger.log(severity.WARNING, "beware")
        library.logger.log(severity.VERBOSE, "chatter")
        library.logger.log(severity.INTERNAL_ERROR, "broken\n  inside")
        library.logger.log(severity.ERROR, "refused")
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}
    assert [record.getMessage() for record in caplog.records] == [
        "warning: beware",
        "internal_error: broken\n  inside",
        "error: refused",
    ]
    assert library.errors.take() == "broken inside; refused"
    assert library.errors.take() == ""


def test_errors_are_kept_once_and_not_for_ever_and_without_the_noise() -> None:
    errors = Errors()
    for number in range(10):
        errors.add(f"error {number}")
        errors.add(f"error {number}")
        errors.add(NOISE)
    assert errors.take() == "; ".join(f"error {number}" for number in range(5, 10))
    errors.add("cudaError 350 is another")
    assert errors.take() == "cudaError 350 is another"


def test_rtx_as_it_is_installed() -> None:
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed")
    library = load_library("tensorrt-rtx")
    assert library is load_library("tensorrt-rtx")
    assert library.version == importlib.metadata.version("tensorrt_rtx")


@pytest.mark.parametrize("flavour", ["tensorrt", "tensorrt-rtx"])
def test_this_machine_is_asked_without_a_crash(flavour: Flavour) -> None:
    """In a process of its own: a native crash is a failed test, not the end of all of them."""
    program = f"""
from engines.base import EngineError
from engines.tensorrt_library import load_library
try:
    print(load_library({flavour!r}).name)
except EngineError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(flavour) and done.stdout.count("\n") == 1
