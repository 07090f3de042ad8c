"""The comparison of engines: what is measured, in which order, and what is said of what cannot be."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import engine as benchmark
from benchmarks.engine import Opened, Row, measured, missing_lines
from benchmarks.machine import spread
from benchmarks.workloads import Workload, matte, whole_frame
from engines.base import EngineError
from engines.driver import find_driver


def tiny(name: str = "tiny") -> Workload:
    feeds = {
        "y": np.zeros((4, 6), np.uint8),
        "sky": np.zeros((5, 7), np.uint8),
        "prev": np.zeros(3, np.uint8),
    }
    return Workload(
        name,
        feeds,
        output_bytes=30,
        file=lambda precision: Path("tiny.onnx"),
        module=lambda precision: torch.nn.Identity(),
        weight_bytes=lambda precision: 1000,
        held=frozenset({"sky"}),
        carried={"prev": "y"},
    )


def test_bytes_of_a_workload() -> None:
    assert tiny().uploaded_bytes == 24  # neither what is held nor what is carried
    assert tiny().touched_bytes("half") == 24 + 35 + 3 + 30 + 1000
    width, height, work = 33, 47, whole_frame((33, 47), Path())
    planes = width * height + 2 * 17 * 24
    assert work.uploaded_bytes == planes + 4 * (9 + 40)
    assert work.output_bytes == planes + width * height + 8
    assert matte().output_bytes * 3 == matte().uploaded_bytes


def test_engines_take_turns_and_one_that_fails_is_named() -> None:
    order: list[str] = []

    def way(name: str, words: str = "") -> Any:
        def open_(workload: Workload, precision: Any, stack: ExitStack) -> Opened:
            if words:
                raise EngineError(words)
            stack.callback(order.append, f"{name} closed")
            return Opened(lambda: order.append(name), 24, 30, 1.5)

        return ("float",), open_

    missing: dict[str, str] = {}
    usable = {"a": way("a"), "b": way("b"), "c": way("c", "broken\nhere")}
    rows = list(measured(tiny(), usable, 0.0, missing))
    assert order == ["a", "b", *["a", "b"] * benchmark.ROUNDS, "b closed", "a closed"]
    assert missing == {"tiny, c, float": "broken here"}
    first = rows[0].summary()
    assert first["engine"] == "a" and first["runs"] == benchmark.ROUNDS
    assert (first["uploaded_bytes"], first["downloaded_bytes"], first["ready_s"]) == (24, 30, 1.5)


def test_an_engine_that_fails_at_once_is_not_measured() -> None:
    def fails() -> None:
        raise RuntimeError("out of memory")

    missing: dict[str, str] = {}
    usable: Any = {"a": (("half",), lambda *_: Opened(fails))}
    assert list(measured(tiny(), usable, 0.0, missing)) == []
    assert missing == {"tiny, a, half": "out of memory"}


def test_spread_of_times() -> None:
    assert spread([3.0, 1.0, 2.0]) == {"median_ms": 2.0, "p99_ms": 3.0, "runs": 3}
    assert spread([float(n) for n in range(1, 201)])["p99_ms"] == 198.0
    row = Row("w", "e", "float", Opened(lambda: None), [5.0])
    assert row.summary()["median_ms"] == 5.0


def test_reasons_are_told_once() -> None:
    assert missing_lines({"a": "no", "b": "gone", "c": "no"}) == [
        "not measured: a, c: no",
        "not measured: b: gone",
    ]


@pytest.mark.skipif(not find_driver().reason, reason="there is a GPU: it would be measured for minutes")
def test_without_a_gpu_the_cpu_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "engine.json"
    benchmark.main(["--sizes", "--seconds", "0", "--threads", "1", "--json", str(out)])
    result = json.loads(out.read_text())
    assert {row["engine"] for row in result["rows"]} == {"onnxruntime-cpu", "torch-cpu"}
    assert {row["workload"] for row in result["rows"]} == {"matte 448x256"}
    assert all(0 < row["median_ms"] <= row["p99_ms"] for row in result["rows"])
    assert set(result["not_measured"]) == {"onnxruntime-cuda", "torch-cuda", "tensorrt", "tensorrt-rtx"}
    assert result["machine"]["cpu"] and result["machine"]["gpu"] is None
    assert result["machine"]["versions"]["torch"].startswith(torch.__version__)
    printed = capsys.readouterr().out
    assert find_driver().reason in printed and result["machine"]["cpu"] in printed
