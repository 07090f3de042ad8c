"""Night pictures to evaluate on, beside the few labelled ones: day pictures made night.

It is done in linear light, by a model of its own: what is trained on must not be what is measured, so
nothing here is shared with the augmentation, and nothing of it may be used there. The ground loses its
daylight and, where little light is left, its colours (Purkinje: rods see blue better than red); lamps light
it around themselves, windows are lit in what stands before the sky; the sky is dark, with a town's glow above
the horizon, clouds lit from below or stars; light blooms in the lens, and the sensor adds shot and read
noise, which weigh most in the shadows.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.cases import Case, labelled_cases
from training.data import Picture, Sample
from training.metrics import Array

MADE = "night (made)"

F32 = NDArray[np.float32]

_GAMMA = 2.2
_LEAST_SKY = 0.01
"""Share of a picture that must be sky for it to be made night."""

_MOST = 50
"""Pictures of a set that are made night, evenly spread."""

_ROUGH = 0.12
"""Mean of the absolute Laplacian of brightness in [0, 1] that leaves have and walls do not."""

_BY_DAY = ("day", "overcast", "snow")
_ROD_VISION = np.array([0.08, 0.42, 0.50], np.float32)
_ROD_TINT = np.array([0.72, 0.92, 1.25], np.float32)
_LAMPS = np.array([[1.0, 0.62, 0.25], [1.0, 0.80, 0.52], [0.95, 0.97, 1.0]], np.float32)
"""Sodium, warm white and cold white."""


def night_cases(samples: Iterable[Sample], root: Path) -> list[Case]:
    """Day pictures with sky among the samples, at most 50 of a set, each made night in a way of its own."""
    by_set: dict[str, list[Case]] = {}
    for case in labelled_cases(samples, root):
        if case.condition not in _BY_DAY:
            continue
        picture = case.load()
        if (picture.alpha[picture.valid > 0] > 127).mean() >= _LEAST_SKY:
            by_set.setdefault(case.dataset, []).append(case)
    return [_night_case(case) for cases in by_set.values() for case in _spread(cases)]


def _spread(cases: list[Case]) -> list[Case]:
    count = min(_MOST, len(cases))
    return [cases[index * len(cases) // count] for index in range(count)]


def _night_case(case: Case) -> Case:
    def load() -> Picture:
        picture = case.load()
        rng = np.random.default_rng(zlib.crc32(case.name.as_posix().encode()))
        return dataclasses.replace(picture, image=as_night(picture, rng))

    return Case(Path(MADE) / case.name, MADE, MADE, load)


def as_night(picture: Picture, rng: np.random.Generator) -> Array:
    """The picture, taken by day, as a camera might have taken it by night; uint8 (H, W, 3) RGB."""
    light = (_without_rim(picture).astype(np.float32) / np.float32(255)) ** np.float32(_GAMMA)
    day_sky = (picture.image.astype(np.float32) / np.float32(255)) ** np.float32(_GAMMA)
    share = np.asarray(cv2.GaussianBlur(picture.alpha, (0, 0), 0.6)).astype(np.float32)[
        ..., None
    ] / np.float32(255)
    is_town = rng.random() < 0.7
    ground = _moonlit(light, 10.0 ** rng.uniform(-2.3, -1.3))
    lamps = np.zeros_like(light)
    if is_town:
        lit, lamps = _lamplight(light, picture.alpha, rng)
        ground += lit + _windows(light, picture.alpha, rng)
    night = ground * (1 - share) + _night_sky(day_sky, picture.alpha, is_town, rng) * share
    return _exposed(_bloom(night + lamps * (1 - share), rng), rng)


def _without_rim(picture: Picture) -> Array:
    """The ground without the light of the day's sky that shines around its edges."""
    side = max(3, round(0.012 * max(picture.alpha.shape)) | 1)
    kernel, wide = np.ones((side, side), np.uint8), (3 * side, 3 * side)
    inner = cv2.erode(np.where(picture.alpha < 13, 1, 0).astype(np.uint8), kernel).astype(np.float32)
    weight = cv2.blur(inner, wide)[..., None]
    colour = cv2.blur(picture.image * inner[..., None], wide)
    around = np.where(weight > 0.01, colour / np.maximum(weight, 0.01), 40.0)
    rim = cv2.dilate(np.where(picture.alpha >= 13, 1, 0).astype(np.uint8), kernel)
    darker = np.minimum(picture.image, around)
    return np.asarray(np.where(rim[..., None] > 0, darker, picture.image), np.uint8)


def _moonlit(light: F32, gain: float) -> F32:
    """Daylight brought down to little; what is dark then has lost its colours."""
    dim = light * np.float32(gain)
    rods = (dim @ _ROD_VISION)[..., None]
    loss = 1 / (1 + rods / np.float32(0.03))
    return np.asarray(dim * (1 - loss) + rods * _ROD_TINT * loss, np.float32)


def _lamplight(light: F32, alpha: Array, rng: np.random.Generator) -> tuple[F32, F32]:
    """(ground lit by lamps, the lamps themselves): lamps stand around the height of the horizon."""
    rows, columns = alpha.shape
    horizon = _horizon(alpha)
    pools, lamps = np.zeros_like(light), np.zeros_like(light)
    kind = _LAMPS[rng.integers(len(_LAMPS))]
    y_axis, x_axis = np.arange(rows, dtype=np.float32)[:, None], np.arange(columns, dtype=np.float32)[None, :]
    for _ in range(rng.integers(2, 12)):
        nearness = rng.uniform(0.05, 1.0) ** 2
        x = rng.uniform(0, columns)
        y = horizon + rows * (0.10 - 0.30 * nearness) * rng.uniform(0.3, 1.0)
        row, column = int(np.clip(y, 0, rows - 1)), int(np.clip(x, 0, columns - 1))
        colour = kind * np.float32(rng.uniform(0.8, 1.2)) if rng.random() < 0.8 else _LAMPS[2]
        foot = min(y + rows * (0.08 + 0.5 * nearness), rows * 0.95)
        reach = rows * (0.05 + 0.35 * nearness)
        squared = ((x_axis - x) / reach) ** 2 + ((y_axis - foot) / (0.8 * reach)) ** 2
        pool = np.float32(rng.uniform(0.15, 0.6)) / (1 + squared) ** np.float32(1.5)
        pools += pool[..., None] * colour
        if alpha[row, column] < 13:  # before the sky it would hang from nothing
            radius = max(1, round(rows * (0.003 + 0.008 * nearness)))
            shine = tuple(float(part) for part in 6.0 * colour)
            cv2.circle(lamps, (column, row), radius, shine, -1, cv2.LINE_AA)
    return light * pools, lamps


def _windows(light: F32, alpha: Array, rng: np.random.Generator) -> F32:
    """Lit windows, in rows, in the smooth parts of what stands before the sky: in walls, not in trees."""
    rows, columns = alpha.shape
    lit = np.zeros_like(light)
    pane = max(2, round(rows * rng.uniform(0.006, 0.014)))
    stands = np.where(alpha < 13, 1, 0).astype(np.uint8)
    stands[int(_horizon(alpha)) :] = 0
    stands = np.asarray(cv2.erode(stands, np.ones((3 * pane, 3 * pane), np.uint8)), np.uint8)
    around = (6 * pane + 1, 6 * pane + 1)
    curve = light.mean(axis=2) ** np.float32(1 / _GAMMA)
    rough = cv2.blur(np.abs(cv2.Laplacian(curve, cv2.CV_32F)), around)
    green = cv2.blur(light[..., 1] - np.maximum(light[..., 0], light[..., 2]), around)
    stands[(rough > _ROUGH) | (green > 0.005)] = 0
    share = rng.uniform(0.02, 0.2)
    for y in range(pane, rows - pane, 3 * pane):
        for x in range(pane, columns - pane, int(2.5 * pane)):
            if stands[y, x] and rng.random() < share:
                colour = _LAMPS[rng.integers(1, 3)] * np.float32(rng.uniform(0.05, 0.5))
                lit[y : y + pane + 1, x : x + pane] = colour * rng.uniform(0.7, 1.0, (pane + 1, pane, 1))
    return lit


def _night_sky(day: F32, alpha: Array, is_town: bool, rng: np.random.Generator) -> F32:
    """A sky of near black with the glow of a town, clouds where the day's sky had them, or stars."""
    rows, columns = alpha.shape
    black = np.float32(10.0 ** rng.uniform(-3.2, -1.9)) * np.array([0.75, 0.9, 1.2], np.float32)
    glow = 10.0 ** (rng.uniform(-2.2, -0.9) if is_town else rng.uniform(-3.5, -2.0))
    colour = np.array([1.0, rng.uniform(0.6, 0.85), rng.uniform(0.3, 0.7)], np.float32)
    above = np.maximum(_horizon(alpha) - np.arange(rows, dtype=np.float32), 0)
    height = np.exp(-above / np.float32(rows * rng.uniform(0.12, 0.6)))[:, None]
    centre, width = rng.uniform(0, columns), columns * rng.uniform(0.4, 1.5)
    along = np.exp(-(((np.arange(columns, dtype=np.float32) - centre) / width) ** 2))[None, :]
    shine = (np.float32(glow) * height * along)[..., None] * colour
    luma = day.mean(axis=2)
    mean = max(float(luma[alpha > 127].mean()), 0.02)
    clouds = np.clip(cv2.GaussianBlur(luma, (0, 0), 1.5) / mean, 0.5, 1.8)[..., None]
    sky = (black + shine) * clouds ** np.float32(rng.uniform(0.3, 1.2))
    if not is_town and rng.random() < 0.6:
        stars = rng.random((rows, columns)) < rng.uniform(0.0003, 0.002)
        sky += (stars * rng.exponential(0.15, (rows, columns))).astype(np.float32)[..., None]
    return np.asarray(sky, np.float32)


def _horizon(alpha: Array) -> float:
    """The row below which there is hardly any sky."""
    share = (alpha > 127).mean(axis=1)
    return float(np.flatnonzero(share >= 0.15 * share.max()).max())


def _bloom(light: F32, rng: np.random.Generator) -> F32:
    """The picture with halos around what is nearly white or brighter."""
    rows = light.shape[0]
    bright = np.maximum(light - np.float32(0.7), 0)
    near = cv2.GaussianBlur(bright, (0, 0), rows * 0.008)
    # The wide halo is smooth: made from a quarter of the picture it looks the same.
    quarter = cv2.resize(bright, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    far = cv2.resize(cv2.GaussianBlur(quarter, (0, 0), rows * 0.0125), (light.shape[1], rows))
    return np.asarray(light + rng.uniform(0.15, 0.4) * near + rng.uniform(0.1, 0.5) * far, np.float32)


def _exposed(light: F32, rng: np.random.Generator) -> Array:
    """The picture as the camera stores it: gain, noise that grows in the shadows, a curve, JPEG."""
    gain = np.float32(np.clip(rng.uniform(0.10, 0.22) / max(float(light.mean()), 1e-4), 0.7, 7.0))
    exposed = light * gain
    shot, read = rng.uniform(1e-4, 8e-4), rng.uniform(5e-4, 3e-3)
    noise: F32 = rng.standard_normal(light.shape, dtype=np.float32)
    if rng.random() < 0.5:  # a camera that smooths its noise leaves blotches
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.9) * np.float32(1.8), np.float32)
    exposed = exposed + noise * np.sqrt(shot * np.minimum(exposed, 1) + read**2).astype(np.float32)
    levels = np.clip(exposed, 0, 1) ** np.float32(1 / _GAMMA) * 255
    stored = cv2.cvtColor(levels.astype(np.uint8), cv2.COLOR_RGB2BGR)
    _, code = cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(55, 92))])
    picture = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
