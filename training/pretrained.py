"""ImageNet weights of MobileNetV2 (Apache-2.0) put into the encoder.

Two kinds of file: Keras names and layouts with batch norms, or layers by number with the norms folded in.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from export.network import ConvNorm, InvertedResidual, MobileEncoder
from training.data import DataError

Weights = Mapping[str, NDArray[np.float32]]


def load_mobilenet(encoder: MobileEncoder, path: Path, images: Tensor) -> None:
    """Copies the weights of a MobileNetV2 of the encoder's width; height's weights start at zero.

    `images`, float32 (N, 3, H, W) in [0, 1], show norms that are folded in what they stand for. Raises
    DataError where the file is no such set of weights.
    """
    try:
        with np.load(path) as archive:
            weights = {name: archive[name] for name in archive.files}
        if "0.weight" in weights:
            _fill_folded(encoder, weights)
            _unfold_norms(encoder, images)
        else:
            _fill(encoder, weights)
    except (OSError, ValueError, KeyError, RuntimeError, BadZipFile) as error:
        raise DataError(f"{path}: not MobileNetV2 weights of this width ({error})") from error


def _fill(encoder: MobileEncoder, weights: Weights) -> None:
    stem = weights["Conv1/kernel"]
    height = np.zeros((*stem.shape[:2], 1, stem.shape[3]), np.float32)
    _put(encoder.stem, np.concatenate([stem, height], axis=2), weights, "bn_Conv1")
    for index, block in enumerate(encoder.blocks):
        assert isinstance(block, InvertedResidual)
        name = f"block_{index}" if index else "expanded_conv"
        if isinstance(block.expand, ConvNorm):
            _put(block.expand, weights[f"{name}_expand/kernel"], weights, f"{name}_expand_BN")
        # depthwise kernels are stored as (height, width, channel, 1)
        depthwise = weights[f"{name}_depthwise/depthwise_kernel"].transpose(0, 1, 3, 2)
        _put(block.depthwise, depthwise, weights, f"{name}_depthwise_BN")
        _put(block.project, weights[f"{name}_project/kernel"], weights, f"{name}_project_BN")
    _put(encoder.head, weights["Conv_1/kernel"], weights, "Conv_1_bn")


def _fill_folded(encoder: MobileEncoder, weights: Weights) -> None:
    layers = [layer for layer in encoder.modules() if isinstance(layer, ConvNorm)]
    for number, layer in enumerate(layers):
        kernel, bias = weights[f"{number}.weight"], weights[f"{number}.bias"]
        if number == 0:
            kernel = np.concatenate([kernel, np.zeros_like(kernel[:, :1])], axis=1)
        if layer.conv.weight.shape != kernel.shape:
            raise ValueError(f"{number}.weight: {kernel.shape} does not fit {tuple(layer.conv.weight.shape)}")
        layer.conv.weight.data.copy_(torch.from_numpy(kernel))
        layer.norm.bias.data.copy_(torch.from_numpy(bias))


@torch.no_grad()
def _unfold_norms(encoder: MobileEncoder, images: Tensor) -> None:
    """Gives the norms of folded weights the mean and variance that the images show there.

    What the encoder computes stays; trained with norms that know nothing of their input, it would be lost.
    """

    def measure(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        norm.running_mean = inputs[0].mean(dim=(0, 2, 3))
        norm.running_var = inputs[0].var(dim=(0, 2, 3))
        norm.bias.add_(norm.running_mean)
        norm.weight.copy_((norm.running_var + norm.eps).sqrt())

    norms = [layer.norm for layer in encoder.modules() if isinstance(layer, ConvNorm)]
    hooks = [norm.register_forward_pre_hook(measure) for norm in norms]
    encoder.eval()(images)
    for hook in hooks:
        hook.remove()


def _put(layer: ConvNorm, kernel: NDArray[np.float32], weights: Weights, norm: str) -> None:
    """Fills a layer from a kernel (height, width, in, out) and the named batch norm."""
    parts = {
        "conv.weight": kernel.transpose(3, 2, 0, 1),
        "norm.weight": weights[f"{norm}/gamma"],
        "norm.bias": weights[f"{norm}/beta"],
        "norm.running_mean": weights[f"{norm}/moving_mean"],
        "norm.running_var": weights[f"{norm}/moving_variance"],
    }
    own = layer.state_dict()
    for name, value in parts.items():
        if own[name].shape != value.shape:
            raise ValueError(f"{norm}: {value.shape} does not fit {tuple(own[name].shape)}")
        own[name].copy_(torch.from_numpy(np.ascontiguousarray(value)))
