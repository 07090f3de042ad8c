"""Stand-ins for the network: an engine that computes its alpha with a formula, and tiny ONNX files."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from app.frame import F32
from engines.base import TensorSpec

FLOAT32: np.dtype[Any] = np.dtype(np.float32)


def blueness(image: F32) -> F32:
    """1 where blue leads red by 20 % or more, 0 where it does not lead: (1, 3, H, W) -> (1, 1, H, W)."""
    lead: F32 = np.clip((image[:, 2:3] - image[:, 0:1]) * 5, 0, 1)
    return lead


def upper_half(image: F32) -> F32:
    """1 in the upper half, 0 below, whatever the picture shows."""
    alpha = np.zeros((1, 1, *image.shape[2:]), np.float32)
    alpha[:, :, : image.shape[2] // 2] = 1
    return alpha


class FakeEngine:
    """An engine whose alpha is a function of the image; `images` keeps a copy of what it was fed."""

    def __init__(
        self,
        alpha: Callable[[F32], F32] = blueness,
        *,
        metadata: Mapping[str, str] | None = None,
        inputs: Mapping[str, TensorSpec] | None = None,
        outputs: Mapping[str, TensorSpec] | None = None,
    ) -> None:
        self.path = Path("fake.onnx")
        self.name = "fake 1.0"
        self.metadata: Mapping[str, str] = {"size": "384x224"} if metadata is None else metadata
        self.inputs: Mapping[str, TensorSpec] = inputs or {"image": TensorSpec((1, 3, None, None), FLOAT32)}
        self.outputs: Mapping[str, TensorSpec] = outputs or {"alpha": TensorSpec((1, 1, None, None), FLOAT32)}
        self.images: list[F32] = []
        self.closed = False
        self._alpha = alpha

    def infer(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        image = feeds["image"]
        self.images.append(image.copy())
        return {"alpha": self._alpha(image)}

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def write_network(
    path: Path,
    *,
    input_name: str = "image",
    output_name: str = "alpha",
    channels: int = 3,
    size: tuple[int | str, int | str] = ("h", "w"),
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """An ONNX file that keeps the contract of the matting network (alpha = blue), unless told otherwise."""
    shape = (*size,)
    weights = np.zeros((1, channels, 1, 1), np.float32)
    weights[0, channels - 1] = 1
    graph = helper.make_graph(
        [helper.make_node("Conv", [input_name, "weights"], [output_name])],
        "blue",
        [helper.make_tensor_value_info(input_name, TensorProto.FLOAT, [1, channels, *shape])],
        [helper.make_tensor_value_info(output_name, TensorProto.FLOAT, [1, 1, *shape])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, dict(metadata) if metadata is not None else {"size": "384x224"})
    onnx.save(model, path)
    return path
