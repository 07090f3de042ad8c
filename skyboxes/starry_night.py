"""A clear night all around: the galaxy's band from horizon to horizon, a moon, the stars."""

import cv2
import numpy as np
from numba import prange
from numpy.typing import NDArray

from skyboxes import grade
from skyboxes.jit import parallel_jit
from skyboxes.milky_way import diffuse, smooth
from skyboxes.sphere import Sphere, splat, unit
from skyboxes.stars import fluxes, star_colours
from skyboxes.super_moon import moon_disc
from skyboxes.view import ARC, Picture

CENTRE = unit(np.radians(-8.0), np.radians(24.0))
"""The galaxy's centre. Its far side lies below the horizon."""
LEAN = np.radians(52.0)
"""Angle of the band to the horizon at its centre."""
MOON = (np.radians(-98.0), np.radians(30.0))
MOON_RADIUS = np.radians(1.0)
"""Of the moon: four times the real one's."""
FIELD_STARS, BAND_STARS = 90_000, 900_000
"""Stars of the whole sphere and of the diffuse, before dust and haze hide some."""


def _axes() -> NDArray[np.float64]:
    """Rows: towards the galaxy's centre, along its plane, and to its pole."""
    across = np.cross(np.array([0.0, 1.0, 0.0]), CENTRE)
    across /= np.linalg.norm(across)
    up = np.cross(CENTRE, across)
    along = np.cos(LEAN) * across + np.sin(LEAN) * up
    return np.array([CENTRE, along, np.cross(CENTRE, along)])


@parallel_jit
def _glow(
    azimuths: NDArray[np.float64], elevations: NDArray[np.float64], axes: NDArray[np.float64]
) -> Picture:
    """Diffuse light (H, W, 3) of the galaxy, scene units, and the density of its stars (H, W)."""
    result = np.zeros((elevations.size, azimuths.size, 4), np.float32)
    for row in prange(elevations.size):
        level, up = np.cos(elevations[row]), np.sin(elevations[row])
        for column in range(azimuths.size):
            x, z = level * np.sin(azimuths[column]), level * np.cos(azimuths[column])
            a = axes[0, 0] * x + axes[0, 1] * up + axes[0, 2] * z
            b = axes[1, 0] * x + axes[1, 1] * up + axes[1, 2] * z
            c = axes[2, 0] * x + axes[2, 1] * up + axes[2, 2] * z
            along, across = np.arctan2(b, a) / ARC, np.arcsin(c) / ARC
            if abs(across) > 0.34:
                continue
            red, green, blue, stars = diffuse(along, across)
            result[row, column, 0] = red
            result[row, column, 1] = green
            result[row, column, 2] = blue
            result[row, column, 3] = stars * (1.0 - smooth(0.15, 0.34, abs(across)))
    return result


def _add_stars(picture: Picture, density: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Draw the field's and the band's stars into the picture."""
    height, width = picture.shape[:2]
    scale = width / 11520.0 * 1.6  # a pixel is that much wider than in the pictures of a third of the turn
    for count, in_band in ((FIELD_STARS, False), (BAND_STARS, True)):
        xs = rng.random(count) * width
        ys = (0.5 - np.arcsin(2.0 * rng.random(count) - 1.0) / np.pi) * height
        light = fluxes(rng, count, 1.1, 900.0)
        temperatures = 3200.0 + 9500.0 * rng.beta(1.6, 2.2, count)
        if in_band:
            share = density[np.minimum(ys.astype(int), height - 1), np.minimum(xs.astype(int), width - 1)]
            kept = rng.random(count) < 0.6 * share
            xs, ys, light, temperatures = xs[kept], ys[kept], 0.55 * light[kept], temperatures[kept]
        radii = np.maximum(0.55, (0.66 + 0.16 * np.log10(light + 1.0)) * scale)
        colours = star_colours(temperatures) ** 0.8
        splat(picture, xs, ys, 0.13 * scale**2 * light[:, None] * colours, radii)
        bright = light > 60.0
        halo = 0.035 * scale**2 * light[bright, None] * colours[bright]
        splat(picture, xs[bright], ys[bright], halo, np.full(len(halo), 5.0 * scale))


def _add_moon(scene: Picture, view: Sphere) -> None:
    """Set the moon's disc and its shine into the scene, in place."""
    away = np.arccos(np.clip(view.directions() @ unit(*MOON), -1.0, 1.0))[..., None]
    edge = np.maximum(away - MOON_RADIUS, 0.0)
    shine = 0.30 * np.exp(-edge / 0.012) + 0.10 * np.exp(-edge / 0.05) + 0.035 * np.exp(-edge / 0.25)
    scene += (shine * np.array([0.62, 0.76, 1.0])).astype(np.float32)
    light, cover = moon_disc(MOON_RADIUS * view.width / (2.0 * np.pi), 4)
    high = light.shape[0]
    wide = round(high / np.cos(MOON[1]))
    wider = cv2.resize(np.dstack([light, cover]), (wide, high), interpolation=cv2.INTER_AREA)
    light, cover = (np.asarray(wider[..., part : part + 1], np.float32) for part in (0, 1))
    x, y = view.place(*MOON)
    left, top = round(x * view.width - 0.5 * wide), round(y * view.height - 0.5 * high)
    box = slice(top, top + high), slice(left, left + wide)
    disc = 2.2 * light * np.array([1.0, 0.965, 0.89], np.float32)
    scene[box] = scene[box] * (1.0 - cover) + disc * cover


def render(width: int, height: int) -> Picture:
    """Display values (H, W, 3) in [0, 1] of the whole sphere."""
    view = Sphere(width, height)
    glow = _glow(view.azimuths(), view.elevations(), _axes())
    heavens = np.ascontiguousarray(0.26 * glow[..., :3])
    _add_stars(heavens, np.ascontiguousarray(glow[..., 3]), np.random.default_rng(17))
    high = np.maximum(view.slopes(), 0.0)[:, None, None]
    below = np.exp(np.minimum(view.slopes(), 0.0) / 0.15)[:, None, None]
    air = np.array([0.010, 0.016, 0.036]) + np.array([0.006, 0.020, 0.030]) * np.exp(-high / 0.20)
    air = air + np.array([0.044, 0.026, 0.016]) * np.exp(-high / 0.06)
    clear = np.exp(-0.10 / (high + 0.06)) * below**4
    scene = (heavens * clear + air * (0.25 + 0.75 * below)).astype(np.float32)
    _add_moon(scene, view)
    return grade.saturate(grade.film(scene, 1.0), 1.25)
