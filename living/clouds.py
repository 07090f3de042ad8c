"""Clouds with a body: a density over the repeating field, lit by the sun through a coarse volume.

The density follows Schneider and Vos, "The Real-Time Volumetric Cloudscapes of Horizon Zero Dawn" (2015): a
map says where a cloud stands, a height profile shapes it and rounded noise eats its edges. Sunlight reaches a
sample by Beer-Lambert, with the octaves of Wrenninge, Kulla and Lundqvist, "Oz: The Great and Volumetric"
(2013) in place of multiple scattering. Its way through the cloud is looked at closely for the first metres
and in a coarse volume beyond, which is made once for a picture. Lengths in metres; x right, z ahead.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from app.frame import F32, F64, U8
from living.jit import fast_jit
from living.weather import PERIOD_M, TEXELS, wrapped
from skyboxes.atmosphere import henyey_greenstein
from skyboxes.noise import billow_volume

BLOCKS = 128
"""Of the map that says where a ray need not look, along the field's edge."""
CELLS, STOREYS = 256, 14
"""Of the light volume, along the field's edge and upwards."""
EDGE = 64
"""Of the cube of noise, texels."""
PHASES = 256


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


class Field(NamedTuple):
    """A layer's clouds at one moment.

    cover: (512, 512), above 0 where there are clouds. tops: (128, 128), the height up to which there may be
    any in a block, in thicknesses. noise: uint8, as of `noise_cube`. offset: (2,) where the eye stands in the
    field, m; rise: how far the noise has risen, m.
    """

    cover: F32
    tops: F32
    noise: U8
    offset: F64
    rise: float


class Lamp(NamedTuple):
    """What lights a layer.

    sun: unit vector (3,) to it, right, up, ahead. colour, top, under: (3,) linear light of the sun, the sky
    above, and of what comes from the ground and the horizon. phases: as of `phase_table`.
    """

    sun: F64
    colour: F64
    top: F64
    under: F64
    phases: F64


@lru_cache(maxsize=1)
def phase_table() -> F64:
    """(256, 3) phase functions of three octaves of scattering, by the cosine from -1 to 1, times 4 pi.

    Each octave sees a quarter of the depth, and scatters more evenly.
    """
    cosines = np.linspace(-1.0, 1.0, PHASES)
    table = [
        [
            0.75 * henyey_greenstein(c, 0.80 * k) + 0.25 * henyey_greenstein(c, -0.25 * k)
            for k in (1.0, 0.5, 0.2)
        ]
        for c in cosines
    ]
    return 4.0 * np.pi * np.array(table) * [0.85, 0.50, 0.25]


def noise_cube(seed: int) -> U8:
    """A periodic cube of rounded bumps, `EDGE` texels an edge, flat, 0 to 255."""
    return np.asarray(np.rint(255 * billow_volume(EDGE, 4, 3, 0.5, seed)), np.uint8).ravel()


@fast_jit
def noise_at(noise: U8, x: float, y: float, z: float) -> float:
    """The cube at a place in units of its edge, 0 to 1: trilinear, repeating."""
    x, y, z = x * EDGE, y * EDGE, z * EDGE
    fx, fy, fz = np.floor(x), np.floor(y), np.floor(z)
    u, v, w = np.float32(x - fx), np.float32(y - fy), np.float32(z - fz)
    # Unsigned: Numba then does not look whether an index is negative.
    mask, one = np.uint64(EDGE - 1), np.uint64(1)
    i0, j0, k0 = (
        np.uint64(np.int64(fx)) & mask,
        np.uint64(np.int64(fy)) & mask,
        np.uint64(np.int64(fz)) & mask,
    )
    i1, j1, k1 = (i0 + one) & mask, (j0 + one) & mask, (k0 + one) & mask
    edge = np.uint64(EDGE)
    p, q, r, s = (
        (k0 * edge + j0) * edge,
        (k0 * edge + j1) * edge,
        (k1 * edge + j0) * edge,
        (k1 * edge + j1) * edge,
    )
    a, b = np.float32(noise[p + i0]), np.float32(noise[q + i0])
    c, d = np.float32(noise[r + i0]), np.float32(noise[s + i0])
    a += u * (np.float32(noise[p + i1]) - a)
    b += u * (np.float32(noise[q + i1]) - b)
    c += u * (np.float32(noise[r + i1]) - c)
    d += u * (np.float32(noise[s + i1]) - d)
    a += v * (b - a)
    c += v * (d - c)
    return float((a + w * (c - a)) * np.float32(1.0 / 255.0))


@fast_jit
def _envelope(field: Field, layer: Layer, x: float, z: float, height: float) -> float:
    """How far inside the uneroded cloud a place in the field is, in units of the cover.

    height: above the base, in thicknesses.
    """
    scale = TEXELS / PERIOD_M
    foot = max(0.0, 1.0 - height / 0.09)
    shape = layer.taper * height * (0.8 + 0.2 * height) + 0.35 * foot * foot
    return wrapped(field.cover, x * scale, z * scale) - shape


@fast_jit
def _eroded(
    field: Field, layer: Layer, x: float, z: float, height: float, inside: float, detail: int
) -> float:
    """The envelope less what the noise eats. Of the smaller two sizes of bumps `detail` are looked at.

    Those are turned so that they, too, close over the field.
    """
    eaten = layer.erosion * (0.6 + 0.4 * min(1.0, 3.0 * height))
    k = 1.0 / layer.billow
    u, v, w = x * k, z * k, (height * layer.thickness - field.rise) * k
    bumps = noise_at(field.noise, u, v, w)
    if detail > 0 and abs(inside - eaten * (1.0 - bumps)) < 0.25 * eaten + 0.08:
        bumps += 0.42 * (noise_at(field.noise, 4.0 * u - 3.0 * v, 3.0 * u + 4.0 * v, 5.0 * w + 0.37) - 0.48)
        if detail > 1:
            fine = noise_at(field.noise, 12.0 * u - 5.0 * v, 5.0 * u + 12.0 * v, 13.0 * w + 0.71)
            bumps += 0.30 * min(0.0, fine - 0.56)
    return float(inside - eaten * (1.0 - min(bumps, 0.67)))


@fast_jit
def _density(field: Field, layer: Layer, x: float, z: float, height: float, detail: int) -> float:
    """Density at a place in the field, 0 to 1."""
    if height <= 0.0 or height >= 1.0:
        return 0.0
    inside = _envelope(field, layer, x, z, height)
    if inside <= 0.1 * layer.erosion:
        return 0.0
    d = _eroded(field, layer, x, z, height, inside, detail)
    return min(1.0, max(0.0, layer.sharpness * d))


@fast_jit
def tops_of(cover: F32, taper: float) -> F32:
    """The `tops` of a field by its cover."""
    size = TEXELS // BLOCKS
    tops = np.zeros((BLOCKS, BLOCKS), np.float32)
    for j in range(BLOCKS):
        for i in range(BLOCKS):
            most = np.float32(-1.0)
            for y in range(size + 1):
                for x in range(size + 1):
                    most = np.maximum(most, cover[(j * size + y) % TEXELS, (i * size + x) % TEXELS])
            if most > 0.0:
                tops[j, i] = min(1.0, (float(most) / taper) ** 0.8)
    return tops


@fast_jit
def light_volume(field: Field, layer: Layer, sun: F64) -> F32:
    """(storeys, cells, cells, 2): optical depth from places of the field towards the sun, and straight up."""
    size = PERIOD_M / CELLS
    storey = layer.thickness / STOREYS
    density = np.zeros((STOREYS, CELLS, CELLS), np.float32)
    blocks = CELLS // BLOCKS
    for j in range(CELLS):
        for i in range(CELLS):
            top = field.tops[j // blocks, i // blocks]
            if top <= 0.0:
                continue
            for k in range(STOREYS):
                height = (k + 0.5) / STOREYS
                if height > top:
                    break
                density[k, j, i] = _density(field, layer, (i + 0.5) * size, (j + 0.5) * size, height, 0)
    result = np.zeros((STOREYS, CELLS, CELLS, 2), np.float32)
    mask = CELLS - 1
    for j in range(CELLS):
        for i in range(CELLS):
            over = 0.0
            for back in range(STOREYS):
                k = STOREYS - 1 - back
                here = density[k, j, i] * layer.extinction * storey
                result[k, j, i, 1] = over + 0.5 * here
                over += here
    # Towards the sun: samples ever farther apart, each for the way around it.
    for k in range(STOREYS):
        for j in range(CELLS):
            for i in range(CELLS):
                if field.tops[j // blocks, i // blocks] * STOREYS + 1.0 < k:
                    continue
                depth, begin = 0.0, 0.0
                for n in range(7):
                    end = begin + 0.6 * storey * 1.7**n
                    mid = 0.5 * (begin + end)
                    y = k + mid * sun[1] / storey
                    if y > STOREYS - 0.5 or y < -0.5:
                        break
                    x, z = i + mid * sun[0] / size, j + mid * sun[2] / size
                    fx, fz, fy = np.floor(x), np.floor(z), np.floor(min(max(y, 0.0), STOREYS - 1.001))
                    u, v, w = x - fx, z - fz, min(max(y, 0.0), STOREYS - 1.001) - fy
                    a, b, c = int(fx) & mask, int(fz) & mask, int(fy)
                    d, e = (a + 1) & mask, (b + 1) & mask
                    low = (1.0 - v) * ((1.0 - u) * density[c, b, a] + u * density[c, b, d])
                    low += v * ((1.0 - u) * density[c, e, a] + u * density[c, e, d])
                    high = (1.0 - v) * ((1.0 - u) * density[c + 1, b, a] + u * density[c + 1, b, d])
                    high += v * ((1.0 - u) * density[c + 1, e, a] + u * density[c + 1, e, d])
                    depth += (low + w * (high - low)) * (end - begin)
                    begin = end
                result[k, j, i, 0] = depth * layer.extinction
    return result


@fast_jit
def _lit(light: F32, x: float, z: float, height: float) -> tuple[float, float]:
    """The light volume's two depths at a place in the field."""
    scale = CELLS / PERIOD_M
    x, z, y = x * scale - 0.5, z * scale - 0.5, min(max(height * STOREYS - 0.5, 0.0), STOREYS - 1.001)
    fx, fz, k = np.floor(x), np.floor(z), int(y)
    u, v, w = np.float32(x - fx), np.float32(z - fz), np.float32(y - k)
    mask = CELLS - 1
    i, j = int(fx) & mask, int(fz) & mask
    p, q = (i + 1) & mask, (j + 1) & mask
    one = np.float32(1.0)
    a, b, c, d = (one - u) * (one - v), u * (one - v), (one - u) * v, u * v
    low, high = light[k], light[k + 1]
    near = a * low[j, i, 0] + b * low[j, p, 0] + c * low[q, i, 0] + d * low[q, p, 0]
    far = a * high[j, i, 0] + b * high[j, p, 0] + c * high[q, i, 0] + d * high[q, p, 0]
    up = a * low[j, i, 1] + b * low[j, p, 1] + c * low[q, i, 1] + d * low[q, p, 1]
    top = a * high[j, i, 1] + b * high[j, p, 1] + c * high[q, i, 1] + d * high[q, p, 1]
    return float(near + w * (far - near)), float(up + w * (top - up))


@fast_jit
def _shade(
    field: Field, layer: Layer, light: F32, lamp: Lamp, x: float, z: float, height: float, d: float,
    mu: float, gone: float, out: F32,
) -> None:  # fmt: skip
    """Add the light of a place in a cloud that covers the share `gone` of a ray; d: how deep it lies."""
    sx, sy, sz = lamp.sun[0], lamp.sun[1] / layer.thickness, lamp.sun[2]
    near = _density(field, layer, x + sx * 22.0, z + sz * 22.0, height + sy * 22.0, 1)
    next = _density(field, layer, x + sx * 70.0, z + sz * 70.0, height + sy * 70.0, 1)
    beyond, over = _lit(light, x + sx * 110.0, z + sz * 110.0, height + sy * 110.0)
    depth = beyond + layer.extinction * (40.0 * near + 60.0 * next)
    q = np.exp(-depth / 16.0)
    q4 = q * q * q * q
    phases = lamp.phases[int((mu * 0.5 + 0.5) * (PHASES - 1) + 0.5)]
    # Light that is scattered many times leaks out of thin edges: creases are brighter than bumps.
    powder = 0.62 + 0.38 * (1.0 - np.exp(-9.0 * d))
    lit = gone * powder * (phases[0] * q4 * q4 * q4 * q4 + phases[1] * q4 + phases[2] * q)
    skin = gone * (0.35 + 0.65 * np.exp(-3.5 * d))
    sky = skin * (0.25 + 0.75 / (1.0 + 0.22 * over))
    ground = skin * (1.0 - 0.55 * min(1.0, 1.5 * height))
    for c in range(3):
        out[c] += lamp.colour[c] * lit + lamp.top[c] * sky + lamp.under[c] * ground


@fast_jit
def _ray(
    field: Field, layer: Layer, light: F32, lamp: Lamp, dx: float, up: float, dz: float, out: F32
) -> None:
    """Colour (premultiplied, linear) and cover of the clouds along a ray, into `out` (4,)."""
    base, thickness = layer.base, layer.thickness
    out[:] = 0.0
    if up <= 0.0 or base / up > layer.reach:
        return
    block = PERIOD_M / BLOCKS
    mu = dx * lamp.sun[0] + up * lamp.sun[1] + dz * lamp.sun[2]
    t, end = base / up + 5.0, min((base + thickness) / up, layer.reach)
    through, far = 1.0, 0.0
    # Of the stretch of cloud that is being gone through: its share of the ray, place and depth.
    part, place, deep = 0.0, 0.0, 0.0
    small = 10.0
    while t < end and through > 0.015:
        x, z = dx * t + field.offset[0], dz * t + field.offset[1]
        height = (up * t - base) / thickness
        bx, bz = x / block, z / block
        fx, fz = np.floor(bx), np.floor(bz)
        d, way = -1.0, 0.0
        if height >= field.tops[int(fz) & (BLOCKS - 1), int(fx) & (BLOCKS - 1)]:
            # On to where the ray leaves the block.
            way_x = (fx + (1.0 if dx > 0.0 else 0.0) - bx) * block / (dx if abs(dx) > 1e-6 else 1e-6)
            way_z = (fz + (1.0 if dz > 0.0 else 0.0) - bz) * block / (dz if abs(dz) > 1e-6 else 1e-6)
            way = min(way_x, way_z) + 0.5
        else:
            inside = _envelope(field, layer, x, z, height) - 0.1 * layer.erosion
            if inside <= 0.0:
                way = -1100.0 * inside
            else:
                detail = 2 if t < 6e3 else 1 if t < 16e3 else 0
                d = _eroded(field, layer, x, z, height, inside + 0.1 * layer.erosion, detail)
                way = -400.0 * d
        if d <= 0.0:
            if part > 0.0:
                place, deep = place / part, deep / part
                x, z = dx * place + field.offset[0], dz * place + field.offset[1]
                height = (up * place - base) / thickness
                _shade(field, layer, light, lamp, x, z, height, deep, mu, part, out)
                part, place, deep = 0.0, 0.0, 0.0
            small = 9.0 + 0.004 * t
            t += max(small, way)
            continue
        if part == 0.0:
            # In by less than a step: half of it back, so that edges do not follow the steps.
            t -= 0.5 * small
        tau = layer.extinction * min(1.0, d * layer.sharpness) * small
        gone = through * (1.0 - np.exp(-tau))
        part += gone
        place += gone * t
        deep += gone * d
        far += gone * t
        through -= gone
        small *= 1.35
        t += small
    if part > 0.0:
        place, deep = place / part, deep / part
        x, z = dx * place + field.offset[0], dz * place + field.offset[1]
        height = (up * place - base) / thickness
        _shade(field, layer, light, lamp, x, z, height, deep, mu, part, out)
    cover = 1.0 - through
    if cover <= 0.0:
        return
    # What is left of the ray by the threshold belongs to the cloud.
    clear = np.exp(-((far / cover / layer.haze) ** 1.5)) * (1.0 if through > 0.015 else 1.0 / cover)
    for c in range(3):
        out[c] *= clear
    out[3] = min(1.0, cover * clear)


@fast_jit
def alike(a: F32, b: F32, c: F32, d: F32, tolerance: float) -> bool:
    """Whether four pixels agree: in cover within 0.03, in light by a share `tolerance`."""
    least, most = min(min(a[3], b[3]), min(c[3], d[3])), max(max(a[3], b[3]), max(c[3], d[3]))
    dark = min(min(a[1], b[1]), min(c[1], d[1]))
    bright = max(max(a[1], b[1]), max(c[1], d[1]))
    return bool(most - least <= 0.03 and bright - dark <= tolerance * bright + 1e-12)


@fast_jit
def march(field: Field, layer: Layer, light: F32, lamp: Lamp, azimuths: F64, elevations: F64) -> F32:
    """(rows, columns, 4) premultiplied linear colour and cover of a layer; even numbers of both.

    A quarter of the rays is followed first; between those that agree, the rest are taken from them. Around
    the zenith, where columns crowd, fewer are followed.
    """
    rows, columns = elevations.size, azimuths.size
    result = np.zeros((rows, columns, 4), np.float32)
    sines, cosines = np.sin(azimuths), np.cos(azimuths)
    steps = np.ones(rows, np.int64)
    for row in range(rows):
        level = np.cos(elevations[row])
        while steps[row] < 64 and steps[row] * 2.0 * level < 1.0 and columns % (steps[row] * 4) == 0:
            steps[row] *= 2
    for row in range(0, rows, 2):
        up, level = np.sin(elevations[row]), np.cos(elevations[row])
        step = 2 * steps[row]
        for column in range(0, columns, step):
            _ray(
                field,
                layer,
                light,
                lamp,
                level * sines[column],
                up,
                level * cosines[column],
                result[row, column],
            )
        spread(result[row], step, 2)
    for row in range(rows):
        up, level = np.sin(elevations[row]), np.cos(elevations[row])
        step = steps[row]
        above, below = row - row % 2, min(row - row % 2 + 2, rows - 2)
        for column in range(0, columns, step):
            if row % 2 == 0 and column % (2 * step) == 0:
                continue
            left = column - column % 2
            right = (left + 2) % columns
            if step > 1:
                left = column - column % (2 * step)
                right = (left + 2 * step) % columns
            a, b, c, d = result[above, left], result[above, right], result[below, left], result[below, right]
            if alike(a, b, c, d, 0.09):
                u, v = np.float32((column - left) / (2 * step)), np.float32((row - above) / 2)
                for k in range(4):
                    high = a[k] + u * (b[k] - a[k])
                    result[row, column, k] = high + v * (c[k] + u * (d[k] - c[k]) - high)
            else:
                _ray(
                    field,
                    layer,
                    light,
                    lamp,
                    level * sines[column],
                    up,
                    level * cosines[column],
                    result[row, column],
                )
        spread(result[row], step, 1)
    return result


@fast_jit
def spread(row: F32, step: int, grain: int) -> None:
    """Fill the pixels between every `step`-th, in steps of `grain`, along a row that closes on itself."""
    if step <= grain:
        return
    columns = row.shape[0]
    for column in range(0, columns, step):
        after = (column + step) % columns
        for k in range(grain, step, grain):
            u = np.float32(k / step)
            for c in range(4):
                row[column + k, c] = row[column, c] + u * (row[after, c] - row[column, c])
