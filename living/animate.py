"""A photo made into a film that is a seamless loop: its clouds drift, its land stands still."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from app.colour import planes_from_rgb
from app.errors import SkyError
from app.frame import U8, Planes
from app.matting.photo import sky_of_photo
from app.sky.still import read_rgb, resized
from living.bar import counted
from living.behind import horizon_of
from living.field import wind_field
from living.film import COLOUR, FILMS, Film, Said, check_free, made_ahead
from living.photo import PhotoLoop
from living.specs import Wind

_MOST = 3840
"""Pixels of a film's longer side, unless another size is asked for."""
_LEAST_SKY = 0.02
WIND = Wind(0.0, 20.0)
"""Unless another is asked for."""


@dataclass(frozen=True, slots=True)
class Animation:
    """What is to become of a photo.

    matte: picture that is white where there is sky; None = found by the network. size_wh: the photo is scaled
    until it covers that, and its middle is taken; None = its own size, if its longer side has no more than
    3840 pixels. The loop has a whole number of frames, which takes `seconds` to half a frame.
    """

    photo: Path
    matte: Path | None = None
    seconds: float = 8.0
    fps: Fraction = Fraction(30)
    wind: Wind = WIND
    day: tuple[float, float] | None = None
    size_wh: tuple[int, int] | None = None

    @property
    def frames(self) -> int:
        """How many the film has."""
        return max(2, round(self.seconds * self.fps))


def animate(animation: Animation, path: Path, *, force: bool = False) -> None:
    """Write the film, and a TOML file beside it. Raises SkyError and RecordError naming the file."""
    check_free(path, FILMS, force=force)
    photo, alpha = photo_and_sky(animation)
    loop = loop_of(animation, photo, alpha)
    height, width = photo.shape[:2]
    with Film(path, (width, height), animation.fps, force=force) as film:
        for planes in counted(_planes(loop, animation.frames), animation.frames):
            film.write(planes)
        film.say(_said(animation, alpha))


def _planes(loop: PhotoLoop, frames: int) -> Iterator[Planes]:
    def planes(index: int) -> Planes:
        return planes_from_rgb(loop.frame(index * loop.period / frames), COLOUR)

    return made_ahead(planes, range(frames))


def photo_and_sky(animation: Animation) -> tuple[U8, U8]:
    """The photo, uint8 (H, W, 3), and its alpha, uint8 (H, W), 255 = sky, at the film's size.

    Raises SkyError naming a file that cannot be read, or that shows no sky.
    """
    photo = read_rgb(animation.photo)
    height, width = photo.shape[:2]
    if animation.size_wh is not None:
        photo = covering(photo, animation.size_wh)
    elif max(width, height) > _MOST:
        shrink = _MOST / max(width, height)
        photo = resized(photo, (max(1, round(width * shrink)), max(1, round(height * shrink))))
    if animation.matte is None:
        alpha = sky_of_photo(photo)
    else:
        matte = np.ascontiguousarray(read_rgb(animation.matte)[..., 1])
        if abs(matte.shape[1] * height - matte.shape[0] * width) > 0.01 * width * height:
            shape = f"{matte.shape[1]}x{matte.shape[0]}"
            raise SkyError(f"{animation.matte}: {shape} is not the shape of a photo of {width}x{height}")
        size_wh = animation.size_wh or (photo.shape[1], photo.shape[0])
        alpha = covering(matte, size_wh)
    if (alpha > 127).mean() < _LEAST_SKY:
        raise SkyError(f"{animation.matte or animation.photo}: no sky was found in this photo")
    return photo, alpha


def loop_of(animation: Animation, photo: U8, alpha: U8) -> PhotoLoop:
    """The photo's loop. Raises SkyError naming a photo whose sky cannot drift."""
    size_wh = photo.shape[1], photo.shape[0]
    field = wind_field(size_wh, horizon_of(alpha), animation.wind)
    try:
        return PhotoLoop(photo, alpha, field, float(animation.frames / animation.fps), animation.day)
    except SkyError as error:
        raise SkyError(f"{animation.photo}: {error}") from error


def covering(picture: U8, size_wh: tuple[int, int]) -> U8:
    """The middle of a picture, uint8 (H, W) or (H, W, 3), scaled until it covers (width, height)."""
    height, width = picture.shape[:2]
    scale = max(size_wh[0] / width, size_wh[1] / height)
    inner_wh = max(1, round(size_wh[0] / scale)), max(1, round(size_wh[1] / scale))
    left, top = (width - inner_wh[0]) // 2, (height - inner_wh[1]) // 2
    inner = picture[top : top + inner_wh[1], left : left + inner_wh[0]]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(inner, size_wh, interpolation=method), np.uint8)


def _said(animation: Animation, alpha: U8) -> Said:
    said: dict[str, str | float] = {
        "kind": "video",
        "title": animation.photo.stem.replace("_", " ").replace("-", " ").strip().capitalize(),
    }
    horizon = horizon_of(alpha) / len(alpha)
    return said | {"horizon": horizon} if horizon <= 1 else said
