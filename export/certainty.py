"""How far the network's alpha may be trusted: `app.matting.certainty` in torch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_WINDOW = 5
_LEAST_SHARE = 0.02
_WEIGHT = 2.0


def found(alpha: Tensor) -> Tensor:
    """(2,): the sky's share and the confidence of the network's alpha (h, w), which lies in [0, 1]."""
    reach = _WINDOW // 2
    both = F.max_pool2d(torch.stack([alpha, -alpha])[None], _WINDOW, 1, reach)[0]
    spread = both[0] + both[1]
    share = alpha.mean()
    doubt = (4.0 * alpha * (1.0 - alpha) * (1.0 - spread)).mean()
    return torch.stack([share, torch.exp(-_WEIGHT * doubt / (share + _LEAST_SHARE))])
