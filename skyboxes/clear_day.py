"""A clear day with fair-weather cumulus."""

import numpy as np

from skyboxes import clouds, grade
from skyboxes.atmosphere import Air, sky, sun_colour
from skyboxes.noise import billow_volume
from skyboxes.view import Picture, View

HORIZON = 0.64
EXPOSURE = 0.62
SUN_ELEVATION = np.radians(48.0)
SUN_BEARING = np.radians(-115.0)
"""The sun stands behind the viewer's left shoulder, wherever they look."""

CUMULUS = clouds.Layer(
    base=1100.0,
    thickness=1500.0,
    cell=2000.0,
    stretch=1.15,
    cover=0.0,
    erosion=0.42,
    billow=1500.0,
    extinction=0.045,
    sharpness=13.0,
    haze=38e3,
    seed=22,
)


def render(width: int, height: int) -> Picture:
    """Display values (H, W, 3) in [0, 1]."""
    view = View(width, height, HORIZON)
    air = Air(aerosol=1.0)
    bearings = np.full(width, SUN_BEARING)
    blue = sky(view, bearings, SUN_ELEVATION, air) * np.asarray([20.0, 19.8, 23.0], np.float32)
    sun = sun_colour(SUN_ELEVATION, air)
    light = clouds.Light(1.55 * sun, np.array([0.44, 0.55, 0.72]), np.array([0.30, 0.36, 0.44]))
    noise = billow_volume(128, 4, 3, 0.5, 5)
    scene = clouds.volumetric(blue, view, CUMULUS, light, noise, bearings, SUN_ELEVATION)
    return grade.saturate(grade.film(scene, EXPOSURE), 1.15)
