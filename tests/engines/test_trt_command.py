"""`python -m engines`, end to end and with builds that are only made up."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from app.config import ROOT
from engines.__main__ import main
from engines.base import EngineError
from engines.building import Order, Outcome
from engines.driver import find_driver
from engines.plans import PlanStore, plan_key
from engines.proof import WrongAnswerError
from engines.tensorrt_library import load_library
from tests.fakes import write_network

Progress = Callable[[float], None]


@pytest.fixture
def store(tmp_path: Path) -> PlanStore:
    return PlanStore(tmp_path / "plans")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_network(tmp_path / "blue.onnx", metadata={"size": "64x32"})


@pytest.fixture(autouse=True)
def rtx() -> None:
    pytest.importorskip("tensorrt_rtx")


class Builds:
    """In the place of `build_elsewhere`; `orders` are those it was given."""

    def __init__(self, store: PlanStore, *results: Outcome | EngineError) -> None:
        self.store = store
        self.orders: list[Order] = []
        self.results = list(results) or [Outcome(1.25, 4, "NVIDIA H100, driver for CUDA 13.0")]

    def __call__(self, order: Order, on_progress: Progress, stop: threading.Event) -> Outcome:
        self.orders.append(order)
        on_progress(0.5)
        result = self.results.pop(0)
        if isinstance(result, EngineError):
            raise result
        return result


def test_a_network_is_built_listed_and_cleared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The released network, by TensorRT-RTX, in a process as a user starts it."""
    done = subprocess.run(
        [sys.executable, "-m", "engines", "build", "--backend", "tensorrt-rtx"],
        cwd=ROOT,
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, "")
    version = re.escape(load_library("tensorrt-rtx").version)
    line = rf"matte_fp16-[0-9a-f]{{16}}  tensorrt-rtx {version}  image=1x3x256x448  \d+\.\d MB: "
    built, proof = done.stdout.splitlines()
    assert re.fullmatch(line + r"built in \d+\.\d s", built)
    if reason := find_driver().reason:
        assert proof == f"not proven, that is left to its first use: {reason}"

    store = PlanStore(tmp_path / "skyar-live" / "engines")

    def engines(*arguments: str) -> list[str]:
        assert main(arguments, store) == 0
        return capsys.readouterr().out.splitlines()

    assert re.fullmatch(line + "was built already", engines("build", "--backend", "tensorrt-rtx")[0])
    listed, count = engines("list")
    assert re.fullmatch(line + r"built in \d+\.\d s, (not proven yet|proven on .+)", listed)
    assert count == f"1 plan in {store.folder}"
    assert engines("clear") == [f"1 plan removed from {store.folder}"]
    assert engines("list") == [f"0 plans in {store.folder}"]


def test_the_size_is_the_networks_own_unless_it_is_given(
    path: Path, store: PlanStore, capsys: pytest.CaptureFixture[str]
) -> None:
    builds = Builds(store, Outcome(1.25, 4_000_000, "NVIDIA H100"), Outcome(0, 4_000_000, "", "no driver"))
    assert main(["build", str(path)], store, builds) == 0
    assert main(["build", str(path), "--shape", "image=1x3x64x96"], store, builds) == 0
    assert [order.shapes for order in builds.orders] == [{"image": (1, 3, 32, 64)}, {"image": (1, 3, 64, 96)}]
    assert {(order.onnx, order.reference, order.folder) for order in builds.orders} == {
        (path, path, store.folder)
    }
    first, proof, second, no_proof = capsys.readouterr().out.splitlines()
    assert first.endswith("  image=1x3x32x64  4.0 MB: built in 1.2 s")
    assert proof == "proven: it gives the CPU's answers on NVIDIA H100"
    assert second.endswith("  image=1x3x64x96  4.0 MB: was built already")
    assert no_proof == "not proven, that is left to its first use: no driver"


def test_half_precision_is_built_where_it_is_as_good(path: Path, store: PlanStore) -> None:
    half = write_network(
        path.with_name("blue_fp16.onnx"), metadata={"val_iou": "0.94", "val_iou_float": "0.94"}
    )
    builds = Builds(store)
    assert main(["build", str(path)], store, builds) == 0
    assert (builds.orders[0].onnx, builds.orders[0].reference) == (half, path)


def test_half_precision_that_answers_otherwise_gives_way_to_float(
    path: Path, store: PlanStore, capsys: pytest.CaptureFixture[str]
) -> None:
    half = write_network(
        path.with_name("blue_fp16.onnx"), metadata={"val_iou": "0.94", "val_iou_float": "0.94"}
    )
    wrong = WrongAnswerError("'alpha' is not what the CPU makes of it: off by 0.300")
    builds = Builds(store, wrong, Outcome(1.0, 4, "NVIDIA H100"))
    assert main(["build", str(path), "--backend", "tensorrt-rtx"], store, builds) == 0
    assert [order.onnx for order in builds.orders] == [half, path]
    refused, built, _ = capsys.readouterr().out.splitlines()
    assert refused == f"blue_fp16.onnx is not used: {wrong}"
    assert built.startswith("blue-")
    assert main(["build", str(path), "--backend", "tensorrt-rtx"], store, Builds(store, wrong, wrong)) == 1
    assert capsys.readouterr().err == f"python -m engines: {wrong}\n"


def test_a_plan_with_something_wrong_is_built_anew_once(
    path: Path, store: PlanStore, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = EngineError("'alpha' is not what the CPU makes of it: off by 0.300")
    library = load_library("tensorrt-rtx")
    key = plan_key(path, "tensorrt-rtx", library.version, find_driver(), {"image": (1, 3, 32, 64)})
    arguments = ["build", str(path), "--backend", "tensorrt-rtx"]
    store.keep(key, b"plan", 1)
    builds = Builds(store, wrong, Outcome(1.0, 4, "NVIDIA H100"))
    assert main(arguments, store, builds) == 0
    assert store.find(key) is None  # it was discarded before the second build
    store.keep(key, b"plan", 1)
    assert main(arguments, store, Builds(store, wrong, wrong)) == 1
    assert main(arguments, store, Builds(store, wrong)) == 1  # nothing kept: it could not even be built
    assert capsys.readouterr().err == 2 * f"python -m engines: {wrong}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.onnx"], r"missing\.onnx: no such file; expected an ONNX network"),
        (["BLUE", "--shape", "image=1x3x64"], r"blue\.onnx: 'image' is float32 1x3x\?x\?, not 1x3x64"),
        (["BLUE", "--shape", "picture=1x3x64x64"], r"blue\.onnx: no input 'picture'; expected image"),
        (["PLAIN"], r"plain\.onnx: 'image' is float32 1x3x\?x\?; its sizes are to be given, as --shape im"),
    ],
)
def test_what_cannot_be_built_is_one_line(
    path: Path, store: PlanStore, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    plain = write_network(path.with_name("plain.onnx"), metadata={})
    places = {"BLUE": str(path), "PLAIN": str(plain)}
    builds = Builds(store)
    assert main(["build", *(places.get(word, word) for word in arguments)], store, builds) == 1
    assert re.fullmatch(rf"python -m engines: [^\n]*{said}[^\n]*\n", capsys.readouterr().err)
    assert builds.orders == []


def test_a_library_that_is_not_installed_is_one_line(
    path: Path, store: PlanStore, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        load_library("tensorrt")
    except EngineError:
        assert main(["build", str(path), "--backend", "tensorrt"], store, Builds(store)) == 1
        assert re.match(r"python -m engines: tensorrt: [^\n]+\n", capsys.readouterr().err)
        builds = Builds(store)
        assert main(["build", str(path)], store, builds) == 0
        assert builds.orders[0].flavour == "tensorrt-rtx"
    else:
        pytest.skip("TensorRT is installed")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["make"],
        ["build", "--backend", "ort"],
        ["build", "--shape", "image"],
        ["build", "--shape", "i=0x3"],
    ],
)
def test_wrong_arguments_leave_with_2(
    arguments: list[str], store: PlanStore, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments, store)
    assert caught.value.code == 2
    assert "usage: python -m engines" in capsys.readouterr().err


def test_a_folder_that_is_none_is_one_line(
    tmp_path: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["build", str(path), "--backend", "tensorrt-rtx"], PlanStore(tmp_path / "file")) == 1
    assert re.fullmatch(r"python -m engines: [^\n]*/file: [^\n]+\n", capsys.readouterr().err)
