"""A photo in the light of another hour: what a clear sky and its sun would be then, over what they were.

Ratios are those of linear light; the photo's levels are taken for its power 1/2.2, under which a ratio stays
one. A camera's exposure follows most of the change, or a night would be black: `EXPOSURE` of it.
"""

from functools import cache
from pathlib import Path

import numpy as np

from app.frame import F32, F64, U8
from living.atmosphere import ambient, sky_colour, sun_colour
from living.sun import day_path

KEPT = Path(__file__).with_name("daylight.npy")
"""Written by `python -m living.relight`, anew when the atmosphere has changed."""
GAMMA = 2.2
EXPOSURE = 0.82
"""The power of the light by which the exposure is reduced."""
METERED = 0.85
"""The share that the sky has in how bright a scene is taken to be."""
USUAL_DEG = 35.0
"""The sun's elevation in a photo whose colours do not tell."""
_MOST_GAIN, _LEAST_GAIN = 3.0, 0.02

_SUNS = (-18, -15, -12, -10, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 5, 7, 10, 14, 20, 28, 38, 50, 65, 90)
"""Elevations, in degrees, for which the light is computed; in between it is mixed."""
_HEIGHTS = 0.5 * np.pi * (np.arange(14) / 13) ** 2
_BEARINGS = np.radians([0.0, 20.0, 45.0, 80.0, 120.0, 160.0])
"""The sun may stand anywhere beside the photo: colours are means over these."""
_LUMA = np.array([0.2126, 0.7152, 0.0722])
_SUNK, _RISEN = -3.0, 1.0
_DARK_FROM, _DARK_AT = -6.0, -14.0
_MOONLIT = np.array([0.6, 1.0, 2.2])
_LOW_SUN = 0.25
"""Sine of the sun's height as things that stand upright see it, at least."""
_DUSK_DEG, _DARK = -8.0, 0.06
_DOUBT = 0.015
"""What of a colour may be left unexplained before a less usual sun is believed."""


def computed() -> F32:
    """The light of all hours, from the atmosphere: what `daylight.npy` holds, float32 (suns, 15, 3).

    Logarithms of the sky's colours at 14 elevations, then of the light on the land, for each of `_SUNS`.
    About two seconds of work, which is why it is kept.
    """
    lights = np.empty((len(_SUNS), len(_HEIGHTS) + 1, 3), np.float32)
    for node, sun in enumerate(_SUNS):
        # In the logarithm, or the glow around the sun would stand for all of the sky.
        lights[node, :-1] = np.log(sky_colour(sun, _HEIGHTS[:, None], _BEARINGS[None])).mean(axis=1)
        steep = max(np.sin(np.radians(sun)), _LOW_SUN)
        lights[node, -1] = np.log(ambient(sun) + sun_colour(sun) * steep / np.pi)
        # In the dark eyes see blue (Purkinje), and so do the pictures that are made for them.
        dark = min(max((_DARK_FROM - sun) / (_DARK_FROM - _DARK_AT), 0.0), 1.0)
        lights[node] += dark * np.log(_MOONLIT)
    return lights


@cache
def _lights() -> F64:
    return np.asarray(np.load(KEPT), np.float64)


def _light_at(sun_deg: float) -> tuple[F64, F64]:
    """Logarithms of the sky's colours, (14, 3), and of the land's light, (3,), for a sun at `sun_deg`."""
    place = float(np.interp(sun_deg, _SUNS, np.arange(len(_SUNS))))
    low = min(int(place), len(_SUNS) - 2)
    before, after = _lights()[low : low + 2]
    light = before + (place - low) * (after - before)
    return light[:-1], light[-1]


class Daylight:
    """The light of a day, relative to that in which a photo was taken."""

    def __init__(self, own_sun_deg: float) -> None:
        """own_sun_deg: the sun's elevation in the photo, degrees."""
        self._sky, self._land = _light_at(own_sun_deg)

    def sky_gains(self, sun_deg: float, elevations: F64) -> F32:
        """By what coded levels of the sky are multiplied: float32 (n, 3), at elevations in radians."""
        sky, land = _light_at(sun_deg)
        change = sky - self._sky
        change -= EXPOSURE * self._brighter(sky, land)
        rows = np.column_stack([np.interp(elevations, _HEIGHTS, change[:, c]) for c in range(3)])
        return _coded(rows)

    def land_gains(self, sun_deg: float) -> F32:
        """The same for what is no sky: float32 (3,)."""
        sky, land = _light_at(sun_deg)
        return _coded(land - self._land - EXPOSURE * self._brighter(sky, land))

    def _brighter(self, sky: F64, land: F64) -> float:
        """Logarithm of how much brighter the scene is than in the photo, measured mostly at its sky."""

        def level(logarithms: F64) -> float:
            return float(np.log(np.exp(logarithms) @ _LUMA).mean())

        of_sky, of_land = level(sky) - level(self._sky), level(land) - level(self._land)
        return METERED * of_sky + (1.0 - METERED) * of_land


def _coded(logarithms: F64) -> F32:
    return np.asarray(np.exp(logarithms / GAMMA).clip(_LEAST_GAIN, _MOST_GAIN), np.float32)


def sun_at(hour: float) -> float:
    """The sun's elevation in degrees at an hour of a plain day."""
    return day_path(hour)[0]


def shine_of(sun_deg: float) -> float:
    """How much of a photo's sun is left, in [0, 1], when the sun stands at an elevation in degrees."""
    return min(max((sun_deg - _SUNK) / (_RISEN - _SUNK), 0.0), 1.0)


def own_sun(sky: U8, elevations: F64) -> float:
    """The sun's elevation in degrees that a photo's colours speak for; RGB, uint8 (H, W, 3), sky throughout.

    elevations: of its rows, radians. Each row is explained as a mixture of clear sky and of white clouds in
    the light of the hour; what is left says how well. Photos by day look alike: those get `USUAL_DEG`.
    """
    rows = np.linspace(0, len(sky) - 1, 24).astype(int)
    linear = (sky[rows].astype(np.float64) / 255) ** GAMMA
    seen = linear.mean(axis=1)
    seen /= np.maximum(np.linalg.norm(seen, axis=1, keepdims=True), 1e-6)
    # A deep blue sky at noon has the colours of dusk, but not its light.
    dark = (linear @ _LUMA).mean() < _DARK
    best, least = USUAL_DEG, np.inf
    for node, sun in enumerate(_SUNS):
        if not (_DUSK_DEG if dark else 1.0) <= sun <= 38.0:
            continue
        sky_light, land_light = _lights()[node, :-1], _lights()[node, -1]
        clouds = np.exp(land_light)
        left = 0.0
        for row, colour in zip(rows, seen, strict=True):
            clear = np.exp([np.interp(elevations[row], _HEIGHTS, sky_light[:, c]) for c in range(3)])
            left += _unexplained(colour, clear / np.linalg.norm(clear), clouds / np.linalg.norm(clouds))
        left = left / len(rows) + _DOUBT * abs(np.arctan(sun / 8.0) - np.arctan(USUAL_DEG / 8.0))
        if left < least:
            best, least = float(sun), left
    return best


def _unexplained(colour: F64, first: F64, second: F64) -> float:
    """Length of what a mixture, of shares >= 0, of two colours leaves of a third; all have length 1."""
    shares = np.linalg.lstsq(np.column_stack([first, second]), colour, rcond=None)[0]
    if (shares >= 0).all():
        return float(np.linalg.norm(colour - shares[0] * first - shares[1] * second))
    return min(float(np.linalg.norm(colour - max(float(colour @ one), 0.0) * one)) for one in (first, second))


if __name__ == "__main__":
    np.save(KEPT, computed())
