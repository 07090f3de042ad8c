"""Stars and the galaxy's band, turned with the hour.

Their light is in display units of a dark night: the scene scales it by how dark its sky is.
"""

from functools import lru_cache

import numpy as np

from app.frame import F32, F64
from living.jit import fast_jit
from skyboxes.milky_way import diffuse, smooth
from skyboxes.stars import fluxes, star_colours
from skyboxes.view import ARC

_STARS, _BAND_STARS = 5200, 9000
_BAND_HALF = 0.34
"""The band's half width in units of `ARC`, as `diffuse` has it."""
_MAP = (1536, 520)
"""Columns and rows of the map of the band."""


@fast_jit
def _band_map(columns: int, rows: int) -> F32:
    """(rows, columns, 4): the band's light along and across it, and the density of its stars."""
    result = np.zeros((rows, columns, 4), np.float32)
    for row in range(rows):
        across = ((row + 0.5) / rows * 2.0 - 1.0) * _BAND_HALF
        for column in range(columns):
            turn = (column + 0.5) / columns * 2.0 - 1.0
            along = turn * np.pi / ARC
            red, green, blue, stars = diffuse(along, across)
            # The far ends of the band meet behind the viewer.
            ends = smooth(0.90, 1.0, abs(turn))
            if ends > 0.0:
                other = diffuse(along - 2.0 * np.pi / ARC * (1.0 if turn > 0.0 else -1.0), across)
                red += 0.5 * ends * (other[0] - red)
                green += 0.5 * ends * (other[1] - green)
                blue += 0.5 * ends * (other[2] - blue)
                stars += 0.5 * ends * (other[3] - stars)
            result[row, column, 0] = red
            result[row, column, 1] = green
            result[row, column, 2] = blue
            result[row, column, 3] = stars
    return result


@lru_cache(maxsize=1)
def band() -> F32:
    """The map of the galaxy's band, (520, 1536, 4) float32; about a second of computing, once."""
    return _band_map(*_MAP)


@lru_cache(maxsize=4)
def stars(seed: int) -> tuple[F64, F64]:
    """(directions, light): (n, 3) unit vectors in galactic axes and (n, 3) linear colours, brightest first.

    Magnitudes fall off as in the real sky; more of the faint ones stand in the band.
    """
    rng = np.random.default_rng(1000 + seed)
    count = _STARS + _BAND_STARS
    up = 2.0 * rng.random(count) - 1.0
    turn = 2.0 * np.pi * rng.random(count) - np.pi
    flux = fluxes(rng, count, 1.05, 700.0)
    share = np.ones(count)
    band_map = band()
    row = (np.arcsin(up) / ARC / _BAND_HALF * 0.5 + 0.5) * _MAP[1]
    inside = np.abs(np.arcsin(up)) < ARC * _BAND_HALF
    column = ((turn / np.pi * 0.5 + 0.5) * _MAP[0]).astype(int) % _MAP[0]
    density = band_map[np.clip(row.astype(int), 0, _MAP[1] - 1), column, 3] * inside
    share[_STARS:] = np.minimum(1.0, density[_STARS:])
    kept = rng.random(count) < share
    colours = star_colours(3200.0 + 9500.0 * rng.beta(1.6, 2.2, count)) ** 0.8
    level = np.sqrt(1.0 - up * up)
    directions = np.stack([level * np.cos(turn), level * np.sin(turn), up], axis=1)
    order = np.argsort(-flux)
    order = order[kept[order]]
    return directions[order], flux[order, None] * colours[order]


@fast_jit
def add_band(picture: F32, axes: F64, band_map: F32, strength: float) -> None:
    """Add the band to the upper half (rows, columns, 3) of a small linear panorama, in place.

    axes: rows are the galaxy's axes in the sky's (x right, y down, z ahead).
    """
    rows, columns = picture.shape[0], picture.shape[1]
    high, wide = band_map.shape[0], band_map.shape[1]
    for row in range(rows):
        elevation = (0.5 - 0.5 * (row + 0.5) / rows) * np.pi
        up, level = np.sin(elevation), np.cos(elevation)
        clear = np.exp(-0.10 / (up / max(level, 1e-6) + 0.06))
        for column in range(columns):
            azimuth = ((column + 0.5) / columns - 0.5) * 2.0 * np.pi
            x, y, z = level * np.sin(azimuth), -up, level * np.cos(azimuth)
            pole = axes[2, 0] * x + axes[2, 1] * y + axes[2, 2] * z
            across = np.arcsin(min(1.0, max(-1.0, pole))) / ARC / _BAND_HALF
            if abs(across) >= 0.995:
                continue
            a = axes[0, 0] * x + axes[0, 1] * y + axes[0, 2] * z
            b = axes[1, 0] * x + axes[1, 1] * y + axes[1, 2] * z
            u = (np.arctan2(b, a) / np.pi * 0.5 + 0.5) * wide - 0.5
            v = (across * 0.5 + 0.5) * high - 0.5
            i, j = int(np.floor(u)), min(max(int(v), 0), high - 2)
            s, t = u - i, v - j
            k, i = (i + 1) % wide, i % wide
            for c in range(3):
                p = band_map[j, i, c] + s * (band_map[j, k, c] - band_map[j, i, c])
                q = band_map[j + 1, i, c] + s * (band_map[j + 1, k, c] - band_map[j + 1, i, c])
                picture[row, column, c] += strength * clear * (p + t * (q - p))


@fast_jit
def add_stars(display: F32, directions: F64, light: F64, axes: F64, strength: float) -> None:
    """Add stars to a panorama (H, W, 3) of display values, in place.

    Each is a Gaussian that is round on the sphere; the faint ones are dim, the bright ones larger.
    """
    height, width = display.shape[0], display.shape[1]
    scale = width / 2048.0
    for n in range(directions.shape[0]):
        d = directions[n]
        y = axes[0, 1] * d[0] + axes[1, 1] * d[1] + axes[2, 1] * d[2]
        if y > -0.01:
            continue
        x = axes[0, 0] * d[0] + axes[1, 0] * d[1] + axes[2, 0] * d[2]
        z = axes[0, 2] * d[0] + axes[1, 2] * d[1] + axes[2, 2] * d[2]
        level = np.sqrt(max(1e-6, 1.0 - y * y))
        clear = np.exp(-0.10 / (-y / level + 0.06))
        flux = 0.3333 * (light[n, 0] + light[n, 1] + light[n, 2])
        # Magnitudes are drawn as a film has them: a hundred times the light is some four times the glow.
        size = 0.62 * scale**0.5 * (1.0 + 0.09 * np.log(flux))
        glow = strength * clear * 0.16 * flux**0.42 * scale**0.5
        px = (np.arctan2(x, z) / (2.0 * np.pi) + 0.5) * width
        py = (0.5 + np.arcsin(y) / np.pi) * height
        wide = size / max(level, 0.02)
        reach_x, reach_y = min(int(3.0 * wide) + 1, width // 4), int(3.0 * size) + 1
        for row in range(max(0, int(py) - reach_y), min(height, int(py) + reach_y + 1)):
            down = (row + 0.5 - py) / size
            for column in range(int(px) - reach_x, int(px) + reach_x + 1):
                across = (column + 0.5 - px) / wide
                value = glow * np.exp(-0.5 * (across * across + down * down))
                if value < 0.002:
                    continue
                at = column % width
                for c in range(3):
                    display[row, at, c] += value * light[n, c] / flux
