"""Steady winds over a photo's sky (Eulerian fields), and where they carry things in any time.

Positions are pixels (x, y) of the photo, y down. Beside the photo a field goes on as the photo's mirror
images do, but the wind keeps its direction; above and below it goes on as at the edge.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.frame import F32, F64
from app.jit import jit
from living.specs import Arrow, Wind

NODES = 97
"""Of a field, along the photo's longer side."""
REFERENCE_WIDTH = 1280
"""Winds are given in pixels of a photo of this width."""
_FOCAL = 0.5 / math.tan(math.radians(30.0))
"""Of the photo, in its widths: a view of 60 degrees."""
_ARROW_CORE = 0.02
"""Within this share of the photo's longer side an arrow has its place to itself."""
_STEP_SHARE = 0.01
"""Things move by at most this share of the photo's longer side from one time of a table to the next."""
_MOST_STEPS = 240


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A steady wind over a photo.

    velocity: float32 (rows, columns, 2), x and y in pixels per second, at nodes that are spread evenly from
    the photo's first pixel to its last.
    """

    size_wh: tuple[int, int]
    velocity: F32

    @property
    def fastest(self) -> float:
        """Largest speed, in pixels per second."""
        return float(np.hypot(self.velocity[..., 0], self.velocity[..., 1]).max())

    @property
    def cell_xy(self) -> tuple[float, float]:
        """Pixels between two nodes."""
        rows, columns = self.velocity.shape[:2]
        width, height = (max(length - 1, 1) for length in self.size_wh)
        return width / (columns - 1), height / (rows - 1)

    def displacement(self, seconds: float) -> F32:
        """How far what is at each node has gone after `seconds`, in pixels: float32 (rows, columns, 2).

        Negative times tell where what is seen at a node has come from.
        """
        table = self.table(abs(seconds))
        return np.asarray(table.steps[-1 if seconds >= 0 else 0], np.float32)

    def table(self, seconds: float) -> "Table":
        """Displacements from `-seconds` to `seconds`, for look-ups in between."""
        reach = self.fastest * seconds / (_STEP_SHARE * max(self.size_wh))
        count = min(max(1, math.ceil(reach)), _MOST_STEPS)
        rows, columns = self.velocity.shape[:2]
        steps = np.zeros((2 * count + 1, rows, columns, 2), np.float32)
        if seconds > 0 and self.fastest > 0:
            # In nodes, and in nodes per step.
            scale = np.array(self.cell_xy)
            velocity = np.asarray(self.velocity / scale * (seconds / count), np.float64)
            _integrate(velocity, 1.0, steps[count:])
            _integrate(velocity, -1.0, steps[count::-1])
            steps *= scale.astype(np.float32)
        return Table(self, seconds / count, steps)

    def at(self, x: F64, y: F64) -> F64:
        """Velocities, float64 (n, 2), at positions, float64 (n,) each."""
        cell_x, cell_y = self.cell_xy
        velocity = np.asarray(self.velocity, np.float64)
        return _at(velocity, np.asarray(x, np.float64) / cell_x, np.asarray(y, np.float64) / cell_y)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Displacements by a field at times `interval` apart, the middle one 0.

    steps: float32 (2 n + 1, rows, columns, 2).
    """

    field: Field
    interval: float
    steps: F32

    def displacement(self, seconds: float) -> F32:
        """As `Field.displacement`, for times up to the table's."""
        middle = len(self.steps) // 2
        place = min(max(middle + (seconds / self.interval if self.interval else 0.0), 0.0), 2.0 * middle)
        before = min(int(place), max(2 * middle - 1, 0))
        after = min(before + 1, 2 * middle)
        share = np.float32(place - before)
        if share == 0.0:
            return np.asarray(self.steps[before], np.float32)
        return np.asarray(self.steps[before] + share * (self.steps[after] - self.steps[before]), np.float32)


def wind_field(size_wh: tuple[int, int], horizon: float, wind: Wind) -> Field:
    """The field of a level layer of cloud that a wind carries on: slower and slower towards the horizon.

    horizon: its row in pixels, may lie below the photo. The wind's direction is that in the photo's middle
    column; its speed is reached where the field is fastest. Below the horizon nothing moves.
    """
    x, y = _nodes(size_wh)
    focal = _FOCAL * size_wh[0]
    up = np.maximum(horizon - y, 0.0)[:, None] / focal
    aside = (x - 0.5 * (size_wh[0] - 1))[None] / focal
    right, above = math.cos(math.radians(wind.degrees)), math.sin(math.radians(wind.degrees))
    # What is at (aside, up) lies over the ground at (aside, 1) / up, in heights of the layer.
    velocity = np.empty((len(y), len(x), 2))
    velocity[..., 0] = up * (right + aside * above)
    velocity[..., 1] = -up * up * above
    fastest = np.hypot(velocity[..., 0], velocity[..., 1]).max()
    speed = wind.px_per_s * size_wh[0] / REFERENCE_WIDTH
    scale = speed / fastest if fastest > 0 else 0.0
    return Field(size_wh, np.asarray(scale * velocity, np.float32))


def arrow_field(size_wh: tuple[int, int], arrows: Sequence[Arrow]) -> Field:
    """The field that has each arrow's wind at its place, and smooth mixtures of them in between.

    Inverse distance weights (Shepard 1968). An arrow without speed holds the sky still around it. No arrows:
    no wind.
    """
    x, y = _nodes(size_wh)
    longer = max(size_wh)
    total = np.zeros((len(y), len(x), 2))
    weights = np.full((len(y), len(x)), 1e-12)
    for arrow in arrows:
        across = (x - arrow.x * (size_wh[0] - 1))[None] / longer
        down = (y - arrow.y * (size_wh[1] - 1))[:, None] / longer
        weight = 1.0 / (across * across + down * down + _ARROW_CORE**2) ** 2
        speed = arrow.wind.px_per_s * size_wh[0] / REFERENCE_WIDTH
        angle = math.radians(arrow.wind.degrees)
        total += weight[..., None] * np.array([speed * math.cos(angle), -speed * math.sin(angle)])
        weights += weight
    return Field(size_wh, np.asarray(total / weights[..., None], np.float32))


def _nodes(size_wh: tuple[int, int]) -> tuple[F64, F64]:
    longer = max(size_wh)
    columns, rows = (max(3, round((NODES - 1) * length / longer) + 1) for length in size_wh)
    return np.linspace(0.0, size_wh[0] - 1, columns), np.linspace(0.0, size_wh[1] - 1, rows)


@jit
def _bilinear(velocity: F64, x: float, y: float) -> tuple[float, float]:
    """The velocity at a place in nodes; beyond the edges as the module says."""
    rows, columns, _ = velocity.shape
    span = columns - 1.0
    x = x - 2.0 * span * math.floor(x / (2.0 * span))
    x = min(x, 2.0 * span - x)
    y = min(max(y, 0.0), rows - 1.0)
    i, j = min(int(x), columns - 2), min(int(y), rows - 2)
    u, v = x - i, y - j
    across_x = velocity[j, i, 0] + u * (velocity[j, i + 1, 0] - velocity[j, i, 0])
    across_y = velocity[j, i, 1] + u * (velocity[j, i + 1, 1] - velocity[j, i, 1])
    below_x = velocity[j + 1, i, 0] + u * (velocity[j + 1, i + 1, 0] - velocity[j + 1, i, 0])
    below_y = velocity[j + 1, i, 1] + u * (velocity[j + 1, i + 1, 1] - velocity[j + 1, i, 1])
    return across_x + v * (below_x - across_x), across_y + v * (below_y - across_y)


@jit
def _at(velocity: F64, x: F64, y: F64) -> F64:
    result = np.empty((x.shape[0], 2))
    for n in range(x.shape[0]):
        result[n, 0], result[n, 1] = _bilinear(velocity, x[n], y[n])
    return result


@jit
def _integrate(velocity: F64, sign: float, steps: F32) -> None:
    """Displacements of all nodes after 0, 1, 2 ... steps of time, by Runge and Kutta's method."""
    _, rows, columns, _ = steps.shape
    for row in range(rows):
        for column in range(columns):
            x, y = float(column), float(row)
            for n in range(1, steps.shape[0]):
                ax, ay = _bilinear(velocity, x, y)
                bx, by = _bilinear(velocity, x + 0.5 * sign * ax, y + 0.5 * sign * ay)
                cx, cy = _bilinear(velocity, x + 0.5 * sign * bx, y + 0.5 * sign * by)
                dx, dy = _bilinear(velocity, x + sign * cx, y + sign * cy)
                x += sign * (ax + 2.0 * bx + 2.0 * cx + dx) / 6.0
                y += sign * (ay + 2.0 * by + 2.0 * cy + dy) / 6.0
                steps[n, row, column, 0] = x - column
                steps[n, row, column, 1] = y - row
