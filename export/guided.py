"""The network's alpha brought to the frame's size along its edges: `app.matting.guided` in torch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from export.sampling import bilinear, rounded, sides

RADIUS, EPS = 2, 1e-3
"""`app.config.Matting`'s guide_radius and guide_eps."""

_FLOOR = 0.05
_GAIN = 1 / (1 - 2 * _FLOOR)
_ALPHA_VARIANCE = 1e-3 * 255**2


def guided_upsample(alpha: Tensor, small_luma: Tensor, luma: Tensor) -> Tensor:
    """Alpha (H, W) in whole levels, from alpha (h, w) in [0, 1] and luma (h, w) and (H, W) in levels."""
    levels = torch.floor(alpha.clamp(0.0, 1.0) * 255.0 + 0.5)
    products = [small_luma, levels, small_luma * small_luma, small_luma * levels, levels * levels]
    mean_luma, mean_alpha, luma2, both, alpha2 = _means(torch.stack(products))
    luma_variance = luma2 - mean_luma * mean_luma + EPS * 255**2
    covariance = both - mean_luma * mean_alpha
    slope = covariance / luma_variance
    weight = slope * covariance / (alpha2 - mean_alpha * mean_alpha + _ALPHA_VARIANCE)
    fits = torch.stack([weight * slope, weight * (mean_alpha - slope * mean_luma), weight])
    slope, offset, weight = _means(fits)
    offset = _GAIN * (offset + (1.0 - weight) * levels - 255 * _FLOOR)
    height, width = sides(luma)
    slope, offset = bilinear(torch.stack([_GAIN * slope, offset]), (width, height))
    return rounded(slope * luma + offset)


def _means(values: Tensor) -> Tensor:
    """Means (N, h, w) over the windows, which the picture's edge cuts off."""
    size = 2 * RADIUS + 1
    return F.avg_pool2d(values[None], size, 1, RADIUS, count_include_pad=False)[0]
