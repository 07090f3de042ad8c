"""Plans are built in a process of their own: what comes back from it, and how it ends."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.config import ROOT
from engines import building
from engines.base import EngineError
from engines.building import Order, Outcome, build_elsewhere, carry_out
from engines.plans import PlanStore
from engines.proof import WrongAnswerError
from engines.tensorrt_library import load_library
from tests.engines.plan_fakes import DRIVER, NO_DRIVER, FakeGpu
from tests.fakes import write_network

SHAPES = {"image": (1, 3, 32, 64)}


@pytest.fixture
def order(tmp_path: Path) -> Order:
    path = write_network(tmp_path / "blue.onnx")
    return Order(path, path, "tensorrt-rtx", SHAPES, tmp_path / "plans")


def python(program: str) -> tuple[str, ...]:
    """A program in the place of the one that builds."""
    return (sys.executable, "-c", program)


def test_an_order_survives_its_journey(order: Order) -> None:
    assert Order.from_json(order.to_json()) == order
    assert "\n" not in order.to_json()


def test_tensorrt_rtx_builds_a_plan_that_is_kept(order: Order) -> None:
    pytest.importorskip("tensorrt_rtx")
    shares: list[float] = []
    outcome = build_elsewhere(order, shares.append, threading.Event())
    (stored,) = PlanStore(order.folder).plans()
    assert outcome.seconds == stored.seconds > 0
    assert outcome.size_bytes == stored.size_bytes == len(PlanStore(order.folder).read(stored.key)) > 0
    assert stored.key.shapes == "image=1x3x32x64"
    assert stored.key.version == load_library("tensorrt-rtx").version
    assert shares == sorted(shares) and shares[0] >= 0 and shares[-1] <= 1 and len(set(shares)) > 1
    assert bool(outcome.proven) != bool(outcome.unproven)
    assert stored.proven == outcome.proven
    again = build_elsewhere(order, shares.append, threading.Event())
    assert again == Outcome(0.0, outcome.size_bytes, outcome.proven, outcome.unproven)


def test_what_tensorrt_says_of_a_network_is_said(order: Order) -> None:
    pytest.importorskip("tensorrt_rtx")
    order.onnx.write_bytes(b"no network")
    with pytest.raises(EngineError, match=r"^[^\n]*blue\.onnx: tensorrt-rtx [\d.]+ cannot parse it: [^\n]+$"):
        build_elsewhere(order, lambda share: None, threading.Event())
    assert PlanStore(order.folder).plans() == []


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (
            "import os, signal, sys; print('free(): invalid pointer', file=sys.stderr, flush=True);"
            "os.kill(os.getpid(), signal.SIGABRT)",
            r"crashed \(SIGABRT\): free\(\): invalid pointer$",
        ),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", r"crashed \(SIGSEGV\)$"),
        ("raise ImportError('no such library')", r"crashed \(status 1\): ImportError: no such library$"),
        ('print(\'{"share": 0.5}\\n{"outc\', flush=True)', r"crashed \(status 0\)$"),
    ],
    ids=["abort", "fault", "exception", "cut off"],
)
def test_a_crash_is_one_line(order: Order, program: str, said: str) -> None:
    with pytest.raises(EngineError, match=rf"^blue\.onnx: building it with tensorrt-rtx {said}"):
        build_elsewhere(order, lambda share: None, threading.Event(), python(program))


def test_progress_and_outcome_come_over_the_pipe(order: Order) -> None:
    program = (
        "import json, sys; order = json.loads(sys.stdin.readline());"
        "print(json.dumps({'share': 0.25}), flush=True);"
        "print('a word of a library', flush=True);"
        "print(json.dumps({'share': 1.0}), flush=True);"
        "outcome = {'seconds': order['shapes']['image'][3], 'size_bytes': 7};"
        "print(json.dumps({'outcome': outcome}), flush=True)"
    )
    shares: list[float] = []
    outcome = build_elsewhere(order, shares.append, threading.Event(), python(program))
    assert shares == [0.25, 1.0]
    assert outcome == Outcome(64, 7)


@pytest.mark.parametrize(("wrong", "kind"), [(True, WrongAnswerError), (False, EngineError)])
def test_what_failed_there_is_raised_here(order: Order, wrong: bool, kind: type[EngineError]) -> None:
    program = f"import json; print(json.dumps({{'error': 'off by 0.3', 'wrong': {wrong}}}))"
    with pytest.raises(EngineError, match=r"^off by 0\.3$") as caught:
        build_elsewhere(order, lambda share: None, threading.Event(), python(program))
    assert caught.type is kind


@pytest.mark.parametrize("willing", [True, False])
def test_a_build_that_is_stopped_ends(order: Order, tmp_path: Path, willing: bool) -> None:
    """Once its input ends it may go by itself; if it does not, it is killed."""
    gone = tmp_path / "gone"
    program = (
        "import json, os, pathlib, sys, time; sys.stdin.readline();"
        "print(json.dumps({'share': os.getpid()}), flush=True);"
        "sys.stdin.read();" + (f"pathlib.Path({str(gone)!r}).touch()" if willing else "time.sleep(60)")
    )
    stop = threading.Event()
    pids: list[float] = []

    def on_progress(share: float) -> None:
        pids.append(share)
        stop.set()

    with pytest.raises(EngineError, match="the build was stopped"):
        build_elsewhere(order, on_progress, stop, python(program))
    assert gone.exists() == willing
    with pytest.raises(ProcessLookupError):
        os.kill(int(pids[0]), 0)


def test_a_process_whose_asker_has_died_gives_up_and_leaves_no_lock(tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx")
    path = ROOT / "models" / "matte.onnx"
    order = Order(path, path, "tensorrt-rtx", {"image": (1, 3, 224, 384)}, tmp_path)
    with subprocess.Popen(
        [sys.executable, "-m", "engines.building"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write(order.to_json() + "\n")
        child.stdin.flush()
        assert "share" in child.stdout.readline()
        assert list(tmp_path.glob("*.lock"))
        child.stdin.close()
        assert "cancelled" in child.stdout.read()
        assert child.wait(20) == 1
    assert list(tmp_path.iterdir()) == []


def test_tensorrt_is_not_even_tried_without_a_driver(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its constructors may end the process then."""
    gpu = FakeGpu(PlanStore(order.folder), NO_DRIVER)
    monkeypatch.setattr(building, "load_library", gpu.machine().load_library)
    monkeypatch.setattr(building, "find_driver", lambda: NO_DRIVER)
    asked = Order(order.onnx, order.reference, "tensorrt", SHAPES, order.folder)
    with pytest.raises(
        EngineError, match=r"tensorrt 11\.4\.0\.106 builds plans only where there is a GPU: no NV"
    ):
        carry_out(asked, lambda share: True, lambda: True)


def test_who_waited_for_the_lock_finds_the_plan_built(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = FakeGpu(PlanStore(order.folder), NO_DRIVER)
    monkeypatch.setattr(building, "load_library", gpu.machine().load_library)
    monkeypatch.setattr(building, "find_driver", lambda: NO_DRIVER)
    builds: list[Path] = []

    def build_plan(library: object, onnx: Path, *_: object) -> bytes:
        builds.append(onnx)
        return b"plan"

    monkeypatch.setattr(building, "build_plan", build_plan)
    outcomes: list[Outcome] = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(carry_out(order, lambda share: True, lambda: True)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert builds == [order.onnx]
    assert len(outcomes) == 3
    assert {outcome.unproven for outcome in outcomes} == {NO_DRIVER.reason}


def test_where_there_is_a_gpu_the_plan_is_proven_before_it_is_said_to_be_there(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PlanStore(order.folder)
    gpu = FakeGpu(store)
    monkeypatch.setattr(building, "load_library", gpu.machine().load_library)
    monkeypatch.setattr(building, "find_driver", lambda: DRIVER)
    monkeypatch.setattr(building, "open_cuda", gpu.machine().open_cuda)
    monkeypatch.setattr(building, "build_plan", lambda *_: b"plan")
    opened: list[bool] = []

    def open_kept(*arguments: object) -> object:
        opened.append(True)
        raise WrongAnswerError("tensorrt-rtx: 'alpha' is not what the CPU makes of it: off by 0.300")

    monkeypatch.setattr(building, "open_kept", open_kept)
    with pytest.raises(WrongAnswerError, match=r"off by 0\.300"):
        carry_out(order, lambda share: True, lambda: True)
    assert opened == [True]
    assert [plan.proven for plan in store.plans()] == [""]
