"""Day made night: a dark or glowing sky, lamps, lit windows, headlamps, and their light on the ground."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.skies import cloud_field, foreground_colours, horizon_of, mix

Array = NDArray[np.uint8]
Float = NDArray[np.float32]

_LAMPS = np.array(
    [(1.0, 0.6, 0.22), (1.0, 0.78, 0.48), (0.9, 0.96, 1.0), (0.75, 1.0, 0.85), (1.0, 0.9, 0.75)]
)
"""Colours of street lamps: sodium, warm white, cold white, mercury, halogen."""
_COARSE = 4


def relight_as_night(
    image: Array, alpha: Array, rng: np.random.Generator, sky: Array | None = None
) -> tuple[Array, NDArray[np.float64]]:
    """(picture by night, gains of things near in the dark), before `sky` if one is given.

    The gains (3) are what the ground's colours were multiplied with where no lamp shines.
    """
    level = np.exp(rng.uniform(np.log(0.02), np.log(0.5)))
    ambient = level * np.exp(rng.normal(0.0, 0.15, 3))
    night = night_sky(image, alpha, rng) if sky is None else sky
    ground = _greyer(foreground_colours(image, alpha), rng.uniform(0.2, 1.0))
    dark = level < 0.06 and rng.random() < 0.5
    lamps, glow, light = _lamps(alpha, 0 if dark else int(rng.integers(0, 12)), rng)
    _add_cars(lamps, rng)
    ground_only = cv2.erode(cv2.bitwise_not(alpha), np.ones((3, 3), np.uint8))
    solid = np.asarray(cv2.merge([ground_only] * 3), np.uint8)
    lamps &= solid
    lit = cv2.multiply(ground, light + ambient.astype(np.float32), dtype=cv2.CV_8U)
    glow += _halo(lamps, rng)
    if rng.random() < 0.35:
        lit = cv2.add(lit, _streaks(lamps, rng) & solid)
    if not dark and rng.random() < 0.7:
        lit = cv2.add(lit, _windows(lamps.shape[:2], rng) & solid)
    out = cv2.add(mix(np.asarray(cv2.add(lit, lamps), np.uint8), night, alpha), glow, dtype=cv2.CV_8U)
    return np.asarray(out, np.uint8), ambient


def night_sky(image: Array, alpha: Array, rng: np.random.Generator) -> Array:
    """A night's sky for the picture (H, W, 3): black, lit by a town, deep blue, or its own, darkened."""
    rows, columns = alpha.shape
    kind = rng.random()
    if kind < 0.25:
        gain = np.exp(rng.uniform(np.log(0.04), np.log(0.35))) * np.exp(rng.normal(0.0, 0.2, 3))
        table = np.clip(np.arange(256)[:, None] * gain, 0, 255).astype(np.uint8)
        return np.asarray(cv2.LUT(image, table[:, None, :]), np.uint8)
    if kind < 0.5:
        high = rng.uniform(0, 14) * np.ones(3) + rng.uniform(0, 3, 3)
        low = high * rng.uniform(1.0, 1.5)
    elif kind < 0.82:
        tint = np.array([1.0, rng.uniform(0.62, 1.0), rng.uniform(0.35, 1.05)])
        high = rng.uniform(5, 55) * tint
        low = high * rng.uniform(1.0, 3.0)
    else:
        high = rng.uniform((2, 4, 18), (25, 40, 85))
        low = high + rng.uniform(0, 60) * rng.uniform((0.4, 0.4, 0.4), (1.0, 0.8, 0.8))
    horizon = max(1, horizon_of(alpha))
    down = np.minimum(1.0, np.arange(rows) / horizon) ** rng.uniform(1.0, 5.0)
    column = (high + (low - high) * down[:, None]).astype(np.float32)
    sky = np.repeat(column[:, None, :], columns, axis=1)
    if rng.random() < 0.5:
        clouds = cloud_field((rows, columns), rng) * np.float32(rng.uniform(0.05, 0.35))
        sky *= cv2.merge([1.0 + np.maximum(clouds, -0.9)] * 3)
    out = np.clip(sky, 0, 255).astype(np.uint8)
    if rng.random() < 0.1:
        _add_stars(out, rng)
    if rng.random() < 0.1:
        _add_moon(out, horizon, rng)
    return out


def _greyer(image: Array, saturation: float) -> Array:
    luma = (1.0 - saturation) * np.ones((3, 1)) @ np.array([[0.299, 0.587, 0.114]])
    return np.asarray(cv2.transform(image, saturation * np.eye(3) + luma), np.uint8)


def _lamps(alpha: Array, count: int, rng: np.random.Generator) -> tuple[Array, Float, Float]:
    """(lamps uint8, their halo in the air, what they light the ground with), each (H, W, 3).

    Halo in units of 255, light as a factor; both change slowly and are computed coarsely.
    """
    rows, columns = alpha.shape
    lamps = np.zeros((rows, columns, 3), np.uint8)
    coarse = (-(-rows // _COARSE), -(-columns // _COARSE))
    glow, light = (np.zeros((*coarse, 3), np.float32) for _ in range(2))
    y = np.arange(coarse[0], dtype=np.float32)[:, None] * _COARSE
    x = np.arange(coarse[1], dtype=np.float32)[None, :] * _COARSE
    ground = np.argwhere(alpha[::4, ::4] < 30) * 4
    high = ground[ground[:, 0] < 0.7 * rows] if len(ground) else ground
    colour_of_town = _LAMPS[rng.integers(len(_LAMPS))]
    for _ in range(count if len(high) else 0):
        row, column = high[rng.integers(len(high))]
        colour = colour_of_town if rng.random() < 0.7 else _LAMPS[rng.integers(len(_LAMPS))]
        nearness = rng.uniform(0.25, 1.0) * rows / 224
        drop, reach = 40 * nearness * rng.uniform(0.5, 2.0), 50 * nearness * rng.uniform(0.5, 2.5)
        squared = ((x - column) / reach) ** 2 + ((y - row - drop) / (0.7 * reach)) ** 2
        pool = rng.uniform(0.2, 1.5) / (1.0 + squared) ** 1.3
        light += pool[..., None] * colour.astype(np.float32)
        distance = np.sqrt((x - column) ** 2 + (y - row) ** 2)
        halo = rng.uniform(10.0, 90.0) * np.exp(-distance / (nearness * rng.uniform(4.0, 30.0)))
        if rng.random() < 0.3:
            beneath = (y > row) & (np.abs(x - column) < 0.55 * (y - row) + 1)
            halo += beneath * rng.uniform(8, 40) * np.exp(-distance / (60 * nearness))
        glow += halo[..., None] * colour.astype(np.float32)
        bright = tuple(float(part) for part in np.minimum(255.0, 190.0 * colour + 80.0))
        size = (
            max(1, round(nearness * rng.uniform(0.8, 4.0))),
            max(1, round(nearness * rng.uniform(0.8, 2.5))),
        )
        cv2.ellipse(lamps, (int(column), int(row)), size, 0.0, 0.0, 360.0, bright, -1, cv2.LINE_AA)
    light /= 1.0 + 0.8 * light  # the camera exposes for many lamps
    size_wh = (columns, rows)
    return lamps, np.asarray(cv2.resize(glow, size_wh), np.float32), np.asarray(cv2.resize(light, size_wh))


def _windows(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Grids of windows, some lit, on black; uint8 (H, W, 3)."""
    rows, columns = shape
    drawn = np.zeros((rows, columns, 3), np.uint8)
    for _ in range(rng.integers(1, 4)):
        left, top = rng.uniform(-0.1, 0.9) * columns, rng.uniform(0.0, 0.45) * rows
        pane = rng.uniform(1.5, 7.0, 2) * np.array([1.0, rng.uniform(0.8, 2.0)])
        pitch = pane * rng.uniform(1.6, 3.5, 2)
        slant = rng.normal(0.0, 0.1)
        share, level = rng.uniform(0.1, 0.6), rng.uniform(30, 220)
        for across in range(rng.integers(2, 10)):
            for down in range(rng.integers(2, 8)):
                x, y = left + across * pitch[0], top + down * pitch[1] + slant * across * pitch[0]
                if rng.random() > share or y > 0.65 * rows:
                    continue
                tint = np.array([1.0, rng.uniform(0.7, 1.0), rng.uniform(0.35, 0.9)])
                colour = tuple(float(part) for part in level * rng.uniform(0.3, 1.0) * tint)
                end = (int(x + pane[0]), int(y + pane[1]))
                cv2.rectangle(drawn, (int(x), int(y)), end, colour, -1)
    return np.asarray(cv2.blur(drawn, (2, 2)), np.uint8)


def _add_cars(lamps: Array, rng: np.random.Generator) -> None:
    """Pairs of head- and tail-lamps in the lower part, drawn into `lamps`."""
    rows, columns = lamps.shape[:2]
    for _ in range(rng.integers(0, 4)):
        x, y = rng.uniform(0.0, 1.0) * columns, rng.uniform(0.5, 0.9) * rows
        size = rng.uniform(0.6, 4.0)
        red = rng.random() < 0.4
        colour = (235.0, 30.0, 20.0) if red else (255.0, 250.0, float(rng.uniform(200, 255)))
        for side in (-1, 1):
            centre = (int(x + side * size * rng.uniform(3.5, 4.5)), int(y))
            cv2.circle(lamps, centre, max(1, round(size)), colour, -1, cv2.LINE_AA)


def _halo(lamps: Array, rng: np.random.Generator) -> Float:
    """The light that lens and air scatter around `lamps`, in units of 255."""
    rows, columns = lamps.shape[:2]
    small = cv2.resize(lamps, (columns // _COARSE, rows // _COARSE), interpolation=cv2.INTER_AREA)
    wide = cv2.GaussianBlur(small.astype(np.float32), (0, 0), float(rng.uniform(0.5, 5.0)))
    return np.asarray(cv2.resize(wide * np.float32(rng.uniform(0.3, 1.2)), (columns, rows)), np.float32)


def _streaks(lamps: Array, rng: np.random.Generator) -> Array:
    """What a wet road or water shows of `lamps`: long upright streaks beneath them that fade."""
    rows, columns = lamps.shape[:2]
    small = cv2.resize(lamps, (columns // _COARSE, rows // _COARSE), interpolation=cv2.INTER_AREA)
    length = max(3, int(small.shape[0] * rng.uniform(0.3, 0.9)))
    fading = np.exp(-np.arange(length, dtype=np.float32) / (0.3 * length))[::-1, None]
    # the anchor lies at the kernel's lower end: each pixel gathers what shines above it
    drawn = cv2.filter2D(small.astype(np.float32), -1, fading, anchor=(0, length - 1))
    strength = np.float32(rng.uniform(0.1, 0.6))
    return np.clip(cv2.resize(drawn * strength, (columns, rows)), 0, 255).astype(np.uint8)


def _add_stars(sky: Array, rng: np.random.Generator) -> None:
    count = int(rng.integers(15, 200))
    rows, columns = rng.integers(0, sky.shape[0], count), rng.integers(0, sky.shape[1], count)
    levels = (255 * rng.random(count) ** 3).astype(np.uint8)[:, None]
    sky[rows, columns] = np.maximum(sky[rows, columns], levels)


def _add_moon(sky: Array, horizon: int, rng: np.random.Generator) -> None:
    centre = (int(rng.integers(sky.shape[1])), int(rng.uniform(0.0, 0.9) * horizon))
    moon = np.zeros_like(sky)
    cv2.circle(
        moon, centre, int(rng.integers(2, 9)), (250.0, 245.0, float(rng.uniform(190, 240))), -1, cv2.LINE_AA
    )
    wide = cv2.GaussianBlur(moon, (0, 0), float(rng.uniform(4.0, 14.0)))
    sky[:] = cv2.add(cv2.add(sky, moon), wide)
