"""Holds ONNX files to the networks they were made from: same inputs through torch and ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn

from export.checkpoint import CheckpointError, load_checkpoint
from export.frame import FrameNetwork
from export.frame_to_onnx import INPUTS, OUTPUTS, example
from export.network import MattingNetwork
from export.to_onnx import INPUT, OUTPUT, Precision, typed

SIZES_WH = ((384, 224), (224, 384), (352, 256), (96, 32), (640, 384))
TOLERANCE = 1e-5
HALF_TOLERANCE = 5e-2
"""Largest difference in alpha that half may make on noise; ONNX Runtime's half on a CPU is no GPU's."""

LEVELS, MEAN_LEVELS = 2.0, 0.01
"""Largest and mean difference of a whole frame, in levels."""

HALF_LEVELS, HALF_MEAN_LEVELS = 255 * HALF_TOLERANCE, 0.3
"""The same with the network in half."""


class Difference(NamedTuple):
    """Largest and mean absolute difference."""

    largest: float
    mean: float


def largest_difference(checkpoint: Path, model: Path) -> dict[tuple[int, int], float]:
    """The largest difference in alpha between torch and ONNX Runtime on noise, by input size (W, H)."""
    found = alpha_differences(load_checkpoint(checkpoint)[0], model)
    return {size_wh: difference.largest for size_wh, difference in found.items()}


def alpha_differences(network: MattingNetwork, model: Path) -> dict[tuple[int, int], Difference]:
    """Differences in alpha between the network in float and a matting file on noise, by input size (W, H)."""
    session = _session(model.read_bytes())
    rng = np.random.default_rng(0)
    differences = {}
    for width, height in SIZES_WH:
        image = rng.random((1, 3, height, width), dtype=np.float32)
        with torch.no_grad():
            expected = network(torch.from_numpy(image)).numpy()
        (alpha,) = session.run([OUTPUT], {INPUT: image})
        differences[width, height] = _difference(alpha, expected)
    return differences


def frame_differences(network: MattingNetwork, model: onnx.ModelProto) -> dict[str, Difference]:
    """Differences between torch and a whole-frame model on noise, by output; those of uint8 in levels."""
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    width, height = (int(length) for length in metadata["frame"].split("x"))
    matting: nn.Module = typed(network, "half" if metadata["precision"] == "half" else "float")
    frame = FrameNetwork(matting, (width, height), network.spec.working_size_wh).eval()
    feeds = example((width, height), seed=1)
    with torch.no_grad():
        expected = frame(*feeds.values())
    got = _session(model.SerializeToString()).run(
        list(OUTPUTS), {name: feeds[name].numpy() for name in INPUTS}
    )
    return {
        name: _difference(one, other.numpy()) for name, one, other in zip(OUTPUTS, got, expected, strict=True)
    }


def report(differences: Mapping[tuple[int, int], float], tolerance: float = TOLERANCE) -> bool:
    """Prints the differences and says whether all are within the tolerance."""
    for (width, height), difference in differences.items():
        print(f"{width}x{height}: largest difference {difference:.1e}")
    return max(differences.values()) <= tolerance


def report_alpha(name: str, differences: Mapping[tuple[int, int], Difference], tolerance: float) -> bool:
    """Prints the differences of a matting file and says whether all are within the tolerance."""
    for (width, height), (largest, mean) in differences.items():
        print(f"{name} {width}x{height}: largest difference {largest:.1e}, mean {mean:.1e}")
    return all(difference.largest <= tolerance for difference in differences.values())


def report_frame(name: str, differences: Mapping[str, Difference], precision: Precision = "float") -> bool:
    """Prints the differences of a whole-frame file and says whether all are as small as they must be."""
    for output, (largest, mean) in differences.items():
        print(f"{name} {output}: largest difference {largest:.2g}, mean {mean:.2g}")
    planes = [differences[output] for output in OUTPUTS if output != "found"]
    half = precision == "half"
    largest, mean = (HALF_LEVELS, HALF_MEAN_LEVELS) if half else (LEVELS, MEAN_LEVELS)
    return all(one.largest <= largest and one.mean <= mean for one in planes)


def load_model(path: Path) -> onnx.ModelProto:
    """An ONNX file, checked; raises CheckpointError naming one that is not."""
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}") from error
    except Exception as error:  # protobuf's and onnx's errors have no common base
        raise CheckpointError(f"{path}: not an ONNX file ({str(error).splitlines()[0]})") from error
    return model


def _session(model: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _difference(one: NDArray[Any], other: NDArray[Any]) -> Difference:
    off = np.abs(one.astype(np.float64) - other.astype(np.float64))
    return Difference(float(off.max()), float(off.mean()))
