"""One GPU looked into: the matting network and whole frames by TensorRT, against the best it could do.

For each graph and precision: one frame at a time (`alone`), frames that overlap, upload beside computing
beside download (`overlapped`), and computing with everything on the GPU already (`compute`). Beside them two
lower bounds: the bytes over the bus by the measured speed of the bus in the slower direction, and the least
of bytes in the GPU's memory by the measured speed of that. Without a GPU: the bytes, and how long
TensorRT-RTX takes to build the plans, which it can do anywhere.
"""

import argparse
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from benchmarks.engine import MOST_RUNS, add_options, missing_lines
from benchmarks.machine import machine, machine_line, spread
from benchmarks.workloads import Workload, workloads
from engines.base import EngineError, TensorSpec
from engines.cuda import Cuda, open_cuda
from engines.cuda_resources import CudaResources
from engines.driver import Driver, find_driver
from engines.tensorrt_build import build_plan
from engines.tensorrt_library import Flavour, Library, load_library
from engines.tensorrt_run import TensorRTEngine
from export.to_onnx import Precision

FLAVOURS: tuple[Flavour, ...] = ("tensorrt", "tensorrt-rtx")
PRECISIONS: tuple[Precision, ...] = ("half", "float")
AIMS_MS = {"matte 448x256": 0.5, "frame 3840x2160": 4.0}
"""What a data-centre GPU is to reach in half, with the transfers."""

_BLOCK_BYTES = 256 * 2**20
_COPIES = 10
_SLOTS = 3


@dataclass(frozen=True, slots=True)
class Speeds:
    """Bytes per second: over the bus to and from the GPU, and into the GPU's memory."""

    upload: float
    download: float
    memory: float

    def bus_ms(self, workload: Workload) -> float:
        """The least time for a frame's transfers, which overlap."""
        return 1e3 * max(workload.uploaded_bytes / self.upload, workload.output_bytes / self.download)

    def memory_ms(self, workload: Workload, precision: Precision) -> float:
        """The least time for reading inputs and weights and writing outputs."""
        return 1e3 * workload.touched_bytes(precision) / self.memory


def measure_speeds(cuda: Cuda) -> Speeds:
    """By copies of pinned memory, and by filling memory of the GPU. Raises EngineError."""
    resources = CudaResources(cuda)
    size = _BLOCK_BYTES
    block = TensorSpec((size,), np.dtype(np.uint8))
    try:
        stream = resources.stream()
        device, host = resources.device(block, stream), resources.pinned(block)
        address = host.ctypes.data
        ways: list[Callable[[], None]] = [
            lambda: cuda.upload(device, address, size, stream),
            lambda: cuda.download(address, device, size, stream),
            lambda: cuda.fill_zero(device, size, stream),
        ]
        speeds = []
        for way in ways:
            seconds = []
            for _ in range(_COPIES):
                resources.synchronize()
                began = time.perf_counter()
                way()
                resources.synchronize()
                seconds.append(time.perf_counter() - began)
            speeds.append(size / median(seconds))
        return Speeds(*speeds)
    finally:
        resources.settle()
        resources.free_memory()
        resources.free_queues()


def measure_plan(
    library: Library, plan: bytes, path: Path, workload: Workload, cuda: Cuda, seconds: float
) -> dict[str, dict[str, float]]:
    """Times of a plan: {"alone", "overlapped", "compute"}, each as `spread` has it. Raises EngineError."""
    once = {name: workload.feeds[name] for name in workload.held}
    with TensorRTEngine(
        library, plan, path, {}, cuda, slots=_SLOTS, carried=workload.carried, held=workload.held
    ) as engine:
        engine.infer(workload.fed | once)

        def alone() -> None:
            engine.submit(workload.fed)
            engine.collect(copy=False)

        def overlapped() -> None:
            engine.collect(copy=False)
            engine.submit(workload.fed)

        times = {"alone": spread(_timed(alone, seconds))}
        for _ in range(_SLOTS):
            engine.submit(workload.fed)
        times["overlapped"] = spread(_timed(overlapped, seconds))
        for _ in range(_SLOTS):
            engine.collect()
        outputs = frozenset(engine.outputs)
    with TensorRTEngine(
        library, plan, path, {}, cuda, held=frozenset(workload.feeds), resident=outputs
    ) as engine:
        engine.infer(workload.feeds)
        times["compute"] = spread(_timed(lambda: engine.infer({}), seconds))
    return times


def _timed(run: Callable[[], object], seconds: float) -> list[float]:
    """Milliseconds of each run, for so long, at least one."""
    times = []
    end = time.perf_counter() + seconds
    for _ in range(MOST_RUNS):
        began = time.perf_counter()
        run()
        now = time.perf_counter()
        times.append(1e3 * (now - began))
        if now >= end:
            break
    return times


def measure(
    todo: list[Workload],
    libraries: list[Library],
    cuda: Cuda | None,
    seconds: float,
    missing: dict[str, str],
) -> tuple[Speeds | None, list[dict[str, Any]]]:
    """The speeds, and a row for each graph, precision and library; what fails goes to `missing`."""
    speeds = measure_speeds(cuda) if cuda else None
    rows = []
    for workload in todo:
        for precision in PRECISIONS:
            row: dict[str, Any] = {
                "workload": workload.name,
                "precision": precision,
                "uploaded_bytes": workload.uploaded_bytes,
                "downloaded_bytes": workload.output_bytes,
                "touched_bytes": workload.touched_bytes(precision),
            }
            if speeds:
                row["bus_bound_ms"] = round(speeds.bus_ms(workload), 4)
                row["memory_bound_ms"] = round(speeds.memory_ms(workload, precision), 4)
            for library in libraries:
                name = f"{workload.name}, {precision}, {library.name}"
                print(f"{name}: building", file=sys.stderr)
                try:
                    path = workload.file(precision)
                    began = time.perf_counter()
                    plan = build_plan(library, path, workload.shapes, None)
                    built_s = round(time.perf_counter() - began, 2)
                    built = {"engine": library.name, "build_s": built_s, "plan_bytes": len(plan)}
                    times = measure_plan(library, plan, path, workload, cuda, seconds) if cuda else {}
                except EngineError as error:
                    missing[name] = str(error)
                else:
                    rows.append(row | built | times)
            if not libraries:
                rows.append(row)
    return speeds, rows


def table(
    rows: list[dict[str, Any]], speeds: Speeds | None, missing: dict[str, str], facts: dict[str, Any]
) -> str:
    """The numbers for people; times are medians, with p99 behind the slash."""
    kinds = ("alone", "overlapped", "compute")
    lines = [
        f"{'':16} {'':5} {'engine':24} {'MB up':>6} {'down':>6} {'touched':>7} {'build s':>8}"
        + "".join(f" {kind + ' ms':>15}" for kind in kinds)
        + f" {'bus ms':>7} {'memory ms':>9}"
    ]
    for row in rows:
        megabytes = [row[f"{kind}_bytes"] / 1e6 for kind in ("uploaded", "downloaded", "touched")]
        line = f"{row['workload']:16} {row['precision']:5} {row.get('engine', '-'):24}"
        line += f" {megabytes[0]:6.2f} {megabytes[1]:6.2f} {megabytes[2]:7.2f} {row.get('build_s', 0.0):8.1f}"
        for kind in kinds:
            times = row.get(kind)
            line += f" {times['median_ms']:8.3f}/{times['p99_ms']:6.3f}" if times else f" {'-':>15}"
        for bound, width in (("bus_bound_ms", 7), ("memory_bound_ms", 9)):
            line += f" {row[bound]:{width}.3f}" if bound in row else f" {'-':>{width}}"
        aim = AIMS_MS.get(row["workload"])
        if aim and row["precision"] == "half" and "overlapped" in row:
            line += f"  aim {aim} ms: {'met' if row['overlapped']['median_ms'] <= aim else 'missed'}"
        lines.append(line)
    if speeds:
        lines.append(
            f"bus {speeds.upload / 1e9:.1f} GB/s up, {speeds.download / 1e9:.1f} down;"
            f" memory {speeds.memory / 1e9:.0f} GB/s"
        )
    return "\n".join([*lines, *missing_lines(missing), machine_line(facts)])


def libraries_here(driver: Driver, missing: dict[str, str]) -> list[Library]:
    """The libraries that can be used; without a GPU the one that builds plans nevertheless."""
    found = []
    for flavour in FLAVOURS:
        try:
            if driver.reason and flavour == "tensorrt":
                raise EngineError(driver.reason)
            found.append(load_library(flavour))
        except EngineError as error:
            missing[flavour] = str(error)
    return found


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.gpu", description=__doc__)
    add_options(parser)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)  # the export's
    driver = find_driver()
    missing: dict[str, str] = {}
    cuda = None
    try:
        if driver.reason:
            raise EngineError(driver.reason)
        cuda = open_cuda()
    except EngineError as error:
        missing["times on a GPU and its bounds"] = str(error)
    libraries = libraries_here(driver, missing)
    with tempfile.TemporaryDirectory() as name:
        todo = workloads(options.sizes, Path(name))
        speeds, rows = measure(todo, libraries, cuda, options.seconds, missing)
    facts = machine(driver)
    print(table(rows, speeds, missing, facts))
    if options.json:
        result = {"machine": facts, "speeds": asdict(speeds) if speeds else None, "rows": rows}
        options.json.write_text(json.dumps(result | {"not_measured": missing}, indent=2) + "\n")


if __name__ == "__main__":
    logging.basicConfig(format="%(message)s")
    logging.getLogger("engines").setLevel(logging.INFO)  # one that runs without a CUDA graph says so
    main()
