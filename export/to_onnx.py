"""Turns released weights into the ONNX file that the program runs.

The file's contract: one input `image` float32 (1, 3, H, W), RGB in [0, 1], H and W any multiples of 32; one
output `alpha` float32 (1, 1, H, W) in [0, 1], 1 = sky. Metadata: name, date, data, licence, size = working
size WxH for 16:9, and precision. Of precision half, weights and all that is computed between input and output
are float16, strongly typed: for GPUs, which run it faster; a CPU does not.
"""

from __future__ import annotations

import copy
import dataclasses
import logging
import warnings
from pathlib import Path
from typing import Literal

import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from export.checkpoint import CheckpointError, Origin, load_checkpoint
from export.network import STRIDE, ConvNorm, MattingNetwork

Precision = Literal["float", "half"]

INPUT, OUTPUT = "image", "alpha"
OPSET = 18
LARGEST_SIDE = 4096
_TRACED_HW = (2 * STRIDE, 3 * STRIDE)
"""Any size will do, but sides of one stride would be taken for constants."""


def export_checkpoint(checkpoint: Path, out: Path, precision: Precision = "float") -> None:
    """Writes the ONNX file of a checkpoint; raises CheckpointError naming the file that fails."""
    check_place(out)
    network, origin = load_checkpoint(checkpoint)
    write_model(to_onnx(network, origin, precision), out)


def check_place(out: Path) -> None:
    """Raises CheckpointError where no file can be written: before the work, not after it."""
    if not out.parent.is_dir():
        raise CheckpointError(f"{out}: its folder does not exist")
    if out.is_dir():
        raise CheckpointError(f"{out}: is a folder")


def write_model(model: onnx.ModelProto, out: Path) -> None:
    """Writes a model; the file appears whole or not at all. Raises CheckpointError naming it."""
    part = out.with_name(out.name + ".part")
    try:
        part.write_bytes(model.SerializeToString(deterministic=True))
        part.replace(out)
    except OSError as error:
        raise CheckpointError(f"{out}: {error.strerror}") from error


def to_onnx(network: MattingNetwork, origin: Origin, precision: Precision = "float") -> onnx.ModelProto:
    """The network in evaluation mode as an ONNX model that fulfils the contract above."""
    steps = {
        axis: STRIDE * torch.export.Dim(name, min=1, max=LARGEST_SIDE // STRIDE)
        for axis, name in ((2, "h"), (3, "w"))
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            typed(network, precision),
            (torch.zeros(1, 3, *_TRACED_HW),),
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            opset_version=OPSET,
            dynamic_shapes=(steps,),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    for value in (*model.graph.input, *model.graph.output):
        for axis, name in ((2, "height"), (3, "width")):
            value.type.tensor_type.shape.dim[axis].dim_param = name
    return finished(model, metadata_of(network, origin, precision))


def finished(model: onnx.ModelProto, metadata: dict[str, str]) -> onnx.ModelProto:
    """The model with its metadata, without what was noted for debugging (traces, local paths), checked."""
    graph = model.graph
    graph.ClearField("value_info")
    for item in (*graph.node, *graph.input, *graph.output, *graph.initializer, graph):
        item.doc_string = ""
        item.ClearField("metadata_props")
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return model


def metadata_of(network: MattingNetwork, origin: Origin, precision: Precision) -> dict[str, str]:
    """What an ONNX file says of its network."""
    width, height = network.spec.working_size_wh
    size = {"size": f"{width}x{height}", "spec": network.spec.to_json(), "precision": precision}
    return dataclasses.asdict(origin) | size


class HalfNetwork(nn.Module):
    """A network of folded norms in float16, with input and output as before in float32."""

    def __init__(self, folded: MattingNetwork) -> None:
        super().__init__()
        self.network = copy.deepcopy(folded).half()

    def forward(self, image: Tensor) -> Tensor:
        """Alpha float32 (N, 1, H, W) of an image float32 (N, 3, H, W)."""
        alpha: Tensor = self.network(image.half())
        return alpha.float()


def typed(network: MattingNetwork, precision: Precision) -> nn.Module:
    """The network as it is exported. Norms are folded in float: to fold them in half doubles the error."""
    folded = fold_norms(network)
    return HalfNetwork(folded) if precision == "half" else folded


def fold_norms(network: MattingNetwork) -> MattingNetwork:
    """A copy of a network in evaluation mode with every batch norm folded into its convolution."""
    folded = copy.deepcopy(network).eval()
    for module in folded.modules():
        if isinstance(module, ConvNorm):
            module.conv = fuse_conv_bn_eval(module.conv, module.norm)
            module.norm = nn.Identity()  # type: ignore[assignment]
    return folded
