"""A road between houses, trees and parked cars, or through open land, ray-cast before a far panorama."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import cv2
import numpy as np

from app.camera import Camera
from app.frame import F32, F64, I32, U8, Planes
from app.jit import jit

Place = Literal["street", "open"]

SPEED_M_S = 12.0
_EYE_M = 1.4
_AHEAD_M = 330.0
_BEHIND_M = 12.0
_NEAR_M = 0.3

_SIDE = 512
_LEVELS = 10
_MATERIALS = 10
_ASPHALT, _GRASS, _PAVEMENT, _TREE, _CAR, _WALL = range(6)


_Vector = tuple[float, float, float]
_Put = Callable[[_Vector, _Vector, _Vector, tuple[float, float], int], None]
"""Adds a rectangle: corner, along, down, repeats, material."""


class Surfaces(NamedTuple):
    """Rectangles with a texture, in metres, x to the right, y down (0 = the ground), z along the road.

    `corner`, `along`, `down`, float64 (N, 3): a corner and the two sides that leave it at a right angle.
    `repeats`, float64 (N, 2): how often the texture is laid along them. `material`, int32 (N,), numbers the
    textures: `texels`, uint8 (M, L, 2), luma and alpha of all sizes from 512 down to 1, one after the other,
    and `chroma`, uint8 (M, 2), u and v. The ground comes first.
    """

    corner: F64
    along: F64
    down: F64
    repeats: F64
    material: I32
    texels: U8
    chroma: U8


def position(yaw: F64, seconds: F64) -> F64:
    """Where a car is that drives the way it heads, float64 (N, 3), at times (N,) of increasing order."""
    steps = np.diff(seconds, prepend=seconds[:1]) * SPEED_M_S
    x, z = np.cumsum(steps * np.sin(yaw)), np.cumsum(steps * np.cos(yaw))
    return np.column_stack([x, np.full_like(x, -_EYE_M), z])


def build(place: Place, seed: int) -> Surfaces:
    """The surroundings of the road; the same for the same seed."""
    rng = np.random.default_rng(seed)
    found: list[tuple[F64, F64, F64, tuple[float, float], int]] = []

    def put(
        corner: _Vector, along: _Vector, down: _Vector, repeats: tuple[float, float], material: int
    ) -> None:
        found.append((np.array(corner), np.array(along), np.array(down), repeats, material))

    length = _AHEAD_M + _BEHIND_M
    strips = (
        (-300.0, 300.0, _GRASS, 12.0),
        (-8.0, -4.5, _PAVEMENT, 4.0),
        (4.5, 8.0, _PAVEMENT, 4.0),
        (-4.5, 4.5, _ASPHALT, 9.0),
    )
    for left, right, material, tile in strips:
        put(
            (left, 0, -_BEHIND_M),
            (right - left, 0, 0),
            (0, 0, length),
            ((right - left) / tile, length / tile),
            material,
        )
    for side in (-1, 1):
        _line_with_trees_and_cars(put, side, place, rng)
        if place == "street":
            _line_with_houses(put, side, rng)
    corner, along, down = (np.array([each[k] for each in found], np.float64) for k in range(3))
    texels, chroma = _materials(rng)
    return Surfaces(
        corner,
        along,
        down,
        np.array([each[3] for each in found], np.float64),
        np.array([each[4] for each in found], np.int32),
        texels,
        chroma,
    )


def draw(
    surfaces: Surfaces, camera: Camera, rotation: F64, eye: F64, planes: Planes, alpha: U8
) -> tuple[Planes, U8]:
    """The picture (I420) and the sky's alpha with the surfaces before them, as seen from `eye`, (3,)."""
    middle = surfaces.corner + (surfaces.along + surfaces.down) / 2 - eye
    distance = np.hypot(*middle[:, [0, 2]].T)
    distance[surfaces.corner[:, 1] == 0] = np.inf
    y, sky = planes.y.astype(np.float32), alpha.astype(np.float32)
    u, v = planes.u.copy(), planes.v.copy()
    to_world = rotation @ camera.inverse
    for number in np.argsort(-distance, kind="stable"):
        box = _box(surfaces, number, camera, rotation, eye)
        if box is not None:
            _draw_one(
                surfaces.corner[number] - eye,
                surfaces.along[number],
                surfaces.down[number],
                surfaces.repeats[number],
                surfaces.texels[surfaces.material[number]],
                surfaces.chroma[surfaces.material[number]],
                to_world,
                box,
                y,
                sky,
                u,
                v,
            )
    return Planes(np.rint(y).astype(np.uint8), u, v), np.rint(sky).astype(np.uint8)


def _line_with_houses(put: _Put, side: int, rng: np.random.Generator) -> None:
    z = -_BEHIND_M
    while z < _AHEAD_M:
        length, height = rng.uniform(9, 20), rng.uniform(6, 14)
        x = side * rng.uniform(9.5, 13)
        wall = int(rng.integers(_WALL, _MATERIALS))
        windows = (max(1, round(length / 6)), max(1, round(height / 6)))
        put((x, -height, z), (0, 0, length), (0, height, 0), windows, wall)
        put((x, -height, z), (side * 12, 0, 0), (0, height, 0), (2, windows[1]), wall)
        z += length + (rng.uniform(3, 9) if rng.random() < 0.4 else 0)


def _line_with_trees_and_cars(put: _Put, side: int, place: Place, rng: np.random.Generator) -> None:
    z = -_BEHIND_M
    while z < _AHEAD_M:
        size = rng.uniform(4, 8)
        x = side * (rng.uniform(7, 9) if place == "street" else rng.uniform(7, 35))
        put((x - size / 2, -size, z), (size, 0, 0), (0, size, 0), (1, 1), _TREE)
        z += rng.uniform(8, 24)
    z = 6.0
    while place == "street" and z < _AHEAD_M:
        x = side * 4.3
        put((x - 0.9, -1.45, z), (1.8, 0, 0), (0, 1.45, 0), (1, 1), _CAR)
        put((x - side * 0.9, -1.45, z), (0, 0, 4.3), (0, 1.45, 0), (1, 1), _CAR)
        z += rng.uniform(7, 30)


def _materials(rng: np.random.Generator) -> tuple[U8, U8]:
    """Pyramids of luma and alpha, uint8 (M, L, 2), and chroma, uint8 (M, 2)."""
    chroma = np.full((_MATERIALS, 2), 128, np.uint8)
    chroma[_GRASS], chroma[_TREE], chroma[_PAVEMENT] = (108, 124), (112, 120), (124, 131)
    pyramids = []
    for material in range(_MATERIALS):
        alpha = np.full((_SIDE, _SIDE), 255.0)
        if material == _ASPHALT:
            luma = 88 + 14 * _clouds(rng, 0.9)
            for left in (8, _SIDE // 2 - 5, _SIDE - 18):
                luma[: _SIDE // 2 if left == _SIDE // 2 - 5 else _SIDE, left : left + 10] = 190
        elif material == _GRASS:
            luma = 92 + 24 * _clouds(rng, 0.8)
        elif material == _PAVEMENT:
            luma = 130 + 12 * _clouds(rng, 0.8)
            luma[::64], luma[:, ::64] = 90, 90
        elif material == _TREE:
            luma, alpha = _tree(rng)
        elif material == _CAR:
            luma = _car(rng)
            chroma[_CAR] = 120, 140
        else:
            luma = _wall(rng)
            chroma[material] = rng.integers(116, 128), rng.integers(128, 142)
        pyramids.append(_pyramid(np.clip(luma, 16, 235), alpha))
    return np.stack(pyramids), chroma


def _clouds(rng: np.random.Generator, roughness: float) -> F64:
    """Noise of all sizes that repeats without a seam, float64 (512, 512), of deviation 1."""
    across, down = np.fft.rfftfreq(_SIDE), np.fft.fftfreq(_SIDE)
    frequency = np.hypot(across[None], down[:, None])
    frequency[0, 0] = np.inf
    white = np.fft.rfft2(rng.standard_normal((_SIDE, _SIDE)))
    noise = np.fft.irfft2(white / frequency**roughness, s=(_SIDE, _SIDE))
    return np.asarray(noise / noise.std(), np.float64)


def _wall(rng: np.random.Generator) -> F64:
    """One bay of a wall: plaster or brick, two windows with frames and a ledge."""
    luma = rng.uniform(90, 180) + 9 * _clouds(rng, 0.9)
    if rng.random() < 0.5:
        luma[::16] -= 25
        for row in range(0, _SIDE, 16):
            luma[row : row + 16, (row // 16 % 2) * 16 :: 32] -= 20
    for left in (70, 300):
        height = int(rng.integers(180, 280))
        luma[120 : 120 + height, left : left + 140] = rng.uniform(190, 225)
        luma[130 : 110 + height, left + 10 : left + 130] = (
            rng.uniform(35, 70) + 8 * _clouds(rng, 1.2)[130 : 110 + height, left + 10 : left + 130]
        )
        luma[130 : 110 + height, left + 66 : left + 74] = 200
    luma[470:490] = rng.uniform(60, 220)
    return luma


def _car(rng: np.random.Generator) -> F64:
    luma = 120 + 4 * _clouds(rng, 1.5)
    luma[40:220, 60:452] = 45
    luma[40:220, 240:262] = 110
    luma[300:350, 20:100], luma[300:350, 412:492] = 170, 170
    luma[330:400, 190:320] = 220
    luma[350:384, 205:305:12] = 40
    luma[440:] = 30
    return luma


def _tree(rng: np.random.Generator) -> tuple[F64, F64]:
    """Luma and alpha of leaves in many round clusters above a trunk."""
    luma = 70 + 28 * _clouds(rng, 0.6)
    alpha = np.zeros((_SIDE, _SIDE), np.uint8)
    for _ in range(260):
        angle, away = rng.uniform(0, 2 * math.pi), math.sqrt(rng.uniform()) * 190
        centre = round(256 + away * math.cos(angle)), round(205 + 0.9 * away * math.sin(angle))
        cv2.circle(alpha, centre, int(rng.integers(8, 26)), 255, -1)
    cv2.rectangle(alpha, (240, 340), (272, _SIDE), 255, -1)
    alpha[:, [0, -1]], alpha[0] = 0, 0
    return luma, alpha.astype(np.float64)


def _pyramid(luma: F64, alpha: F64) -> U8:
    level = np.dstack([luma, alpha]).astype(np.float32)
    levels = []
    for _ in range(_LEVELS):
        levels.append(np.rint(level).astype(np.uint8).reshape(-1, 2))
        level = np.asarray(
            cv2.resize(level, (level.shape[1] // 2 or 1,) * 2, interpolation=cv2.INTER_AREA), np.float32
        )
    return np.concatenate(levels)


def _box(surfaces: Surfaces, number: int, camera: Camera, rotation: F64, eye: F64) -> I32 | None:
    """The part of the picture (left, top, right, bottom) that a surface may fill; None if it is not seen."""
    corner, along, down = surfaces.corner[number], surfaces.along[number], surfaces.down[number]
    corners = np.array([corner, corner + along, corner + down, corner + along + down]) - eye
    seen = corners @ rotation
    width, height = camera.size_wh
    ahead = seen[:, 2] > _NEAR_M
    if not ahead.any():
        return None
    if not ahead.all():
        return np.array([0, 0, width, height], np.int32)
    points = camera.focal_px * seen[:, :2] / seen[:, 2:] + (np.array([width, height]) - 1) / 2
    low = np.maximum(np.floor(points.min(axis=0)).astype(np.int32), 0)
    high = np.minimum(np.ceil(points.max(axis=0)).astype(np.int32) + 1, (width, height))
    return np.concatenate([low, high]).astype(np.int32) if (low < high).all() else None


@jit
def _texel(texels: U8, level: int, across: float, down: float, tiled: bool) -> tuple[float, float]:
    """Luma and alpha of one size of a texture at (across, down) in [0, 1), between texels."""
    side = _SIDE >> level
    first = 0
    for larger in range(level):
        first += (_SIDE >> larger) ** 2
    x, y = across * side - 0.5, down * side - 0.5
    if not tiled:
        x, y = min(max(x, 0.0), side - 1.0), min(max(y, 0.0), side - 1.0)
    c, r = math.floor(x), math.floor(y)
    right, below = x - c, y - r
    c0, c1, r0, r1 = c % side, (c + 1) % side, r % side, (r + 1) % side
    w11 = right * below
    w01, w10 = right - w11, below - w11
    w00 = 1 - right - w10
    first00, first01 = first + r0 * side + c0, first + r0 * side + c1
    first10, first11 = first + r1 * side + c0, first + r1 * side + c1
    luma = (
        w00 * texels[first00, 0]
        + w01 * texels[first01, 0]
        + w10 * texels[first10, 0]
        + w11 * texels[first11, 0]
    )
    alpha = (
        w00 * texels[first00, 1]
        + w01 * texels[first01, 1]
        + w10 * texels[first10, 1]
        + w11 * texels[first11, 1]
    )
    return luma, alpha


@jit
def _draw_one(
    corner: F64,
    along: F64,
    down: F64,
    repeats: F64,
    texels: U8,
    chroma: U8,
    to_world: F64,
    box: I32,
    luma: F32,
    sky: F32,
    u: U8,
    v: U8,
) -> None:
    """One surface; its corner is given from the eye."""
    along2 = along[0] ** 2 + along[1] ** 2 + along[2] ** 2
    down2 = down[0] ** 2 + down[1] ** 2 + down[2] ** 2
    size = math.sqrt(along2 * down2)
    across_x = (along[1] * down[2] - along[2] * down[1]) / size
    across_y = (along[2] * down[0] - along[0] * down[2]) / size
    across_z = (along[0] * down[1] - along[1] * down[0]) / size
    depth = across_x * corner[0] + across_y * corner[1] + across_z * corner[2]
    # Texels per metre along the sides, and the angle of a pixel.
    density = max(repeats[0] / math.sqrt(along2), repeats[1] / math.sqrt(down2)) * _SIDE
    pixel = math.sqrt(to_world[0, 0] ** 2 + to_world[1, 0] ** 2 + to_world[2, 0] ** 2)
    tiled = repeats[0] > 1 or repeats[1] > 1
    for row in range(box[1], box[3]):
        for column in range(box[0], box[2]):
            x = to_world[0, 0] * column + to_world[0, 1] * row + to_world[0, 2]
            y = to_world[1, 0] * column + to_world[1, 1] * row + to_world[1, 2]
            z = to_world[2, 0] * column + to_world[2, 1] * row + to_world[2, 2]
            facing = across_x * x + across_y * y + across_z * z
            if facing * depth <= 0:
                continue
            far = depth / facing
            if far < _NEAR_M:
                continue
            px, py, pz = far * x - corner[0], far * y - corner[1], far * z - corner[2]
            s = (px * along[0] + py * along[1] + pz * along[2]) / along2
            t = (px * down[0] + py * down[1] + pz * down[2]) / down2
            if s < 0 or s >= 1 or t < 0 or t >= 1:
                continue
            # A pixel covers an ellipse, long along the line of sight: between both, towards the long side.
            slant = abs(facing) / math.sqrt(x * x + y * y + z * z)
            level = math.log2(max(far * pixel * density / slant**0.7, 1.0))
            level = min(level, _LEVELS - 1.001)
            lower = int(level)
            share = level - lower
            across, below = (s * repeats[0]) % 1.0, (t * repeats[1]) % 1.0
            value, cover = _texel(texels, lower, across, below, tiled)
            coarse, coarse_cover = _texel(texels, lower + 1, across, below, tiled)
            value += share * (coarse - value)
            cover = (cover + share * (coarse_cover - cover)) / 255
            luma[row, column] += cover * (value - luma[row, column])
            sky[row, column] *= 1 - cover
            if row % 2 == 0 and column % 2 == 0 and cover > 0.5:
                u[row // 2, column // 2] = chroma[0]
                v[row // 2, column // 2] = chroma[1]
