"""A huge full moon over thin clouds that it lights from behind.

The moon's seas are noise within basins, its craters a random catalogue; a few of them are young and throw
bright rays. Sunlight falls on it almost from the viewer's side, so it is as bright at its limb as in its
middle, as the real one is.
"""

import cv2
import numpy as np
from numba import prange
from numpy.typing import NDArray

from app.jit import jit
from skyboxes import clouds, grade
from skyboxes.globes import crater_height, craters, fractal, smooth
from skyboxes.jit import parallel_jit
from skyboxes.noise import Volume, billow_volume, random01
from skyboxes.stars import fluxes, splat, star_colours
from skyboxes.view import ARC, Picture, View, bearing_to

HORIZON = 0.66
EXPOSURE = 1.0
MOON = (0.525, 0.398)
"""The moon's middle, fractions of the picture."""
RADIUS = 0.145
"""Of the moon, radians: some 31 times the real one's."""
SUNLIGHT = np.array([0.11, 0.09, 0.99])
"""Direction to the sun: right, up, towards the viewer."""
COLOUR = np.array([1.0, 0.955, 0.86])
STARS = 9000
BASINS = np.array([
    [-0.42, 0.42, 0.34], [-0.10, 0.52, 0.22], [0.22, 0.38, 0.21], [0.42, 0.18, 0.22], [0.60, -0.06, 0.16],
    [0.62, 0.36, 0.12], [-0.58, 0.06, 0.30], [-0.30, -0.22, 0.22], [-0.52, -0.40, 0.15], [0.04, 0.10, 0.12],
    [0.36, -0.16, 0.13], [-0.70, -0.16, 0.20],
])  # fmt: skip
"""Seas: place to the right and up in radii, and size."""
RAYED = np.array([[-0.10, -0.66, 0.050, 1.30], [-0.36, 0.14, 0.036, 0.55], [-0.66, 0.20, 0.024, 0.45],
                  [0.66, -0.40, 0.024, 0.50], [0.30, 0.70, 0.022, 0.40]])  # fmt: skip
"""Young craters: place, size in radii, reach of the rays."""

VEIL = clouds.Layer(
    base=2300.0,
    thickness=750.0,
    cell=2300.0,
    stretch=1.9,
    cover=0.0,
    erosion=0.55,
    billow=1200.0,
    extinction=0.014,
    sharpness=3.5,
    haze=24e3,
    seed=52,
)


@jit
def _sea(noise: Volume, u: float, v: float, w: float) -> float:
    """Share of dark lava at a point of the near side, 0 to 1."""
    wu = u + 0.60 * fractal(noise, 0.62 * u + 0.1, 0.62 * v, 0.62 * w, 6, 0.60)
    wv = v + 0.60 * fractal(noise, 0.62 * u, 0.62 * v + 0.4, 0.62 * w, 6, 0.60)
    filled = 0.0
    for k in range(BASINS.shape[0]):
        r = np.hypot(wu - BASINS[k, 0], wv - BASINS[k, 1]) / BASINS[k, 2]
        filled = max(filled, 1.25 - r)
    ragged = fractal(noise, 0.9 * u + 0.7, 0.9 * v, 0.9 * w, 6, 0.62)
    return smooth(0.0, 0.50, filled - 0.10 + 2.1 * ragged)


@parallel_jit
def _ground(us: NDArray[np.float64], noise: Volume, pits: NDArray[np.float64]) -> Picture:
    """(N, N, 2) height and share of the light sent back, over a square around the disc; `us` across it.

    Rows go up, like columns to the right.
    """
    n = us.size
    result = np.zeros((n, n, 2), np.float32)
    for row in prange(n):
        for column in range(n):
            u, v = us[column], us[row]
            if u * u + v * v >= 1.0:
                continue
            w = np.sqrt(1.0 - u * u - v * v)
            sea = _sea(noise, u, v, w)
            rough = fractal(noise, 1.3 * u, 1.3 * v, 1.3 * w, 6, 0.62)
            tint = fractal(noise, 0.35 * u + 0.2, 0.35 * v, 0.35 * w, 4, 0.5)
            fine = fractal(noise, 4.1 * u, 4.1 * v, 4.1 * w, 4, 0.65)
            bright = 0.70 + 0.85 * rough + 0.65 * tint + 0.45 * fine
            bright -= sea * (0.43 + 1.1 * tint + 0.35 * rough + 0.28 * fine)
            height = 0.020 * rough * (1.0 - 0.75 * sea)
            for k in range(RAYED.shape[0]):
                dx, dy = u - RAYED[k, 0], v - RAYED[k, 1]
                r = np.hypot(dx, dy)
                angle = np.arctan2(dy, dx)
                # rays: fixed in direction, broken along the way
                fan = 0.0
                for octave in range(4):
                    turns = 7.0 * 2.0**octave
                    place = (angle / (2.0 * np.pi) + 0.5) * turns
                    at = int(np.floor(place))
                    f = place - at
                    a = random01(at % int(turns), octave, k, 23)
                    b = random01((at + 1) % int(turns), octave, k, 23)
                    fan += (a + (b - a) * f * f * (3.0 - 2.0 * f)) * 0.62**octave
                fan = max(0.0, fan / 2.25 - 0.40) * 3.4
                broken = 0.65 + 1.6 * fractal(noise, 1.1 * u, 1.1 * v, 0.3, 4, 0.6)
                fade = np.exp(-r / (0.40 * RAYED[k, 3])) * smooth(RAYED[k, 3], 0.5 * RAYED[k, 3], r)
                bright += (0.55 if k > 0 else 0.80) * fan * max(0.0, broken) * fade
                bright += 0.24 * np.exp(-((r / (2.2 * RAYED[k, 2])) ** 2))
            result[row, column, 0] = height
            result[row, column, 1] = bright
    return result


@jit
def _dig(ground: Picture, us: NDArray[np.float64], pits: NDArray[np.float64]) -> None:
    """Press craters into the ground, in place: height and brightness."""
    n = us.size
    step = us[1] - us[0]
    for k in range(pits.shape[0]):
        pu, pv, pw, radius = pits[k, 0], pits[k, 1], pits[k, 2], pits[k, 3]
        if pw < 0.03:
            continue
        reach = 2.2 * radius
        low_x, high_x = int((pu - reach - us[0]) / step), int((pu + reach - us[0]) / step) + 2
        low_y, high_y = int((pv - reach - us[0]) / step), int((pv + reach - us[0]) / step) + 2
        young = pits[k, 4] ** 5
        old = 0.35 + 0.65 * pits[k, 4]
        for row in range(max(0, low_y), min(n, high_y)):
            for column in range(max(0, low_x), min(n, high_x)):
                u, v = us[column], us[row]
                if u * u + v * v >= 1.0:
                    continue
                w = np.sqrt(1.0 - u * u - v * v)
                r = np.sqrt((u - pu) ** 2 + (v - pv) ** 2 + (w - pw) ** 2) / radius
                if r > 2.2:
                    continue
                ground[row, column, 0] += 0.30 * radius * old * crater_height(r)
                rim = np.exp(-(((r - 1.0) / 0.20) ** 2))
                ground[row, column, 1] += (0.06 + 0.26 * young) * old * rim
                ground[row, column, 1] += 0.42 * young * np.exp(-((r / 1.4) ** 2)) - 0.022 * old * (
                    1.0 if r < 0.8 else 0.0
                )


def moon_disc(radius_px: float, samples: int) -> tuple[Picture, Picture]:
    """The moon's light and cover, (N, N, 1) both, on a square a little larger than its disc; up is first."""
    n = int(np.ceil(2.06 * radius_px))
    us = ((np.arange(n * samples) + 0.5) / samples - 0.5 * n) / radius_px
    noise = billow_volume(128, 4, 3, 0.5, 14)
    rng = np.random.default_rng(12)
    pits = np.concatenate([craters(rng, 22000, 0.0040, 0.060), craters(rng, 26, 0.04, 0.085)])
    young = RAYED[:, :3].copy()
    w = np.sqrt(1.0 - young[:, 0] ** 2 - young[:, 1] ** 2)
    pits = np.concatenate([pits, np.column_stack([young[:, :2], w, young[:, 2], np.full(len(young), 0.9)])])
    ground = _ground(us, noise, pits)
    # the seas drowned most of the old craters in them
    flooded = np.array([_sea(noise, u, v, abs(z)) for u, v, z in pits[:, :3]])
    kept = np.random.default_rng(5).random(len(pits)) > 0.86 * flooded
    kept[-len(young) :] = True
    _dig(ground, us, pits[kept])

    u, v = us[None, :], us[:, None]
    inside = u * u + v * v < 1.0
    w = np.sqrt(np.maximum(0.0, 1.0 - u * u - v * v))
    step = us[1] - us[0]
    up, right = np.gradient(ground[..., 0], step)
    sun = SUNLIGHT / np.linalg.norm(SUNLIGHT)
    nx, ny, nz = u - 0.45 * right * w, v - 0.45 * up * w, w + 0.12
    facing = (nx * sun[0] + ny * sun[1] + nz * sun[2]) / np.sqrt(nx * nx + ny * ny + nz * nz)
    # dust sends light back the way it came, so the limb is hardly darker than the middle
    plain = (u * sun[0] + v * sun[1] + (w + 0.12) * sun[2]) / np.sqrt(u * u + v * v + (w + 0.12) ** 2)
    relief = np.clip(facing / np.maximum(plain, 0.12), 0.55, 1.7)
    lit = np.clip(0.20 + 0.80 * plain, 0.0, 1.0) ** 0.42 * relief * np.clip(ground[..., 1], 0.12, 1.5) ** 1.4
    light = np.where(inside, lit, 0.0).astype(np.float32)
    cover = inside.astype(np.float32)
    small = cv2.resize(np.dstack([light, cover]), (n, n), interpolation=cv2.INTER_AREA)[::-1]
    return np.asarray(small[..., :1], np.float32), np.asarray(small[..., 1:], np.float32)


def _add_stars(picture: Picture, view: View) -> None:
    rng = np.random.default_rng(19)
    scale = view.width / 3840.0
    light = fluxes(rng, STARS, 1.1, 300.0)
    colours = star_colours(3400.0 + 8000.0 * rng.beta(1.6, 2.2, STARS)) ** 0.8
    radii = np.maximum(0.62, (0.68 + 0.15 * np.log10(light + 1.0)) * scale)
    xs, ys = rng.random(STARS) * view.width, rng.random(STARS) * view.height
    splat(picture, xs, ys, 0.10 * scale**2 * light[:, None] * colours, radii)


def render(width: int, height: int) -> Picture:
    """Display values (H, W, 3) in [0, 1]."""
    view = View(width, height, HORIZON)
    azimuth, elevation = view.direction(*MOON)
    bearings = bearing_to(view.azimuths(), azimuth)
    slopes = view.slopes()
    # round in the picture, as the disc is
    apart = np.hypot(bearings[None, :], (slopes - np.tan(elevation))[:, None])[..., None]

    high = np.maximum(slopes, 0.0)[:, None, None]
    night = np.array([0.0055, 0.013, 0.034]) + np.array([0.013, 0.028, 0.046]) * np.exp(-high / 0.16)
    edge = np.maximum(apart - RADIUS, 0.0)
    glow = 0.20 * np.exp(-edge / 0.035) + 0.085 * np.exp(-edge / 0.13) + 0.030 * np.exp(-edge / 0.40)
    scene = (night + glow * np.array([0.52, 0.72, 1.0])).astype(np.float32)
    stars = np.zeros_like(scene)
    _add_stars(stars, view)
    clear = np.exp(-0.10 / (high + 0.05)) * (1.0 - 0.92 * np.exp(-((apart / 0.42) ** 2)))
    clear = clear * np.exp(np.minimum(slopes, 0.0) / 0.01)[:, None, None]
    scene += (stars * clear).astype(np.float32)

    radius = RADIUS * view.scale
    light, cover = moon_disc(radius, 2 if width > 1000 else 1)
    n = light.shape[0]
    left, top = round(MOON[0] * width - 0.5 * n), round(MOON[1] * height - 0.5 * n)
    box = slice(top, top + n), slice(left, left + n)
    disc = 0.72 * light * COLOUR.astype(np.float32)
    scene[box] = scene[box] * (1.0 - 0.9 * cover) + disc

    fold = ARC / (2.0 * np.pi) * np.sin(2.0 * np.pi * bearings / ARC)
    near = np.exp(-((apart / 0.30) ** 1.2)) + 0.20 * np.exp(-apart / 0.7)
    cirrus = 1.0 - np.exp(-0.55 * clouds.sheet(view, 7500.0, 5200.0, 25))
    cirrus = cirrus * high / (high + 0.10)
    veil = (0.34 * near * np.array([0.72, 0.84, 1.0]) + np.array([0.012, 0.020, 0.040])).astype(np.float32)
    scene = scene * (1.0 - 0.55 * cirrus) + cirrus * veil

    moonlight = clouds.Light(
        0.075 * np.array([0.86, 0.93, 1.0]), np.array([0.011, 0.020, 0.042]), np.array([0.007, 0.013, 0.029])
    )
    noise = billow_volume(128, 4, 3, 0.5, 6)
    scene = clouds.volumetric(scene.astype(np.float32), view, VEIL, moonlight, noise, -fold, elevation)

    below = np.exp(np.minimum(slopes, 0.0) / 0.12)[:, None, None].astype(np.float32)
    scene = scene * (0.30 + 0.70 * below)
    bloom = np.maximum(scene - 0.25, 0.0)
    for share, sigma in ((0.10, 0.006), (0.08, 0.025)):
        scene = scene + share * cv2.GaussianBlur(
            bloom, (0, 0), sigma * width, borderType=cv2.BORDER_REPLICATE
        )
    return grade.saturate(grade.film(scene, EXPOSURE), 1.15)
