"""Files of the export for tests of the engines, and TensorRT's builder in a process of its own."""

import hashlib
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from app.config import ROOT
from engines.tensorrt_build import Shapes, build_plan, parse_network
from engines.tensorrt_library import load_library

T = TypeVar("T")

MODELS = ROOT / "models"
SKY_SHAPES = {"sky_y": (80, 112), "sky_u": (40, 56), "sky_v": (40, 56)}


class Built(NamedTuple):
    """What TensorRT-RTX made of a file: inputs and outputs as text, types of the convolutions, the plan."""

    inputs: dict[str, str]
    outputs: dict[str, str]
    convolutions: set[str]
    size: int
    sha256: str


def export_frame(folder: Path, size_wh: tuple[int, int], precision: Any) -> Path:
    """The whole frame of the released network."""
    import torch

    from export.checkpoint import load_checkpoint
    from export.frame_to_onnx import frame_to_onnx
    from export.to_onnx import write_model

    torch.set_num_threads(1)
    network, origin = load_checkpoint(MODELS / "matte.safetensors")
    path = folder / f"frame_{size_wh[0]}x{size_wh[1]}_{precision}.onnx"
    write_model(frame_to_onnx(network, origin, size_wh, precision), path)
    return path


def build(path: Path, shapes: Shapes) -> Built:
    """A file through TensorRT-RTX's parser and builder."""
    library = load_library("tensorrt-rtx")
    parsed = parse_network(library, path, shapes)
    layers = [parsed.network.get_layer(index) for index in range(parsed.network.num_layers)]
    convolutions = {
        layer.get_output(0).dtype.name
        for layer in layers
        if layer.type == library.module.LayerType.CONVOLUTION
    }
    plan = build_plan(library, path, shapes, None)
    return Built(
        {name: str(spec) for name, spec in parsed.inputs.items()},
        {name: str(spec) for name, spec in parsed.outputs.items()},
        convolutions,
        len(plan),
        hashlib.sha256(plan).hexdigest(),
    )


def in_child(function: Callable[..., T], *args: Any) -> T:
    """The function's result, or what it raised, from a process of its own; BrokenProcessPool if that dies."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *args).result()
