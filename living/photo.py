"""A photo whose sky drifts in a seamless loop, at the photo's full size; its land stands still.

The sky is split into a still part, the gradient of the clear sky and the sun with its glow, and into two
layers of cloud around it, one of broad forms and one of fine ones, each with a speed of its own. Each layer
is shown by two copies that take turns (`living.loops`), with the contrast of one. What moves is added to the
photo as a difference from its own sky: where there is no sky, nothing is changed, and at the loop's start
nowhere.
"""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.errors import SkyError
from app.frame import F32, F64, U8
from app.jit import jit
from living.behind import extended, horizon_of, without_specks
from living.field import Field, Table
from living.glare import find_glare, without_glare
from living.loops import contrast_gain, hour_at, moments, phase_of, second_share
from living.relight import Daylight, own_sun, shine_of, sun_at

I16 = NDArray[np.int16]

BROAD_SPEED = 0.85
"""Of the layer of broad forms, in winds."""
SMALL = 192
"""Width, at most, of the maps that hold what is smooth."""
_BROAD = 24
"""The broad layer is what a blur over a 24th of the width leaves."""
_WINDOW = 32
"""Contrast is measured over a 32nd of the width."""
_ORDERS = (2, 4)
"""Of the polynomials, across and down, that make the still part."""
_RIDGE = 1e-3
_STEPS = 16
"""Steps to a level in which the fine layer is kept."""
_REACH = 1280
"""Width, at most, at which it is found out how alike the two copies are."""


class Bands(NamedTuple):
    """A sky picture of n channels, split; their sum is the picture.

    still, broad: float32 (h, w, n), small; what they are at a pixel is bilinear between their samples. fine:
    int16 (H, W, n), in `_STEPS` to a level.
    """

    still: F32
    broad: F32
    fine: I16


class Likeness(NamedTuple):
    """Local mean squares of a layer, and of its product with what stands a period away; float32 (h, w)."""

    energy: F32
    common: F32


def split(picture: F32 | U8) -> Bands:
    """The bands of a picture (H, W, n) that is sky throughout."""
    height, width, channels = picture.shape
    small_wh = _shrunk(width, height, SMALL)
    small = np.asarray(cv2.resize(picture, small_wh, interpolation=cv2.INTER_AREA), np.float32)
    small = small.reshape(small_wh[1], small_wh[0], channels)
    still, broad = smooth_bands(small)
    fine = np.empty(picture.shape, np.int16)
    _rest(picture, np.ascontiguousarray(still + broad), fine)
    return Bands(still, broad, fine)


def smooth_bands(small: F32) -> tuple[F32, F32]:
    """The still part and the broad layer of a small picture, float32 (h, w, n) like it."""
    still = _polynomials(small)
    sigma = small.shape[1] / _BROAD
    broad = cv2.GaussianBlur(small - still, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return still, np.asarray(broad, np.float32).reshape(small.shape)


def _polynomials(small: F32) -> F32:
    """The smooth surface of least squares: neither clouds nor their gaps weigh much in it."""
    height, width, channels = small.shape
    x, y = np.linspace(-1, 1, width), np.linspace(-1, 1, height)
    across = np.polynomial.chebyshev.chebvander(x, _ORDERS[0])
    down = np.polynomial.chebyshev.chebvander(y, _ORDERS[1])
    basis = np.einsum("yj,xi->yxji", down, across).reshape(height * width, -1)
    normal = basis.T @ basis + _RIDGE * len(basis) * np.eye(basis.shape[1])
    weights = np.linalg.solve(normal, basis.T @ small.reshape(-1, channels).astype(np.float64))
    return np.asarray((basis @ weights).reshape(small.shape), np.float32)


def likeness(detail: F32, table: Table, period: float, size: tuple[int, int]) -> Likeness:
    """Of a channel of a layer, float32 (h, w) of any size, and itself a `period` further along the wind.

    size: (w, h) of what is given back.
    """
    moved = _look_up(detail, table.displacement(period), table.field.size_wh)
    sigma = size[0] / _WINDOW

    def local(product: F32) -> F32:
        small = cv2.resize(product, size, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.GaussianBlur(small, (0, 0), sigma, borderType=cv2.BORDER_REFLECT), np.float32)

    return Likeness(local(detail * detail), local(np.asarray(detail * moved, np.float32)))


def _shrunk(width: int, height: int, most: int) -> tuple[int, int]:
    """(width, height) of a picture of that size once neither is more than `most`."""
    shrink = max(1.0, max(width, height) / most)
    return max(8, round(width / shrink)), max(8, round(height / shrink))


def _look_up(picture: F32, displacement: F32, photo_wh: tuple[int, int]) -> F32:
    """A picture of the photo, at any size, where its samples will be: float32 (h, w) or (h, w, n)."""
    height, width = picture.shape[:2]
    far = cv2.resize(displacement, (width, height), interpolation=cv2.INTER_LINEAR)
    x = np.arange(width, dtype=np.float32)[None] + far[..., 0] * np.float32(width / photo_wh[0])
    y = np.arange(height, dtype=np.float32)[:, None] + far[..., 1] * np.float32(height / photo_wh[1])
    return np.asarray(cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Drift:
    """Two layers in a steady wind, at one time: where they come from, and how the copies are mixed.

    first, second: displacements of the fine layer's copies, float32 (rows, columns, 2), at the field's nodes.
    smooth: float32 (h, w, n), still part and broad layer. shares: float32 (h, w, 2), of the fine copies.
    """

    first: F32
    second: F32
    smooth: F32
    shares: F32


class Layers:
    """What moves in a sky picture, without its fine forms: the same for a photo and for the live program."""

    def __init__(
        self, still: F32, broad: F32, fine: F32, field: Field, period: float, luma: F32, seed: int
    ) -> None:
        """still, broad: as in `Bands`; fine: the fine layer's luma, float32 (H, W), of any size.

        luma: float32 (n,), what each channel counts for in how bright a pixel is.
        """
        self._field = field
        self._period = period
        self._still = still
        self._layer = broad
        self._table = field.table(period)
        size = broad.shape[1], broad.shape[0]
        self._fine = likeness(fine, self._table, period, size)
        forms = np.asarray(broad @ luma, np.float32)
        self._broad = likeness(forms, self._table, BROAD_SPEED * period, size)
        self._moments = moments((broad.shape[0], broad.shape[1]), seed)

    def at(self, phase: float) -> Drift:
        """The layers at a time in [0, period)."""
        second = second_share(phase / self._period, self._moments)
        there, back = self._table.displacement(-phase), self._table.displacement(self._period - phase)
        slow = BROAD_SPEED
        broad_there = self._table.displacement(-slow * phase)
        broad_back = self._table.displacement(slow * (self._period - phase))
        broad = self._mixed(self._layer, self._broad, second, broad_there, broad_back)
        gain = self._gain(self._fine, second, there, back)
        shares = np.dstack([gain * (1.0 - second), gain * second])
        return Drift(there, back, self._still + broad, np.asarray(shares, np.float32))

    def _gain(self, of: Likeness, second: F32, there: F32, back: F32) -> F32:
        size = self._field.size_wh
        return contrast_gain(
            second,
            _look_up(of.energy, there, size),
            _look_up(of.energy, back, size),
            _look_up(of.common, there, size),
        )

    def _mixed(self, layer: F32, of: Likeness, second: F32, there: F32, back: F32) -> F32:
        size = self._field.size_wh
        gain = self._gain(of, second, there, back)[..., None]
        share = second[..., None]
        first = _look_up(layer, there, size)
        return np.asarray(gain * ((1.0 - share) * first + share * _look_up(layer, back, size)), np.float32)


class PhotoLoop:
    """A photo in a loop: pictures of the photo's size at any time.

    Without a `day` the first picture is the photo itself, and land is the photo's, bit for bit, in all.
    """

    def __init__(
        self,
        photo: U8,
        alpha: U8 | None,
        field: Field,
        period: float,
        day: tuple[float, float] | None = None,
        *,
        own_sun_deg: float | None = None,
        seed: int = 0,
    ) -> None:
        """photo: RGB, uint8 (H, W, 3); alpha: uint8 (H, W), 255 = sky, None = all of it is.

        field: of the photo's size. period: seconds. day: hours (from, to), gone through as `loops.hour_at`
        says; own_sun_deg: the sun's elevation in the photo, None = guessed from its colours. Raises SkyError
        for a photo without sky, ValueError where sizes differ.
        """
        height, width = photo.shape[:2]
        alpha = np.full((height, width), 255, np.uint8) if alpha is None else without_specks(alpha)
        if alpha.shape != (height, width) or field.size_wh != (width, height):
            raise ValueError(f"photo {photo.shape}, alpha {alpha.shape} and field {field.size_wh} differ")
        if period <= 0:
            raise SkyError(f"a loop of {period:g} s has no length")
        self.period = period
        self.day = day
        self._photo = np.ascontiguousarray(photo)
        self._alpha = alpha
        self._sky = np.ascontiguousarray(extended(photo, alpha))
        glare = find_glare(self._sky)
        clouds = self._sky if glare is None else without_glare(self._sky, glare)
        self._glow = self._sky - clouds
        self._bands = split(clouds)
        bands = self._bands
        size = _shrunk(width, height, _REACH)
        fine = cv2.resize(bands.fine @ (LUMA / _STEPS), size, interpolation=cv2.INTER_AREA)
        self._layers = Layers(
            bands.still, bands.broad, np.asarray(fine, np.float32), field, period, LUMA, seed
        )
        self._moves = field.fastest > 0
        self._cell_xy = field.cell_xy
        self._daylight = None
        self._elevations = _elevations(height, width, horizon_of(alpha))
        if day is not None:
            self._daylight = Daylight(
                own_sun(self._sky, self._elevations) if own_sun_deg is None else own_sun_deg
            )

    def frame(self, seconds: float) -> U8:
        """The picture at a time, RGB, uint8 (H, W, 3); the same again after each period."""
        phase = phase_of(seconds, self.period)
        if self._daylight is None or self.day is None:
            sky_gains, land_gains, shine = _NO_GAINS, _NO_GAINS[0], np.float32(1.0)
            if not self._moves or phase == 0.0:
                return self._photo.copy()
        else:
            sun_deg = sun_at(hour_at(phase, self.period, self.day))
            sky_gains = self._daylight.sky_gains(sun_deg, self._elevations)
            land_gains = self._daylight.land_gains(sun_deg)
            shine = np.float32(shine_of(sun_deg))
        drift = self._layers.at(phase)
        out = np.empty_like(self._photo)
        _compose(
            self._photo, self._alpha, self._sky, self._glow, self._bands.fine,
            np.asarray(self._cell_xy, np.float64), drift.first, drift.second, drift.smooth, drift.shares,
            sky_gains, land_gains, shine, np.float32(np.cos(np.pi * phase / self.period) ** 8), out,
        )  # fmt: skip
        return out


LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
_NO_GAINS = np.ones((1, 3), np.float32)


def _elevations(height: int, width: int, horizon: float) -> F64:
    """Elevation of each row, radians, in a view of 60 degrees."""
    focal = width * 0.5 / np.tan(np.radians(30.0))
    return np.asarray(np.arctan(np.maximum(horizon - np.arange(height), 0.0) / focal), np.float64)


@jit
def _line(small: F32, place: float, line: F32) -> None:
    """A row of a small map, (w, n), between its rows."""
    place = min(max(place, 0.0), small.shape[0] - 1.0)
    i = min(int(place), small.shape[0] - 2)
    share = np.float32(place - i)
    for k in range(small.shape[1]):
        for c in range(small.shape[2]):
            line[k, c] = small[i, k, c] + share * (small[i + 1, k, c] - small[i, k, c])


@jit
def _rest(picture: U8 | F32, smooth: F32, fine: I16) -> None:
    """What is left of a picture without its smooth part."""
    height, width, channels = picture.shape
    rows, columns, _ = smooth.shape
    line = np.empty((columns, channels), np.float32)
    for y in range(height):
        _line(smooth, (y + 0.5) * rows / height - 0.5, line)
        for x in range(width):
            at = min(max((x + 0.5) * columns / width - 0.5, 0.0), columns - 1.0)
            i = min(int(at), columns - 2)
            share = np.float32(at - i)
            for c in range(channels):
                value = line[i, c] + share * (line[i + 1, c] - line[i, c])
                fine[y, x, c] = np.int16(np.rint(np.float32(_STEPS) * (np.float32(picture[y, x, c]) - value)))


@jit
def _mirrored(index: int, count: int) -> int:
    index %= 2 * count
    return min(index, 2 * count - 1 - index)


@jit
def _cubic(t: float, weights: F32) -> None:
    """Weights of four neighbouring samples (Catmull and Rom 1974): sharp, and exact at the samples."""
    weights[0] = ((-0.5 * t + 1.0) * t - 0.5) * t
    weights[1] = (1.5 * t - 2.5) * t * t + 1.0
    weights[2] = ((-1.5 * t + 2.0) * t + 0.5) * t
    weights[3] = (0.5 * t - 0.5) * t * t


@jit
def _add_fine(fine: I16, x: float, y: float, share: np.float32, across: F32, down: F32, colour: F32) -> None:
    """Add `share` of the fine layer at a place to a colour; beyond the edges it is mirrored."""
    height, width, _ = fine.shape
    left, top = int(np.floor(x)), int(np.floor(y))
    _cubic(x - left, across)
    _cubic(y - top, down)
    red = green = blue = np.float32(0.0)
    inside = left >= 1 and top >= 1 and left + 2 < width and top + 2 < height
    for j in range(4):
        row = top + j - 1 if inside else _mirrored(top + j - 1, height)
        for i in range(4):
            column = left + i - 1 if inside else _mirrored(left + i - 1, width)
            weight = across[i] * down[j]
            red += weight * np.float32(fine[row, column, 0])
            green += weight * np.float32(fine[row, column, 1])
            blue += weight * np.float32(fine[row, column, 2])
    share = share * np.float32(1.0 / _STEPS)
    colour[0] += share * red
    colour[1] += share * green
    colour[2] += share * blue


@jit
def lit(level: np.float32, gain: np.float32) -> np.float32:
    """A coded level, 0 to 255, in other light; more light leaves white white, and nothing clips."""
    if gain <= np.float32(1.0):
        return gain * level
    return gain * level / (np.float32(1.0) + (gain - np.float32(1.0)) * level * np.float32(1.0 / 255.0))


@jit
def _compose(
    photo: U8, alpha: U8, sky: U8, glow: U8, fine: I16,
    cell_xy: F64, first: F32, second: F32, smooth: F32, shares: F32,
    sky_gains: F32, land_gains: F32, shine: np.float32, rest: np.float32, out: U8,
) -> None:  # fmt: skip
    """One picture; sky_gains: float32 (H, 3), or (1, 3) and all 1, like land_gains, in the photo's light.

    A mixed pixel is the land's part, which is a colour that there is, and the sky's. What is left, where
    matte or sky are not quite true, is shown by the share `rest`: all at the loop's start, and soon nothing.
    shine: the share of the sun's own glow.
    """
    height, width, _ = photo.shape
    rows, columns, _ = smooth.shape
    nodes = first.shape[1]
    smooth_line, shares_line = np.empty((columns, 3), np.float32), np.empty((columns, 2), np.float32)
    first_line, second_line = np.empty((nodes, 2), np.float32), np.empty((nodes, 2), np.float32)
    across, down = np.empty(4, np.float32), np.empty(4, np.float32)
    colour = np.empty(3, np.float32)
    same_light = sky_gains.shape[0] == 1
    for y in range(height):
        place = (y + 0.5) * rows / height - 0.5
        _line(smooth, place, smooth_line)
        _line(shares, place, shares_line)
        _line(first, y / cell_xy[1], first_line)
        _line(second, y / cell_xy[1], second_line)
        gains = sky_gains[0 if same_light else y]
        for x in range(width):
            if alpha[y, x] == 0:
                for c in range(3):
                    value = np.float32(photo[y, x, c])
                    out[y, x, c] = photo[y, x, c] if same_light else np.uint8(lit(value, land_gains[c]) + 0.5)
                continue
            at = min(max((x + 0.5) * columns / width - 0.5, 0.0), columns - 1.0)
            i = min(int(at), columns - 2)
            t = np.float32(at - i)
            for c in range(3):
                colour[c] = smooth_line[i, c] + t * (smooth_line[i + 1, c] - smooth_line[i, c])
            share = shares_line[i] + t * (shares_line[i + 1] - shares_line[i])
            at = x / cell_xy[0]
            i = min(int(at), nodes - 2)
            t = np.float32(at - i)
            if share[0] != 0.0:
                dx = first_line[i, 0] + t * (first_line[i + 1, 0] - first_line[i, 0])
                dy = first_line[i, 1] + t * (first_line[i + 1, 1] - first_line[i, 1])
                _add_fine(fine, x + dx, y + dy, share[0], across, down, colour)
            if share[1] != 0.0:
                dx = second_line[i, 0] + t * (second_line[i + 1, 0] - second_line[i, 0])
                dy = second_line[i, 1] + t * (second_line[i + 1, 1] - second_line[i, 1])
                _add_fine(fine, x + dx, y + dy, share[1], across, down, colour)
            a = np.float32(alpha[y, x]) * np.float32(1.0 / 255.0)
            for c in range(3):
                left = np.float32(photo[y, x, c]) - a * np.float32(sky[y, x, c])
                own = min(max(left, np.float32(0.0)), (np.float32(1.0) - a) * np.float32(255.0))
                left = rest * (left - own)
                now = colour[c] + shine * np.float32(glow[y, x, c])
                now = min(max(now, np.float32(0.0)), np.float32(255.0))
                if not same_light:
                    left *= min(land_gains[c], np.float32(1.0))
                    own = lit(own, land_gains[c])
                    now = lit(now, gains[c])
                out[y, x, c] = np.uint8(min(max(own + a * now + left + 0.5, 0.0), 255.0))
