"""Where a sky picture lies behind the frame: its scale, and its copies side by side without end.

Coordinates are (x, y, 1) with pixel centres at integers. The plane of the sky is tiled with copies of the
texture: copy (i, j) covers texels [i*w, (i+1)*w) x [j*h, (j+1)*h). Every second row of copies is upside down
and, where the picture is mirrored, every second column is reversed, so that neighbours meet in equal texels.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.frame import F64

Wrap = Literal["mirror", "repeat"]

FOV_DEG = 60.0
"""The camera for which pictures are laid out: as wide as the one that is taken for granted."""

_LONGEST = 30_000
"""Longest side of a texture; OpenCV warps pictures of less than 2^15 pixels."""

_WIDEST_VIEW = 8.0
"""A view is at most this many frame diagonals wide; only the pose of a camera model gone wrong is wider."""


@dataclass(frozen=True, slots=True)
class Placing:
    """How a texture lies behind frames of one size.

    `texture_wh` is even. `scale` is the number of texels to a frame pixel. `margin`, even, is how far the
    copies around the texture are needed: half the frame's diagonal and a little, in texels.
    """

    frame_wh: tuple[int, int]
    texture_wh: tuple[int, int]
    scale: float
    margin: int
    wrap: Wrap

    @property
    def texel_from_first(self) -> F64:
        """From the first frame's pixels to texels: the frame's centre lies on the texture's.

        At scale 1 the shift is even, so that luma and chroma samples of the two fall together.
        """
        x, y = (
            _centred(texture, frame, self.scale)
            for texture, frame in zip(self.texture_wh, self.frame_wh, strict=True)
        )
        return np.array([[self.scale, 0.0, x], [0.0, self.scale, y], [0.0, 0.0, 1.0]])

    def texel_from_pixel(self, pose: F64) -> F64:
        """From this frame's pixels to texels of the plane, float64 (3, 3), w = 1 at the frame's centre.

        A pose under which the frame would see the plane's horizon or very much of the plane is ignored.
        """
        width, height = self.frame_wh
        view = self.texel_from_first @ np.linalg.inv(pose)
        points = np.array(
            [
                [(width - 1) / 2, 0, width - 1, 0, width - 1],
                [(height - 1) / 2, 0, 0, height - 1, height - 1],
                [1, 1, 1, 1, 1],
            ]
        )
        x, y, w = view @ points
        widest = _WIDEST_VIEW * self.scale * math.hypot(width, height)
        if np.all(w * w[0] > 0) and max(np.ptp(x / w), np.ptp(y / w)) <= widest:
            return np.asarray(view / w[0], np.float64)
        return self.texel_from_first

    def copy_at(self, texel_from_pixel: F64) -> tuple[int, int]:
        """The copy (i, j) that lies behind the frame's centre."""
        centre = texel_from_pixel @ [(self.frame_wh[0] - 1) / 2, (self.frame_wh[1] - 1) / 2, 1.0]
        width, height = self.texture_wh
        return math.floor((centre[0] + 0.5) / width), math.floor((centre[1] + 0.5) / height)

    def into_texture(self, copy: tuple[int, int], size_wh: tuple[int, int], margin: int) -> F64:
        """From the endless plane, near a copy, into a plane of `size_wh` samples with a margin around it.

        The same for luma and chroma, each with its own size and margin.
        """
        (width, height), (column, row) = size_wh, copy
        turned_x, x = _onto_first(column, width, self.wrap == "mirror")
        turned_y, y = _onto_first(row, height, True)
        return np.array([[turned_x, 0.0, x + margin], [0.0, turned_y, y + margin], [0.0, 0.0, 1.0]])


def place(
    picture_wh: tuple[int, int],
    frame_wh: tuple[int, int],
    crop: float,
    wrap: Wrap,
    *,
    most_texels: int,
    enlarge: bool,
) -> Placing:
    """The placing at which the frame sees the central share `crop` of the picture, its aspect kept.

    The picture covers frame / crop in both directions. There is a texel to each frame pixel, or fewer where
    texture and margins would have more than `most_texels`, or, unless `enlarge`, more than the picture.
    """
    width, height = frame_wh
    pixels = max(width / (crop * picture_wh[0]), height / (crop * picture_wh[1]))
    covered = picture_wh[0] * pixels, picture_wh[1] * pixels
    diagonal = math.hypot(width, height)
    whole = covered[0] + diagonal, covered[1] + diagonal
    scale = min(1.0, math.sqrt(most_texels / (whole[0] * whole[1])), _LONGEST / max(whole))
    if not enlarge:
        scale = min(scale, 1.0 / pixels)
    texture_wh = _even(covered[0] * scale), _even(covered[1] * scale)
    return Placing(frame_wh, texture_wh, scale, 2 * math.ceil(diagonal * scale / 4) + 2, wrap)


def _even(length: float) -> int:
    return max(2, 2 * round(length / 2))


def _centred(texture: int, frame: int, scale: float) -> float:
    shift = (texture - 1) / 2 - scale * (frame - 1) / 2
    return 2.0 * round(shift / 2) if scale == 1.0 else shift


def _onto_first(copy: int, length: int, mirrored: bool) -> tuple[float, float]:
    """(factor, shift) from coordinates along copy number `copy` onto copy 0."""
    if mirrored and copy % 2:
        return -1.0, (copy + 1) * length - 1.0
    return 1.0, -float(copy * length)
