"""Maps on which clouds stand: tiles of noise that close on themselves and slide over each other.

A field is a square of `PERIOD_M` that repeats. Its cloud cover is the sum of a few tiles; each goes its own
slow way within the field, so that clouds grow, merge and dissolve while the wind carries all of them.
"""

from typing import NamedTuple

import numpy as np

from app.frame import F32, F64
from living.jit import fast_jit
from skyboxes.noise import hash3

PERIOD_M = 32768.0
"""Edge of the field."""
TEXELS = 512
"""Of a map along the field's edge."""


class Layer(NamedTuple):
    """One layer of cloud and how light moves in it; floats all."""

    base: float
    """Height of the flat underside above the eye."""
    thickness: float
    """Largest height of a cloud above its base."""
    taper: float
    """How much more cover a cloud needs at the top than at its base."""
    erosion: float
    """Depth that the noise eats, in units of the cover."""
    billow: float
    """Edge of the noise cube; the field's edge is a whole multiple."""
    extinction: float
    """Inside the cloud, per m."""
    sharpness: float
    """How fast density rises behind the edge."""
    haze: float
    """Distance at which haze has taken 63 % of the cloud's light."""
    reach: float
    """Distance of the farthest cloud looked at."""


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
    mask = tile.shape[0] - 1
    fx, fy = np.floor(x), np.floor(y)
    u, v = x - fx, y - fy
    i, j = int(fx) & mask, int(fy) & mask
    k, l = (i + 1) & mask, (j + 1) & mask  # noqa: E741
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


class Kind(NamedTuple):
    """A kind of cloud: its layer, and how the map it stands on is made and moves.

    tiles: (cells, octaves, gain, warp) of each; weights (n,), shifts (n, 2) in texels per second, threshold: what
    is added to their sum; rise_per_s: how fast the noise rises, m.
    """

    layer: Layer
    tiles: tuple[tuple[int, int, float, float], ...]
    weights: F64
    shifts: F64
    threshold: float
    rise_per_s: float


def kind_of(clouds: str, cover: float) -> Kind | None:
    """The kind of that name, covering about a share `cover` of the sky; None for "none"."""
    if clouds == "none" or cover <= 0.0:
        return None
    shifts = np.array([[0.02, 0.008], [-0.02, -0.01], [0.004, -0.012]])
    if clouds == "cumulus":
        layer = Layer(1200.0, 1500.0, 0.62, 0.42, PERIOD_M / 22, 0.045, 13.0, 34e3, 45e3)
        tiles = ((16, 4, 0.45, 0.35), (4, 3, 0.5, 0.35))
        return Kind(layer, tiles, np.array([1.0, 0.55]), shifts[:2], 0.8 * cover - 0.35, 1.5)
    if clouds == "cirrus":
        layer = Layer(8000.0, 500.0, 0.5, 0.5, PERIOD_M / 8, 0.0015, 6.0, 120e3, 100e3)
        tiles = ((8, 5, 0.5, 0.6), (3, 3, 0.5, 0.35))
        return Kind(layer, tiles, np.array([1.0, 0.55]), shifts[:2], 0.8 * cover - 0.25, 1.0)
    if clouds == "stratus":
        layer = Layer(900.0, 700.0, 0.5, 0.45, PERIOD_M / 16, 0.03, 6.0, 20e3, 30e3)
        tiles = ((14, 5, 0.5, 0.4), (4, 3, 0.5, 0.35))
        return Kind(layer, tiles, np.array([0.8, 0.5]), shifts[:2], 0.9 * cover, 1.0)
    layer = Layer(900.0, 2200.0, 0.45, 0.4, PERIOD_M / 14, 0.05, 10.0, 18e3, 30e3)
    tiles = ((10, 5, 0.5, 0.5), (4, 3, 0.5, 0.35))
    return Kind(layer, tiles, np.array([0.8, 0.5]), shifts[:2], 0.9 * cover + 0.1, 1.5)


def tiles_of(kind: Kind, seed: int) -> F32:
    """(n, 512, 512) the tiles of a kind's map."""
    return np.stack([
        fractal_tile(TEXELS, *tile, 100 * seed + 7 * n + 1) for n, tile in enumerate(kind.tiles)
    ])  # fmt: skip
