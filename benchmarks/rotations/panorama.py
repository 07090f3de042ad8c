"""A 360 degree panorama as a camera sees it, and where in it there is sky."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from app.camera import Camera
from app.colour import planes_from_rgb
from app.errors import SkyLiveError
from app.frame import F32, F64, U8, Colour, Planes
from app.jit import jit
from benchmarks.rotations.paths import turned

COLOUR = Colour()
"""BT.709, limited range, chroma sited left: how all rendered clips are stored."""

WIDTH = 8192
"""Panoramas are brought to this width by a cubic filter: a texel is then no larger than a pixel of a
1280 pixel wide view of 60 degrees, and linear interpolation between texels exact enough."""

_MASK_WIDTH = 2048
_VIEW = Camera.from_fov((640, 640), 100.0)
_HEADINGS = 8
_ELEVATIONS_DEG = (0.0, 30.0)
_HIGHEST_DEG = 74.0
"""Views with land in them, by which a network knows a sky; what is highest in them goes on to the zenith."""

_BELOW_DEG = 3.0
"""So far below the horizon nothing is sky, whatever is mirrored in water."""

_RGBE_BIAS = 128 + 8

_SPAN = 4
_NEAR_POLE = 0.35
"""Between places so many pixels apart, a ray's is interpolated linearly (error below 0.005 pixels), unless
the cosine of the latitude is smaller than this."""


class PanoramaError(SkyLiveError):
    """A panorama cannot be read."""


@dataclass(frozen=True, slots=True, eq=False)
class Panorama:
    """Equirectangular planes in I420 and the sky's alpha, uint8 (H, W), W = 2 H = 8192.

    The middle column lies ahead (z), the right quarter to the right (x), the top row is the zenith (-y).
    """

    planes: Planes
    alpha: U8

    def seen(self, camera: Camera, rotation: F64) -> tuple[Planes, U8]:
        """The picture (I420) and its alpha, uint8 (H, W), of a camera turned by `rotation`, (3, 3): from the
        camera's coordinates to the panorama's."""
        width, height = camera.size_wh
        to_world = rotation @ camera.inverse
        y, alpha = np.empty((height, width), np.uint8), np.empty((height, width), np.uint8)
        u, v = (np.empty(((height + 1) // 2, (width + 1) // 2), np.uint8) for _ in range(2))
        _look_up(self.planes.y, self.alpha, to_world, 1.0, 0.0, 0.0, y, alpha)
        _look_up(self.planes.u, self.planes.v, to_world, 2.0, *COLOUR.chroma_xy, u, v)
        return Planes(y, u, v), alpha


def read_rgb(path: Path) -> U8:
    """RGB, uint8 (H, W, 3), of a panorama file; radiances (.hdr, .rgbe8.png cube maps) are tone-mapped."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise PanoramaError(f"{path}: cannot be read as a picture")
    if path.name.endswith(".cube.rgbe8.png"):
        return _tone_mapped(_from_cube(_radiance(np.asarray(picture, np.uint8))))
    if picture.dtype == np.float32:
        return _tone_mapped(np.asarray(picture[..., ::-1], np.float32))
    return np.ascontiguousarray(picture[..., 2::-1], np.uint8)


def large(rgb: U8) -> U8:
    """The panorama at the width that is rendered from, continued across its seam by the filter."""
    width = rgb.shape[1]
    margin = 8
    wide = np.concatenate([rgb[:, -margin:], rgb, rgb[:, :margin]], axis=1)
    scale = WIDTH / width
    edge = round(margin * scale)
    filter_ = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    big = cv2.resize(wide, (WIDTH + 2 * edge, WIDTH // 2), interpolation=filter_)
    return np.ascontiguousarray(big[:, edge : edge + WIDTH], np.uint8)


def flattened(rgb: U8, alpha: U8) -> U8:
    """The panorama with a sky of two colours that run into each other from horizon to zenith; any size."""
    rows = np.arange(rgb.shape[0])
    elevation = np.clip(1 - 2 * (rows + 0.5) / rgb.shape[0], 0, 1)[:, None, None]
    sky = alpha > 242
    low, high = (
        rgb[sky & (elevation[..., 0] >= from_) & (elevation[..., 0] < to)].mean(axis=0)
        for from_, to in ((0.05, 0.35), (0.35, 1.0))
    )
    flat = low + (high - low) * elevation
    share = (alpha / 255.0).astype(np.float32)[..., None]
    return np.asarray(np.rint(flat * share + rgb * (1 - share)), np.uint8)


def find_sky(rgb: U8, matte: Callable[[Planes], U8]) -> U8:
    """The sky's alpha of a panorama, uint8 (1024, 2048): `matte` of 16 views around, laid together.

    `matte` gives the alpha, uint8 (H, W), of an I420 picture.
    """
    height = _MASK_WIDTH // 2
    whole = Panorama(planes_from_rgb(rgb, COLOUR), np.zeros(rgb.shape[:2], np.uint8))
    total, weight = np.zeros((2, height, _MASK_WIDTH), np.float32)
    rays = directions(height)
    for elevation_deg in _ELEVATIONS_DEG:
        for heading in np.arange(_HEADINGS) * 2 * math.pi / _HEADINGS:
            rotation = turned(np.array(heading), np.array(math.radians(elevation_deg)), np.array(0.0))
            alpha = matte(whole.seen(_VIEW, rotation)[0])
            x, y, near = _projected(rays, _VIEW, rotation)
            total += near * cv2.remap(alpha, x, y, cv2.INTER_LINEAR)
            weight += near
    share = total / np.maximum(weight, 1e-6)
    highest = round((90 - _HIGHEST_DEG) / 180 * height)
    share[:highest] = share[highest]
    share[rays[..., 1] > math.sin(math.radians(_BELOW_DEG))] = 0
    # What is nearly decided is decided: a clip's alpha shall not be soft where nothing is.
    return np.asarray(np.clip(np.rint((share - 64) * 255 / 128), 0, 255), np.uint8)


def directions(height: int) -> F32:
    """Unit vectors, float32 (H, 2 H, 3), of an equirectangular picture's texels."""
    longitude = ((np.arange(2 * height) + 0.5) / height - 1) * math.pi
    latitude = (0.5 - (np.arange(height) + 0.5) / height) * math.pi
    level = np.cos(latitude)[:, None]
    return np.stack(
        np.broadcast_arrays(level * np.sin(longitude), -np.sin(latitude)[:, None], level * np.cos(longitude)),
        axis=-1,
    ).astype(np.float32)


def _projected(rays: F32, camera: Camera, rotation: F64) -> tuple[F32, F32, F32]:
    """Where rays (H, W, 3) meet a picture (x, y), and a weight: 1 in its middle, 0 at its rim and beyond."""
    seen = rays @ rotation
    ahead = np.maximum(seen[..., 2], 1e-3)
    width, height = camera.size_wh
    x = camera.focal_px * seen[..., 0] / ahead + (width - 1) / 2
    y = camera.focal_px * seen[..., 1] / ahead + (height - 1) / 2
    rim = np.minimum(np.minimum(x, width - 1 - x), np.minimum(y, height - 1 - y))
    near = np.where(seen[..., 2] > 1e-3, np.clip(rim / (0.1 * height), 0, 1), 0)
    return x.astype(np.float32), y.astype(np.float32), near.astype(np.float32)


def _radiance(rgbe: U8) -> F32:
    """Linear RGB of RGBE stored as BGRA by the reader."""
    scale = np.ldexp(np.float32(1), rgbe[..., 3].astype(np.int32) - _RGBE_BIAS)
    return np.asarray(rgbe[..., 2::-1] * scale[..., None], np.float32)


def _from_cube(faces: F32) -> F32:
    """Equirectangular picture of six faces above each other: +x, -x, +y (up), -y, +z, -z (OpenGL's order)."""
    side = faces.shape[1]
    rays = directions(2 * side).reshape(-1, 3)
    right, up, back = rays[:, 0], -rays[:, 1], -rays[:, 2]
    size = np.abs(np.stack([right, up, back], axis=1))
    axis = size.argmax(axis=1)
    along = size.max(axis=1)
    choose = [axis == 0, axis == 1, axis == 2]
    s = np.select(choose, [-np.sign(right) * back, right, np.sign(back) * right]) / along
    t = np.select(choose, [-up, np.sign(up) * back, -up]) / along
    negative = np.select(choose, [right < 0, up < 0, back < 0])
    face = 2 * axis + negative
    column = np.clip((s + 1) / 2 * side - 0.5, 0, side - 1)
    row = np.clip((t + 1) / 2 * side - 0.5, 0, side - 1) + face * side
    shape = (2 * side, 4 * side)
    x, y = (part.astype(np.float32).reshape(shape) for part in (column, row))
    return np.asarray(cv2.remap(faces, x, y, cv2.INTER_LINEAR), np.float32)


def _tone_mapped(radiance: F32) -> U8:
    """Display levels: the median at a third, bright parts rolled off."""
    luminance = radiance @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    scaled = radiance * (0.18 / float(np.median(luminance)))
    mapped = scaled * (1 + scaled / 16) / (1 + scaled)
    return np.asarray(np.rint(255 * np.clip(mapped, 0, 1) ** (1 / 2.2)), np.uint8)


@jit
def _place(to_world: F64, px: float, py: float, width: int) -> tuple[float, float, float]:
    """Column and row in an equirectangular picture of a pixel's ray, and the cosine of its latitude."""
    x = to_world[0, 0] * px + to_world[0, 1] * py + to_world[0, 2]
    y = to_world[1, 0] * px + to_world[1, 1] * py + to_world[1, 2]
    z = to_world[2, 0] * px + to_world[2, 1] * py + to_world[2, 2]
    per_radian = width / (2 * math.pi)
    level = math.sqrt(x * x + z * z)
    column = (math.atan2(x, z) + math.pi) * per_radian - 0.5
    row = (math.atan2(y, level) + math.pi / 2) * per_radian - 0.5
    return column, row, level / math.sqrt(level * level + y * y)


@jit
def _look_up(
    first: U8, second: U8, to_world: F64, step: float, left: float, top: float, out: U8, other: U8
) -> None:
    """Two equirectangular planes of one size along the rays of pixels (left + step x, top + step y).

    Places in the panorama are exact at every fourth pixel and interpolated between, except near the poles.
    """
    height, width = first.shape
    for row in range(out.shape[0]):
        py = top + step * row
        end_x, end_y, end_level = _place(to_world, left, py, width)
        for begin in range(0, out.shape[1], _SPAN):
            begin_x, begin_y, begin_level = end_x, end_y, end_level
            end_x, end_y, end_level = _place(to_world, left + step * (begin + _SPAN), py, width)
            across_end = end_x
            if across_end - begin_x > width / 2:
                across_end -= width
            elif begin_x - across_end > width / 2:
                across_end += width
            exact = min(begin_level, end_level) < _NEAR_POLE
            for i in range(min(_SPAN, out.shape[1] - begin)):
                if exact:
                    across, down, _ = _place(to_world, left + step * (begin + i), py, width)
                else:
                    across = begin_x + (across_end - begin_x) * i / _SPAN
                    down = begin_y + (end_y - begin_y) * i / _SPAN
                down = min(max(down, 0.0), height - 1.001)
                c, r = math.floor(across), int(down)
                right, below = np.float32(across - c), np.float32(down - r)
                c0, c1 = c % width, (c + 1) % width
                w11 = right * below
                w01, w10 = right - w11, below - w11
                w00 = np.float32(1) - right - w10
                upper, lower = first[r], first[r + 1]
                value = w00 * upper[c0] + w01 * upper[c1] + w10 * lower[c0] + w11 * lower[c1]
                out[row, begin + i] = np.uint8(value + np.float32(0.5))
                upper, lower = second[r], second[r + 1]
                value = w00 * upper[c0] + w01 * upper[c1] + w10 * lower[c0] + w11 * lower[c1]
                other[row, begin + i] = np.uint8(value + np.float32(0.5))
