"""Varied training samples: crops, turns, light, weather, night, other skies, camera faults.

All randomness comes from the generator passed in, so a sample can be made again from its seed. Pictures are
uint8 (H, W, 3) RGB, alpha and valid uint8 (H, W). OpenCV and NumPy only: it shares the cores with the
training.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data import Picture

Array = NDArray[np.uint8]

_BAND_PX = 7
"""Where a hard mask's two sides are treated apart, this many pixels across its edge teach nothing: hard
labels are off by a pixel or two, and a rim of the old sky must not be learnt as foreground."""


def augment(
    picture: Picture, size_wh: tuple[int, int], skies: Sequence[Array], rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """(image, alpha, valid) of size (W, H), cut from `picture` and changed at random."""
    image, alpha, valid = crop(picture, size_wh, rng)
    change = rng.random()
    paste_below = (0.45 if picture.soft else 0.2) if skies else 0.0
    relight_below = paste_below + 0.16
    if change < relight_below and alpha.any():
        if change < paste_below:
            image = paste_sky(image, alpha, skies[int(rng.integers(len(skies)))], rng)
        else:
            image = relight_as_night(image, alpha, rng)
        if not picture.soft:
            valid = valid & ~edge_band(alpha)
    elif change > 0.94:
        image = add_fog(image, alpha, rng)
    elif change > 0.87 and skies:
        image = add_reflections(image, alpha, skies[int(rng.integers(len(skies)))], rng)
    if rng.random() < 0.06 and alpha.any():
        image = add_sun(image, alpha, rng)
    if rng.random() < 0.06:
        image = add_drops(image, rng)
    image = add_camera_faults(change_colours(image, rng), rng)
    if rng.random() < 0.04:
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
    turn = np.deg2rad(rng.normal(0.0, 4.0) if rng.random() < 0.85 else rng.uniform(-35.0, 35.0))
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


def edge_band(alpha: Array) -> Array:
    """255 where alpha changes within `_BAND_PX`, else 0."""
    kernel = np.ones((_BAND_PX, _BAND_PX), np.uint8)
    changes = cv2.subtract(cv2.dilate(alpha, kernel), cv2.erode(alpha, kernel))
    return np.where(changes > 0, 255, 0).astype(np.uint8)


def mix(foreground: Array, sky: Array, alpha: Array) -> Array:
    """foreground (1 - alpha) + sky alpha, alpha uint8 with 255 = sky."""
    share = alpha.astype(np.float32) / 255.0
    return np.asarray(cv2.blendLinear(foreground, sky, 1.0 - share, share), np.uint8)


def paste_sky(image: Array, alpha: Array, sky: Array, rng: np.random.Generator) -> Array:
    """The picture under a random part of another sky, its ground tinted towards that sky's mean colour."""
    rows, columns = alpha.shape
    part = rng.uniform(0.4, 1.0)
    height, width = round(sky.shape[0] * part), round(sky.shape[1] * part)
    top, left = rng.integers(sky.shape[0] - height + 1), rng.integers(sky.shape[1] - width + 1)
    piece = sky[top : top + height, left : left + width]
    if rng.random() < 0.5:
        piece = piece[:, ::-1]
    piece = _stretch(piece, (columns, rows))
    light = piece.mean(axis=(0, 1)) / max(1.0, float(image.mean()))
    gains = np.clip(light ** rng.uniform(0.0, 0.9), 0.15, 1.6)
    return mix(_scale(image, gains), piece, alpha)


def relight_as_night(image: Array, alpha: Array, rng: np.random.Generator) -> Array:
    """The picture as if by night: ground and sky darkened and tinted apart, with lamps on the ground."""
    ground = _scale(image, np.exp(rng.uniform(np.log(0.08), np.log(0.6))) * np.exp(rng.normal(0.0, 0.15, 3)))
    sky = _scale(image, np.exp(rng.uniform(np.log(0.05), np.log(0.6))) * np.exp(rng.normal(0.0, 0.3, 3)))
    lamps = np.zeros_like(image)
    spots = np.argwhere(alpha == 0)
    for _ in range(rng.integers(0, 14) if len(spots) else 0):
        y, x = spots[rng.integers(len(spots))]
        colour = (255.0, float(rng.uniform(170, 255)), float(rng.uniform(90, 255)))
        cv2.circle(lamps, (int(x), int(y)), int(rng.integers(1, 5)), colour, -1)
    glow = cv2.GaussianBlur(lamps, (0, 0), float(rng.uniform(0.8, 3.0)))
    return mix(cv2.add(ground, glow).astype(np.uint8), sky, alpha)


def add_reflections(image: Array, alpha: Array, sky: Array, rng: np.random.Generator) -> Array:
    """The picture with panes on the ground, in a row or grid, that mirror a sky: windows are not sky."""
    rows, columns = alpha.shape
    mirrored = _stretch(sky[::-1], (columns, rows))
    panes = np.zeros((rows, columns), np.float32)
    pane = rng.uniform(0.03, 0.2, 2) * min(rows, columns) * np.array([1.0, 1.5])
    pitch = pane * rng.uniform(1.1, 1.6, 2)
    left, top = rng.uniform(0.0, (0.8, 0.5)) * np.array([columns, rows])
    strength = rng.uniform(0.4, 0.95)
    for across in range(rng.integers(1, 6)):
        for down in range(rng.integers(1, 5)):
            x, y = left + across * pitch[0], top + down * pitch[1]
            box = np.s_[int(y) : int(y + pane[1]), int(x) : int(x + pane[0])]
            panes[box] = strength
    ground = cv2.erode(np.where(alpha == 0, 1, 0).astype(np.uint8), np.ones((9, 9), np.uint8))
    panes *= ground
    return np.asarray(cv2.blendLinear(image, mirrored, 1.0 - panes, panes), np.uint8)


def add_fog(image: Array, alpha: Array, rng: np.random.Generator) -> Array:
    """The picture in fog: sky and far ground (the upper rows) fade towards one grey, near ground less."""
    rows, columns = alpha.shape
    density = rng.uniform(0.3, 0.8)
    nearness = np.linspace(0.0, 1.0, rows, dtype=np.float32)[:, None] ** rng.uniform(0.7, 2.0)
    haze = np.clip(density * (1.0 - 0.8 * nearness), 0.0, 1.0) * np.ones((1, columns), np.float32)
    haze = np.where(alpha > 127, density, haze).astype(np.float32)
    colour = np.clip(rng.uniform(110, 235) + rng.normal(0.0, 8.0, 3), 0, 255)
    grey = np.broadcast_to(colour.astype(np.uint8), image.shape)
    return np.asarray(cv2.blendLinear(image, np.ascontiguousarray(grey), 1.0 - haze, haze), np.uint8)


def add_sun(image: Array, alpha: Array, rng: np.random.Generator) -> Array:
    """The picture with a sun in its sky: a disc, and a wide glow that spills over what stands before it."""
    rows, columns = alpha.shape
    spots = np.argwhere(alpha > 200)
    if not len(spots):
        return image
    y, x = spots[rng.integers(len(spots))]
    squared = (np.arange(rows) - y)[:, None] ** 2 + (np.arange(columns) - x)[None, :] ** 2
    disc, glow = rng.uniform(2.0, 10.0), rng.uniform(15.0, 120.0)
    light = np.exp(-squared / (2 * disc**2)) + rng.uniform(0.2, 0.7) * np.exp(-np.sqrt(squared) / glow)
    colour = np.array([1.0, rng.uniform(0.7, 1.0), rng.uniform(0.3, 1.0)])
    return np.asarray(np.clip(image + 255.0 * light[..., None] * colour, 0, 255), np.uint8)


def add_drops(image: Array, rng: np.random.Generator) -> Array:
    """The picture through drops or flakes: blobs that show it upside down, blurred, darker or brighter."""
    rows, columns = image.shape[:2]
    blobs = np.zeros((rows, columns), np.uint8)
    largest = rng.uniform(1.0, 9.0)
    for _ in range(rng.integers(20, 160)):
        axes = (int(rng.uniform(1.0, 1.0 + largest)), int(rng.uniform(1.0, 1.0 + largest)))
        centre = (int(rng.integers(columns)), int(rng.integers(rows)))
        cv2.ellipse(blobs, centre, axes, 0.0, 0.0, 360.0, 255, -1)
    strength = rng.uniform(0.3, 0.9) / 255
    share = cv2.GaussianBlur(blobs, (0, 0), float(rng.uniform(0.5, 1.5))) * np.float32(strength)
    shown = _scale(np.asarray(cv2.blur(image[::-1], (15, 15)), np.uint8), rng.uniform(0.4, 1.8) * np.ones(3))
    return np.asarray(cv2.blendLinear(image, shown, 1.0 - share, share), np.uint8)


def add_bars(image: Array, alpha: Array, valid: Array, rng: np.random.Generator) -> None:
    """Puts black bars, which are not sky, on two sides of all three planes, in place."""
    side = rng.random() < 0.5
    length = image.shape[1] if side else image.shape[0]
    width = int(length * rng.uniform(0.03, 0.2))
    bars = np.r_[:width, length - width : length]
    index = np.s_[:, bars] if side else np.s_[bars]
    image[index] = rng.integers(0, 12)
    alpha[index] = 0
    valid[index] = 255


def change_colours(image: Array, rng: np.random.Generator) -> Array:
    """Random exposure, contrast, gamma and white balance in one table look-up, then random saturation."""
    ramp = np.linspace(0.0, 1.0, 256)[:, None]
    curve = ramp ** np.exp(rng.normal(0.0, 0.25))
    gain = np.exp(rng.normal(0.0, 0.17)) * np.exp(rng.normal(0.0, 0.07, 3))
    curve = (curve - 0.5) * np.exp(rng.normal(0.0, 0.15)) + 0.5 + rng.normal(0.0, 0.05)
    table = np.clip(curve * gain * 255.0, 0, 255).astype(np.uint8)
    out = cv2.LUT(image, table[:, None, :])
    if rng.random() < 0.35:
        saturation = rng.uniform(0.0, 1.5)
        luma = np.array([0.299, 0.587, 0.114])
        matrix = saturation * np.eye(3) + (1.0 - saturation) * np.ones((3, 1)) @ luma[None, :]
        out = cv2.transform(out, matrix)
    return np.asarray(out, np.uint8)


def add_camera_faults(image: Array, rng: np.random.Generator) -> Array:
    """Sometimes blur, sometimes noise, sometimes JPEG blocks."""
    if rng.random() < 0.12:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.5))), np.uint8)
    if rng.random() < 0.2:
        noise = rng.standard_normal(image.shape, dtype=np.float32) * rng.uniform(2.0, 14.0)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.15:
        _, code = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])
        image = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)
    return image


def _scale(image: Array, gains: NDArray[np.float64]) -> Array:
    """The picture with each channel multiplied."""
    table = np.clip(np.arange(256)[:, None] * gains, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table[:, None, :]), np.uint8)


def _stretch(picture: Array, size_wh: tuple[int, int]) -> Array:
    """The picture, or a view of one, at (width, height)."""
    return np.asarray(cv2.resize(np.ascontiguousarray(picture), size_wh), np.uint8)
