"""A computed sky written as a picture or as a film: its middle as a flat sky, or all of it as a panorama.

A film of a sky whose clock stands still is a seamless loop. Light is computed for each frame, clouds a few
times a second, and moved on by the wind in between.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from app.colour import planes_from_rgb
from app.frame import F32, F64, U8, Planes
from app.sky.procedural import window_of
from app.sky.seen import Bounds
from living.bar import counted
from living.clock import DayClock
from living.film import COLOUR, FILMS, PICTURES, Film, Said, check_free, write_picture, write_toml
from living.loopify import Join, closed, fade_frames, local_mean, sized
from living.loops import contrast_gain
from living.procedural import Key, Scene
from living.specs import ProceduralSpec
from living.window import Window
from skyboxes.view import ARC, View

HORIZON = 0.7
"""Row of the horizon in a flat sky, as a share of its height."""
_KEY_S = 0.25
_KEY_SUN_DEG = 0.5
"""From key to key the sun goes at most this far: light on the clouds is mixed in between."""
_SUN_DEG_PER_S = 360 / 86400
_WIDEST = 6144
"""Of a computed sky, once around."""
_STEP = 128
_MARGIN_DEG = 8.0
_EDGE = 4
_FINE = 400
"""What is finer than a 400th of the width has to keep its contrast where two keys are mixed."""
_SUN_UP_DEG = -2.0


@dataclass(frozen=True, slots=True)
class Rendering:
    """What is to be made of a computed sky.

    panorama: the whole sphere, twice as wide as high; else 120 degrees around its middle, columns even in
    azimuth, rows in the tangent of the elevation. size_wh: None = 3840x2160 and 1920x1080, as a picture and
    as a film; of panoramas 4096x2048 and 2048x1024.
    """

    spec: ProceduralSpec
    panorama: bool = False
    seconds: float = 8.0
    fps: Fraction = Fraction(30)
    size_wh: tuple[int, int] | None = None

    def size(self, *, film: bool) -> tuple[int, int]:
        """Width and height."""
        if self.size_wh is not None:
            return self.size_wh
        if self.panorama:
            return (2048, 1024) if film else (4096, 2048)
        return (1920, 1080) if film else (3840, 2160)

    @property
    def runs(self) -> bool:
        """Whether time goes on, so that its end is another time of day than its beginning."""
        return self.spec.clock is not None and self.spec.clock.rate != 0


def render(rendering: Rendering, path: Path, *, force: bool = False) -> None:
    """Write the sky as the file's ending says, and a TOML file beside it. Raises RecordError naming it."""
    check_free(path, PICTURES + FILMS, force=force)
    film = path.suffix.lower() in FILMS
    size_wh = rendering.size(film=film)
    sky = Frames(rendering.spec, size_wh, panorama=rendering.panorama, fps=rendering.fps)
    said = _said(rendering, sky.sun, film=film)
    if not film:
        for seconds in counted([0.0], 1):
            write_picture(path, sky.at(seconds), force=force)
        write_toml(path, said)
        return
    frames = max(2, round(rendering.seconds * rendering.fps))
    with Film(path, size_wh, rendering.fps, force=force) as file:
        for planes in counted(_film(rendering, sky, frames), frames):
            file.write(planes)
        file.say(said)


def _film(rendering: Rendering, sky: "Frames", frames: int) -> Iterator[Planes]:
    # What leads from the end over into the beginning lies before it.
    fade = 0 if rendering.runs else fade_frames(frames, rendering.fps, sky.size_wh)
    times = (index / float(rendering.fps) for index in range(frames + fade))
    planes = (planes_from_rgb(sky.at(seconds), COLOUR) for seconds in times)
    return planes if fade == 0 else closed(planes, Join(fade, frames + fade, fade))


class Frames:
    """Pictures of a computed sky, best asked for in the order of their times; equal times, equal pictures."""

    def __init__(
        self, spec: ProceduralSpec, size_wh: tuple[int, int], *, panorama: bool, fps: Fraction = Fraction(30)
    ) -> None:
        """fps: keys are no closer to each other than these frames."""
        self.size_wh = size_wh
        width, height = size_wh
        if panorama:
            wide = width
            azimuths = ((np.arange(width) + 0.5) / width - 0.5) * 2 * math.pi
            slopes = np.tan((0.5 - (np.arange(height) + 0.5) / height) * math.pi)
        else:
            wide = round(2 * math.pi / ARC * width)
            view = View(width, height, HORIZON)
            azimuths, slopes = view.azimuths(), view.slopes()
        self._wide = min(max(_STEP, math.ceil(wide / _STEP) * _STEP), _WIDEST)
        self._sin, self._cos = np.sin(azimuths)[None], np.cos(azimuths)[None]
        self._slopes = slopes[:, None]
        self._above = int((slopes > 0).sum())
        self._window = None if panorama else _window(azimuths, slopes, self._wide)
        clock = spec.clock
        self._scene = Scene(spec, self._wide)
        clear = replace(spec, clouds="none")
        self._clear = (
            Scene(clear, self._wide, self._scene.clock) if clock is not None and clock.rate else None
        )
        self._interval = _KEY_S
        if clock is not None and clock.rate:
            per_key = _KEY_SUN_DEG / (_SUN_DEG_PER_S * clock.rate)
            self._interval = min(_KEY_S, max(per_key, float(1 / fps)))
        self._rows, self._columns = self._place(self._sin, self._slopes, self._cos)
        self._keys: dict[int, _Laid] = {}
        self._last_clear: tuple[U8, U8] | None = None

    @property
    def clock(self) -> DayClock:
        """The time of day by the second."""
        return self._scene.clock

    @property
    def sun(self) -> tuple[float, float]:
        """Elevation and azimuth of the sun at the beginning, in degrees."""
        return self.clock.at(0.0).sun

    def at(self, seconds: float) -> U8:
        """The picture of a second, RGB, uint8 (H, W, 3)."""
        place = seconds / self._interval
        index = math.floor(place + 1e-6)
        share = max(place - index, 0.0)
        before = self._key(index)
        clear = self._clear_at(seconds, before)
        if before.clouds is None:
            return clear
        over = self._drifted(before, seconds)
        if share > 1e-6:
            over = _mixed(over, self._drifted(self._key(index + 1), seconds), share)
        sky = over[..., :3] + (1 - over[..., 3:] / 255) * clear[: len(over)]
        whole = clear.copy()
        whole[: len(over)] = np.rint(sky).clip(0, 255)
        return whole

    def flow_at(self, seconds: float, later: float) -> F32:
        """How far a cloud at each pixel is to move until `later`, in pixels: float32 (H, W, 2); 0 below."""
        dx, dz = (speed * (later - seconds) for speed in self._scene.drift_per_s)
        up = np.maximum(self._slopes, 0.0)
        rows, columns = self._place(self._sin + up * dx, self._slopes, self._cos + up * dz)
        scale = self._pixels_per_texel()
        away = (columns - self._columns + 0.5 * self._wide) % self._wide - 0.5 * self._wide
        if self._window is None:
            flow = [away * scale, (rows - self._rows) * scale]
        else:
            length = np.hypot(self._sin + up * dx, self._cos + up * dz)
            flow = [away * scale, (1 - 1 / length) * self._slopes * self.size_wh[0] / ARC]
        return np.where(self._slopes[..., None] > 0, np.dstack(flow), 0.0).astype(np.float32)

    def clouds_at(self, seconds: float) -> U8:
        """How much of each pixel clouds hide, uint8 (H, W)."""
        key = self._key(math.floor(seconds / self._interval + 1e-6))
        if key.clouds is None:
            return np.zeros(self.size_wh[::-1], np.uint8)
        cloudy = np.zeros(self.size_wh[::-1], np.uint8)
        cloudy[: self._above] = np.rint(self._drifted(key, seconds)[..., 3]).clip(0, 255)
        return cloudy

    def _pixels_per_texel(self) -> float:
        around = self.size_wh[0] if self._window is None else 2 * math.pi / ARC * self.size_wh[0]
        return around / self._wide

    def _clear_at(self, seconds: float, key: "_Laid") -> U8:
        clear = key.clear if self._clear is None else self._clear.key(seconds).clear
        if self._last_clear is None or self._last_clear[0] is not clear:
            seen = _looked_up(_bordered(clear), self._rows, self._columns)
            self._last_clear = clear, np.rint(seen).clip(0, 255).astype(np.uint8)
        return self._last_clear[1]

    def _key(self, index: int) -> "_Laid":
        if index not in self._keys:
            for old in [number for number in self._keys if number < index - 1]:
                del self._keys[old]
            self._keys[index] = _laid(self._scene.key(index * self._interval, self._window))
        return self._keys[index]

    def _drifted(self, key: "_Laid", seconds: float) -> F32:
        """What the clouds of a key are at another time: float32 (h, W, 4), RGB and alpha, 0 to 255.

        Of the rows above the horizon.
        """
        assert key.clouds is not None
        above = slice(0, self._above)
        dx, dz = (speed * (seconds - key.seconds) for speed in key.drift_per_s)
        if dx == 0.0 == dz:
            return _looked_up(key.clouds, self._rows[above], self._columns[above])
        up = self._slopes[above]
        return _looked_up(key.clouds, *self._place(self._sin - up * dx, up, self._cos - up * dz))

    def _place(self, x: F64, up: F64, z: F64) -> tuple[F32, F32]:
        """Rows and columns of the sphere's picture where directions lead, float32 (h, W), h as of `up`."""
        columns = (np.arctan2(x, z) / (2 * math.pi) + 0.5) * self._wide - 0.5
        rows = (0.5 - np.arctan2(up, np.hypot(x, z)) / math.pi) * (self._wide // 2) - 0.5
        shape = len(up), self.size_wh[0]
        return (
            np.ascontiguousarray(np.broadcast_to(rows, shape), np.float32),
            np.ascontiguousarray(np.broadcast_to(columns, shape), np.float32),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Laid:
    """A key to be looked up: clouds are uint8 (H, W, 4), RGB and alpha, wider by `_EDGE` at both sides."""

    seconds: float
    clear: U8
    clouds: U8 | None
    drift_per_s: tuple[float, float]


def _laid(key: Key) -> _Laid:
    clouds = None
    if key.cloud is not None and key.alpha is not None:
        clouds = _bordered(np.dstack([key.cloud, key.alpha]))
    return _Laid(key.seconds, key.clear, clouds, key.drift_per_s)


def _bordered(whole: U8) -> U8:
    return np.asarray(cv2.copyMakeBorder(whole, 0, 0, _EDGE, _EDGE, cv2.BORDER_WRAP), np.uint8)


def _looked_up(bordered: U8, rows: F32, columns: F32) -> F32:
    seen = cv2.remap(bordered, columns + _EDGE, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.float32)


def _mixed(a: F32, b: F32, share: float) -> F32:
    """Two pictures of clouds, float32 (H, W, 4), mixed; fine forms keep their contrast: they would pulse."""
    fine_a, fine_b = _fine(a[..., 1]), _fine(b[..., 1])
    energies = [local_mean(product) for product in (fine_a * fine_a, fine_b * fine_b, fine_a * fine_b)]
    gain = contrast_gain(np.full(energies[0].shape, share, np.float32), *energies)
    mixture = (1 - np.float32(share)) * a + np.float32(share) * b
    return np.asarray(mixture + (sized(gain, a.shape) - 1)[..., None] * _fine(mixture), np.float32)


def _fine(picture: F32) -> F32:
    sigma = max(1.0, picture.shape[1] / _FINE)
    return np.asarray(picture - cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


def _window(azimuths: F64, slopes: F64, width: int) -> Window:
    """The part of the clouds that a flat sky shows, wherever they drift from until the next key."""
    left, right = np.degrees(azimuths[[0, -1]])
    high = math.degrees(math.atan(slopes[0]))
    seen = Bounds(float(left), float(right - left), 0.0, high)
    return window_of(seen.wider(_MARGIN_DEG, _MARGIN_DEG), width)


def _said(rendering: Rendering, sun: tuple[float, float], *, film: bool) -> Said:
    spec = rendering.spec
    clouds = "clear sky" if spec.clouds == "none" else spec.clouds
    kind = "panorama" if rendering.panorama else "video" if film else "still"
    said: dict[str, str | float | bool | tuple[float, float]] = {"kind": kind}
    said["title"] = f"Computed, {clouds}"
    said["horizon"] = 0.5 if rendering.panorama else HORIZON
    if rendering.panorama:
        said["wrap"] = "repeat"
    if film and rendering.runs:
        said["loop"] = False
        return said
    elevation, azimuth = sun
    width, height = rendering.size(film=film)
    if rendering.panorama:
        at = 0.5 + azimuth / 360, 0.5 - elevation / 180
    else:
        per_radian = width / ARC
        slope = math.tan(math.radians(min(elevation, 89.0)))
        at = 0.5 + math.radians(azimuth) / ARC, HORIZON - slope * per_radian / height
    if elevation > _SUN_UP_DEG and all(0.0 <= share <= 1.0 for share in at):
        said["sun"] = at
    return said
