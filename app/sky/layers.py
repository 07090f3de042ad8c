"""Skies in two layers, the clear sky and clouds that drift before it, drawn behind a frame."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from app.camera import Camera
from app.colour import yuv_from_rgb
from app.frame import F32, F64, U8, Colour, Planes
from app.jit import jit
from app.sky.rays import Eye, draw, enlarged, numbers_of
from app.sky.sphere import Panorama, Texture

_LAYER_WIDTH = 640
"""Clouds are drawn about so wide and enlarged, as their pictures are no finer."""
_MEAN_WH = 128, 64
_CELLS = 24
"""The view's mean colour is taken over so many pixels along the frame's longer side."""
_CENTRE = 0.5, 0.5


class Whole(NamedTuple):
    """A picture of the whole sphere as a texture, and what looks it up."""

    panorama: Panorama
    texture: Texture


class Clouds(NamedTuple):
    """What clouds add to the picture behind them, and, as all three planes, their alpha."""

    light: Whole
    alpha: Whole


class Layers(NamedTuple):
    """How a sky is seen at one moment: its layers, each with float64 (3, 3), pixels to its own directions."""

    clear: Whole
    clear_rays: F64
    clouds: Clouds | None
    cloud_rays: F64
    weight: float


class Painter:
    """Draws layers behind frames of one size and colour; owns the planes that it draws into."""

    def __init__(self, size_wh: tuple[int, int], colour: Colour) -> None:
        self._colour = colour
        self._offset = yuv_from_rgb(colour)[1]
        self._factor = factor = max(1, round(size_wh[0] / _LAYER_WIDTH))
        step = 2 * factor
        wider = tuple(-(-length // step) * step for length in size_wh)
        self.layer_wh = wider[0] // factor, wider[1] // factor
        self._panoramas: dict[tuple[int, tuple[int, int]], Panorama] = {}
        self.planes = _planes(size_wh)
        self._other = _planes(size_wh)
        self._light, self._alpha, self._spare = (_planes(self.layer_wh) for _ in range(3))
        self._wide_light, self._wide_alpha = _planes((wider[0], wider[1])), _planes((wider[0], wider[1]))
        # Chroma samples of the small picture lie where those of the frame fall when it is enlarged.
        self._chroma_xy = tuple(((factor - 1) / 2 + at) / factor for at in colour.chroma_xy)
        middle = (factor - 1) / 2
        self._enlarged = np.array([[factor, 0.0, middle], [0.0, factor, middle], [0.0, 0.0, 1.0]])

    def clear(self, rgb: U8) -> Whole:
        """The texture of a clear sky, uint8 RGB (H, W, 3), once around, from the zenith to the nadir."""
        panorama = self._panorama(rgb.shape[1], self.planes.size_wh)
        return Whole(panorama, panorama.texture(self._converted(rgb, panorama), _CENTRE))

    def clouds(self, rgb: U8, alpha: U8) -> Clouds:
        """The textures of clouds: uint8 RGB (H, W, 3), multiplied by their alpha, which is uint8 (H, W)."""
        panorama = self._panorama(alpha.shape[1], self.layer_wh)
        fitting = _sized(alpha, panorama.picture_wh)
        half = _sized(fitting, (fitting.shape[1] // 2, fitting.shape[0] // 2))
        return Clouds(
            Whole(panorama, panorama.texture(self._converted(rgb, panorama), _CENTRE)),
            Whole(panorama, panorama.texture(Planes(fitting, half, half), _CENTRE)),
        )

    def draw(self, seen: Sequence[Layers], scale: float, rows: tuple[int, int]) -> None:
        """Draw luma rows [top, bottom) of `planes`: the mixture of one or two moments; scale: as of `Eye`."""
        self._draw_clear(seen, scale, rows)
        if any(layers.clouds is not None for layers in seen):
            self._draw_clouds(seen, scale, rows)

    def _draw_clear(self, seen: Sequence[Layers], scale: float, rows: tuple[int, int]) -> None:
        chroma_xy = self._colour.chroma_xy
        first = seen[0]
        _drawn(first.clear, Eye(first.clear_rays, scale, chroma_xy), rows, self.planes)
        for layers in seen[1:]:
            if layers.clear is not first.clear:
                _drawn(layers.clear, Eye(layers.clear_rays, scale, chroma_xy), rows, self._other)
                for plane, other, part in zip(self.planes, self._other, _parts(rows), strict=True):
                    _mix(plane[part], 1 - layers.weight, other[part], layers.weight, 0.0)

    def _draw_clouds(self, seen: Sequence[Layers], scale: float, rows: tuple[int, int]) -> None:
        factor, layer_rows = self._factor, self._layer_rows(rows)
        first = True
        for layers in seen:
            if layers.clouds is None:
                continue
            eye = Eye(layers.cloud_rays @ self._enlarged, scale, (self._chroma_xy[0], self._chroma_xy[1]))
            nothing = 0.0, 0.0, 0.0
            for whole, planes, empty in (
                (layers.clouds.light, self._light, self._offset),
                (layers.clouds.alpha, self._alpha, nothing),
            ):
                drawn = planes if first else self._spare
                _drawn(whole, eye, layer_rows, drawn)
                for plane, new, part, level in zip(planes, drawn, _parts(layer_rows), empty, strict=True):
                    # The first takes its own share over what is empty, the second is added to that.
                    if first and layers.weight < 1:
                        _mix(plane[part], layers.weight, plane[part], 0.0, (1 - layers.weight) * level)
                    elif not first:
                        _mix(plane[part], 1.0, new[part], layers.weight, -layers.weight * level)
            first = False
        for small, wide in ((self._light, self._wide_light), (self._alpha, self._wide_alpha)):
            for plane, wider, part in zip(small, wide, _parts(layer_rows), strict=True):
                _enlarge(plane[part], wider[part.start * factor : part.stop * factor])
        for number, part in enumerate(_parts(rows)):
            width = self.planes[number].shape[1]
            lay_over(
                self.planes[number][part],
                self._wide_light[number][part, :width],
                self._wide_alpha[number][part, :width],
                int(self._offset[number]),
            )

    def _layer_rows(self, rows: tuple[int, int]) -> tuple[int, int]:
        """Rows of the small picture, even, that those of the frame are made from, with some beside them."""
        top = max(0, (rows[0] // self._factor - 1) // 2 * 2)
        bottom = min(self.layer_wh[1], (-(-rows[1] // self._factor) + 2) // 2 * 2)
        return top, bottom

    def _panorama(self, width: int, size_wh: tuple[int, int]) -> Panorama:
        """What lays out pictures of that width behind that size; made once."""
        key = width, size_wh
        if key not in self._panoramas:
            whole_wh = width, width // 2
            self._panoramas[key] = Panorama(whole_wh, size_wh, self._colour, most_width=width)
        return self._panoramas[key]

    def _converted(self, rgb: U8, panorama: Panorama) -> Planes:
        matrix, offset = yuv_from_rgb(self._colour)
        yuv = cv2.transform(_sized(rgb, panorama.picture_wh), np.c_[matrix, offset])
        y, u, v = (np.asarray(plane, np.uint8) for plane in cv2.split(yuv))
        half = panorama.picture_wh[0] // 2, panorama.picture_wh[1] // 2
        return Planes(y, _sized(u, half), _sized(v, half))


def reduced(clear: U8, cloud: U8 | None, alpha: U8 | None) -> F32:
    """All of a sky small, float32 RGB (h, w, 3), for `mean_rgb`."""
    small = _sized(clear, _MEAN_WH).astype(np.float32)
    if cloud is not None and alpha is not None:
        small *= 1 - _sized(alpha, _MEAN_WH)[..., None].astype(np.float32) / 255
        small += _sized(cloud, _MEAN_WH)
    return small


def mean_rgb(small: F32, camera: Camera, rays: F64, scale: float) -> F64:
    """The mean over a view of a `reduced` sky, float64 (3,); rays and scale: as of `Eye`."""
    cell = max(camera.size_wh) / _CELLS
    columns, rows = (_middles(length, cell) for length in camera.size_wh)
    return _mean(small, np.ascontiguousarray(rays), scale, columns, rows)


def _middles(length: int, cell: float) -> F64:
    """The middles of cells along a side, in pixels."""
    count = max(1, round(length / cell))
    return np.asarray((np.arange(count) + 0.5) * length / count - 0.5, np.float64)


@jit
def _mean(small: F32, rays: F64, scale: float, columns: F64, rows: F64) -> F64:
    height, width = small.shape[:2]
    total = np.zeros(3)
    for row in rows:
        for column in columns:
            x = rays[0, 0] * column + rays[0, 1] * row + rays[0, 2]
            y = rays[1, 0] * column + rays[1, 1] * row + rays[1, 2]
            z = rays[2, 0] * column + rays[2, 1] * row + rays[2, 2]
            x, y, z = enlarged(x, y, z, scale)
            up = math.atan2(-y, math.sqrt(x * x + z * z))
            i = min(max(int((0.5 - up / math.pi) * height), 0), height - 1)
            j = int((math.atan2(x, z) / math.tau + 0.5) * width) % width
            for c in range(3):
                total[c] += small[i, j, c]
    return total / (len(rows) * len(columns))


@jit
def lay_over(plane: U8, light: U8, alpha: U8, offset: int) -> None:
    """Put clouds before samples whose level for nothing is `offset`: light + (1 - alpha) plane."""
    black = np.int32(offset)
    for row in range(plane.shape[0]):
        for column in range(plane.shape[1]):
            a = np.int32(alpha[row, column])
            through = np.int32(256) - (a + (a >> np.int32(7)))
            seen = (np.int32(plane[row, column]) - black) * through + np.int32(128)
            level = np.int32(light[row, column]) + (seen >> np.int32(8))
            plane[row, column] = min(max(level, np.int32(0)), np.int32(255))


def _drawn(whole: Whole, eye: Eye, rows: tuple[int, int], planes: Planes) -> None:
    texture = whole.texture
    rays = np.ascontiguousarray(eye.rays)
    numbers = numbers_of(whole.panorama.sphere.chart, texture.levels, eye)
    draw(numbers, texture.levels.first, rays, rows, *texture.planes, *planes)


def _parts(rows: tuple[int, int]) -> tuple[slice, slice, slice]:
    """The rows of Y, U and V that belong to luma rows."""
    half = slice(rows[0] // 2, (rows[1] + 1) // 2)
    return slice(*rows), half, half


def _mix(plane: U8, own: float, other: U8, others: float, added: float) -> None:
    cv2.addWeighted(plane, own, other, others, added, dst=plane)


def _enlarge(small: U8, wide: U8) -> None:
    if small.shape == wide.shape:
        wide[...] = small
    else:
        cv2.resize(small, (wide.shape[1], wide.shape[0]), dst=wide, interpolation=cv2.INTER_LINEAR)


def _planes(size_wh: tuple[int, int]) -> Planes:
    width, height = size_wh
    chroma = (height + 1) // 2, (width + 1) // 2
    return Planes(np.zeros((height, width), np.uint8), *np.zeros((2, *chroma), np.uint8))


def _sized(picture: U8, size_wh: tuple[int, int]) -> U8:
    if (picture.shape[1], picture.shape[0]) == size_wh:
        return picture
    return np.asarray(cv2.resize(picture, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
