"""A thunderstorm seen from below: a drifting ragged ceiling of cloud, lit from inside by lightning; a loop.

Clouds that drift cannot come back to where they were, so two ceilings drift at once, half a loop apart: each
fades in, carries the picture and fades out while it moves on, and starts again while it is not seen. What
fades is the shape of the cloud, not the picture, so the eye sees clouds that drift and change.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np
from numba import prange
from numpy.typing import NDArray

from app.jit import jit
from skyboxes import grade
from skyboxes.atmosphere import enlarge
from skyboxes.jit import parallel_jit
from skyboxes.lightning import Flash, brightness, channel, draw
from skyboxes.noise import Volume, fbm2, random01
from skyboxes.view import ARC, Picture, View, turned_share

HORIZON = 0.72
LOOP_S = 8.0
RATE = 25
BASE = 1000.0
"""Mean height of the cloud's underside, m."""
RELIEF = 450.0
"""How far lumps hang below and hollows rise above it, m."""
WIND = (38.0, -22.0)
"""Drift of the clouds, m/s, to the right and away from the viewer."""
EXTENT = 32_768.0
"""Edge of the square maps of the ceiling, m; the camera is in the middle."""
FLASHES = (
    Flash(0.7, 0.20, 6500.0, 1500.0, 1.0, False, 3),
    Flash(2.1, -0.22, 2500.0, 1300.0, 1.1, True, 12),
    Flash(3.4, 0.52, 9000.0, 1700.0, 1.2, False, 7),
    Flash(4.4, 0.05, 3600.0, 1400.0, 0.8, False, 9),
    Flash(5.6, 0.27, 2900.0, 1300.0, 1.2, True, 21),
    Flash(7.0, -0.50, 7000.0, 1500.0, 1.1, False, 15),
)


@parallel_jit
def _relief_map(size: int, scale: float, seed: int) -> Volume:
    """A square map of how far the ceiling hangs down, about -1 (high) to 1 (low); `scale` in cells a texel.

    The broad shape is the same for every seed, so that two ceilings change into each other without haste.
    """
    relief = np.empty((size, size), np.float32)
    for j in prange(size):
        for i in range(size):
            x, y = i * scale, j * scale
            warp_x = fbm2(0.8 * x, 0.8 * y, 4, 0.5, 50)
            warp_y = fbm2(0.8 * x + 8.0, 0.8 * y + 3.0, 4, 0.5, 60)
            u, v = x + 0.32 * warp_x, y + 0.32 * warp_y
            broad = fbm2(0.55 * u, 0.55 * v, 3, 0.5, 23)
            lumps = 1.0 - 2.0 * abs(fbm2(1.1 * u, 1.3 * v, 8, 0.5, seed))
            rolls = fbm2(1.4 * u + 0.9 * v, 1.8 * v - 0.4 * u, 8, 0.54, seed + 10)
            relief[j, i] = 0.70 * broad + 0.42 * (lumps - 0.45) + 0.50 * rolls
    return relief


@jit
def _map_at(relief: Volume, x: float, y: float) -> float:
    size = relief.shape[0]
    x, y = (x / EXTENT + 0.5) * size, (y / EXTENT + 0.5) * size
    x, y = min(max(x, 0.0), size - 1.001), min(max(y, 0.0), size - 1.001)
    i, j = int(x), int(y)
    u, v = x - i, y - j
    u, v = u * u * (3.0 - 2.0 * u), v * v * (3.0 - 2.0 * v)
    a = relief[j, i] * (1.0 - u) + relief[j, i + 1] * u
    b = relief[j + 1, i] * (1.0 - u) + relief[j + 1, i + 1] * u
    return float(a * (1.0 - v) + b * v)


@jit
def _hang(first: Volume, second: Volume, x: float, y: float, phase: float, turned: float) -> float:
    """How far the ceiling hangs down over a point, about -1 to 1, with the two drifting ceilings blended.

    `phase` is the loop's, 0 to 1; `turned` the share of the field seen ARC further on.
    """
    total, square = 0.0, 0.0
    for k in range(2):
        age = (phase + 0.5 * k) % 1.0
        weight = 0.5 - 0.5 * np.cos(2.0 * np.pi * age)
        drift_x, drift_y = WIND[0] * LOOP_S * (age - 0.5), WIND[1] * LOOP_S * (age - 0.5)
        for side in range(2):
            share = weight * (turned if side == 1 else 1.0 - turned)
            if share < 1e-4:
                continue
            px, py = x, y
            if side == 1:
                c, s = np.cos(ARC), np.sin(ARC)
                px, py = c * x + s * y, c * y - s * x
            total += share * _map_at(first if k == 0 else second, px - drift_x, py - drift_y)
            square += share * share
    # a blend has less contrast than either field: half of what two unlike fields lose is given back, since
    # the two ceilings share their broad shape
    return float(total / square**0.25)


@parallel_jit
def _march(
    azimuths: NDArray[np.float64],
    slopes: NDArray[np.float64],
    first: Volume,
    second: Volume,
    phase: float,
    lamps: NDArray[np.float64],
) -> Picture:
    """(H, W, 3): daylight that comes through the ceiling, light of the flashes in it, distance to it in m.

    `lamps` (N, 4) are azimuth, distance, height and power of flashes. Daylight falls from the left behind.
    """
    picture = np.zeros((slopes.size, azimuths.size, 3), np.float32)
    low = BASE - RELIEF
    for row in prange(slopes.size):
        slope = max(slopes[row], 0.012)
        steps = 22 + int(min(60.0, 6.0 / slope))
        step = 2.0 * RELIEF / steps
        for column in range(azimuths.size):
            azimuth = azimuths[column]
            turned = turned_share(azimuth)
            dx, dy = np.sin(azimuth), np.cos(azimuth)
            through, calm, flash, far = 1.0, 0.0, 0.0, 0.0
            z = low + step * random01(column, row, 1, 5)
            for number in range(steps):
                along = z / slope
                x, y = dx * along, dy * along
                hang = _hang(first, second, x, y, phase, turned)
                depth = z - (BASE - RELIEF * hang)
                if depth > 0.0 or number == steps - 1:
                    gone = through * (1.0 - np.exp(-0.014 * step * min(2.0, depth / 40.0)))
                    if number == steps - 1:
                        gone = through
                    calm += gone * np.exp(-3.0 * hang)
                    for n in range(lamps.shape[0]):
                        aside = (lamps[n, 0] - azimuth + 0.5 * ARC) % ARC - 0.5 * ARC
                        d2 = along * along + lamps[n, 1] ** 2 - 2.0 * along * lamps[n, 1] * np.cos(aside)
                        d2 += (z - lamps[n, 2]) ** 2
                        seen_through = np.exp(-2.4 * hang - np.sqrt(d2) / 2600.0)
                        flash += gone * lamps[n, 3] * seen_through / (1.0 + d2 / 7e5)
                    far += gone * along
                    through -= gone
                    if through < 0.02:
                        break
                z += step
            seen = 1.0 - through
            far /= seen
            x, y = dx * far, dy * far
            reach = 40.0 + 0.012 * far
            here = _hang(first, second, x, y, phase, turned)
            lx, ly = reach * (-0.8 * dy - 0.6 * dx), reach * (0.8 * dx - 0.6 * dy)
            side = _hang(first, second, x + lx, y + ly, phase, turned)
            wide = _hang(first, second, x + 5.0 * lx, y + 5.0 * ly, phase, turned)
            relief = max(0.3, 1.0 + 2.2 * (here - side) + 0.8 * (here - wide))
            picture[row, column, 0] = calm / seen * relief
            picture[row, column, 1] = flash / seen * (0.4 + 0.6 * relief)
            picture[row, column, 2] = far
    return picture


@cache
def _ceilings(size: int) -> tuple[Volume, Volume]:
    scale = EXTENT / size / 2400.0
    return _relief_map(size, scale, 3), _relief_map(size, scale, 203)


def frame(width: int, height: int, time_s: float) -> Picture:
    """Display values (H, W, 3) in [0, 1] of the loop at a time; clouds at half the size."""
    view = View(width, height, HORIZON)
    coarse = View(width // 2, height // 2, HORIZON)
    powers = [brightness(flash, time_s, LOOP_S) * flash.power for flash in FLASHES]
    lit = [(flash, power) for flash, power in zip(FLASHES, powers, strict=True) if power > 0.01]
    lamps = np.array([[f.azimuth, f.distance, f.height, power] for f, power in lit]).reshape(-1, 4)
    slopes = coarse.slopes()
    above = int((slopes > 0.0).sum())
    first, second = _ceilings(min(4096, 2 * width + 256))
    phase = time_s / LOOP_S % 1.0
    marched = _march(coarse.azimuths(), slopes[: above + 1], first, second, phase, lamps)
    marched = np.pad(marched, ((0, coarse.height - above - 1), (0, 0), (0, 0)), mode="edge")
    marched = enlarge(marched, view)

    calm, flash, far = marched[..., 0:1], marched[..., 1:2], marched[..., 2:3]
    light = calm * np.asarray([0.030, 0.036, 0.046], np.float32)
    light = light + flash * np.asarray([1.55, 1.65, 2.30], np.float32)
    clear = np.exp(-((far / 13e3) ** 1.6))
    gap = np.array([0.064, 0.069, 0.070]) + 0.06 * sum(powers) * np.array([0.6, 0.62, 0.9])
    light = light * clear + gap.astype(np.float32) * (1.0 - clear)
    below = np.exp(np.minimum(view.slopes(), 0.0) / 0.10)[:, None, None]
    light = (light * (0.35 + 0.65 * below)).astype(np.float32)
    for bolt, power in lit:
        if bolt.bolt:
            rise = 0.75 * BASE / bolt.distance * view.scale
            top = ((0.5 + bolt.azimuth / ARC) * width, HORIZON * height - rise)
            draw(light, channel(bolt.seed, 1.08 * rise, 0.10), top, min(1.0, power))
    return grade.film(light, 2.0)


def frames(width: int, height: int) -> Iterator[Picture]:
    """The loop's frames in order."""
    for index in range(round(LOOP_S * RATE)):
        yield frame(width, height, index / RATE)
