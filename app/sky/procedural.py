"""A computed sky: key pictures of it made in the background, and what is seen between them."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from app.camera import Camera, View, first_view
from app.config import AS_IT_IS, Placement
from app.frame import F32, F64, U8, Colour
from app.rotation import rotation_from_vector
from app.sky.base import SkyView, Sun
from app.sky.keys import Keys, Shown
from app.sky.layers import Clouds, Layers, Painter, Whole, mean_rgb, reduced
from app.sky.placing import FOV_DEG
from app.sky.seen import Bounds, bounds_of
from app.sky.standing import placed_sun, sky_to_world
from living.clock import DayClock, reset
from living.procedural import Key
from living.specs import Clock, ProceduralSpec
from living.sun import direction
from living.window import STEP, Window

PERIOD_S = 0.5
"""Seconds from key to key."""
_MOST_WIDTH = 2048
_MOST_TURN_DEG = 3.0
"""From key to key, up to which the sky's turn is followed: beyond, the horizon would be seen to tilt."""


class Scene(Protocol):
    """What makes keys, as `living.procedural.Scene`; `clock` may be replaced between two of them."""

    clock: DayClock

    def key(self, seconds: float, window: Window | None = None) -> Key:
        """The key of a second of the sky's time; clouds outside of the window are coarse."""


_ASIDE_DEG, _BEYOND_DEG = 16.0, 9.0
"""How far clouds are fine beyond what is seen, so that the camera may turn until the next key."""
_DRIFT_DEG = 2.0
"""How far clouds drift, at most, from the time of a key to that of a frame."""


@dataclass(frozen=True, slots=True, eq=False)
class _Clear:
    """A clear sky's texture, the second of its light, and how the sky turns: radians per second, (3,)."""

    rgb: U8
    whole: Whole
    seconds: float
    clock: DayClock
    turn_per_s: F64


@dataclass(frozen=True, slots=True, eq=False)
class _Moment:
    """A key as it is drawn; small: all of it, as of `layers.reduced`."""

    seconds: float
    bounds: Bounds
    clear: _Clear
    clouds: Clouds | None
    small: F32
    sun: Sun | None
    drift_per_s: tuple[float, float]


def scene_width(size_wh: tuple[int, int]) -> int:
    """How wide the keys are to be, once around, behind frames of that size."""
    focal = Camera.from_fov(size_wh, FOV_DEG).focal_px
    return min(_MOST_WIDTH, max(256, round(math.pi * focal / 128) * 128))


def _rays(view: View, placement: Placement) -> F64:
    """From a frame's pixels to directions in a sky's own axes, float64 (3, 3)."""
    return np.asarray(sky_to_world(placement).T @ view.rotation @ view.camera.inverse, np.float64)


def _ahead_of_time(seen: Bounds) -> Bounds:
    """Where clouds are to be fine, given what is seen now."""
    return seen.wider(_ASIDE_DEG, _BEYOND_DEG)


def window_of(bounds: Bounds, width: int) -> Window:
    """The part of clouds of that width, once around, that holds what is within bounds."""
    per_degree = width / 360 / STEP
    begin = math.floor((bounds.left + 180.0) * per_degree)
    end = math.ceil((bounds.left + 180.0 + bounds.span) * per_degree)
    left = begin * STEP % width
    right = left + (end - begin) * STEP
    if right - left >= width:
        left, right = 0, width
    top = math.floor((90.0 - bounds.high) * per_degree) * STEP
    bottom = min(math.ceil((90.0 - bounds.low) * per_degree) * STEP, width // 4)
    return Window(left, right, min(max(top, 0), width // 4 - STEP), max(bottom, STEP))


class ProceduralSky:
    """A computed sky. Clouds of two keys, moved on by the wind, are mixed over a clear sky that turns.

    patient: frames wait for their keys, so that equal times show equal pictures; else keys may come late.
    """

    def __init__(
        self,
        spec: ProceduralSpec,
        scene: Scene,
        width: int,
        title: str,
        size_wh: tuple[int, int],
        colour: Colour,
        *,
        placement: Placement = AS_IT_IS,
        patient: bool = False,
    ) -> None:
        """scene: of that spec; width: of its clouds, as `scene_width` says. The first key is made at once."""
        self.title = title
        self.placement = placement
        self._spec = spec
        self._scene = scene
        self._own_clock = self._clock = scene.clock
        self._seconds = 0.0
        self._width = width
        self._painter = Painter(size_wh, colour)
        self._clear: _Clear | None = None
        # In which keys are to be fine; the first one is probably seen by a level camera.
        ahead = _rays(first_view(Camera.from_fov(size_wh, FOV_DEG)), placement)
        self._bounds = _ahead_of_time(bounds_of(size_wh, ahead, placement.scale))
        self._keys: Keys[_Moment] = Keys(self._make, PERIOD_S, patient=patient, name="sky keys")
        # What is compiled is compiled here, not while frames wait.
        self._view(self._keys.shown, 0.0, first_view(Camera.from_fov(size_wh, FOV_DEG)), (0, 2))

    @property
    def hour(self) -> float:
        """The hour of the day in the last frame, 0 to 24."""
        return self._clock.at(self._seconds).hour

    def set_clock(self, clock: Clock | None) -> None:
        """Let it be as late as a clock says that starts now; None = as the sky itself says. By any thread."""
        self._clock = self._own_clock if clock is None else reset(self._spec, clock, self._seconds)
        self._keys.renew()

    def render(self, seconds: float, view: View, rows: tuple[int, int]) -> SkyView:
        """As `Sky.render`."""
        self._seconds = seconds = max(seconds, 0.0)
        placement = self.placement
        seen = bounds_of(view.camera.size_wh, _rays(view, placement), placement.scale)
        self._bounds = _ahead_of_time(seen)
        needed = seen.wider(_DRIFT_DEG, _DRIFT_DEG)
        shown = self._keys.at(seconds, lambda key: key.clouds is None or key.bounds.holds(needed))
        return self._view(shown, seconds, view, rows)

    def _view(self, shown: Shown[_Moment], seconds: float, view: View, rows: tuple[int, int]) -> SkyView:
        now, then, share = shown
        placement = self.placement
        rays = _rays(view, placement)
        parts = [(now, 1 - share)] if then is None or share < 1 else []
        parts += [(then, share)] if then is not None and share > 0 else []
        if rows[1] > rows[0]:
            layers = [_layers(moment, weight, seconds, rays, placement.scale) for moment, weight in parts]
            self._painter.draw(layers, placement.scale, rows)
        mean = np.zeros(3)
        for moment, weight in parts:
            mean += weight * mean_rgb(moment.small, view.camera, rays, placement.scale)
        sun = _mixed([(moment.sun, weight) for moment, weight in parts])
        return SkyView(self._painter.planes, mean, placed_sun(sun, placement))

    def close(self) -> None:
        """End the thread that makes keys."""
        self._keys.close()

    def _make(self, seconds: float) -> _Moment:
        clock = self._scene.clock = self._clock
        bounds = self._bounds
        key = self._scene.key(seconds, window_of(bounds, self._width))
        if self._clear is None or key.clear is not self._clear.rgb or clock is not self._clear.clock:
            self._clear = _Clear(
                key.clear, self._painter.clear(key.clear), seconds, clock, _turn_per_s(clock)
            )
        clouds = None
        if key.cloud is not None and key.alpha is not None:
            clouds = self._painter.clouds(key.cloud, key.alpha)
        light = Sun(direction(*key.sun), key.sun_rgb) if key.sun_rgb.any() else None
        small = reduced(key.clear, key.cloud, key.alpha)
        return _Moment(seconds, bounds, self._clear, clouds, small, light, key.drift_per_s)


def _turn_per_s(clock: DayClock) -> F64:
    """How the sky turns about its pole: radians per second, float64 (3,) in its own axes."""
    degrees = clock.clock.rate / 240
    if degrees * PERIOD_S > _MOST_TURN_DEG:
        degrees = 0.0
    return -math.radians(degrees) * direction(*clock.pole)


def _layers(moment: _Moment, weight: float, seconds: float, rays: F64, scale: float) -> Layers:
    """How a key looks some time before or after its own."""
    turned = rotation_from_vector((moment.clear.seconds - seconds) * moment.clear.turn_per_s)
    # Enlarged clouds move as much faster: exactly so ahead, and nearly so elsewhere.
    x, z = (scale * speed * (seconds - moment.seconds) for speed in moment.drift_per_s)
    sheared = np.array([[1.0, x, 0.0], [0.0, 1.0, 0.0], [0.0, z, 1.0]])
    return Layers(moment.clear.whole, turned @ rays, moment.clouds, sheared @ rays, weight)


def _mixed(lights: list[tuple[Sun | None, float]]) -> Sun | None:
    """The light between those of two keys; one that comes or goes alone stays where it is."""
    there = [(light, weight) for light, weight in lights if light is not None]
    if not there:
        return None
    towards = np.sum([weight * light.direction for light, weight in there], axis=0)
    rgb = np.sum([weight * light.rgb for light, weight in there], axis=0)
    length = float(np.linalg.norm(towards))
    if length < 1e-6 or not rgb.any():  # half way between two that are opposite
        return there[-1][0]
    return Sun(towards / length, rgb * 255 / rgb.max())
