"""A computed sky at any second: clear sky, clouds and what lights them, as pictures of the whole sphere.

Equirectangular pictures: columns are azimuth, the sky's middle in the middle; rows elevation, zenith on top.
Light is linear sRGB relative to the sun's above the air until it is exposed.
"""

from typing import NamedTuple

import cv2
import numpy as np

from app.frame import F32, F64, U8
from living import atmosphere, moon, night
from living.clock import DayClock
from living.jit import fast_jit
from living.kinds import Daylight, clouds_of
from living.specs import ProceduralSpec
from living.sun import PLAIN_LATITUDE, direction, galactic_axes, moon_position, sidereal_deg
from living.window import Window

_COARSE = 4
"""Where nobody looks there is one column and row of clouds for so many."""
_LUMA = np.array([0.2126, 0.7152, 0.0722])
_LIGHT_S = 10.0
"""Seconds of the day that share one clear sky: the sun goes a twelfth of its width."""


class Key(NamedTuple):
    """The sky at `seconds`; pictures are uint8 RGB (H, W, 3) as a screen shows them, alpha (H, W).

    clear: whole, with sun, moon and stars. cloud: what the clouds add, multiplied by alpha already: cloud +
    (1 - alpha / 255) clear is what is seen; None without clouds, alpha too. sun: (elevation, azimuth) in
    degrees of what gives the light; sun_rgb: its colour, float64 (3,), the largest 255, black for none.
    ambient: float64 (3,), 0 to 255, what a white surface lying open shows by the sky alone. drift_per_s:
    (x, z), the clouds' way per second on the plane at height 1 above the eye.
    """

    seconds: float
    clear: U8
    cloud: U8 | None
    alpha: U8 | None
    sun: tuple[float, float]
    sun_rgb: F64
    ambient: F64
    drift_per_s: tuple[float, float]


class _Light(NamedTuple):
    """All that depends on the moment alone, not on clouds."""

    sun: tuple[float, float]
    moon: tuple[float, float]
    moonlight: float
    axes: F64
    exposure: float
    """From linear light to that of the film."""
    darkness: float
    """0 by day, 1 in a night without a moon: how well stars are seen."""
    small: F32
    """(h, 2 h, 3) linear sky, its lower half below the horizon; without disc and stars."""
    clear: U8


@fast_jit
def _tone_table(table: F32) -> None:
    """Display values by x / (x + 0.25): the ACES film curve in Narkowicz's fit (2015), sRGB encoded."""
    for n in range(table.size):
        u = n / (table.size - 1)
        x = 0.25 * u / max(1.0 - u, 1e-6)
        y = min(1.0, x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14))
        table[n] = 12.92 * y if y <= 0.0031308 else 1.055 * y ** (1.0 / 2.4) - 0.055


@fast_jit
def _tone(table: F32, x: float) -> float:
    place = x / (x + 0.25) * (table.size - 1)
    i = min(int(place), table.size - 2)
    return float(table[i] + (place - i) * (table[i + 1] - table[i]))


@fast_jit
def _develop(table: F32, r: float, g: float, b: float, vivid: float) -> tuple[float, float, float]:
    """Display values of exposed light; `vivid` multiplies their distance from grey."""
    r, g, b = _tone(table, r), _tone(table, g), _tone(table, b)
    grey = 0.2126 * r + 0.7152 * g + 0.0722 * b
    r, g, b = grey + vivid * (r - grey), grey + vivid * (g - grey), grey + vivid * (b - grey)
    return min(max(r, 0.0), 1.0), min(max(g, 0.0), 1.0), min(max(b, 0.0), 1.0)


@fast_jit
def _small_sky(sun_dome: F32, sun: F64, moon_dome: F32, moonlight: float, moon_at: F64, out: F32) -> None:
    """The clear sky's light into `out` (rows, columns, 3); below the horizon a haze that darkens downwards.

    sun, moon_at: elevation and azimuth, radians.
    """
    rows, columns = out.shape[0], out.shape[1]
    colour = np.empty(3)
    sun_up, sun_level = np.sin(sun[0]), np.cos(sun[0])
    moon_up, moon_level = np.sin(moon_at[0]), np.cos(moon_at[0])
    for row in range(rows // 2):
        elevation = (0.5 - (row + 0.5) / rows) * np.pi
        for column in range(columns):
            azimuth = ((column + 0.5) / columns - 0.5) * 2.0 * np.pi
            atmosphere.look(sun_dome, elevation, azimuth - sun[1], sun_up, sun_level, colour)
            for c in range(3):
                out[row, column, c] = colour[c]
            if moonlight > 0.0:
                atmosphere.look(moon_dome, elevation, azimuth - moon_at[1], moon_up, moon_level, colour)
                for c in range(3):
                    out[row, column, c] += moonlight * colour[c]
    # The horizon's mean light is what the haze over the land has.
    mean = np.zeros(3)
    for column in range(columns):
        for c in range(3):
            mean[c] += out[rows // 2 - 1, column, c] / columns
    for row in range(rows // 2, rows):
        slope = np.tan(((row + 0.5) / rows - 0.5) * np.pi)
        share = 1.0 - np.exp(-slope / 0.12)
        for column in range(columns):
            for c in range(3):
                edge = out[rows // 2 - 1, column, c]
                out[row, column, c] = edge + share * (0.55 * mean[c] * (1.0 - 0.3 * share) - edge)


@fast_jit
def _developed(table: F32, light: F32, gains: F64, vivid: float, out: F32) -> None:
    for row in range(light.shape[0]):
        for column in range(light.shape[1]):
            p = light[row, column]
            r, g, b = _develop(table, p[0] * gains[0], p[1] * gains[1], p[2] * gains[2], vivid)
            out[row, column, 0], out[row, column, 1], out[row, column, 2] = r, g, b


@fast_jit
def _dither(column: int, row: int) -> float:
    """A fixed pattern of -0.5 to 0.5: interleaved gradient noise (Jimenez 2014)."""
    v = 0.06711056 * column + 0.00583715 * row
    v = 52.9829189 * (v - np.floor(v))
    return float(v - np.floor(v) - 0.5)


@fast_jit
def _rounded(display: F32, out: U8) -> None:
    for row in range(display.shape[0]):
        for column in range(display.shape[1]):
            shift = np.float32(_dither(column, row) + 0.5)
            for c in range(3):
                value = display[row, column, c] * np.float32(255.0) + shift
                out[row, column, c] = np.uint8(min(max(value, np.float32(0.0)), np.float32(255.0)))


@fast_jit
def _add_disc(
    table: F32,
    display: F32,
    small: F32,
    at: F64,
    radius: float,
    light: F64,
    glow: F64,
    gains: F64,
    vivid: float,
) -> None:
    """Draw the sun's disc and the glow of the lens around it, over the sky's own light, in place."""
    height, width = display.shape[0], display.shape[1]
    pixel = np.pi / height
    reach = 0.30
    up, level = np.sin(at[0]), np.cos(at[0])
    first = max(0, int((0.5 - (at[0] + reach) / np.pi) * height))
    last = min(height // 2, int((0.5 - (at[0] - reach) / np.pi) * height) + 1)
    for row in range(first, last):
        elevation = (0.5 - (row + 0.5) / height) * np.pi
        sine, cosine = np.sin(elevation), np.cos(elevation)
        for column in range(width):
            azimuth = ((column + 0.5) / width - 0.5) * 2.0 * np.pi
            dot = sine * up + cosine * level * np.cos(azimuth - at[1])
            if dot < np.cos(reach):
                continue
            away = np.arccos(min(1.0, dot))
            disc = min(1.0, max(0.0, (radius - away) / pixel + 0.5))
            shine = 0.85 * np.exp(-((away / 0.022) ** 1.1)) + 0.15 * np.exp(-away / 0.07)
            edge = 1.0 - away / reach
            shine *= edge * edge * (3.0 - 2.0 * edge)
            # Bilinear from the small picture, as its enlargement.
            u, v = (column + 0.5) / width * small.shape[1] - 0.5, (row + 0.5) / height * small.shape[0] - 0.5
            i, j = int(np.floor(u)), min(max(int(np.floor(v)), 0), small.shape[0] - 2)
            s, t = u - i, min(max(v - j, 0.0), 1.0)
            k, i = (i + 1) % small.shape[1], i % small.shape[1]
            p = np.empty(3)
            for c in range(3):
                a = small[j, i, c] + s * (small[j, k, c] - small[j, i, c])
                b = small[j + 1, i, c] + s * (small[j + 1, k, c] - small[j + 1, i, c])
                p[c] = (a + t * (b - a) + shine * glow[c] + disc * light[c]) * gains[c]
            r, g, b = _develop(table, p[0], p[1], p[2], vivid)
            display[row, column, 0] = max(display[row, column, 0], np.float32(r))
            display[row, column, 1] = max(display[row, column, 1], np.float32(g))
            display[row, column, 2] = max(display[row, column, 2], np.float32(b))


@fast_jit
def _add_moon(display: F32, at: F64, toward: F64, strength: float) -> None:
    """Draw the moon's disc, lit by the sun in direction `toward`, into display values, in place."""
    height, width = display.shape[0], display.shape[1]
    pixel = np.pi / height
    up, level = np.sin(at[0]), np.cos(at[0])
    sine, cosine = np.sin(at[1]), np.cos(at[1])
    # Axes of the disc: to the right and up on the sphere; x right, y down, z ahead.
    ax = np.array([cosine, 0.0, -sine])
    ay = np.array([-up * sine, -level, -up * cosine])
    az = np.array([level * sine, -up, level * cosine])
    sun_right = ax[0] * toward[0] + ax[1] * toward[1] + ax[2] * toward[2]
    sun_up = ay[0] * toward[0] + ay[1] * toward[1] + ay[2] * toward[2]
    sun_near = -(az[0] * toward[0] + az[1] * toward[1] + az[2] * toward[2])
    reach = moon.RADIUS + 2.0 * pixel
    first = max(0, int((0.5 - (at[0] + reach) / np.pi) * height))
    last = min(height // 2, int((0.5 - (at[0] - reach) / np.pi) * height) + 1)
    parts = 4
    for row in range(first, last):
        for column in range(width):
            elevation = (0.5 - (row + 0.5) / height) * np.pi
            azimuth = ((column + 0.5) / width - 0.5) * 2.0 * np.pi
            dot = np.sin(elevation) * up + np.cos(elevation) * level * np.cos(azimuth - at[1])
            if dot < np.cos(reach):
                continue
            cover, light = 0.0, 0.0
            for n in range(parts * parts):
                e = elevation + ((n // parts + 0.5) / parts - 0.5) * pixel
                a = azimuth + ((n % parts + 0.5) / parts - 0.5) * pixel
                x, y, z = np.cos(e) * np.sin(a), -np.sin(e), np.cos(e) * np.cos(a)
                right = (ax[0] * x + ax[1] * y + ax[2] * z) / moon.RADIUS
                high = (ay[0] * x + ay[1] * y + ay[2] * z) / moon.RADIUS
                if right * right + high * high < 1.0:
                    cover += 1.0
                    light += moon.disc(right, high, sun_right, sun_up, sun_near)
            cover, light = cover / (parts * parts), light / (parts * parts)
            # By day the moon's dark part is the sky itself, and its light adds to the sky's.
            for c in range(3):
                warm = 1.0 if c == 0 else 0.97 if c == 1 else 0.90
                sky = display[row, column, c] * (1.0 - 0.9 * cover * strength)
                display[row, column, c] = min(1.0, sky + (0.35 + 0.65 * strength) * warm * light)


@fast_jit
def _over(
    table: F32, small: F32, clouds: F32, gains: F64, vivid: float, clear: U8, cloud: U8, alpha: U8
) -> None:
    """What clouds (rows, columns, 4) add to the developed sky behind them, and their alpha, both rounded.

    With the clear sky, which has the sun's glare besides, they make 255 at most.
    """
    rows, columns = clouds.shape[0], clouds.shape[1]
    high, wide = small.shape[0], small.shape[1]
    sky = np.empty(3)
    for row in range(rows):
        v = (row + 0.5) / alpha.shape[0] * high - 0.5
        j = min(max(int(np.floor(v)), 0), high - 2)
        t = min(max(v - j, 0.0), 1.0)
        for column in range(columns):
            p = clouds[row, column]
            if p[3] <= 0.0:
                continue
            u = (column + 0.5) / columns * wide - 0.5
            i = int(np.floor(u))
            s = u - i
            k, i = (i + 1) % wide, i % wide
            shift = _dither(column, row)
            through = min(max(1.0 - np.rint(255.0 * p[3] + 0.9 * shift) / 255.0, 0.0), 1.0)
            alpha[row, column] = np.uint8(np.rint(255.0 * (1.0 - through)))
            for c in range(3):
                a = small[j, i, c] + s * (small[j, k, c] - small[j, i, c])
                b = small[j + 1, i, c] + s * (small[j + 1, k, c] - small[j + 1, i, c])
                sky[c] = (a + t * (b - a)) * gains[c]
            r, g, b = _develop(
                table,
                sky[0] * (1.0 - p[3]) + p[0] * gains[0],
                sky[1] * (1.0 - p[3]) + p[1] * gains[1],
                sky[2] * (1.0 - p[3]) + p[2] * gains[2],
                vivid,
            )
            x, y, z = _develop(table, sky[0], sky[1], sky[2], vivid)
            r, g, b = r - through * x, g - through * y, b - through * z
            sky[0], sky[1], sky[2] = r, g, b
            for c in range(3):
                most = 255.0 - np.rint(through * clear[row, column, c])
                cloud[row, column, c] = np.uint8(min(max(255.0 * sky[c] + 0.5 + shift, 0.0), most))


def _enlarged(small: F32, width: int) -> F32:
    """A panorama enlarged to a width, across its seam and its poles too."""
    rows, columns = small.shape[:2]
    margin, times = 4, width // columns
    over = np.roll(small[:margin][::-1], columns // 2, axis=1)
    tall = np.concatenate([over, small, small[-margin:]])
    whole = np.concatenate([tall[:, -margin:], tall, tall[:, :margin]], axis=1)
    size = (whole.shape[1] * times, whole.shape[0] * times)
    large = cv2.resize(whole, size, interpolation=cv2.INTER_CUBIC)
    cut = margin * times
    return np.asarray(large[cut : cut + rows * times, cut : cut + width], np.float32)


def _moment_exposure(ambient: F64, sun_up: float, sun_light: F64) -> tuple[float, float]:
    """(exposure, darkness) by the light of sky and sun: an eye that does not quite get used to the night."""
    bright = float(ambient @ _LUMA + 0.03 * max(sun_up, 0.0) * (sun_light @ _LUMA))
    stops = max(0.0, float(np.log2(0.04 / max(bright, 4e-9))))
    # Of so many stops that it is darker than at noon, this many are left to be seen.
    under = 0.33 * min(stops, 3.0) + 0.03 * min(max(stops - 3.0, 0.0), 5.0)
    under += 0.22 * min(max(stops - 8.0, 0.0), 8.0) + 0.15 * max(0.0, stops - 16.0)
    darkness = min(1.0, max(0.0, (stops - 11.0) / 8.0))
    return float(5.0 * 2.0 ** (stops - under)), darkness


def _angles(width: int) -> tuple[F64, F64]:
    """(azimuths of columns, elevations of rows) of a panorama, radians."""
    azimuths = ((np.arange(width) + 0.5) / width - 0.5) * 2.0 * np.pi
    elevations = (0.5 - (np.arange(width // 2) + 0.5) / (width // 2)) * np.pi
    return azimuths, elevations


class Scene:
    """A sky by its spec. `clock` may be replaced between two keys; equal seconds of it give equal keys."""

    def __init__(self, spec: ProceduralSpec, width: int = 2048, clock: DayClock | None = None) -> None:
        """width: of the pictures, once around: a multiple of 128."""
        self.clock = clock or DayClock(spec)
        self._spec = spec
        self._width = width
        self._kind = clouds_of(spec.clouds, spec.cover, spec.seed)
        self._tone = np.empty(4096, np.float32)
        _tone_table(self._tone)
        self._light: _Light | None = None
        self._light_of: tuple[DayClock, float] | None = None
        speed = spec.wind.px_per_s / 640.0
        turn = np.radians(spec.wind.degrees)
        self.drift_per_s = (float(speed * np.cos(turn)), float(speed * np.sin(turn)))
        white = atmosphere.sun_colour(50.0)
        self._white = (white.mean() / white) ** 0.55

    def key(self, seconds: float, window: Window | None = None) -> Key:
        """The sky at a second of its own time; clouds outside of the window are coarse. None: all is fine."""
        light = self._light_at(seconds)
        lamp_at, lamp_colour = self._lamp(light, 0.1)
        glow = lamp_colour * self._white
        sun_rgb = 255.0 * (glow / glow.max()) ** (1 / 2.2) if glow.max() > 0 else np.zeros(3)
        ambient = np.empty((1, 1, 3), np.float32)
        mean = self._ambient(light)
        gains = self._white * light.exposure
        _developed(self._tone, mean[None, None].astype(np.float32), gains, self._vivid(light), ambient)
        cloud = alpha = None
        if self._kind is not None:
            cloud, alpha = self._clouds(seconds, light, window)
        return Key(
            seconds, light.clear, cloud, alpha, lamp_at, sun_rgb, 255.0 * ambient[0, 0].astype(np.float64),
            self.drift_per_s,
        )  # fmt: skip

    def frame(self, seconds: float) -> U8:
        """The whole sky at a second, uint8 RGB (H, W, 3)."""
        key = self.key(seconds)
        if key.cloud is None or key.alpha is None:
            return key.clear
        through = 255 - key.alpha[..., None].astype(np.uint16)
        return np.asarray(key.cloud + (through * key.clear + 127) // 255, np.uint16).astype(np.uint8)

    def _vivid(self, light: _Light) -> float:
        # The eye sees little colour in the dark.
        return 1.12 - 0.42 * light.darkness

    def _ambient(self, light: _Light) -> F64:
        return atmosphere.ambient(light.sun[0]) + light.moonlight * atmosphere.ambient(
            max(light.moon[0], -1.0)
        )

    def _lamp(self, light: _Light, height_km: float) -> tuple[tuple[float, float], F64]:
        """Where the strongest light comes from, in degrees, and its linear colour at a height."""
        sun = atmosphere.sun_at(height_km, float(np.sin(np.radians(light.sun[0]))))
        if sun.max() > 0.0 or light.sun[0] > -6.0:
            return light.sun, sun
        by_moon = atmosphere.sun_at(height_km, float(np.sin(np.radians(light.moon[0]))))
        return light.moon, light.moonlight * by_moon * np.array([0.92, 0.97, 1.0])

    def _light_at(self, seconds: float) -> _Light:
        clock = self.clock
        if clock.clock.rate > 0:  # from the seconds alone, whichever key was asked for before
            step = _LIGHT_S / clock.clock.rate
            seconds = float(np.floor(seconds / step)) * step
        else:
            seconds = 0.0
        if self._light is not None and (clock, seconds) == self._light_of:
            return self._light
        self._light_of = (clock, seconds)
        moment = clock.at(seconds)
        place = self._spec.place
        latitude, longitude = place or (PLAIN_LATITUDE, 0.0)
        south = latitude >= 0
        elevation, from_north = moon_position(moment.utc, latitude, longitude)
        middle = 180.0 if south else 0.0
        moon_at = (elevation, (from_north - middle + 180) % 360 - 180)
        # Without a place the galaxy's centre is highest at ten in the evening.
        sidereal = (
            sidereal_deg(moment.utc, longitude) if place is not None else 266.4 + 15.0 * (moment.hour - 22.0)
        )
        axes = galactic_axes(sidereal, latitude, middle)
        self._light = self._lit(moment.sun, moon_at, axes)
        return self._light

    def _lit(self, sun: tuple[float, float], moon_at: tuple[float, float], axes: F64) -> _Light:
        """The clear sky by the places of sun and moon in degrees and the galaxy's axes."""
        to_sun, to_moon = direction(*sun), direction(*moon_at)
        moonlight = moon.light(to_sun, to_moon) * float(np.clip((moon_at[0] + 2.0) / 4.0, 0.0, 1.0))
        sun_light = atmosphere.sun_colour(sun[0])
        exposure, darkness = _moment_exposure(
            atmosphere.ambient(sun[0]) + 0.6 * moonlight * atmosphere.ambient(max(moon_at[0], -1.0)),
            -float(to_sun[1]),
            sun_light,
        )
        # Smooth light is computed for one of so many columns.
        columns = self._width // (4 if self._width >= 2048 else 2 if self._width >= 1024 else 1)
        small = np.empty((columns // 2, columns, 3), np.float32)
        air = atmosphere.DEFAULT_AIR
        _small_sky(
            atmosphere.mixed_dome(sun[0], air), np.radians(sun),
            atmosphere.mixed_dome(max(moon_at[0], -1.0), air), moonlight, np.radians(moon_at), small,
        )  # fmt: skip
        starry = small
        if darkness > 0.0:
            starry = small.copy()
            night.add_band(starry[: columns // 4], axes, night.band(), 0.032 * darkness / exposure)
        gains, vivid = self._white * exposure, 1.12 - 0.42 * darkness
        display = np.empty_like(small)
        _developed(self._tone, starry, gains, vivid, display)
        large = np.ascontiguousarray(_enlarged(display, self._width))
        if darkness > 0.0:
            night.add_stars(large, *night.stars(self._spec.seed), axes, darkness)
        if moon_at[0] > -2.0:
            _add_moon(large, np.radians(moon_at), to_sun, float(np.clip(-sun[0] / 8.0, 0.0, 1.0)))
        if sun_light.max() > 1e-6:
            at = np.radians(sun)
            _add_disc(
                self._tone, large, small, at, atmosphere.SUN_RADIUS * 1.5, 60.0 * sun_light,
                0.9 * sun_light, gains, vivid,
            )  # fmt: skip
        clear = np.empty((self._width // 2, self._width, 3), np.uint8)
        _rounded(large, clear)
        return _Light(sun, moon_at, moonlight, axes, exposure, darkness, small, clear)

    def _clouds(self, seconds: float, light: _Light, window: Window | None) -> tuple[U8, U8]:
        """(cloud, alpha) of a key."""
        assert self._kind is not None
        at, low = self._lamp(light, 1.5)
        x, y, z = direction(max(at[0], -1.5), at[1])
        mean = self._ambient(light)
        horizon = light.small[len(light.small) // 2 - 2].mean(axis=0).astype(np.float64)
        daylight = Daylight(np.array([x, -y, z]), low, self._lamp(light, 8.5)[1], mean, horizon)
        width = self._width
        if window is None:
            azimuths, elevations = _angles(width)
            clouds = self._kind.picture(seconds, self.drift_per_s, daylight, azimuths, elevations)
        else:
            azimuths, elevations = _angles(width // _COARSE)
            coarse = self._kind.picture(seconds, self.drift_per_s, daylight, azimuths, elevations)
            size = width, _COARSE * len(coarse)
            clouds = np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR), np.float32)
            azimuths, elevations = _angles(width)
            columns = np.arange(window.left, window.right) % width
            fine = self._kind.picture(
                seconds, self.drift_per_s, daylight, azimuths[columns], elevations[window.top : window.bottom]
            )
            clouds[window.top : window.top + len(fine), columns] = fine
        cloud = np.zeros((width // 2, width, 3), np.uint8)
        alpha = np.zeros((width // 2, width), np.uint8)
        gains = self._white * light.exposure
        _over(self._tone, light.small, clouds, gains, self._vivid(light), light.clear, cloud, alpha)
        return cloud, alpha
