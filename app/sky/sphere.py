"""Skies on the sphere: textures with smaller copies of themselves, and the drawing of them behind a frame."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import cv2
import numpy as np

from app.camera import Camera, View
from app.colour import rgb_from_yuv
from app.config import Placement
from app.frame import F32, F64, U8, Colour, Planes
from app.sky.base import SkyView, Sun
from app.sky.placing import FOV_DEG, Wrap, place
from app.sky.rays import BLOCK, Chart, Eye, Levels, draw, mean_levels, numbers_of
from app.sky.standing import placed_sun, sky_to_world

_LEVELS = 6
_STEP = 1 << _LEVELS
"""Sizes are multiples of this, so that every level ends with the picture."""
_MARGIN = 128
"""Texels that blocks may reach over the edges of a texture."""
_CELLS = 24
"""The view's mean colour is taken over so many pixels along the frame's longer side."""

_FADE_TO = math.radians(75)
"""Up to this elevation flat pictures have faded into one colour, so that nothing whirls around the zenith."""
_GROUND_TO = math.radians(45)
_FADE = math.radians(25)
"""The fade begins so far below, or where the picture ends; at the lower end it is half as long."""
_EDGE = 0.1
"""Share of the picture's height of which that colour is the mean."""

Levelled = TypeVar("Levelled", U8, F32)


@dataclass(frozen=True, slots=True, eq=False)
class Texture:
    """A sky picture as `app.sky.rays` looks it up: planes that hold it at all sizes."""

    planes: Planes
    levels: Levels


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where a chart's texture and caps lie in its arrays at each size; (column, row, width, height) each."""

    size_wh: tuple[int, int]
    boxes: tuple[tuple[tuple[int, int, int, int], ...], ...]

    def levels(self, chroma_xy: tuple[float, float]) -> Levels:
        first = np.zeros((len(self.boxes), 6))
        for level, boxes in enumerate(self.boxes):
            for part, (left, top, _, _) in enumerate(boxes):
                first[level, 2 * part : 2 * part + 2] = left, top
        return Levels(first, chroma_xy)


class Sphere:
    """Draws the textures of one sky behind frames of one size and colour; owns the planes it draws into."""

    def __init__(self, chart: Chart, size_wh: tuple[int, int], colour: Colour, levels: int) -> None:
        width, height = size_wh
        chroma = (height + 1) // 2, (width + 1) // 2
        self.chart = chart
        self._colour = colour
        self._layout = _laid_out(chart, levels)
        self._planes = Planes(np.zeros((height, width), np.uint8), *np.zeros((2, *chroma), np.uint8))

    def texture(
        self, picture: Planes, caps: Callable[[int], tuple[U8, U8]] | None, chroma_xy: tuple[float, float]
    ) -> Texture:
        """The texture of planes of the chart's size; caps(plane number): squares of zenith and nadir."""
        arrays = []
        for number, plane in enumerate(picture):
            half = 1 if number == 0 else 2
            width, height = self._layout.size_wh
            array = np.empty((height // half, width // half), np.uint8)
            parts = [plane, *(caps(number) if caps else ())]
            for level, boxes in enumerate(self._layout.boxes):
                for index, (box, part) in enumerate(zip(boxes, parts, strict=True)):
                    left, top, wide, high = (length // half for length in box)
                    if part.shape != (high, wide):
                        part = parts[index] = _halved(part, (wide, high), up=level % 2 == 1)
                    margin = _MARGIN // half if index == 0 else 2 // half
                    sideways = cv2.BORDER_REFLECT if self.chart.mirrored else cv2.BORDER_WRAP
                    edge = cv2.BORDER_REPLICATE if index else sideways
                    wider = cv2.copyMakeBorder(part, 0, 0, margin, margin, edge)
                    rows = cv2.copyMakeBorder(wider, 2 // half, 2 // half, 0, 0, cv2.BORDER_REPLICATE)
                    array[top - 2 // half : top + high + 2 // half, left - margin : left + wide + margin] = (
                        rows
                    )
            arrays.append(array)
        return Texture(Planes(*arrays), self._layout.levels(chroma_xy))

    def render(
        self, texture: Texture, view: View, placement: Placement, sun: Sun | None, rows: tuple[int, int]
    ) -> SkyView:
        """The texture behind a frame, as `Sky.render` says; sun: in the sky's own axes."""
        rays = np.ascontiguousarray(sky_to_world(placement).T @ view.rotation @ view.camera.inverse)
        eye = Eye(rays, placement.scale, self._colour.chroma_xy)
        numbers = numbers_of(self.chart, texture.levels, eye)
        top, bottom = rows
        if bottom > top:
            draw(numbers, texture.levels.first, rays, (top, bottom), *texture.planes, *self._planes)
        mean_rgb = self._mean(texture, numbers, rays, view.camera)
        return SkyView(self._planes, mean_rgb, placed_sun(sun, placement))

    def _mean(self, texture: Texture, numbers: F64, rays: F64, camera: Camera) -> F64:
        columns, rows = grid_of(camera.size_wh)
        texels = max(1.0, max(camera.size_wh) / _CELLS * self.chart.per_radian / camera.focal_px)
        level = min(round(math.log2(texels)), len(texture.levels.first) - 1)
        means = mean_levels(numbers, texture.levels.first, rays, *texture.planes, level, columns, rows)
        matrix, offset = rgb_from_yuv(self._colour)
        rgb: F64 = matrix @ (np.asarray(means, np.float64) - offset)
        return rgb.clip(0.0, 255.0)


def grid_of(size_wh: tuple[int, int]) -> tuple[F64, F64]:
    """Columns and rows, in pixels, where a view of that size is looked at for its mean colour."""
    columns, rows = (_middles(length, max(size_wh) / _CELLS) for length in size_wh)
    return columns, rows


@cache
def _middles(length: int, cell: float) -> F64:
    """The middles of cells along a side, in pixels."""
    count = max(1, round(length / cell))
    return np.asarray((np.arange(count) + 0.5) * length / count - 0.5, np.float64)


class _OnSphere:
    """A picture on the sphere; `picture_wh` is the size that its planes are to have."""

    def __init__(self, picture_wh: tuple[int, int], sphere: Sphere) -> None:
        self.picture_wh = picture_wh
        self.sphere = sphere

    def render(
        self, texture: Texture, view: View, placement: Placement, sun: Sun | None, rows: tuple[int, int]
    ) -> SkyView:
        """As `Sphere.render`."""
        return self.sphere.render(texture, view, placement, sun, rows)


class FlatPicture(_OnSphere):
    """A flat picture on the sphere: its middle ahead, its share `crop` as wide as the view of `FOV_DEG`."""

    def __init__(
        self,
        picture_wh: tuple[int, int],
        size_wh: tuple[int, int],
        colour: Colour,
        crop: float,
        wrap: Wrap,
        *,
        most_texels: int,
        enlarge: bool,
    ) -> None:
        placing = place(picture_wh, size_wh, crop, wrap, most_texels=most_texels, enlarge=enlarge)
        width, height = (max(_STEP, _nearest(length, _STEP)) for length in placing.texture_wh)
        # The frame's width sees its share of the picture's, which is laid out by angle.
        per_radian = placing.scale * size_wh[0] / math.radians(FOV_DEG)
        above = _up(per_radian * _tangent(_FADE_TO), _STEP // 2)
        below = _up(per_radian * _tangent(_GROUND_TO), _STEP // 2)
        rows = _up(above + below, _STEP)
        around = 2 * math.pi * per_radian / (width if wrap == "repeat" else 2 * width)
        excess = math.pi * (max(1, round(around)) / around - 1)
        chart = Chart(width, rows, per_radian, above - 0.5, 0, wrap == "mirror", excess)
        super().__init__((width, height), Sphere(chart, size_wh, colour, _LEVELS))
        high = (above - 0.5 - np.arange(rows)) / per_radian
        # The rows above 45 degrees lie closer than those of a tangent.
        elevation = np.where(high > 1, (high - 1) / 2 + math.pi / 4, np.arctan(high))
        edge = math.atan(0.5 * height / per_radian)
        top, bottom = min(edge, _FADE_TO - _FADE), min(edge, _GROUND_TO - _FADE / 2)
        self._faded = np.maximum(
            _smooth((elevation - top) / _FADE), _smooth((-elevation - bottom) / (_FADE / 2))
        )
        self._above = above

    def texture(self, planes: Planes, chroma_xy: tuple[float, float]) -> Texture:
        """The texture of a picture whose planes have the size `picture_wh`."""
        extended = Planes(*(self.extended(plane, 2 if n else 1) for n, plane in enumerate(planes)))
        return self.sphere.texture(extended, None, chroma_xy)

    def direction(self, x: float, y: float) -> F64:
        """Where a place of the picture, as shares of its width and height, is seen, in the sky's axes."""
        chart = self.sphere.chart
        azimuth = (x - 0.5) * chart.width / chart.per_radian
        slope = (0.5 - y) * self.picture_wh[1] / chart.per_radian
        return _unit((math.sin(azimuth), -slope, math.cos(azimuth)))

    def extended(self, plane: Levelled, part: int) -> Levelled:
        """The rows that the chart has: mirrored beyond the picture, and calm at the top and at the bottom.

        plane: uint8 or float32 (h, w), of `picture_wh` divided by `part`, which is a power of two up to 32.
        """
        above, rows, height = self._above // part, self.sphere.chart.height // part, len(plane)
        start = above - height // 2  # of the picture
        rest = rows - start - height
        inner = plane[max(0, -start) : height + min(0, rest)]
        whole = cv2.copyMakeBorder(inner, max(0, start), max(0, rest), 0, 0, cv2.BORDER_REFLECT)
        faded = self._faded[part - 1 :: part].astype(np.float32)
        edge = max(1, round(_EDGE * height))
        for calm, level in (
            (slice(0, above), plane[:edge].mean()),
            (slice(above, rows), plane[-edge:].mean()),
        ):
            shares = faded[calm]
            fading = np.flatnonzero(shares) + calm.start
            if len(fading):
                band = whole[fading[0] : fading[-1] + 1]
                share = faded[fading[0] : fading[-1] + 1, None]
                mixed = band + share * (np.float32(level) - band.astype(np.float32))
                band[...] = np.rint(mixed) if plane.dtype == np.uint8 else mixed
        return np.asarray(whole, plane.dtype)


class Panorama(_OnSphere):
    """A whole sphere of sky, its middle ahead."""

    def __init__(
        self, picture_wh: tuple[int, int], size_wh: tuple[int, int], colour: Colour, *, most_width: int
    ) -> None:
        """picture_wh: of the whole sphere, as it is stored: a texture is at most four times as wide."""
        focal = Camera.from_fov(size_wh, FOV_DEG).focal_px
        width = max(2 * _STEP, _nearest(min(2 * math.pi * focal, 4 * picture_wh[0], most_width), 2 * _STEP))
        per_radian = width / (2 * math.pi)
        # Blocks lie whole in the texture or in a cap, also where the view is wider than expected.
        reach = math.pi / 4 + min(5 * BLOCK / focal, math.radians(40))
        band = min(_up(2 * reach * per_radian, _STEP), width // 2)
        chart = Chart(width, band, per_radian, (band - 1) / 2, band, False, 0.0)
        super().__init__((width, width // 2), Sphere(chart, size_wh, colour, _LEVELS))
        self._cap_maps: dict[tuple[int, tuple[float, float]], tuple[tuple[F32, F32], tuple[F32, F32]]] = {}

    def texture(self, planes: Planes, chroma_xy: tuple[float, float]) -> Texture:
        """The texture of a panorama whose planes have the size `picture_wh`."""
        band = self.sphere.chart.height
        cut = (self.picture_wh[1] - band) // 2
        middle = Planes(
            *(plane[cut // p : (cut + band) // p] for p, plane in zip((1, 2, 2), planes, strict=True))
        )

        def caps(number: int) -> tuple[U8, U8]:
            wider = cv2.copyMakeBorder(planes[number], 0, 0, 2, 2, cv2.BORDER_WRAP)
            up, down = (
                np.asarray(
                    cv2.remap(wider, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
                )
                for maps in self._maps(2 if number else 1, chroma_xy if number else (0.0, 0.0))
            )
            return up, down

        return self.sphere.texture(middle, caps, chroma_xy)

    def direction(self, x: float, y: float) -> F64:
        """Where a place of the panorama, as shares of its width and height, is seen, in the sky's axes."""
        azimuth, elevation = (x - 0.5) * 2 * math.pi, (0.5 - y) * math.pi
        level = math.cos(elevation)
        return np.array([level * math.sin(azimuth), -math.sin(elevation), level * math.cos(azimuth)])

    def _maps(self, part: int, chroma_xy: tuple[float, float]) -> tuple[tuple[F32, F32], tuple[F32, F32]]:
        """Maps from the zenith's and the nadir's square to a plane with two columns more on either side."""
        key = part, chroma_xy
        if key not in self._cap_maps:
            chart, height = self.sphere.chart, self.picture_wh[1]
            x, y = (part * np.arange(chart.cap // part) + at - (chart.cap - 1) / 2 for at in chroma_xy)
            away = np.hypot(x[None], y[:, None]) - 0.5
            up, down = (
                (
                    ((self.picture_wh[0] - 1) / 2 + chart.per_radian * np.arctan2(x[None], z) - chroma_xy[0])
                    / part
                    + 2,
                    (rows - chroma_xy[1]) / part,
                )
                for z, rows in ((-y[:, None], away), (y[:, None], height - 1 - away))
            )
            self._cap_maps[key] = (
                (up[0].astype(np.float32), up[1].astype(np.float32)),
                (down[0].astype(np.float32), down[1].astype(np.float32)),
            )
        return self._cap_maps[key]


def _tangent(elevation: float) -> float:
    """Rows of a flat picture, in texels to a radian, from elevation 0 up to this one."""
    return math.tan(elevation) if elevation <= math.pi / 4 else 1 + 2 * (elevation - math.pi / 4)


def _smooth(share: F64) -> F64:
    clipped = share.clip(0.0, 1.0)
    return np.asarray(clipped * clipped * (3 - 2 * clipped), np.float64)


def _unit(vector: tuple[float, float, float]) -> F64:
    return np.asarray(vector, np.float64) / np.linalg.norm(vector)


def _halved(plane: U8, size_wh: tuple[int, int], *, up: bool) -> U8:
    """The plane at half its size; means that end in a half go up or down in turn, which evens out."""
    turned = plane if up else cv2.bitwise_not(plane)
    smaller = cv2.resize(turned, size_wh, interpolation=cv2.INTER_AREA)
    return np.asarray(smaller if up else cv2.bitwise_not(smaller), np.uint8)


def _laid_out(chart: Chart, levels: int) -> _Layout:
    """On shelves as wide as the texture: long rows of memory would make the lookup slower."""
    right = chart.width + 2 * _MARGIN
    left = top = high = 0
    boxes = []
    for level in range(levels):
        caps = [chart.cap >> level] * (2 if chart.cap else 0)
        parts = []
        for index, (width, height) in enumerate(
            [(chart.width >> level, chart.height >> level), *((cap, cap) for cap in caps)]
        ):
            margin = 2 if index else _MARGIN
            if left + width + 2 * margin > right:
                left, top, high = 0, top + high, 0
            parts.append((left + margin, top + 2, width, height))
            left, high = left + width + 2 * margin, max(high, height + 4)
        boxes.append(tuple(parts))
    return _Layout((right, _up(top + high, 2)), tuple(boxes))


def _up(length: float, step: int) -> int:
    return math.ceil(length / step) * step


def _nearest(length: float, step: int) -> int:
    return round(length / step) * step
