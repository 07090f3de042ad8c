"""A summer's day all around: fair-weather cumulus under a blue sky, the sun among them."""

import cv2
import numpy as np

from skyboxes import clouds, grade
from skyboxes.atmosphere import Air, radiance, sun_colour
from skyboxes.noise import billow_volume
from skyboxes.sphere import Sphere, unit
from skyboxes.view import Picture

EXPOSURE = 0.60
SUN = (np.radians(38.0), np.radians(42.0))
"""Azimuth and elevation."""
SUN_RADIUS = np.radians(0.45)
"""A little larger than the real one, so that it is seen in the smaller texture of a camera's frame."""
AIR = Air(aerosol=1.2)

CUMULUS = clouds.Layer(
    base=1200.0,
    thickness=1500.0,
    cell=2200.0,
    stretch=1.0,
    cover=-0.03,
    erosion=0.42,
    billow=1500.0,
    extinction=0.045,
    sharpness=13.0,
    haze=34e3,
    seed=31,
)


def _blue(view: Sphere) -> Picture:
    """Radiance of the cloudless sky, with the sun; below the horizon a haze that darkens downwards."""
    rows, columns = 90, 360
    small = Sphere(columns, 2 * rows)
    bearings = small.azimuths() - SUN[0]
    upper = radiance(small.elevations()[:rows], bearings, SUN[1], AIR.aerosol, AIR.mie_g, AIR.spread)
    margin = 4
    ends = np.concatenate([upper[:, -margin:], upper, upper[:, :margin]], axis=1)
    # Across the zenith the sky goes on half a turn further.
    over = np.roll(upper[:margin][::-1], columns // 2, axis=1)
    over = np.concatenate([over[:, -margin:], over, over[:, :margin]], axis=1)
    below = np.repeat(ends[-1:], margin, axis=0)
    ends = np.concatenate([over, ends, below], axis=0)
    step = view.width // columns
    size = (ends.shape[1] * step, ends.shape[0] * step)
    large = cv2.resize(ends, size, interpolation=cv2.INTER_CUBIC)[margin * step : -margin * step]
    large = cv2.resize(
        large[:, margin * step : -margin * step], (view.width, view.height // 2), interpolation=cv2.INTER_AREA
    )
    sky = np.concatenate([large, np.repeat(large[-1:], view.height - len(large), axis=0)])
    slopes = np.minimum(view.slopes(), 0.0)[:, None, None]
    share = 1.0 - np.exp(slopes / 0.12)
    haze = 0.55 * upper[-1].mean(axis=0) * (1.0 - 0.3 * share)
    sky = np.maximum(sky + share * (haze - sky), 0.0)
    return np.asarray(sky * np.array([20.0, 19.8, 23.0]), np.float32)


def render(width: int, height: int) -> Picture:
    """Display values (H, W, 3) in [0, 1] of the whole sphere."""
    view = Sphere(width, height)
    scene = _blue(view)
    light = sun_colour(SUN[1], AIR)
    away = np.arccos(np.clip(view.directions() @ unit(*SUN), -1.0, 1.0))[..., None].astype(np.float32)
    pixel = 2.0 * np.pi / width
    disc = np.clip((SUN_RADIUS - away) / pixel + 0.5, 0.0, 1.0)
    glow = 0.5 * np.exp(-((away / 0.035) ** 1.1)) + 0.10 * np.exp(-away / 0.16)
    scene = scene + ((60.0 * disc + 3.0 * glow) * light).astype(np.float32)
    noise = billow_volume(128, 4, 3, 0.5, 5)
    lit = clouds.Light(1.55 * light, np.array([0.44, 0.55, 0.72]), np.array([0.30, 0.36, 0.44]))
    bearings = SUN[0] - view.azimuths()
    scene = clouds.volumetric(scene, view, CUMULUS, lit, noise, bearings, SUN[1])
    # What the lens adds around the sun, over the clouds too.
    scene = scene + (0.10 * np.exp(-away / 0.10) * light).astype(np.float32)
    return grade.saturate(grade.film(np.asarray(scene, np.float32), EXPOSURE), 1.15)
