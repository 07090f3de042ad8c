"""The training loss: cross-entropy weighted at edges, with terms for values, gradient and overlap."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

EDGE_PX = 9
LEVELS = 5
"""Of the Laplacian pyramid."""


@dataclass(frozen=True, slots=True)
class LossWeights:
    """What each term of the loss counts.

    cross_entropy, distance (L1): per pixel, under the edge weight; gradient: L1 of the steps between
    neighbours; laplacian: L1 of the Laplacian pyramids (Hou and Liu, "Context-aware image matting", ICCV
    2019); overlap: the soft Jaccard distance. Pixels within EDGE_PX of a change in alpha count `edges` more
    than others: rims give a matte away.
    """

    cross_entropy: float = 1.0
    distance: float = 1.5
    gradient: float = 1.0
    laplacian: float = 0.0
    overlap: float = 0.3
    edges: float = 3.0


def matte_loss(logits: Tensor, alpha: Tensor, valid: Tensor, weights: LossWeights) -> Tensor:
    """The loss, one number, of `logits` against `alpha` where `valid` is 1; all float32 (N, 1, H, W).

    The overlap is close to the measure reported. L1 has much say: where labels are off by a pixel,
    cross-entropy asks for a blurred edge, which shows as a rim of the old sky, L1 for a sharp one.
    """
    weight = valid * (1.0 + weights.edges * edges(alpha))
    total = weight.sum().clamp(min=1.0)
    predicted = torch.sigmoid(logits)
    cross_entropy = F.binary_cross_entropy_with_logits(logits, alpha, weight, reduction="sum") / total
    distance = (weight * (predicted - alpha).abs()).sum() / total
    overlap = (valid * torch.minimum(predicted, alpha)).sum()
    union = (valid * torch.maximum(predicted, alpha)).sum()
    jaccard = 1.0 - (overlap + 1.0) / (union + 1.0)
    loss = weights.cross_entropy * cross_entropy + weights.distance * distance + weights.overlap * jaccard
    if weights.gradient:
        loss = loss + weights.gradient * gradient_distance(predicted, alpha, valid)
    if weights.laplacian:
        loss = loss + weights.laplacian * laplacian_distance(predicted, alpha, valid)
    return loss


def edges(alpha: Tensor) -> Tensor:
    """1 where alpha varies by more than 0.1 within EDGE_PX, else 0; same shape."""
    highest = _window_max(alpha)
    lowest = -_window_max(-alpha)
    return (highest - lowest > 0.1).to(alpha.dtype)


def gradient_distance(predicted: Tensor, alpha: Tensor, valid: Tensor) -> Tensor:
    """The mean difference of the horizontal and vertical steps, over neighbours that are both valid."""
    error = predicted - alpha
    across = (error[..., 1:] - error[..., :-1]).abs() * valid[..., 1:] * valid[..., :-1]
    down = (error[..., 1:, :] - error[..., :-1, :]).abs() * valid[..., 1:, :] * valid[..., :-1, :]
    return (across.sum() + down.sum()) / valid.sum().clamp(min=1.0)


def laplacian_distance(predicted: Tensor, alpha: Tensor, valid: Tensor) -> Tensor:
    """The mean difference of the levels of the Laplacian pyramids, a level's weight twice the finer one's.

    Height and width are multiples of 2 ** LEVELS; a coarse pixel counts by its share of valid ones.
    """
    error, share = (predicted - alpha) * valid, valid
    distance = error.new_zeros(())
    for level in range(LEVELS):
        coarse = F.avg_pool2d(error, 2)
        detail = error - F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
        distance = distance + 2**level * (share * detail.abs()).sum() / share.sum().clamp(min=1.0)
        error, share = coarse, F.avg_pool2d(share, 2)
    return distance


def _window_max(x: Tensor) -> Tensor:
    """The highest value within EDGE_PX, by doubling windows: a tenth of a pooling layer's time on a CPU."""
    half = EDGE_PX // 2
    x = F.pad(x, (half, half, half, half), mode="replicate")
    for dim in (2, 3):
        for reach in (1, 2, 4, 1):
            size = x.shape[dim] - reach
            x = torch.maximum(x.narrow(dim, 0, size), x.narrow(dim, reach, size))
    return x
