from pathlib import Path

import pytest

from app.frame import Found
from app.state import State, Written
from app.viewer.banner import Banner, clock, size
from engines.watch import Preparing

SKY, NO_SKY = State(source="clip.mp4", found=Found(0.4, 1)), State(source="clip.mp4", found=Found(0.004, 1))
LOADING, BUILDING = Preparing("tensorrt 11.4"), Preparing("tensorrt 11.4", 0.4)
WRITTEN = Written(Path("film.mkv"), 1.0, 2)


def test_all_is_well() -> None:
    assert Banner().text(SKY, 0.0) == ""
    assert Banner().text(State(), 100.0) == ""


def test_no_sky_is_said_after_two_seconds_without_any() -> None:
    banner = Banner()
    assert banner.text(NO_SKY, 10.0) == ""
    assert banner.text(NO_SKY, 11.9) == ""
    assert banner.text(NO_SKY, 12.1) == "No sky in view"
    assert banner.text(SKY, 12.2) == ""
    assert banner.text(NO_SKY, 12.3) == ""  # counted anew


def test_a_matte_in_doubt_is_said_after_two_seconds() -> None:
    banner, doubtful = Banner(), State(source="clip.mp4", found=Found(0.4, 0.1))
    assert banner.text(doubtful, 5.0) == ""
    assert banner.text(doubtful, 7.1) == "The sky is hard to make out: the effect is faded out"
    assert banner.text(NO_SKY, 7.2) == ""
    assert banner.text(SKY, 7.3) == ""


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (State(source="a", opening="rtsp://b", trouble="c"), "Opening rtsp://b …"),
        (State(opening="b", preparing=LOADING), "Opening b … loading tensorrt 11.4"),
        (State(opening="b", preparing=BUILDING), "Opening b … building for tensorrt 11.4: 40%"),
        (State(source="a", preparing=LOADING), "Loading tensorrt 11.4"),
        (State(source="a", preparing=BUILDING), "Building for tensorrt 11.4: 40%"),
        (State(source="a", preparing=BUILDING, held=True), "Paused"),
        (State(source="a", trouble="a: cut; reconnecting", held=True), "a: cut; reconnecting"),
        (State(source="a", ended=True, held=True), "The end. Space plays it again"),
        (State(source="a", held=True, live=True), "Paused"),
        (State(source="a", held=True, live=True, recording=WRITTEN), "Paused. The recording goes on"),
        (State(source="a", held=True, live=False, recording=WRITTEN), "Paused"),
    ],
)
def test_what_matters_most_comes_first(state: State, text: str) -> None:
    assert Banner().text(state, 0.0) == text


def test_times_and_sizes() -> None:
    assert [clock(s) for s in (-1, 0, 7.9, 754, 3723)] == ["0:00", "0:00", "0:07", "12:34", "1:02:03"]
    assert [size(b) for b in (0, 34_400_000, 1_230_000_000)] == ["0 MB", "34 MB", "1.2 GB"]
