"""How a floating island is lit and seen: its rays, colours, shadows, falls of water and clouds.

Soft shadows and ambient occlusion follow Quilez's methods for distance fields. Lengths in metres; places are
those of `island`.
"""

import numpy as np
from numba import prange
from numpy.typing import NDArray

from app.jit import jit
from skyboxes.globes import smooth
from skyboxes.island import (
    BATTLED_BOX,
    BOX,
    EXTENT,
    FIR,
    HEIGHT,
    LEAVES,
    PLASTER,
    ROCK,
    SLATE,
    STONE,
    TILE,
    WOOD,
    Ground,
    Scene,
    distance,
    map_at,
    nearest_solid,
    rock_distance,
)
from skyboxes.jit import parallel_jit
from skyboxes.noise import Volume, fbm2, random01, sample
from skyboxes.view import ARC, Picture, View

Lamp = NDArray[np.float64]
"""(4, 3): direction to the sun (right, away, up) and the light of the sun, from above and from below."""
NEAR, FAR = 1.25 * EXTENT, EXTENT
"""The island lies between so far before and behind its middle."""


@jit
def _albedo(
    paint: int, solid: NDArray[np.float64], noise: Volume, maps: Volume,
    x: float, y: float, z: float, nz: float, side: float,
) -> tuple[float, float, float]:  # fmt: skip
    """Share of red, green and blue light that the surface sends back."""
    fine = sample(noise, x / 13.0, y / 13.0, z / 13.0) - 0.5
    broad = sample(noise, x / 95.0, y / 95.0, z / 95.0) - 0.5
    if paint == ROCK:
        layers = sample(noise, x / 700.0 + 0.5, y / 700.0, z / 46.0 + 0.08 * broad)
        streak = sample(noise, x / 17.0, y / 17.0, z / 210.0 + 0.4) - 0.5
        tone = 0.30 * (1.0 + 1.1 * (layers - 0.5) + 0.9 * broad + 0.8 * fine + 0.9 * streak)
        red, green, blue = 1.18 * tone, 1.0 * tone, 0.83 * tone
        top = map_at(maps, 0, x, y)
        # grass where it is flat enough, and what hangs over the rim
        lush = smooth(0.46, 0.68, nz + 0.5 * fine + 0.3 * broad) * smooth(26.0, 6.0, top - z)
        drape = smooth(0.02, 0.13, streak + 0.3 * broad + 0.10 * smooth(45.0, 0.0, top - z) - 0.045)
        lush = max(lush, 0.85 * drape * smooth(62.0, 12.0, top - z))
        grass = 1.0 + 1.6 * fine + 1.2 * broad
        red += (0.130 * grass - red) * lush
        green += (0.158 * grass - green) * lush
        blue += (0.042 * grass - blue) * lush
        return red, green, blue
    shade = random01(int(solid[1] * 7.0), int(solid[2] * 7.0), 1, 3) - 0.5
    if paint == LEAVES:
        tone = 1.0 + 0.7 * shade + 1.5 * fine
        if int(solid[0]) == FIR:
            return 0.055 * tone, 0.088 * tone, 0.038 * tone
        return (0.105 + 0.05 * shade) * tone, 0.140 * tone, 0.038 * tone
    if paint == SLATE:
        tone = 1.0 + 0.35 * shade + 0.9 * fine
        return 0.125 * tone, 0.170 * tone, 0.235 * tone
    if paint == TILE:
        tone = 1.0 + 0.6 * shade + 1.0 * fine
        return 0.36 * tone, 0.165 * tone, 0.095 * tone
    if paint == WOOD:
        tone = 1.0 + 1.2 * fine
        return 0.14 * tone, 0.115 * tone, 0.080 * tone
    wear = sample(noise, x / 29.0, y / 29.0, z / 70.0) - 0.5
    tone = (0.50 if paint == STONE else 0.60) * (1.0 + 0.9 * wear + 0.6 * fine + 0.12 * shade)
    # rows of windows: narrow and dark, fewer low down
    foot = z - solid[3]
    if foot > 10.0 and nz < 0.3 and solid[6] > 9.0:
        storey, bay = 9.0, 5.5
        if paint == PLASTER:
            storey, bay, foot = 3.6, 3.4, foot + 1.0
        row, column = np.floor(foot / storey), np.floor(side / bay)
        up, across = foot / storey - row, side / bay - column
        glazed = 0.38 < up < 0.72 and abs(across - 0.5) < 0.14
        if glazed and random01(int(row), int(column), int(solid[1]), 9) < 0.55:
            tone *= 0.22
    return 1.06 * tone, 0.97 * tone, 0.83 * tone


@jit
def _mist(blobs: NDArray[np.float64], noise: Volume, x: float, y: float, z: float, detail: int) -> float:
    """Density of the clouds about the island, 0 to 1; `blobs` (N, 7): middle, half axes, strength."""
    envelope = 0.0
    for k in range(blobs.shape[0]):
        dx, dy = (x - blobs[k, 0]) / blobs[k, 3], (y - blobs[k, 1]) / blobs[k, 4]
        dz = (z - blobs[k, 2]) / blobs[k, 5]
        # flat below, heaped above
        dz = dz * 1.7 if dz < 0.0 else dz
        envelope += blobs[k, 6] * max(0.0, 1.0 - (dx * dx + dy * dy + dz * dz))
    if envelope <= 0.02:
        return 0.0
    bumps = sample(noise, x / 210.0, y / 210.0, z / 210.0)
    if detail > 0:
        bumps += 0.42 * (
            sample(noise, (0.8 * x - 0.6 * y) / 61.0, (0.6 * x + 0.8 * y) / 61.0, z / 61.0) - 0.48
        )
        bumps += 0.30 * (sample(noise, y / 21.0, x / 21.0, z / 21.0) - 0.48)
    return float(min(1.0, max(0.0, min(envelope, 1.0) - 1.55 * (1.0 - bumps) + 0.42) * 3.0))


@jit
def _span(
    blobs: NDArray[np.float64], dx: float, dy: float, dz: float, away: float, altitude: float
) -> tuple[float, float]:
    """Where a ray from the viewer enters the first cloud about the island and leaves the last."""
    first, last = 1e9, 0.0
    for k in range(blobs.shape[0]):
        # in lengths of the half axes a cloud is a ball
        mx, my, mz = (
            blobs[k, 0] / blobs[k, 3],
            (blobs[k, 1] + away) / blobs[k, 4],
            (blobs[k, 2] + altitude) / blobs[k, 5],
        )
        ux, uy, uz = dx / blobs[k, 3], dy / blobs[k, 4], dz / blobs[k, 5]
        uu, um = ux * ux + uy * uy + uz * uz, ux * mx + uy * my + uz * mz
        root = um * um - uu * (mx * mx + my * my + mz * mz - 1.0)
        if root > 0.0:
            first = min(first, (um - np.sqrt(root)) / uu)
            last = max(last, (um + np.sqrt(root)) / uu)
    return first, last


@jit
def _shadow(ground: Ground, x: float, y: float, z: float, lamp: Lamp) -> float:
    """Share of the sun's disc that a point sees."""
    lx, ly, lz = lamp[0, 0], lamp[0, 1], lamp[0, 2]
    lit, t = 1.0, 0.8
    for _ in range(90):
        d = distance(ground, x + lx * t, y + ly * t, z + lz * t)
        lit = min(lit, 0.5 + 0.5 * d / (0.045 * t + 0.12))
        if lit < 0.01 or t > 420.0 or z + lz * t > HEIGHT[1]:
            break
        t += min(max(d, 0.45), 30.0)
    lit = max(lit, 0.0)
    return lit * lit * (3.0 - 2.0 * lit)


@jit
def _normal(ground: Ground, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Unit vector out of the surface at a point on it."""
    nx, ny, nz = 0.0, 0.0, 0.0
    e = 0.4
    for corner in range(4):
        sx = 1.0 if corner in (0, 3) else -1.0
        sy = 1.0 if corner in (1, 3) else -1.0
        sz = 1.0 if corner in (2, 3) else -1.0
        d = distance(ground, x + e * sx, y + e * sy, z + e * sz)
        nx, ny, nz = nx + sx * d, ny + sy * d, nz + sz * d
    n = 1.0 / np.sqrt(nx * nx + ny * ny + nz * nz + 1e-12)
    return nx * n, ny * n, nz * n


@jit
def _surface(
    ground: Ground, paints: NDArray[np.int64], lamp: Lamp, x: float, y: float, z: float
) -> tuple[float, float, float]:
    """Light that comes from a point of the surface."""
    maps, solids, noise = ground[0], ground[1], ground[4]
    nx, ny, nz = _normal(ground, x, y, z)
    near, which = nearest_solid(ground, x, y, z)
    paint, around = ROCK, 0.0
    owner = solids[max(which, 0)]
    if which >= 0 and near < rock_distance(maps, noise, x, y, z):
        paint = paints[which]
        ox, oy = x - owner[1], y - owner[2]
        if int(owner[0]) in (BOX, BATTLED_BOX):
            # along the wall that the normal belongs to
            front = abs(ny * owner[7] - nx * owner[8]) > 0.7
            around = ox * owner[7] + oy * owner[8] if front else oy * owner[7] - ox * owner[8]
        else:
            around = np.arctan2(oy, ox) * owner[4]
    red, green, blue = _albedo(paint, owner, noise, maps, x, y, z, nz, around)
    facing = max(0.0, nx * lamp[0, 0] + ny * lamp[0, 1] + nz * lamp[0, 2])
    if paint == LEAVES:
        facing = 0.75 * facing + 0.14
    lit = 0.0
    if facing > 0.0:
        lit = facing * _shadow(ground, x + 0.5 * nx, y + 0.5 * ny, z + 0.5 * nz, lamp)
    open_sky, weight = 1.0, 1.0
    for k in range(5):
        h = 0.9 * 2.1**k
        d = distance(ground, x + nx * h, y + ny * h, z + nz * h)
        open_sky -= 0.34 * weight * max(0.0, h - d) / h
        weight *= 0.85
    open_sky = max(0.06, open_sky)
    up = 0.5 + 0.5 * nz
    # what the lit parts of the island throw back onto what stands near them, a little warmer
    back = (0.10 * lit + 0.05 * max(0.0, -(nx * lamp[0, 0] + ny * lamp[0, 1]))) * open_sky
    above, below = open_sky * up, open_sky * (1.0 - up)
    return (
        red * (lamp[1, 0] * (lit + back) + lamp[2, 0] * above + lamp[3, 0] * below),
        green * (lamp[1, 1] * (lit + 0.9 * back) + lamp[2, 1] * above + lamp[3, 1] * below),
        blue * (lamp[1, 2] * (lit + 0.8 * back) + lamp[2, 2] * above + lamp[3, 2] * below),
    )


@jit
def _water(
    falls: NDArray[np.float64], dx: float, dy: float, dz: float, end: float, away: float, altitude: float
) -> float:
    """Share of a ray's light that falls of water before `end` take: sheets that turn to mist on their way."""
    through = 1.0
    for k in range(falls.shape[0]):
        at = (falls[k, 1] + away) / dy
        down = falls[k, 2] - (dz * at - altitude)
        if at > end + 3.0 or down < 0.0 or down > falls[k, 4]:
            continue
        share = down / falls[k, 4]
        wide = falls[k, 3] * (0.55 + 2.6 * share**1.4)
        u = (dx * at - falls[k, 0] - 16.0 * share * share) / wide
        thread = fbm2(3.2 * u / (0.45 + share) + 7.0 * k, down / 60.0, 4, 0.6, 90 + k)
        thick = np.exp(-2.2 * u * u) * (0.85 + 0.9 * thread * (1.0 - 0.5 * share))
        thick *= (1.0 - share) ** 1.2 * smooth(0.0, 0.02, share)
        through *= np.exp(-2.4 * max(0.0, thick) * (0.35 + 0.65 * np.exp(-3.0 * share)))
    return float(1.0 - through)


@jit
def _fog(
    blobs: NDArray[np.float64], noise: Volume, lamp: Lamp, dx: float, dy: float, dz: float, start: float,
    end: float, away: float, altitude: float,
) -> tuple[float, float, float, float]:  # fmt: skip
    """Light of the clouds about the island along a ray, and the share of light they let through."""
    through, red, green, blue = 1.0, 0.0, 0.0, 0.0
    step, s = 7.0, start
    while s < end and through > 0.02:
        x, y, z = dx * s, dy * s - away, dz * s - altitude
        density = _mist(blobs, noise, x, y, z, 1)
        if density > 0.0:
            depth, m = 0.0, 10.0
            for k in range(4):
                px, py, pz = x + lamp[0, 0] * m, y + lamp[0, 1] * m, z + lamp[0, 2] * m
                depth += m * _mist(blobs, noise, px, py, pz, 1 if k < 2 else 0)
                m *= 1.9
            direct = 0.80 * (0.62 * np.exp(-0.030 * depth) + 0.38 * np.exp(-0.008 * depth))
            gone = through * (1.0 - np.exp(-0.030 * density * step))
            above = 0.55 * smooth(-330.0, -150.0, z)
            below = 0.55 - above
            red += gone * (lamp[1, 0] * direct + lamp[2, 0] * above + lamp[3, 0] * below)
            green += gone * (lamp[1, 1] * direct + lamp[2, 1] * above + lamp[3, 1] * below)
            blue += gone * (lamp[1, 2] * direct + lamp[2, 2] * above + lamp[3, 2] * below)
            through -= gone
        s += step
    return red, green, blue, through


@parallel_jit
def _march(
    azimuths: NDArray[np.float64],
    slopes: NDArray[np.float64],
    pixel: float,
    samples: int,
    away: float,
    altitude: float,
    lamp: Lamp,
    ground: Ground,
    paints: NDArray[np.int64],
    blobs: NDArray[np.float64],
    falls: NDArray[np.float64],
) -> Picture:
    """(H, W, 4): light of the island and its cover.

    `azimuths` are those from the island's middle, `pixel` the size of one in radians.
    """
    result = np.zeros((slopes.size, azimuths.size, 4), np.float32)
    part = 1.0 / (samples * samples)
    for row in prange(slopes.size):
        for column in range(azimuths.size):
            for number in range(samples * samples):
                azimuth = azimuths[column] + ((number % samples + 0.5) / samples - 0.5) * pixel
                slope = slopes[row] + ((number // samples + 0.5) / samples - 0.5) * pixel
                norm = 1.0 / np.sqrt(1.0 + slope * slope)
                dx, dy, dz = np.sin(azimuth) * norm, np.cos(azimuth) * norm, slope * norm
                t, end = away - NEAR, away + FAR
                red, green, blue, cover = 0.0, 0.0, 0.0, 0.0
                for _ in range(320):
                    x, y, z = dx * t, dy * t - away, dz * t - altitude
                    d = distance(ground, x, y, z)
                    if d < 0.10:
                        red, green, blue = _surface(ground, paints, lamp, x, y, z)
                        cover, end = 1.0, t
                        break
                    t += max(d, 0.12)
                    if t > end:
                        break
                water = _water(falls, dx, dy, dz, end, away, altitude)
                red += water * (0.55 * lamp[1, 0] + 0.65 * lamp[2, 0] - red)
                green += water * (0.55 * lamp[1, 1] + 0.65 * lamp[2, 1] - green)
                blue += water * (0.55 * lamp[1, 2] + 0.65 * lamp[2, 2] - blue)
                cover += water * (1.0 - cover)
                start, last = _span(blobs, dx, dy, dz, away, altitude)
                start += 7.0 * random01(column * 4 + number, row, 0, 17)
                fr, fg, fb, through = _fog(
                    blobs, ground[4], lamp, dx, dy, dz, start, min(last, end), away, altitude
                )
                result[row, column, 0] += part * (red * through + fr)
                result[row, column, 1] += part * (green * through + fg)
                result[row, column, 2] += part * (blue * through + fb)
                result[row, column, 3] += part * (1.0 - (1.0 - cover) * through)
    return result


def draw(
    scene: Scene, view: View, place: tuple[float, float, float], lamp: Lamp, blobs: NDArray[np.float64],
    falls: NDArray[np.float64], samples: int,
) -> tuple[tuple[slice, slice], Picture]:  # fmt: skip
    """The island as seen in a view: the rows and columns it lies in, and (H, W, 4) light and cover in them.

    `place` is its azimuth in radians, its distance and its rim's height, m; `blobs` (N, 7) are the clouds
    about it: middle, half axes, strength; `falls` (N, 5) its falls of water: place at the rim, half width,
    height. `samples` squared rays go through a pixel.
    """
    azimuth, away, altitude = place
    half = np.arctan(1.55 * EXTENT / away)
    columns = np.flatnonzero(np.abs(view.azimuths() - azimuth) < half)
    slopes = view.slopes()
    highest = (altitude + HEIGHT[1]) / (away - 0.6 * EXTENT)
    rows = np.flatnonzero((slopes < highest) & (slopes > (altitude + HEIGHT[0] - 60.0) / away))
    marched = _march(
        view.azimuths()[columns] - azimuth, slopes[rows], ARC / view.width, samples, away, altitude, lamp,
        scene.ground, scene.paints, blobs, falls,
    )  # fmt: skip
    return (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)), marched
