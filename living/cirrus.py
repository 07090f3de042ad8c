"""Cirrus: a thin sheet of ice high up, in fibres along the wind, in patches, bent by slower winds.

Its fibres are noise with a spectrum drawn out along one axis, bent by a smooth displacement; light is
scattered once, mostly forwards. Lengths in metres; x right, z ahead.
"""

from typing import NamedTuple

import cv2
import numpy as np

from app.frame import F32, F64
from living.clouds import alike, spread
from living.jit import fast_jit
from living.weather import PERIOD_M, doubled, fractal_tile, wrapped
from skyboxes.atmosphere import henyey_greenstein

_TEXELS = 1024
HEIGHT = 8000.0
_HAZE = 75e3


class Sheet(NamedTuple):
    """A sheet at one moment.

    fibres, patches: (1024, 1024) maps of a field that repeats, mean 0, deviation 1. offset: (2,) where the
    eye stands in it, m; drift: (2,) how far its two layers of fibres have slid along each other, m. along:
    (2,) unit vector, x and z, of the fibres. cover: how strong a patch has to be; depth: optical depth.
    """

    fibres: F32
    patches: F32
    offset: F64
    drift: F64
    along: F64
    cover: float
    depth: float


def _stretched(seed: int, long: float, slope: float) -> F32:
    """(1024, 1024) noise, deviation 1, `long` times longer along its rows than across; it closes."""
    rng = np.random.default_rng(seed)
    white = np.fft.rfft2(rng.standard_normal((_TEXELS, _TEXELS)))
    down, across = np.fft.fftfreq(_TEXELS)[:, None], np.fft.rfftfreq(_TEXELS)[None]
    # Fibres are the straighter the finer: the spectrum falls off faster along them.
    away = np.sqrt(down**2 + (across * long) ** 2 + (5.0 / _TEXELS) ** 2)
    white *= away**-slope * np.exp(-((away / 0.42) ** 4))
    noise = np.fft.irfft2(white)
    return np.asarray((noise - noise.mean()) / noise.std(), np.float32)


def sheet_maps(seed: int) -> tuple[F32, F32]:
    """(fibres, patches) of `Sheet`; a quarter of a second."""
    straight = _stretched(seed + 1, 9.0, 1.55)
    bend = np.stack([fractal_tile(_TEXELS // 4, 5, 3, 0.5, 0.0, seed + k) for k in (10, 20)])
    shift = doubled(doubled(bend))
    j, i = np.mgrid[0:_TEXELS, 0:_TEXELS].astype(np.float32)
    x, y = i + 60.0 * shift[0], j + 52.0 * shift[1]
    fibres = cv2.remap(straight, x % _TEXELS, y % _TEXELS, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    patches = cv2.remap(
        _stretched(seed + 2, 1.8, 2.3),
        (x + 40 * shift[1]) % _TEXELS,
        y % _TEXELS,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )
    return np.asarray(fibres, np.float32), np.asarray(patches, np.float32)


@fast_jit
def _thickness(sheet: Sheet, x: float, z: float) -> float:
    """Optical depth of the sheet, seen from right below, over a place in the field."""
    along = x * sheet.along[0] + z * sheet.along[1]
    across = z * sheet.along[0] - x * sheet.along[1]
    scale = sheet.fibres.shape[0] / PERIOD_M
    a, b = along * scale, across * scale
    # Of patches twice the size two layers, so that together they hardly ever repeat.
    patch = 0.72 * wrapped(sheet.patches, 0.41 * a + sheet.drift[0] * scale, 0.41 * b)
    patch += 0.5 * wrapped(sheet.patches, 0.67 * b + 311.0, -0.67 * a - sheet.drift[1] * scale)
    veil = 1.0 / (1.0 + np.exp(-2.2 * (patch - sheet.cover)))
    if veil < 0.02:
        return 0.0
    first = wrapped(sheet.fibres, 0.62 * a + 97.0, 0.62 * b + sheet.drift[0] * scale)
    second = wrapped(sheet.fibres, 1.31 * a - sheet.drift[1] * scale, 1.31 * b + 200.0 + 20.0 * patch)
    fine = wrapped(sheet.fibres, 2.9 * a + 12.0 * first, 3.7 * b + 9.0 * second)
    fibre = 0.70 * first + 0.60 * second + 0.42 * fine + 0.75 * patch - 0.8 * sheet.cover - 0.25
    # Strands stand out of a faint veil.
    strand = max(0.0, fibre)
    return float(sheet.depth * veil * (0.06 + 0.50 * strand + 0.16 * strand * strand))


@fast_jit
def _ray(sheet: Sheet, sun: F64, colour: F64, sky: F64, dx: float, up: float, dz: float, out: F32) -> None:
    """Colour (premultiplied, linear) and cover of a sheet along a ray, into `out` (4,)."""
    out[:] = 0.0
    if up <= 0.004:
        return
    t = HEIGHT / up
    if t > 3.0 * _HAZE:
        return
    depth = _thickness(sheet, dx * t + sheet.offset[0], dz * t + sheet.offset[1])
    if depth <= 0.0:
        return
    # A sheet has folds, so that at a slant it does not thicken quite as a plane would.
    depth /= up**0.5
    mu = dx * sun[0] + up * sun[1] + dz * sun[2]
    phase = 0.55 * henyey_greenstein(mu, 0.75) + 0.35 * henyey_greenstein(mu, 0.15) + 0.10 / (4.0 * np.pi)
    cover = 1.0 - np.exp(-depth)
    # Deep strands scatter more than once, to all sides alike.
    many = 0.16 * (1.0 - np.exp(-0.7 * depth))
    clear = np.exp(-((t / _HAZE) ** 1.5))
    share = cover * clear
    for c in range(3):
        out[c] = share * (colour[c] * (2.1 * phase + many) + 0.55 * sky[c])
    out[3] = share * 0.92


@fast_jit
def veiled(sheet: Sheet, sun: F64, colour: F64, sky: F64, azimuths: F64, elevations: F64) -> F32:
    """(rows, columns, 4) premultiplied linear colour and cover of a sheet.

    sun: unit vector (3,) to it, right, up, ahead; colour: its light; sky: the mean light of the sky, linear.
    """
    rows, columns = elevations.size, azimuths.size
    result = np.zeros((rows, columns, 4), np.float32)
    sines, cosines = np.sin(azimuths), np.cos(azimuths)
    for odd in range(2):
        for row in range(odd, rows, 2):
            up, level = np.sin(elevations[row]), np.cos(elevations[row])
            step = 1
            while step < 64 and step * 2.0 * level < 1.0 and columns % (step * 2) == 0:
                step *= 2
            last = min(row + 1, rows - 2)
            for column in range(0, columns, step):
                right = (column + step) % columns
                if odd == 1 and alike(
                    result[row - 1, column], result[row - 1, right], result[last, column],
                    result[last, right], 0.03,
                ):  # fmt: skip
                    for c in range(4):
                        result[row, column, c] = 0.5 * (result[row - 1, column, c] + result[last, column, c])
                    continue
                dx, dz = level * sines[column], level * cosines[column]
                _ray(sheet, sun, colour, sky, dx, up, dz, result[row, column])
            spread(result[row], step, 1)
    return result
