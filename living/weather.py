"""Maps on which clouds stand: tiles of noise that close on themselves and slide over each other.

A field is a square of `PERIOD_M` that repeats. Its cloud cover is the sum of a few tiles; each goes its own
slow way within the field, so that clouds grow, merge and dissolve while the wind carries all of them.
"""

import cv2
import numpy as np

from app.frame import F32, F64
from living.jit import fast_jit
from skyboxes.noise import hash3

PERIOD_M = 32768.0
"""Edge of the field."""
TEXELS = 512
"""Of a map along the field's edge."""


@fast_jit
def _gradient(ix: int, iy: int, x: float, y: float, cells: int, seed: int) -> float:
    h = hash3(ix % cells, iy % cells, cells, seed)
    return float(((h & 0xFFFF) / 32767.5 - 1.0) * x + ((h >> 16) / 32767.5 - 1.0) * y)


@fast_jit
def periodic2(x: float, y: float, cells: int, seed: int) -> float:
    """Gradient noise, about -1 to 1, of one cell a unit; it repeats after `cells` units."""
    fx, fy = np.floor(x), np.floor(y)
    ix, iy = int(fx), int(fy)
    x, y = x - fx, y - fy
    u, v = x * x * x * (x * (x * 6.0 - 15.0) + 10.0), y * y * y * (y * (y * 6.0 - 15.0) + 10.0)
    a, b = _gradient(ix, iy, x, y, cells, seed), _gradient(ix + 1, iy, x - 1.0, y, cells, seed)
    c = _gradient(ix, iy + 1, x, y - 1.0, cells, seed)
    d = _gradient(ix + 1, iy + 1, x - 1.0, y - 1.0, cells, seed)
    return float(1.8 * (a + u * (b - a) + v * (c + u * (d - c) - a - u * (b - a))))


@fast_jit
def _fbm(x: float, y: float, cells: int, octaves: int, gain: float, seed: int) -> float:
    """Fractal sum over places in [0, 1) that closes on itself."""
    total, weight, norm = 0.0, 1.0, 0.0
    for octave in range(octaves):
        total += weight * periodic2(x * cells, y * cells, cells, seed + octave)
        norm += weight
        weight *= gain
        cells *= 2
    return total / norm


@fast_jit
def fractal_tile(texels: int, cells: int, octaves: int, gain: float, warp: float, seed: int) -> F32:
    """(texels, texels) fractal noise that closes on itself; `warp` bends it by so many of its cells."""
    tile = np.empty((texels, texels), np.float32)
    for j in range(texels):
        for i in range(texels):
            x, y = i / texels, j / texels
            dx = _fbm(x, y, cells, 2, 0.5, seed + 40) * warp / cells
            dy = _fbm(x, y, cells, 2, 0.5, seed + 50) * warp / cells
            tile[j, i] = _fbm(x + dx, y + dy, cells, octaves, gain, seed)
    return tile


@fast_jit
def wrapped(tile: F32, x: float, y: float) -> float:
    """A tile at a place in texels, bilinear; its size is a power of two."""
    fx, fy = np.floor(x), np.floor(y)
    u, v = np.float32(x - fx), np.float32(y - fy)
    mask, one = np.uint64(tile.shape[0] - 1), np.uint64(1)
    i, j = np.uint64(np.int64(fx)) & mask, np.uint64(np.int64(fy)) & mask
    k, l = (i + one) & mask, (j + one) & mask  # noqa: E741
    a = tile[j, i] + u * (tile[j, k] - tile[j, i])
    b = tile[l, i] + u * (tile[l, k] - tile[l, i])
    return float(a + v * (b - a))


@fast_jit
def slid(tiles: F32, weights: F64, shifts: F64) -> F32:
    """(N, N) weighted sum of tiles (n, N, N), each moved by its shift (n, 2), x and y in texels."""
    count, size = tiles.shape[0], tiles.shape[1]
    result = np.zeros((size, size), np.float32)
    mask = size - 1
    for n in range(count):
        fx, fy = np.floor(shifts[n, 0]), np.floor(shifts[n, 1])
        u, v = np.float32(shifts[n, 0] - fx), np.float32(shifts[n, 1] - fy)
        a, b = np.float32(weights[n]) * (1 - u) * (1 - v), np.float32(weights[n]) * u * (1 - v)
        c, d = np.float32(weights[n]) * (1 - u) * v, np.float32(weights[n]) * u * v
        # A tile moved right by s is read s to the left.
        x, y = int(fx), int(fy)
        for j in range(size):
            here, above = (j - y) & mask, (j - y - 1) & mask
            for i in range(size):
                at, left = (i - x) & mask, (i - x - 1) & mask
                result[j, i] += (
                    a * tiles[n, here, at]
                    + b * tiles[n, here, left]
                    + c * tiles[n, above, at]
                    + d * tiles[n, above, left]
                )
    return result


def tiles_of(texels: int, shapes: tuple[tuple[int, int, float, float], ...], seed: int) -> F32:
    """(n, texels, texels) fractal tiles by (cells, octaves, gain, warp) of each."""
    tiles = [fractal_tile(texels, *shape, 100 * seed + 7 * n + 1) for n, shape in enumerate(shapes)]
    return np.stack(tiles)


def doubled(tiles: F32) -> F32:
    """Tiles (n, N, N) enlarged to (n, 2 N, 2 N), over their edges too: quicker than to make them so large."""
    size = 2 * tiles.shape[1]
    large = []
    for tile in tiles:
        wide = cv2.resize(np.pad(tile, 4, mode="wrap"), (size + 16, size + 16), interpolation=cv2.INTER_CUBIC)
        large.append(np.asarray(wide[8:-8, 8:-8], np.float32))
    return np.stack(large)
