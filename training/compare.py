"""Measures our network beside another one: `python -m training.compare --peer FILE --data DIR`.

On every labelled picture ours and the peer take turns, both by ONNX Runtime with one thread. Per set: sky IoU
and boundary IoU of our network alone (`net`), of the program's matting stage (`full`) and of the peer; then
the median time that the networks alone took for a picture, ours at the size the live program would pick.

The peer takes one picture, float32 (1, 3, H, W) of a fixed size, RGB with ImageNet's mean and deviation, and
its first output is alpha in [0, 1] of the same size, as skyseg_u2netp_384.onnx has it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.base import Engine, EngineError
from engines.registry import open_engine
from training.cases import Case, labelled_cases
from training.data import DataError, check_writable, data_root, read_index
from training.evaluate import (
    Matte,
    Result,
    evaluate,
    full_matte,
    grouped,
    model_path,
    net_matte,
    numbers,
    to_size,
)
from training.made_night import night_cases
from training.metrics import Array, Tally
from training.night_crops import crop_cases

_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)

OURS, FULL, PEER = "net", "full", "peer"


class TimedEngine:
    """An engine that remembers how long each of its runs took."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.path, self.name = engine.path, engine.name
        self.inputs, self.outputs, self.metadata = engine.inputs, engine.outputs, engine.metadata
        self.times_ms: list[float] = []

    def infer(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The engine's outputs."""
        start = time.perf_counter()
        result = self._engine.infer(feeds)
        self.times_ms.append(1000 * (time.perf_counter() - start))
        return result

    def close(self) -> None:
        """Closes the engine."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def peer_matte(engine: Engine) -> Matte:
    """The peer's alpha, brought to the picture's size; raises EngineError for a network of another kind."""
    (name, spec), *others = engine.inputs.items()
    if others or len(spec.shape) != 4 or spec.shape[1] != 3 or None in spec.shape[2:]:
        raise EngineError(f"{engine.path}: expected one input 1x3xHxW of a fixed size, found {name} {spec}")
    height, width = (int(size) for size in spec.shape[2:] if size is not None)
    output = next(iter(engine.outputs))

    def matte(rgb: Array) -> Array:
        small = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
        image = ((small / 255 - _MEAN) / _DEVIATION).transpose(2, 0, 1)[None]
        alpha = engine.infer({name: np.ascontiguousarray(image, np.float32)})[output]
        return to_size(np.clip(alpha[0, 0], 0, 1), (rgb.shape[1], rgb.shape[0]))

    return matte


def take_turns(mattes: Mapping[str, Matte], cases: Sequence[Case]) -> dict[str, list[Result]]:
    """The results of each matte by its name; every case is done by all before the next."""
    results: dict[str, list[Result]] = {name: [] for name in mattes}
    for case in cases:
        for name, matte in mattes.items():
            results[name] += evaluate(matte, [case])
    return results


def comparison(results: Mapping[str, Sequence[Result]]) -> str:
    """A text table: per set, IoU, boundary IoU and false sky of each."""
    by_set = {name: grouped(found, lambda case: case.dataset) for name, found in results.items()}
    parts = ("IoU", "boundary", "false sky %")
    lines = [" " * 18 + "".join(f"{part:^{9 * len(by_set)}}" for part in parts)]
    lines.append(f"{'set':18}" + "".join(f"{name:>9}" for name in by_set) * len(parts))
    for dataset in next(iter(by_set.values())):
        tallies = [tallies[dataset] for tallies in by_set.values()]
        cells = [_cell(tally.iou, 4) for tally in tallies]
        cells += [_cell(tally.boundary_iou, 4) for tally in tallies]
        cells += [_cell(100 * tally.false_sky, 2) for tally in tallies]
        lines.append(f"{dataset:18}" + "".join(cells))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--peer", type=Path, required=True, metavar="FILE", help="the other network")
    parser.add_argument("--model", default="matte", help="name of a network in models/, or a path")
    parser.add_argument("--data", help="folder of the labelled pictures (default: $SKYAR_DATA)")
    parser.add_argument("--night", action="store_true", help="also on pictures made night, and night crops")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args(arguments)
    try:
        check_writable(args.json)
        root = data_root(args.data)
        samples = read_index(root, "val")
        cases = labelled_cases(samples, root)
        if args.night:
            cases += night_cases(samples, root) + crop_cases(root.parent / "skies")
        with (
            open_engine(model_path(args.model), "ort", 1) as engine,
            TimedEngine(open_engine(args.peer, "ort", 1)) as peer,
        ):
            ours = TimedEngine(engine)
            mattes = {OURS: net_matte(ours), FULL: full_matte(engine), PEER: peer_matte(peer)}
            results = take_turns(mattes, cases)
    except (DataError, EngineError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    our_ms, peer_ms = float(np.median(ours.times_ms)), float(np.median(peer.times_ms))
    print(comparison(results))
    print(
        f"\nmedian of the network alone: {our_ms:.1f} ms, peer {peer_ms:.1f} ms, {peer_ms / our_ms:.1f} times"
    )
    if args.json:
        found = {name: _by_set(one) for name, one in results.items()}
        args.json.write_text(json.dumps({**found, "ms": our_ms, "peer_ms": peer_ms}, indent=2) + "\n")
    return 0


def _by_set(results: Sequence[Result]) -> dict[str, dict[str, float | None]]:
    tallies: dict[str, Tally] = grouped(results, lambda case: case.dataset)
    return {name: numbers(tally) for name, tally in tallies.items()}


def _cell(value: float, digits: int) -> str:
    return f"{'-':>9}" if np.isnan(value) else f"{value:9.{digits}f}"


if __name__ == "__main__":
    sys.exit(main())
