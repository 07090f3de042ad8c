"""Seeded noise: gradient noise in the plane, cell noise in space, and a periodic volume of it.

Everything is a pure function of position and seed, so a picture renders to the same pixels every time.
Gradient noise follows Perlin, "Improving Noise" (2002), with hashed instead of tabulated gradients;
cell noise follows Worley, "A Cellular Texture Basis Function" (1996).
"""

import numpy as np
from numba import prange
from numpy.typing import NDArray

from app.jit import jit
from skyboxes.jit import parallel_jit

Volume = NDArray[np.float32]


@jit
def hash3(x: int, y: int, z: int, seed: int) -> int:
    """A well mixed 32-bit number for an integer lattice point."""
    h = (x * 0x8DA6B343 + y * 0xD8163841 + z * 0xCB1AB31F + seed * 0x9E3779B1) & 0xFFFFFFFF
    h = ((h ^ (h >> 15)) * 0x2C1B3C6D) & 0xFFFFFFFF
    h = ((h ^ (h >> 12)) * 0x297A2D39) & 0xFFFFFFFF
    return h ^ (h >> 15)


@jit
def random01(x: int, y: int, z: int, seed: int) -> float:
    """A random number in [0, 1) for an integer lattice point."""
    return hash3(x, y, z, seed) / 4294967296.0


@jit
def _fade(t: float) -> float:
    return t * t * t * (t * (t * 6.0 - 15.0) + 10.0)


@jit
def _gradient2(h: int, x: float, y: float) -> float:
    return ((h & 0xFFFF) / 32767.5 - 1.0) * x + ((h >> 16) / 32767.5 - 1.0) * y


@jit
def gradient2(x: float, y: float, seed: int) -> float:
    """2-D gradient noise of one cell a unit, about [-1, 1]."""
    fx, fy = np.floor(x), np.floor(y)
    ix, iy = int(fx), int(fy)
    x, y = x - fx, y - fy
    u, v = _fade(x), _fade(y)
    a = _gradient2(hash3(ix, iy, 0, seed), x, y)
    b = _gradient2(hash3(ix + 1, iy, 0, seed), x - 1.0, y)
    c = _gradient2(hash3(ix, iy + 1, 0, seed), x, y - 1.0)
    d = _gradient2(hash3(ix + 1, iy + 1, 0, seed), x - 1.0, y - 1.0)
    return 1.8 * (a + u * (b - a) + v * (c + u * (d - c) - a - u * (b - a)))


@jit
def fbm2(x: float, y: float, octaves: int, gain: float, seed: int) -> float:
    """Fractal sum of `gradient2`, about [-1, 1]; each octave has twice the frequency and `gain` the height.

    Each octave is rotated, which hides the directions of the lattice.
    """
    total, weight, norm = 0.0, 1.0, 0.0
    for octave in range(octaves):
        total += weight * gradient2(x, y, seed + octave)
        norm += weight
        weight *= gain
        x, y = 2.0 * (0.8 * x - 0.6 * y) + 3.17, 2.0 * (0.6 * x + 0.8 * y) + 7.31
    return total / norm


@jit
def cell3(x: float, y: float, z: float, seed: int, period: int) -> float:
    """Distance to the nearest of one random point per lattice cell, about 1 at most; periodic everywhere."""
    ix, iy, iz = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    best = 4.0
    for dz in range(-1, 2):
        for dy in range(-1, 2):
            for dx in range(-1, 2):
                cx, cy, cz = ix + dx, iy + dy, iz + dz
                kx, ky, kz = cx % period, cy % period, cz % period
                px = cx + random01(kx, ky, kz, seed) - x
                py = cy + random01(kx, ky, kz, seed + 1) - y
                pz = cz + random01(kx, ky, kz, seed + 2) - z
                best = min(best, px * px + py * py + pz * pz)
    return float(np.sqrt(best))


@parallel_jit
def billow_volume(size: int, cells: int, octaves: int, gain: float, seed: int) -> Volume:
    """A periodic cube of rounded bumps like those of cumulus: a fractal sum of inverted cell noise, 0 to 1.

    `size` must be a power of two; the coarsest octave has `cells` cells along an edge.
    """
    volume = np.empty((size, size, size), np.float32)
    for k in prange(size):
        for j in range(size):
            for i in range(size):
                total, weight, norm = 0.0, 1.0, 0.0
                n = cells
                for octave in range(octaves):
                    s = n / size
                    total += weight * (1.0 - cell3(i * s, j * s, k * s, seed + 3 * octave, n))
                    norm += weight
                    weight *= gain
                    n *= 2
                volume[k, j, i] = total / norm
    return volume


def softened(volume: Volume, texels: float) -> Volume:
    """A noise volume blurred, which takes out its creases; mean 0.5, deviation 0.15, still periodic.

    `texels` is the width (sigma) of the blur.
    """
    square = np.fft.fftfreq(volume.shape[0])[:, None, None] ** 2
    square = square + square.transpose(1, 0, 2) + square.transpose(1, 2, 0)
    low = np.exp(-2.0 * (np.pi * texels) ** 2 * square)
    smooth = np.fft.ifftn(np.fft.fftn(volume) * low).real
    return np.asarray(0.5 + 0.15 * (smooth - smooth.mean()) / smooth.std(), np.float32)


@jit
def sample(volume: Volume, x: float, y: float, z: float) -> float:
    """A noise volume at a position in units of its edge: trilinear, repeating."""
    size = volume.shape[0]
    mask = size - 1
    x, y, z = x * size, y * size, z * size
    fx, fy, fz = np.floor(x), np.floor(y), np.floor(z)
    u, v, w = x - fx, y - fy, z - fz
    i0, j0, k0 = int(fx) & mask, int(fy) & mask, int(fz) & mask
    i1, j1, k1 = (i0 + 1) & mask, (j0 + 1) & mask, (k0 + 1) & mask
    a = volume[k0, j0, i0] * (1.0 - u) + volume[k0, j0, i1] * u
    b = volume[k0, j1, i0] * (1.0 - u) + volume[k0, j1, i1] * u
    c = volume[k1, j0, i0] * (1.0 - u) + volume[k1, j0, i1] * u
    d = volume[k1, j1, i0] * (1.0 - u) + volume[k1, j1, i1] * u
    return float((a * (1.0 - v) + b * v) * (1.0 - w) + (c * (1.0 - v) + d * v) * w)
