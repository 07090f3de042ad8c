"""What engines are measured with: the matting network, and whole frames of a size."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.config import ROOT
from export.checkpoint import load_checkpoint
from export.frame import FrameNetwork, network_size
from export.frame_to_onnx import INPUTS, example, frame_to_onnx
from export.to_onnx import Precision, typed, write_model

MODELS = ROOT / "models"
SIZES_WH = ((1280, 720), (1920, 1080), (3840, 2160))

_FILES: dict[Precision, Path] = {"float": MODELS / "matte.onnx", "half": MODELS / "matte_fp16.onnx"}
# As far as a still camera's picture moves over the sky from frame to frame.
_ROTATION = np.array([[0.999, 0.01, 2.0], [-0.01, 0.999, 12.0], [0.0, 1e-6, 1.0]], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """A graph in both precisions, and something to feed it with, by the inputs' names in their order.

    `held` inputs stay the same for many frames; `carried` ones take a tensor of the run before. `file` and
    `module` make the ONNX file and the same in torch. Bytes: of all outputs, and of the network's weights.
    """

    name: str
    feeds: Mapping[str, NDArray[Any]]
    output_bytes: int
    file: Callable[[Precision], Path]
    module: Callable[[Precision], torch.nn.Module]
    weight_bytes: Callable[[Precision], int]
    held: frozenset[str] = frozenset()
    carried: Mapping[str, str] = field(default_factory=dict)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The inputs' shapes."""
        return {name: array.shape for name, array in self.feeds.items()}

    @property
    def fed(self) -> dict[str, NDArray[Any]]:
        """What has to be given for each frame."""
        return {
            name: array
            for name, array in self.feeds.items()
            if name not in self.held and name not in self.carried
        }

    @property
    def uploaded_bytes(self) -> int:
        """What goes to the device for each frame."""
        return sum(array.nbytes for array in self.fed.values())

    def touched_bytes(self, precision: Precision) -> int:
        """The least that is read and written on the device for each frame: inputs, outputs, weights."""
        inputs = sum(array.nbytes for array in self.feeds.values())
        return inputs + self.output_bytes + self.weight_bytes(precision)


def matte() -> Workload:
    """The matting network for frames of 16:9, whose size does not depend on the frame's."""
    network, _ = load_checkpoint(MODELS / "matte.safetensors")
    width, height = network_size(SIZES_WH[0], network.spec.working_size_wh)
    image = np.random.default_rng(0).random((1, 3, height, width), dtype=np.float32)
    return Workload(
        f"matte {width}x{height}",
        {"image": image},
        image.nbytes // 3,
        _FILES.__getitem__,
        functools.cache(lambda precision: typed(network, precision).eval()),
        _weight_bytes,
    )


def whole_frame(size_wh: tuple[int, int], folder: Path) -> Workload:
    """The whole frame of a size; its files are made in the folder when they are asked for, which takes a
    minute or more. The sky has as many samples as the frame."""
    network, origin = load_checkpoint(MODELS / "matte.safetensors")
    width, height = size_wh
    feeds = {name: tensor.numpy() for name, tensor in example(size_wh).items()}
    half = ((height + 1) // 2, (width + 1) // 2)
    rng = np.random.default_rng(0)
    for name, shape in (("sky_y", (2 * half[0], 2 * half[1])), ("sky_u", half), ("sky_v", half)):
        feeds[name] = rng.integers(0, 256, shape, np.uint8)
    feeds["rotation"] = _ROTATION

    @functools.cache
    def file(precision: Precision) -> Path:
        path = folder / f"frame_{width}x{height}_{precision}.onnx"
        write_model(frame_to_onnx(network, origin, size_wh, precision), path)
        return path

    @functools.cache
    def module(precision: Precision) -> torch.nn.Module:
        return FrameNetwork(typed(network, precision), size_wh, network.spec.working_size_wh).eval()

    return Workload(
        f"frame {width}x{height}",
        {name: feeds[name] for name in INPUTS},
        sum(feeds[name].nbytes for name in ("y", "u", "v", "prev_alpha")) + 8,
        file,
        module,
        _weight_bytes,
        frozenset({"sky_y", "sky_u", "sky_v"}),
        {"prev_alpha": "alpha", "prev_y": "y"},
    )


def workloads(sizes_wh: list[tuple[int, int]], folder: Path) -> list[Workload]:
    """The matting network, and whole frames of the sizes."""
    return [matte(), *(whole_frame(size_wh, folder) for size_wh in sizes_wh)]


def _weight_bytes(precision: Precision) -> int:
    return _FILES[precision].stat().st_size
