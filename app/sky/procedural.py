"""A computed sky: key pictures of it made in the background, and what is seen between them."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from app.camera import Camera, View
from app.config import AS_IT_IS, Placement
from app.frame import F32, F64, U8, Colour
from app.rotation import rotation_from_vector
from app.sky.base import SkyView, Sun
from app.sky.keys import Keys
from app.sky.layers import Clouds, Layers, Painter, Whole, mean_rgb, reduced
from app.sky.placing import FOV_DEG
from app.sky.standing import placed_sun, sky_to_world
from living.clock import DayClock, reset
from living.specs import Clock, ProceduralSpec
from living.sun import direction

PERIOD_S = 0.5
"""Seconds from key to key."""
_MOST_WIDTH = 2048
_MOST_TURN_DEG = 3.0
"""From key to key, up to which the sky's turn is followed: beyond, the horizon would be seen to tilt."""


class Key(Protocol):
    """A moment of a scene; pictures are whole spheres, uint8 RGB (H, W, 3), as a screen shows them.

    clear: the sky without clouds; keys share one array while its light stays as it is. cloud: what the clouds
    add, already multiplied by their alpha, uint8 (H, W); both are None where there are none. sun: (elevation,
    azimuth) of the light, in degrees; sun_rgb: its colour, float64 (3,), the largest 255, or black for none.
    drift_per_s: (x, z) of the clouds' way per second, in the plane at height 1 above the eye.
    """

    @property
    def clear(self) -> U8: ...
    @property
    def cloud(self) -> U8 | None: ...
    @property
    def alpha(self) -> U8 | None: ...
    @property
    def sun(self) -> tuple[float, float]: ...
    @property
    def sun_rgb(self) -> F64: ...
    @property
    def drift_per_s(self) -> tuple[float, float]: ...


class Scene(Protocol):
    """What makes keys; `clock` may be replaced between two of them."""

    clock: DayClock

    def key(self, seconds: float) -> Key:
        """The key of a second of the sky's time."""


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
    clear: _Clear
    clouds: Clouds | None
    small: F32
    sun: Sun | None
    drift_per_s: tuple[float, float]


def scene_width(size_wh: tuple[int, int]) -> int:
    """How wide the keys are to be, once around, behind frames of that size."""
    focal = Camera.from_fov(size_wh, FOV_DEG).focal_px
    return min(_MOST_WIDTH, max(256, round(math.pi * focal / 128) * 128))


class ProceduralSky:
    """A computed sky. Clouds of two keys, moved on by the wind, are mixed over a clear sky that turns.

    patient: frames wait for their keys, so that equal times show equal pictures; else keys may come late.
    """

    def __init__(
        self,
        spec: ProceduralSpec,
        scene: Scene,
        title: str,
        size_wh: tuple[int, int],
        colour: Colour,
        *,
        placement: Placement = AS_IT_IS,
        patient: bool = False,
    ) -> None:
        """scene: of that spec, as wide as `scene_width` says. The first key is made at once."""
        self.title = title
        self.placement = placement
        self._spec = spec
        self._scene = scene
        self._clock = scene.clock
        self._seconds = 0.0
        self._painter = Painter(size_wh, colour)
        self._clear: _Clear | None = None
        self._keys: Keys[_Moment] = Keys(self._make, PERIOD_S, patient=patient, name="sky keys")

    @property
    def hour(self) -> float:
        """The hour of the day in the last frame, 0 to 24."""
        return self._clock.at(self._seconds).hour

    def set_clock(self, clock: Clock | None) -> None:
        """Let it be as late as a clock says that starts now; None = as the sky itself says. By any thread."""
        self._clock = DayClock(self._spec) if clock is None else reset(self._spec, clock, self._seconds)
        self._keys.renew()

    def render(self, seconds: float, view: View, rows: tuple[int, int]) -> SkyView:
        """As `Sky.render`."""
        self._seconds = seconds = max(seconds, 0.0)
        placement = self.placement
        now, then, share = self._keys.at(seconds)
        seen = [(now, 1 - share)] if then is None or share < 1 else []
        seen += [(then, share)] if then is not None and share > 0 else []
        rays = np.asarray(sky_to_world(placement).T @ view.rotation @ view.camera.inverse, np.float64)
        if rows[1] > rows[0]:
            layers = [_layers(moment, weight, seconds, rays, placement.scale) for moment, weight in seen]
            self._painter.draw(layers, placement.scale, rows)
        mean = np.zeros(3)
        for moment, weight in seen:
            mean += weight * mean_rgb(moment.small, view.camera, rays, placement.scale)
        sun = _mixed([(moment.sun, weight) for moment, weight in seen])
        return SkyView(self._painter.planes, mean, placed_sun(sun, placement))

    def close(self) -> None:
        """End the thread that makes keys."""
        self._keys.close()

    def _make(self, seconds: float) -> _Moment:
        clock = self._scene.clock = self._clock
        key = self._scene.key(seconds)
        if self._clear is None or key.clear is not self._clear.rgb or clock is not self._clear.clock:
            self._clear = _Clear(
                key.clear, self._painter.clear(key.clear), seconds, clock, _turn_per_s(clock)
            )
        clouds = None
        if key.cloud is not None and key.alpha is not None:
            clouds = self._painter.clouds(key.cloud, key.alpha)
        light = Sun(direction(*key.sun), key.sun_rgb) if key.sun_rgb.any() else None
        small = reduced(key.clear, key.cloud, key.alpha)
        return _Moment(seconds, self._clear, clouds, small, light, key.drift_per_s)


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
