import datetime
import math

import pytest

from app.rotation import rotation_from_vector
from living.clock import DayClock, hour_at, reset
from living.specs import REAL, Clock, ProceduralSpec, parse_procedural
from living.sun import day_path, direction, sun_position

NOW = datetime.datetime(2026, 6, 21, 9, 30, tzinfo=datetime.UTC)


def clock(address: str, now: datetime.datetime = NOW) -> DayClock:
    return DayClock(parse_procedural(f"procedural:?{address}"), now)


def test_time_stands_still_at_a_time_of_day() -> None:
    fixed = clock("clock=16:30")
    assert fixed.at(0.0) == fixed.at(1e5)
    assert fixed.at(0.0).hour == pytest.approx(16.5)
    assert fixed.at(0.0).sun == pytest.approx(day_path(16.5))


def test_time_lapse_goes_on_from_day_to_day() -> None:
    lapse = clock("clock=22:00,x3600")
    assert [lapse.at(seconds).hour for seconds in (0, 1, 3)] == pytest.approx([22, 23, 1])
    assert (lapse.at(3).utc - lapse.at(0).utc).total_seconds() == pytest.approx(3 * 3600)


def test_a_lapse_that_names_no_time_begins_at_sunrise() -> None:
    assert clock("clock=x60").at(0.0).sun[0] == pytest.approx(0.0, abs=0.1)


def test_skies_without_date_and_place_never_depend_on_the_present() -> None:
    later = NOW + datetime.timedelta(days=100, hours=5)
    for address in ("", "clock=18:00", "clock=x60", "sun=5,-40", "sun=5,40&clock=x60"):
        assert clock(address).at(12.5) == clock(address, later).at(12.5), address


def test_real_time_at_a_place() -> None:
    real = clock("clock=real&place=48.2,16.4")
    assert real.at(0.0).utc == NOW
    assert real.at(90.0).utc == NOW + datetime.timedelta(seconds=90)
    elevation, azimuth = sun_position(NOW, 48.2, 16.4)
    assert real.at(0.0).sun == pytest.approx((elevation, azimuth - 180))
    assert real.at(0.0).hour == pytest.approx(9.5 + 16.4 / 15)


def test_in_the_south_the_middle_is_the_north() -> None:
    noon = clock("clock=12:00&place=-33.9,151.2&date=2026-12-21").at(0.0)
    assert noon.sun[0] == pytest.approx(90 - 33.9 + 23.4, abs=0.3)
    assert abs(noon.sun[1]) < 10
    morning = clock("clock=09:00&place=-33.9,151.2&date=2026-12-21").at(0.0)
    assert morning.sun[1] > 45


def test_real_time_without_a_place_is_that_of_the_clock_on_the_wall() -> None:
    local = NOW.astimezone()
    moment = clock("clock=real").at(0.0)
    assert moment.hour == pytest.approx(local.hour + local.minute / 60)
    assert moment.utc == NOW


def test_a_date_is_kept() -> None:
    assert clock("clock=12:00&date=2024-02-29").at(0.0).utc.date() == datetime.date(2024, 2, 29)


def test_days_of_a_place_begin_at_its_own_midnight() -> None:
    moment = clock("clock=01:00&place=0,150&date=2024-03-01").at(0.0)
    assert moment.utc == datetime.datetime(2024, 2, 29, 15, tzinfo=datetime.UTC)


@pytest.mark.parametrize("sun", [(30.0, -40.0), (30.0, 40.0), (-12.0, 100.0), (80.0, 10.0), (-70.0, 0.0)])
def test_a_sun_is_where_it_was_put(sun: tuple[float, float]) -> None:
    address = f"sun={sun[0]},{sun[1]}"
    assert clock(address).at(0.0).sun == clock(address).at(1e4).sun == sun
    begun = clock(f"{address}&clock=x60")
    assert begun.at(0.0).sun == pytest.approx(sun, abs=1e-6)
    assert begun.at(10.0).sun != pytest.approx(sun, abs=0.1)


def test_a_sun_to_the_left_rises_and_one_to_the_right_sets() -> None:
    for azimuth, rises in ((-60, True), (60, False)):
        lapse = clock(f"sun=10,{azimuth}&clock=x60")
        assert (lapse.at(1.0).sun[0] > lapse.at(0.0).sun[0]) == rises
        assert (lapse.at(0.0).hour < 12) == rises


def test_a_clock_that_is_set_anew_begins_at_that_second() -> None:
    spec = ProceduralSpec(sun=(20.0, 5.0))
    again = reset(spec, Clock(18.0, 3600.0), 40.0)
    assert [again.at(seconds).hour for seconds in (40, 41)] == pytest.approx([18, 19])
    assert again.at(40.0).sun == pytest.approx(day_path(18.0))


def test_hours_since_a_clock_was_started() -> None:
    assert hour_at(Clock(6.0, 60.0), 120.0, NOW) == pytest.approx(8.0)
    assert hour_at(REAL, 1800.0, NOW) == pytest.approx(10.0)


@pytest.mark.parametrize(
    "address",
    [
        "clock=10:00,x3600",
        "sun=20,50&clock=x3600",
        "clock=10:00,x3600&place=60,0",
        "clock=9:00,x3600&place=-35,20",
    ],
)
def test_the_sun_turns_about_the_pole(address: str) -> None:
    """By 15 degrees an hour; its own way among the stars and the air's refraction are far less."""
    lapse = clock(f"{address}&date=2026-06-01")
    turn = rotation_from_vector(-math.radians(15) * direction(*lapse.pole))
    before, after = (direction(*lapse.at(seconds).sun) for seconds in (0.0, 1.0))
    assert math.degrees(math.acos(min(1.0, float(turn @ before @ after)))) < 0.05
