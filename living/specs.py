"""What a living sky is asked to be, and the address that says so: `living:PHOTO?...`, `procedural:?...`.

    living:PHOTO?wind=DEG,PX_PER_S&arrows=X,Y,DEG,PX_PER_S;...&day=FROM:TO&loop=S
    procedural:?sun=EL,AZ&clouds=KIND&cover=C&wind=DEG,PX_PER_S&clock=CLOCK&place=LAT,LON&date=DATE&seed=N

Winds of a photo are directions in its picture, counter-clockwise, 0 = to the right, 90 = up; their speed is
in pixels of the picture at 1280 pixels width, where the field is fastest. Winds of a procedural sky are seen
from above, 0 = to the right of the sky's middle, 90 = away from the viewer; their speed is that of a cloud
straight ahead, 30 degrees above the horizon, under a crosswind, in a view of 60 degrees and 1280 pixels.

A clock is `real`; `HH:MM`, at which time stands still; `xN`, N times as fast as real time; or both,
`HH:MM,xN`, which begins then. Hours are those of a plain day, whose sun is highest at 12; with a place, those
of its mean solar time.
"""

import datetime
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from app.errors import SkyError

LIVING = "living:"
"""Before the path of a photo that is to move."""
PROCEDURAL = "procedural:"
"""Before what a sky is to be that is computed."""

Clouds = Literal["none", "cumulus", "cirrus", "stratus", "storm"]

_FASTEST = 2000.0
_MOST_RATE = 100_000.0
"""A day in less than a second."""
_LAPSE_FROM = 6.0
_LONGEST_LOOP = 600.0
_YEARS = 1900, 2099


@dataclass(frozen=True, slots=True)
class Wind:
    """Where clouds go, in degrees, and how fast, in pixels per second; as the module says."""

    degrees: float
    px_per_s: float


@dataclass(frozen=True, slots=True)
class Arrow:
    """The wind at one place of a photo, (x, y) as shares of its width and height."""

    x: float
    y: float
    wind: Wind


@dataclass(frozen=True, slots=True)
class Clock:
    """The time of day: `start`, in hours, at a sky's second 0, and its `rate`, 1 = real time.

    start: None = the present time. rate: 0 = time stands still.
    """

    start: float | None
    rate: float

    def __str__(self) -> str:
        """As an address has it."""
        if self.start is None:
            return "real"
        minutes = round(self.start * 60)
        begin = f"{minutes // 60 % 24:02}:{minutes % 60:02}"
        return f"{begin},x{_number(self.rate)}" if self.rate else begin


REAL = Clock(None, 1.0)
"""The clock on the wall."""


@dataclass(frozen=True, slots=True)
class PhotoSpec:
    """A photo whose sky drifts by its wind or, if there are any, by arrows.

    day: the hours (from, to) that it goes through, the next day's where `to` is smaller; None = the photo's
    own light. loop_s: seconds after which all begins again.
    """

    path: Path
    wind: Wind = Wind(0.0, 20.0)
    arrows: tuple[Arrow, ...] = ()
    day: tuple[float, float] | None = None
    loop_s: float = 16.0

    @property
    def address(self) -> str:
        """What `parse_photo` reads this from."""
        arrows = ";".join(_joined((at.x, at.y, at.wind.degrees, at.wind.px_per_s)) for at in self.arrows)
        values = {
            "wind": _joined((self.wind.degrees, self.wind.px_per_s)),
            "arrows": arrows,
            "day": "" if self.day is None else _joined(self.day, ":"),
            "loop": _number(self.loop_s),
        }
        names = {"loop": "loop_s"}
        return f"{LIVING}{self.path}?{_query(self, values, names)}"


@dataclass(frozen=True, slots=True)
class ProceduralSpec:
    """A computed sky. Without sun and clock it is 10 o'clock of a plain day.

    sun: (elevation, azimuth) in degrees, azimuth to the right of the sky's middle: where it stands, or, with
    a clock that runs, where it begins. place: (latitude, longitude) in degrees, north and east > 0; the sky's
    middle is then the south, or, in the southern half of the world, the north. date: None = today.
    """

    sun: tuple[float, float] | None = None
    clouds: Clouds = "cumulus"
    cover: float = 0.4
    wind: Wind = Wind(0.0, 20.0)
    clock: Clock | None = None
    place: tuple[float, float] | None = None
    date: datetime.date | None = None
    seed: int = 0

    @property
    def address(self) -> str:
        """What `parse_procedural` reads this from."""
        values = {
            "sun": "" if self.sun is None else _joined(self.sun),
            "clouds": self.clouds,
            "cover": _number(self.cover),
            "wind": _joined((self.wind.degrees, self.wind.px_per_s)),
            "clock": "" if self.clock is None else str(self.clock),
            "place": "" if self.place is None else _joined(self.place),
            "date": "" if self.date is None else self.date.isoformat(),
            "seed": str(self.seed),
        }
        return f"{PROCEDURAL}?{_query(self, values, {})}"


Spec = PhotoSpec | ProceduralSpec
Keys = dict[str, tuple[str, Callable[[str], Any], str]]
"""By key: the field that it is for, what reads its value, raising ValueError, and what that is to be."""


def parse_spec(address: str) -> Spec | None:
    """What an address asks for; None for one of another kind. Raises SkyError naming key and value."""
    if address.startswith(LIVING):
        return parse_photo(address)
    if address.startswith(PROCEDURAL):
        return parse_procedural(address)
    return None


def parse_photo(address: str) -> PhotoSpec:
    """The photo of `living:PHOTO?...`. Raises SkyError naming key and value."""
    rest = address.removeprefix(LIVING)
    path, _, query = rest.rpartition("?") if "?" in rest else (rest, "", "")
    if not path:
        raise SkyError(f"{address}: no photo is named; the address is living:PHOTO?KEY=VALUE&...")
    try:
        photo = Path(path).expanduser()
    except RuntimeError:  # a name that begins with ~, and no user's
        photo = Path(path)
    return PhotoSpec(photo, **_parsed(address, query, _PHOTO))


def parse_procedural(address: str) -> ProceduralSpec:
    """The sky of `procedural:?...`. Raises SkyError naming key and value."""
    before, _, query = address.removeprefix(PROCEDURAL).partition("?")
    if before:
        raise SkyError(f"{address}: {before!r} stands before the question mark of procedural:?KEY=VALUE&...")
    spec = ProceduralSpec(**_parsed(address, query, _PROCEDURAL))
    if spec.sun is not None and spec.clock is not None and (spec.clock.start is None or not spec.clock.rate):
        raise SkyError(f"{address}: clock: {spec.clock} and sun both say where the sun stands")
    if spec.sun is not None and spec.place is not None:
        raise SkyError(f"{address}: place: the sun is given already; a place goes with a clock")
    return spec


def _parsed(address: str, query: str, known: Keys) -> dict[str, Any]:
    """The values of a query, by the names of the fields that they are for."""
    values: dict[str, Any] = {}
    for item in filter(None, query.split("&")):
        key, _, text = item.partition("=")
        if key not in known:
            raise SkyError(f"{address}: unknown key {key!r}; known here: {', '.join(known)}")
        name, read, form = known[key]
        if name in values:
            raise SkyError(f"{address}: {key} is there twice")
        try:
            values[name] = read(text)
        except ValueError as error:
            raise SkyError(f"{address}: {key}: {text!r} is not {form}") from error
    return values


def _read_number(text: str, least: float, most: float) -> float:
    value = float(text)
    if not least <= value <= most:  # not a number is not within anything
        raise ValueError(text)
    return value


def _read_pair(text: str, ranges: tuple[tuple[float, float], ...], mark: str = ",") -> tuple[float, ...]:
    parts = text.split(mark)
    return tuple(_read_number(part, *limits) for part, limits in zip(parts, ranges, strict=True))


def _read_wind(text: str) -> Wind:
    return Wind(*_read_pair(text, ((-360.0, 360.0), (0.0, _FASTEST))))


def _read_arrows(text: str) -> tuple[Arrow, ...]:
    ranges = (0.0, 1.0), (0.0, 1.0), (-360.0, 360.0), (0.0, _FASTEST)
    read = (_read_pair(arrow, ranges) for arrow in text.split(";"))
    return tuple(Arrow(x, y, Wind(degrees, speed)) for x, y, degrees, speed in read)


def _read_clouds(text: str) -> str:
    if text not in get_args(Clouds):
        raise ValueError(text)
    return text


def read_clock(text: str) -> Clock:
    """The clock of `real`, `HH:MM`, `xN` or `HH:MM,xN`; raises ValueError for anything else."""
    if text == "real":
        return REAL
    begin, _, rate = text.partition(",")
    if begin.startswith("x"):
        begin, rate = "", text
    start = _LAPSE_FROM if not begin else _read_hour(begin)
    if not rate:
        return Clock(start, 0.0)
    if not rate.startswith("x"):
        raise ValueError(text)
    return Clock(start, _read_number(rate[1:], 1e-3, _MOST_RATE))


def _read_hour(text: str) -> float:
    hours, colon, minutes = text.partition(":")
    if not (colon and hours.isdecimal() and minutes.isdecimal() and len(minutes) == 2):
        raise ValueError(text)
    return _read_number(hours, 0, 23) + _read_number(minutes, 0, 59) / 60


def _read_date(text: str) -> datetime.date:
    date = datetime.date.fromisoformat(text)
    if not _YEARS[0] <= date.year <= _YEARS[1]:
        raise ValueError(text)
    return date


def _read_seed(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise ValueError(text)
    return int(text)


_WIND_FORM = f"DEG,PX_PER_S: a direction in degrees and a speed of 0 to {_FASTEST:g}"

_PHOTO: Keys = {
    "wind": ("wind", _read_wind, _WIND_FORM),
    "arrows": ("arrows", _read_arrows, "X,Y,DEG,PX_PER_S;...: places as shares of the picture, with winds"),
    "day": (
        "day",
        lambda text: _read_pair(text, ((0.0, 24.0), (0.0, 24.0)), ":"),
        "FROM:TO: two hours of 0 to 24",
    ),
    "loop": (
        "loop_s",
        lambda text: _read_number(text, 1.0, _LONGEST_LOOP),
        f"a number of seconds, 1 to {_LONGEST_LOOP:g}",
    ),
}

_PROCEDURAL: Keys = {
    "sun": (
        "sun",
        lambda text: _read_pair(text, ((-90.0, 90.0), (-360.0, 360.0))),
        "EL,AZ: elevation, -90 to 90, and azimuth, -360 to 360, in degrees",
    ),
    "clouds": ("clouds", _read_clouds, f"one of {', '.join(get_args(Clouds))}"),
    "cover": ("cover", lambda text: _read_number(text, 0.0, 1.0), "a number of 0 to 1"),
    "wind": ("wind", _read_wind, _WIND_FORM),
    "clock": ("clock", read_clock, "real, HH:MM, xN or HH:MM,xN"),
    "place": (
        "place",
        lambda text: _read_pair(text, ((-90.0, 90.0), (-180.0, 180.0))),
        "LAT,LON: latitude, -90 to 90, and longitude, -180 to 180, in degrees",
    ),
    "date": ("date", _read_date, f"YYYY-MM-DD of {_YEARS[0]} to {_YEARS[1]}"),
    "seed": ("seed", _read_seed, "a whole number of at most 9 digits"),
}

S = TypeVar("S", PhotoSpec, ProceduralSpec)


def _query(spec: S, values: dict[str, str], names: dict[str, str]) -> str:
    """The values that differ from what they are without being named."""
    usual = {field.name: field.default for field in fields(spec)}
    changed = (key for key in values if getattr(spec, names.get(key, key)) != usual[names.get(key, key)])
    return "&".join(f"{key}={values[key]}" for key in changed)


def _joined(numbers: Iterable[float], mark: str = ",") -> str:
    return mark.join(map(_number, numbers))


def _number(value: float) -> str:
    """As short as it can be read back."""
    return str(int(value)) if math.isfinite(value) and value == int(value) else repr(float(value))
