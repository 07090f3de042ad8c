"""Where sun, moon and stars stand, by date, time and place, or on a plain day's path.

The sun and the moon follow the low-precision formulas of The Astronomical Almanac (sections C and D): good
to 0.01 and about 0.3 degrees between 1950 and 2050. Angles in degrees; azimuths count clockwise from north
unless they are said to count from the sky's middle.
"""

import datetime
import math

import numpy as np

from app.frame import F64

PLAIN_LATITUDE = 40.0
"""Of a sky that names no place."""
_J2000 = datetime.datetime(2000, 1, 1, 12, tzinfo=datetime.UTC)
_GALAXY = np.array(
    [
        [-0.0548755604, -0.8734370902, -0.4838350155],
        [0.4941094279, -0.4448296300, 0.7469822445],
        [-0.8676661490, -0.1980763734, 0.4559837762],
    ]
)
"""Rows: galactic axes in equatorial coordinates of J2000 (Hipparcos catalogue, ESA 1997, section 1.5.3)."""


def _days(utc: datetime.datetime) -> float:
    """Days since the epoch J2000."""
    return (utc - _J2000).total_seconds() / 86400


def sidereal_deg(utc: datetime.datetime, longitude: float) -> float:
    """Local mean sidereal time as an angle: the right ascension that stands in the south."""
    return (280.46061837 + 360.98564736629 * _days(utc) + longitude) % 360  # Meeus 1998, eq. 12.4


def _equatorial(longitude: float, latitude: float, days: float) -> tuple[float, float]:
    """(right ascension, declination) of ecliptic coordinates; all in degrees."""
    tilt = math.radians(23.439 - 0.0000004 * days)
    l, b = math.radians(longitude), math.radians(latitude)  # noqa: E741
    x = math.cos(b) * math.cos(l)
    y = math.cos(tilt) * math.cos(b) * math.sin(l) - math.sin(tilt) * math.sin(b)
    z = math.sin(tilt) * math.cos(b) * math.sin(l) + math.cos(tilt) * math.sin(b)
    return math.degrees(math.atan2(y, x)) % 360, math.degrees(math.asin(z))


def sun_equatorial(utc: datetime.datetime) -> tuple[float, float]:
    """(right ascension, declination) of the sun in degrees: Almanac, page C5."""
    n = _days(utc)
    mean = 280.460 + 0.9856474 * n
    g = math.radians(357.528 + 0.9856003 * n)
    return _equatorial(mean + 1.915 * math.sin(g) + 0.020 * math.sin(2 * g), 0.0, n)


def moon_equatorial(utc: datetime.datetime) -> tuple[float, float, float]:
    """(right ascension, declination, horizontal parallax) of the moon in degrees: Almanac, page D46."""
    n = _days(utc)
    t = n / 36525

    def term(size: float, phase: float, rate: float) -> float:
        return size * math.sin(math.radians(phase + rate * t))

    longitude = 218.32 + 481267.881 * t
    longitude += term(6.29, 135.0, 477198.87) + term(-1.27, 259.3, -413335.36) + term(0.66, 235.7, 890534.22)
    longitude += term(0.21, 269.9, 954397.74) + term(-0.19, 357.5, 35999.05) + term(-0.11, 186.5, 966404.03)
    latitude = term(5.13, 93.3, 483202.02) + term(0.28, 228.2, 960400.89)
    latitude += term(-0.28, 318.3, 6003.15) + term(-0.17, 217.6, -407332.21)
    parallax = 0.9508 + term(0.0518, 225.0, 477198.87) + term(0.0095, 349.3, -413335.36)
    parallax += term(0.0078, 325.7, 890534.22) + term(0.0028, 359.9, 954397.74)
    return (*_equatorial(longitude, latitude, n), parallax)


def horizontal(ascension: float, declination: float, sidereal: float, latitude: float) -> tuple[float, float]:
    """(elevation, azimuth) of equatorial coordinates at a sidereal time and a latitude; all in degrees."""
    hour, high, place = (math.radians(v) for v in (sidereal - ascension, declination, latitude))
    east = -math.cos(high) * math.sin(hour)
    north = math.sin(high) * math.cos(place) - math.cos(high) * math.cos(hour) * math.sin(place)
    up = math.sin(high) * math.sin(place) + math.cos(high) * math.cos(hour) * math.cos(place)
    elevation = math.degrees(math.asin(min(1.0, max(-1.0, up))))
    return elevation, math.degrees(math.atan2(east, north)) % 360


def refraction_deg(elevation: float) -> float:
    """How much the air lifts what stands at a true elevation: Saemundsson (1986), Meeus eq. 16.4."""
    seen = max(elevation, -1.0)
    lifted = 1.02 / 60 / math.tan(math.radians(seen + 10.3 / (seen + 5.11)))
    # Nobody sees the sun far below the horizon; its lift fades there so that it never jumps.
    return lifted * min(1.0, max(0.0, (elevation + 6.0) / 5.0))


def sun_position(utc: datetime.datetime, latitude: float, longitude: float) -> tuple[float, float]:
    """(elevation with refraction, azimuth from north) of the sun in degrees; longitude: east is positive."""
    elevation, azimuth = horizontal(*sun_equatorial(utc), sidereal_deg(utc, longitude), latitude)
    return elevation + refraction_deg(elevation), azimuth


def moon_position(utc: datetime.datetime, latitude: float, longitude: float) -> tuple[float, float]:
    """(elevation with parallax and refraction, azimuth from north) of the moon in degrees."""
    ascension, declination, parallax = moon_equatorial(utc)
    elevation, azimuth = horizontal(ascension, declination, sidereal_deg(utc, longitude), latitude)
    elevation -= parallax * math.cos(math.radians(elevation))
    return elevation + refraction_deg(elevation), azimuth


def day_path(hour: float) -> tuple[float, float]:
    """(elevation, azimuth from the sky's middle) of the sun in degrees on a plain day, to the right positive.

    The day of an equinox at 40 degrees north, facing south: sunrise at 6, highest (50 degrees) at 12 in the
    middle, sunset at 18.
    """
    elevation, azimuth = horizontal(0.0, 0.0, (hour - 12.0) * 15.0, PLAIN_LATITUDE)
    return elevation, azimuth - 180.0


def galactic_axes(sidereal: float, latitude: float, middle: float) -> F64:
    """(3, 3): rows are the galaxy's axes (to its centre, along its plane, to its pole) in the sky's axes.

    The sky's axes: x right, y down, z to the sky's middle, which lies `middle` degrees clockwise from north.
    """
    turn, place, look = (math.radians(v) for v in (sidereal, latitude, middle))
    # Equatorial axes (to the equinox, to 6 hours, to the pole) into east, north, up.
    east = np.array([-math.sin(turn), math.cos(turn), 0.0])
    up = np.array([math.cos(place) * math.cos(turn), math.cos(place) * math.sin(turn), math.sin(place)])
    north = np.cross(up, east)
    right = math.cos(look) * east - math.sin(look) * north
    ahead = math.sin(look) * east + math.cos(look) * north
    return np.asarray(_GALAXY @ np.array([right, -up, ahead]).T)


def direction(elevation_deg: float, azimuth_deg: float) -> F64:
    """Unit vector (3,) in the sky's axes: x right, y down, z to its middle; azimuth to the right of that."""
    elevation, azimuth = math.radians(elevation_deg), math.radians(azimuth_deg)
    level = math.cos(elevation)
    return np.array([level * math.sin(azimuth), -math.sin(elevation), level * math.cos(azimuth)])
