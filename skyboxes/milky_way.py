"""A starry night with the galaxy's band, its dust lanes and glowing clouds."""

import numpy as np
from numba import prange
from numpy.typing import NDArray

from app.jit import jit
from skyboxes import grade
from skyboxes.jit import parallel_jit
from skyboxes.noise import fbm2
from skyboxes.stars import fluxes, splat, star_colours
from skyboxes.view import Picture, View

HORIZON = 0.68
FIELD_STARS = 42_000
BAND_STARS = 420_000
"""Stars of the whole picture and of the band, before dust and haze hide some; the same at every size."""
CENTRE = (0.555, 0.400)
"""The galaxy's centre, fractions of the picture's width and height."""
TILT = np.radians(58.0)
"""Angle of the band to the horizon."""


@jit
def smooth(low: float, high: float, x: float) -> float:
    """0 up to `low`, 1 from `high` on, smooth between."""
    t = min(1.0, max(0.0, (x - low) / (high - low)))
    return t * t * (3.0 - 2.0 * t)


@jit
def band(along: float, across: float) -> tuple[float, float, float, float, float]:
    """The galaxy at a place along and across its plane, in picture widths from its centre.

    Glow of the disc, glow of the bulge, optical depth of the dust, glow of hydrogen, density of stars.
    """
    u, v = along * 9.0, across * 9.0
    bend = 0.10 * fbm2(u * 0.6, 3.0, 3, 0.5, 31)
    v += bend
    width = 0.52 + 0.16 * np.exp(-((along / 0.13) ** 2))
    warp_x = fbm2(1.1 * u + 2.0, 1.1 * v, 4, 0.5, 32)
    warp_y = fbm2(1.1 * u - 8.0, 1.1 * v + 5.0, 4, 0.5, 33)
    mottle = fbm2(1.6 * u + 0.35 * warp_x, 2.0 * v + 0.35 * warp_y, 7, 0.58, 34)
    profile = np.exp(-((v / width) ** 2))
    skirt = np.exp(-abs(v) / (1.5 * width))
    disc = (0.72 * profile + 0.34 * skirt) * max(0.05, 1.0 + 1.1 * mottle)
    disc *= 0.62 + 0.38 * np.exp(-((along / 0.2) ** 2))
    bulge = np.exp(-((along / 0.085) ** 2) - (v / 0.55) ** 2) * max(0.1, 1.0 + 0.7 * mottle)

    # dust: a rift along the plane that frays into filaments leaning away from it
    lane = v - 0.05 + 0.16 * fbm2(1.3 * u, 7.0, 4, 0.55, 35)
    ragged = fbm2(1.5 * u + 0.75 * warp_x + 0.5 * v, 2.4 * v + 0.75 * warp_y, 8, 0.60, 36)
    lean_u, lean_v = 1.2 * u + 0.5 * warp_y + 0.9 * v, 1.9 * v - 0.6 * u + 0.5 * warp_x
    ridge = 1.0 - 2.2 * abs(fbm2(lean_u, lean_v, 7, 0.55, 37))
    rift = np.exp(-((lane / 0.20) ** 2)) * (0.75 + 1.5 * ragged + 0.3 * ridge)
    fray = np.exp(-((v / 0.62) ** 2)) * smooth(0.12, 0.75, 0.75 * ragged + 0.45 * ridge)
    dust = 1.5 * max(0.0, rift) + 1.25 * fray

    knots = fbm2(4.0 * u + warp_x, 4.0 * v + warp_y, 4, 0.5, 38)
    hydrogen = smooth(0.22, 0.55, knots) * np.exp(-((v / 0.4) ** 2))
    return disc, bulge, dust, hydrogen, (0.10 + disc + bulge) * np.exp(-1.2 * dust)


@jit
def _galactic(x: float, y: float) -> tuple[float, float]:
    """Along and across the band for a point in picture widths from the band's centre, x right and y down."""
    return x * np.cos(TILT) + y * np.sin(TILT), -x * np.sin(TILT) + y * np.cos(TILT)


@jit
def diffuse(along: float, across: float) -> tuple[float, float, float, float]:
    """The galaxy's diffuse red, green and blue light, scene units, and its density of stars."""
    disc, bulge, dust, hydrogen, stars = band(along, across)
    edge = 1.0 - smooth(0.20, 0.34, abs(across))
    red = 0.78 * disc + 1.75 * bulge + 0.62 * hydrogen
    green = 0.82 * disc + 1.28 * bulge + 0.12 * hydrogen
    blue = 1.16 * disc + 0.80 * bulge + 0.34 * hydrogen
    return (
        edge * red * np.exp(-0.85 * dust),
        edge * green * np.exp(-1.10 * dust),
        edge * blue * np.exp(-1.35 * dust),
        stars,
    )


@parallel_jit
def _glow(width: int, height: int) -> Picture:
    """Diffuse light (H, W, 3) of the galaxy, scene units."""
    result = np.zeros((height, width, 3), np.float32)
    for row in prange(height):
        for column in range(width):
            x = (column + 0.5) / width - CENTRE[0]
            y = (row + 0.5 - CENTRE[1] * height) / width
            along, across = _galactic(x, y)
            if abs(across) > 0.34:
                continue
            red, green, blue, _ = diffuse(along, across)
            result[row, column, 0] = red
            result[row, column, 1] = green
            result[row, column, 2] = blue
    return result


@jit
def _star_share(xs: NDArray[np.float64], ys: NDArray[np.float64], aspect: float) -> NDArray[np.float64]:
    """Relative density of band stars at points given as fractions of the picture."""
    share = np.zeros(xs.size)
    for i in range(xs.size):
        along, across = _galactic(xs[i] - CENTRE[0], (ys[i] - CENTRE[1]) * aspect)
        if abs(across) < 0.34:
            share[i] = band(along, across)[4] * (1.0 - smooth(0.15, 0.34, abs(across)))
    return share


def _air(view: View) -> tuple[Picture, Picture]:
    """Light of the night air and share of starlight it lets through, both (H, 1, ·), by row."""
    elevation = np.maximum(view.slopes(), 0.0)[:, None, None]
    glow = np.array([0.010, 0.016, 0.036]) + np.array([0.006, 0.020, 0.030]) * np.exp(-elevation / 0.20)
    glow = glow + np.array([0.044, 0.026, 0.016]) * np.exp(-elevation / 0.06)
    clear = np.exp(-0.10 / (elevation + 0.06))
    below = np.exp(np.minimum(view.slopes(), 0.0) / 0.15)[:, None, None]
    return (glow * (0.25 + 0.75 * below)).astype(np.float32), (clear * below**4).astype(np.float32)


def _add_stars(picture: Picture, view: View, rng: np.random.Generator) -> None:
    """Draw the field's and the band's stars into the picture."""
    scale = view.width / 3840.0
    for count, in_band in ((FIELD_STARS, False), (BAND_STARS, True)):
        xs, ys = rng.random(count), rng.random(count)
        light = fluxes(rng, count, 1.1, 900.0)
        temperatures = 3200.0 + 9500.0 * rng.beta(1.6, 2.2, count)
        if in_band:
            kept = rng.random(count) < 0.6 * _star_share(xs, ys, view.height / view.width)
            xs, ys, light, temperatures = xs[kept], ys[kept], 0.55 * light[kept], temperatures[kept]
        radii = np.maximum(0.62, (0.66 + 0.16 * np.log10(light + 1.0)) * scale)
        colours = star_colours(temperatures) ** 0.8
        splat(picture, xs * view.width, ys * view.height, 0.13 * scale**2 * light[:, None] * colours, radii)
        bright = light > 60.0
        halo = 0.035 * scale**2 * light[bright, None] * colours[bright]
        wide = np.full(len(halo), 5.0 * scale)
        splat(picture, xs[bright] * view.width, ys[bright] * view.height, halo, wide)


def render(width: int, height: int) -> Picture:
    """Display values (H, W, 3) in [0, 1]."""
    view = View(width, height, HORIZON)
    air, clear = _air(view)
    heavens = 0.26 * _glow(width, height)
    _add_stars(heavens, view, np.random.default_rng(7))
    return grade.saturate(grade.film(heavens * clear + air, 1.0), 1.25)
