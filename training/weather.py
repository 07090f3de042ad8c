"""Weather and what it leaves on lens and ground: fog, rain, snow, drops, sun, wet roads, still water.

Pictures are uint8 (H, W, 3) RGB, alpha uint8 (H, W) with 255 = sky. None of these changes what is sky.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.skies import cloud_field, horizon_of

Array = NDArray[np.uint8]


def add_fog(image: Array, alpha: Array, rng: np.random.Generator) -> Array:
    """The picture in fog, thickest in the sky and at its edge, thinner towards what is low in the picture."""
    rows = len(alpha)
    ground = np.where(alpha < 128, 255, 0).astype(np.uint8)
    inside = cv2.distanceTransform(ground, cv2.DIST_L2, 3)
    below = np.linspace(0.0, 0.7 * rows, rows, dtype=np.float32)[:, None]
    nearness = np.minimum(1.0, (rng.uniform(0.0, 1.0) * inside + below) / (rng.uniform(0.5, 1.0) * rows))
    density = rng.uniform(0.3, 0.93)
    haze = density * (1.0 - np.float32(rng.uniform(0.5, 0.95)) * nearness ** rng.uniform(0.6, 2.0))
    haze = np.where(alpha > 127, density, haze).astype(np.float32)
    light = min(1.0, float(image.mean()) / 70.0)
    colour = np.clip((rng.uniform(110, 240) + rng.normal(0.0, 8.0, 3)) * light, 0, 255)
    grey = np.empty_like(image)
    grey[:] = colour.astype(np.uint8)
    haze = cv2.blur(haze, (3, 3))
    return np.asarray(cv2.blendLinear(image, grey, 1.0 - haze, haze), np.uint8)


def add_sun(image: Array, alpha: Array, rng: np.random.Generator) -> Array:
    """The picture with a sun in its sky: disc, glow that spills over what stands before it, flare."""
    rows, columns = alpha.shape
    spots = np.argwhere(alpha > 200)
    if not len(spots):
        return image
    y, x = spots[rng.integers(len(spots))]
    squared = (np.arange(rows) - y)[:, None] ** 2 + (np.arange(columns) - x)[None, :] ** 2
    disc, glow = rng.uniform(2.0, 10.0), rng.uniform(15.0, 120.0)
    light = np.exp(-squared / (2 * disc**2)) + rng.uniform(0.2, 0.7) * np.exp(-np.sqrt(squared) / glow)
    colour = np.array([1.0, rng.uniform(0.7, 1.0), rng.uniform(0.3, 1.0)])
    out: Array = np.clip(image + 255.0 * light[..., None] * colour, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        flare = np.zeros_like(out)
        for _ in range(rng.integers(2, 7)):
            along = rng.uniform(0.3, 2.2)
            centre = (int(x + (columns / 2 - x) * along), int(y + (rows / 2 - y) * along))
            ghost = tuple(float(part) for part in rng.uniform(5, 70) * rng.uniform(0.3, 1.0, 3))
            cv2.circle(flare, centre, int(rng.uniform(2, 22)), ghost, -1, cv2.LINE_AA)
        out = np.asarray(cv2.add(out, cv2.blur(flare, (5, 5))), np.uint8)
    return out


def add_veil(image: Array, rng: np.random.Generator) -> Array:
    """The picture under veiling glare: a broad light patch that takes the contrast away."""
    rows, columns = image.shape[:2]
    x = (np.arange(columns) / columns - rng.uniform(-0.2, 1.2))[None, :]
    y = (np.arange(rows) / rows - rng.uniform(-0.2, 0.8))[:, None]
    veil = (rng.uniform(0.2, 0.75) * np.exp(-(x**2 + y**2) / rng.uniform(0.1, 1.0))).astype(np.float32)
    light = np.empty_like(image)
    light[:] = np.clip(
        rng.uniform(170, 255) * np.array([1.0, rng.uniform(0.85, 1), rng.uniform(0.7, 1)]), 0, 255
    )
    return np.asarray(cv2.blendLinear(image, light, 1.0 - veil, veil), np.uint8)


def add_specks(image: Array, rng: np.random.Generator) -> Array:
    """The picture through small drops or flakes: blobs that show it upside down, blurred, dark or bright."""
    rows, columns = image.shape[:2]
    blobs = np.zeros((rows, columns), np.uint8)
    largest = rng.uniform(1.0, 7.0)
    for _ in range(rng.integers(20, 160)):
        axes = (int(rng.uniform(1.0, 1.0 + largest)), int(rng.uniform(1.0, 1.0 + largest)))
        centre = (int(rng.integers(columns)), int(rng.integers(rows)))
        cv2.ellipse(blobs, centre, axes, 0.0, 0.0, 360.0, 255, -1)
    strength = rng.uniform(0.3, 0.9) / 255
    share = cv2.GaussianBlur(blobs, (0, 0), float(rng.uniform(0.5, 1.5))) * np.float32(strength)
    shown = cv2.convertScaleAbs(cv2.blur(image[::-1], (15, 15)), alpha=float(rng.uniform(0.4, 1.8)))
    return np.asarray(cv2.blendLinear(image, shown, 1.0 - share, share), np.uint8)


def add_drops(image: Array, rng: np.random.Generator) -> Array:
    """The picture through a wet pane: each drop holds it small and upside down, with a dark upper rim."""
    rows, columns = image.shape[:2]
    out = np.asarray(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.6))), np.uint8)
    turned = cv2.resize(image[::-1, ::-1], (columns // 4, rows // 4), interpolation=cv2.INTER_AREA)
    largest = rng.uniform(4.0, 22.0)
    for _ in range(rng.integers(10, 70)):
        size = 2.0 + largest * rng.random() ** 2
        wide, high = round(size * rng.uniform(0.7, 1.2)), round(size * rng.uniform(0.8, 1.6))
        x, y = int(rng.integers(-wide, columns)), int(rng.integers(-high, rows))
        window = np.s_[max(0, y) : y + 2 * high + 1, max(0, x) : x + 2 * wide + 1]
        behind = out[window]
        if not behind.size:
            continue
        shown = np.asarray(cv2.resize(turned, (2 * wide + 1, 2 * high + 1)))
        across = (np.arange(2 * wide + 1) / wide - 1.0)[None, :]
        down = (np.arange(2 * high + 1) / high - 1.0)[:, None]
        squared = across**2 + down**2
        lens = np.clip((1.0 - squared) * size * 0.5, 0.0, 1.0)
        rim = np.clip(1.05 - 0.55 * squared**2 * (down < 0.2) + 0.15 * (down > 0.5), 0.3, 1.2)
        cut = np.s_[max(0, -y) : max(0, -y) + behind.shape[0], max(0, -x) : max(0, -x) + behind.shape[1]]
        part = lens[cut][..., None]
        drop = shown[cut] * rim[cut][..., None]
        out[window] = np.clip(behind * (1.0 - part) + drop * part, 0, 255).astype(np.uint8)
    return out


def add_rain(image: Array, rng: np.random.Generator) -> Array:
    """The picture with falling rain: thin light streaks, all at about one slant."""
    rows, columns = image.shape[:2]
    streaks = np.zeros((rows, columns), np.uint8)
    slant, length = rng.normal(0.0, 0.25), rng.uniform(4, 26)
    for _ in range(rng.integers(60, 400)):
        x, y = int(rng.integers(columns)), int(rng.integers(rows))
        reach = length * rng.uniform(0.5, 1.5)
        end = (round(x + slant * reach), round(y + reach))
        cv2.line(streaks, (x, y), end, float(rng.uniform(60, 255)), 1, cv2.LINE_AA)
    share = cv2.blur(streaks, (2, 3)).astype(np.float32) * np.float32(rng.uniform(0.15, 0.6) / 255)
    light = np.full_like(image, int(min(255.0, 1.3 * image.mean() + 40)))
    return np.asarray(cv2.blendLinear(image, light, 1.0 - share, share), np.uint8)


def add_snow(image: Array, alpha: Array, rng: np.random.Generator) -> Array:
    """The picture with snow lying on what faces upwards and on the ground, often under falling flakes."""
    rows, columns = alpha.shape
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    upward = cv2.Sobel(cv2.blur(grey, (5, 5)), cv2.CV_32F, 0, 1) * np.float32(0.006)
    low = np.linspace(-1.4, 1.0, rows, dtype=np.float32)[:, None]
    patches = cloud_field((rows, columns), rng) * np.float32(0.35)
    cover = np.clip(
        low + upward + patches + np.float32(rng.uniform(-0.1, 0.8)), 0.0, np.float32(rng.uniform(0.6, 0.97))
    )
    cover = cv2.blur(np.where(alpha > 8, np.float32(0), cover), (3, 3))
    white = cv2.LUT(grey, np.clip(rng.uniform(120, 190) + 0.35 * np.arange(256), 0, 255).astype(np.uint8))
    tint = rng.uniform(0.9, 1.0) * np.array([0.96, 0.98, 1.0]) * min(1.0, 0.25 + float(image.mean()) / 110.0)
    snowy = cv2.transform(white[..., None], tint[:, None])
    out = np.asarray(cv2.blendLinear(image, snowy, 1.0 - cover, cover), np.uint8)
    if rng.random() < 0.6:
        flakes = np.zeros((rows, columns), np.uint8)
        size = rng.uniform(0.6, 3.0)
        for _ in range(rng.integers(30, 400)):
            centre = (int(rng.integers(columns)), int(rng.integers(rows)))
            cv2.circle(flakes, centre, int(size * rng.uniform(0.4, 1.3)), float(rng.uniform(80, 220)), -1)
        fall = cv2.blur(flakes, (3, int(rng.integers(3, 7))))
        out = np.asarray(cv2.add(out, cv2.merge([fall] * 3)), np.uint8)
    return out


def add_water(image: Array, alpha: Array, rng: np.random.Generator) -> Array:
    """The picture with still water or a wet road below: the ground there mirrors what is above it."""
    rows = len(alpha)
    line = max(horizon_of(alpha), int(rows * rng.uniform(0.45, 0.8)))
    depth = min(rows - line, line)
    if depth < 8:
        return image
    away = np.arange(depth)
    ripple = rng.normal(0.0, 1.0, depth) * np.linspace(0.0, rng.uniform(0.0, 4.0), depth)
    source = np.clip(line - 1 - away * rng.uniform(0.8, 1.0) + ripple, 0, rows - 1).astype(np.intp)
    mirrored = cv2.blur(
        np.ascontiguousarray(image[source]), (int(rng.integers(1, 6)), int(rng.integers(1, 8)))
    )
    gain = float(rng.uniform(0.5, 1.0))
    lower = np.ascontiguousarray(image[line : line + depth])
    ground = cv2.blur(np.where(alpha[line : line + depth] == 0, 255, 0).astype(np.uint8), (5, 5))
    if rng.random() < 0.5:
        field = cloud_field((depth, image.shape[1]), rng)
        ground = cv2.multiply(ground, np.clip(field + 0.5, 0, 1), dtype=cv2.CV_8U)
    share = ground.astype(np.float32) * np.float32(rng.uniform(0.3, 0.95) / 255)
    out = image.copy()
    wet = cv2.convertScaleAbs(mirrored, alpha=gain)
    out[line : line + depth] = cv2.blendLinear(lower, wet, 1.0 - share, share)
    return out


def add_reflections(image: Array, alpha: Array, sky: Array, rng: np.random.Generator) -> Array:
    """The picture with panes on the ground, in a row or grid, that mirror a sky: windows are not sky."""
    rows, columns = alpha.shape
    mirrored = np.asarray(cv2.resize(np.ascontiguousarray(sky[::-1]), (columns, rows)))
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


def whitewash(image: Array, alpha: Array, rng: np.random.Generator) -> Array:
    """The picture with its ground as pale, or as blue or grey, as a sky, in patches: walls are not sky."""
    colour = np.clip(
        rng.uniform(120, 250) * (1 + rng.normal(0.0, 0.06, 3)) * np.array([0.97, 1.0, 1.03]), 0, 255
    )
    pale = np.empty_like(image)
    pale[:] = colour.astype(np.uint8)
    field = cloud_field(alpha.shape, rng)
    share = np.clip(field * 2.0 + np.float32(rng.uniform(-1.0, 1.5)), 0.0, 1.0) * np.float32(
        rng.uniform(0.4, 0.85)
    )
    share = np.where(alpha > 0, np.float32(0.0), share).astype(np.float32)
    return np.asarray(cv2.blendLinear(image, pale, 1.0 - share, share), np.uint8)
