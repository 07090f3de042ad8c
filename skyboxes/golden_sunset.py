"""A golden sunset: bands of cloud between the viewer and a low sun."""

import cv2
import numpy as np
from numpy.typing import NDArray

from skyboxes import clouds, grade
from skyboxes.atmosphere import Air, lowered, sky, sun_colour
from skyboxes.noise import billow_volume
from skyboxes.view import ARC, Picture, View, bearing_to

HORIZON = 0.60
EXPOSURE = 0.165
SUN = (0.57, 0.46)
"""The sun's place, fractions of the picture."""
LIFT = np.radians(14.0)
AIR = Air(aerosol=4.0, mie_g=0.80, spread=0.35)

BANDS = clouds.Layer(
    base=2200.0,
    thickness=650.0,
    cell=1500.0,
    stretch=3.2,
    cover=0.07,
    erosion=0.50,
    billow=1100.0,
    extinction=0.022,
    sharpness=5.0,
    haze=22e3,
    seed=35,
)


def _disc(view: View, bearings: NDArray[np.float64], elevation: float) -> Picture:
    """(H, W, 1) the sun's disc, softened as in a lens, and a narrow glow of haze around it, peak 1."""
    slopes = np.arctan(view.slopes())
    distance = np.hypot(bearings[None, :], (slopes - elevation)[:, None])
    radius = np.radians(0.55)
    disc = np.clip(1.5 - distance / radius, 0.0, 1.0) ** 1.5
    glow = 0.035 * np.exp(-distance / np.radians(2.2)) + 0.006 * np.exp(-distance / np.radians(9.0))
    return np.asarray((disc + glow)[..., None], np.float32)


def _bloom(light: Picture, width_px: float) -> Picture:
    """The light blurred, joined over the left and right edges: what lens and eye scatter."""
    factor = max(1, light.shape[1] // 480)
    height, width = light.shape[:2]
    small = cv2.resize(light, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    margin = small.shape[1] // 4
    wide = np.concatenate([small[:, -margin:], small, small[:, :margin]], axis=1)
    sigma = width_px / factor
    blurred = cv2.GaussianBlur(wide, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)[:, margin:-margin]
    large = cv2.resize(np.ascontiguousarray(blurred), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(large, np.float32)


def render(width: int, height: int) -> Picture:
    """Display values (H, W, 3) in [0, 1]."""
    view = View(width, height, HORIZON)
    azimuth, elevation = view.direction(*SUN)
    bearings = bearing_to(view.azimuths(), azimuth)
    glow = sky(view, bearings, elevation, AIR, LIFT) * np.asarray([27.0, 23.5, 34.0], np.float32)
    glow *= np.exp(np.minimum(view.slopes(), 0.0) / 0.22)[:, None, None].astype(np.float32)
    low = float(lowered(np.asarray([elevation]), LIFT)[0])
    sun = sun_colour(low, AIR) / sun_colour(low, AIR).max()

    scene = glow + 60.0 * _disc(view, bearings, elevation) * sun.astype(np.float32)

    fold = ARC / (2.0 * np.pi) * np.sin(2.0 * np.pi * bearings / ARC)
    cirrus = 1.0 - np.exp(-0.9 * clouds.sheet(view, 7500.0, 5200.0, 21))
    near = np.exp(-np.abs(bearings) / np.radians(35.0))[None, :, None]
    lit = (1.7 + 3.6 * near) * sun + np.array([0.22, 0.16, 0.26])
    scene = scene * (1.0 - cirrus) + cirrus * lit.astype(np.float32)

    light = clouds.Light(2.9 * sun, np.array([0.22, 0.20, 0.33]), np.array([0.13, 0.10, 0.18]))
    noise = billow_volume(128, 4, 3, 0.5, 6)
    scene = clouds.volumetric(scene.astype(np.float32), view, BANDS, light, noise, -fold, low)
    bright = np.minimum(scene, 30.0)
    scene = scene + 0.14 * _bloom(bright, 0.005 * width) + 0.09 * _bloom(bright, 0.03 * width)
    return grade.saturate(grade.film(scene, EXPOSURE), 1.15)
