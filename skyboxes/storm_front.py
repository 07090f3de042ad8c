"""A gust front: a shelf cloud in tiers that arches across the view, pale rain and light below its dark lip.

Everything is laid out around the viewer, by azimuth and distance, so the fields close on themselves after the
picture's width. Lengths in metres.
"""

import numpy as np
from numba import prange
from numpy.typing import NDArray

from app.jit import jit
from skyboxes import ceiling, grade
from skyboxes.atmosphere import enlarge
from skyboxes.jit import parallel_jit
from skyboxes.noise import Volume, billow_volume, random01, sample, softened
from skyboxes.view import ARC, Picture, View

HORIZON = 0.59
EXPOSURE = 0.66
CREST = np.radians(17.0)
"""Azimuth in which the front is nearest and its arch highest."""
LIGHT = np.radians(-8.0)
"""Azimuth in which the light behind the rain is brightest."""
NEAREST = 2800.0
LIP = 460.0
"""Height of the shelf's lower edge, m."""
TIER = 270.0
"""Height of a tier of the shelf, m."""
REACH = 14e3

LID = ceiling.Ceiling(
    base=2600.0,
    relief=260.0,
    thickness=600.0,
    swell=1.0,
    cell=1900.0,
    stretch=2.2,
    erosion=240.0,
    billow=1600.0,
    extinction=0.02,
    sink=220.0,
    reach=20e3,
    seed=14,
)


@jit
def _front(azimuth: float) -> float:
    """Distance of the shelf's leading edge."""
    turn = 2.0 * np.pi / ARC * (azimuth - CREST)
    bow = 0.70 + 0.30 * np.cos(turn) + 0.030 * np.cos(2.0 * turn + 1.0) + 0.012 * np.cos(5.0 * turn + 2.0)
    return float(NEAREST / bow)


@jit
def _noise_at(noise: Volume, azimuth: float, tiles: int, q: float, z: float) -> float:
    """The noise around the viewer, repeated `tiles` times over the picture's width."""
    return sample(noise, azimuth / ARC * tiles, q, z)


@jit
def _ledge(share: float) -> float:
    """How far a tier sticks out, 0 to 1, at a share of its height: undercut below, sloping above."""
    foot = min(1.0, share / 0.22)
    return float(foot * foot * (3.0 - 2.0 * foot) * (1.0 - max(0.0, (share - 0.22) / 0.78)) ** 1.2)


@jit
def _inside(
    noise: Volume, soft: Volume, azimuth: float, front: float, far: float, z: float, detail: int
) -> float:
    """How deep inside the shelf a point is, m; negative outside."""
    q = far - front
    if q < -700.0:
        return q + 600.0
    broad = _noise_at(soft, azimuth, 1, 0.31 + q / 9000.0, z / 5200.0) - 0.5
    middle = _noise_at(soft, azimuth, 3, 0.7 + q / 3600.0, z / 1700.0 + 0.2) - 0.5
    up = z - LIP - 300.0 * broad - 100.0 * middle
    lean = 0.75 * up + 0.9 * max(0.0, up - 700.0)
    number = up / TIER + 1.6 * broad + 0.8 * middle
    f = number - np.floor(number)
    ledge = _ledge(f) + 0.22 * _ledge(3.0 * f - np.floor(3.0 * f))
    patch = _noise_at(soft, azimuth, 3, 0.37 * np.floor(number), 0.1) - 0.5
    size = max(0.1, 0.4 + 1.1 * random01(int(np.floor(number)), 5, 0, 9) + 1.8 * patch)
    leading = q - lean + 420.0 * size * ledge * np.exp(-((up / 1500.0) ** 2))
    leading -= 1.1 * max(0.0, up - 1050.0)
    hollow = min(1.0, max(0.0, q / 2600.0))
    under = up - 520.0 * hollow * hollow * (3.0 - 2.0 * hollow)
    inside = min(0.75 * leading, under)
    low = np.exp(-max(0.0, up) / 170.0)
    erosion = 125.0 + 130.0 * low + 170.0 * hollow
    if detail == 0 or inside < -60.0:
        return float(inside - 0.4 * erosion)
    bumps = _noise_at(noise, azimuth, 6, q / 1500.0, z / 700.0)
    if detail > 1:
        bumps += 0.60 * (_noise_at(noise, azimuth, 17, q / 520.0 + 0.4, z / 230.0) - 0.48)
        bumps += 0.40 * (_noise_at(noise, azimuth, 47, q / 190.0 + 0.1, z / 85.0) - 0.48)
    return float(inside - erosion * max(0.0, 1.0 - 1.25 * bumps))


@parallel_jit
def _march(
    azimuths: NDArray[np.float64], slopes: NDArray[np.float64], noise: Volume, soft: Volume
) -> Picture:
    """(H, W, 4): light of the sky before the front, light from below, transmittance and distance in m."""
    result = np.zeros((slopes.size, azimuths.size, 4), np.float32)
    for row in prange(slopes.size):
        slope = slopes[row]
        long = np.sqrt(1.0 + slope * slope)
        for column in range(azimuths.size):
            result[row, column, 2] = 1.0
            result[row, column, 3] = REACH
            if slope <= 0.0:
                continue
            azimuth = azimuths[column]
            front = _front(azimuth)
            t = 0.70 * front + 25.0 * random01(column, row, 0, 3)
            end = min(REACH, 4200.0 / slope)
            through, light, bounce, distance = 1.0, 0.0, 0.0, 0.0
            outside = True
            while t < end and through > 0.01:
                z = slope * t
                small = 9.0 + 0.0028 * t
                inside = _inside(noise, soft, azimuth, front, t, z, 2)
                if inside <= 0.0:
                    t += max(small, min(-0.25 * inside, 300.0))
                    continue
                if outside:
                    # long steps end at like depths in neighbouring pixels, which would show as contour lines
                    outside = False
                    t -= small * random01(column, row, 1, 3)
                    continue
                depth, s = 0.0, 0.0
                for i in range(8):
                    step = 18.0 * 1.5**i
                    mid = s + 0.5 * step
                    side = azimuth - 0.50 * mid / t
                    e = _inside(
                        noise, soft, side, _front(side), t - 0.60 * mid, z + 0.62 * mid, 2 if i < 3 else 1
                    )
                    depth += step * min(1.0, max(0.0, e) / 90.0)
                    s += step
                lit = 0.70 * np.exp(-0.014 * depth) + 0.30 * np.exp(-0.0045 * depth)
                free = _inside(noise, soft, azimuth, front, t + 30.0, z - 90.0, 1)
                tau = 0.028 * min(1.0, inside / 80.0) * small * long
                gone = through * (1.0 - np.exp(-tau))
                light += gone * lit
                bounce += gone * np.exp(-max(0.0, free) / 60.0)
                distance += gone * t
                through -= gone
                t += small
            if through < 1.0:
                result[row, column, 0] = light
                result[row, column, 1] = bounce
                result[row, column, 2] = through
                result[row, column, 3] = distance / (1.0 - through)
    return result


@parallel_jit
def _rain(azimuths: NDArray[np.float64], slopes: NDArray[np.float64], noise: Volume) -> Volume:
    """(H, W) thickness of the rain behind the shelf, about 0 to 1, in shafts that lean with the wind."""
    rain = np.zeros((slopes.size, azimuths.size), np.float32)
    for row in prange(slopes.size):
        for column in range(azimuths.size):
            lean = azimuths[column] + 0.45 * max(0.0, slopes[row])
            broad = _noise_at(noise, lean, 1, 0.2, 0.3 * slopes[row] + 0.1)
            shafts = _noise_at(noise, lean, 4, 0.6, 0.5 * slopes[row])
            fine = _noise_at(noise, lean, 15, 0.9, 0.6 * slopes[row])
            rain[row, column] = 0.62 + 1.5 * (broad - 0.5) + 1.6 * (shafts - 0.5) + 0.35 * (fine - 0.5)
    return rain


def render(width: int, height: int) -> Picture:
    """Display values (H, W, 3) in [0, 1]."""
    view = View(width, height, HORIZON)
    azimuths, slopes = view.azimuths(), view.slopes()
    noise = billow_volume(128, 4, 3, 0.5, 11)
    coarse = View(width // 2, height // 2, HORIZON)
    soft = softened(billow_volume(128, 4, 2, 0.4, 4), 4.0)
    marched = _march(coarse.azimuths(), coarse.slopes(), noise, soft)
    marched = np.concatenate([enlarge(marched[..., :3], view), enlarge(marched[..., 3:], view)[..., None]], 2)
    light, bounce, through, far = (marched[..., k : k + 1] for k in range(4))

    # above the front: the ceiling that the anvil spreads
    climb = np.maximum(slopes, 0.0)[:, None, None]
    lid = ceiling.march(coarse, LID, billow_volume(128, 4, 3, 0.5, 8), np.full(coarse.width, 2.2), 1.0)
    lid = enlarge(lid, view)
    sky = np.array([0.27, 0.325, 0.37]) * (0.25 + 0.9 * lid[..., 0:1] + 0.9 * lid[..., 1:2])

    # below it: rain before a bright strip at the horizon
    rain = np.clip(_rain(azimuths, slopes, noise), 0.0, 1.0)[..., None]
    opening = np.exp(1.2 * (np.cos(2.0 * np.pi / ARC * (azimuths - LIGHT)) - 1.0))[None, :, None]
    strip = np.exp(-climb / 0.05) * (0.30 + 0.70 * opening)
    behind = np.array([0.17, 0.215, 0.215]) + strip * np.array([1.10, 1.00, 0.78])
    curtain = np.array([0.10, 0.135, 0.145]) + strip * np.array([0.33, 0.34, 0.30])
    rain = rain * np.exp(np.minimum(slopes, 0.0) / 0.05)[:, None, None]
    beneath = behind + (0.25 + 0.75 * rain) * (curtain - behind)

    fronts = np.array([_front(azimuth) for azimuth in azimuths])
    edge = ((LIP + 500.0) / fronts)[None, :, None]
    over = 1.0 / (1.0 + np.exp(-(climb - edge) / 0.02))
    back = beneath + over * (sky - beneath)

    body = light * np.array([0.175, 0.210, 0.240]) + bounce * np.array([0.020, 0.030, 0.032])
    body = body + (1.0 - through) * np.array([0.013, 0.018, 0.022])
    rise = climb * far - LIP
    body = body * (0.30 + 0.70 / (1.0 + np.exp(-(rise - 120.0) / 150.0)))
    clear = np.exp(-((far / 8500.0) ** 2.5))
    scene = body * clear + back * (1.0 - through) * (1.0 - clear) + back * through
    below = 1.0 - np.exp(np.minimum(slopes, 0.0) / 0.07)[:, None, None]
    scene = scene * (1.0 - 0.80 * below)
    return grade.saturate(grade.film(scene.astype(np.float32), EXPOSURE), 1.1)
