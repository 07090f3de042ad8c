import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.frame import U8, Colour
from app.sky.base import Sky
from app.sky.library import SkyFile, find_sky
from app.sky.library import open_sky as really_open
from app.viewer import thumbnails as module
from app.viewer.thumbnails import SIZE_WH, Thumbnails
from tests.media import write_video

RED, GREEN, BLUE = (200, 30, 40), (30, 180, 60), (20, 60, 210)


def write(path: Path, rgb: tuple[int, int, int]) -> SkyFile:
    """A sky of one colour whose outer half, which the frame does not see, is black."""
    picture = np.zeros((180, 320, 3), np.uint8)
    picture[44:136, 79:241] = rgb
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return find_sky(str(path))


def taken(thumbnails: Thumbnails, seconds: float = 30.0) -> dict[str, U8 | None]:
    """Everything that was asked for, by the sky's name."""
    pictures: dict[str, U8 | None] = {}
    deadline = time.monotonic() + seconds
    while thumbnails.busy:
        assert time.monotonic() < deadline
        time.sleep(0.005)
        pictures |= {path.stem: picture for path, picture in thumbnails.take()}
    return pictures


def level(picture: U8, row: int, column: int) -> tuple[int, ...]:
    return tuple(int(value) for value in picture[row, column])


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "thumbnails"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the skies that were opened."""
    names: list[str] = []

    def open_sky(file: SkyFile, size_wh: tuple[int, int], colour: Colour, crop: float | None) -> Sky:
        names.append(file.name)
        return really_open(file, size_wh, colour, crop)

    monkeypatch.setattr(module, "open_sky", open_sky)
    return names


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Opening a sky waits for this."""
    event = threading.Event()

    def open_sky(file: SkyFile, size_wh: tuple[int, int], colour: Colour, crop: float | None) -> Sky:
        assert event.wait(30)
        return really_open(file, size_wh, colour, crop)

    monkeypatch.setattr(module, "open_sky", open_sky)
    return event


def test_a_still_shows_what_the_frame_would_see(tmp_path: Path, cache: Path) -> None:
    thumbnails = Thumbnails(cache)
    thumbnails.ask([write(tmp_path / "red.png", RED)])
    picture = taken(thumbnails)["red"]
    assert picture is not None and picture.shape == (SIZE_WH[1], SIZE_WH[0], 3)
    for row, column in ((3, 3), (135, 240), (266, 476)):
        assert level(picture, row, column) == pytest.approx(RED, abs=4)


def test_the_skys_own_crop_counts(tmp_path: Path, cache: Path) -> None:
    write(tmp_path / "red.png", RED)
    (tmp_path / "red.toml").write_text("crop = 1.0")
    thumbnails = Thumbnails(cache)
    thumbnails.ask([find_sky(str(tmp_path / "red.png"))])
    picture = taken(thumbnails)["red"]
    assert picture is not None
    assert level(picture, 3, 3) == pytest.approx((0, 0, 0), abs=4)
    assert level(picture, 135, 240) == pytest.approx(RED, abs=4)


def test_a_video_shows_its_first_frame(tmp_path: Path, cache: Path) -> None:
    def draw(index: int, size_wh: tuple[int, int]) -> U8:
        colour = BLUE if index == 0 else RED
        return np.full((size_wh[1], size_wh[0], 3), colour, np.uint8)

    path = write_video(tmp_path / "film.mp4", frames=5, draw=draw)
    thumbnails = Thumbnails(cache)
    thumbnails.ask([find_sky(str(path))])
    picture = taken(thumbnails)["film"]
    assert picture is not None
    assert level(picture, 135, 240) == pytest.approx(BLUE, abs=6)


def test_they_are_kept_on_disk(tmp_path: Path, cache: Path, opened: list[str]) -> None:
    skies = [write(tmp_path / "red.png", RED), write(tmp_path / "green.png", GREEN)]
    for _ in range(2):
        thumbnails = Thumbnails(cache)
        thumbnails.ask(skies)
        pictures = taken(thumbnails)
        assert pictures["red"] is not None and pictures["green"] is not None
        assert level(pictures["red"], 9, 9) == pytest.approx(RED, abs=8)
        assert level(pictures["green"], 9, 9) == pytest.approx(GREEN, abs=8)
    assert opened == ["red", "green"]
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize("change", ["time", "description"])
def test_a_sky_that_changed_is_drawn_again(
    tmp_path: Path, cache: Path, opened: list[str], change: str
) -> None:
    sky = write(tmp_path / "sky.png", RED)
    thumbnails = Thumbnails(cache)
    thumbnails.ask([sky])
    taken(thumbnails)
    if change == "time":
        before = sky.path.stat()
        write(sky.path, GREEN)
        os.utime(sky.path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    else:
        sky.path.with_suffix(".toml").write_text("crop = 1.0")
    thumbnails.ask([find_sky(str(sky.path))])
    picture = taken(thumbnails)["sky"]
    assert picture is not None
    assert level(picture, 3, 3) == pytest.approx(GREEN if change == "time" else (0, 0, 0), abs=6)
    assert opened == ["sky", "sky"]
    assert len(list(cache.iterdir())) == 1  # the old one is gone


def test_a_damaged_copy_is_drawn_again(tmp_path: Path, cache: Path, opened: list[str]) -> None:
    sky = write(tmp_path / "red.png", RED)
    thumbnails = Thumbnails(cache)
    wrong_size = cv2.imencode(".jpg", np.zeros((20, 20, 3), np.uint8))[1].tobytes()
    for content in (b"", b"no picture", wrong_size):
        for file in cache.glob("*.jpg"):
            file.write_bytes(content)
        thumbnails.ask([sky])
        picture = taken(thumbnails)["red"]
        assert picture is not None and level(picture, 9, 9) == pytest.approx(RED, abs=8)
    assert opened == ["red"] * 3


def test_without_a_folder_to_keep_them_there_are_pictures_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    thumbnails = Thumbnails(tmp_path / "file" / "thumbnails")
    thumbnails.ask([write(tmp_path / "red.png", RED)])
    assert taken(thumbnails)["red"] is not None


def test_a_sky_that_cannot_be_opened_costs_the_others_nothing(tmp_path: Path, cache: Path) -> None:
    skies = [write(tmp_path / f"{name}.png", RED) for name in ("gone", "broken", "red")]
    skies[0].path.unlink()
    skies[1].path.write_bytes(b"no picture")
    thumbnails = Thumbnails(cache)
    thumbnails.ask(skies)
    pictures = taken(thumbnails)
    assert pictures["gone"] is None and pictures["broken"] is None
    assert pictures["red"] is not None


def test_a_fault_of_ours_is_logged_and_costs_the_others_nothing(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def open_sky(file: SkyFile, *rest: object) -> Sky:
        if file.name == "odd":
            raise ZeroDivisionError
        return really_open(file, SIZE_WH, Colour(), None)

    monkeypatch.setattr(module, "open_sky", open_sky)
    thumbnails = Thumbnails(cache)
    thumbnails.ask([write(tmp_path / "odd.png", RED), write(tmp_path / "red.png", RED)])
    pictures = taken(thumbnails)
    assert pictures["odd"] is None and pictures["red"] is not None
    assert "odd.png: no thumbnail" in caplog.text


def test_asking_again_drops_what_was_not_begun(tmp_path: Path, cache: Path, gate: threading.Event) -> None:
    skies = [write(tmp_path / f"{name}.png", RED) for name in "abcd"]
    thumbnails = Thumbnails(cache)
    thumbnails.ask(skies[:3])
    wait_until(lambda: not thumbnails_waiting(thumbnails, "a"))
    thumbnails.ask(skies[3:])
    assert thumbnails.busy and not thumbnails.take()
    gate.set()
    assert list(taken(thumbnails)) == ["a", "d"]


def test_it_stops_when_nothing_is_wanted_any_more(tmp_path: Path, cache: Path, gate: threading.Event) -> None:
    skies = [write(tmp_path / f"{name}.png", RED) for name in "abc"]
    thumbnails = Thumbnails(cache)
    thumbnails.ask(skies)
    wait_until(lambda: not thumbnails_waiting(thumbnails, "a"))
    thumbnails.ask([])
    gate.set()
    assert list(taken(thumbnails)) == ["a"]
    assert not [thread for thread in threading.enumerate() if thread.name == "thumbnails"]


def thumbnails_waiting(thumbnails: Thumbnails, name: str) -> bool:
    with thumbnails._lock:
        return any(sky.name == name for sky in thumbnails._wanted)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
