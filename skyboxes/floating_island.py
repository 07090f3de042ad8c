"""An island of rock with a fortress on it, floating among cumulus in the light of a late afternoon."""

from functools import cache

import numpy as np

from skyboxes import clouds, grade, island, island_view
from skyboxes.atmosphere import Air, sky, sun_colour
from skyboxes.noise import Volume, billow_volume
from skyboxes.view import Picture, View

HORIZON = 0.68
EXPOSURE = 0.68
SUN_ELEVATION = np.radians(19.0)
SUN_BEARING = np.radians(-122.0)
"""The sun stands to the viewer's left, wherever they look."""
PLACE = (0.02, 1290.0, 352.0)
"""Azimuth of the island in radians, its distance and the height of its rim, m."""

CUMULUS = clouds.Layer(
    base=900.0,
    thickness=1500.0,
    cell=2100.0,
    stretch=1.2,
    cover=-0.06,
    erosion=0.42,
    billow=1500.0,
    extinction=0.040,
    sharpness=11.0,
    haze=26e3,
    seed=38,
)
MIST = np.array([
    [-185.0, -120.0, -225.0, 120.0, 90.0, 44.0, 1.0],
    [-70.0, -150.0, -262.0, 130.0, 90.0, 34.0, 0.95],
    [120.0, -150.0, -270.0, 110.0, 90.0, 34.0, 0.95],
    [235.0, -100.0, -215.0, 110.0, 90.0, 52.0, 1.05],
    [-390.0, 30.0, -150.0, 120.0, 100.0, 58.0, 1.0],
    [-300.0, 190.0, -70.0, 110.0, 90.0, 44.0, 0.95],
    [390.0, 150.0, -110.0, 130.0, 100.0, 56.0, 1.0],
])  # fmt: skip
"""Clouds about the island: middle, half axes in m, strength."""
FALLS = ((-92.0, 7.0, 215.0), (64.0, 3.2, 150.0), (122.0, 5.5, 190.0))
"""Waterfalls: how far to the right of the middle, half width and height, m."""


@cache
def _rock() -> tuple[Volume, island.Scene]:
    """The noise volume that everything here is made with, and the island."""
    noise = billow_volume(128, 4, 3, 0.5, 5)
    return noise, island.build(noise)


def render(width: int, height: int) -> Picture:
    """Display values (H, W, 3) in [0, 1]."""
    view = View(width, height, HORIZON)
    air = Air(aerosol=1.6)
    bearings = np.full(width, SUN_BEARING)
    blue = sky(view, bearings, SUN_ELEVATION, air) * np.asarray([21.0, 19.8, 22.5], np.float32)
    sun = sun_colour(SUN_ELEVATION, air) * np.array([1.14, 1.0, 0.84])
    noise, rock = _rock()
    light = clouds.Light(1.55 * sun, np.array([0.42, 0.52, 0.70]), np.array([0.32, 0.37, 0.44]))
    scene = clouds.volumetric(blue, view, CUMULUS, light, noise, bearings, SUN_ELEVATION)

    level = np.cos(SUN_ELEVATION)
    toward = level * np.sin(SUN_BEARING), level * np.cos(SUN_BEARING), np.sin(SUN_ELEVATION)
    lamp = np.array([toward, 3.0 * sun, [0.62, 0.78, 1.05], [0.60, 0.58, 0.54]])
    falls = np.array([(x, *island.rim(rock, x), wide, deep) for x, wide, deep in FALLS])
    box, marched = island_view.draw(rock, view, PLACE, lamp, MIST, falls, 2 if width > 1000 else 1)
    cover = marched[..., 3:4]
    # the air before the island takes some of its light and adds its own, more towards the horizon
    slopes = view.slopes()[box[0], None, None]
    clear = (0.90 - 0.34 * np.exp(-np.maximum(slopes, 0.0) / 0.13)).astype(np.float32)
    haze = np.array([0.56, 0.68, 0.84], np.float32)
    seen = marched[..., :3] * clear + cover * haze * (1.0 - clear)
    scene[box] = scene[box] * (1.0 - cover) + seen
    return grade.saturate(grade.film(scene, EXPOSURE), 1.12)
