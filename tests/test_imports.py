"""Imports point one way, and the live program runs without torch and, headless, without PyQt6."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import ROOT

FORBIDDEN = {
    "engines": {"app", "export", "training", "torch", "PyQt6"},
    "app": {"export", "training", "skyboxes", "torch", "onnx"},
    "export": {"app", "training"},
    "living": {"export", "training", "torch", "PyQt6"},
    "skyboxes": {"engines", "living", "export", "training", "torch"},
}


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """(module, at the top of the file) of each import."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module or ""]
        for name in names:
            yield name, node in tree.body


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_point_one_way(package: str) -> None:
    for path in sorted((ROOT / package).rglob("*.py")):
        for name, _ in imports(path):
            assert name.split(".")[0] not in FORBIDDEN[package], f"{path.relative_to(ROOT)} imports {name}"


def test_only_the_viewer_imports_qt_and_only_live_the_viewer() -> None:
    for path in sorted((ROOT / "app").rglob("*.py")):
        if path.is_relative_to(ROOT / "app" / "viewer"):
            continue
        for name, at_top in imports(path):
            if name.startswith(("PyQt6", "app.viewer")):
                assert path.name == "live.py", f"{path} imports {name}"
                assert not at_top, f"{path} imports {name} at its top"


def test_headless_loads_neither_qt_nor_torch() -> None:
    program = "import sys, app.live; print([m for m in ('PyQt6', 'torch', 'onnx') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
