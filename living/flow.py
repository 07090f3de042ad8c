"""Optical flow between two pictures."""

import cv2
import numpy as np

from app.frame import F32, U8


def flow_between(a: U8, b: U8) -> F32:
    """Where each pixel of a luma picture, uint8 (H, W), is in another: float32 (H, W, 2), x and y in pixels.

    By dense inverse search (Kroeger et al., 2016).
    """
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.asarray(search.calc(a, b, np.zeros((*a.shape, 2), np.float32)), np.float32)
