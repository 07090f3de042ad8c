"""Plans built, kept and taken over on a GPU. Without one they are skipped, unless SKYAR_GPU=required."""

import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.config import ROOT, Config, Matting
from app.live import run
from app.looks import load_look
from app.options import Options
from app.user import Settings
from engines.base import EngineError
from engines.ort import OrtEngine
from engines.plans import PlanStore
from engines.proof import Proof
from engines.registry import Machine, open_engine, plan_loaders
from engines.tensorrt_library import Flavour

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(900)]

FLAVOURS: tuple[Flavour, ...] = ("tensorrt", "tensorrt-rtx")
REQUIRED = os.environ.get("SKYAR_GPU") == "required"
MATTE = ROOT / "models" / "matte.onnx"
SHAPES = {"image": (1, 3, 224, 384)}


@pytest.fixture(params=FLAVOURS)
def flavour(request: pytest.FixtureRequest) -> Flavour:
    name: Flavour = request.param
    reasons: dict[str, str] = {}
    for each in FLAVOURS:
        try:
            plan_loaders(MATTE, each, Machine())
        except EngineError as error:
            reasons[each] = str(error)
    if REQUIRED and len(reasons) == 2:
        pytest.fail(f"no GPU that can be used: {reasons}")
    if name in reasons:
        pytest.skip(f"{name}: {reasons[name]}")
    return name


@pytest.fixture
def store(tmp_path: Path) -> PlanStore:
    return PlanStore(tmp_path / "plans")


@pytest.fixture
def proof() -> Proof:
    with OrtEngine(MATTE, 1) as cpu:
        return Proof.of(cpu, SHAPES)


def must_not_build(*_: Any) -> Any:
    raise AssertionError("a plan that is kept was built again")


def test_a_plan_is_built_proven_and_kept(flavour: Flavour, store: PlanStore, proof: Proof) -> None:
    machine = Machine(store=store)
    with open_engine(MATTE, flavour, 1, machine=machine) as engine:
        answer = engine.infer(proof.feeds)["alpha"]
        assert engine.name.startswith(f"{flavour} ")
    np.testing.assert_allclose(answer, proof.expected["alpha"], rtol=0, atol=0.02)
    (stored,) = store.plans()
    assert stored.proven
    assert stored.key.network == "matte_fp16.onnx"  # else its answers were not the CPU's
    again = replace(machine, build=must_not_build)
    with open_engine(MATTE, flavour, 1, machine=again) as engine:
        np.testing.assert_array_equal(engine.infer(proof.feeds)["alpha"], answer)


def test_a_damaged_plan_is_built_anew(flavour: Flavour, store: PlanStore, proof: Proof) -> None:
    with open_engine(MATTE, flavour, 1, machine=Machine(store=store)) as engine:
        engine.infer(proof.feeds)
    (path,) = store.folder.glob("*.plan")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with open_engine(MATTE, flavour, 1, machine=Machine(store=store)) as engine:
        proof.check(engine)
    assert len(path.read_bytes()) > len(whole) // 2


def test_it_takes_over_from_the_cpu(flavour: Flavour, store: PlanStore, proof: Proof) -> None:
    other = "tensorrt" if flavour == "tensorrt-rtx" else "tensorrt-rtx"
    machine = Machine(store=store, installed=lambda module: module != other.replace("-", "_"))
    deadline = time.monotonic() + 600
    with open_engine(MATTE, "auto", 1, machine=machine) as engine:
        names = [engine.name]
        while any(thread.name == "engine" for thread in threading.enumerate()) or len(names) < 3:
            np.testing.assert_allclose(
                engine.infer(proof.feeds)["alpha"], proof.expected["alpha"], rtol=0, atol=0.02
            )
            names.append(engine.name)
            assert time.monotonic() < deadline
        engine.infer(proof.feeds)
        assert names[0].startswith("onnxruntime-cpu ")
        assert engine.name.startswith(f"{flavour} ")


def test_the_program_runs_on_it(
    flavour: Flavour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    stats = tmp_path / "stats.json"
    options = Options("demo", "golden_sunset", headless=True, frames=60, stats=stats)
    config = Config(matting=Matting(backend=flavour))
    assert run(options, config, load_look("natural"), Settings()) == 0
    numbers = json.loads(stats.read_text())
    assert numbers["frames_out"] == 60
    (engine,) = {name for _, name in numbers["backends"]}
    assert engine.startswith(f"{flavour} ")
    with capsys.disabled():
        print(f"\n{engine}: {numbers['fps']} fps, matting {numbers['stages']['matting']}")
