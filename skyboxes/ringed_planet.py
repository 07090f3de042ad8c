"""A giant ringed planet with two moons in the sky of an early evening.

The planet is an ellipsoid seen from so far that all rays to it are parallel. Air shines in front of it as it
does in front of the moon by day: its light is added to the sky's, so its night side is sky, and the thicker
air low in the sky takes more of it.
"""

import numpy as np
from numba import prange
from numpy.typing import NDArray

from app.jit import jit
from skyboxes import clouds, grade
from skyboxes.atmosphere import Air, sky, sun_colour
from skyboxes.globes import crater_height, craters, fractal, smooth
from skyboxes.jit import parallel_jit
from skyboxes.noise import Volume, billow_volume, sample
from skyboxes.view import ARC, Picture, View

HORIZON = 0.66
EXPOSURE = 0.46
SUN_ELEVATION = np.radians(4.5)
SUN_BEARING = np.radians(126.0)
"""The sun stands behind the viewer's right shoulder, wherever they look."""
CENTRE = (0.48, 0.415)
"""The planet's middle, fractions of the picture."""
RADIUS = 0.165
"""Of the planet's equator, radians."""
FLATTENING = 1.0 / 0.92
LEAN, TIP = np.radians(19.0), np.radians(13.0)
"""How far the planet's pole leans to the right and towards the viewer."""
AXIS = np.array([np.sin(LEAN) * np.cos(TIP), np.cos(LEAN) * np.cos(TIP), np.sin(TIP)])
RING = (1.24, 2.28)
"""Inner and outer radius of the rings, in the planet's."""
MOONS = np.array([[0.652, 0.322, 0.0225, 3.0], [0.318, 0.452, 0.0085, 8.0]])
"""Each moon's place as fractions of the picture, its radius in radians and its seed."""

BANK = clouds.Layer(
    base=1500.0,
    thickness=900.0,
    cell=2600.0,
    stretch=2.2,
    cover=-0.17,
    erosion=0.45,
    billow=1400.0,
    extinction=0.030,
    sharpness=7.0,
    haze=30e3,
    seed=57,
)


@jit
def _ring_depth(noise: Volume, r: float) -> float:
    """How much of the light the rings stop at a distance from the planet's middle, 0 to 1."""
    inner, outer = RING
    if r < inner or r > outer:
        return 0.0
    broad = sample(noise, r * 1.7, 0.21, 0.63) - 0.47
    fine = sample(noise, r * 9.0, 0.37, 0.11) - 0.47
    grain = sample(noise, r * 31.0, 0.77, 0.41) - 0.47
    # from inside: a faint veil, the dense ring, the wide gap, the outer ring with its narrow one
    depth = 0.16 * smooth(1.24, 1.30, r) + 0.66 * smooth(1.50, 1.56, r) + 0.10 * smooth(1.62, 1.75, r)
    depth -= 0.84 * smooth(1.935, 1.950, r) * (1.0 - 0.80 * smooth(2.010, 2.030, r))
    depth -= 0.60 * np.exp(-(((r - 2.165) / 0.010) ** 2))
    depth *= 1.0 + 1.2 * broad + 1.5 * fine + 1.1 * grain
    return float(min(0.97, max(0.0, depth)) * smooth(outer, outer - 0.012, r))


@jit
def _cloud_tops(noise: Volume, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Colour of the planet at a point of the unit sphere, z along the pole."""
    # winds draw everything out along the parallels and curl at the borders of the bands
    sway = fractal(noise, 0.45 * x, 0.45 * y, 1.3 * z, 3, 0.5)
    curl = fractal(noise, 0.9 * x + 0.25 * sway, 0.9 * y, 3.4 * z + 0.3 * sway, 5, 0.55)
    eddies = fractal(noise, 2.1 * x + 0.5 * curl, 2.1 * y - 0.5 * curl, 6.5 * z + 0.8 * curl, 5, 0.6)
    place = z + 0.055 * sway + 0.050 * curl + 0.020 * eddies
    # a great oval: parallels bend round it
    ox, oy, oz = x - 0.66, y - 0.66, (z + 0.36)
    oval = np.sqrt((ox * ox + oy * oy) / 0.045 + oz * oz / 0.0075)
    place += 0.055 * np.exp(-(((oval - 1.15) / 0.45) ** 2)) * (1.0 if oz > 0.0 else -1.0)
    wide = sample(noise, 0.13, 0.58, 1.15 * place + 0.12) - 0.47
    middle = sample(noise, 0.71, 0.33, 3.1 * place) - 0.47
    narrow = sample(noise, 0.29, 0.87, 8.5 * place) - 0.47
    tone = 0.52 + 2.3 * wide + 1.25 * middle + 0.7 * narrow + 0.55 * eddies + 0.25 * curl
    tone = min(1.0, max(0.0, tone))
    warm = min(1.0, max(0.0, 0.5 + 2.2 * middle - 1.2 * wide + 0.6 * curl))
    red = 0.40 + 0.52 * tone
    green = 0.245 + (0.575 + 0.07 * (1.0 - warm)) * tone
    blue = 0.150 + (0.520 + 0.16 * (1.0 - warm)) * tone
    polar = smooth(0.62, 0.95, abs(z + 0.03 * eddies))
    red += (0.50 - red) * 0.55 * polar
    green += (0.53 - green) * 0.55 * polar
    blue += (0.56 - blue) * 0.55 * polar
    inside = smooth(1.12, 0.75, oval + 0.25 * eddies)
    red += (0.72 + 0.6 * eddies - red) * 0.75 * inside
    green += (0.43 + 0.6 * eddies - green) * 0.75 * inside
    blue += (0.29 + 0.5 * eddies - blue) * 0.75 * inside
    return red, green, blue


@parallel_jit
def _planet(
    us: NDArray[np.float64], vs: NDArray[np.float64], pixel: float, samples: int,
    sun: NDArray[np.float64], axis: NDArray[np.float64], noise: Volume,
) -> Picture:  # fmt: skip
    """(H, W, 3) light of the planet and its rings under a white sun; `us`, `vs` right and up in radii."""
    result = np.zeros((vs.size, us.size, 3), np.float32)
    stretch = FLATTENING - 1.0
    ax, ay, az = axis[0], axis[1], axis[2]
    # the body's own frame
    n = np.sqrt(ax * ax + ay * ay)
    ex, ey = ay / n, -ax / n
    fx, fy, fz = -az * ey, az * ex, ax * ey - ay * ex
    sa = sun[0] * ax + sun[1] * ay + sun[2] * az
    tx, ty, tz = sun[0] + stretch * sa * ax, sun[1] + stretch * sa * ay, sun[2] + stretch * sa * az
    ts = np.sqrt(tx * tx + ty * ty + tz * tz)
    tx, ty, tz = tx / ts, ty / ts, tz / ts
    for row in prange(vs.size):
        for column in range(us.size):
            for number in range(samples * samples):
                u = us[column] + ((number % samples + 0.5) / samples - 0.5) * pixel
                v = vs[row] + ((number // samples + 0.5) / samples - 0.5) * pixel
                if u * u + v * v > RING[1] ** 2 + 0.1:
                    continue
                red, green, blue = 0.0, 0.0, 0.0
                # the ellipsoid is a sphere where lengths along the axis are stretched
                pa = u * ax + v * ay
                px, py, pz = u + stretch * pa * ax, v + stretch * pa * ay, stretch * pa * az
                qx, qy, qz = stretch * az * ax, stretch * az * ay, 1.0 + stretch * az * az
                qq, pq = qx * qx + qy * qy + qz * qz, px * qx + py * qy + pz * qz
                disc = pq * pq - qq * (px * px + py * py + pz * pz - 1.0)
                front = -1e9
                if disc > 0.0:
                    front = (-pq + np.sqrt(disc)) / qq
                    sx, sy, sz = px + front * qx, py + front * qy, pz + front * qz
                    s_axis = sx * ax + sy * ay + sz * az
                    nx, ny, nz = (
                        sx + stretch * s_axis * ax,
                        sy + stretch * s_axis * ay,
                        sz + stretch * s_axis * az,
                    )
                    norm = 1.0 / np.sqrt(nx * nx + ny * ny + nz * nz)
                    nx, ny, nz = nx * norm, ny * norm, nz * norm
                    facing = nx * sun[0] + ny * sun[1] + nz * sun[2]
                    # the terminator of a globe with air is soft
                    day = smooth(-0.10, 0.30, facing) * max(0.0, 0.86 * facing + 0.14)
                    limb = max(0.02, nz)
                    bx, by = sx * ex + sy * ey, sx * fx + sy * fy + sz * fz
                    cr, cg, cb = _cloud_tops(noise, bx, by, s_axis)
                    cr, cg, cb = cr**2.3, cg**2.5, cb**2.6
                    # the rings' shadow
                    shade = 1.0
                    reach = -(u * ax + v * ay + front * az) / sa
                    if reach > 0.0:
                        hx, hy, hz = u + reach * sun[0], v + reach * sun[1], front + reach * sun[2]
                        shade = 1.0 - 0.88 * _ring_depth(noise, np.sqrt(hx * hx + hy * hy + hz * hz))
                    light = day * shade * (0.55 + 0.45 * limb**0.55)
                    # haze over the limb: thin and pale
                    veil = 0.20 * (1.0 - limb) ** 4 * smooth(-0.05, 0.4, facing)
                    red, green, blue = (
                        cr * light + 0.80 * veil,
                        cg * light + 0.90 * veil,
                        cb * light + 1.1 * veil,
                    )
                # the rings, before or behind the globe
                depth = -(u * ax + v * ay) / az
                r = np.sqrt(u * u + v * v + depth * depth)
                stopped = _ring_depth(noise, r)
                if stopped > 0.0 and depth > front:
                    # share of the sun that the globe leaves the ring
                    along = u * ax + v * ay + depth * az
                    gx, gy, gz = (
                        u + stretch * along * ax,
                        v + stretch * along * ay,
                        depth + stretch * along * az,
                    )
                    b = gx * tx + gy * ty + gz * tz
                    miss = np.sqrt(max(0.0, gx * gx + gy * gy + gz * gz - b * b))
                    lit = 1.0 if b > 0.0 else smooth(0.985, 1.015, miss)
                    tint = sample(noise, 1.1 * r, 0.9, 0.15) - 0.47
                    bright = lit * (0.56 + 0.7 * tint)
                    through = 1.0 - stopped
                    red = red * through + stopped * bright
                    green = green * through + stopped * bright * (0.86 + 0.10 * tint)
                    blue = blue * through + stopped * bright * (0.67 + 0.20 * tint)
                part = 1.0 / (samples * samples)
                result[row, column, 0] += part * red
                result[row, column, 1] += part * green
                result[row, column, 2] += part * blue
    return result


@parallel_jit
def _moon(
    us: NDArray[np.float64], vs: NDArray[np.float64], pixel: float, samples: int, sun: NDArray[np.float64],
    pits: NDArray[np.float64], seed: float, noise: Volume,
) -> Picture:  # fmt: skip
    """(H, W, 3) light of a bare moon under a white sun; `us`, `vs` right and up in its radii."""
    result = np.zeros((vs.size, us.size, 3), np.float32)
    for row in prange(vs.size):
        for column in range(us.size):
            for number in range(samples * samples):
                u = us[column] + ((number % samples + 0.5) / samples - 0.5) * pixel
                v = vs[row] + ((number // samples + 0.5) / samples - 0.5) * pixel
                if u * u + v * v >= 1.0:
                    continue
                w = np.sqrt(1.0 - u * u - v * v)
                tx, ty = 0.0, 0.0
                e = 0.012
                for k in range(pits.shape[0]):
                    if u * pits[k, 0] + v * pits[k, 1] + w * pits[k, 2] < np.cos(2.3 * pits[k, 3]):
                        continue
                    a = np.hypot(np.hypot(u - pits[k, 0], v - pits[k, 1]), w - pits[k, 2]) / pits[k, 3]
                    # the slope of the ground, along the way out of the crater
                    steep = (crater_height(a + e) - crater_height(a - e)) / (2.0 * e) * 0.55
                    length = np.hypot(u - pits[k, 0], v - pits[k, 1]) + 1e-6
                    tx += steep * (u - pits[k, 0]) / length
                    ty += steep * (v - pits[k, 1]) / length
                nx, ny, nz = u - 0.42 * tx, v - 0.42 * ty, w
                norm = 1.0 / np.sqrt(nx * nx + ny * ny + nz * nz)
                facing = (nx * sun[0] + ny * sun[1] + nz * sun[2]) * norm
                lit = max(0.0, facing) ** 0.8 * smooth(-0.02, 0.12, u * sun[0] + v * sun[1] + w * sun[2])
                plain = fractal(noise, 0.55 * u + seed, 0.55 * v, 0.55 * w, 5, 0.55)
                tone = lit * (0.60 + 1.1 * plain)
                part = 1.0 / (samples * samples)
                result[row, column, 0] += part * tone * 1.00
                result[row, column, 1] += part * tone * 0.95
                result[row, column, 2] += part * tone * 0.88
    return result


def _place(
    view: View, centre: tuple[float, float], radius: float, reach: float
) -> tuple[tuple[slice, slice], NDArray[np.float64], NDArray[np.float64]]:
    """The rows and columns within `reach` radii of a point, one at least, and their offsets in radii."""
    us = ((np.arange(view.width) + 0.5) / view.width - centre[0]) * ARC / radius
    vs = (centre[1] * view.height - np.arange(view.height) - 0.5) / view.scale / radius
    reach = max(reach, ARC / view.width / radius)
    columns, rows = np.flatnonzero(np.abs(us) < reach), np.flatnonzero(np.abs(vs) < reach)
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return box, us[columns], np.asarray(vs[rows], np.float64)


def _heavens(view: View, noise: Volume) -> Picture:
    """(H, W, 3) light of the planet and its moons outside the air."""
    result = np.zeros((view.height, view.width, 3), np.float32)
    level = np.cos(SUN_ELEVATION)
    sun = np.array([np.sin(SUN_BEARING) * level, np.sin(SUN_ELEVATION), -np.cos(SUN_BEARING) * level])
    box, us, vs = _place(view, CENTRE, RADIUS, RING[1] + 0.05)
    result[box] = _planet(us, vs, ARC / view.width / RADIUS, 3, sun, AXIS, noise)
    for x, y, radius, seed in MOONS:
        box, us, vs = _place(view, (float(x), float(y)), float(radius), 1.1)
        pits = craters(np.random.default_rng(int(seed)), 260, 0.035, 0.30)
        result[box] += _moon(
            us, vs, ARC / view.width / float(radius), 4, sun, pits, float(seed) * 0.17, noise
        )
    return result


def render(width: int, height: int) -> Picture:
    """Display values (H, W, 3) in [0, 1]."""
    view = View(width, height, HORIZON)
    air = Air(aerosol=1.8, spread=0.35)
    bearings = np.full(width, SUN_BEARING)
    scene = sky(view, bearings, SUN_ELEVATION, air) * np.asarray([28.0, 22.3, 32.5], np.float32)
    # the ground's haze, dimmer and greyer than the sky over it
    below = 1.0 - np.exp(np.minimum(view.slopes(), 0.0) / 0.05)[:, None, None]
    rose = np.exp(-np.abs(view.slopes()) / 0.12)[:, None, None] * np.array([0.0, -0.06, 0.30])
    scene = scene * (1.0 + rose)
    grey = scene.mean(axis=2, keepdims=True) * np.array([0.60, 0.53, 0.55])
    scene = (scene + below * (grey - scene)).astype(np.float32)
    noise = billow_volume(128, 4, 3, 0.5, 9)

    slopes = view.slopes()[:, None, None]
    thick = 0.055 / (np.maximum(slopes, 0.0) + 0.055)
    clear = np.exp(-thick * np.array([1.1, 1.45, 1.9])) * np.exp(np.minimum(slopes, 0.0) / 0.02)
    clear = clear * (1.0 - np.exp(-((np.maximum(slopes, 0.0) / 0.13) ** 1.5)))
    scene += (2.5 * _heavens(view, noise) * clear).astype(np.float32)

    sun = sun_colour(SUN_ELEVATION, air)
    sun = sun / sun.max()
    cirrus = 1.0 - np.exp(-0.45 * clouds.sheet(view, 7000.0, 5200.0, 64))
    veil = (0.95 * sun + np.array([0.10, 0.11, 0.16])).astype(np.float32)
    scene = (scene * (1.0 - 0.75 * cirrus) + 0.75 * cirrus * veil).astype(np.float32)
    light = clouds.Light(1.3 * sun, np.array([0.26, 0.29, 0.42]), np.array([0.21, 0.21, 0.28]))
    scene = clouds.volumetric(scene, view, BANK, light, noise, bearings, SUN_ELEVATION)
    return grade.saturate(grade.film(scene, EXPOSURE), 1.2)
