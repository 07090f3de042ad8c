"""What is wrong with the labels, by rules: bands and specks that teach nothing, and finer mattes for pasting.

Judged on enlarged edges of each set. CamVid, Cityscapes and IDD are outlined to a pixel (about half a pixel
into the sky, in training and validation alike, so they stay as they are); LabelMeFacade and the ships'
pictures are off by two or three; the webcams carry a band of unlabelled pixels already. Wires, twigs and
lamps are sky in IDD, LabelMeFacade and at times Cityscapes.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data import Picture, Sample, load_picture

Array = NDArray[np.uint8]
Float = NDArray[np.float32]

EDGE_BANDS_PX = {"labelmefacade": 5, "oasis_marine": 3}
"""Width, in pixels of a picture 480 wide, of the band across a hard label's edge that teaches nothing."""

THIN_IN_SKY = frozenset({"idd_lite", "labelmefacade", "cityscapes_sub"})
"""Sets in which thin things before the sky are labelled as sky."""

BORDERS_PX = {"cityscapes_sub": 3}
"""Rows and columns at the picture's border that are labelled as not sky whatever they show."""

_REACH_PX = 5
_COLOUR_PX = 41


def load_for_training(sample: Sample, max_side: int) -> Picture:
    """The sample's picture as `load_picture` gives it, its doubtful labels not valid, and its `cut` made."""
    picture = load_picture(sample, max_side)
    if sample.soft:
        return picture
    valid = picture.valid & ~distrusted(picture.image, picture.alpha, sample.dataset)
    cut = pasting_matte(picture.image, picture.alpha, picture.valid)
    return dataclasses.replace(picture, valid=valid, cut=cut)


def distrusted(image: Array, alpha: Array, dataset: str) -> Array:
    """255 where a hard label of the set is not to be believed, uint8 (H, W); image (H, W, 3) RGB."""
    doubt = np.zeros_like(alpha)
    if dataset in EDGE_BANDS_PX:
        doubt |= edge_band(alpha, max(3, round(EDGE_BANDS_PX[dataset] * alpha.shape[1] / 480)))
    if dataset in THIN_IN_SKY:
        doubt |= thin_in_sky(image, alpha)
    border = BORDERS_PX.get(dataset, 0)
    if border:
        inner = np.s_[border:-border, border:-border]
        doubt |= 255 * np.pad(np.zeros_like(alpha[inner]), border, constant_values=1)
    return doubt


def edge_band(alpha: Array, width_px: int) -> Array:
    """255 where alpha changes within a square of `width_px`, else 0."""
    kernel = np.ones((width_px, width_px), np.uint8)
    changes = cv2.subtract(cv2.dilate(alpha, kernel), cv2.erode(alpha, kernel))
    return np.where(changes > 0, 255, 0).astype(np.uint8)


def thin_in_sky(image: Array, alpha: Array) -> Array:
    """255 on narrow dark lines and specks within what is labelled as sky, and a pixel around them."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    closed = cv2.morphologyEx(grey, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9)))
    dark = (cv2.subtract(closed, grey) > np.maximum(20, 0.13 * closed)) & (alpha > 127)
    return np.asarray(cv2.dilate(np.where(dark, 255, 0).astype(np.uint8), np.ones((3, 3), np.uint8)))


def pasting_matte(image: Array, alpha: Array, valid: Array) -> tuple[Array, Array]:
    """(matte, trusted) of a hard-labelled picture: what of each pixel to replace when its sky is replaced.

    Near the label's edge, and on thin things within the sky, the share of sky is read off the colour, on the
    line from the ground's colour nearby to the sky's; where the two are alike, the label stays and is not
    trusted near the edge. Sky that shows through gaps in the ground, and unlabelled pixels, are not trusted.
    """
    hard = np.where(alpha > 127, 255, 0).astype(np.uint8)
    thin = thin_in_sky(image, hard)
    unknown = edge_band(hard, 2 * _REACH_PX + 1) | thin | ~valid
    colours = image.astype(np.float32)
    ground, ground_weight = _mean_nearby(colours, (hard == 0) & (unknown == 0))
    sky, sky_weight = _mean_nearby(colours, (hard == 255) & (unknown == 0))
    line = sky - ground
    contrast = np.sqrt((line**2).sum(axis=2))
    share = ((colours - ground) * line).sum(axis=2) / np.maximum(contrast**2, 1.0)
    share = np.clip((share - 0.12) / 0.76, 0.0, 1.0)
    told_apart = (contrast > 55.0) & (ground_weight > 0.01) & (sky_weight > 0.01)
    feathered = cv2.GaussianBlur(hard, (0, 0), 0.8)
    matte = np.where(told_apart, 255.0 * share, feathered)
    matte = np.where(unknown > 0, matte, hard).astype(np.uint8)
    gaps = (hard == 0) & (unknown == 0) & (np.abs(colours - sky).max(axis=2) < 22) & (contrast > 70.0)
    unsure = edge_band(hard, 7) & np.where(told_apart, 0, 255).astype(np.uint8)
    visible = np.where(gaps & (sky_weight > 0.0), 255, 0).astype(np.uint8)
    unsure |= np.asarray(cv2.dilate(visible, np.ones((3, 3), np.uint8)), np.uint8)
    unsure |= np.where((valid == 0) & ~told_apart, 255, 0).astype(np.uint8)
    return matte, cv2.bitwise_not(unsure).astype(np.uint8)


def _mean_nearby(colours: Float, where: NDArray[np.bool_]) -> tuple[Float, Float]:
    """Mean colour of the chosen pixels around each pixel, and their share of the surroundings."""
    chosen = where.astype(np.float32)
    size = (_COLOUR_PX, _COLOUR_PX)
    share = cv2.blur(chosen, size)
    mean = cv2.blur(colours * chosen[..., None], size) / np.maximum(share, 1e-4)[..., None]
    return np.asarray(mean, np.float32), np.asarray(share, np.float32)
