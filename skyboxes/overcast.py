"""A bright overcast: a ceiling of stratocumulus in rolls, thin towards a hidden sun."""

import numpy as np

from skyboxes import ceiling, grade
from skyboxes.noise import billow_volume
from skyboxes.view import ARC, Picture, View, bearing_to

HORIZON = 0.62
EXPOSURE = 0.74
SUN = (0.57, 0.32)
"""Where the hidden sun makes the ceiling bright, fractions of the picture."""
HAZE = 18e3
"""Distance at which haze has taken 63 % of the cloud's light, m."""

STRATOCUMULUS = ceiling.Ceiling(
    base=1050.0,
    relief=170.0,
    thickness=330.0,
    swell=1.3,
    cell=900.0,
    stretch=1.9,
    erosion=135.0,
    billow=700.0,
    extinction=0.045,
    sink=85.0,
    reach=40e3,
    seed=20,
)


def render(width: int, height: int) -> Picture:
    """Display values (H, W, 3) in [0, 1]."""
    view = View(width, height, HORIZON)
    azimuth, elevation = view.direction(*SUN)
    bearings = bearing_to(view.azimuths(), azimuth)
    fold = ARC / (2.0 * np.pi) * np.sin(2.0 * np.pi * bearings / ARC)
    noise = billow_volume(128, 4, 3, 0.5, 8)
    marched = ceiling.march(view, STRATOCUMULUS, noise, -fold, 1.0)
    glow, through, far = marched[..., 0:1], marched[..., 1:2], marched[..., 2:3]

    height_angle = np.arctan(view.slopes())[:, None] - elevation
    aside = np.hypot(bearings[None, :], 1.2 * height_angle)[..., None]
    near = 0.9 * np.exp(-aside / np.radians(13.0)) + 0.5 * np.exp(-aside / np.radians(40.0))
    warm, cool = np.array([1.0, 0.965, 0.905]), np.array([0.80, 0.87, 0.96])
    daylight = 0.46 * cool + 0.95 * near * warm
    cloud = 1.12 * glow**1.3 * daylight
    above = 0.75 * cool + 2.2 * near * warm
    scene = cloud + through * above

    horizon = np.array([0.60, 0.635, 0.67]) + 0.28 * near * warm
    clear = np.exp(-((far / HAZE) ** 1.7))
    scene = scene * clear + horizon * (1.0 - clear)
    below = 1.0 - np.exp(np.minimum(view.slopes(), 0.0) / 0.14)[:, None, None]
    scene = scene * (1.0 - 0.45 * below)
    return grade.film(scene.astype(np.float32), EXPOSURE)
