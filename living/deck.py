"""A closed ceiling of cloud seen from below: stratus in rolls, or a storm's dark base with its shelf.

Two maps shape its underside and its thickness; rays are followed to the underside. Daylight sinks through it
by diffusion, so a place is the darker the more cloud stands over it on the slanted way to the sun; a sun near
the horizon reddens the bumps that face it from below. Lengths in metres; x right, z ahead.
"""

from typing import NamedTuple

import numpy as np

from app.frame import F32, F64, U8
from living.clouds import alike, noise_at, spread
from living.jit import fast_jit
from living.weather import PERIOD_M, wrapped


class Deck(NamedTuple):
    """A ceiling's shape and how light sinks through it; floats all."""

    base: float
    """Mean height of the underside above the eye."""
    relief: float
    """How far lumps hang below that, and hollows rise above it."""
    thickness: float
    """Mean thickness."""
    swell: float
    """How much the top heaves, as a share of the thickness: above about 1 the ceiling breaks open."""
    sink: float
    """Thickness of cloud that takes 63 % of the daylight."""
    gloom: float
    """Share of the daylight above that comes through where the ceiling is thin."""
    fray: float
    """How far noise frays the underside."""
    billow: float
    """Edge of the noise cube."""
    rim: float
    """Share of the horizon's light that comes in under the ceiling."""
    haze: float
    """Distance at which haze has taken 63 % of the ceiling's light."""
    shelf: float
    """How far a shelf cloud hangs below the base; 0 = there is none."""


class Ceiling(NamedTuple):
    """A deck at one moment.

    Maps of the field, (N, N): underside: its height, m; hidden: how far a shelf hangs, m; heave: of the top,
    about -1 to 1. noise: as of `noise_cube`. offset: (2,) where the eye stands in the field; rise: how far
    the noise has risen, m.
    """

    underside: F32
    hidden: F32
    heave: F32
    noise: U8
    offset: F64
    rise: float


class Glow(NamedTuple):
    """What lights a deck: sun: unit vector (3,), right, up, ahead; the rest are linear colours (3,).

    through: the daylight over it, as a white surface would show it; direct: the sun's light on its underside;
    under: from the ground and the horizon; haze: what distance fades to.
    """

    sun: F64
    through: F64
    direct: F64
    under: F64
    haze: F64


@fast_jit
def add_shelf(underside: F32, hang: F32, offset: F64, along: F64, ahead: float, depth: float) -> F32:
    """Let a shelf hang down from an underside, in place; gives how far it does so, (N, N).

    It runs along `along` (2,), a unit vector, `ahead` to the left of an eye at `offset`, and hangs `depth`
    deep: down in tiers to a lip, and up again behind it, more gently.
    """
    size = underside.shape[0]
    texel = PERIOD_M / size
    hidden = np.zeros((size, size), np.float32)
    for j in range(size):
        z = j * texel - offset[1]
        z -= PERIOD_M * np.floor(z / PERIOD_M + 0.5)
        for i in range(size):
            x = i * texel - offset[0]
            x -= PERIOD_M * np.floor(x / PERIOD_M + 0.5)
            q = along[0] * z - along[1] * x - ahead
            if q < -4000.0 or q > 10500.0:
                continue
            # Places along the shelf count from where the wind has taken it.
            way = along[0] * (x + offset[0]) + along[1] * (z + offset[1])
            a = 2.0 * np.pi * way / PERIOD_M
            q += 900.0 * np.sin(a) + 420.0 * np.sin(3.0 * a + 1.0)
            q += 240.0 * hang[(2 * j) % size, (2 * i) % size]
            if q < -1900.0 or q > 9000.0:
                continue
            if q < 0.0:
                u = 1.0 + q / 1900.0
                tier = 4.0 * u * u
                part = tier - np.floor(tier)
                step = part * part * part * (part * (6.0 * part - 15.0) + 10.0)
                down = (np.floor(tier) + step) / 4.0 * 0.75 + 0.25 * u * u
            else:
                u = min(1.0, q / 3200.0)
                down = 1.0 - 0.75 * u * u * (3.0 - 2.0 * u)
                down *= 1.0 if q < 6000.0 else (9000.0 - q) / 3000.0
            # Far off to its sides it runs out.
            side = along[0] * x + along[1] * z
            down *= np.exp(-((side / 12e3) ** 4))
            hidden[j, i] = depth * down
            underside[j, i] -= np.float32(depth * down)
    return hidden


@fast_jit
def _underside(ceiling: Ceiling, x: float, z: float) -> float:
    """Height of the underside over a place before the eye."""
    scale = ceiling.underside.shape[0] / PERIOD_M
    return wrapped(ceiling.underside, (x + ceiling.offset[0]) * scale, (z + ceiling.offset[1]) * scale)


@fast_jit
def _rain(ceiling: Ceiling, dx: float, up: float, dz: float) -> float:
    """How much of the light of the distance is left behind leaning shafts of rain."""
    turn = np.arctan2(dx, dz) / (2.0 * np.pi) + 0.06 * up
    w = 0.5 * up + 1e-4 * ceiling.rise
    shafts = noise_at(ceiling.noise, 2.0 * turn, 0.3, w)
    shafts += 0.55 * noise_at(ceiling.noise, 9.0 * turn, 0.7, w + 0.4)
    share = min(1.0, max(0.0, 2.2 * (shafts - 0.62)))
    return float(1.0 - 0.55 * share * share * (3.0 - 2.0 * share))


@fast_jit
def _ray(ceiling: Ceiling, deck: Deck, glow: Glow, dx: float, up: float, dz: float, out: F32) -> None:
    """Colour (premultiplied, linear) and cover of a deck along a ray, into `out` (4,)."""
    out[:] = 0.0
    low = deck.base - 1.3 * deck.relief - deck.shelf
    high = deck.base + 1.3 * deck.relief
    if up <= 0.0:
        return
    far = 4.0 * deck.haze
    t, end = low / up, min(high / up, far)
    rain = _rain(ceiling, dx, up, dz) if deck.shelf > 0.0 and up < 0.4 else 1.0
    if t >= far:
        for c in range(3):
            out[c] = rain * glow.haze[c]
        out[3] = 1.0
        return
    # To the underside: steps that grow with the distance, then halves of the last one.
    before, found = t, False
    while t < end:
        if up * t > _underside(ceiling, dx * t, dz * t):
            found = True
            break
        before = t
        t += max(60.0, 0.06 * t)
    t = min(t, end)
    if found:
        after = t
        for _ in range(4):
            t = 0.5 * (before + after)
            if up * t > _underside(ceiling, dx * t, dz * t):
                after = t
            else:
                before = t
        t = 0.5 * (before + after)
    scale = ceiling.heave.shape[0] / PERIOD_M
    k = 1.0 / deck.billow
    x, z = dx * t, dz * t
    fx, fz, y = x + ceiling.offset[0], z + ceiling.offset[1], up * t
    u, v, w = fx * k, fz * k, (y - ceiling.rise) * k
    near = np.exp(-((t / 7e3) ** 2))
    bumps = noise_at(ceiling.noise, u, v, w) - 0.5
    bumps += 0.35 * (noise_at(ceiling.noise, 4.0 * u - 3.0 * v, 3.0 * u + 4.0 * v, 5.0 * w + 0.37) - 0.5)
    if near > 0.1:
        fine = noise_at(ceiling.noise, 12.0 * u - 5.0 * v, 5.0 * u + 12.0 * v, 13.0 * w + 0.71)
        bumps += 0.30 * near * (fine - 0.5)
    # The slope of the underside, seen over a little more than a pixel.
    wide = 90.0 + 0.012 * t
    here = _underside(ceiling, x, z)
    slope_x = (_underside(ceiling, x + wide, z) - here) / wide
    slope_z = (_underside(ceiling, x, z + wide) - here) / wide
    # How much cloud stands over the place, here and on the way to the sun.
    hidden = wrapped(ceiling.hidden, fx * scale, fz * scale)
    level = np.sqrt(glow.sun[0] ** 2 + glow.sun[2] ** 2) + 1e-6
    sx, sz = glow.sun[0] / level, glow.sun[2] / level
    over = 0.0
    for n in range(3):
        side = 220.0 * n
        top = wrapped(ceiling.heave, (fx + sx * side) * scale, (fz + sz * side) * scale)
        over += max(0.0, deck.thickness * (1.0 + deck.swell * top)) / 3.0
    over += 0.9 * hidden + deck.fray * (0.35 - 1.6 * bumps) + 0.5 * (deck.base - here)
    over = max(0.0, over)
    light = 0.55 * np.exp(-over / deck.sink) + 0.35 * np.exp(-over / (3.0 * deck.sink)) + 0.16
    # Lumps are brighter on the side that the brightest part of the sky shines on.
    facing = sx * slope_x + sz * slope_z
    light *= min(1.7, max(0.4, 1.0 + 0.55 * facing + 0.55 * bumps))
    # From below: what faces down and outwards sees the horizon and the ground; a sun as low as that shines on
    # what leans towards it.
    norm = 1.0 / np.sqrt(1.0 + slope_x * slope_x + slope_z * slope_z)
    open_ = (0.6 + 0.4 * norm) * (1.0 + 0.5 * bumps) * (1.0 - 0.35 * min(1.0, hidden / 800.0))
    grazing = norm * (slope_x * glow.sun[0] + slope_z * glow.sun[2] - glow.sun[1])
    grazing = 0.05 * np.log1p(np.exp(grazing / 0.05 - 1.0))  # no hard edge between lit and unlit
    grazing *= min(1.0, max(0.0, (0.14 - glow.sun[1]) / 0.10))
    cover = 1.0 - np.exp(-over / 120.0) if deck.shelf == 0.0 else 1.0
    clear = np.exp(-((t / deck.haze) ** 1.5))
    # Where it is thin the sun is guessed behind it.
    mu = max(0.0, dx * glow.sun[0] + up * glow.sun[1] + dz * glow.sun[2])
    mu = mu * mu * mu * mu
    light *= 0.85 + 0.5 * mu + 1.6 * mu * mu * mu * mu * np.exp(-over / (2.0 * deck.sink))
    for c in range(3):
        value = deck.gloom * glow.through[c] * light + glow.under[c] * open_
        value += glow.direct[c] * grazing * (1.0 + bumps)
        out[c] = cover * clear * value + (1.0 - clear) * rain * glow.haze[c]
    out[3] = cover * clear + 1.0 - clear


@fast_jit
def roofed(ceiling: Ceiling, deck: Deck, glow: Glow, azimuths: F64, elevations: F64) -> F32:
    """(rows, columns, 4) premultiplied linear colour and cover of a deck, and of haze below the horizon.

    Every second ray of every second row is followed; those between are where they disagree.
    """
    rows, columns = elevations.size, azimuths.size
    result = np.zeros((rows, columns, 4), np.float32)
    sines, cosines = np.sin(azimuths), np.cos(azimuths)
    above = 0
    while above < rows and elevations[above] > 0.0:
        above += 2
    for odd in range(2):
        for row in range(odd, above, 2):
            up, level = np.sin(elevations[row]), np.cos(elevations[row])
            step = 2
            while step < 64 and step * level < 1.0 and columns % (step * 2) == 0:
                step *= 2
            last = min(row + 1, above - 2)
            for column in range(0, columns, step):
                right = (column + step) % columns
                if odd == 1 and alike(
                    result[row - 1, column], result[row - 1, right], result[last, column],
                    result[last, right], 0.06,
                ):  # fmt: skip
                    for c in range(4):
                        result[row, column, c] = 0.5 * (result[row - 1, column, c] + result[last, column, c])
                    continue
                dx, dz = level * sines[column], level * cosines[column]
                _ray(ceiling, deck, glow, dx, up, dz, result[row, column])
            spread(result[row], step, 1)
    shafts = np.ones(columns)
    for column in range(columns):
        if deck.shelf > 0.0:
            shafts[column] = _rain(ceiling, sines[column], 0.0, cosines[column])
    for row in range(above, rows):
        share = 1.0 - np.exp(np.tan(elevations[row]) / 0.12)
        for column in range(columns):
            for c in range(3):
                result[row, column, c] = shafts[column] * glow.haze[c] * (1.0 - 0.5 * share)
            result[row, column, 3] = 1.0
    return result
