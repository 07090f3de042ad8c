"""The kinds of cloud: what each is made of, and its picture at a moment.

A kind is made once for a sky and then asked for a picture of the sphere by the second and its light.
"""

from typing import NamedTuple, Protocol

import numpy as np

from app.frame import F32, F64
from living import cirrus, deck
from living.clouds import Field, Lamp, Layer, light_volume, march, noise_cube, phase_table, tops_of
from living.weather import PERIOD_M, TEXELS, doubled, slid, tiles_of

_GROUND = 0.18
_SLIDES = np.array([[0.020, 0.008], [-0.020, -0.010], [0.004, -0.012]])
"""How the tiles of a map slide over each other, texels per second."""


class Daylight(NamedTuple):
    """What there is of light: at: unit vector (3,) to sun or moon, right, up, ahead; the rest linear, (3,).

    low, high: its light at the height of low clouds and of cirrus, as a surface gets it that faces it;
    ambient: the sky's, as `atmosphere.ambient`; horizon: the mean light of the sky along the horizon.
    """

    at: F64
    low: F64
    high: F64
    ambient: F64
    horizon: F64


class Clouds(Protocol):
    """A kind of cloud over one sky."""

    def picture(
        self, seconds: float, drift: tuple[float, float], light: Daylight, azimuths: F64, elevations: F64
    ) -> F32:
        """(rows, columns, 4) premultiplied linear colour and cover.

        drift: the wind, as in `Key.drift_per_s`. Rows that are not there lie below the horizon and are empty.
        """


def clouds_of(kind: str, cover: float, seed: int) -> Clouds | None:
    """Clouds of a kind over about a share `cover` of the sky; None for "none"."""
    if kind == "none" or cover <= 0.0:
        return None
    if kind == "cumulus":
        return _Cumulus(cover, seed)
    if kind == "cirrus":
        return _Cirrus(cover, seed)
    return _Deck(_STORM if kind == "storm" else _STRATUS, cover, seed)


def _eye(drift: tuple[float, float], height: float, seconds: float) -> F64:
    """Where the eye stands in the field of clouds at a height, m."""
    return np.array([-drift[0] * height * seconds, -drift[1] * height * seconds])


class _Cumulus:
    layer = Layer(
        base=1200.0,
        thickness=1500.0,
        taper=0.62,
        erosion=0.42,
        billow=PERIOD_M / 22,
        extinction=0.045,
        sharpness=13.0,
        haze=19e3,
        reach=31e3,
    )
    tiles = ((16, 4, 0.45, 0.35), (4, 3, 0.5, 0.35))
    weights = np.array([1.0, 0.55])
    rise_per_s = 2.0

    def __init__(self, cover: float, seed: int) -> None:
        self._tiles = tiles_of(TEXELS, self.tiles, seed)
        self._noise = noise_cube(seed + 5)
        whole = slid(self._tiles, self.weights, 0.0 * _SLIDES[:2])
        self._open = 0.75 - 0.5 * min(cover, 1.0)
        # The noise eats what is just above the threshold.
        self._threshold = np.float32(0.13 - np.quantile(whole, 1.0 - 0.9 * min(cover, 1.0)))

    def picture(
        self, seconds: float, drift: tuple[float, float], light: Daylight, azimuths: F64, elevations: F64
    ) -> F32:
        layer = self.layer
        cover = slid(self._tiles, self.weights, _SLIDES[:2] * seconds)
        cover += self._threshold
        offset, rise = _eye(drift, layer.base, seconds), self.rise_per_s * seconds
        field = Field(cover, tops_of(cover, layer.taper), self._noise, offset, rise)
        # Clouds shade the ground that they are lit by from below.
        ground = _GROUND * (light.ambient + light.low * max(0.0, light.at[1]) / np.pi) * self._open
        edge = 0.5 * light.horizon + 0.5 * light.horizon.mean()
        under = 0.22 * light.ambient + 0.08 * edge + ground
        lamp = Lamp(light.at, light.low / np.pi, 0.95 * light.ambient, under, phase_table())
        volume = light_volume(field, layer, light.at)
        return march(field, layer, volume, lamp, azimuths, elevations[elevations > 0])


class _Cirrus:
    def __init__(self, cover: float, seed: int) -> None:
        self._fibres, self._patches = cirrus.sheet_maps(100 * seed + 31)
        self._cover = 1.6 * (0.55 - cover)

    def picture(
        self, seconds: float, drift: tuple[float, float], light: Daylight, azimuths: F64, elevations: F64
    ) -> F32:
        # Strands go along the wind; in still air, from left to right.
        speed = float(np.hypot(*drift))
        along = np.array(drift) / speed if speed > 0 else np.array([1.0, 0.0])
        sheet = cirrus.Sheet(
            self._fibres, self._patches, _eye(drift, cirrus.HEIGHT, seconds), np.array([9.0, 14.0]) * seconds,
            along, self._cover, 0.38,
        )  # fmt: skip
        return cirrus.veiled(sheet, light.at, light.high, light.ambient, azimuths, elevations[elevations > 0])


_STRATUS = deck.Deck(
    base=1050.0,
    relief=170.0,
    thickness=330.0,
    swell=1.2,
    sink=120.0,
    gloom=0.62,
    fray=130.0,
    billow=PERIOD_M / 40,
    rim=0.08,
    haze=12e3,
    shelf=0.0,
)
_STORM = deck.Deck(
    base=1500.0,
    relief=330.0,
    thickness=720.0,
    swell=1.15,
    sink=170.0,
    gloom=0.27,
    fray=260.0,
    billow=PERIOD_M / 22,
    rim=0.17,
    haze=13e3,
    shelf=1000.0,
)


class _Deck:
    hang_tiles = ((20, 5, 0.5, 0.15), (26, 5, 0.45, 0.2), (7, 3, 0.5, 0.2))
    heave_tiles = ((24, 5, 0.52, 0.15), (30, 5, 0.5, 0.2), (6, 3, 0.5, 0.2))
    weights = np.array([0.55, 0.45, 1.3])
    rise_per_s = 1.5

    def __init__(self, shape: deck.Deck, cover: float, seed: int) -> None:
        self._hang = doubled(tiles_of(TEXELS, self.hang_tiles, seed + 300))
        self._heave = doubled(tiles_of(TEXELS, self.heave_tiles, seed + 400))
        for tiles in (self._hang, self._heave):
            tiles[1] = 0.45 - 2.0 * np.abs(tiles[1])  # rounded lumps with creases between them
        self._noise = noise_cube(seed + 8)
        self._shape = shape
        whole = slid(self._heave, self.weights, 0.0 * _SLIDES)
        if shape.shelf > 0:
            self._lift = np.float32(1.1 * (cover - 0.35))
        else:  # there are gaps where the top heaves down to the underside
            self._lift = np.float32(-0.95 / shape.swell - np.quantile(whole, 1.0 - min(cover, 0.98)))
        self._gaps = 0.9 - 0.7 * cover

    def picture(
        self, seconds: float, drift: tuple[float, float], light: Daylight, azimuths: F64, elevations: F64
    ) -> F32:
        shape = self._shape
        slides = 2.0 * _SLIDES * seconds
        hang = slid(self._hang, self.weights, slides)
        heave = slid(self._heave, self.weights, slides[::-1] * 1.3) + self._lift
        speed = float(np.hypot(*drift))
        along = np.array(drift) / speed if speed > 0 else np.array([1.0, 0.0])
        along = along if along[0] >= -1e-9 else -along  # the shelf stands ahead, as far as it can
        offset = _eye(drift, shape.base, seconds)
        underside = np.float32(shape.base) - np.float32(shape.relief) * hang
        if shape.shelf > 0:
            hidden = deck.add_shelf(underside, hang, offset, along, 3900.0, shape.shelf)
        else:
            hidden = np.zeros_like(hang)
        rise = self.rise_per_s * seconds
        ceiling = deck.Ceiling(underside, hidden, heave, self._noise, offset, rise)
        # Light from the side counts, too: a deck's top has lumps.
        high = max(0.0, light.at[1]) + 0.06
        above = light.ambient + light.low * high / np.pi
        ground = _GROUND * shape.gloom * above
        grey = above @ np.array([0.2126, 0.7152, 0.0722])
        # Under a ceiling all light has been mixed.
        through = 0.55 * above + 0.45 * grey
        edge = 0.4 * light.horizon + 0.6 * light.horizon.mean()
        under = 0.05 * edge + 0.5 * ground
        haze = 0.42 * shape.gloom * through + shape.rim * edge
        # A sun below the ceiling's edge reaches far under it only where there are gaps.
        direct = 0.6 * self._gaps * light.low / np.pi
        glow = deck.Glow(light.at, through, direct, under, haze)
        return deck.roofed(ceiling, shape, glow, azimuths, elevations)
