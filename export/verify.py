"""Holds an ONNX file to the network it was made from: same inputs through torch and ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import torch

from export.checkpoint import load_checkpoint
from export.to_onnx import INPUT, OUTPUT

SIZES_WH = ((384, 224), (224, 384), (352, 256), (96, 32), (640, 384))
TOLERANCE = 1e-5


def largest_difference(checkpoint: Path, model: Path) -> dict[tuple[int, int], float]:
    """The largest difference in alpha between torch and ONNX Runtime on noise, by input size (W, H)."""
    network, _ = load_checkpoint(checkpoint)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    differences = {}
    for width, height in SIZES_WH:
        image = rng.random((1, 3, height, width), dtype=np.float32)
        with torch.no_grad():
            expected = network(torch.from_numpy(image)).numpy()
        (alpha,) = session.run([OUTPUT], {INPUT: image})
        differences[width, height] = float(np.abs(alpha - expected).max())
    return differences


def report(differences: dict[tuple[int, int], float]) -> bool:
    """Prints the differences and says whether all are within TOLERANCE."""
    for (width, height), difference in differences.items():
        print(f"{width}x{height}: largest difference {difference:.1e}")
    return max(differences.values()) <= TOLERANCE
