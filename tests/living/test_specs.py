import datetime
from pathlib import Path

import pytest

from app.errors import SkyError
from living.specs import (
    REAL,
    Arrow,
    Clock,
    PhotoSpec,
    ProceduralSpec,
    Wind,
    parse_photo,
    parse_procedural,
    parse_spec,
)


def test_a_photo_with_all_keys() -> None:
    spec = parse_photo("living:/photos/lake.jpg?wind=90,35.5&day=6:20.5&loop=12")
    assert spec == PhotoSpec(Path("/photos/lake.jpg"), Wind(90, 35.5), (), (6, 20.5), 12)


def test_a_photo_without_any_key() -> None:
    assert parse_photo("living:lake.jpg") == parse_photo("living:lake.jpg?") == PhotoSpec(Path("lake.jpg"))


def test_arrows_of_a_photo() -> None:
    spec = parse_photo("living:lake.jpg?arrows=0.1,0.2,45,10;0.9,0.2,-45,12")
    assert spec.arrows == (Arrow(0.1, 0.2, Wind(45, 10)), Arrow(0.9, 0.2, Wind(-45, 12)))


def test_a_path_with_a_question_mark() -> None:
    spec = PhotoSpec(Path("what?.jpg"), Wind(180, 20))
    assert parse_photo(spec.address) == spec


def test_a_home_folder_is_found() -> None:
    assert parse_photo("living:~/lake.jpg").path == Path.home() / "lake.jpg"


def test_a_procedural_sky_with_all_keys() -> None:
    spec = parse_procedural(
        "procedural:?clouds=storm&cover=0.8&wind=-10,40&clock=14:30&place=48.2,-16.4&date=2026-06-21&seed=7"
    )
    assert spec == ProceduralSpec(
        None, "storm", 0.8, Wind(-10, 40), Clock(14.5, 0), (48.2, -16.4), datetime.date(2026, 6, 21), 7
    )


@pytest.mark.parametrize("address", ["procedural:", "procedural:?"])
def test_a_procedural_sky_without_any_key(address: str) -> None:
    assert parse_procedural(address) == ProceduralSpec()


def test_the_sun_of_a_procedural_sky() -> None:
    assert parse_procedural("procedural:?sun=-4.5,270").sun == (-4.5, 270)


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("real", REAL),
        ("06:05", Clock(6 + 5 / 60, 0)),
        ("23:59", Clock(23 + 59 / 60, 0)),
        ("x60", Clock(6, 60)),
        ("18:00,x0.5", Clock(18, 0.5)),
    ],
)
def test_clocks(text: str, clock: Clock) -> None:
    assert parse_procedural(f"procedural:?clock={text}").clock == clock


@pytest.mark.parametrize(
    "spec",
    [
        PhotoSpec(Path("/a b/c&d=e.jpg"), Wind(12.25, 3), (Arrow(0.5, 0.25, Wind(-90, 1e-3)),), (22, 4), 7.5),
        PhotoSpec(Path("lake.jpg")),
        ProceduralSpec(),
        ProceduralSpec((1 / 3, -170), "none", 0.0, Wind(1, 0), Clock(20.25, 1200)),
        ProceduralSpec(clock=REAL, place=(-33.9, 151.2), date=datetime.date(2000, 2, 29), seed=123456789),
        ProceduralSpec(clock=Clock(23 + 59 / 60, 0)),
    ],
)
def test_an_address_is_read_back_as_the_spec_it_was_made_from(spec: PhotoSpec | ProceduralSpec) -> None:
    assert parse_spec(spec.address) == spec


def test_addresses_name_only_what_is_not_usual() -> None:
    assert ProceduralSpec(cover=0.75).address == "procedural:?cover=0.75"
    assert PhotoSpec(Path("lake.jpg"), loop_s=8).address == "living:lake.jpg?loop=8"


@pytest.mark.parametrize("address", ["pano:lake.jpg", "golden_sunset", "/living:/lake.jpg"])
def test_other_addresses_are_not_ours(address: str) -> None:
    assert parse_spec(address) is None


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("procedural:?cover=1.5", ["cover", "'1.5'", "0 to 1"]),
        ("procedural:?cover=nan", ["cover", "'nan'"]),
        ("procedural:?cover", ["cover", "''"]),
        ("procedural:?clouds=fluffy", ["clouds", "'fluffy'", "cumulus, cirrus"]),
        ("procedural:?sun=95,0", ["sun", "'95,0'", "-90 to 90"]),
        ("procedural:?sun=30", ["sun", "'30'"]),
        ("procedural:?wind=0,-5", ["wind", "'0,-5'"]),
        ("procedural:?wind=0,inf", ["wind", "'0,inf'"]),
        ("procedural:?clock=25:00", ["clock", "'25:00'", "HH:MM"]),
        ("procedural:?clock=6", ["clock", "'6'"]),
        ("procedural:?clock=06:5", ["clock", "'06:5'"]),
        ("procedural:?clock=x0", ["clock", "'x0'"]),
        ("procedural:?clock=06:00,60", ["clock", "'06:00,60'"]),
        ("procedural:?clock=real,x5", ["clock", "'real,x5'"]),
        ("procedural:?place=91,0", ["place", "'91,0'"]),
        ("procedural:?date=2026-02-30", ["date", "'2026-02-30'", "YYYY-MM-DD"]),
        ("procedural:?date=1066-10-14", ["date", "'1066-10-14'", "1900"]),
        ("procedural:?seed=-1", ["seed", "'-1'"]),
        ("procedural:?colour=red", ["'colour'", "known here", "clouds"]),
        ("procedural:?cover=0&cover=1", ["cover", "twice"]),
        ("procedural:lake.jpg?cover=1", ["'lake.jpg'"]),
        ("procedural:?sun=5,0&clock=12:00", ["clock", "12:00", "sun"]),
        ("procedural:?sun=5,0&clock=real", ["clock", "real", "sun"]),
        ("procedural:?sun=5,0&place=1,1", ["place", "sun"]),
        ("living:?wind=0,5", ["no photo"]),
        ("living:", ["no photo"]),
        ("living:a.jpg?wind=east", ["wind", "'east'", "DEG,PX_PER_S"]),
        ("living:a.jpg?wind=5,5,5", ["wind", "'5,5,5'"]),
        ("living:a.jpg?day=6", ["day", "'6'", "FROM:TO"]),
        ("living:a.jpg?day=6:25", ["day", "'6:25'"]),
        ("living:a.jpg?loop=0.5", ["loop", "'0.5'", "1 to 600"]),
        ("living:a.jpg?arrows=0,0,5", ["arrows", "'0,0,5'"]),
        ("living:a.jpg?arrows=", ["arrows", "''"]),
        ("living:a.jpg?clouds=storm", ["'clouds'", "wind, arrows, day, loop"]),
    ],
)
def test_what_is_wrong_is_named_in_one_line(address: str, words: list[str]) -> None:
    with pytest.raises(SkyError) as caught:
        parse_spec(address)
    message = str(caught.value)
    assert "\n" not in message and message.startswith(address)
    assert all(word in message for word in words), message
