"""Clear-sky colour by single scattering of sunlight in air, aerosol and ozone.

Nishita et al., "Display of the Earth Taking into Account Atmospheric Scattering" (1993), with the
coefficients of Bruneton and Neyret (2008) and Hillaire (2020). A small isotropic share stands in for multiple
scattering. Lengths in km, radiance relative to a white sun of irradiance 1.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numba import prange
from numpy.typing import NDArray

from app.jit import jit
from skyboxes.jit import parallel_jit
from skyboxes.view import Picture, View

COLUMNS = 240
"""Computed samples across the picture."""
GROUND = 6360.0
TOP = 6440.0
RAYLEIGH = np.array([5.802e-3, 13.558e-3, 33.1e-3])
"""Scattering of air at sea level, per km, at 680, 550 and 440 nm."""
OZONE = np.array([0.650e-3, 1.881e-3, 0.085e-3])
"""Absorption of ozone at the height of its layer, per km."""
MIE = 3.996e-3
"""Scattering of a little aerosol at sea level, per km."""


@dataclass(frozen=True, slots=True)
class Air:
    """What the sunlight passes through."""

    aerosol: float = 1.0
    """Amount of aerosol: 1 very clear, 5 hazy."""
    mie_g: float = 0.78
    """Henyey-Greenstein asymmetry of the aerosol."""
    spread: float = 0.25
    """Multiple scattering, as a share of light scattered equally to all sides."""


@jit
def henyey_greenstein(cosine: float, g: float) -> float:
    """Phase function of Henyey and Greenstein (1941), per steradian."""
    return float((1.0 - g * g) / (4.0 * np.pi * (1.0 + g * g - 2.0 * g * cosine) ** 1.5))


@jit
def _shell_exit(height: float, cosine: float) -> float:
    """Distance in km from radius `height` to the top of the air along a ray of that zenith cosine."""
    return float(-height * cosine + np.sqrt(max(0.0, height * height * (cosine * cosine - 1.0) + TOP * TOP)))


@jit
def _densities(altitude: float) -> tuple[float, float, float]:
    """Relative density of air, aerosol and ozone at an altitude in km."""
    return (
        np.exp(-altitude / 8.0),
        np.exp(-altitude / 1.2),
        max(0.0, 1.0 - abs(altitude - 25.0) / 15.0),
    )


@jit
def _columns_to_top(radius: float, cosine: float) -> tuple[float, float, float]:
    """Air, aerosol and ozone in km of sea-level density from a point up to space."""
    steps = 24
    length = _shell_exit(radius, cosine)
    air, aerosol, ozone = 0.0, 0.0, 0.0
    for i in range(steps):
        t0, t1 = (i / steps) ** 2 * length, ((i + 1) / steps) ** 2 * length
        t = 0.5 * (t0 + t1)
        r = np.sqrt(radius * radius + t * t + 2.0 * radius * t * cosine)
        a, m, o = _densities(max(0.0, r - GROUND))
        air, aerosol, ozone = air + a * (t1 - t0), aerosol + m * (t1 - t0), ozone + o * (t1 - t0)
    return air, aerosol, ozone


@parallel_jit
def radiance(
    elevations: NDArray[np.float64],
    bearings: NDArray[np.float64],
    sun_elevation: float,
    aerosol: float,
    mie_g: float,
    spread: float,
) -> Picture:
    """Radiance of the cloudless sky by elevation and bearing from the sun, in radians; no disc of the sun."""
    steps = 48
    result = np.zeros((elevations.size, bearings.size, 3), np.float32)
    for row in prange(elevations.size):
        elevation = max(elevations[row], 0.002)
        sine, cosine = np.sin(elevation), np.cos(elevation)
        start = GROUND + 0.1
        length = _shell_exit(start, sine)
        for column in range(bearings.size):
            mu = sine * np.sin(sun_elevation) + cosine * np.cos(sun_elevation) * np.cos(bearings[column])
            phase_air = 3.0 / (16.0 * np.pi) * (1.0 + mu * mu)
            phase_mie = henyey_greenstein(mu, mie_g)
            even = spread / (4.0 * np.pi)
            air, dust, ozone = 0.0, 0.0, 0.0
            for i in range(steps):
                t0, t1 = (i / steps) ** 2 * length, ((i + 1) / steps) ** 2 * length
                t, dt = 0.5 * (t0 + t1), t1 - t0
                r = np.sqrt(start * start + t * t + 2.0 * start * t * sine)
                a, m, o = _densities(max(0.0, r - GROUND))
                air, dust, ozone = air + a * dt, dust + m * dt, ozone + o * dt
                # zenith angle of the sun seen from the sample, the earth being round
                up = (sine * t + start) / r
                along = cosine * t / r
                sun = up * np.sin(sun_elevation) + along * np.cos(sun_elevation) * np.cos(bearings[column])
                sun_air, sun_dust, sun_ozone = _columns_to_top(r, max(sun, 0.0))
                for c in range(3):
                    depth = RAYLEIGH[c] * (air + sun_air) + OZONE[c] * (ozone + sun_ozone)
                    depth += 1.1 * MIE * aerosol * (dust + sun_dust)
                    scattered = RAYLEIGH[c] * a * (phase_air + even) + MIE * aerosol * m * (phase_mie + even)
                    result[row, column, c] += np.exp(-depth) * scattered * dt
    return result


def sky(
    view: View, bearings: NDArray[np.float64], sun_elevation: float, air: Air, lift: float = 0.0
) -> Picture:
    """Radiance of the cloudless sky over the whole picture, without the sun's disc.

    `bearings` are those of the columns from the sun; angles in radians. `lift` draws the colours near the
    horizon upwards as `lowered` says. Below the horizon stands a haze that darkens downwards.
    """
    step = max(1, view.width // COLUMNS) if view.width % COLUMNS == 0 else 1
    rows = max(view.height // 8, 8)
    slopes = View(view.width, rows, view.horizon).slopes() * (view.height / rows)
    elevations = lowered(np.arctan(np.maximum(slopes, 0.0)), lift)
    middle = bearings.reshape(-1, step)[:, step // 2]
    low_sun = float(lowered(np.asarray([sun_elevation]), lift)[0])
    small = radiance(elevations, middle, low_sun, air.aerosol, air.mie_g, air.spread)
    below = 1.0 - np.exp(np.minimum(slopes, 0.0) / 0.12)[:, None, None]
    haze = 0.55 * small[-1].mean(axis=0) * (1.0 - 0.3 * below)
    return enlarge((small + below * (haze - small)).astype(np.float32), view)


def lowered(elevation: NDArray[np.float64], lift: float) -> NDArray[np.float64]:
    """Physical elevation for one in the picture: squeezed towards the horizon below about `lift` radians.

    A camera's frame shows little sky and its skyline hides the lowest part: this keeps a sunset's colours
    in sight.
    """
    return np.asarray(elevation * elevation / np.maximum(elevation + lift, 1e-6))


def enlarge(small: Picture, view: View) -> Picture:
    """A smooth picture of few samples enlarged to the view's size, joined over the left and right edges."""
    margin = 4
    step = view.width // small.shape[1]
    wrapped = np.concatenate([small[:, -margin:], small, small[:, :margin]], axis=1)
    size = (wrapped.shape[1] * step, view.height)
    large = cv2.resize(wrapped, size, interpolation=cv2.INTER_CUBIC)[:, margin * step : -margin * step]
    return np.maximum(large, 0.0).astype(np.float32)


def sun_colour(elevation: float, air: Air) -> NDArray[np.float64]:
    """Share of sunlight left at the ground (red, green, blue) with the sun at an elevation in radians."""
    a, m, o = _columns_to_top(GROUND + 0.1, np.sin(elevation))
    return np.asarray(np.exp(-(RAYLEIGH * a + OZONE * o + 1.1 * MIE * air.aerosol * m)))
