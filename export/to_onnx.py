"""Turns released weights into the ONNX file that the program runs.

The file's contract: one input `image` float32 (1, 3, H, W), RGB in [0, 1], H and W any multiples of 32; one
output `alpha` float32 (1, 1, H, W) in [0, 1], 1 = sky. Metadata: name, date, data, licence, and size =
working size WxH for 16:9.
"""

from __future__ import annotations

import copy
import dataclasses
import logging
import warnings
from pathlib import Path

import onnx
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from export.checkpoint import CheckpointError, Origin, load_checkpoint
from export.network import STRIDE, ConvNorm, MattingNetwork

INPUT, OUTPUT = "image", "alpha"
OPSET = 18
LARGEST_SIDE = 4096
_TRACED_HW = (2 * STRIDE, 3 * STRIDE)
"""Any size will do, but sides of one stride would be taken for constants."""


def export_checkpoint(checkpoint: Path, out: Path) -> None:
    """Writes the ONNX file of a checkpoint; raises CheckpointError naming the file that fails."""
    if not out.parent.is_dir():
        raise CheckpointError(f"{out}: its folder does not exist")
    if out.is_dir():
        raise CheckpointError(f"{out}: is a folder")
    network, origin = load_checkpoint(checkpoint)
    model = to_onnx(network, origin)
    part = out.with_name(out.name + ".part")
    try:
        part.write_bytes(model.SerializeToString(deterministic=True))
        part.replace(out)
    except OSError as error:
        raise CheckpointError(f"{out}: {error.strerror}") from error


def to_onnx(network: MattingNetwork, origin: Origin) -> onnx.ModelProto:
    """The network in evaluation mode as an ONNX model that fulfils the contract above."""
    width, height = network.spec.working_size_wh
    steps = {
        axis: STRIDE * torch.export.Dim(name, min=1, max=LARGEST_SIDE // STRIDE)
        for axis, name in ((2, "h"), (3, "w"))
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            fold_norms(network),
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
    strip(model)
    metadata = dataclasses.asdict(origin) | {"size": f"{width}x{height}", "spec": network.spec.to_json()}
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return model


def fold_norms(network: MattingNetwork) -> MattingNetwork:
    """A copy of a network in evaluation mode with every batch norm folded into its convolution."""
    folded = copy.deepcopy(network).eval()
    for module in folded.modules():
        if isinstance(module, ConvNorm):
            module.conv = fuse_conv_bn_eval(module.conv, module.norm)
            module.norm = nn.Identity()  # type: ignore[assignment]
    return folded


def strip(model: onnx.ModelProto) -> None:
    """Takes out what the exporter notes for debugging (stack traces with local paths), and names the axes."""
    graph = model.graph
    graph.ClearField("value_info")
    for item in (*graph.node, *graph.input, *graph.output, *graph.initializer, graph):
        item.doc_string = ""
        item.ClearField("metadata_props")
    for value in (*graph.input, *graph.output):
        for axis, name in ((2, "height"), (3, "width")):
            value.type.tensor_type.shape.dim[axis].dim_param = name
