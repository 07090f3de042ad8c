"""Flat skies that shift and roll with the camera: their textures, and the drawing of them behind a frame."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from app.camera import Camera, View, rotated
from app.colour import rgb_from_yuv
from app.config import Placement
from app.frame import F32, F64, U8, Colour, Planes
from app.rotation import rotation_from_vector
from app.sky.base import SkyView, Sun
from app.sky.placing import FOV_DEG, Placing, Wrap, place
from app.sky.standing import placed_sun

_CELLS = 32
"""The view's mean colour is taken over a grid of this many cells along the frame's longer side."""


@dataclass(frozen=True, slots=True, eq=False)
class Texture:
    """A sky picture with its copies around it as far as one frame can see.

    `planes` is the picture with `Placing.margin` texels (half as many chroma samples) on every side,
    `chroma_xy` the place of its chroma samples as in `Colour`. `small` is float32 (h, w, 3), the planes
    Y, U and V reduced to about a sample per cell of the frame, with `small_margin` samples on every side.

    Where chroma is not sited between two luma samples, a mirrored copy has it half a sample off its luma.
    """

    planes: Planes
    chroma_xy: tuple[float, float]
    small: F32
    small_margin: int


def make_texture(planes: Planes, placing: Placing, chroma_xy: tuple[float, float]) -> Texture:
    """The texture of a picture whose planes have the size `placing.texture_wh`."""
    margins = placing.margin, placing.margin // 2, placing.margin // 2
    padded = Planes(
        *(_with_margin(plane, margin, placing) for plane, margin in zip(planes, margins, strict=True))
    )
    cell = placing.scale * max(placing.frame_wh) / _CELLS
    width, height = (max(1, round(length / cell)) for length in placing.texture_wh)
    reduced = [_reduced(plane, (width, height)) for plane in planes]
    finest = max(width / placing.texture_wh[0], height / placing.texture_wh[1])
    small_margin = math.ceil(placing.margin * finest) + 1
    return Texture(
        padded,
        chroma_xy,
        _with_margin(np.dstack(reduced), small_margin, placing).astype(np.float32),
        small_margin,
    )


def _reduced(plane: U8, size_wh: tuple[int, int]) -> U8:
    """The plane at a much smaller size; halved first while it is far too large: large areas take long."""
    while plane.shape[1] > 16 * size_wh[0] and plane.shape[0] > 16 * size_wh[1]:
        half = (plane.shape[1] + 1) // 2, (plane.shape[0] + 1) // 2
        plane = np.asarray(cv2.resize(plane, half, interpolation=cv2.INTER_LINEAR), np.uint8)
    return np.asarray(cv2.resize(plane, size_wh, interpolation=cv2.INTER_AREA), np.uint8)


def _with_margin(plane: U8, margin: int, placing: Placing) -> U8:
    sideways = cv2.BORDER_WRAP if placing.wrap == "repeat" else cv2.BORDER_REFLECT
    wide = cv2.copyMakeBorder(plane, 0, 0, margin, margin, sideways)
    return np.asarray(cv2.copyMakeBorder(wide, margin, margin, 0, 0, cv2.BORDER_REFLECT), np.uint8)


class Projector:
    """Draws the textures of one sky behind frames of one size and colour; owns the planes it draws into."""

    def __init__(self, placing: Placing, colour: Colour) -> None:
        width, height = placing.frame_wh
        chroma = (height + 1) // 2, (width + 1) // 2
        self._placing = placing
        self._colour = colour
        self._planes = Planes(np.zeros((height, width), np.uint8), *np.zeros((2, *chroma), np.uint8))

    def render(self, texture: Texture, pose: F64, rows: tuple[int, int]) -> SkyView:
        """The texture behind a frame; pose: float64 (3, 3), from the first frame's pixels to this one's."""
        placing = self._placing
        view = placing.texel_from_pixel(pose)
        copy = placing.copy_at(view)
        width, height = placing.texture_wh
        luma = placing.into_texture(copy, (width, height), placing.margin) @ view
        chroma = (
            placing.into_texture(copy, (width // 2, height // 2), placing.margin // 2)
            @ np.linalg.inv(_luma_from_chroma(texture.chroma_xy))
            @ view
            @ _luma_from_chroma(self._colour.chroma_xy)
        )
        top, bottom = rows
        if bottom > top:
            _warp(texture.planes.y, luma, self._planes.y, top, bottom)
            for source, target in zip(texture.planes[1:], self._planes[1:], strict=True):
                _warp(source, chroma, target, top // 2, (bottom + 1) // 2)
        return SkyView(self._planes, self._mean(texture, view, copy))

    def _mean(self, texture: Texture, view: F64, copy: tuple[int, int]) -> F64:
        placing = self._placing
        frame = placing.frame_wh
        cell = max(frame) / _CELLS
        cells = max(1, round(frame[0] / cell)), max(1, round(frame[1] / cell))
        rows, columns = (n - 2 * texture.small_margin for n in texture.small.shape[:2])
        into_small = (
            _shifted(texture.small_margin)
            @ _resized(placing.texture_wh, (columns, rows))
            @ placing.into_texture(copy, placing.texture_wh, 0)
            @ view
            @ _resized(cells, frame)
        )
        seen = np.empty((cells[1], cells[0], 3), np.float32)
        _warp(texture.small, into_small, seen, 0, cells[1])
        matrix, offset = rgb_from_yuv(self._colour)
        rgb: F64 = matrix @ (seen.mean(axis=(0, 1), dtype=np.float64) - offset)
        return rgb.clip(0.0, 255.0)


class FlatPlane:
    """A flat picture in a plane across the line of sight, which follows it when the camera turns aside.

    That is what whole-frame files draw. `picture_wh` is the size that its planes are to have.
    """

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
        self.placing = place(picture_wh, size_wh, crop, wrap, most_texels=most_texels, enlarge=enlarge)
        self.picture_wh = self.placing.texture_wh
        self._projector = Projector(self.placing, colour)

    def texture(self, planes: Planes, chroma_xy: tuple[float, float]) -> Texture:
        """The texture of a picture whose planes have the size `picture_wh`."""
        return make_texture(planes, self.placing, chroma_xy)

    def render(
        self, texture: Texture, view: View, placement: Placement, sun: Sun | None, rows: tuple[int, int]
    ) -> SkyView:
        """As `Backdrop.render`; the sun is where it would be on the sphere."""
        drawn = self._projector.render(texture, plane_pose(view, placement), rows)
        return SkyView(drawn.planes, drawn.mean_rgb, placed_sun(sun, placement))

    def direction(self, x: float, y: float) -> F64:
        """As `Backdrop.direction`."""
        focal = self.placing.scale * Camera.from_fov(self.placing.frame_wh, FOV_DEG).focal_px
        width, height = self.picture_wh
        ray = np.array([(x - 0.5) * width / focal, (y - 0.5) * height / focal, 1.0])
        return np.asarray(ray / np.linalg.norm(ray), np.float64)


def plane_pose(view: View, placement: Placement) -> F64:
    """From the first frame's pixels to this one's, float64 (3, 3), for a picture in a plane.

    Headings shift it, all else is seen as in space, so that the plane is never seen from the side.
    """
    reference = Camera.from_fov(view.camera.size_wh, FOV_DEG)
    x, _, z = view.rotation[:, 2]
    heading = math.atan2(x, z)
    ahead = rotation_from_vector(np.array([0.0, -heading, 0.0])) @ view.rotation
    focal = reference.focal_px
    middle_x, middle_y = reference.matrix[:2, 2]
    turn = math.radians(placement.tilt)
    cosine, sine = placement.scale * math.cos(turn), placement.scale * math.sin(turn)
    aside = math.remainder(math.radians(placement.heading) - heading, math.tau) * focal
    up = math.radians(placement.elevation) * focal
    placed = np.array(
        [
            [cosine, -sine, middle_x - cosine * middle_x + sine * middle_y + aside],
            [sine, cosine, middle_y - sine * middle_x - cosine * middle_y - up],
            [0.0, 0.0, 1.0],
        ]
    )
    return np.asarray(rotated(view.camera, ahead.T, reference) @ placed, np.float64)


def _luma_from_chroma(chroma_xy: tuple[float, float]) -> F64:
    x, y = chroma_xy
    return np.array([[2.0, 0.0, x], [0.0, 2.0, y], [0.0, 0.0, 1.0]])


def _resized(source_wh: tuple[int, int], target_wh: tuple[int, int]) -> F64:
    """From the pixels of a picture to those of the same picture at another size."""
    x, y = (target / source for source, target in zip(source_wh, target_wh, strict=True))
    return np.array([[x, 0.0, (x - 1) / 2], [0.0, y, (y - 1) / 2], [0.0, 0.0, 1.0]])


def _shifted(margin: int) -> F64:
    return np.array([[1.0, 0.0, margin], [0.0, 1.0, margin], [0.0, 0.0, 1.0]])


def _warp(source: U8 | F32, source_from_target: F64, target: U8 | F32, top: int, bottom: int) -> None:
    """Draw rows [top, bottom) of the target, bilinear."""
    matrix = source_from_target @ [[1.0, 0.0, 0.0], [0.0, 1.0, top], [0.0, 0.0, 1.0]]
    affine = matrix[2, 0] == matrix[2, 1] == 0.0
    warp = cv2.warpAffine if affine else cv2.warpPerspective
    # The margins hold all that shift and roll can bring into view; the border mode is for zoom.
    warp(
        source,
        matrix[:2] if affine else matrix,
        (target.shape[1], bottom - top),
        dst=target[top:bottom],
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT,
    )
