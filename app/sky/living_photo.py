"""A photo as a sky whose clouds drift, in the light of any hour."""

import datetime
import math
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from app.camera import View
from app.colour import planes_from_rgb, rgb_from_yuv, yuv_from_rgb
from app.config import AS_IT_IS, Placement
from app.errors import SkyError
from app.frame import F32, F64, U8, Colour, Planes
from app.sky.base import SkyView, Sun
from app.sky.drifting import MIDDLE, Sample, draw, mean_levels
from app.sky.rays import BLOCK, Eye, numbers_of
from app.sky.sphere import FlatPicture, grid_of
from app.sky.standing import placed_sun, sky_to_world
from app.sky.still import resized, sun_of
from living.atmosphere import sun_colour
from living.behind import extended, horizon_of, without_specks
from living.clock import hour_at as clock_hour
from living.clock import utc_now
from living.field import Field, arrow_field, wind_field
from living.glare import find_glare, without_glare
from living.loops import hour_at, phase_of
from living.photo import Layers, smooth_bands
from living.relight import Daylight, own_sun, shine_of
from living.specs import Clock, PhotoSpec
from living.sun import day_path, direction

_MOST_TEXELS = 8_000_000
_PART = 16
"""What is smooth has a sample for so many texels, each way."""
_HORIZON = 0.3, 0.97
"""A horizon within this part of a photo's height lies level; other photos stand with their middle so."""
_FOCAL = 0.5 / math.tan(math.radians(30.0))
_NO_LIGHT = np.empty((0, 3), np.float32)
_Y_ALONE = np.array([1.0, 0.0, 0.0], np.float32)
_REACH = 1280
_SUNKEN_DEG = -2.0
_DARKEST = 1e-3


class LivingPhotoSky:
    """A photo's sky as a sky: decoded once, drawn by two look-ups a pixel in two threads, exact at any time.

    Its land is left away, what lies behind it is made up. By itself it lives through the day of its
    address, or stays in its own light; a clock that is set goes before both.
    Raises SkyError naming the photo in which there is no sky.
    """

    def __init__(
        self,
        title: str,
        rgb: U8,
        alpha: U8 | None,
        spec: PhotoSpec,
        size_wh: tuple[int, int],
        colour: Colour,
        crop: float,
        *,
        placement: Placement = AS_IT_IS,
        sun: tuple[float, float] | None = None,
        seed: int = 0,
    ) -> None:
        """rgb: uint8 (H, W, 3); alpha: uint8 (H, W), 255 = sky, None = all is. sun: as `StillSky`."""
        self.title = title
        self.placement = placement
        self._spec = spec
        self._colour = colour
        try:
            sky, horizon = _standing(rgb, alpha)
        except SkyError as error:
            raise SkyError(f"{spec.path}: {error}") from error
        height, width = sky.shape[:2]
        self._backdrop = FlatPicture(
            (width, height), size_wh, colour, crop, "mirror", most_texels=_MOST_TEXELS, enlarge=False
        )
        picture_wh = self._backdrop.picture_wh
        horizon *= picture_wh[1] / height
        chart = self._backdrop.sphere.chart
        above = round(chart.level_y + 0.5) - picture_wh[1] // 2
        sky = resized(sky, picture_wh)
        glare = find_glare(sky)
        clouds = sky if glare is None else without_glare(sky, glare)
        still, broad, self._glow, planes = self._split(
            planes_from_rgb(clouds, colour), planes_from_rgb(sky, colour)
        )
        self._texture = self._backdrop.sphere.texture(planes, None, colour.chroma_xy)
        field = _on_chart(_field_of(spec, picture_wh, horizon), (chart.width, chart.height), above)
        reach = max(1.0, max(chart.width, chart.height) / _REACH)
        small_wh = round(chart.width / reach), round(chart.height / reach)
        detail = np.asarray(cv2.resize(planes.y, small_wh, interpolation=cv2.INTER_AREA), np.float32) - MIDDLE
        self._layers = Layers(still, broad, detail, field, spec.loop_s, _Y_ALONE, seed)
        self._moves = field.fastest > 0
        self._sample: tuple[tuple[float, float], Sample] | None = None

        focal = _FOCAL * picture_wh[0]
        rows = np.arange(chart.height) - above
        self._elevations = np.arctan(np.maximum(horizon - rows, 0.0) / focal)
        own = np.arctan(np.maximum(horizon - np.arange(picture_wh[1]), 0.0) / focal)
        self._daylight = Daylight(own_sun(sky, own))
        self._clock: tuple[Clock, datetime.datetime, float | None] | None = None
        self._hour: float | None = None
        self._helper = ThreadPoolExecutor(1, "living-photo")
        self._own_light = sun_of(self._backdrop, sun)

        rgb_matrix, offset = rgb_from_yuv(colour)
        self._matrix = np.zeros((6, 4), np.float32)
        self._matrix[:3, :3], self._matrix[:3, 3] = rgb_matrix, offset
        self._matrix[3:, :3] = yuv_from_rgb(colour)[0]
        wide, high = size_wh
        chroma = (high + 1) // 2, (wide + 1) // 2
        self._planes = Planes(np.zeros((high, wide), np.uint8), *np.zeros((2, *chroma), np.uint8))

    @property
    def hour(self) -> float | None:
        """The hour of the picture rendered last, 0 to 24; None while it is in its own light."""
        return self._hour

    def set_clock(self, clock: Clock | None) -> None:
        """Show the light of a clock's hours from the next picture on; None: its own again. By any thread."""
        self._clock = None if clock is None else (clock, utc_now().astimezone(), None)

    def render(self, seconds: float, view: View, rows: tuple[int, int]) -> SkyView:
        """As `Sky.render`."""
        phase = phase_of(seconds, self._spec.loop_s) if self._moves else 0.0
        self._hour = self._hour_at(seconds)
        light, sun = self._light_of(self._hour)
        drift = self._drift(phase, 1.0 if self._hour is None else shine_of(day_path(self._hour)[0]))
        sphere, texture, placement = self._backdrop.sphere, self._texture, self.placement
        rays = np.ascontiguousarray(sky_to_world(placement).T @ view.rotation @ view.camera.inverse)
        eye = Eye(rays, placement.scale, self._colour.chroma_xy)
        numbers = numbers_of(sphere.chart, texture.levels, eye)
        first = texture.levels.first

        def draw_rows(top: int, bottom: int) -> None:
            if bottom > top:
                draw(
                    numbers, first, rays, (top, bottom), drift.smooth, drift.first, drift.second, light,
                    self._matrix, _arrays(texture.planes), _arrays(self._planes),
                )  # fmt: skip

        middle = (rows[0] + rows[1]) // (2 * BLOCK) * BLOCK
        if rows[0] < middle:
            lower = self._helper.submit(draw_rows, middle, rows[1])
            draw_rows(rows[0], middle)
            lower.result()
        else:
            draw_rows(*rows)
        means = mean_levels(numbers, first, rays, drift.smooth, light, *grid_of(view.camera.size_wh))
        matrix, offset = rgb_from_yuv(self._colour)
        mean_rgb: F64 = (matrix @ (means[:3] - offset)) * means[3:]
        return SkyView(self._planes, mean_rgb.clip(0.0, 255.0), placed_sun(sun, placement))

    def close(self) -> None:
        """End the helping thread."""
        self._helper.shutdown()

    def _split(self, planes: Planes, sunny: Planes) -> tuple[F32, F32, F32, Planes]:
        """Still part, broad layer and sun over the chart, float32 (h, w, 3), and what is left, as planes.

        planes: the sky without the sun, sunny: with it.
        """
        size = self._backdrop.picture_wh[0] // _PART, self._backdrop.picture_wh[1] // _PART
        small, bright = (
            np.dstack([cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in three]).astype(
                np.float32
            )
            for three in (planes, sunny)
        )
        still, broad, glow = (self._over_chart(band) for band in (*smooth_bands(small), bright - small))
        rest = []
        for channel, plane in enumerate(planes):
            whole = self._backdrop.extended(plane, 2 if channel else 1)
            smooth = cv2.resize(still[..., channel] + broad[..., channel], (whole.shape[1], whole.shape[0]))
            rest.append(np.rint(whole - smooth + MIDDLE).clip(0, 255).astype(np.uint8))
        return still, broad, glow, Planes(*rest)

    def _over_chart(self, band: F32) -> F32:
        """A small map of the picture, float32 (h, w, 3), over all of the chart."""
        channels = (np.ascontiguousarray(band[..., c]) for c in range(3))
        return np.dstack([self._backdrop.extended(channel, _PART) for channel in channels])

    def _drift(self, phase: float, shine: float) -> Sample:
        """The sky at a time of its loop, without its light; kept, for a sky that stands still."""
        if self._sample is None or self._sample[0] != (phase, shine):
            drift = self._layers.at(phase)
            smooth = np.dstack([drift.smooth + np.float32(shine) * self._glow, drift.shares])
            self._sample = (phase, shine), Sample(smooth, drift.first, drift.second)
        return self._sample[1]

    def _hour_at(self, seconds: float) -> float | None:
        if (setting := self._clock) is not None:
            clock, now, since = setting
            if since is None:  # it starts with the first picture after it was set
                since = seconds
                if self._clock is setting:
                    self._clock = clock, now, since
            return clock_hour(clock, seconds - since, now) % 24
        day = self._spec.day
        return None if day is None else hour_at(seconds, self._spec.loop_s, day)

    def _light_of(self, hour: float | None) -> tuple[F32, Sun | None]:
        if hour is None:
            return _NO_LIGHT, self._own_light
        elevation, azimuth = day_path(hour)
        sun = None
        if elevation > _SUNKEN_DEG:
            light = np.maximum(sun_colour(max(elevation, 0.0)), _DARKEST)
            sun = Sun(direction(elevation, azimuth), 255 * (light / light.max()) ** (1 / 2.2))
        return self._daylight.sky_gains(elevation, self._elevations), sun


def _arrays(planes: Planes) -> tuple[U8, U8, U8]:
    """Without a name: those take long to hand to compiled code."""
    return planes.y, planes.u, planes.v


def _standing(rgb: U8, alpha: U8 | None) -> tuple[U8, float]:
    """The photo's sky without its land, so cut or continued that the horizon is in its middle; that's row."""
    height, width = rgb.shape[:2]
    alpha = np.full((height, width), 255, np.uint8) if alpha is None else without_specks(alpha)
    sky, horizon = extended(rgb, alpha), horizon_of(alpha)
    if not _HORIZON[0] * height <= horizon <= _HORIZON[1] * height:
        return sky, horizon
    rows = 2 * round(horizon)
    below = cv2.copyMakeBorder(sky, 0, max(0, rows - height), 0, 0, cv2.BORDER_REFLECT)
    return np.ascontiguousarray(below[:rows]), horizon


def _field_of(spec: PhotoSpec, size_wh: tuple[int, int], horizon: float) -> Field:
    return arrow_field(size_wh, spec.arrows) if spec.arrows else wind_field(size_wh, horizon, spec.wind)


def _on_chart(field: Field, size_wh: tuple[int, int], above: int) -> Field:
    """The field of a picture that begins `above` rows below the top of a chart as wide, over all of that."""
    width, height = size_wh
    columns = field.velocity.shape[1]
    rows = max(3, round((columns - 1) * height / width) + 1)
    x, y = np.meshgrid(np.linspace(0, width - 1, columns), np.linspace(0, height - 1, rows) - above)
    return Field(size_wh, np.asarray(field.at(x.ravel(), y.ravel()).reshape(rows, columns, 2), np.float32))
