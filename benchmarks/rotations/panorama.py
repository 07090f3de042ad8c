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
_VIEW = Camera.from_fov((768, 768), 75.0)
_HEADINGS = 8
_ELEVATIONS_DEG = (-10.0, 20.0, 55.0, 85.0)
_BELOW_DEG = 3.0
"""So far below the horizon nothing is sky, whatever is mirrored in water."""

_FADE_TEXELS = 24.0
_RGBE_BIAS = 128 + 8


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
    """The sky's alpha of a panorama, uint8 (1024, 2048): `matte` of 32 views around, laid together.

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
    near = np.where(seen[..., 2] > 1e-3, np.clip(rim / (0.25 * height), 0, 1), 0)
    return x.astype(np.float32), y.astype(np.float32), near.astype(np.float32)


def _radiance(rgbe: U8) -> F32:
    """Linear RGB of RGBE stored as BGRA by the reader."""
    scale = np.ldexp(np.float32(1), rgbe[..., 3].astype(np.int32) - _RGBE_BIAS)
    return np.asarray(rgbe[..., 2::-1] * scale[..., None], np.float32)


def _from_cube(faces: F32) -> F32:
    """Equirectangular picture of six faces above each other: +x, -x, +y (up), -y, +z, -z (OpenGL's order)."""
    side = faces.shape[1]
    rays = directions(2 * side).reshape(-1, 3)
    x, y, z = rays[:, 0], -rays[:, 1], -rays[:, 2]
    size = np.abs(np.stack([x, y, z], axis=1))
    axis = size.argmax(axis=1)
    along = size.max(axis=1)
    choose = [axis == 0, axis == 1, axis == 2]
    s = np.select(choose, [-np.sign(x) * z, x, np.sign(z) * x]) / along
    t = np.select(choose, [-y, np.sign(y) * z, -y]) / along
    negative = np.select(choose, [x < 0, y < 0, z < 0])
    face = 2 * axis + negative
    column = np.clip((s + 1) / 2 * side - 0.5, 0, side - 1)
    row = np.clip((t + 1) / 2 * side - 0.5, 0, side - 1) + face * side
    shape = (2 * side, 4 * side)
    maps = (part.astype(np.float32).reshape(shape) for part in (column, row))
    return np.asarray(cv2.remap(faces, *maps, cv2.INTER_LINEAR), np.float32)


def _tone_mapped(radiance: F32) -> U8:
    """Display levels: the median at a third, bright parts rolled off."""
    luminance = radiance @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    scaled = radiance * (0.18 / float(np.median(luminance)))
    mapped = scaled * (1 + scaled / 16) / (1 + scaled)
    return np.asarray(np.rint(255 * np.clip(mapped, 0, 1) ** (1 / 2.2)), np.uint8)


@jit
def _look_up(
    first: U8, second: U8, to_world: F64, step: float, left: float, top: float, out: U8, other: U8
) -> None:
    """Two equirectangular planes of one size along the rays of pixels (left + step x, top + step y)."""
    height, width = first.shape
    per_radian = width / (2 * math.pi)
    for row in range(out.shape[0]):
        py = top + step * row
        for column in range(out.shape[1]):
            px = left + step * column
            x = to_world[0, 0] * px + to_world[0, 1] * py + to_world[0, 2]
            y = to_world[1, 0] * px + to_world[1, 1] * py + to_world[1, 2]
            z = to_world[2, 0] * px + to_world[2, 1] * py + to_world[2, 2]
            across = (math.atan2(x, z) + math.pi) * per_radian - 0.5
            down = (math.atan2(y, math.sqrt(x * x + z * z)) + math.pi / 2) * per_radian - 0.5
            down = min(max(down, 0.0), height - 1.001)
            c, r = math.floor(across), int(down)
            right, below = across - c, down - r
            c0, c1 = c % width, (c + 1) % width
            w11 = right * below
            w01, w10 = right - w11, below - w11
            w00 = 1 - right - w10
            value = w00 * first[r, c0] + w01 * first[r, c1] + w10 * first[r + 1, c0] + w11 * first[r + 1, c1]
            out[row, column] = np.uint8(value + 0.5)
            value = (
                w00 * second[r, c0] + w01 * second[r, c1] + w10 * second[r + 1, c0] + w11 * second[r + 1, c1]
            )
            other[row, column] = np.uint8(value + 0.5)
