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
    cell=1800.0,
    stretch=1.15,
    cover=0.03,
    erosion=0.42,
    billow=1500.0,
    extinction=0.045,
    sharpness=9.0,
    haze=38e3,
    seed=14,
)


def render(width: int, height: int) -> Picture:
    """Display values (H, W, 3) in [0, 1]."""
    view = View(width, height, HORIZON)
    air = Air(aerosol=1.0)
    bearings = np.full(width, SUN_BEARING)
    blue = 20.0 * sky(view, bearings, SUN_ELEVATION, air)
    sun = sun_colour(SUN_ELEVATION, air)
    light = clouds.Light(1.5 * sun, np.array([0.50, 0.62, 0.80]), np.array([0.34, 0.40, 0.48]))
    noise = billow_volume(128, 4, 3, 0.5, 5)
    scene = clouds.volumetric(blue, view, CUMULUS, light, noise, bearings, SUN_ELEVATION)
    return grade.saturate(grade.film(scene, EXPOSURE), 1.15)
