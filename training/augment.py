"""Varied training samples: crops and turns, rendered foregrounds, other skies, night, weather, camera faults.

All randomness comes from the generator passed in, so a sample can be made again from its seed. Pictures are
uint8 (H, W, 3) RGB, alpha and valid uint8 (H, W). OpenCV and NumPy only: it shares the cores with the
training.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from training.camera import add_bars, add_camera_faults, blur_by_motion, change_colours, overexpose
from training.cutouts import Cutout, paste_cutout, place_cutout
from training.data import Picture
from training.night import relight_as_night
from training.skies import horizon_of, paste_sky, plain_sky, sky_piece
from training.weather import (
    add_drops,
    add_fog,
    add_rain,
    add_reflections,
    add_snow,
    add_specks,
    add_sun,
    add_veil,
    add_water,
    whitewash,
)

Array = NDArray[np.uint8]

PASTED_SOFT, PASTED_HARD = 0.4, 0.24
"""Shares of samples with another sky, of pictures with mattes of their own and with hard labels."""
PLAIN = 0.3
"""Share of plain pale skies among those that are pasted."""
NIGHT = 0.18
"""Share of samples made night; a dark sky that is pasted makes it night too."""
CUTOUTS = 0.18
"""Share of samples with rendered foregrounds."""
_SKY_FOR_CUTOUTS = 10.0
"""Mean alpha, of 255, below which there is too little sky to put anything before it."""
_DARK = 45.0
"""Mean grey below which a picture or sky is night already."""


def augment(
    picture: Picture,
    size_wh: tuple[int, int],
    skies: Sequence[Array],
    rng: np.random.Generator,
    cutouts: Sequence[Cutout] = (),
) -> tuple[Array, Array, Array]:
    """(image, alpha, valid) of size (W, H), cut from `picture` and changed at random."""
    change = rng.random()
    paste_below = (PASTED_SOFT if picture.soft else PASTED_HARD) if skies else 0.0
    relit = change < paste_below + NIGHT and picture.image.mean() > _DARK and bool(picture.alpha.any())
    if relit and picture.cut is not None:
        picture = dataclasses.replace(picture, alpha=picture.cut[0], valid=picture.cut[1])
    image, alpha, valid = crop(picture, size_wh, rng)
    gains = np.ones(3)
    dark = image.mean() < _DARK
    if relit:
        piece = None
        if change < paste_below:
            if rng.random() < PLAIN:
                piece = plain_sky(size_wh, rng)
            else:
                piece = sky_piece(skies[int(rng.integers(len(skies)))], size_wh, horizon_of(alpha), rng)
        if piece is not None and piece.mean() >= _DARK:
            image = paste_sky(image, alpha, piece, rng)
        else:
            image, gains = relight_as_night(image, alpha, rng, piece)
            dark = True
    if cutouts and rng.random() < CUTOUTS and alpha.mean() > _SKY_FOR_CUTOUTS:
        image, alpha, valid = add_cutouts(image, alpha, valid, cutouts, gains, rng)
    image = add_weather(image, alpha, skies, rng)
    if rng.random() < 0.05 and not dark and alpha.any():
        image = overexpose(image, alpha, rng)
    if rng.random() < 0.07:
        image, alpha, valid = blur_by_motion(image, alpha, valid, rng)
    image = add_camera_faults(change_colours(image, rng, dark), rng, dark)
    if rng.random() < 0.03:
        add_bars(image, alpha, valid, rng)
    return image, alpha, valid


def crop(picture: Picture, size_wh: tuple[int, int], rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """(image, alpha, valid) of size (W, H): a random part, mirrored, stretched and turned.

    What lies outside of the picture is its mirror image and not valid.
    """
    width, height = size_wh
    rows, columns = picture.alpha.shape
    aspect = width / height * np.exp(rng.normal(0.0, 0.1))
    part = min(columns, rows * aspect) * min(1.0, rng.uniform(0.5, 1.25))
    scale_x, scale_y = part / width, part / aspect / height
    turn = np.deg2rad(rng.normal(0.0, 4.0) if rng.random() < 0.85 else rng.uniform(-32.0, 32.0))
    slack = np.array([columns - part, rows - part / aspect])
    centre = np.array([columns, rows]) / 2 + (rng.random(2) - 0.5) * slack
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    cos, sin = np.cos(turn), np.sin(turn)
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([mirror * scale_x, scale_y])
    matrix = np.column_stack([linear, centre - linear @ (np.array([width, height]) / 2)])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    image = cv2.warpAffine(picture.image, matrix, size_wh, flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    alpha = cv2.warpAffine(picture.alpha, matrix, size_wh, flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    valid = cv2.warpAffine(picture.valid, matrix, size_wh, flags=flags, borderMode=cv2.BORDER_CONSTANT)
    return image.astype(np.uint8), alpha.astype(np.uint8), np.where(valid >= 254, 255, 0).astype(np.uint8)


def add_cutouts(
    image: Array,
    alpha: Array,
    valid: Array,
    cutouts: Sequence[Cutout],
    gains: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[Array, Array, Array]:
    """(image, alpha, valid) with one to three rendered foregrounds in front, from against the light to lit.

    `gains` (3) is the picture's own change of light, as by night.
    """
    rows, columns = alpha.shape
    horizon = horizon_of(alpha) / rows
    # before a black sky only what a lamp lights can be seen, and labels of what cannot be seen teach nothing
    black = float(image[alpha > 127].mean()) < _DARK if (alpha > 127).any() else False
    lamplight = rng.uniform(0.2, 0.9) * np.array([1.0, 0.85, 0.65]) if black else np.zeros(3)
    for _ in range(rng.integers(1, 4)):
        placed = place_cutout(cutouts[int(rng.integers(len(cutouts)))], (columns, rows), horizon, rng)
        lit = rng.uniform(0.05, 0.6) if rng.random() < 0.6 else rng.uniform(0.6, 1.5)
        light = np.maximum(gains * lit, lamplight)
        image, alpha, valid = paste_cutout(image, alpha, valid, placed, light)
    return image, alpha, valid


def add_weather(image: Array, alpha: Array, skies: Sequence[Array], rng: np.random.Generator) -> Array:
    """Now and then what makes land look like sky, then fog, snow or rain, then sun and drops on the lens."""
    mirror = rng.random()
    if mirror < 0.05:
        image = add_water(image, alpha, rng)
    elif mirror < 0.1 and skies:
        image = add_reflections(image, alpha, skies[int(rng.integers(len(skies)))], rng)
    elif mirror < 0.12:
        image = whitewash(image, alpha, rng)
    weather = rng.random()
    if weather < 0.07:
        # a room in fog would be a white sheet
        image = add_fog(image, alpha, rng) if alpha.any() else image
    elif weather < 0.095:
        image = add_snow(image, alpha, rng)
    elif weather < 0.115:
        image = add_rain(image, rng)
    light = rng.random()
    if light < 0.05:
        image = add_sun(image, alpha, rng)
    elif light < 0.08:
        image = add_veil(image, rng)
    lens = rng.random()
    if lens < 0.04:
        image = add_drops(image, rng)
    elif lens < 0.07:
        image = add_specks(image, rng)
    return image
