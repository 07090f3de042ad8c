"""Chooses the engine that runs a network, and says why it is not another."""

import importlib.util
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import onnxruntime

from engines.backends import Backend
from engines.base import Engine, EngineError
from engines.building import build_elsewhere
from engines.cuda import Cuda, open_cuda
from engines.driver import Driver, find_driver
from engines.handover import HandoverEngine
from engines.kept import PlanRunner, run_plan
from engines.loaders import Build, CudaLoader, Loader, PlanLoader
from engines.ort import OrtEngine
from engines.plans import PlanStore
from engines.tensorrt_library import Flavour, Library, load_library
from engines.watch import Watch

log = logging.getLogger(__name__)

LARGEST_LOSS = 0.002
"""What a half-precision network may lose of the float one's IoU on `val`, to be used in its place."""


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


@dataclass(frozen=True, slots=True)
class Machine:
    """By which means it is found out what this machine has, and by which that is used."""

    find_driver: Callable[[], Driver] = find_driver
    installed: Callable[[str], bool] = _installed
    load_library: Callable[[Flavour], Library] = load_library
    open_cuda: Callable[[], Cuda] = open_cuda
    providers: Callable[[], Sequence[str]] = onnxruntime.get_available_providers
    store: PlanStore = field(default_factory=PlanStore)
    build: Build = build_elsewhere
    run: PlanRunner = run_plan


def open_engine(
    path: Path, backend: Backend, threads: int, watch: Watch | None = None, machine: Machine | None = None
) -> Engine:
    """The network in the file, ready to run, with `threads` threads where that is on the CPU.

    One log line says what was taken, and why each other engine was not. `auto` never waits: where there is a
    GPU, the CPU answers until an engine on the GPU is ready, and again should that one fail. TensorRT by name
    has the first run wait for its plan. An engine taken by name is never left for another: when it fails,
    that is raised. `watch` is told of engines that are made ready, and of one that failed.

    Raises EngineError naming the file and what was expected, or why the named engine cannot be used.
    """
    watch, machine = watch or Watch(), machine or Machine()
    if backend == "ort-cuda":
        engine: Engine = OrtEngine(path, threads, device="cuda")
    else:
        engine = OrtEngine(path, threads)
    why: str = backend
    try:
        if backend == "auto":
            engine, why = _automatic(engine, threads, watch, machine)
        elif backend == "tensorrt" or backend == "tensorrt-rtx":
            engine = HandoverEngine(engine, plan_loaders(path, backend, machine), watch, only=True)
    except EngineError as error:
        engine.close()
        raise EngineError(f"{path}: cannot be run by {backend}: {_reason(backend, error)}") from error
    log.info("backend: %s (%s), %d thread%s, %s", engine.name, why, threads, "s" * (threads > 1), path.name)
    return engine


def plan_loaders(path: Path, flavour: Flavour, machine: Machine) -> list[PlanLoader]:
    """Ways to run a network with one of the two TensorRTs, the best first. Raises EngineError with the reason
    when there is none."""
    if not machine.installed(flavour.replace("-", "_")):
        raise EngineError("not installed")
    driver = machine.find_driver()
    if driver.reason:
        raise EngineError(driver.reason)
    machine.open_cuda()
    library = machine.load_library(flavour)
    return [
        PlanLoader(library, driver, onnx, path, machine.store, machine.build, machine.run)
        for onnx in networks_for_plans(path)
    ]


def networks_for_plans(path: Path) -> list[Path]:
    """The files of which plans for a network may be built, the best first: NAME.onnx, and before it its
    half-precision NAME_fp16.onnx where that is known to be as good."""
    half = path.with_name(f"{path.stem}_fp16.onnx")
    if not half.is_file():
        return [path]
    try:
        with OrtEngine(half, 1) as engine:
            known = engine.metadata
        loss = round(float(known["val_iou_float"]) - float(known["val_iou"]), 6)  # they are decimals
    except (EngineError, KeyError, ValueError) as error:
        log.debug("%s: not known to be as good as %s: %s", half, path.name, error)
        return [path]
    return [half, path] if loss <= LARGEST_LOSS else [path]


def _automatic(cpu: Engine, threads: int, watch: Watch, machine: Machine) -> tuple[Engine, str]:
    """The engine, and a line on all others."""
    ways: dict[str, Callable[[], Sequence[Loader]]] = {
        "tensorrt": partial(plan_loaders, cpu.path, "tensorrt", machine),
        "tensorrt-rtx": partial(plan_loaders, cpu.path, "tensorrt-rtx", machine),
        "ort-cuda": partial(_cuda_loaders, cpu.path, threads, machine),
    }
    loaders: list[Loader] = []
    notes = []
    for name, way in ways.items():
        try:
            found = way()
        except EngineError as error:
            notes.append(f"{name}: {_reason(name, error)}")
        else:
            notes.append(f"{name}: {'if that fails' if loaders else 'as soon as it is ready'}")
            loaders += found
    return HandoverEngine(cpu, loaders, watch) if loaders else cpu, "; ".join(notes)


def _cuda_loaders(path: Path, threads: int, machine: Machine) -> list[CudaLoader]:
    if "CUDAExecutionProvider" not in machine.providers():
        raise EngineError("not in this onnxruntime")
    if reason := machine.find_driver().reason:
        raise EngineError(reason)
    return [CudaLoader(path, threads)]


def _reason(name: str, error: EngineError) -> str:
    return str(error).removeprefix(f"{name}: ")
