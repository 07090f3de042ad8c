"""A still picture as a sky."""

from pathlib import Path

import cv2
import numpy as np

from app.colour import planes_from_rgb
from app.errors import SkyError
from app.frame import F64, U8, Colour
from app.sky.base import SkyView
from app.sky.placing import Wrap, place
from app.sky.texture import Projector, make_texture

_MOST_TEXELS = 32_000_000
"""48 MB of planes: a texel to each pixel of a 1920x1080 frame that sees half of the picture."""


class StillSky:
    """A still picture, converted to the frame's size and colour when it is opened.

    Raises SkyError naming a file that is not a picture.
    """

    def __init__(
        self, path: Path, title: str, size_wh: tuple[int, int], colour: Colour, crop: float, wrap: Wrap
    ) -> None:
        self.title = title
        rgb = _read(path)
        height, width = rgb.shape[:2]
        placing = place((width, height), size_wh, crop, wrap, most_texels=_MOST_TEXELS, enlarge=True)
        shrinks = placing.texture_wh[0] < width
        scaled = cv2.resize(
            rgb, placing.texture_wh, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        )
        planes = planes_from_rgb(np.asarray(scaled, np.uint8), colour)
        self._texture = make_texture(planes, placing, colour.chroma_xy)
        self._projector = Projector(placing, colour)

    def render(self, seconds: float, pose: F64, rows: tuple[int, int]) -> SkyView:
        """As `Sky.render`; the same at all times."""
        return self._projector.render(self._texture, pose, rows)

    def close(self) -> None:
        """Nothing is held open."""


def _read(path: Path) -> U8:
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
