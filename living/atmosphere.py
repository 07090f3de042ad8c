"""Light of the cloudless sky from noon to deep twilight: scattered once along the ray, many times by a table.

Single scattering as in Nishita et al., "Display of the Earth Taking into Account Atmospheric Scattering"
(1993). The later orders are isotropic and are kept by height and by the sun's height there, as Hillaire, "A
Scalable and Production Ready Sky and Atmosphere Rendering Technique" (2020), section 5.5, but each order is
integrated from the one before (Bruneton and Neyret, "Precomputed Atmospheric Scattering", 2008, algorithm
4.1), so that light reaches the earth's shadow from the lit air beside it. Eight wavelengths: with three, the
red of a low sun and ozone's blue after sunset come out wrong. Lengths in km; light is relative to the sun's
above the air, which has irradiance (1, 1, 1) in linear sRGB.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from app.frame import F32, F64
from app.jit import jit
from skyboxes.atmosphere import GROUND, MIE, OZONE, RAYLEIGH, TOP, henyey_greenstein

WAVELENGTHS = np.arange(420.0, 666.0, 35.0)
"""Middles of the eight bands, nm."""
BANDS = 8
LOWEST_DEG = -18.0
"""Sun's elevation at which the night has no twilight left."""
EYE_KM = 0.1
SUN_RADIUS = np.radians(0.2665)
GROUND_ALBEDO = 0.18

_OZONE_SHAPE = np.array([0.0011, 0.0190, 0.0600, 0.1330, 0.2350, 0.3080, 0.2000, 0.0850]) / 0.2140
"""Chappuis band of ozone over the bands, relative to 550 nm: Serdyuchenko et al. (2014), 233 K, rounded."""
_AIR_BETA = RAYLEIGH[1] * (550.0 / WAVELENGTHS) ** 4
_OZONE_BETA = OZONE[1] * _OZONE_SHAPE
_DUST_BETA = MIE * (550.0 / WAVELENGTHS) ** 0.9
"""Angstrom's exponent 0.9: continental haze."""
_DUST_ALBEDO = 0.93

HEIGHTS, SUNS = 20, 44
"""Nodes of the table of multiple scattering."""
_COLUMN_HEIGHTS, _COLUMN_ANGLES = 48, 128
_SUN_BEND = 0.1
"""Sines of the sun's height below this are resolved finely."""
_LOWEST_SINE = -0.36
_STEP_DEG = 0.5
"""Domes are computed for suns this far apart, and mixed in between."""
_ROWS, _COLUMNS = 48, 33

NIGHT_GLOW = np.array([1.5e-9, 1.9e-9, 2.6e-9])
"""Airglow and faint starlight at the zenith: about 21.6 mag a square arc second (Leinert et al. 1998)."""


@dataclass(frozen=True, slots=True)
class Air:
    """What the sunlight passes through."""

    aerosol: float = 1.2
    """Amount of haze: 0.5 after rain, 1 very clear, 5 hazy."""
    ozone: float = 1.0
    """1: about 300 Dobson units."""


DEFAULT_AIR = Air()


class Tables(NamedTuple):
    """columns: air, haze and ozone up to space; many: light scattered more than once; all float32."""

    columns: F32
    many: F32


@lru_cache(maxsize=1)
def _to_rgb() -> F64:
    """(8, 3): linear sRGB of light in the bands given relative to the sun's spectrum; rows sum to white.

    Colour matching functions by Wyman, Sloan and Shirley, "Simple Analytic Approximations to the CIE XYZ
    Color Matching Functions" (2013), eq. 4; the sun by Planck's law at 5778 K.
    """

    def lobe(nm: F64, middle: float, below: float, above: float) -> F64:
        return np.asarray(np.exp(-0.5 * ((nm - middle) * np.where(nm < middle, below, above)) ** 2))

    nm = np.arange(380.0, 721.0)
    x = 0.362 * lobe(nm, 442.0, 0.0624, 0.0374) + 1.056 * lobe(nm, 599.8, 0.0264, 0.0323)
    x -= 0.065 * lobe(nm, 501.1, 0.0490, 0.0382)
    y = 0.821 * lobe(nm, 568.8, 0.0213, 0.0247) + 0.286 * lobe(nm, 530.9, 0.0613, 0.0322)
    z = 1.217 * lobe(nm, 437.0, 0.0845, 0.0278) + 0.681 * lobe(nm, 459.0, 0.0385, 0.0725)
    sun = nm**-5.0 / np.expm1(1.4388e7 / (nm * 5778.0))
    matrix = np.array(
        [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
    )  # IEC 61966-2-1
    rgb = np.stack([x, y, z], axis=1) @ matrix.T * sun[:, None]
    band = np.clip(np.rint((nm - WAVELENGTHS[0]) / 35.0), 0, BANDS - 1).astype(int)
    weights = np.zeros((BANDS, 3))
    np.add.at(weights, band, rgb)
    return np.asarray(weights / weights.sum(axis=0))


@jit
def dust_phase(cosine: float) -> float:
    """Phase function of haze, per steradian: an aureole, a broad forward lobe, a weak backward one."""
    return (
        0.22 * henyey_greenstein(cosine, 0.93)
        + 0.68 * henyey_greenstein(cosine, 0.68)
        + 0.10 * henyey_greenstein(cosine, -0.25)
    )


@jit
def _densities(altitude: float) -> tuple[float, float, float]:
    """Relative density of air, haze and ozone at an altitude in km, the haze with a little of it very high.

    Dust in the stratosphere, 15 to 25 km up, is what the sun reddened by the lower air shines on after it
    has set: Lee and Hernandez-Andres, "Measuring and modeling twilight's purple light" (2003).
    """
    high = max(0.0, 1.0 - abs(altitude - 20.0) / 6.0)
    return (
        np.exp(-altitude / 8.0),
        np.exp(-altitude / 1.2) + 2.2e-4 * high,
        max(0.0, 1.0 - abs(altitude - 25.0) / 15.0),
    )


@jit
def _exit(radius: float, cosine: float) -> float:
    """Distance from a radius to the top of the air along a ray of that zenith cosine."""
    return float(-radius * cosine + np.sqrt(max(0.0, radius * radius * (cosine * cosine - 1.0) + TOP * TOP)))


@jit
def _horizon(radius: float) -> float:
    """Zenith cosine of the ground's edge seen from a radius."""
    return float(-np.sqrt(max(0.0, 1.0 - (GROUND / radius) ** 2)))


@jit
def _column_table() -> F32:
    """(heights, angles, 3) air, haze and ozone up to space, in km of their density 1.

    Rows: square root of height; columns: square root of the cosine above the ground's edge.
    """
    table = np.zeros((_COLUMN_HEIGHTS, _COLUMN_ANGLES, 3), np.float32)
    steps = 64
    for i in range(_COLUMN_HEIGHTS):
        radius = GROUND + (TOP - GROUND) * (i / (_COLUMN_HEIGHTS - 1)) ** 2
        low = _horizon(radius)
        for j in range(_COLUMN_ANGLES):
            cosine = low + (1.0 - low) * (j / (_COLUMN_ANGLES - 1)) ** 2
            length = _exit(radius, cosine)
            for k in range(steps):
                t0, t1 = (k / steps) ** 2 * length, ((k + 1) / steps) ** 2 * length
                t = 0.5 * (t0 + t1)
                r = np.sqrt(radius * radius + t * t + 2.0 * radius * t * cosine)
                air, dust, ozone = _densities(max(0.0, r - GROUND))
                table[i, j, 0] += air * (t1 - t0)
                table[i, j, 1] += dust * (t1 - t0)
                table[i, j, 2] += ozone * (t1 - t0)
    return table


@jit
def _column(table: F32, radius: float, cosine: float) -> tuple[float, float, float, float]:
    """Air, haze and ozone from a radius to the sun at a zenith cosine, and the share of its disc in sight."""
    low = _horizon(radius)
    # The disc sinks behind the ground's edge by its radius on either side.
    edge = (cosine - low) / (2.0 * SUN_RADIUS) + 0.5
    if edge <= 0.0:
        return 0.0, 0.0, 0.0, 0.0
    seen = min(1.0, edge)
    seen = seen * seen * (3.0 - 2.0 * seen)
    y = np.sqrt(min(1.0, max(0.0, (radius - GROUND) / (TOP - GROUND)))) * (_COLUMN_HEIGHTS - 1)
    x = np.sqrt(min(1.0, max(0.0, (cosine - low) / (1.0 - low)))) * (_COLUMN_ANGLES - 1)
    i, j = min(int(y), _COLUMN_HEIGHTS - 2), min(int(x), _COLUMN_ANGLES - 2)
    v, u = y - i, x - j
    a, b, c, d = (1.0 - v) * (1.0 - u), (1.0 - v) * u, v * (1.0 - u), v * u
    p, q, r, s = table[i, j], table[i, j + 1], table[i + 1, j], table[i + 1, j + 1]
    return (
        a * p[0] + b * q[0] + c * r[0] + d * s[0],
        a * p[1] + b * q[1] + c * r[1] + d * s[1],
        a * p[2] + b * q[2] + c * r[2] + d * s[2],
        seen,
    )


@jit
def _place(radius: float, sine: float) -> tuple[int, int, float, float]:
    """Node and fractions of a height and a sun's sine in the table of multiple scattering."""
    y = np.sqrt(min(1.0, max(0.0, (radius - GROUND) / (TOP - GROUND)))) * (HEIGHTS - 1)
    low = np.arcsinh(_LOWEST_SINE / _SUN_BEND)
    span = np.arcsinh(1.0 / _SUN_BEND) - low
    x = max(0.0, (np.arcsinh(sine / _SUN_BEND) - low) / span) * (SUNS - 1)
    i, j = min(int(y), HEIGHTS - 2), min(int(x), SUNS - 2)
    return i, j, y - i, min(1.0, x - j)


@jit
def _next_order(
    columns: F32, before: F32, first: bool, air_beta: F64, dust_beta: F64, ozone_beta: F64, nodes: F64
) -> F32:
    """Mean light over all directions at every node, once more scattered than `before`, or once.

    `nodes` (n, 2) are places and weights of Gauss's rule on [0, 1].
    """
    result = np.zeros((HEIGHTS, SUNS, BANDS), np.float32)
    steps, turns = 14, 6
    low = np.arcsinh(_LOWEST_SINE / _SUN_BEND)
    span = np.arcsinh(1.0 / _SUN_BEND) - low
    light, clear = np.empty(BANDS), np.empty(BANDS)
    for i in range(HEIGHTS):
        radius = GROUND + (TOP - GROUND) * (i / (HEIGHTS - 1)) ** 2
        radius = min(max(radius, GROUND + 0.01), TOP - 0.01)
        edge = _horizon(radius)
        for j in range(SUNS):
            sun_up = _SUN_BEND * np.sinh(low + span * j / (SUNS - 1))
            sun_level = np.sqrt(max(0.0, 1.0 - sun_up * sun_up))
            for part in range(2):
                for n in range(nodes.shape[0]):
                    # Near the ground's edge rays are long and differ most.
                    near = nodes[n, 0] ** 2
                    weight = nodes[n, 1] * 2.0 * nodes[n, 0]
                    if part == 0:
                        cosine, weight = edge + (1.0 - edge) * near, weight * (1.0 - edge)
                        length = _exit(radius, cosine)
                    else:
                        cosine, weight = edge - (1.0 + edge) * near, weight * (1.0 + edge)
                        reach = radius * radius * (cosine * cosine - 1.0) + GROUND * GROUND
                        length = -radius * cosine - np.sqrt(max(0.0, reach))
                    level = np.sqrt(max(0.0, 1.0 - cosine * cosine))
                    for turn in range(turns):
                        bearing = np.pi * (turn + 0.5) / turns
                        towards = cosine * sun_up + level * sun_level * np.cos(bearing)
                        phase_air = 3.0 / (16.0 * np.pi) * (1.0 + towards * towards)
                        phase_dust = dust_phase(towards)
                        light[:] = 0.0
                        clear[:] = 1.0
                        for k in range(steps):
                            t0, t1 = (k / steps) ** 2 * length, ((k + 1) / steps) ** 2 * length
                            t, dt = 0.5 * (t0 + t1), t1 - t0
                            r = np.sqrt(radius * radius + t * t + 2.0 * radius * t * cosine)
                            air, dust, ozone = _densities(max(0.0, r - GROUND))
                            sine = (radius * sun_up + t * towards) / r
                            if first:
                                c_air, c_dust, c_ozone, seen = _column(columns, r, sine)
                            else:
                                a, b, v, u = _place(r, sine)
                            for c in range(BANDS):
                                depth = air_beta[c] * air + ozone_beta[c] * ozone + dust_beta[c] * dust
                                gone = np.exp(-depth * dt)
                                share = clear[c] * (1.0 - gone) / depth if depth > 1e-9 else clear[c] * dt
                                if first:
                                    sun = seen * np.exp(
                                        -air_beta[c] * c_air - dust_beta[c] * c_dust - ozone_beta[c] * c_ozone
                                    )
                                    scattered = air_beta[c] * air * phase_air
                                    scattered += _DUST_ALBEDO * dust_beta[c] * dust * phase_dust
                                else:
                                    sun = (1.0 - v) * (
                                        (1.0 - u) * before[a, b, c] + u * before[a, b + 1, c]
                                    ) + v * ((1.0 - u) * before[a + 1, b, c] + u * before[a + 1, b + 1, c])
                                    scattered = air_beta[c] * air + _DUST_ALBEDO * dust_beta[c] * dust
                                light[c] += share * scattered * sun
                                clear[c] *= gone
                        if part == 1:
                            sine = (radius * sun_up + length * towards) / GROUND
                            if first:
                                c_air, c_dust, c_ozone, seen = _column(columns, GROUND, sine)
                                seen *= max(0.0, sine) / np.pi
                            else:
                                a, b, v, u = _place(GROUND, sine)
                            for c in range(BANDS):
                                if first:
                                    sun = seen * np.exp(
                                        -air_beta[c] * c_air - dust_beta[c] * c_dust - ozone_beta[c] * c_ozone
                                    )
                                else:
                                    # The sky's half of the sphere lights the ground about as its mean would.
                                    sun = (1.0 - u) * before[0, b, c] + u * before[0, b + 1, c]
                                light[c] += clear[c] * GROUND_ALBEDO * sun
                        for c in range(BANDS):
                            # Over the sphere: dcos dbearing, the other half of the turn alike, by 4 pi.
                            result[i, j, c] += light[c] * weight * 0.5 / turns
    return result


def _betas(air: Air) -> tuple[F64, F64, F64]:
    return _AIR_BETA, _DUST_BETA * air.aerosol, _OZONE_BETA * air.ozone


@lru_cache(maxsize=1)
def _columns() -> F32:
    """`_column_table`, once."""
    return _column_table()


@lru_cache(maxsize=4)
def tables(air: Air) -> Tables:
    """What `dome` needs of an air; about half a second of computing, once."""
    columns = _columns()
    places, weights = np.polynomial.legendre.leggauss(6)
    nodes = np.column_stack([0.5 * (places + 1.0), 0.5 * weights])
    betas = _betas(air)
    nothing = np.zeros((1, 1, 1), np.float32)
    second = _next_order(columns, nothing, True, *betas, nodes)
    third = _next_order(columns, second, False, *betas, nodes)
    # Each further order is weaker than the last by about the same share.
    share = np.clip(third / np.maximum(second, 1e-20), 0.0, 0.85)
    many = second + third / (1.0 - share)
    return Tables(columns, np.asarray(many, np.float32))


@jit
def _view(
    columns: F32,
    many: F32,
    elevations: F64,
    bearings: F64,
    sun_elevation: float,
    air_beta: F64,
    dust_beta: F64,
    ozone_beta: F64,
) -> F32:
    """(rows, columns, 2, 8): light of the bands, and what haze scatters once but for its phase function."""
    steps = 40
    result = np.zeros((elevations.size, bearings.size, 2, BANDS), np.float32)
    start = GROUND + EYE_KM
    sun_up, sun_level = np.sin(sun_elevation), np.cos(sun_elevation)
    clear = np.empty(BANDS)
    for row in range(elevations.size):
        up, level = np.sin(elevations[row]), np.cos(elevations[row])
        length = _exit(start, up)
        for column in range(bearings.size):
            towards = up * sun_up + level * sun_level * np.cos(bearings[column])
            phase_air = 3.0 / (16.0 * np.pi) * (1.0 + towards * towards)
            clear[:] = 1.0
            for k in range(steps):
                t0, t1 = (k / steps) ** 2 * length, ((k + 1) / steps) ** 2 * length
                t, dt = 0.5 * (t0 + t1), t1 - t0
                r = np.sqrt(start * start + t * t + 2.0 * start * t * up)
                air, dust, ozone = _densities(max(0.0, r - GROUND))
                sine = (start * sun_up + t * towards) / r
                c_air, c_dust, c_ozone, seen = _column(columns, r, sine)
                a, b, v, u = _place(r, sine)
                for c in range(BANDS):
                    depth = air_beta[c] * air + ozone_beta[c] * ozone + dust_beta[c] * dust
                    gone = np.exp(-depth * dt)
                    share = clear[c] * (1.0 - gone) / depth if depth > 1e-9 else clear[c] * dt
                    later = (1.0 - v) * ((1.0 - u) * many[a, b, c] + u * many[a, b + 1, c])
                    later += v * ((1.0 - u) * many[a + 1, b, c] + u * many[a + 1, b + 1, c])
                    of_air, of_dust = air_beta[c] * air, _DUST_ALBEDO * dust_beta[c] * dust
                    sun = 0.0
                    if seen > 0.0:
                        sun = seen * np.exp(
                            -air_beta[c] * c_air - dust_beta[c] * c_dust - ozone_beta[c] * c_ozone
                        )
                    result[row, column, 0, c] += share * (
                        of_air * phase_air * sun + (of_air + of_dust) * later
                    )
                    result[row, column, 1, c] += share * of_dust * sun
                    clear[c] *= gone
    return result


@lru_cache(maxsize=64)
def dome(step: int, air: Air) -> F32:
    """(48, 33, 2, 3) float32: the sky for the sun at `step` half degrees; read-only.

    Rows: elevation pi/2 (i/47)^2; columns: bearing from the sun, 0 to pi. First the light but for haze that
    scatters once, then that without its phase function; linear sRGB.
    """
    elevations = np.maximum(0.5 * np.pi * np.linspace(0.0, 1.0, _ROWS) ** 2, 1e-4)
    bearings = np.linspace(0.0, np.pi, _COLUMNS)
    bands = _view(*tables(air), elevations, bearings, np.radians(step * _STEP_DEG), *_betas(air))
    result = np.maximum(bands @ _to_rgb(), 1e-13).astype(np.float32)
    result.setflags(write=False)
    return result


@lru_cache(maxsize=8)
def mixed_dome(sun_elevation_deg: float, air: Air) -> F32:
    """As `dome`, for any elevation of the sun in degrees: between two domes, evenly in the logarithm."""
    place = max(sun_elevation_deg, LOWEST_DEG) / _STEP_DEG
    low = int(np.floor(place))
    share = np.float32(place - low)
    if share == 0.0:
        return dome(low, air)
    return np.asarray(dome(low, air) ** (1.0 - share) * dome(low + 1, air) ** share, np.float32)


@jit
def look(table: F32, elevation: float, bearing: float, sun_up: float, sun_level: float, out: F64) -> None:
    """Colour of a dome in a direction, into `out` (3,), with the airglow; below the horizon: its own.

    sun_up, sun_level: sine and cosine of the sun's elevation.
    """
    elevation = max(elevation, 0.0)
    cosine = np.sin(elevation) * sun_up + np.cos(elevation) * sun_level * np.cos(bearing)
    bearing = abs(bearing) % (2.0 * np.pi)
    bearing = min(bearing, 2.0 * np.pi - bearing)
    y = np.sqrt(elevation / (0.5 * np.pi)) * (_ROWS - 1)
    x = bearing / np.pi * (_COLUMNS - 1)
    i, j = min(int(y), _ROWS - 2), min(int(x), _COLUMNS - 2)
    v, u = y - i, x - j
    phase = dust_phase(cosine)
    # Airglow comes from a shell at 90 km: van Rhijn's function.
    rhijn = 1.0 / np.sqrt(1.0 - (GROUND / (GROUND + 90.0) * np.cos(elevation)) ** 2)
    for c in range(3):
        a = table[i, j, 0, c] + phase * table[i, j, 1, c]
        b = table[i, j + 1, 0, c] + phase * table[i, j + 1, 1, c]
        d = table[i + 1, j, 0, c] + phase * table[i + 1, j, 1, c]
        e = table[i + 1, j + 1, 0, c] + phase * table[i + 1, j + 1, 1, c]
        out[c] = (1.0 - v) * ((1.0 - u) * a + u * b) + v * ((1.0 - u) * d + u * e) + NIGHT_GLOW[c] * rhijn


@jit
def _colours(table: F32, elevations: F64, bearings: F64, sun_elevation: float) -> F64:
    sun_up, sun_level = np.sin(sun_elevation), np.cos(sun_elevation)
    result = np.empty((elevations.size, 3))
    for i in range(elevations.size):
        look(table, elevations[i], bearings[i], sun_up, sun_level, result[i])
    return result


def sky_colour(
    sun_elevation_deg: float, elevations_rad: F64, bearing_from_sun: F64, air: Air = DEFAULT_AIR
) -> F64:
    """Linear sRGB (..., 3) of the cloudless sky, without the sun's disc; directions broadcast.

    elevations_rad: above the horizon (below it: the horizon's colour); bearing_from_sun: radians, either way.
    White light as strong as the sun's above the air gives a white surface that faces it 1 / pi.
    """
    elevations, bearings = np.broadcast_arrays(
        np.asarray(elevations_rad, np.float64), np.asarray(bearing_from_sun, np.float64)
    )
    table = mixed_dome(sun_elevation_deg, air)
    flat = _colours(table, elevations.ravel(), bearings.ravel(), float(np.radians(sun_elevation_deg)))
    return flat.reshape(*elevations.shape, 3)


def sun_colour(sun_elevation_deg: float, air: Air = DEFAULT_AIR) -> F64:
    """Linear sRGB (3,) of the sunlight that reaches the ground, on a surface that faces the sun; 1 = all.

    It goes to zero while the disc sinks below the horizon.
    """
    sine = float(np.sin(np.radians(sun_elevation_deg)))
    return sun_at(EYE_KM, sine, air)


def sun_at(height_km: float, sine: float, air: Air = DEFAULT_AIR) -> F64:
    """As `sun_colour`, at a height: what lights clouds up there, a while longer than the ground."""
    c_air, c_dust, c_ozone, seen = _column(_columns(), GROUND + height_km, sine)
    air_beta, dust_beta, ozone_beta = _betas(air)
    bands = seen * np.exp(-air_beta * c_air - dust_beta * c_dust - ozone_beta * c_ozone)
    return np.asarray(np.maximum(bands @ _to_rgb(), 0.0))


def ambient(sun_elevation_deg: float, air: Air = DEFAULT_AIR) -> F64:
    """Linear sRGB (3,) of the sky as a level surface sees it: its mean light, weighed by the cosine.

    A white surface lying open under the cloudless sky sends back this, and `sun_colour` x sine / pi besides.
    """
    heights = (np.arange(24) + 0.5) / 24
    elevations = np.arcsin(np.sqrt(heights))[:, None]
    bearings = (np.arange(24)[None] + 0.5) / 24 * np.pi
    return np.asarray(sky_colour(sun_elevation_deg, elevations, bearings, air).mean(axis=(0, 1)))
