"""A still picture as a sky."""

from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from app.camera import View
from app.colour import planes_from_rgb
from app.config import AS_IT_IS, Placement
from app.errors import SkyError
from app.frame import U8, Colour
from app.sky.base import Backdrop, SkyView, Sun
from app.sky.placing import Wrap
from app.sky.sphere import FlatPicture
from app.sky.texture import FlatPlane

Model = Literal["sphere", "plane"]
"""A flat picture stands in the world, or shifts and rolls in a plane."""

_MOST_TEXELS = 32_000_000
"""48 MB of planes: a texel to each pixel of a 1920x1080 frame that sees half of the picture."""
_WHITE = np.full(3, 255.0)


class StillSky:
    """A still picture, converted to the frame's size and colour when it is opened.

    sun: its place in the picture (x, y), as shares of width and height.
    Raises SkyError naming a file that is not a picture.
    """

    def __init__(
        self,
        path: Path,
        title: str,
        size_wh: tuple[int, int],
        colour: Colour,
        crop: float,
        wrap: Wrap,
        *,
        placement: Placement = AS_IT_IS,
        model: Model = "sphere",
        sun: tuple[float, float] | None = None,
    ) -> None:
        self.title = title
        self.placement = placement
        rgb = read_rgb(path)
        height, width = rgb.shape[:2]
        kind = FlatPicture if model == "sphere" else FlatPlane
        self._backdrop: Backdrop = kind(
            (width, height), size_wh, colour, crop, wrap, most_texels=_MOST_TEXELS, enlarge=True
        )
        self._texture = self._backdrop.texture(
            planes_from_rgb(resized(rgb, self._backdrop.picture_wh), colour), colour.chroma_xy
        )
        self._sun = sun_of(self._backdrop, sun)

    def render(self, seconds: float, view: View, rows: tuple[int, int]) -> SkyView:
        """As `Sky.render`; the same at all times."""
        return self._backdrop.render(self._texture, view, self.placement, self._sun, rows)

    def close(self) -> None:
        """Nothing is held open."""


def sun_of(backdrop: Backdrop, sun: tuple[float, float] | None) -> Sun | None:
    """The sun at a place of the picture, as shares of width and height, white; in the sky's own axes."""
    return None if sun is None else Sun(backdrop.direction(*sun), _WHITE)


def resized(rgb: U8, size_wh: tuple[int, int]) -> U8:
    """The picture at another size: means where it gets smaller, cubic where larger."""
    if (rgb.shape[1], rgb.shape[0]) == size_wh:
        return rgb
    shrinks = size_wh[0] < rgb.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(rgb, size_wh, interpolation=method), np.uint8)


def read_rgb(path: Path) -> U8:
    """RGB picture, uint8 (H, W, 3), upright by its EXIF orientation, without its alpha."""
    try:
        encoded = np.fromfile(path, np.uint8)  # imread cannot open every path on Windows
        picture = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB) if encoded.size else None
    except OSError as error:
        raise SkyError(f"{path}: {error.strerror}") from error
    except cv2.error as error:
        raise SkyError(f"{path}: not a picture that can be read: {error.err}") from error
    if picture is None:
        raise SkyError(f"{path}: not a picture that can be read")
    return np.asarray(picture, np.uint8)
