"""ImageNet weights of MobileNetV2 (Keras names and layouts, Apache-2.0) put into the encoder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray

from export.network import ConvNorm, InvertedResidual, MobileEncoder
from training.data import DataError

Weights = Mapping[str, NDArray[np.float32]]


def load_mobilenet(encoder: MobileEncoder, path: Path) -> None:
    """Copies the weights of a Keras MobileNetV2 of the encoder's width; height's weights start at zero.

    Raises DataError where the file is no such set of weights.
    """
    try:
        with np.load(path) as archive:
            _fill(encoder, {name: archive[name] for name in archive.files})
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
