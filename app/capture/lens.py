"""How wide the camera's view is, as files say it."""

import math
import re
from collections.abc import Mapping

_KEYS = (
    "com.apple.quicktime.camera.focal_length.35mm_equivalent",
    "FocalLengthIn35mmFilm",
    "FocalLengthIn35mmFormat",
)

_DIAGONAL_MM = math.hypot(36, 24)


def fov_of(metadata: Mapping[str, str], size_wh: tuple[int, int]) -> float | None:
    """Width of the view in degrees from the focal length that a file states, for pictures of this size.

    Focal lengths "equivalent to 35 mm film" are read by the picture's diagonal. None = not stated.
    """
    for key in _KEYS:
        stated = re.match(r"\s*(\d+(?:\.\d+)?)", metadata.get(key, ""))
        if stated and float(stated[1]) > 0:
            focal = float(stated[1]) / _DIAGONAL_MM * math.hypot(*size_wh)
            return math.degrees(2 * math.atan(size_wh[0] / 2 / focal))
    return None
