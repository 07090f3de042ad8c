"""Rendered foregrounds with exact coverage: branches, crowns, wires, pylons, lamps, railings, aerials, roofs.

Photographs are hardly ever labelled finely enough to teach a network what a twig or a wire looks like before
the sky. These are drawn at three times their size and reduced, so each pixel's coverage is exact.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.uint8]
Point = tuple[float, float]

WIDTH, HEIGHT = 480, 320
_FINE = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Cutout:
    """A foreground that stands, hangs or spans.

    `rgba` is uint8 (HEIGHT, WIDTH, 4): RGB multiplied by coverage, then coverage, 255 = covers the sky.
    `anchor`: what it touches. `bottom` stands anywhere, `top` hangs from the frame's upper side, `span`
    crosses the frame from side to side, `floor` does so and stands.
    """

    rgba: Array
    anchor: str


class _Canvas:
    """Draws into colour and coverage together, in pixels of the finished cut-out."""

    def __init__(self) -> None:
        self.planes = np.zeros((HEIGHT * _FINE, WIDTH * _FINE, 4), np.uint8)

    def line(self, start: Point, end: Point, width: float, colour: NDArray[np.float64]) -> None:
        points = [(round(x * _FINE), round(y * _FINE)) for x, y in (start, end)]
        cv2.line(self.planes, points[0], points[1], _paint(colour), max(1, round(width * _FINE)))

    def path(self, points: NDArray[np.float64], width: float, colour: NDArray[np.float64]) -> None:
        fixed = np.round(points * _FINE).astype(np.int32)
        cv2.polylines(self.planes, [fixed], False, _paint(colour), max(1, round(width * _FINE)))

    def polygon(self, points: NDArray[np.float64], colour: NDArray[np.float64]) -> None:
        cv2.fillPoly(self.planes, [np.round(points * _FINE).astype(np.int32)], _paint(colour))

    def box(self, left: float, top: float, right: float, bottom: float, colour: NDArray[np.float64]) -> None:
        self.polygon(np.array([(left, top), (right, top), (right, bottom), (left, bottom)]), colour)

    def ellipse(self, centre: Point, axes: Point, turn_deg: float, colour: NDArray[np.float64]) -> None:
        middle = (round(centre[0] * _FINE), round(centre[1] * _FINE))
        size = (max(1, round(axes[0] * _FINE)), max(1, round(axes[1] * _FINE)))
        cv2.ellipse(self.planes, middle, size, turn_deg, 0.0, 360.0, _paint(colour), -1)

    def finished(self) -> Array:
        return np.asarray(cv2.resize(self.planes, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def render_cutouts(count: int, rng: np.random.Generator) -> list[Cutout]:
    """`count` cut-outs, kinds at random by their shares."""
    kinds, shares = zip(*_KINDS, strict=True)
    chosen = rng.choice(len(kinds), count, p=np.array(shares) / sum(shares))
    return [kinds[index](rng) for index in chosen]


def place_cutout(cutout: Cutout, size_wh: tuple[int, int], horizon: float, rng: np.random.Generator) -> Array:
    """The cut-out's `rgba` warped to a frame (H, W, 4): scaled, mirrored, a little turned.

    `horizon` is the share of the frame's height, from its top, that the sky reaches down; what stands, stands
    there or lower.
    """
    width, height = size_wh
    turn = np.deg2rad(rng.normal(0.0, 3.0))
    if cutout.anchor in ("span", "floor"):
        scale = width / WIDTH * rng.uniform(1.1, 1.7)
        standing = height * horizon + HEIGHT * scale / 2 * rng.uniform(-1.0, 0.7)
        hanging = height * max(0.2, horizon) * rng.uniform(0.1, 1.0)
        centre = np.array([width / 2, standing if cutout.anchor == "floor" else hanging])
    else:
        scale = max(width, height) / WIDTH * np.exp(rng.uniform(np.log(0.55), np.log(1.5)))
        reach = HEIGHT * scale / 2
        along = width * rng.uniform(-0.05, 1.05)
        if cutout.anchor == "top":
            turn += np.deg2rad(rng.normal(0.0, 10.0))
            centre = np.array([along, reach * rng.uniform(0.7, 1.0) - 2.0])
        else:
            foot = height * horizon + rng.uniform(0.0, 1.3) * reach
            centre = np.array([along, foot - reach])
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    linear = np.array([[cos * mirror, -sin], [sin * mirror, cos]])
    shift = centre - linear @ np.array([WIDTH / 2, HEIGHT / 2])
    return np.asarray(cv2.warpAffine(cutout.rgba, np.column_stack([linear, shift]), size_wh), np.uint8)


def paste_cutout(
    image: Array, alpha: Array, valid: Array, placed: Array, gains: NDArray[np.float64]
) -> tuple[Array, Array, Array]:
    """(image, alpha, valid) with `placed` (H, W, 4) before them, its colours times `gains` (3)."""
    table = np.clip(np.arange(256)[:, None] * gains, 0, 255).astype(np.uint8)
    colour = cv2.LUT(np.ascontiguousarray(placed[..., :3]), table[:, None, :])
    cover = np.ascontiguousarray(placed[..., 3])
    clear = cv2.bitwise_not(cover)
    behind = cv2.multiply(image, cv2.merge([clear, clear, clear]), scale=1.0 / 255.0)
    kept = cv2.multiply(alpha, clear, scale=1.0 / 255.0)
    covered = np.where(cover >= 250, 255, valid).astype(np.uint8)
    return np.asarray(cv2.add(behind, colour), np.uint8), np.asarray(kept, np.uint8), covered


def _branches(rng: np.random.Generator) -> Cutout:
    canvas = _Canvas()
    bark = _bark(rng)
    hanging = rng.random() < 0.35
    for _ in range(rng.integers(1, 4)):
        start = (rng.uniform(0.1, 0.9) * WIDTH, 0.0 if hanging else float(HEIGHT))
        heading = (np.pi / 2 if hanging else -np.pi / 2) + rng.normal(0.0, 0.35)
        _grow(canvas, start, heading, rng.uniform(45, 95), rng.uniform(2.5, 9.0), bark, rng)
    return Cutout(canvas.finished(), "top" if hanging else "bottom")


def _crown(rng: np.random.Generator) -> Cutout:
    canvas = _Canvas()
    hanging = rng.random() < 0.4
    tips: list[Point] = []
    for _ in range(rng.integers(1, 4)):
        start = (rng.uniform(0.1, 0.9) * WIDTH, 0.0 if hanging else float(HEIGHT))
        heading = (np.pi / 2 if hanging else -np.pi / 2) + rng.normal(0.0, 0.3)
        _grow(canvas, start, heading, rng.uniform(40, 80), rng.uniform(3.0, 9.0), _bark(rng), rng, tips)
    _leaves(canvas, tips, rng)
    return Cutout(canvas.finished(), "top" if hanging else "bottom")


def _shrub(rng: np.random.Generator) -> Cutout:
    """A dense outline of leaves, as a hedge or the edge of a wood has it."""
    canvas = _Canvas()
    x = np.linspace(0, WIDTH, 60)
    low = rng.normal(0.0, 1.0, 60)
    outline = HEIGHT * rng.uniform(0.4, 0.8) + 40 * np.convolve(low, np.hanning(15) / 4, "same")
    green = _green(rng)
    fill = np.vstack([np.column_stack([x, outline + 14]), [(WIDTH, HEIGHT), (0, HEIGHT)]])
    canvas.polygon(fill, green * 0.6)
    tips = [(float(a), float(b + rng.uniform(-6, 30))) for a, b in zip(x, outline, strict=True)]
    _leaves(canvas, tips * 3, rng)
    return Cutout(canvas.finished(), "floor")


def _palm(rng: np.random.Generator) -> Cutout:
    canvas = _Canvas()
    for _ in range(rng.integers(1, 4)):
        top = np.array([rng.uniform(0.15, 0.85) * WIDTH, rng.uniform(0.15, 0.5) * HEIGHT])
        foot = np.array([top[0] + rng.normal(0.0, 25.0), float(HEIGHT)])
        share = np.linspace(0, 1, 12)[:, None]
        bend = np.sin(share * np.pi) * rng.normal(0.0, 12.0)
        canvas.path(foot + (top - foot) * share + np.hstack([bend, 0 * bend]), rng.uniform(2, 6), _bark(rng))
        green = _green(rng)
        for heading in rng.uniform(0, 2 * np.pi, rng.integers(10, 20)):
            length = rng.uniform(30, 70)
            t = np.linspace(0, 1, 14)
            rib = top + np.column_stack(
                [np.cos(heading) * t * length, np.sin(heading) * t * length * 0.6 + 0.5 * length * t**2]
            )
            canvas.path(rib, 0.8, green)
            for point, along in zip(rib[2:], t[2:], strict=True):
                leaf = length * 0.28 * (1.05 - along)
                for side in (-1.0, 1.0):
                    end = (float(point[0] + side * leaf * 0.5), float(point[1] + leaf))
                    canvas.line((float(point[0]), float(point[1])), end, 0.8, green * rng.uniform(0.7, 1.3))
    return Cutout(canvas.finished(), "bottom")


def _wires(rng: np.random.Generator) -> Cutout:
    canvas = _Canvas()
    shade = _grey(rng, 15, 70)
    left, right = rng.uniform(0.1, 0.9, 2) * HEIGHT
    pitch = rng.uniform(3, 30)
    thin = rng.uniform(0.3, 1.6)
    sag = rng.uniform(2, 60)
    share = np.linspace(0, 1, 60)
    for wire in range(rng.integers(1, 9)):
        drop = wire * pitch * rng.uniform(0.8, 1.2)
        y = left + (right - left) * share + drop + 4 * sag * rng.uniform(0.8, 1.2) * share * (1 - share)
        canvas.path(np.column_stack([share * WIDTH, y]), thin * rng.uniform(0.7, 1.3), shade)
    for x in rng.uniform(0, WIDTH, rng.poisson(0.4)):
        canvas.line(
            (float(x), -5.0), (float(x + rng.normal(0, 3)), float(HEIGHT)), rng.uniform(1.5, 6), shade
        )
    return Cutout(canvas.finished(), "span")


def _pylon(rng: np.random.Generator) -> Cutout:
    """A lattice mast with its wires, or a pole with cross-arms."""
    canvas = _Canvas()
    shade = _grey(rng, 25, 120)
    middle, top = WIDTH * rng.uniform(0.3, 0.7), HEIGHT * rng.uniform(0.03, 0.3)
    arms = [top + (HEIGHT - top) * share for share in np.sort(rng.uniform(0.05, 0.4, rng.integers(1, 4)))]
    reach = rng.uniform(15, 50)
    thin = rng.uniform(0.5, 1.4)
    if rng.random() < 0.5:
        spread = rng.uniform(12, 30)
        levels = np.linspace(top, HEIGHT, rng.integers(7, 13))
        halves = spread * ((levels - top) / (HEIGHT - top)) ** 1.3 + 1.5
        for side in (-1, 1):
            canvas.path(np.column_stack([middle + side * halves, levels]), thin * 1.4, shade)
            for upper in range(len(levels) - 1):
                start = (float(middle + side * halves[upper]), float(levels[upper]))
                end = (float(middle - side * halves[upper + 1]), float(levels[upper + 1]))
                canvas.line(start, end, thin, shade)
    else:
        canvas.line((middle, top), (middle, float(HEIGHT)), rng.uniform(2, 6), shade)
    share = np.linspace(0, 1, 40)
    for arm in arms:
        canvas.line((middle - reach, arm), (middle + reach, arm), thin * 1.6, shade)
        canvas.line((middle, arm - reach * 0.25), (middle + reach, arm), thin, shade)
        canvas.line((middle, arm - reach * 0.25), (middle - reach, arm), thin, shade)
        for x in (-reach, reach):
            for end_x, slope in ((0.0, rng.normal(0, 40)), (float(WIDTH), rng.normal(0, 40))):
                y = arm + 3 + slope * share + 100 * rng.uniform(0.3, 1.0) * share * (1 - share)
                canvas.path(
                    np.column_stack([middle + x + (end_x - middle - x) * share, y]), thin * 0.7, shade
                )
    return Cutout(canvas.finished(), "floor")


def _lamps(rng: np.random.Generator) -> Cutout:
    """Street lamps, masts with signs, traffic lights."""
    canvas = _Canvas()
    for _ in range(rng.integers(1, 4)):
        shade = _grey(rng, 20, 150)
        x, top = rng.uniform(0.1, 0.9) * WIDTH, rng.uniform(0.05, 0.6) * HEIGHT
        width = rng.uniform(0.8, 4.5)
        canvas.line((x, top), (x, float(HEIGHT)), width, shade)
        kind = rng.random()
        if kind < 0.55:
            side = 1.0 if rng.random() < 0.5 else -1.0
            arm = rng.uniform(12, 55)
            t = np.linspace(0, np.pi / 2, 12)
            bow = np.column_stack([x + side * arm * np.sin(t), top + rng.uniform(0, 18) * (np.cos(t) - 1)])
            canvas.path(bow, width * 0.7, shade)
            head = (float(bow[-1, 0] + side * 4), float(bow[-1, 1]))
            canvas.ellipse(head, (rng.uniform(3, 9), rng.uniform(1, 3)), rng.normal(0, 8), shade * 1.2)
        elif kind < 0.75:
            size = rng.uniform(5, 18)
            colour = rng.uniform(20, 230, 3)
            canvas.box(x - size, top, x + size, top + size * rng.uniform(0.6, 1.8), colour)
        elif kind < 0.9:
            size = rng.uniform(2.5, 6)
            canvas.box(x - size, top, x + size, top + 5 * size, _grey(rng, 10, 40))
            for light in range(3):
                canvas.ellipse(
                    (x, top + (0.9 + 1.6 * light) * size), (size * 0.6,) * 2, 0, _grey(rng, 60, 110)
                )
        else:
            canvas.ellipse((x, top), (rng.uniform(3, 7),) * 2, 0, _grey(rng, 150, 240))
    return Cutout(canvas.finished(), "bottom")


def _railing(rng: np.random.Generator) -> Cutout:
    """Rails with bars, a chain-link fence, or scaffolding."""
    canvas = _Canvas()
    shade = _grey(rng, 15, 200)
    top, tilt = HEIGHT * rng.uniform(0.05, 0.75), rng.normal(0.0, 8.0)
    thin, pitch = rng.uniform(0.5, 2.0), rng.uniform(4, 26)
    if rng.random() < 0.3:
        for offset in np.arange(-HEIGHT, WIDTH + HEIGHT, pitch):
            for side in (-1, 1):
                end = float(offset + side * (HEIGHT - top))
                canvas.line((float(offset), top), (end, float(HEIGHT)), thin * 0.6, shade)
    else:
        for x in np.arange(rng.uniform(0, pitch), WIDTH, pitch):
            level = top + tilt * (x / WIDTH - 0.5)
            canvas.line((float(x), float(level)), (float(x), float(HEIGHT)), thin, shade)
    for level in top + np.arange(rng.integers(1, 4)) * rng.uniform(8, 60):
        canvas.line((0.0, level - tilt / 2), (float(WIDTH), level + tilt / 2), thin * 1.5, shade)
    for x in np.arange(rng.uniform(0, 120), WIDTH, rng.uniform(60, 160)):
        canvas.line((float(x), top - 3), (float(x), float(HEIGHT)), thin * 2.2, shade)
    return Cutout(canvas.finished(), "floor")


def _roofs(rng: np.random.Generator) -> Cutout:
    """Houses with gables, windows, chimneys, aerials and dishes."""
    canvas = _Canvas()
    x = -rng.uniform(0, 60)
    while x < WIDTH:
        width = rng.uniform(50, 190)
        eaves = HEIGHT * rng.uniform(0.35, 0.8)
        wall = rng.uniform(60, 230) * (1 + rng.normal(0, 0.07, 3))
        canvas.box(x, eaves, x + width, HEIGHT, wall)
        ridge = eaves
        if rng.random() < 0.6:
            ridge = eaves - width * rng.uniform(0.15, 0.5)
            over = rng.uniform(0, 6)
            gable = [(x - over, eaves), (x + width / 2, ridge), (x + width + over, eaves)]
            canvas.polygon(np.array(gable), rng.uniform(30, 140) * np.array([1.1, 0.95, 0.9]))
        pitch, glass = rng.uniform(10, 22), rng.uniform(20, 240) * np.array([0.9, 0.97, 1.05])
        for row in np.arange(eaves + 8, HEIGHT, pitch * 1.3):
            for column in np.arange(x + 6, x + width - pitch * 0.7, pitch):
                shade = glass * rng.uniform(0.7, 1.2)
                canvas.box(column, row, column + pitch * 0.55, row + pitch * 0.75, shade)
        for _ in range(rng.integers(0, 3)):
            foot = x + width * rng.uniform(0.2, 0.8)
            size = rng.uniform(3, 8)
            height = rng.uniform(8, 24)
            canvas.box(foot, ridge - height * 0.3, foot + size, eaves, _grey(rng, 40, 150))
        for _ in range(rng.integers(0, 3)):
            _aerial(canvas, x + width * rng.uniform(0.1, 0.9), (ridge + eaves) / 2, rng)
        x += width * rng.uniform(0.9, 1.4)
    return Cutout(canvas.finished(), "floor")


def _aerials(rng: np.random.Generator) -> Cutout:
    canvas = _Canvas()
    for _ in range(rng.integers(1, 5)):
        _aerial(canvas, rng.uniform(0.1, 0.9) * WIDTH, float(HEIGHT), rng)
    return Cutout(canvas.finished(), "bottom")


def _aerial(canvas: _Canvas, x: float, foot: float, rng: np.random.Generator) -> None:
    shade = _grey(rng, 30, 140)
    top = foot - rng.uniform(30, 130)
    thin = rng.uniform(0.5, 1.6)
    canvas.line((x, top), (x, foot), thin * 1.4, shade)
    if rng.random() < 0.25:
        canvas.ellipse((x + 4, top + 8), (rng.uniform(4, 10), rng.uniform(4, 9)), 0, _grey(rng, 90, 220))
        return
    for level in np.arange(top + 2, top + rng.uniform(8, 40), rng.uniform(8, 16)):
        reach = rng.uniform(10, 30)
        slope = rng.normal(0, 0.12)
        canvas.line((x - reach, level - slope * reach), (x + reach, level + slope * reach), thin, shade)
        for along in np.linspace(-reach, reach, rng.integers(4, 10)):
            size = rng.uniform(3, 7)
            y = level + slope * along
            canvas.line(
                (float(x + along), float(y - size)), (float(x + along), float(y + size)), thin * 0.8, shade
            )


def _grow(
    canvas: _Canvas,
    start: Point,
    heading: float,
    length: float,
    width: float,
    bark: NDArray[np.float64],
    rng: np.random.Generator,
    tips: list[Point] | None = None,
) -> None:
    """Draws one branch as a crooked, tapering line, then its children; collects where the thin ones end."""
    point = start
    pieces = 4
    for piece in range(pieces):
        heading += rng.normal(0.0, 0.16)
        step = length / pieces
        end = (point[0] + step * np.cos(heading), point[1] + step * np.sin(heading))
        taper = width * (1.0 - 0.35 * piece / pieces)
        canvas.line(point, end, taper, bark * rng.uniform(0.85, 1.15))
        if width > 2.0:
            side = (point[0] + 0.25 * taper, point[1]), (end[0] + 0.25 * taper, end[1])
            canvas.line(*side, taper * 0.3, bark * 1.5)
        point = end
        if width < 3.0 and rng.random() < 0.5:
            _grow_child(canvas, point, heading, length, width * 0.5, bark, rng, tips)
    if tips is not None and width < 2.5:
        tips.append(point)
    for _ in range(2 if width > 1.0 else rng.integers(1, 3)):
        _grow_child(canvas, point, heading, length, width * 0.68, bark, rng, tips)


def _grow_child(
    canvas: _Canvas,
    point: Point,
    heading: float,
    length: float,
    width: float,
    bark: NDArray[np.float64],
    rng: np.random.Generator,
    tips: list[Point] | None,
) -> None:
    if width < 0.3 or length < 5:
        return
    turned = heading + rng.choice([-1.0, 1.0]) * rng.uniform(0.15, 0.8)
    _grow(canvas, point, turned, length * rng.uniform(0.6, 0.9), width, bark, rng, tips)


def _leaves(canvas: _Canvas, tips: Sequence[Point], rng: np.random.Generator) -> None:
    if not tips:
        return
    count = int(rng.uniform(500, 3500))
    green = _green(rng)
    size = rng.uniform(0.9, 4.5)
    spread = rng.uniform(3.0, 16.0)
    nodes = np.array(tips)[rng.integers(len(tips), size=count)]
    places = nodes + rng.normal(0.0, spread, (count, 2))
    for x, y in places:
        light = np.exp(rng.normal(0.0, 0.35))
        axes = (size * rng.uniform(0.6, 1.3), size * rng.uniform(0.25, 0.8))
        canvas.ellipse((float(x), float(y)), axes, rng.uniform(0, 180), green * light)


def _bark(rng: np.random.Generator) -> NDArray[np.float64]:
    return np.asarray(rng.uniform(25, 110) * np.array([1.08, 1.0, 0.9]) * (1 + rng.normal(0, 0.05, 3)))


def _green(rng: np.random.Generator) -> NDArray[np.float64]:
    if rng.random() < 0.2:
        return np.asarray(rng.uniform(90, 190) * np.array([1.0, rng.uniform(0.45, 0.8), 0.25]))
    return np.asarray(rng.uniform(50, 140) * np.array([rng.uniform(0.5, 0.95), 1.0, rng.uniform(0.2, 0.6)]))


def _grey(rng: np.random.Generator, low: float, high: float) -> NDArray[np.float64]:
    return np.asarray(rng.uniform(low, high) * (1 + rng.normal(0, 0.04, 3)))


def _paint(colour: NDArray[np.float64]) -> tuple[int, int, int, int]:
    red, green, blue = (int(min(255.0, max(0.0, part))) for part in colour)
    return red, green, blue, 255


_KINDS: tuple[tuple[Callable[[np.random.Generator], Cutout], float], ...] = (
    (_branches, 0.22),
    (_crown, 0.22),
    (_shrub, 0.05),
    (_palm, 0.04),
    (_wires, 0.16),
    (_pylon, 0.07),
    (_lamps, 0.1),
    (_railing, 0.06),
    (_roofs, 0.05),
    (_aerials, 0.03),
)
"""What is drawn, and how large a share of the pool."""
