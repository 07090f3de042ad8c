"""Dawn over mist: a low pale sun behind thin sheets of stratus, banks of mist along the horizon."""

import numpy as np
from numba import prange
from numpy.typing import NDArray

from app.jit import jit
from skyboxes import ceiling, clouds, grade
from skyboxes.atmosphere import enlarge
from skyboxes.jit import parallel_jit
from skyboxes.noise import Volume, billow_volume, sample, softened
from skyboxes.view import ARC, Picture, View, bearing_to

HORIZON = 0.58
EXPOSURE = 0.46
SUN = (0.55, 0.475)
"""The sun's place, fractions of the picture."""
STRATUS = ceiling.Ceiling(
    base=1500.0,
    relief=45.0,
    thickness=72.0,
    swell=3.2,
    cell=1250.0,
    stretch=4.5,
    erosion=60.0,
    billow=620.0,
    extinction=0.020,
    sink=110.0,
    reach=34e3,
    seed=34,
)
BANKS = (
    # mean height of a bank's crest (tangent), its roughness, how opaque it is, tiles, seed: far to near
    (0.018, 0.022, 0.45, 1, 0.05),
    (-0.012, 0.026, 0.55, 1, 0.31),
    (-0.055, 0.034, 0.65, 1, 0.64),
    (-0.120, 0.045, 0.70, 1, 0.90),
)


@jit
def _around(noise: Volume, azimuth: float, tiles: int, y: float, z: float) -> float:
    """Noise that closes over the picture's width, of three sizes, about -0.5 to 0.5."""
    u = azimuth / ARC * tiles
    value = sample(noise, u, y, z) - 0.5
    value += 0.7 * (sample(noise, 3.0 * u, 2.3 * y + 0.3, z + 0.4) - 0.5)
    return value + 0.4 * (sample(noise, 7.0 * u, 4.9 * y + 0.7, z + 0.8) - 0.5)


@parallel_jit
def _bank(
    azimuths: NDArray[np.float64],
    slopes: NDArray[np.float64],
    noise: Volume,
    crest: float,
    rough: float,
    tiles: int,
    place: float,
) -> Volume:
    """(H, W) share of a bank of mist: 0 above its crest, 1 below."""
    bank = np.zeros((slopes.size, azimuths.size), np.float32)
    for row in prange(slopes.size):
        for column in range(azimuths.size):
            wave = _around(noise, azimuths[column], tiles, 0.9 + 1.5 * slopes[row], place)
            under = (crest + rough * 1.6 * wave - slopes[row]) / rough
            bank[row, column] = 1.0 / (1.0 + np.exp(-5.0 * under))
    return bank


def _gradient(slopes: NDArray[np.float64], stops: list[tuple[float, tuple[float, float, float]]]) -> Picture:
    """(H, 1, 3) colours drawn smoothly between stops (tangent of the elevation, colour)."""
    places = [place for place, _ in stops]
    colours = np.asarray([colour for _, colour in stops])
    channels = [np.interp(np.arctan(slopes), np.arctan(places), colours[:, c]) for c in range(3)]
    return np.stack(channels, axis=-1)[:, None, :].astype(np.float32)


def _fold(view: View, azimuth: float) -> NDArray[np.float64]:
    """How far each column's azimuth is turned to that of the sun, without a jump at the edges."""
    bearings = bearing_to(view.azimuths(), azimuth)
    return np.asarray(-ARC / (2.0 * np.pi) * np.sin(2.0 * np.pi * bearings / ARC))


def render(width: int, height: int) -> Picture:
    """Display values (H, W, 3) in [0, 1]."""
    view = View(width, height, HORIZON)
    azimuths, slopes = view.azimuths(), view.slopes()
    azimuth, elevation = view.direction(*SUN)
    bearings = bearing_to(azimuths, azimuth)
    fold = ARC / np.pi * np.sin(np.pi * bearings / ARC)
    angle = np.hypot(fold[None, :], (np.arctan(slopes) - elevation)[:, None])[..., None]

    away = _gradient(slopes, [
        (-0.60, (0.10, 0.10, 0.15)), (-0.20, (0.25, 0.22, 0.27)), (-0.05, (0.48, 0.36, 0.37)),
        (0.00, (0.80, 0.52, 0.49)), (0.06, (0.92, 0.56, 0.49)), (0.13, (0.74, 0.50, 0.51)),
        (0.22, (0.47, 0.45, 0.52)), (0.34, (0.32, 0.39, 0.53)), (0.50, (0.22, 0.31, 0.49)),
        (0.80, (0.14, 0.22, 0.40)),
    ])  # fmt: skip
    gold = np.array([1.0, 0.66, 0.34])
    glow = 0.62 * np.exp(-angle / np.radians(19.0)) + 1.7 * np.exp(-angle / np.radians(4.0))
    scene = away * (0.72 + 0.28 * np.exp(-angle / np.radians(40.0))) + glow * gold

    coarse = View(width // 2, height // 2, HORIZON)
    noise = billow_volume(128, 4, 3, 0.5, 9)
    soft = softened(noise, 1.5)
    sheet = 1.0 - np.exp(-0.7 * clouds.sheet(view, 6500.0, 5600.0, 52))
    lit = np.array([0.80, 0.56, 0.54]) * (0.85 + 0.9 * np.exp(-angle / np.radians(18.0)))
    scene = scene * (1.0 - 0.6 * sheet) + 0.6 * sheet * lit

    disc = np.clip((np.radians(0.75) - angle) / np.radians(0.35) + 0.5, 0.0, 1.0) ** 1.5
    disc = disc + 0.5 * np.exp(-angle / np.radians(1.1))
    scene = scene + disc * np.array([9.0, 6.9, 4.2])

    marched = enlarge(ceiling.march(coarse, STRATUS, noise, _fold(coarse, azimuth), 0.6), view)
    daylight, through, far = (marched[..., k : k + 1] for k in range(3))
    rim = np.exp(-angle / np.radians(13.0))
    warm = np.array([1.0, 0.61, 0.46]) * (0.52 + 2.2 * rim)
    stratus = (1.0 - through) * np.array([0.20, 0.19, 0.30]) + daylight * warm * 0.80
    clear = np.exp(-((far / 15e3) ** 1.3))
    scene = scene * (1.0 - clear * (1.0 - through)) + stratus * clear

    for crest, rough, opaque, tiles, place in BANKS:
        bank = opaque * _bank(azimuths, slopes, soft, crest, rough, tiles, place)[..., None]
        near = np.clip(0.02 - crest, 0.0, 0.2) / 0.2
        mist = np.array([0.78, 0.54, 0.52]) * (1.0 - 0.55 * near) + np.array([0.0, 0.01, 0.04]) * near
        mist = mist + 0.75 * (1.0 - 0.7 * near) * np.exp(-angle / np.radians(13.0)) * gold
        scene = scene * (1.0 - bank) + bank * mist
    return grade.saturate(grade.film(scene.astype(np.float32), EXPOSURE), 1.30)
