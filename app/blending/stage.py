"""Tracked -> Composited: the new sky behind the foreground, and its light and weather over it.

The equations are SkyAR's (Zou, "Castle in the Sky", arXiv 2010.11800, section 3.3), with A = alpha in [0, 1],
I = frame and B = sky, all in RGB:

    recolour   I'  = I + a (mean B - mean of I over the foreground), for each channel
    relight    I'' = b (I' + mean I - mean I'), one number over all pixels and channels; I'' = I' if matched
    composite  Y   = I'' (1 - A) + B A
    halo       Y'  = 1 - (1 - Y)(1 - s blur(B A))
    weather    rain as a screen blend, snow over it, then haze, then gamma
"""

import math
from typing import Protocol, TypeVar

import cv2
import numpy as np

from app import config
from app.blending import weather
from app.blending.halo import halo_map
from app.blending.kernels import Affine, compose, draw_streaks, matrix_of, sky_rows, survey
from app.camera import View
from app.colour import rgb_from_yuv, yuv_from_rgb
from app.frame import F32, F64, U8, Colour, Composited, Planes, Tracked
from app.grid import grid_for
from app.sky.base import SkyView

# The foreground's mean follows the camera within this time, so that alpha may flicker without the light
# doing so. The sky's own mean is not smoothed: lightning is meant to be seen.
_MEAN_S = 0.5
# The light comes with the sky, and outlasts it while something hides it.
_LIGHT_IN_S, _LIGHT_OUT_S = 0.3, 4.0
# Share of the picture from which on a sky lights the foreground fully.
_FULL_SKY = 0.01
# Confidence of the matte up to which nothing is painted, and from which on all is; and how fast that comes.
_DOUBTFUL, _CONFIDENT = 0.15, 0.35
_TRUST_S = 0.7


V = TypeVar("V", float, F64)


class Skies(Protocol):
    """What the stage needs of a sky: `app.sky.player.SkyPlayer` or any single sky."""

    def render(self, seconds: float, view: View, rows: tuple[int, int]) -> SkyView:
        """As `app.sky.base.Sky.render`."""


class BlendingStage:
    """Puts the sky behind the foreground. `look` may be replaced at any time by another thread.

    Without sky in view the foreground keeps the light it had for some seconds; a frame that never had any
    goes through as it is, but for the weather. While the matte is not to be trusted the frame itself
    shows, under rain and snow alone.
    """

    def __init__(self, skies: Skies, look: config.Look, size_wh: tuple[int, int], colour: Colour) -> None:
        self.look = look
        self._skies = skies
        self._colour = colour
        self._matrix = matrix_of(colour)
        self._grid = grid_for(size_wh)
        self._size_wh = size_wh
        self._no_halo = np.zeros((1, 3, len(self._grid.column)), np.float32)
        # Looks change while frames run: have the weather's code ready.
        draw_streaks(np.zeros((2, 2), np.uint8), np.zeros((0, 7), np.float32), 2.0, np.zeros(2, np.float32))
        self.reset()

    def reset(self) -> None:
        """Forget the frames seen: the next one is the first."""
        self._start: float | None = None
        self._last = 0.0
        self._scene = _Scene()

    def process(self, tracked: Tracked) -> Composited:
        """The finished picture of a frame."""
        look = self.look
        frame = tracked.frame
        if self._start is None:
            self._start = self._last = frame.seconds
        if frame.seconds < self._last:  # a jump back in the source: sky and weather go on
            self._start -= self._last - frame.seconds
        self._last = frame.seconds
        seconds = frame.seconds - self._start
        alpha = shaped_alpha(tracked.alpha, look.matte)
        rows = sky_rows(alpha)
        fair = not (look.weather.rain or look.weather.snow or look.weather.fog)
        if rows[1] == 0 and fair and not self._scene.light:
            self._scene.pass_by(seconds)
            return Composited(tracked, frame.planes)
        sky = self._skies.render(seconds, tracked.motion.view, rows)
        sky_planes = Planes(*(_read_only(plane) for plane in sky.planes))
        cells = np.empty((self._grid.rows, 4, self._grid.columns), np.float32)
        sums = survey(*frame.planes, *sky_planes, alpha, self._grid.stride, cells)
        self._scene.see(seconds, sums, cells, tracked.found.confidence)
        haze = self._haze(look.weather)
        haze_rgb = (sky.mean_rgb + sky.mean_rgb.mean()) / 2  # droplets scatter light of all around
        planes = Planes(*(np.empty_like(plane) for plane in frame.planes))
        compose(
            *frame.planes,
            *tracked.foreground.planes,
            tracked.foreground.spans,
            self._grid.row,
            *sky_planes,
            alpha,
            self._light(look.light, sky.mean_rgb),
            self._matrix,
            *self._halo(look.halo, cells, rows),
            haze,
            self._yuv(haze_rgb).astype(np.float32),
            *planes,
        )
        trust = self._scene.trust
        if trust < 1:
            for own, made in zip(frame.planes, planes, strict=True):
                cv2.addWeighted(own, 1 - trust, made, trust, 0, made)
        if not fair:
            self._add_weather(planes, look.weather, seconds, haze, haze_rgb)
        for plane in planes:
            plane.setflags(write=False)
        return Composited(tracked, planes)

    def _light(self, part: config.Light, sky_rgb: F64) -> Affine:
        foreground = self._scene.foreground
        if foreground is None:  # nothing but sky so far
            foreground = self._yuv(sky_rgb)
        return foreground_light(part, self._scene.light, foreground, sky_rgb, self._colour)

    def _halo(self, part: config.Halo, cells: F32, rows: tuple[int, int]) -> tuple[F32, F32]:
        if part.strength == 0 or rows[1] == 0:
            return self._no_halo, np.zeros_like(self._grid.row)
        width = part.radius * self._size_wh[0] / (4 * self._grid.stride)
        halo = halo_map(cells, width, part.strength, self._matrix, self._grid.column)
        return halo, self._grid.row

    def _haze(self, part: config.Weather) -> F32:
        heights = (2 * np.arange(len(self._grid.row)) + 1) / self._size_wh[1]
        return weather.haze(self._scene.horizon - heights, part.fog, part.rain, part.snow)

    def _yuv(self, rgb: F64) -> F64:
        matrix, offset = yuv_from_rgb(self._colour)
        return matrix @ rgb + offset

    def _add_weather(
        self, planes: Planes, part: config.Weather, seconds: float, haze: F32, haze_rgb: F64
    ) -> None:
        width, height = self._size_wh
        daylight = 0.35 + 0.65 * float(np.mean(haze_rgb)) / 255
        if part.rain:
            drops = weather.rain(seconds, part.rain, part.wind, width / height)
            drops[:, 5] *= daylight
            self._draw(planes, drops, np.full(3, 255.0), haze, haze_rgb)
        if part.snow:
            flakes = weather.snow(seconds, part.snow, part.wind, width / height)
            self._draw(planes, flakes, np.full(3, 255.0 * daylight), haze, haze_rgb)
        if part.rain:
            black, white = self._yuv(np.zeros(3))[0], self._yuv(np.full(3, 255.0))[0]
            shade = np.clip((np.arange(256) - black) / (white - black), 0, 1) ** weather.gamma(part.rain)
            cv2.LUT(planes.y, np.rint(black + (white - black) * shade).astype(np.uint8), planes.y)

    def _draw(self, planes: Planes, streaks: F32, rgb: F64, haze: F32, haze_rgb: F64) -> None:
        """Streaks of a colour, seen through the haze: they come before it in the equations."""
        height = self._size_wh[1]
        share = haze[:, np.newaxis]
        levels = ((1 - share) * self._yuv(rgb) + share * self._yuv(haze_rgb)).astype(np.float32)
        draw_streaks(planes.y, streaks, float(height), np.repeat(levels[:, 0], 2))
        draw_streaks(planes.u, streaks, height / 2, np.ascontiguousarray(levels[:, 1]))
        draw_streaks(planes.v, streaks, height / 2, np.ascontiguousarray(levels[:, 2]))


class _Scene:
    """What is remembered of the frames before: all of it fades, by the frames' own time.

    `foreground` is the mean of the foreground, float64 (3,), levels of Y, U and V; None before there was any.
    `horizon` is about the lower end of the sky, in picture heights from the top. `light`, in [0, 1], is how
    far the sky's light has come; `trust`, in [0, 1], how far the matte is believed.
    """

    def __init__(self) -> None:
        self.foreground: F64 | None = None
        self.horizon = 0.5
        self.light = 0.0
        self.trust = 1.0
        self._seconds: float | None = None

    def pass_by(self, seconds: float) -> None:
        """A frame without sky and without light: only its time counts."""
        self._seconds = seconds

    def see(self, seconds: float, foreground_sums: F64, sky_cells: F32, confidence: float) -> None:
        """Take in one frame; sums and cells are those of `kernels.survey`. The first one counts in full."""
        elapsed = math.inf if self._seconds is None else seconds - self._seconds
        self._seconds = seconds
        sky = sky_cells[:, 0].mean(axis=1, dtype=np.float64)
        wanted = min(1.0, float(sky.mean()) / _FULL_SKY)
        self.light = _followed(
            self.light, wanted, elapsed, _LIGHT_IN_S if wanted > self.light else _LIGHT_OUT_S
        )
        if self.light < 1 / 512:  # less than half a level
            self.light = 0.0
        believed = min(max((confidence - _DOUBTFUL) / (_CONFIDENT - _DOUBTFUL), 0.0), 1.0)
        self.trust = _followed(self.trust, believed, elapsed, _TRUST_S)
        if not 1 / 512 < self.trust < 1 - 1 / 512:
            self.trust = round(self.trust)
        weight = foreground_sums[0]
        if weight > 0:
            mean = foreground_sums[1:] / weight
            old = mean if self.foreground is None else self.foreground
            self.foreground = _followed(old, mean, elapsed, _MEAN_S)
        if sky.any():
            # A hundredth of the sky may lie lower: reflections. Between houses it ends above the horizon.
            lower_end = np.searchsorted(np.cumsum(sky), 0.99 * sky.sum()) / len(sky)
            self.horizon = _followed(self.horizon, max(float(lower_end), 0.35), elapsed, _MEAN_S)


def _followed(old: V, new: V, elapsed: float, time_constant: float) -> V:
    return new + math.exp(-elapsed / time_constant) * (old - new)


def foreground_light(
    part: config.Light, share: float, foreground_yuv: F64, sky_rgb: F64, colour: Colour
) -> Affine:
    """Recolouring and relighting as one affine map of YUV levels, done by `share` in [0, 1].

    foreground_yuv: mean levels of Y, U and V; sky_rgb: mean R, G and B, 0..255. The mean of I' less that of I
    is the mean over the channels of what recolouring adds, so that no mean over the picture is needed.
    """
    to_rgb, offset = rgb_from_yuv(colour)
    added = share * part.recolour * (sky_rgb - to_rgb @ (foreground_yuv - offset))
    gain = 1.0
    if not part.match:
        added = added - added.mean()
        gain += share * (part.relight - 1)
    shift = (1 - gain) * offset + gain * (yuv_from_rgb(colour)[0] @ added)
    return Affine(np.float32(gain), *(np.float32(value) for value in shift))


def shaped_alpha(alpha: U8, part: config.Matte) -> U8:
    """Alpha with its edge softened by a blur and moved, read-only; the same samples if nothing is asked."""
    if part.softness:
        size = 2 * round(part.softness * alpha.shape[1] / 200) + 1
        alpha = np.asarray(cv2.blur(alpha, (size, size)), np.uint8)
    if part.shift:
        # A straight line from 0 to 255 over what is left of alpha's range when a share is cut from one end.
        cut = 0.9 * abs(part.shift)
        levels = np.arange(256) / 255 - (cut if part.shift < 0 else 0)
        table = np.clip(levels / (1 - cut), 0, 1) * 255
        alpha = np.asarray(cv2.LUT(alpha, np.rint(table).astype(np.uint8)), np.uint8)
    return _read_only(alpha)


def _read_only(array: U8) -> U8:
    """A view that cannot be written, which is also what the kernels are compiled for."""
    view = array.view()
    view.setflags(write=False)
    return view
