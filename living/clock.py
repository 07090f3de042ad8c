"""The time of day of a living sky, and where the sun stands then."""

import datetime
from dataclasses import dataclass, replace

from living.specs import Clock, ProceduralSpec
from living.sun import PLAIN_LATITUDE, day_path, sun_position

_USUAL = Clock(10.0, 0.0)
_PLAIN_DATE = datetime.date(2000, 3, 15)
"""Of a sky that names neither date nor place: day and night are alike, and the evening has a waxing moon."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of a sky.

    hour: of the day, 0 to 24; the sun is highest around 12. utc: with its zone. sun: (elevation, azimuth) in
    degrees, azimuth to the right of the sky's middle.
    """

    hour: float
    utc: datetime.datetime
    sun: tuple[float, float]


def utc_now() -> datetime.datetime:
    """The present time."""
    return datetime.datetime.now(datetime.UTC)


def hour_at(clock: Clock, elapsed_s: float, now: datetime.datetime) -> float:
    """Hours since midnight, `elapsed_s` seconds after a clock was started; beyond 24 on the days after.

    now: the time at which it was started, in the zone whose hours are meant.
    """
    start = clock.start
    if start is None:
        start = now.hour + now.minute / 60 + (now.second + now.microsecond / 1e6) / 3600
    return start + clock.rate * elapsed_s / 3600


class DayClock:
    """The moments of a computed sky: those of its clock, else of its sun, else 10 o'clock."""

    def __init__(
        self, spec: ProceduralSpec, now: datetime.datetime | None = None, *, since: float = 0.0
    ) -> None:
        """now: what the time is; None = the present. since: the second at which the clock starts."""
        now = utc_now() if now is None else now
        clock = spec.clock or _USUAL
        # Hours of a place are those of its mean solar time, others those of the zone that the user lives in.
        east = 0.0 if spec.place is None else spec.place[1] / 15
        local = now.astimezone() if spec.place is None else now.astimezone(_zone(east))
        named = clock.start is None or spec.place is not None
        date = spec.date or (local.date() if named else _PLAIN_DATE)
        zone = (
            _zone(east) if spec.place is not None else local.tzinfo if clock.start is None else datetime.UTC
        )
        self.since = since
        self._place = spec.place
        self._fixed: tuple[float, float] | None = None
        self._turn, self._stretch = 0.0, 1.0
        if spec.sun is not None:
            hour, self._turn, self._stretch = _begun_at(spec.sun)
            clock = replace(clock, start=hour) if spec.clock is not None else Clock(hour, 0.0)
            self._fixed = None if clock.rate else spec.sun
        self.clock = clock
        self._local = local
        self._midnight = datetime.datetime.combine(date, datetime.time(), zone)

    @property
    def pole(self) -> tuple[float, float]:
        """(elevation, azimuth), as of the sun, of the northern pole, about which sun and stars turn."""
        if self._place is not None and self._place[0] < 0:
            return self._place[0], 0.0
        latitude = PLAIN_LATITUDE if self._place is None else self._place[0]
        return latitude, _turned(180 + self._turn)

    def at(self, seconds: float) -> Moment:
        """The moment at a second of the sky's time."""
        hours = hour_at(self.clock, seconds - self.since, self._local)
        utc = self._midnight.astimezone(datetime.UTC) + datetime.timedelta(hours=hours)
        return Moment(hours % 24, utc, self._sun(hours % 24, utc))

    def _sun(self, hour: float, utc: datetime.datetime) -> tuple[float, float]:
        if self._fixed is not None:
            return self._fixed
        if self._place is None:
            elevation, azimuth = day_path(hour)
            return elevation * self._stretch, _turned(azimuth + self._turn)
        elevation, from_north = sun_position(utc, *self._place)
        return elevation, _turned(from_north - (180.0 if self._place[0] >= 0 else 0.0))


def reset(spec: ProceduralSpec, clock: Clock, seconds: float) -> DayClock:
    """The moments of the same sky when its clock is set anew at a second of its time."""
    return DayClock(replace(spec, sun=None, clock=clock), since=seconds)


def _begun_at(sun: tuple[float, float]) -> tuple[float, float, float]:
    """(hour, turn, stretch): the plain day's sun stands there at that hour, turned and its height stretched.

    Left of the middle, or in it, the sun is rising.
    """
    elevation, azimuth = sun
    highest, lowest = day_path(12.0)[0], day_path(0.0)[0]
    stretch = max(1.0, elevation / highest, elevation / lowest)
    early, late = 0.0, 12.0
    for _ in range(50):
        middle = (early + late) / 2
        early, late = (middle, late) if day_path(middle)[0] * stretch < elevation else (early, middle)
    hour = 24 - early if _turned(azimuth) > 0 else early
    return hour, azimuth - day_path(hour)[1], stretch


def _turned(azimuth: float) -> float:
    """The same azimuth, -180 to 180."""
    return (azimuth + 180) % 360 - 180


def _zone(hours: float) -> datetime.timezone:
    return datetime.timezone(datetime.timedelta(hours=hours))
