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
    haze: float
    """Distance at which haze has taken 63 % of the ceiling's light."""
    shelf: float
    """How far a shelf cloud hangs below the base; 0 = there is none."""


class Ceiling(NamedTuple):
    """A deck at one moment.

    hang, heave: (N, N) maps of the field, of the underside's lumps and of the top, about -1 to 1. noise: as of
    `noise_cube`. offset: (2,) where the eye stands in the field; rise: how far the noise has risen. along: (2,)
    unit vector, x and z, in which a shelf runs; ahead: its distance from the eye, to the left of that.
    """

    hang: F32
    heave: F32
    noise: U8
    offset: F64
    rise: float
    along: F64
    ahead: float


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
def _shelf(ceiling: Ceiling, deck: Deck, x: float, z: float, fx: float, fz: float) -> float:
    """How far below the base a shelf hangs at a place before the eye; fx, fz: the same in the field."""
    if deck.shelf <= 0.0:
        return 0.0
    scale = ceiling.hang.shape[0] / PERIOD_M
    a = 2.0 * np.pi * (fx * ceiling.along[0] + fz * ceiling.along[1]) / PERIOD_M
    bow = 900.0 * np.sin(a) + 420.0 * np.sin(3.0 * a + 1.0)
    bend = wrapped(ceiling.hang, 2.0 * fx * scale, 2.0 * fz * scale)
    # To the left of `along`: where the shelf stands.
    q = ceiling.along[0] * z - ceiling.along[1] * x - ceiling.ahead + bow + 260.0 * bend
    if q < -1900.0 or q > 9000.0:
        return 0.0
    # Down in tiers to the lip at q = 0, and up again behind it, more gently.
    if q < 0.0:
        u = 1.0 + q / 1900.0
        tier = 4.0 * u * u
        whole = np.floor(tier)
        part = tier - whole
        step = part * part * part * (part * (6.0 * part - 15.0) + 10.0)
        return deck.shelf * ((whole + step) / 4.0 * 0.75 + 0.25 * u * u)
    u = min(1.0, q / 3200.0)
    back = u * u * (3.0 - 2.0 * u)
    return deck.shelf * (1.0 - 0.75 * back) * (1.0 if q < 6000.0 else (9000.0 - q) / 3000.0)


@fast_jit
def _underside(ceiling: Ceiling, deck: Deck, x: float, z: float) -> float:
    """Height of the underside over a place before the eye."""
    scale = ceiling.hang.shape[0] / PERIOD_M
    fx, fz = x + ceiling.offset[0], z + ceiling.offset[1]
    lumps = wrapped(ceiling.hang, fx * scale, fz * scale)
    return deck.base - deck.relief * lumps - _shelf(ceiling, deck, x, z, fx, fz)


@fast_jit
def _ray(ceiling: Ceiling, deck: Deck, glow: Glow, dx: float, up: float, dz: float, out: F32) -> None:
    """Colour (premultiplied, linear) and cover of a deck along a ray, into `out` (4,)."""
    out[:] = 0.0
    low = deck.base - 1.1 * deck.relief - deck.shelf
    high = deck.base + 1.1 * deck.relief
    if up <= 0.0:
        return
    far = 4.0 * deck.haze
    t, end = low / up, min(high / up, far)
    if t >= far:
        out[0], out[1], out[2], out[3] = glow.haze[0], glow.haze[1], glow.haze[2], 1.0
        return
    # To the underside: steps that grow with the distance, then halves of the last one.
    before, found = t, False
    while t < end:
        if up * t > _underside(ceiling, deck, dx * t, dz * t):
            found = True
            break
        before = t
        t += max(60.0, 0.06 * t)
    t = min(t, end)
    if found:
        after = t
        for _ in range(4):
            t = 0.5 * (before + after)
            if up * t > _underside(ceiling, deck, dx * t, dz * t):
                after = t
            else:
                before = t
        t = 0.5 * (before + after)
    scale = ceiling.hang.shape[0] / PERIOD_M
    k = 1.0 / deck.billow
    x, z = dx * t, dz * t
    fx, fz, y = x + ceiling.offset[0], z + ceiling.offset[1], up * t
    u, v, w = fx * k, fz * k, (y - ceiling.rise) * k
    near = np.exp(-((t / 7e3) ** 2))
    bumps = noise_at(ceiling.noise, u, v, w) - 0.5
    bumps += 0.5 * (noise_at(ceiling.noise, 4.0 * u - 3.0 * v, 3.0 * u + 4.0 * v, 5.0 * w + 0.37) - 0.5)
    if near > 0.1:
        fine = noise_at(ceiling.noise, 12.0 * u - 5.0 * v, 5.0 * u + 12.0 * v, 13.0 * w + 0.71)
        bumps += 0.30 * near * (fine - 0.5)
    # The slope of the underside, seen over a little more than a pixel.
    wide = 60.0 + 0.008 * t
    here = _underside(ceiling, deck, x, z)
    slope_x = (_underside(ceiling, deck, x + wide, z) - here) / wide
    slope_z = (_underside(ceiling, deck, x, z + wide) - here) / wide
    # How much cloud stands over the place, here and on the way to the sun.
    hidden = _shelf(ceiling, deck, x, z, fx, fz)
    level = np.sqrt(glow.sun[0] ** 2 + glow.sun[2] ** 2) + 1e-6
    sx, sz = glow.sun[0] / level, glow.sun[2] / level
    over = 0.0
    for n in range(3):
        side = 220.0 * n
        top = wrapped(ceiling.heave, (fx + sx * side) * scale, (fz + sz * side) * scale)
        over += max(0.0, deck.thickness * (1.0 + deck.swell * top)) / 3.0
    over += 0.9 * hidden + deck.fray * (0.35 - 1.6 * bumps) + 0.5 * (deck.base - here)
    over = max(0.0, over)
    light = 0.30 * np.exp(-over / deck.sink) + 0.42 * np.exp(-over / (3.0 * deck.sink)) + 0.28
    # Lumps are brighter on the side that the brightest part of the sky shines on.
    facing = sx * slope_x + sz * slope_z
    light *= min(1.5, max(0.5, 1.0 + 0.35 * facing + 0.40 * bumps))
    # From below: what faces down and outwards sees the horizon and the ground; a sun as low as that shines on
    # what leans towards it.
    norm = 1.0 / np.sqrt(1.0 + slope_x * slope_x + slope_z * slope_z)
    open_ = (0.6 + 0.4 * norm) * (1.0 + 0.5 * bumps) * (1.0 - 0.35 * min(1.0, hidden / 800.0))
    grazing = max(0.0, norm * (slope_x * glow.sun[0] + slope_z * glow.sun[2] - glow.sun[1]))
    cover = 1.0 - np.exp(-over / 45.0) if deck.swell > 0.9 else 1.0
    clear = np.exp(-((t / deck.haze) ** 1.5))
    # Where it is thin the sun is guessed behind it.
    mu = max(0.0, dx * glow.sun[0] + up * glow.sun[1] + dz * glow.sun[2])
    mu = mu * mu * mu * mu
    light *= 0.85 + 0.5 * mu + 1.6 * mu * mu * mu * mu * np.exp(-over / (2.0 * deck.sink))
    for c in range(3):
        value = deck.gloom * glow.through[c] * light + glow.under[c] * open_
        value += glow.direct[c] * grazing * (1.0 + bumps)
        out[c] = cover * clear * value + (1.0 - clear) * glow.haze[c]
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
    for row in range(above, rows):
        share = 1.0 - np.exp(np.tan(elevations[row]) / 0.12)
        for column in range(columns):
            for c in range(3):
                result[row, column, c] = glow.haze[c] * (1.0 - 0.5 * share)
            result[row, column, 3] = 1.0
    return result
