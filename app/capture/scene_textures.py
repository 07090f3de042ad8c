"""The painted parts of the demo scene: sky, mountains, woods, village, trees, meadow.

Every texture is RGBA float32 (H, W, 4), colours in [0, 1], alpha 1 = there; colours go on where alpha is 0,
so that interpolation makes no fringes. All of it is drawn from seeded noise: the same on every machine.
"""

import cv2
import numpy as np
from numpy.typing import ArrayLike

from app.frame import F32

HAZE = np.array([0.80, 0.85, 0.90], np.float32)
Generator = np.random.Generator


def fractal(rng: Generator, shape: tuple[int, int], cell: float, octaves: int, stretch: float = 1.0) -> F32:
    """Fractal value noise, float32 (H, W), mean about 0.5; `cell` = largest feature in pixels, high."""
    height, width = shape
    total = np.zeros(shape, np.float32)
    weight, sum_weights = 1.0, 0.0
    for _ in range(octaves):
        grid = rng.random(
            (max(2, round(height / cell) + 2), max(2, round(width / (cell * stretch)) + 2)), np.float32
        )
        total += weight * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        sum_weights += weight
        weight, cell = weight * 0.55, max(cell / 2, 1.0)
    return total / np.float32(sum_weights)


def _f32(values: ArrayLike) -> F32:
    return np.asarray(values, np.float32)


def _between(low: ArrayLike, high: ArrayLike, share: F32) -> F32:
    """Colours (H, W, 3) between two, by a share (H, W)."""
    low, high = np.asarray(low, np.float32), np.asarray(high, np.float32)
    return _f32(low + (high - low) * share[..., None])


def _smooth_step(low: float, high: float, value: F32) -> F32:
    share: F32 = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def _with_alpha(colour: F32, alpha: F32) -> F32:
    return _f32(np.dstack([np.clip(colour, 0, 1), np.clip(alpha, 0, 1)]))


def _ridge(rng: Generator, width: int, cell: float, octaves: int) -> F32:
    return _f32(fractal(rng, (4, width), 4.0, octaves, cell / 4.0)[1])


def sky(rng: Generator, shape: tuple[int, int]) -> F32:
    """An afternoon sky: blue above, pale at the horizon, with cumulus that shrink towards it."""
    height, width = shape
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    colour = _between([0.25, 0.47, 0.78], [0.74, 0.84, 0.92], down**1.3)
    deep = round(1.6 * height)
    flat = fractal(rng, (deep, width), height / 2.2, 7, 1.5)
    # Looking along a flat layer of clouds, equal steps down the picture are ever longer steps away.
    rows = (deep - 1) * (1 - (1 - down) ** 0.55)
    columns = (np.arange(width, dtype=np.float32) - width / 2) * (0.55 + 0.45 * (1 - down)) + width / 2
    rows = np.repeat(rows, width, axis=1)
    density = _f32(cv2.remap(flat, _f32(columns), _f32(rows), cv2.INTER_LINEAR))
    moved = np.array([[1.0, 0.0, 4.0], [0.0, 1.0, 9.0]])
    lit_from_above = _f32(cv2.warpAffine(density, moved, (width, height), borderMode=cv2.BORDER_REPLICATE))
    cover = _smooth_step(0.48, 0.58, density)
    light = np.clip(0.72 + 3.2 * (density - lit_from_above) + 0.8 * (0.62 - density), 0.45, 1.0)
    clouds = _between(
        [0.58, 0.63, 0.70], [1.0, 0.99, 0.96], _smooth_step(0.45, 1.0, light.astype(np.float32))
    )
    cover = cover * (1 - 0.5 * down)
    return _with_alpha(colour + (clouds - colour) * cover[..., None], np.ones(shape, np.float32))


def mountains(rng: Generator, shape: tuple[int, int]) -> F32:
    """A distant range: forest below, rock above, lit from the left, in a little haze."""
    height, width = shape
    line = height * (0.85 - 0.75 * _ridge(rng, width, width / 5, 8))
    rows = np.arange(height, dtype=np.float32)[:, None]
    relief = fractal(rng, shape, height / 2, 6, 1.2)
    light = _f32(np.clip(0.5 + 9 * (relief - np.roll(relief, 3, axis=1)), 0, 1))
    below = _f32(np.clip((rows - line) / (height * 0.5), 0, 1))
    rock = _between([0.25, 0.27, 0.31], [0.55, 0.52, 0.48], light)
    forest = _between([0.14, 0.20, 0.18], [0.27, 0.34, 0.25], light)
    tree_line = _smooth_step(0.2, 0.4, _f32(below + 0.6 * (relief - 0.5)))
    colour = rock + (forest - rock) * tree_line[..., None]
    colour = colour + (HAZE * 0.8 - colour) * (0.18 + 0.22 * below[..., None])
    return _with_alpha(colour, np.clip(rows - line, 0, 1))


def woods(rng: Generator, shape: tuple[int, int]) -> F32:
    """Wooded hills, their edge broken by single tree tops."""
    height, width = shape
    tops = np.zeros(width, np.float32)
    for centre in rng.uniform(0, width, width // 5):
        reach = rng.uniform(3, 9)
        columns = np.arange(max(0, int(centre - reach)), min(width, int(centre + reach) + 1))
        crown = rng.uniform(4, 13) * np.sqrt(np.clip(1 - ((columns - centre) / reach) ** 2, 0, 1))
        tops[columns] = np.maximum(tops[columns], crown.astype(np.float32))
    line = height * (0.72 - 0.5 * _ridge(rng, width, width / 3, 5)) - tops
    rows = np.arange(height, dtype=np.float32)[:, None]
    leaves = np.clip(0.5 + 2.2 * (fractal(rng, shape, 14, 4) - 0.5), 0, 1)
    colour = _between([0.15, 0.23, 0.13], [0.36, 0.44, 0.22], leaves)
    colour = colour + (HAZE - colour) * 0.22
    return _with_alpha(colour, np.clip(rows - line, 0, 1))


def village(rng: Generator, shape: tuple[int, int]) -> F32:
    """Houses with gables, windows and chimneys, a church and a mast."""
    height, width = shape
    picture = np.zeros((height, width, 4), np.float32)
    picture[..., :3] = (0.62, 0.55, 0.47)

    def polygon(points: list[tuple[float, float]], colour: ArrayLike) -> None:
        corners = np.round(np.array(points) * 16).astype(np.int32)
        shade = [float(c) for c in np.asarray(colour)]
        cv2.fillPoly(picture, [corners], (*shade, 1.0), cv2.LINE_8, 4)

    def house(left: float, wide: float, wall: float, roof: float) -> None:
        base, eaves = float(height), height - wall
        tint = np.array([0.86, 0.80, 0.70]) * rng.uniform(0.75, 1.08) + rng.uniform(-0.05, 0.05, 3)
        tiles = np.array([0.52, 0.27, 0.20]) * rng.uniform(0.7, 1.15) + rng.uniform(-0.03, 0.03, 3)
        side = wide * rng.uniform(0.35, 0.6)
        polygon([(left, base), (left, eaves), (left + side, eaves), (left + side, base)], tint)
        polygon([(left, eaves), (left + side / 2, eaves - roof), (left + side, eaves)], tint * 0.97)
        polygon(
            [(left + side, base), (left + side, eaves), (left + wide, eaves), (left + wide, base)],
            tint * 0.72,
        )
        polygon(
            [
                (left + side / 2 - 2, eaves - roof - 2),
                (left + wide - side / 3, eaves - roof - 2),
                (left + wide + 3, eaves + 3),
                (left + side, eaves + 3),
            ],
            tiles,
        )
        chimney = left + wide * 0.7
        top, foot = eaves - roof * 1.25, eaves - roof * 0.4
        polygon([(chimney, foot), (chimney, top), (chimney + 6, top), (chimney + 6, foot)], tiles * 0.75)
        for x in np.arange(left + side + 7, left + wide - 10, 17):
            for y in np.arange(eaves + 8, base - 12, 20):
                pane = rng.choice([0.16, 0.24, 0.55])
                polygon(
                    [(x, y), (x + 7, y), (x + 7, y + 10), (x, y + 10)], np.array([pane, pane, pane * 1.15])
                )

    left = 0.0
    while left < width:
        wide = rng.uniform(55, 120)
        if rng.random() < 0.8:
            house(left, wide, rng.uniform(34, 70), rng.uniform(20, 36))
        left += wide * rng.uniform(0.75, 1.5)
    for tower in (width * 0.34, width * 0.8):
        base = float(height)
        wall = np.array([0.78, 0.75, 0.68])
        polygon([(tower, base), (tower, base - 130), (tower + 16, base - 130), (tower + 16, base)], wall)
        polygon(
            [(tower + 16, base), (tower + 16, base - 130), (tower + 30, base - 130), (tower + 30, base)],
            wall * 0.7,
        )
        polygon(
            [(tower - 3, base - 130), (tower + 15, base - 200), (tower + 33, base - 130)], [0.30, 0.33, 0.36]
        )
    mast = round(width * 0.58)
    cv2.line(picture, (mast, height), (mast, height - 190), (0.55, 0.56, 0.58, 1.0), 2)
    for level in range(30, 190, 32):
        cv2.line(picture, (mast - 6, height - level), (mast + 6, height - level), (0.55, 0.56, 0.58, 1.0), 1)
    picture = cv2.GaussianBlur(picture, (0, 0), 0.6).astype(np.float32)
    grain = fractal(rng, shape, 6, 3)[..., None]
    colour = picture[..., :3] * (0.85 + 0.3 * grain)
    return _with_alpha(colour + (HAZE - colour) * 0.08, picture[..., 3])


def trees(rng: Generator, shape: tuple[int, int], centres: list[float], tall: float) -> F32:
    """Single broad-leaved trees, branch by branch and leaf by leaf, with the sky showing through."""
    height, width = shape
    picture = np.zeros((height, width, 4), np.float32)
    picture[..., :3] = (0.19, 0.25, 0.11)
    tips: list[tuple[float, float]] = []

    def branch(x: float, y: float, angle: float, length: float, thick: float) -> None:
        end_x, end_y = x + length * np.sin(angle), y - length * np.cos(angle)
        bark = 0.16 + 0.08 * rng.random()
        start, end = (round(x * 16), round(y * 16)), (round(end_x * 16), round(end_y * 16))
        cv2.line(
            picture, start, end, (bark * 1.15, bark, bark * 0.8, 1.0), max(1, round(thick)), cv2.LINE_8, 4
        )
        if thick < 1.9:
            tips.append((end_x, end_y))
        if thick > 1.1:
            for turn in (-1, 1) if rng.random() < 0.75 else (-1, 0, 1):
                spread = turn * rng.uniform(0.25, 0.65) + rng.normal(0, 0.1)
                branch(end_x, end_y, angle * 0.9 + spread, length * rng.uniform(0.68, 0.86), thick * 0.66)

    for centre in centres:
        size = tall * rng.uniform(0.8, 1.05)
        tips.clear()
        branch(centre, height, rng.normal(0, 0.04), size * 0.24, size * 0.045)
        around = np.repeat(sorted(tips, key=lambda tip: -tip[1]), 22, axis=0)
        leaves = rng.normal(around, size * 0.030)
        count = len(leaves)
        light = np.clip(0.55 + 0.35 * (height - leaves[:, 1]) / size + rng.normal(0, 0.16, count), 0.3, 1.3)
        axes = size * rng.uniform((0.004, 0.003), (0.0085, 0.0055), (count, 2))
        for at, half_axes, angle, shade in zip(
            np.rint(leaves * 16).astype(int).tolist(),
            np.rint(axes * 16).astype(int).tolist(),
            rng.uniform(0, 180, count).tolist(),
            light.tolist(),
            strict=True,
        ):
            green = (0.30 * shade, 0.40 * shade, 0.13 * shade, 1.0)
            cv2.ellipse(picture, at, half_axes, angle, 0, 360, green, -1, cv2.LINE_8, 4)
    picture = cv2.GaussianBlur(picture, (0, 0), 0.55).astype(np.float32)
    return _with_alpha(picture[..., :3], picture[..., 3])


def meadow(rng: Generator, shape: tuple[int, int], metres_wide: float) -> F32:
    """Grass with a gravel path along the middle, seen from above; the far end is the first row."""
    height, width = shape
    blades = fractal(rng, shape, 60, 6)
    patches = fractal(rng, shape, 220, 3)
    colour = _between([0.22, 0.31, 0.11], [0.47, 0.53, 0.22], np.clip(0.5 + 2.5 * (blades - 0.5), 0, 1))
    colour = (
        colour + (_f32([0.56, 0.53, 0.27]) - colour) * (0.8 * _smooth_step(0.48, 0.62, patches))[..., None]
    )
    across = (np.arange(width, dtype=np.float32) / width - 0.5) * metres_wide
    along = np.arange(height, dtype=np.float32)[:, None]
    bend = 1.2 * np.sin(along * (5.0 / height))
    edge = np.abs(across - bend) + 1.2 * (blades - 0.5)
    path = 1 - _smooth_step(1.1, 1.5, edge.astype(np.float32))
    gravel = _between([0.50, 0.46, 0.40], [0.72, 0.68, 0.60], blades)
    colour = colour + (gravel - colour) * path[..., None]
    far = np.clip(1 - along / height, 0, 1).astype(np.float32) ** 6 * np.ones((1, width), np.float32)
    return _with_alpha(colour + (HAZE * 0.8 - colour) * (0.5 * far)[..., None], np.ones(shape, np.float32))
