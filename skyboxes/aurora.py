"""Northern lights: folded curtains of rays that wander and flicker over a starry night; a loop.

A curtain is a line on the map, closed over the picture's edges, that waves run along; every point of it sends
a ray upwards that glows green above its lower border and violet where the air is thin. A ray is a streak in
one column of the picture, so the picture is drawn streak by streak: where a fold is seen edge on many streaks
fall together, and it is bright, as in the sky. All waves and flickers take a whole number of turns a loop.
"""

from collections.abc import Iterator
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from app.jit import jit
from skyboxes import grade
from skyboxes.noise import random01
from skyboxes.stars import fluxes, splat, star_colours
from skyboxes.view import ARC, Picture, View

HORIZON = 0.66
LOOP_S = 8.0
RATE = 25
STARS = 15_000
EXPOSURE = 1.0
BORDER = 100.0
"""Height of the curtains' lower border, km."""
LEVELS = 512
"""Steps in which a ray's profile is kept."""
END = 2.4
"""Where a ray ends, in its heights."""
POINTS = 4
"""Points of a curtain to a column of the picture."""
CURTAINS = np.array([
    # distance km, strength, height of the rays, folds' depth, seed
    [560.0, 0.60, 0.85, 0.34, 1.0],
    [400.0, 1.05, 1.00, 0.42, 2.0],
    [280.0, 0.75, 1.05, 0.45, 3.0],
])  # fmt: skip


@jit
def _flicker(s: float, phase: float, cells: int, seed: int) -> float:
    """Smooth random brightness, 0 to 1, along a closed line; each of its cells swells in its own time."""
    place = s * cells
    i = int(np.floor(place))
    f = place - i
    f = f * f * (3.0 - 2.0 * f)
    a, b = i % cells, (i + 1) % cells
    va = 0.5 + 0.5 * np.sin(
        2.0 * np.pi * (phase * (1 + int(2.99 * random01(a, cells, 1, seed))) + random01(a, cells, 2, seed))
    )
    vb = 0.5 + 0.5 * np.sin(
        2.0 * np.pi * (phase * (1 + int(2.99 * random01(b, cells, 1, seed))) + random01(b, cells, 2, seed))
    )
    va = 0.45 * va + 0.55 * random01(a, cells, 3, seed)
    vb = 0.45 * vb + 0.55 * random01(b, cells, 3, seed)
    return float(va + (vb - va) * f)


@jit
def _fold(s: float, phase: float, seed: int, axis: int) -> float:
    """Sideways push of a curtain at a point of its line, about -1 to 1: waves that run along it."""
    total = 0.0
    for k in range(7):
        waves = (1, 2, 3, 5, 8, 13, 21)[k]
        height = (1.0, 0.85, 0.62, 0.42, 0.24, 0.12, 0.055)[k]
        # wide waves swing to and fro, short ones run along the line
        turns = (0, 0, 0, 1, -1, 1, -2)[k]
        swing = (0.030, 0.045, 0.07, 0.0, 0.0, 0.0, 0.0)[k]
        start = random01(k, axis, 5, seed)
        place = waves * s + start + turns * phase + swing * np.sin(2.0 * np.pi * (phase + start))
        # waves swell here and die away there
        swell = 0.65 + 0.5 * np.sin(2.0 * np.pi * (s * (1 + k % 3) + random01(k, axis, 6, seed)))
        total += height * swell * np.sin(2.0 * np.pi * place)
    return float(total / 2.0)


@jit
def _draw(
    glow: Picture, curtain: NDArray[np.float64], phase: float, horizon: float, profile: NDArray[np.float32]
) -> None:
    """Add one curtain's streaks to (H, W, 3) amounts of green, violet and pink light, in place."""
    height, width = glow.shape[0], glow.shape[1]
    scale = width / ARC
    points = POINTS * width
    base, strength, tall, depth, seed = curtain[0], curtain[1], curtain[2], curtain[3], int(curtain[4])
    for p in range(points):
        s = p / points
        # around, and away from the viewer: the line folds back on itself
        along = s * ARC + 0.70 * depth * _fold(s, phase, 10 * seed, 0)
        far = base * (1.0 + depth * _fold(s, phase, 10 * seed + 1, 1))
        s2 = s + 1.0 / points
        along2 = s2 * ARC + 0.70 * depth * _fold(s2, phase, 10 * seed, 0)
        far2 = base * (1.0 + depth * _fold(s2, phase, 10 * seed + 1, 1))
        step = np.hypot((along2 - along) * far, far2 - far)
        patches = 0.6 * _flicker(s, phase, 5, seed) + 0.4 * _flicker(s, phase, 13, seed + 20)
        rays = 0.40 * _flicker(s, phase, 110, seed + 1) + 0.32 * _flicker(s, phase, 290, seed + 2)
        rays += 0.28 * _flicker(s, phase, 740, seed + 3)
        power = (
            strength
            * (0.03 + 1.9 * max(0.0, patches - 0.36) ** 1.7 * 1.8)
            * (0.30 + 2.6 * max(0.0, rays - 0.28) ** 1.5)
        )
        light = 15.0 * power * step / far / (ARC / width)
        reach = tall * (0.45 + 0.9 * rays) * (0.7 + 0.5 * patches)
        low = horizon - scale * BORDER / far * (1.0 - 0.05 * rays)
        unit = scale * BORDER / far
        top = int(max(0.0, low - END * unit * reach))
        bottom = int(min(height - 1.0, low + 0.06 * unit + 1.0))
        light /= POINTS
        for row in range(top, bottom + 1):
            h = (low - row - 0.5) / unit
            column = along * scale + 0.10 * unit * max(0.0, h)
            i = int(np.floor(column))
            share = column - i
            near, beside = i % width, (i + 1) % width
            level = max(0.0, h) / reach * (LEVELS / END)
            k = int(level)
            if k >= LEVELS:
                continue
            green, violet, pink = profile[k, 0], profile[k, 1], 0.0
            if h < 0.12:
                # a firm lower border, softened a little, with a fringe where the light is strong
                rise = min(1.0, max(0.0, 0.5 + h / 0.055))
                green *= rise * rise * (3.0 - 2.0 * rise)
                pink = 0.5 * np.exp(-(((h - 0.015) / 0.032) ** 2)) * power
            glow[row, near, 0] += (1.0 - share) * light * green
            glow[row, near, 1] += (1.0 - share) * light * violet
            glow[row, near, 2] += (1.0 - share) * light * pink
            glow[row, beside, 0] += share * light * green
            glow[row, beside, 1] += share * light * violet
            glow[row, beside, 2] += share * light * pink


def _profile() -> NDArray[np.float32]:
    """(LEVELS, 2) green and violet light along a ray, from its lower border up."""
    q = np.arange(LEVELS) * (END / LEVELS)
    end = 1.0 - q / END
    violet = 0.50 * np.minimum(1.0, q / 0.55) ** 2 * np.exp(-1.5 * q)
    return np.stack([np.exp(-3.2 * q) * end, violet * end], axis=1).astype(np.float32)


def _blurred(light: Picture, sigma_x: float, sigma_y: float) -> Picture:
    """The light blurred, joined over the left and right edges."""
    height, width = light.shape[:2]
    factor = max(n for n in range(1, max(1, int(min(sigma_x, sigma_y) / 2.0)) + 1) if width % n == 0)
    small = cv2.resize(light, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    margin = min(small.shape[1] // 2, int(4.0 * sigma_x / factor) + 3)
    wide = np.concatenate([small[:, -margin:], small, small[:, :margin]], axis=1)
    soft = cv2.GaussianBlur(
        wide, (0, 0), sigma_x / factor, sigmaY=sigma_y / factor, borderType=cv2.BORDER_REPLICATE
    )
    # enlarged with a margin, so that both edges are interpolated alike
    kept = soft[:, margin - 2 : soft.shape[1] - margin + 2]
    step = width // small.shape[1]
    large = cv2.resize(kept, (kept.shape[1] * step, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large[:, 2 * step : 2 * step + width], np.float32)


@cache
def _night(width: int, height: int) -> tuple[Picture, Picture]:
    """Light of the night without aurora (H, W, 3), and share of light the air lets through (H, 1, 1)."""
    view = View(width, height, HORIZON)
    high = np.maximum(view.slopes(), 0.0)[:, None, None]
    below = np.exp(np.minimum(view.slopes(), 0.0) / 0.13)[:, None, None]
    clear = np.exp(-0.075 / (high + 0.05)) * below**6
    light = np.array([0.0055, 0.012, 0.030]) + np.array([0.004, 0.016, 0.024]) * np.exp(-high / 0.15)
    stars = np.zeros((height, width, 3), np.float32)
    rng = np.random.default_rng(31)
    scale = width / 3840.0
    flux = fluxes(rng, STARS, 1.1, 700.0)
    colours = star_colours(3300.0 + 9000.0 * rng.beta(1.6, 2.2, STARS)) ** 0.8
    radii = np.maximum(0.60, (0.68 + 0.16 * np.log10(flux + 1.0)) * scale)
    xs, ys = rng.random(STARS) * width, rng.random(STARS) * height
    splat(stars, xs, ys, 0.15 * scale**2 * flux[:, None] * colours, radii)
    night = (stars * clear + light * (0.25 + 0.75 * below)).astype(np.float32)
    return night, clear.astype(np.float32)


def frame(width: int, height: int, time_s: float) -> Picture:
    """Display values (H, W, 3) in [0, 1] of the loop at a time."""
    night, clear = _night(width, height)
    above = int(np.ceil(HORIZON * height)) + 1
    amounts = np.zeros((above, width, 3), np.float32)
    for curtain in CURTAINS:
        _draw(amounts, curtain, time_s / LOOP_S % 1.0, HORIZON * height, _profile())
    unit = width / 1920.0
    # a curtain is some hundred metres thick, and moves while the shutter is open
    amounts = 0.75 * _blurred(amounts, 0.9 * unit + 0.1, 0.9 * unit + 0.1) + 0.25 * _blurred(
        amounts, 5.0 * unit, 7.0 * unit
    )
    colours = np.array([[0.045, 0.60, 0.20], [0.42, 0.10, 0.62], [0.60, 0.10, 0.34]], np.float32)
    light = amounts @ colours
    light = (
        light
        + 0.10 * _blurred(light, 34.0 * unit, 50.0 * unit)
        + 0.05 * _blurred(light, 130.0 * unit, 130.0 * unit)
    )
    scene = night.copy()
    scene[:above] += light * clear[:above]
    shine = light[int(0.5 * above) :].mean(axis=(0, 1))
    scene += (
        0.08
        * shine
        * (1.0 - clear)
        * np.exp(-np.abs(View(width, height, HORIZON).slopes()) / 0.35)[:, None, None]
    )
    return grade.saturate(grade.film(scene.astype(np.float32), EXPOSURE), 1.1)


def frames(width: int, height: int) -> Iterator[Picture]:
    """The loop's frames in order."""
    for index in range(round(LOOP_S * RATE)):
        yield frame(width, height, index / RATE)
