"""Cheap, good reduction of a plane."""

import cv2
import numpy as np

from app.frame import U8


def shrink(plane: U8, size_wh: tuple[int, int]) -> U8:
    """One plane at (width, height): halved by means while it is twice as large or more, then bilinear.

    A tenth of the cost of OpenCV's area filter over the whole way, and nearly as good.
    """
    width, height = size_wh
    while plane.shape[1] >= 2 * width and plane.shape[0] >= 2 * height:
        half = (plane.shape[1] // 2, plane.shape[0] // 2)
        plane = cv2.resize(plane, half, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    if (plane.shape[1], plane.shape[0]) == size_wh:
        return plane
    return cv2.resize(plane, size_wh, interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
