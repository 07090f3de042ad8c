"""A picture of the whole sphere, or of a part of it, as a sky."""

from pathlib import Path

import cv2
import numpy as np

from app.camera import View
from app.colour import planes_from_rgb
from app.config import AS_IT_IS, Placement
from app.errors import SkyError
from app.frame import U8, Colour
from app.sky.base import SkyView, Sun
from app.sky.gpano import Area
from app.sky.sphere import Panorama
from app.sky.still import read_rgb, resized, sun_of
from app.sky.sun import find_sun

_MOST_WIDTH = 8192
"""Of a texture; with its caps and smaller sizes it has 80 MB of planes."""
_SQUARE = 1.02
"""How much higher than half of its width the picture of a whole sphere may be, by mistake."""
_CALM_DEG = 40.0
"""Where a picture ends above or below, it goes on mirrored, and within this angle as one colour."""


class PanoramaSky:
    """An equirectangular picture, converted to the frame's size and colour when it is opened.

    area: the part of the sphere that it shows; None = all around, and as high as its shape says. horizon: its
    row of the horizon, as a share of the height, where area is None; sun: its place (x, y) in the picture, as
    shares of width and height; None = found as the brightest spot, if one outshines the rest.
    Raises SkyError naming a file that is not a picture, or cannot be once around.
    """

    def __init__(
        self,
        path: Path,
        title: str,
        size_wh: tuple[int, int],
        colour: Colour,
        area: Area | None,
        *,
        horizon: float | None = None,
        placement: Placement = AS_IT_IS,
        sun: tuple[float, float] | None = None,
    ) -> None:
        self.title = title
        self.placement = placement
        rgb = read_rgb(path)
        height, width = rgb.shape[:2]
        if area is None:
            area = area_all_around(path, (width, height), horizon)
        whole_width = round(width / (area.right - area.left))
        self._backdrop = Panorama((whole_width, whole_width // 2), size_wh, colour, most_width=_MOST_WIDTH)
        whole = whole_sphere(rgb, area, self._backdrop.picture_wh)
        self._texture = self._backdrop.texture(planes_from_rgb(whole, colour), colour.chroma_xy)
        self._sun: Sun | None = None
        if sun is not None:
            x, y = area.left + sun[0] * (area.right - area.left), area.top + sun[1] * (area.bottom - area.top)
            self._sun = sun_of(self._backdrop, (x, y))
        elif (found := find_sun(whole)) is not None:
            self._sun = Sun(self._backdrop.direction(*found[:2]), found[2])

    def render(self, seconds: float, view: View, rows: tuple[int, int]) -> SkyView:
        """As `Sky.render`; the same at all times."""
        return self._backdrop.render(self._texture, view, self.placement, self._sun, rows)

    def close(self) -> None:
        """Nothing is held open."""


def area_all_around(path: Path, picture_wh: tuple[int, int], horizon: float | None) -> Area:
    """The area of a picture once around; its middle, or `horizon`, lies level. SkyError for one too high."""
    width, height = picture_wh
    share = 2 * height / width
    if share > _SQUARE:
        raise SkyError(f"{path}: not a panorama: {width}x{height} is more than half as high as it is wide")
    share = min(share, 1.0)
    top = min(max(0.5 - share * (0.5 if horizon is None else horizon), 0.0), 1.0 - share)
    return Area(top=top, bottom=top + share)


def whole_sphere(rgb: U8, area: Area, size_wh: tuple[int, int]) -> U8:
    """The sphere at (width, height), uint8 RGB, with the picture in its area.

    Beside the picture it goes on mirrored from both sides, mixed where they meet; above and below mirrored,
    and soon as one colour.
    """
    width, height = size_wh
    left, right = round(area.left * width), round(area.right * width)
    top, bottom = round(area.top * height), round(area.bottom * height)
    rgb = resized(rgb, (max(1, right - left), max(1, bottom - top)))
    gap = width - rgb.shape[1]
    if gap > 0:
        rgb = np.roll(_closed(rgb, gap), left, axis=1)
    if top > 0 or bottom < height:
        rgb = _stacked(rgb, top, height - top - rgb.shape[0])
    return np.ascontiguousarray(rgb)


def _closed(rgb: U8, gap: int) -> U8:
    """The picture with `gap` columns behind its right edge that lead to its left one."""
    ahead = cv2.copyMakeBorder(rgb, 0, 0, 0, gap, cv2.BORDER_REFLECT)[:, -gap:]
    back = cv2.copyMakeBorder(rgb, 0, 0, gap, 0, cv2.BORDER_REFLECT)[:, :gap]
    share = ((np.arange(gap) + 0.5) / gap)[None, :, None].astype(np.float32)
    between = np.rint(ahead * (1 - share) + back * share).astype(np.uint8)
    return np.concatenate([rgb, between], axis=1)


def _stacked(rgb: U8, above: int, below: int) -> U8:
    """The picture with rows above and below it."""
    height = len(rgb)
    whole = cv2.copyMakeBorder(rgb, above, below, 0, 0, cv2.BORDER_REFLECT)
    calm = _CALM_DEG / 180 * (above + height + below)
    edge = max(1, height // 20)
    for rows, colour, away in (
        (slice(0, above), rgb[:edge].mean(axis=(0, 1)), np.arange(above, 0, -1)),
        (slice(above + height, None), rgb[-edge:].mean(axis=(0, 1)), np.arange(1, below + 1)),
    ):
        share = np.clip(away / calm, 0.0, 1.0)[:, None, None].astype(np.float32)
        share = share * share * (3 - 2 * share)
        part = whole[rows]
        part[...] = np.rint(part * (1 - share) + colour.astype(np.float32) * share).astype(np.uint8)
    return np.asarray(whole, np.uint8)
