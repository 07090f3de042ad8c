"""The shape of a floating rock with a fortress on it, as a field of signed distances.

The rock is the space between two height fields, its crags pushed out of it by noise. On it stand towers,
walls, houses and trees and from it hang roots: simple solids, found through a grid over the ground plan.
Lengths in metres; x to the right, y away from the viewer and z up, from the middle of the rock's rim.
"""

from dataclasses import dataclass

import numpy as np
from numba import prange
from numpy.typing import NDArray

from app.jit import jit
from skyboxes.globes import smooth
from skyboxes.jit import parallel_jit
from skyboxes.noise import Volume, fbm2, random01, sample

Solids = NDArray[np.float64]
"""(N, 9): kind, x, y, z of the foot, half width or radius, half depth, height, cosine, sine of the turn."""
Ground = tuple[Volume, Solids, NDArray[np.int64], NDArray[np.int64], Volume]
"""A scene's `maps`, `solids`, `first`, `listed` and `noise`, for compiled code."""

RADIUS = 268.0
EXTENT = 368.0
"""Half the edge of the maps, m."""
TEXELS = 920
HEIGHT = (-330.0, 260.0)
"""Lowest and highest point of anything that belongs to the island, m."""
PLATEAU = (18.0, 45.0, 86.0, 72.0)
"""Middle (x, y), height and radius of the levelled hilltop, m."""
CELL = 16.0
GRID = 46
REACH = 13.0
"""What stands no nearer than this to a cell is not in the cell's list, m."""

CYLINDER, CONE, BOX, GABLE, CROWN, FIR, ROOT, BATTLED_CYLINDER, BATTLED_BOX, SPIRE = range(10)
ROCK, STONE, SLATE, TILE, LEAVES, WOOD, PLASTER = range(7)


@dataclass(frozen=True, slots=True)
class Scene:
    """The island, ready to be marched."""

    maps: Volume
    """(3, TEXELS, TEXELS): height of the top, height of the underside, distance outside the outline, m."""
    solids: Solids
    paints: NDArray[np.int64]
    """(N,) material of each solid."""
    first: NDArray[np.int64]
    """(GRID * GRID + 1,) where each cell's part of `listed` begins."""
    listed: NDArray[np.int64]
    noise: Volume

    @property
    def ground(self) -> Ground:
        """What the distance to the island is computed from."""
        return self.maps, self.solids, self.first, self.listed, self.noise


@jit
def _outline(x: float, y: float) -> float:
    """Distance from the middle as a share of the rim's in that direction."""
    y = y / 0.82
    r = np.hypot(x, y) + 1e-6
    wander = fbm2(1.3 * x / r + 4.0, 1.3 * y / r, 4, 0.55, 5)
    return float(r / (RADIUS * (1.0 + 0.30 * wander)))


@jit
def _hanging(x: float, y: float, cell: float, steep: float, seed: int) -> float:
    """Depth of the deepest of one hanging cone a lattice cell, m; cones under the middle reach deepest."""
    i, j = int(np.floor(x / cell)), int(np.floor(y / cell))
    deepest = -1e3
    for dj in range(-2, 3):
        for di in range(-2, 3):
            cx = (i + di + 0.15 + 0.7 * random01(i + di, j + dj, 1, seed)) * cell
            cy = (j + dj + 0.15 + 0.7 * random01(i + di, j + dj, 2, seed)) * cell
            share = random01(i + di, j + dj, 3, seed)
            inner = max(0.0, 1.0 - _outline(cx, cy))
            depth = (14.0 + 250.0 * inner**1.1) * (0.35 + 0.85 * share)
            deepest = max(deepest, depth - steep * np.hypot(x - cx, y - cy))
    return deepest


@parallel_jit
def _maps() -> Volume:
    maps = np.empty((3, TEXELS, TEXELS), np.float32)
    px, py, plateau, level = PLATEAU
    for row in prange(TEXELS):
        for column in range(TEXELS):
            x = ((column + 0.5) / TEXELS * 2.0 - 1.0) * EXTENT
            y = ((row + 0.5) / TEXELS * 2.0 - 1.0) * EXTENT
            q = _outline(x, y)
            away = np.hypot(x - px, y - py)
            rough = fbm2(x / 110.0, y / 110.0, 6, 0.5, 11)
            ridges = 1.0 - 2.0 * abs(fbm2(x / 130.0 + 2.0, y / 130.0, 5, 0.5, 12))
            hill = (plateau - 6.0) * smooth(205.0, level - 12.0, away + 26.0 * rough)
            top = hill + 13.0 * rough + 9.0 * max(0.0, ridges) * smooth(0.3, 0.8, q)
            # ledges, so that the slope breaks into steps of rock and green
            shelf = top / 17.0
            top = 17.0 * (np.floor(shelf) + smooth(0.25, 0.95, shelf - np.floor(shelf))) * 0.55 + 0.45 * top
            top += (plateau - top) * smooth(level + 9.0, level - 2.0, away)
            top -= 26.0 * smooth(0.80, 1.0, q)
            maps[0, row, column] = top
            wide = _hanging(x, y, 98.0, 2.3, 7)
            fine = _hanging(x + 9.0, y, 37.0, 2.9, 8)
            keel = 238.0 - 2.25 * np.hypot(x + 30.0, y + 10.0)
            second = 190.0 - 2.1 * np.hypot(x - 95.0, y + 20.0)
            # under all of it a bowl, so that the cones stand out of one body
            bowl = 118.0 * max(0.0, 1.0 - q * q)
            depth = max(max(wide, 0.85 * fine), max(max(keel, second), bowl))
            depth += 15.0 * fbm2(x / 30.0, y / 30.0, 5, 0.55, 13)
            maps[1, row, column] = -max(depth, 20.0 + 10.0 * rough)
            columns = abs(fbm2(x / 62.0, y / 62.0, 5, 0.55, 14))
            maps[2, row, column] = (q - 1.0) * 0.8 * RADIUS + 24.0 * (0.3 - columns)
    return maps


@jit
def map_at(maps: Volume, layer: int, x: float, y: float) -> float:
    """One of a scene's maps at a place; beyond its edge the edge's value."""
    u = (x / EXTENT + 1.0) * 0.5 * TEXELS - 0.5
    v = (y / EXTENT + 1.0) * 0.5 * TEXELS - 0.5
    u, v = min(max(u, 0.0), TEXELS - 1.001), min(max(v, 0.0), TEXELS - 1.001)
    i, j = int(u), int(v)
    u, v = u - i, v - j
    a = maps[layer, j, i] * (1.0 - u) + maps[layer, j, i + 1] * u
    b = maps[layer, j + 1, i] * (1.0 - u) + maps[layer, j + 1, i + 1] * u
    return float(a * (1.0 - v) + b * v)


@jit
def rock_distance(maps: Volume, noise: Volume, x: float, y: float, z: float) -> float:
    """Signed distance, at most a true one, to the rock."""
    outside = max(max(abs(x), abs(y)) - EXTENT, max(HEIGHT[0] - z, z - 130.0))
    if outside > 4.0:
        return outside
    top = map_at(maps, 0, x, y)
    side = map_at(maps, 2, x, y)
    d = max(max((z - top) * 0.70, (map_at(maps, 1, x, y) - z) * 0.22), 0.70 * side)
    if d > 24.0:
        return 0.8 * (d - 20.0)
    bare = 0.06 + 0.94 * smooth(0.0, 16.0, top - z + 5.0 * smooth(-14.0, 2.0, side))
    crag = 24.0 * (sample(noise, x / 190.0, y / 190.0, z / 300.0) - 0.50)
    u, w = 0.8 * x - 0.6 * y, 0.6 * x + 0.8 * y
    crag += 5.5 * (sample(noise, u / 47.0, w / 47.0, z / 83.0) - 0.50)
    crag += 1.9 * (sample(noise, w / 14.0, u / 14.0, z / 21.0) - 0.50)
    strata = sample(noise, x / 900.0 + 0.3, y / 900.0, z / 60.0)
    crag += 9.0 * (strata - 0.5)
    return 0.8 * (d - bare * crag)


@jit
def _slab(x: float, y: float, z: float, width: float, depth: float, height: float) -> float:
    """Signed distance to a box on its foot."""
    dx, dy, dz = abs(x) - width, abs(y) - depth, abs(z - 0.5 * height) - 0.5 * height
    out = np.sqrt(max(dx, 0.0) ** 2 + max(dy, 0.0) ** 2 + max(dz, 0.0) ** 2)
    return float(out + min(max(dx, max(dy, dz)), 0.0))


@jit
def _drum(r: float, z: float, radius: float, height: float) -> float:
    """Signed distance to an upright cylinder on its foot."""
    dr, dz = r - radius, abs(z - 0.5 * height) - 0.5 * height
    return float(np.hypot(max(dr, 0.0), max(dz, 0.0)) + min(max(dr, dz), 0.0))


@jit
def _solid(solid: NDArray[np.float64], noise: Volume, px: float, py: float, pz: float) -> float:
    """Signed distance, at most a true one, to one solid."""
    kind = int(solid[0])
    dx, dy, z = px - solid[1], py - solid[2], pz - solid[3]
    width, depth, height = solid[4], solid[5], solid[6]
    x, y = dx * solid[7] + dy * solid[8], dy * solid[7] - dx * solid[8]
    r = np.hypot(x, y)
    if kind == CYLINDER:
        return _drum(r, z, width, height)
    if kind == BOX:
        return _slab(x, y, z, width, depth, height)
    if kind in (CONE, FIR):
        slant = width / height
        d = max((r - width * (1.0 - z / height)) / np.sqrt(1.0 + slant * slant), -z)
        if kind == FIR and d < 3.0:
            d = 0.7 * (d + 1.6 * (0.5 - sample(noise, px / 11.0, py / 11.0, pz / 9.0)))
        return float(d)
    if kind == SPIRE:
        # eaves that swing out a little, like a bell
        share = 1.0 - z / height
        edge = width * (0.92 * share + 0.16 * max(0.0, share - 0.8) / 0.2)
        slant = 1.6 * width / height
        return float(max((r - edge) / np.sqrt(1.0 + slant * slant), -z))
    if kind == GABLE:
        slant = depth / height
        d = (abs(y) - depth * (1.0 - z / height)) / np.sqrt(1.0 + slant * slant)
        return float(max(max(d, -z), abs(x) - width))
    if kind == CROWN:
        d = np.sqrt(x * x + y * y + ((z - height) * width / depth) ** 2) - width
        d *= min(1.0, depth / width)
        if d < 4.0:
            d += 3.2 * (0.5 - sample(noise, px / 15.0, py / 15.0, pz / 15.0))
            d = 0.7 * (d + 1.1 * (0.5 - sample(noise, py / 5.3, px / 5.3, pz / 5.3)))
        return float(d)
    if kind == ROOT:
        down = min(max(-z / height, 0.0), 1.0)
        ox = depth * down * np.sin(5.0 * down + solid[1]) + 0.05 * height * np.sin(17.0 * down + solid[2])
        oy = depth * down * np.cos(4.0 * down + solid[2])
        thick = width * (1.0 - 0.85 * down)
        over = max(0.0, z) + max(0.0, -z - height)
        return float(0.6 * (np.sqrt((dx - ox) ** 2 + (dy - oy) ** 2 + over * over) - thick))
    if kind == BATTLED_CYLINDER:
        d = _drum(r, z, width, height)
        # the parapet stands out a little and has gaps
        cap = _drum(r, z - height + 4.0, width + 1.1, 5.5)
        turns = np.round(np.pi * (width + 1.0) / 2.6)
        angle = np.arctan2(y, x) * turns / np.pi
        gap = (abs((angle + 0.5) % 1.0 - 0.5) - 0.22) * np.pi * (width + 1.0) / turns
        cap = max(cap, -max(gap, height - 0.4 - z))
        return float(min(d, cap))
    d = _slab(x, y, z, width, depth, height)
    cap = _slab(x, y, z - height + 2.5, width, depth + 0.7, 4.3)
    gap = abs((x / 4.0 + 0.5) % 1.0 - 0.5) * 4.0 - 0.9
    cap = max(cap, -max(gap, height - 0.2 - z))
    return float(min(d, cap))


@jit
def nearest_solid(ground: Ground, x: float, y: float, z: float) -> tuple[float, int]:
    """Distance to the nearest solid and its number; -1 where none is near."""
    _, solids, first, listed, noise = ground
    half = 0.5 * GRID * CELL
    i, j = int(np.floor((x + half) / CELL)), int(np.floor((y + half) / CELL))
    if i < 0 or j < 0 or i >= GRID or j >= GRID:
        return REACH, -1
    best, which = REACH, -1
    cell = j * GRID + i
    for k in range(first[cell], first[cell + 1]):
        number = listed[k]
        if int(solids[number, 0]) != ROOT and z > solids[number, 3] + solids[number, 6] + best + 8.0:
            continue
        d = _solid(solids[number], noise, x, y, z)
        if d < best:
            best, which = d, number
    return best, which


@jit
def distance(ground: Ground, x: float, y: float, z: float) -> float:
    """Signed distance to the island, at most a true one."""
    rock = rock_distance(ground[0], ground[4], x, y, z)
    if rock > 190.0:
        return rock - 170.0
    return min(rock, nearest_solid(ground, x, y, z)[0])


class _Builder:
    """Collects solids; heights are taken from the ground under them."""

    def __init__(self, maps: Volume) -> None:
        self.maps = maps
        self.rows: list[tuple[float, ...]] = []
        self.paints: list[int] = []

    def ground(self, x: float, y: float) -> float:
        return map_at(self.maps, 0, x, y)

    def add(
        self, kind: int, paint: int, at: tuple[float, float, float], size: tuple[float, float, float],
        turn: float = 0.0,
    ) -> None:  # fmt: skip
        self.rows.append((kind, *at, *size, np.cos(turn), np.sin(turn)))
        self.paints.append(paint)

    def tower(self, x: float, y: float, z: float, radius: float, height: float, spire: float) -> None:
        """A round tower on a foot; with `spire` a pointed roof of that height, else battlements."""
        if spire <= 0.0:
            self.add(BATTLED_CYLINDER, STONE, (x, y, z - 14.0), (radius, radius, height + 14.0))
            return
        self.add(CYLINDER, STONE, (x, y, z - 14.0), (radius, radius, height + 14.0))
        self.add(CYLINDER, STONE, (x, y, z + height - 5.0), (1.13 * radius, radius, 5.0))
        self.add(SPIRE, SLATE, (x, y, z + height), (1.32 * radius, radius, spire))

    def hall(
        self, x: float, y: float, z: float, size: tuple[float, float, float], roof: float, turn: float,
        walls: int = STONE, tiles: int = SLATE,
    ) -> None:  # fmt: skip
        """A building of half width, half depth and height with a gabled roof."""
        width, depth, height = size
        self.add(BOX, walls, (x, y, z - 6.0), (width, depth, height + 6.0), turn)
        self.add(GABLE, tiles, (x, y, z + height - 0.2), (width + 0.8, depth + 1.2, roof), turn)
        self.add(GABLE, walls, (x, y, z + height - 0.4), (width, depth, roof - 0.6), turn)


def _fortress(builder: _Builder) -> None:
    cx, cy, level, radius = PLATEAU
    ring = [(0.94 * radius * np.cos(a), 0.86 * radius * np.sin(a)) for a in np.radians(
        [-158, -118, -84, -52, -14, 30, 75, 120, 165])]  # fmt: skip
    for number, (x, y) in enumerate(ring):
        nx, ny = ring[(number + 1) % len(ring)]
        length, turn = np.hypot(nx - x, ny - y), np.arctan2(ny - y, nx - x)
        middle = (cx + 0.5 * (x + nx), cy + 0.5 * (y + ny), level - 16.0)
        builder.add(BATTLED_BOX, STONE, middle, (0.5 * length, 2.2, 33.0), turn)
        tall = (30.0, 24.0, 34.0, 26.0, 38.0, 28.0, 32.0, 28.0, 34.0)[number]
        builder.tower(cx + x, cy + y, level, (6.5, 5.6, 7.2, 5.8, 7.6, 6.0, 6.4, 6.0, 7.0)[number], tall,
                      (18.0, 0.0, 21.0, 0.0, 24.0, 0.0, 17.0, 0.0, 20.0)[number])  # fmt: skip
    # the keep: a block with turrets and, behind it, the great tower
    builder.add(BATTLED_BOX, STONE, (cx - 4.0, cy + 6.0, level - 6.0), (21.0, 15.0, 58.0), 0.12)
    for sx, sy, h in ((-24.0, -7.0, 66.0), (18.0, -11.0, 60.0), (-22.0, 21.0, 76.0), (17.0, 22.0, 70.0)):
        builder.tower(cx + sx, cy + sy, level, 5.4, h, 25.0)
    builder.tower(cx + 2.0, cy + 22.0, level, 10.5, 98.0, 46.0)
    builder.tower(cx + 11.5, cy + 15.0, level, 3.6, 112.0, 22.0)
    builder.tower(cx - 41.0, cy + 16.0, level, 6.5, 62.0, 26.0)
    builder.tower(cx + 38.0, cy + 12.0, level, 7.0, 54.0, 28.0)
    builder.tower(cx + 47.0, cy - 14.0, level, 4.6, 40.0, 18.0)
    builder.hall(cx - 36.0, cy - 14.0, level, (15.0, 7.5, 22.0), 13.0, 0.5)
    builder.hall(cx + 28.0, cy - 26.0, level, (14.0, 7.0, 20.0), 12.0, -0.25)
    builder.hall(cx + 36.0, cy + 28.0, level, (16.0, 8.0, 28.0), 14.0, 0.9)
    builder.hall(cx - 6.0, cy - 30.0, level, (7.5, 11.0, 24.0), 12.0, 1.5)
    # an outwork lower on the slope, with the gate's towers
    outer = [(-128.0, -38.0), (-104.0, -88.0), (-52.0, -112.0), (4.0, -116.0), (28.0, -116.0), (84.0, -98.0),
             (134.0, -60.0)]  # fmt: skip
    for number, (x, y) in enumerate(outer):
        z = builder.ground(x, y)
        builder.tower(x, y, z, 6.0, 23.0 + 5.0 * (number % 3), (16.0, 0.0, 15.0)[number % 3])
        if number + 1 < len(outer):
            nx, ny = outer[number + 1]
            length, turn = np.hypot(nx - x, ny - y), np.arctan2(ny - y, nx - x)
            mx, my = 0.5 * (x + nx), 0.5 * (y + ny)
            foot = min(z, builder.ground(nx, ny), builder.ground(mx, my)) - 20.0
            rise = 0.5 * (z + builder.ground(nx, ny)) + 13.0 - foot
            builder.add(BATTLED_BOX, STONE, (mx, my, foot), (0.5 * length, 1.9, rise), turn)


def _village(builder: _Builder, rng: np.random.Generator) -> None:
    cx, cy, _, level = PLATEAU
    placed: list[tuple[float, float]] = []
    for _ in range(4000):
        x, y = rng.uniform(-200.0, 200.0), rng.uniform(-150.0, 40.0)
        if len(placed) >= 46:
            break
        if np.hypot(x - cx, y - cy) < level + 12.0 or _outline(x, y) > 0.80:
            continue
        if any(np.hypot(x - a, y - b) < 15.5 for a, b in placed):
            continue
        z = builder.ground(x, y)
        slope = np.hypot(builder.ground(x + 4.0, y) - builder.ground(x - 4.0, y),
                         builder.ground(x, y + 4.0) - builder.ground(x, y - 4.0)) / 8.0  # fmt: skip
        if slope > 0.62:
            continue
        placed.append((x, y))
        size = (rng.uniform(4.6, 7.2), rng.uniform(3.2, 4.4), rng.uniform(5.5, 9.5))
        turn = 0.4 * rng.normal() + rng.choice([0.0, 1.5])
        builder.hall(x, y, z, size, rng.uniform(4.5, 6.5), turn, PLASTER, TILE)
    builder.hall(-96.0, -62.0, builder.ground(-96.0, -62.0), (9.0, 4.6, 10.0), 8.0, 0.2, PLASTER, TILE)
    builder.add(BOX, PLASTER, (-106.0, -64.0, builder.ground(-106.0, -64.0) - 6.0), (3.4, 3.4, 30.0), 0.2)
    builder.add(SPIRE, SLATE, (-106.0, -64.0, builder.ground(-106.0, -64.0) + 24.0), (4.8, 4.8, 17.0), 0.2)


def _trees(builder: _Builder, rng: np.random.Generator) -> None:
    cx, cy, _, level = PLATEAU
    taken = np.array([[row[1], row[2], max(row[4], row[5])] for row in builder.rows])
    for _ in range(8000):
        x, y = rng.uniform(-330.0, 330.0), rng.uniform(-260.0, 260.0)
        q = _outline(x, y)
        if q > 0.965 or np.hypot(x - cx, y - cy) < level + 3.0:
            continue
        if fbm2(x / 60.0, y / 60.0, 3, 0.5, 71) < -0.10 + 0.45 * rng.random():
            continue
        if (np.hypot(taken[:, 0] - x, taken[:, 1] - y) < taken[:, 2] + 4.0).any():
            continue
        z, size = builder.ground(x, y), rng.uniform(0.8, 1.35)
        if rng.random() < 0.3:
            builder.add(FIR, LEAVES, (x, y, z - 1.0), (3.3 * size, 3.3 * size, 15.0 * size))
        else:
            builder.add(CROWN, LEAVES, (x, y, z - 1.0), (4.6 * size, 4.1 * size, 5.6 * size))


def _roots(builder: _Builder, rng: np.random.Generator) -> None:
    for _ in range(70):
        angle = rng.uniform(0.0, 2.0 * np.pi)
        r = RADIUS * rng.uniform(0.45, 0.98)
        x, y = r * np.cos(angle), 0.82 * r * np.sin(angle)
        if map_at(builder.maps, 2, x, y) > -7.0:
            continue
        z = map_at(builder.maps, 1, x, y) + 8.0
        length = rng.uniform(28.0, 85.0)
        builder.add(ROOT, WOOD, (x, y, z), (rng.uniform(0.9, 2.1), rng.uniform(0.05, 0.13) * length, length))


def build(noise: Volume) -> Scene:
    """The island; `noise` is the volume its crags and leaves are made with."""
    maps = _maps()
    builder = _Builder(maps)
    rng = np.random.default_rng(4)
    _fortress(builder)
    _village(builder, rng)
    _trees(builder, rng)
    _roots(builder, rng)
    solids = np.asarray(builder.rows, np.float64)
    half = 0.5 * GRID * CELL
    cells: list[list[int]] = [[] for _ in range(GRID * GRID)]
    for number, solid in enumerate(solids):
        # a root swings sideways, a parapet stands out
        wide = np.hypot(solid[4], solid[5]) + (0.08 * solid[6] + 1.0 if solid[0] == ROOT else 1.5) + REACH
        low = np.clip(np.floor((solid[1:3] - wide + half) / CELL), 0, GRID - 1).astype(int)
        high = np.clip(np.floor((solid[1:3] + wide + half) / CELL), 0, GRID - 1).astype(int)
        for j in range(low[1], high[1] + 1):
            for i in range(low[0], high[0] + 1):
                nx = np.clip(solid[1], i * CELL - half, (i + 1) * CELL - half)
                ny = np.clip(solid[2], j * CELL - half, (j + 1) * CELL - half)
                if np.hypot(nx - solid[1], ny - solid[2]) < wide:
                    cells[j * GRID + i].append(number)
    first = np.concatenate([[0], np.cumsum([len(cell) for cell in cells])]).astype(np.int64)
    listed = np.asarray([number for cell in cells for number in cell], np.int64)
    return Scene(maps, solids, np.asarray(builder.paints, np.int64), first, listed, noise)


def rim(scene: Scene, x: float) -> tuple[float, float]:
    """Where water runs over the edge towards the viewer at an x: y and z."""
    for y in np.arange(-EXTENT, EXTENT, 1.0):
        if map_at(scene.maps, 2, x, y) < -2.0:
            return float(y) - 3.0, map_at(scene.maps, 0, x, y + 5.0) - 1.0
    raise ValueError(f"no ground at x = {x}")
