"""Volumetric clouds: a density of envelope and eroding noise, marched along every pixel's ray.

The density follows the idea of Schneider and Vos, "The Real-Time Volumetric Cloudscapes of Horizon Zero Dawn"
(2015): a map says where a cloud stands, a height profile shapes it and rounded noise eats its edges. Light
reaches a sample by Beer-Lambert through a march towards the sun, with the octaves of Wrenninge et al. (2013)
in place of multiple scattering and two Henyey-Greenstein lobes. Lengths in metres.
"""

from dataclasses import dataclass

import numpy as np
from numba import prange
from numpy.typing import NDArray

from app.jit import jit
from skyboxes.atmosphere import henyey_greenstein
from skyboxes.jit import parallel_jit
from skyboxes.noise import Volume, fbm2, random01, sample
from skyboxes.view import ARC, Picture, View, turned_share

LIGHT_STEPS = 7


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of cloud and how light moves in it."""

    base: float
    """Height of the flat underside above the camera, m."""
    thickness: float
    """Largest height of a cloud above its base, m."""
    cell: float
    """Distance over which the cover changes, m."""
    stretch: float
    """How much longer clouds are across the view than along it."""
    cover: float
    """Threshold on the cover map: 0 about half the sky, negative less."""
    erosion: float
    """Depth the noise eats, in the envelope's units."""
    billow: float
    """Edge of the noise cube, m."""
    extinction: float
    """Extinction inside the cloud, per m."""
    sharpness: float
    """How fast density rises behind the edge."""
    haze: float
    """Distance at which haze has taken 63 % of the cloud's light, m; nearer it takes less than even haze."""
    seed: int


@dataclass(frozen=True, slots=True)
class Light:
    """What lights a layer: colours are (red, green, blue), scene units."""

    sun_colour: NDArray[np.float64]
    ambient_top: NDArray[np.float64]
    ambient_base: NDArray[np.float64]


@jit
def _cover(x: float, y: float, cell: float, stretch: float, seed: int) -> float:
    u, v = x / (cell * stretch), y / cell
    warp = 0.35 * fbm2(u * 0.7 + 9.2, v * 0.7 + 4.1, 2, 0.5, seed + 40)
    broad = fbm2(u * 0.22 + 3.7, v * 0.22 - 1.9, 2, 0.5, seed + 20)
    return fbm2(u + warp, v - warp, 4, 0.45, seed) + 0.55 * broad


@parallel_jit
def cover_map(cell: float, stretch: float, seed: int, texel: float, size: int) -> Volume:
    """The cover over a square of `size` texels of `texel` metres around the camera; x runs along columns."""
    cover = np.empty((size, size), np.float32)
    for j in prange(size):
        for i in range(size):
            cover[j, i] = _cover((i - size // 2) * texel, (j - size // 2) * texel, cell, stretch, seed)
    return cover


@jit
def _map_value(cover: Volume, x: float, y: float, texel: float) -> float:
    size = cover.shape[0]
    x, y = x / texel + size // 2, y / texel + size // 2
    x, y = min(max(x, 0.0), size - 1.001), min(max(y, 0.0), size - 1.001)
    i, j = int(x), int(y)
    u, v = x - i, y - j
    a = cover[j, i] * (1.0 - u) + cover[j, i + 1] * u
    b = cover[j + 1, i] * (1.0 - u) + cover[j + 1, i + 1] * u
    return float(a * (1.0 - v) + b * v)


@jit
def _bumps(noise: Volume, x: float, y: float, z: float, edge: float, detail: int) -> float:
    """Rounded bumps, 0 to about 1, of three sizes; `detail` of the smaller two are looked at."""
    value = sample(noise, x / edge, y / edge, z / edge)
    if detail > 0:
        k = 3.7 / edge
        u, v = 0.8 * x - 0.6 * y, 0.6 * x + 0.8 * y
        value += 0.42 * (sample(noise, u * k, v * k, z * k + 0.37) - 0.48)
        if detail > 1:
            k = 13.1 / edge
            value += 0.30 * min(0.0, sample(noise, v * k + 0.19, u * k, z * k + 0.71) - 0.56)
    return min(value, 0.67)


@jit
def _envelope(
    cover: Volume, x: float, y: float, height: float, turned: float, texel: float, threshold: float
) -> float:
    """How far inside the uneroded cloud a point is; `height` 0 at its base, 1 at the largest top."""
    value = 0.0
    if turned < 1.0:
        value = (1.0 - turned) * _map_value(cover, x, y, texel)
    if turned > 0.0:
        c, s = np.cos(ARC), np.sin(ARC)
        value += turned * _map_value(cover, c * x + s * y, c * y - s * x, texel)
        value /= np.sqrt(turned * turned + (1.0 - turned) ** 2)
    foot = max(0.0, 1.0 - height / 0.09)
    return float(value + threshold - 0.62 * height**1.25 - 0.35 * foot * foot)


@jit
def _depth(
    cover: Volume,
    noise: Volume,
    x: float,
    y: float,
    z: float,
    turned: float,
    shape: tuple[float, float, float, float, float, float],
    detail: int,
) -> float:
    """Envelope less erosion: positive inside the cloud, in the envelope's units.

    `shape`: base and thickness, m, cover, erosion, edge of the noise cube and of a texel of the cover, m.
    """
    base, thickness, threshold, erosion, edge, texel = shape
    height = (z - base) / thickness
    if height <= 0.0 or height >= 1.0:
        return -1.0
    inside = _envelope(cover, x, y, height, turned, texel, threshold)
    if inside < 0.1 * erosion:
        return inside - 0.1 * erosion
    bumps = 0.0
    if turned < 1.0:
        bumps = (1.0 - turned) * _bumps(noise, x, y, z, edge, detail)
    if turned > 0.0:
        c, s = np.cos(ARC), np.sin(ARC)
        bumps += turned * _bumps(noise, c * x + s * y, c * y - s * x, z, edge, detail)
    return inside - erosion * (1.0 - bumps) * (0.6 + 0.4 * min(1.0, 3.0 * height))


@jit
def _firmness(noise: Volume, x: float, y: float, z: float, edge: float, turned: float) -> float:
    """Where clouds have firm edges (above 1) and where they fray into wisps (down to 0.15)."""
    c, s = np.cos(ARC), np.sin(ARC)
    value = (1.0 - turned) * sample(noise, x / edge, y / edge, z / edge)
    if turned > 0.0:
        value += turned * sample(noise, (c * x + s * y) / edge, (c * y - s * x) / edge, z / edge)
    return max(0.15, 4.0 * value - 1.1)


@parallel_jit
def _march(
    azimuths: NDArray[np.float64],
    slopes: NDArray[np.float64],
    light_bearings: NDArray[np.float64],
    light_elevation: float,
    cover: Volume,
    noise: Volume,
    shape: tuple[float, float, float, float, float, float],
    cell: float,
    extinction: float,
    sharpness: float,
    haze: float,
    reach: float,
    sun: NDArray[np.float64],
    ambient_top: NDArray[np.float64],
    ambient_base: NDArray[np.float64],
    seed: int,
) -> Picture:
    """(H, W, 5): light of the cloud, its transmittance, and the share of the light the haze lets through."""
    result = np.zeros((slopes.size, azimuths.size, 5), np.float32)
    base, thickness = shape[0], shape[1]
    for row in prange(slopes.size):
        up = slopes[row] / np.sqrt(1.0 + slopes[row] ** 2)
        flat = np.sqrt(1.0 - up * up)
        for column in range(azimuths.size):
            result[row, column, 3] = 1.0
            result[row, column, 4] = 1.0
            if up <= 0.0 or base / up > reach:
                continue
            azimuth = azimuths[column]
            dx, dy = np.sin(azimuth) * flat, np.cos(azimuth) * flat
            toward = azimuth + light_bearings[column]
            lz, level = np.sin(light_elevation), np.cos(light_elevation)
            lx, ly = np.sin(toward) * level, np.cos(toward) * level
            mu = dx * lx + dy * ly + up * lz
            turned = turned_share(azimuth)
            t, end = base / up, min((base + thickness) / up, reach)
            t += random01(column, row, 0, seed) * (8.0 + 0.002 * t)
            through, distance, weight = 1.0, 0.0, 0.0
            while t < end and through > 0.01:
                x, y, z = dx * t, dy * t, up * t
                small = 6.0 + 0.0016 * t
                detail = 2 if t < 15e3 else 1
                d = _depth(cover, noise, x, y, z, turned, shape, detail)
                if d <= 0.0:
                    t += max(small, -0.3 * d * cell)
                    continue
                firm = _firmness(noise, x, y, z, 2.5 * cell, turned)
                density = min(1.0, d * sharpness * firm)
                depth, s = 0.0, 24.0
                for i in range(LIGHT_STEPS):
                    far = s * 1.75
                    mid = 0.5 * (s + far) - 24.0
                    sx, sy, sz = x + lx * mid, y + ly * mid, z + lz * mid
                    e = _depth(cover, noise, sx, sy, sz, turned, shape, max(0, 2 - i // 2))
                    depth += max(0.0, min(1.0, e * sharpness)) * (far - s)
                    s = far
                depth *= extinction
                direct, attenuation, gain, lobe = 0.0, 1.0, 1.0, 1.0
                for _ in range(4):
                    phase = 0.8 * henyey_greenstein(mu, 0.8 * lobe) + 0.2 * henyey_greenstein(mu, -0.3 * lobe)
                    direct += gain * phase * np.exp(-attenuation * depth)
                    attenuation, gain, lobe = 0.4 * attenuation, 0.68 * gain, 0.45 * lobe
                height = (z - base) / thickness
                open_sky = 0.35 + 0.65 * np.exp(-3.5 * d)
                tau = extinction * density * small
                gone = through * (1.0 - np.exp(-tau))
                for c in range(3):
                    ambient = ambient_base[c] + (ambient_top[c] - ambient_base[c]) * min(1.0, 1.4 * height)
                    result[row, column, c] += gone * (sun[c] * direct * 4.0 * np.pi + ambient * open_sky)
                distance += gone * t
                weight += gone
                through *= np.exp(-tau)
                t += small
            result[row, column, 3] = through
            if weight > 0.0:
                result[row, column, 4] = np.exp(-((distance / weight / haze) ** 1.5))
    return result


def volumetric(
    sky: Picture,
    view: View,
    layer: Layer,
    light: Light,
    noise: Volume,
    light_bearings: NDArray[np.float64],
    light_elevation: float,
    reach: float = 45e3,
) -> Picture:
    """The sky seen through a cloud layer; `light_bearings` turn each column's azimuth to that of the sun."""
    texel = 30.0 * max(1.0, 960.0 / view.width)
    cover = cover_map(layer.cell, layer.stretch, layer.seed, texel, int(2.0 * reach / texel))
    shape = (layer.base, layer.thickness, layer.cover, layer.erosion, layer.billow, texel)
    marched = _march(
        view.azimuths(), view.slopes(), light_bearings, light_elevation, cover, noise, shape, layer.cell,
        layer.extinction, layer.sharpness, layer.haze, reach, light.sun_colour, light.ambient_top,
        light.ambient_base, layer.seed,
    )  # fmt: skip
    cloud, through, clear = marched[..., :3], marched[..., 3:4], marched[..., 4:5]
    return np.asarray(sky * through + cloud * clear + sky * (1.0 - through) * (1.0 - clear), np.float32)


@parallel_jit
def _sheet_depth(
    azimuths: NDArray[np.float64], slopes: NDArray[np.float64], height: float, scale: float, seed: int
) -> Volume:
    """(H, W) how much thin high cloud stands in each pixel: 0 to about 1."""
    depth = np.zeros((slopes.size, azimuths.size), np.float32)
    c, s = np.cos(ARC), np.sin(ARC)
    for row in prange(slopes.size):
        if slopes[row] <= 0.0:
            continue
        distance = height / slopes[row]
        for column in range(azimuths.size):
            x, y = np.sin(azimuths[column]) * distance, np.cos(azimuths[column]) * distance
            turned = turned_share(azimuths[column])
            value = 0.0
            if turned < 1.0:
                value = (1.0 - turned) * _streaks(x / scale, y / scale, seed)
            if turned > 0.0:
                value += turned * _streaks((c * x + s * y) / scale, (c * y - s * x) / scale, seed)
                value /= np.sqrt(turned * turned + (1.0 - turned) ** 2)
            # towards the horizon the fibres get too small for the picture and haze hides them,
            # and where two fields of fibres meet they would cross
            alone = 1.0 - 3.2 * turned * (1.0 - turned)
            depth[row, column] = max(0.0, value) * alone * np.exp(-((distance / (10.0 * height)) ** 2))
    return depth


@jit
def _streaks(u: float, v: float, seed: int) -> float:
    """Fibres drawn out along u and bent by slower winds, in patches."""
    wind = fbm2(0.35 * u, 0.35 * v, 3, 0.5, seed + 60)
    swirl = fbm2(0.9 * u + 5.0, 0.9 * v, 3, 0.5, seed + 70)
    fibres = fbm2(0.5 * u + 0.5 * swirl + wind, 2.6 * v + 0.9 * wind + 0.35 * swirl, 7, 0.58, seed)
    patches = fbm2(0.3 * u - 7.0, 0.5 * v + 2.0, 3, 0.5, seed + 80)
    return (fibres + 0.3) * (0.55 + 1.3 * patches)


def sheet(view: View, height: float, scale: float, seed: int) -> Volume:
    """(H, W, 1) optical depth, to be scaled, of a thin cirrus sheet at a height; lengths in metres."""
    return _sheet_depth(view.azimuths(), view.slopes(), height, scale, seed)[..., None]
