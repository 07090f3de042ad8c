"""The blue hour: afterglow at the horizon, dark clouds with warm rims, a thin moon and the first stars."""

import numpy as np
from numpy.typing import NDArray

from skyboxes import clouds, grade
from skyboxes.noise import billow_volume
from skyboxes.stars import fluxes, splat, star_colours
from skyboxes.view import ARC, Picture, View, bearing_to

HORIZON = 0.58
EXPOSURE = 1.0
SUNSET = 0.46
"""Where the sun went down, fraction of the picture's width."""
MOON = (0.575, 0.335)
MOON_RADIUS = np.radians(0.55)
"""Twice the real 0.26 degrees, as through a longer lens."""
MOON_TURN = np.radians(38.0)
"""Direction of the lit limb: below the horizontal, towards the sunset."""
VENUS = (0.628, 0.388)
STARS = 420

BANDS = clouds.Layer(
    base=2400.0,
    thickness=520.0,
    cell=1900.0,
    stretch=4.0,
    cover=-0.06,
    erosion=0.50,
    billow=1100.0,
    extinction=0.020,
    sharpness=4.5,
    haze=34e3,
    seed=17,
)
AFTERGLOW = (
    # elevation in degrees and the light towards the sunset and away from it
    (0.0, (0.62, 0.185, 0.040), (0.070, 0.060, 0.095)),
    (1.4, (0.60, 0.205, 0.052), (0.074, 0.066, 0.108)),
    (3.0, (0.42, 0.205, 0.090), (0.064, 0.068, 0.118)),
    (5.0, (0.22, 0.168, 0.128), (0.048, 0.062, 0.118)),
    (8.0, (0.100, 0.116, 0.146), (0.033, 0.050, 0.108)),
    (13.0, (0.045, 0.071, 0.134), (0.022, 0.038, 0.094)),
    (21.0, (0.021, 0.038, 0.098), (0.0135, 0.0255, 0.073)),
    (36.0, (0.010, 0.018, 0.057), (0.0075, 0.0140, 0.047)),
)


def _glow(view: View) -> Picture:
    """The cloudless sky: colours by elevation, warmer towards the sunset."""
    degrees = np.degrees(np.arctan(view.slopes()))
    stops = np.array([stop for stop, _, _ in AFTERGLOW])
    # a curve through the stops without corners, which the eye would see as bands
    fine = np.linspace(0.0, 45.0, 900)
    kernel = np.exp(-(np.linspace(-2.5, 2.5, 51) ** 2))
    kernel /= kernel.sum()
    sides = []
    for side in (1, 2):
        colours = np.log(np.array([stop[side] for stop in AFTERGLOW]))
        curves = [np.interp(fine, stops, colours[:, c]) for c in range(3)]
        smooth = [np.convolve(np.pad(curve, 25, mode="edge"), kernel, mode="valid") for curve in curves]
        sides.append(np.exp(np.stack([np.interp(degrees, fine, curve) for curve in smooth], axis=-1)))
    bearings = bearing_to(view.azimuths(), view.direction(SUNSET, 0.5)[0])
    turn = 0.5 + 0.5 * np.cos(2.0 * np.pi * bearings / ARC)
    share = (0.12 + 0.88 * turn**1.4)[None, :, None]
    light = sides[0][:, None] * share + sides[1][:, None] * (1.0 - share)
    below = np.exp(np.minimum(view.slopes(), 0.0) / 0.09)[:, None, None]
    return np.asarray(light * (0.06 + 0.94 * below), np.float32)


def _stars(view: View) -> Picture:
    """The first stars and Venus."""
    picture = np.zeros((view.height, view.width, 3), np.float32)
    rng = np.random.default_rng(4)
    scale = view.width / 3840.0
    xs, ys = rng.random(STARS), HORIZON * rng.random(STARS)
    light = fluxes(rng, STARS, 1.2, 40.0)
    colours = star_colours(3600.0 + 8000.0 * rng.beta(1.6, 2.2, STARS)) ** 0.7
    radii = np.maximum(0.62, (0.72 + 0.18 * np.log10(light)) * scale)
    fading = np.exp(-0.10 / np.maximum(HORIZON - ys - 0.10, 0.01))
    amount = 0.11 * scale**2 * (light * fading)[:, None]
    splat(picture, xs * view.width, ys * view.height, amount * colours, radii)
    place = np.array([VENUS[0] * view.width]), np.array([VENUS[1] * view.height])
    for strength, radius in ((45.0, 1.7), (9.0, 6.0), (5.0, 22.0)):
        colour = strength * scale**2 * np.array([[1.0, 0.97, 0.88]])
        splat(picture, *place, colour, np.array([max(0.7, radius * scale)]))
    return picture


def _moon(view: View) -> tuple[Picture, NDArray[np.float32]]:
    """Light of the crescent, its earthlit disc and their halo, and the share of sky the disc covers."""
    azimuth, elevation = view.direction(*MOON)
    x = (view.azimuths()[None, :] - azimuth) / MOON_RADIUS
    y = (np.arctan(view.slopes())[:, None] - elevation) / MOON_RADIUS
    distance = np.hypot(x, y)
    pixel = 1.0 / (view.scale * MOON_RADIUS)
    disc = np.clip((1.0 - distance) / pixel + 0.5, 0.0, 1.0)
    along = -np.cos(MOON_TURN) * x - np.sin(MOON_TURN) * y
    across = np.sin(MOON_TURN) * x - np.cos(MOON_TURN) * y
    terminator = 0.80 * np.sqrt(np.maximum(1.0 - across**2, 0.0))
    lit = np.clip((along - terminator) / (1.5 * pixel) + 0.5, 0.0, 1.0) * disc
    halo = 0.030 * np.exp(-distance / 4.0) + 0.09 * np.exp(-distance / 1.1)
    light = lit[..., None] * np.array([2.6, 2.45, 2.15]) + disc[..., None] * np.array([0.016, 0.020, 0.030])
    light = light + halo[..., None] * np.array([1.0, 0.93, 0.80])
    return light.astype(np.float32), disc[..., None].astype(np.float32)


def render(width: int, height: int) -> Picture:
    """Display values (H, W, 3) in [0, 1]."""
    view = View(width, height, HORIZON)
    heavens = _glow(view)
    moon, disc = _moon(view)
    scene = heavens + _stars(view) * (1.0 - disc) + moon

    azimuth = view.direction(SUNSET, 0.5)[0]
    bearings = bearing_to(view.azimuths(), azimuth)
    fold = ARC / (2.0 * np.pi) * np.sin(2.0 * np.pi * bearings / ARC)
    light = clouds.Light(
        np.array([0.038, 0.0140, 0.0085]), np.array([0.012, 0.015, 0.032]), np.array([0.009, 0.011, 0.023])
    )
    noise = billow_volume(128, 4, 3, 0.5, 6)
    scene = clouds.volumetric(scene, view, BANDS, light, noise, -fold, np.radians(1.0))
    return grade.saturate(grade.film(scene, EXPOSURE), 1.1)
