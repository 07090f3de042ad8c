"""The engines against each other: one frame in, its results back, again and again, by each in turn.

Measured is all that a frame takes from arrays in memory to arrays in memory, with the transfers: the matting
network, and whole frames of each size. The whole frame's sky lies on the GPU already where an engine can hold
it. What cannot be used on this machine is listed with the reason. `benchmarks.gpu` looks into one GPU.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from app.command import size_wh
from benchmarks.machine import machine, machine_line, spread
from benchmarks.workloads import SIZES_WH, Workload, workloads
from engines.base import EngineError
from engines.cuda import open_cuda
from engines.driver import find_driver
from engines.ort import OrtEngine
from engines.tensorrt_build import build_plan
from engines.tensorrt_library import Flavour, load_library
from engines.tensorrt_run import TensorRTEngine
from export.to_onnx import Precision

ROUNDS = 3
MOST_RUNS = 1000

Run = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Opened:
    """A workload in an engine: runs it once, and what that moves. `seconds`: what making it ready took."""

    run: Run
    uploaded_bytes: int = 0
    downloaded_bytes: int = 0
    seconds: float = 0.0


Open = Callable[[Workload, Precision, ExitStack], Opened]


@dataclass(slots=True)
class Row:
    """One line of the result."""

    workload: str
    engine: str
    precision: Precision
    opened: Opened
    times_ms: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """For JSON; bytes are those over the bus."""
        return {
            "workload": self.workload,
            "engine": self.engine,
            "precision": self.precision,
            **spread(self.times_ms),
            "uploaded_bytes": self.opened.uploaded_bytes,
            "downloaded_bytes": self.opened.downloaded_bytes,
            "ready_s": round(self.opened.seconds, 2),
        }


def ways(threads: int) -> tuple[dict[str, tuple[tuple[Precision, ...], Open]], dict[str, str]]:
    """The engines that can be used here with the precisions they are for; and why others cannot be."""
    usable: dict[str, tuple[tuple[Precision, ...], Open]] = {
        "onnxruntime-cpu": (("float",), _onnxruntime("cpu", threads)),
        "torch-cpu": (("float",), _torch("cpu")),
    }
    missing = {}
    gpu: dict[str, Callable[[], Open]] = {
        "onnxruntime-cuda": lambda: _onnxruntime("cuda", threads),
        "torch-cuda": _torch_on_gpu,
        "tensorrt": lambda: _tensorrt("tensorrt"),
        "tensorrt-rtx": lambda: _tensorrt("tensorrt-rtx"),
    }
    reason = find_driver().reason
    for name, way in gpu.items():
        try:
            if reason:
                raise EngineError(reason)
            usable[name] = ("float", "half"), way()
        except EngineError as error:
            missing[name] = str(error)
    return usable, missing


def _onnxruntime(device: Any, threads: int) -> Open:
    def open_(workload: Workload, precision: Precision, stack: ExitStack) -> Opened:
        path = workload.file(precision)
        began = time.perf_counter()
        engine = stack.enter_context(OrtEngine(path, threads, device))
        seconds = time.perf_counter() - began
        moved = (sum(a.nbytes for a in workload.feeds.values()), workload.output_bytes)
        return Opened(
            lambda: engine.infer(workload.feeds), *(moved if device == "cuda" else (0, 0)), seconds=seconds
        )

    return open_


def _torch_on_gpu() -> Open:
    if not torch.cuda.is_available():
        raise EngineError("this torch has no CUDA")
    return _torch("cuda")


def _torch(device: str) -> Open:
    def open_(workload: Workload, precision: Precision, stack: ExitStack) -> Opened:
        began = time.perf_counter()
        module = workload.module(precision).to(device)
        stack.callback(module.to, "cpu")
        inputs = [torch.from_numpy(array) for array in workload.feeds.values()]

        def run() -> None:
            with torch.no_grad():
                results = module(*(tensor.to(device) for tensor in inputs))
                for tensor in results if isinstance(results, tuple) else (results,):
                    tensor.cpu()

        moved = (sum(tensor.nbytes for tensor in inputs), workload.output_bytes)
        seconds = time.perf_counter() - began
        return Opened(run, *(moved if device == "cuda" else (0, 0)), seconds=seconds)

    return open_


def _tensorrt(flavour: Flavour) -> Open:
    library, cuda = load_library(flavour), open_cuda()

    def open_(workload: Workload, precision: Precision, stack: ExitStack) -> Opened:
        path = workload.file(precision)
        began = time.perf_counter()
        plan = build_plan(library, path, workload.shapes, None)
        engine = TensorRTEngine(
            library,
            plan,
            path,
            {},
            cuda,
            slots=2 if workload.carried else 1,
            carried=workload.carried,
            held=workload.held,
        )
        stack.enter_context(engine)
        fed = workload.fed
        engine.infer({**fed, **{name: workload.feeds[name] for name in workload.held}})
        seconds = time.perf_counter() - began
        return Opened(lambda: engine.infer(fed), workload.uploaded_bytes, workload.output_bytes, seconds)

    return open_


def measured(
    workload: Workload,
    usable: Mapping[str, tuple[tuple[Precision, ...], Open]],
    seconds: float,
    missing: dict[str, str],
) -> Iterator[Row]:
    """The rows of a workload; what fails on the way goes to `missing`."""
    with ExitStack() as stack:
        rows = []
        for name, (precisions, open_) in usable.items():
            for precision in precisions:
                row = f"{workload.name}, {name}, {precision}"
                print(f"{row}: making it ready", file=sys.stderr)
                try:
                    opened = open_(workload, precision, stack)
                    opened.run()
                except (EngineError, RuntimeError) as error:
                    missing[row] = " ".join(str(error).split())
                else:
                    rows.append(Row(workload.name, name, precision, opened))
        for _ in range(ROUNDS):
            for row_ in rows:
                _measure(row_, seconds / ROUNDS)
        yield from rows


def _measure(row: Row, seconds: float) -> None:
    """Time runs for so long, at least one."""
    end = time.perf_counter() + seconds
    for _ in range(MOST_RUNS // ROUNDS):
        began = time.perf_counter()
        row.opened.run()
        now = time.perf_counter()
        row.times_ms.append(1e3 * (now - began))
        if now >= end:
            break


def table(rows: list[dict[str, Any]], missing: Mapping[str, str], facts: dict[str, Any]) -> str:
    """The numbers for people."""
    lines = [
        f"{'':16} {'engine':16} {'':6} {'median ms':>10} {'p99 ms':>9} {'runs':>5} {'MB up':>7} {'down':>7}"
        f" {'ready s':>8}"
    ]
    lines += [
        f"{row['workload']:16} {row['engine']:16} {row['precision']:6} {row['median_ms']:10.3f}"
        f" {row['p99_ms']:9.3f} {row['runs']:5} {row['uploaded_bytes'] / 1e6:7.2f}"
        f" {row['downloaded_bytes'] / 1e6:7.2f} {row['ready_s']:8.1f}"
        for row in rows
    ]
    return "\n".join([*lines, *missing_lines(missing), machine_line(facts)])


def missing_lines(missing: Mapping[str, str]) -> list[str]:
    """What was not measured, one line for each reason."""
    names: dict[str, list[str]] = {}
    for name, reason in missing.items():
        names.setdefault(reason, []).append(name)
    return [f"not measured: {', '.join(several)}: {reason}" for reason, several in names.items()]


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.engine", description=__doc__)
    add_options(parser)
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="threads on the CPU")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    facts = machine(find_driver()) | {"threads": options.threads}
    usable, missing = ways(options.threads)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for workload in workloads(options.sizes, Path(name)):
            rows += [row.summary() for row in measured(workload, usable, options.seconds, missing)]
    print(table(rows, missing, facts))
    if options.json:
        result = {"machine": facts, "rows": rows, "not_measured": missing}
        options.json.write_text(json.dumps(result, indent=2) + "\n")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that this and `benchmarks.gpu` have in common."""
    parser.add_argument(
        "--sizes",
        type=size_wh,
        nargs="*",
        default=SIZES_WH,
        metavar="WxH",
        help="of whole frames; may be none",
    )
    parser.add_argument("--seconds", type=float, default=10.0, metavar="S", help="for each engine and graph")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers")


if __name__ == "__main__":
    main()
