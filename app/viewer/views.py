"""Composited -> a picture of the screen's size, in one of the views. Knows nothing of Qt."""

import math
from enum import StrEnum
from fractions import Fraction
from functools import cache
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app import camera
from app.colour import rgb_from_yuv
from app.frame import (
    F64,
    I32,
    NO_SPANS,
    U8,
    Colour,
    Composited,
    Foreground,
    Found,
    Frame,
    Motion,
    Planes,
    PointKind,
    Tracked,
    Tracking,
)
from app.jit import jit
from app.shrink import shrink

Rgb = tuple[int, int, int]


class View(StrEnum):
    """What the screen shows of a composited frame."""

    RESULT = "result"
    ORIGINAL = "original"
    ALPHA = "alpha"
    TRACKING = "tracking"
    SPLIT = "split"


class Caption(NamedTuple):
    """A few words on what a view shows, and the colour (R, G, B) of the dot before them."""

    text: str
    rgb: Rgb


SKY_RGB: Final[Rgb] = (70, 156, 255)
STATE_RGB: Final[dict[Tracking, Rgb]] = {
    Tracking.TRACKED: (82, 214, 148),
    Tracking.PREDICTED: (255, 186, 72),
    Tracking.LOST: (255, 98, 92),
}

KIND_RGB: Final[dict[PointKind, Rgb]] = {
    PointKind.SKY: SKY_RGB,
    PointKind.LAND: (82, 214, 148),
    PointKind.NEAR: (255, 186, 72),
    PointKind.MOVING: (255, 98, 92),
    PointKind.FIXED: (206, 148, 255),
}

_SKY_TINT: Final = 0.62
_GROUND_LIGHT: Final = 0.7
"""Share of the sky's colour in the alpha view, and what is left there of the ground's brightness."""

_DIMMED: Final = 0.42
"""What is left of the original's brightness and colour under the tracked points."""

_TAIL: Final = 4.0
"""The line behind a point is so many times as long as its motion, which alone would hardly be seen."""

_SPACING_DEG: Final = (2.0, 5.0, 10.0, 15.0)
_LINES: Final = 7
"""Degrees between the lines of the grid: the one with which the view is most nearly so many of them wide."""

_SAMPLES: Final = 361
"""Each line of the grid is given, and looked at, at so many points: is there sky?"""

_AHEAD: Final = 0.1
_NOWHERE: Final = -1e6
"""Directions that are seen at less than this cosine from straight ahead are drawn nowhere."""

_SUBPIXEL_BITS: Final = 4


def fitted(size_wh: tuple[int, int], room_wh: tuple[int, int]) -> tuple[int, int]:
    """The largest size, at least 1x1, that has the aspect of one and fits into the other."""
    scale = min(room_wh[0] / size_wh[0], room_wh[1] / size_wh[1])
    return max(1, round(size_wh[0] * scale)), max(1, round(size_wh[1] * scale))


def draw(composited: Composited, view: View, split_x: float, room_wh: tuple[int, int]) -> U8:
    """The view at the largest size that fits into `room_wh`, uint8 (H, W, 4).

    The channels are blue, green, red and 255: in memory, what Qt calls RGB32. `split_x` is the share of the
    width on the left of which the split view shows the original.
    """
    frame = composited.frame
    size_wh = fitted(frame.planes.size_wh, room_wh)
    match view:
        case View.RESULT:
            return _picture(composited.planes, frame.colour, size_wh)
        case View.ORIGINAL:
            return _picture(frame.planes, frame.colour, size_wh)
        case View.SPLIT:
            return _picture(_joined(frame.planes, composited.planes, split_x), frame.colour, size_wh)
        case View.ALPHA:
            return _alpha(composited.tracked, size_wh)
        case View.TRACKING:
            return _tracking(composited.tracked, size_wh)


@cache
def warm_up() -> None:
    """Have the code of all views compiled, once; else the first picture of a view takes its time for that."""
    luma, chroma = np.zeros((2, 2), np.uint8), np.zeros((1, 1), np.uint8)
    frame = Frame(Planes(luma, chroma, chroma), 0, 0, Fraction(1), Colour(), 0)
    motion = Motion(np.eye(3), np.eye(3), camera.first_view(camera.Camera((2, 2), 2.0)), Tracking.TRACKED, 0)
    packet = Composited(
        Tracked(frame, luma, motion, Foreground(frame.planes, NO_SPANS), Found(0, 1)), frame.planes
    )
    for view in View:
        draw(packet, view, 0.5, (2, 2))


def caption(composited: Composited, view: View) -> Caption | None:
    """What is to be said of the picture in this view; None where it speaks for itself."""
    tracked = composited.tracked
    if view is View.ALPHA:
        return Caption(f"sky {cv2.mean(tracked.alpha)[0] / 2.55:.0f} %", SKY_RGB)
    if view is View.TRACKING:
        motion = tracked.motion
        yaw, pitch, roll = _looking(motion.rotation)
        text = (
            f"{motion.state}  ·  {motion.inliers} of {len(motion.points)} points"
            f"  ·  yaw {yaw:.1f}° pitch {pitch:.1f}° roll {roll:.1f}° ± {motion.sigma_deg:.2f}°"
            f"  ·  {motion.fov_deg:.1f}° wide"
        )
        return Caption(text, STATE_RGB[motion.state])
    return None


def _picture(planes: Planes, colour: Colour, size_wh: tuple[int, int], brightness: float = 1.0) -> U8:
    width, height = _drawn_wh(planes.size_wh, size_wh)
    half = (width + 1) // 2, (height + 1) // 2
    out = np.empty((height, width), np.int32)
    weights, black = _weights(colour, brightness)
    y, u, v = _shrunk(planes.y, (width, height)), _shrunk(planes.u, half), _shrunk(planes.v, half)
    _pack(y, u, v, weights, black, out)
    return _enlarged(out, size_wh)


def _shrunk(plane: U8, size_wh: tuple[int, int]) -> U8:
    """Always read-only, as frames are: the kernels are compiled for that alone."""
    small = shrink(plane, size_wh).view()
    small.setflags(write=False)
    return small


def _drawn_wh(source_wh: tuple[int, int], size_wh: tuple[int, int]) -> tuple[int, int]:
    """The size to convert at: small pictures are enlarged when that is done, large ones reduced before."""
    return min(source_wh, size_wh)


def _enlarged(packed: I32, size_wh: tuple[int, int]) -> U8:
    pixels = packed.view(np.uint8).reshape(*packed.shape, 4)
    if (packed.shape[1], packed.shape[0]) == size_wh:
        return pixels
    return np.asarray(cv2.resize(pixels, size_wh, interpolation=cv2.INTER_LINEAR), np.uint8)


@cache
def _weights(colour: Colour, brightness: float = 1.0) -> tuple[I32, int]:
    """What `_pack` multiplies with, in 16.16 fixed point, and the level of black."""
    matrix, offset = rgb_from_yuv(colour)
    factors = brightness * 65536 * matrix[[0, 0, 1, 1, 2], [0, 2, 1, 2, 1]]
    return np.rint(factors).astype(np.int32), int(offset[0])


@jit
def _pack(y: U8, u: U8, v: U8, weights: I32, black: int, out: I32) -> None:
    """0xffRRGGBB of each pixel, each chroma sample shared by its 2x2 block.

    In one pass, without planes in between: writing fresh memory costs more than the arithmetic. What the
    chroma adds is kept for the row below, in arrays of their own, or the loop over a row is not vectorised.
    """
    height, width = y.shape
    luma, red_v, green_u, green_v, blue_u = weights
    half = (width + 1) // 2
    red = np.empty(2 * half, np.int32)
    green, blue = np.empty_like(red), np.empty_like(red)
    for row in range(height):
        if row % 2 == 0:
            for column in range(half):
                cb = np.int32(u[row // 2, column]) - np.int32(128)
                cr = np.int32(v[row // 2, column]) - np.int32(128)
                red[2 * column] = red[2 * column + 1] = red_v * cr
                green[2 * column] = green[2 * column + 1] = green_u * cb + green_v * cr
                blue[2 * column] = blue[2 * column + 1] = blue_u * cb
        for column in range(width):
            grey = luma * (np.int32(y[row, column]) - np.int32(black)) + np.int32(32768)
            r = np.int32(min(max((grey + red[column]) >> 16, 0), 255))
            g = np.int32(min(max((grey + green[column]) >> 16, 0), 255))
            b = np.int32(min(max((grey + blue[column]) >> 16, 0), 255))
            out[row, column] = np.int32(-16777216) | np.int32(r << 16) | np.int32(g << 8) | b


def _joined(left: Planes, right: Planes, split_x: float) -> Planes:
    """The left picture up to that share of the width, the right one from there on."""
    column = round(min(max(split_x, 0.0), 1.0) * left.y.shape[1])
    joined = []
    for a, b, at in zip(left, right, (column, (column + 1) // 2, (column + 1) // 2), strict=True):
        plane = b.copy()
        plane[:, :at] = a[:, :at]
        joined.append(plane)
    return Planes(*joined)


def _alpha(tracked: Tracked, size_wh: tuple[int, int]) -> U8:
    """The original in grey, its sky tinted by as much as alpha says."""
    drawn_wh = _drawn_wh(tracked.frame.planes.size_wh, size_wh)
    weights, black = _weights(tracked.frame.colour)
    out = np.empty(drawn_wh[::-1], np.int32)
    _tint(
        _shrunk(tracked.frame.planes.y, drawn_wh),
        _shrunk(tracked.alpha, drawn_wh),
        weights[0] / 65536,
        black,
        np.array(SKY_RGB, np.float32),
        out,
    )
    return _enlarged(out, size_wh)


@jit
def _tint(luma: U8, alpha: U8, gain: float, black: int, sky: NDArray[np.float32], out: I32) -> None:
    height, width = luma.shape
    scale, lowest = np.float32(gain), np.float32(black)
    for row in range(height):
        for column in range(width):
            level = scale * (np.float32(luma[row, column]) - lowest)
            grey = min(max(level, np.float32(0)), np.float32(255))
            share = np.float32(alpha[row, column]) * np.float32(1 / 255)
            kept = grey * (np.float32(_GROUND_LIGHT) + share * np.float32(1 - _SKY_TINT - _GROUND_LIGHT))
            share *= np.float32(_SKY_TINT)
            r = np.int32(kept + share * sky[0])
            g = np.int32(kept + share * sky[1])
            b = np.int32(kept + share * sky[2])
            out[row, column] = np.int32(-16777216) | np.int32(r << 16) | np.int32(g << 8) | b


def _tracking(tracked: Tracked, size_wh: tuple[int, int]) -> U8:
    """The original dimmed; over it a grid that moves with the sky, and the points that were followed."""
    frame = tracked.frame
    picture = _picture(frame.planes, frame.colour, size_wh, _DIMMED)
    scale = np.divide(size_wh, frame.planes.size_wh)
    pen = max(1, round(size_wh[1] / 500))
    _draw_grid(picture, tracked, scale, pen)
    _draw_points(picture, tracked.motion, scale, pen)
    return picture


def _looking(rotation: F64) -> tuple[float, float, float]:
    """(to the right, upwards, clockwise) in degrees: where the camera looks; at first, straight ahead."""
    yaw = math.atan2(rotation[0, 2], rotation[2, 2])
    pitch = math.asin(min(max(-rotation[1, 2], -1.0), 1.0))
    roll = math.atan2(rotation[1, 0], rotation[1, 1])
    return tuple(math.degrees(angle) + 0.0 for angle in (yaw, pitch, roll))  # type: ignore[return-value]


def _draw_grid(picture: U8, tracked: Tracked, scale: F64, pen: int) -> None:
    """Draw lines that are fixed to the world, where there is sky; the horizon everywhere."""
    height, width = tracked.alpha.shape
    lines = _grid(tracked.motion.view)
    x, y = np.rint(lines).astype(np.intp).transpose(2, 0, 1)
    beyond = max(width, height) // 20  # so that lines reach the rim
    inside = (x > -beyond) & (x < width + beyond) & (y > -beyond) & (y < height + beyond)
    on_sky = inside & (tracked.alpha[y.clip(0, height - 1), x.clip(0, width - 1)] >= 128)
    _draw_runs(picture, lines[1:], on_sky[1:], scale, (150, 128, 104), (pen + 1) // 2)
    _draw_runs(picture, lines[:1], inside[:1], scale, (214, 196, 168), pen)


def _draw_runs(picture: U8, lines: F64, shown: NDArray[np.bool_], scale: F64, bgr: Rgb, pen: int) -> None:
    """Draw of each line, float64 (L, N, 2), the runs of its points that are shown, bool (L, N)."""
    edges = np.diff(np.pad(shown, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    line, first = np.nonzero(edges == 1)
    last = np.nonzero(edges == -1)[1]
    at = np.rint(_on_screen(lines, scale) * 2**_SUBPIXEL_BITS)
    runs = [at[n, a:b].astype(np.int32) for n, a, b in zip(line, first, last, strict=True) if b > a + 1]
    cv2.polylines(picture, runs, False, (*bgr, 255), pen, cv2.LINE_AA, _SUBPIXEL_BITS)


def _draw_lines(picture: U8, ends: F64, scale: F64, bgr: Rgb, pen: int) -> None:
    """Draw lines between two ends each, float64 (N, 2, 2), in luma pixels of the frame."""
    at = np.rint(_on_screen(ends, scale) * 2**_SUBPIXEL_BITS).astype(np.int32, order="C")
    cv2.polylines(picture, list(at), False, (*bgr, 255), pen, cv2.LINE_AA, _SUBPIXEL_BITS)


def _on_screen(xy: F64, scale: F64) -> F64:
    return np.asarray((xy + 0.5) * scale - 0.5, np.float64)


def _grid(view: camera.View) -> F64:
    """Lines of equal height and azimuth as the camera sees them, float64 (L, N, 2); the horizon first.

    Points that are not in front of the camera lie far outside of the picture.
    """
    spacing = min(_SPACING_DEG, key=lambda degrees: abs(view.camera.fov_deg / degrees - _LINES))
    seen = _directions(spacing) @ (view.rotation @ view.camera.matrix.T)
    ahead = seen[..., 2:]
    pixels = np.where(ahead > _AHEAD, seen[..., :2] / np.maximum(ahead, _AHEAD), _NOWHERE)
    return np.asarray(pixels.clip(_NOWHERE, -_NOWHERE), np.float64)


@cache
def _directions(spacing_deg: float) -> F64:
    """Points of the grid's lines as directions in the world, float64 (L, N, 3)."""
    rounds = np.linspace(-180, 180, _SAMPLES)
    heights = np.arange(spacing_deg, 90, spacing_deg)
    level = [(rounds, np.full(_SAMPLES, height)) for height in (0.0, *heights, *-heights)]
    climb = np.linspace(-90, 90, _SAMPLES)
    upright = [(np.full(_SAMPLES, azimuth), climb) for azimuth in np.arange(-180, 180, spacing_deg)]
    azimuth, height = np.radians(np.array(level + upright)).transpose(1, 0, 2)
    return np.stack(
        [np.cos(height) * np.sin(azimuth), -np.sin(height), np.cos(height) * np.cos(azimuth)], axis=-1
    )


def _draw_points(picture: U8, motion: Motion, scale: F64, pen: int) -> None:
    points = motion.points.astype(np.float64).reshape(-1, 2, 2)
    radius = 2 * pen * 2**_SUBPIXEL_BITS
    for kind, (red, green, blue) in KIND_RGB.items():
        before, now = points[motion.kinds == kind].transpose(1, 0, 2)
        tails = np.stack([now + _TAIL * (before - now), now], axis=1)
        _draw_lines(picture, tails, scale, (blue, green, red), pen)
        for x, y in np.rint(_on_screen(now, scale) * 2**_SUBPIXEL_BITS).astype(int).tolist():
            cv2.circle(
                picture, (x, y), radius, (blue, green, red, 255), cv2.FILLED, cv2.LINE_AA, _SUBPIXEL_BITS
            )
