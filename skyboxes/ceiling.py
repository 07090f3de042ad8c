"""A closed ceiling of cloud seen from below: two maps shape its underside and top, noise frays it.

Daylight sinks through the ceiling by diffusion, so a place is the darker the more cloud stands over it on the
slanted way to the brightest part of the sky. Lengths in metres.
"""

from dataclasses import dataclass

import numpy as np
from numba import prange
from numpy.typing import NDArray

from app.jit import jit
from skyboxes.jit import parallel_jit
from skyboxes.noise import Volume, fbm2, random01, sample
from skyboxes.view import ARC, Picture, View, turned_share


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A sheet of cloud and how light sinks through it."""

    base: float
    """Mean height of the underside above the camera, m."""
    relief: float
    """How far lumps hang below the mean underside, and hollows rise above it, m."""
    thickness: float
    """Mean thickness, m."""
    swell: float
    """How much the top heaves, as a share of the thickness: above about 1 the sheet breaks open."""
    cell: float
    """Breadth of a roll of cloud, m."""
    stretch: float
    """How much longer rolls are across the view than along it."""
    erosion: float
    """Depth to which the noise frays the sheet, m."""
    billow: float
    """Edge of the noise cube, m."""
    extinction: float
    """Extinction inside the cloud, per m."""
    sink: float
    """Thickness of cloud that takes 63 % of the daylight, m."""
    reach: float
    """Distance of the farthest cloud looked at, m."""
    seed: int


@jit
def _rolls(u: float, v: float, stretch: float, seed: int) -> tuple[float, float]:
    """Heave of the top and hang of the underside at a place in cells, both about -1 to 1."""
    warp_x = fbm2(0.7 * u + 3.0, 0.7 * v, 4, 0.5, seed + 30)
    warp_y = fbm2(0.7 * u - 6.0, 0.7 * v + 2.0, 4, 0.5, seed + 40)
    x, y = (u + 0.45 * warp_x) / stretch, v + 0.45 * warp_y
    broad = fbm2(0.31 * x, 0.31 * y, 3, 0.5, seed)
    rolls = fbm2(x, y, 6, 0.5, seed + 10)
    lumps = 1.0 - 2.0 * abs(fbm2(1.3 * x + 0.4, 1.1 * y, 6, 0.48, seed + 20))
    heave = 0.75 * broad + 0.85 * rolls + 0.20 * (lumps - 0.5)
    hang = 0.55 * rolls + 0.45 * broad + 0.60 * (lumps - 0.5)
    return heave, hang


@parallel_jit
def _maps(size: int, texel: float, cell: float, stretch: float, seed: int) -> NDArray[np.float32]:
    """(size, size, 2) heave and hang over a square around the camera; x runs along columns."""
    maps = np.empty((size, size, 2), np.float32)
    for j in prange(size):
        for i in range(size):
            u, v = (i - size // 2) * texel / cell, (j - size // 2) * texel / cell
            maps[j, i, 0], maps[j, i, 1] = _rolls(u, v, stretch, seed)
    return maps


@jit
def _lookup(maps: NDArray[np.float32], x: float, y: float, texel: float) -> tuple[float, float]:
    size = maps.shape[0]
    x, y = x / texel + size // 2, y / texel + size // 2
    x, y = min(max(x, 0.0), size - 1.001), min(max(y, 0.0), size - 1.001)
    i, j = int(x), int(y)
    u, v = x - i, y - j
    a, b, c, d = (1.0 - u) * (1.0 - v), u * (1.0 - v), (1.0 - u) * v, u * v
    heave = a * maps[j, i, 0] + b * maps[j, i + 1, 0] + c * maps[j + 1, i, 0] + d * maps[j + 1, i + 1, 0]
    hang = a * maps[j, i, 1] + b * maps[j, i + 1, 1] + c * maps[j + 1, i, 1] + d * maps[j + 1, i + 1, 1]
    return heave, hang


@jit
def _surfaces(
    maps: NDArray[np.float32], x: float, y: float, turned: float, texel: float
) -> tuple[float, float]:
    """Heave and hang over a place, blended towards the seam."""
    if turned <= 0.0:
        return _lookup(maps, x, y, texel)
    c, s = np.cos(ARC), np.sin(ARC)
    heave, hang = _lookup(maps, c * x + s * y, c * y - s * x, texel)
    if turned >= 1.0:
        return heave, hang
    here_heave, here_hang = _lookup(maps, x, y, texel)
    # as much contrast as either of the fields has alone
    norm = np.sqrt(turned * turned + (1.0 - turned) ** 2)
    heave = (turned * heave + (1.0 - turned) * here_heave) / norm
    return heave, (turned * hang + (1.0 - turned) * here_hang) / norm


@jit
def _fray(noise: Volume, x: float, y: float, z: float, edge: float, fine: float) -> float:
    """Rounded lumps of three sizes, 0 to about 1; of the smaller two a share `fine` is added."""
    value = sample(noise, x / edge, y / edge, z / edge)
    if fine < 0.05:
        return value
    k = 3.1 / edge
    u, v = 0.8 * x - 0.6 * y, 0.6 * x + 0.8 * y
    value += 0.45 * fine * (sample(noise, u * k, v * k, z * k + 0.37) - 0.48)
    k = 9.7 / edge
    return value + 0.22 * fine * (sample(noise, v * k + 0.19, u * k, z * k + 0.71) - 0.48)


@parallel_jit
def _march(
    azimuths: NDArray[np.float64],
    slopes: NDArray[np.float64],
    light_bearings: NDArray[np.float64],
    light_slope: float,
    maps: NDArray[np.float32],
    texel: float,
    noise: Volume,
    shape: tuple[float, float, float, float],
    erosion: float,
    edge: float,
    extinction: float,
    sink: float,
    reach: float,
    seed: int,
) -> Picture:
    """(H, W, 3): daylight of the cloud, its transmittance, and its mean distance in m."""
    result = np.zeros((slopes.size, azimuths.size, 3), np.float32)
    base, relief, thickness, swell = shape
    low, high = base - 1.3 * relief, base + thickness * (1.0 + 1.2 * swell)
    for row in prange(slopes.size):
        slope = max(slopes[row], 1e-4)
        long = np.sqrt(1.0 + slope * slope)
        for column in range(azimuths.size):
            result[row, column, 1] = 1.0
            result[row, column, 2] = min(reach, (base + thickness) / slope)
            azimuth = azimuths[column]
            dx, dy = np.sin(azimuth), np.cos(azimuth)
            toward = azimuth + light_bearings[column]
            lx, ly = np.sin(toward) / light_slope, np.cos(toward) / light_slope
            turned = turned_share(azimuth)
            t, end = low / slope, min(high / slope, reach)
            t += random01(column, row, 0, seed) * (8.0 + 0.004 * t)
            through, light, far = 1.0, 0.0, 0.0
            outside = True
            while t < end and through > 0.01:
                x, y, z = dx * t, dy * t, slope * t
                small = 8.0 + 0.0035 * t
                heave, hang = _surfaces(maps, x, y, turned, texel)
                under = base - relief * hang
                top = base + thickness * (1.0 + swell * heave)
                inside = min(z - under, 0.8 * (top - z))
                if inside <= 0.0:
                    t += max(small, min(-0.5 * inside / (slope + 0.5), 400.0))
                    continue
                if outside:
                    # long steps end at like depths in neighbouring pixels, which would show as fine lines
                    outside = False
                    t -= 1.5 * small * random01(column, row, 1, seed)
                    continue
                fine = np.exp(-((t / 9e3) ** 2))
                bumps = (1.0 - turned) * _fray(noise, x, y, z, edge, fine)
                if turned > 0.0:
                    c, s = np.cos(ARC), np.sin(ARC)
                    bumps += turned * _fray(noise, c * x + s * y, c * y - s * x, z, edge, fine)
                inside -= erosion * max(0.0, 1.0 - 1.25 * bumps)
                if inside <= 0.0:
                    t += small
                    continue
                # the way to the bright part of the sky, looked at in two places
                over, facing = 0.45 * (top - z), 0.0
                for k in range(1, 3):
                    climb = (0.30 * k) * max(60.0, top - z)
                    side_heave, side_hang = _surfaces(maps, x + lx * climb, y + ly * climb, turned, texel)
                    side_top = base + thickness * (1.0 + swell * side_heave)
                    side_under = base - relief * side_hang
                    over += 0.275 * max(0.0, side_top - max(side_under, z))
                    facing += hang - side_hang
                over = max(0.0, over - 0.9 * erosion * (1.0 - 1.25 * bumps))
                skin = np.exp(-inside / 45.0)
                glow = 0.16 * (1.0 + skin) + np.exp(-over / sink) + 0.35 * np.exp(-over / (3.0 * sink))
                glow *= min(1.8, max(0.45, 1.0 + 0.34 * np.exp(-t / 7e3) * facing))
                tau = extinction * min(1.0, inside / 40.0) * small * long
                gone = through * (1.0 - np.exp(-tau))
                light += gone * glow
                far += gone * t
                through -= gone
                t += small
            if through < 1.0:
                result[row, column, 0] = light
                result[row, column, 1] = through
                result[row, column, 2] = far / (1.0 - through)
    return result


def march(
    view: View,
    ceiling: Ceiling,
    noise: Volume,
    light_bearings: NDArray[np.float64],
    light_slope: float,
) -> Picture:
    """(H, W, 3): daylight that comes through the ceiling, share of the sky behind it, its distance in m.

    `light_bearings` turn each column's azimuth to that of the brightest part of the sky, which stands at the
    elevation of tangent `light_slope`.
    """
    texel = max(12.0, 4.0 * ceiling.reach / view.width)
    size = int(2.0 * ceiling.reach / texel)
    maps = _maps(size, texel, ceiling.cell, ceiling.stretch, ceiling.seed)
    shape = (ceiling.base, ceiling.relief, ceiling.thickness, ceiling.swell)
    return _march(
        view.azimuths(), view.slopes(), light_bearings, light_slope, maps, texel, noise, shape,
        ceiling.erosion, ceiling.billow, ceiling.extinction, ceiling.sink, ceiling.reach, ceiling.seed,
    )  # fmt: skip
