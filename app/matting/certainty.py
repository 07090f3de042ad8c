"""How far the matting network may be trusted on a picture, from its own alpha."""

import math

import cv2
import numpy as np

from app.frame import F32, Found

_WINDOW = np.ones((5, 5), np.uint8)
_LEAST_SHARE = 0.02
"""Added to the sky's share: a trace of doubt where there is next to no sky is no alarm."""
_WEIGHT = 2.0


def look_at(alpha: F32) -> Found:
    """What was found in a picture, of the network's alpha: float32 (h, w) in [0, 1], 1 = sky.

    A sure network says 0 or 1, except where sky and ground meet. Doubt is what is said between, 4 a (1 - a),
    away from edges: less the range of alpha in a window of 5x5 pixels. Confidence falls with the doubt for
    each pixel of sky. How well that foretells errors is in `docs/matting.md`.
    """
    share = float(alpha.mean())
    range_ = cv2.dilate(alpha, _WINDOW) - cv2.erode(alpha, _WINDOW)
    doubt = float((4 * alpha * (1 - alpha) * (1 - range_)).mean())
    return Found(share, math.exp(-_WEIGHT * doubt / (share + _LEAST_SHARE)))
