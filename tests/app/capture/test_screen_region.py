"""The screen: a real X server of its own, with a window of known colours on it."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from app.capture import live
from app.capture.live import LiveSource
from app.capture.screen_region import Grab, Region, grab_of, open_screen, parse_region
from app.colour import rgb_from_planes
from app.errors import CaptureError
from app.frame import U8

SCREEN_WH = (640, 400)
BROWN, TEAL = (150, 90, 30), (0, 128, 128)

# A window over the whole screen, brown to the left of x = 320 and teal to its right.
_PAINTER = f"""
import sys
from PyQt6.QtCore import QRect, Qt
from PyQt6.QtGui import QColor, QPainter
from PyQt6.QtWidgets import QApplication, QWidget
class Halves(QWidget):
    def paintEvent(self, event):
        painter = QPainter(self)
        painter.fillRect(QRect(0, 0, 320, 400), QColor(*{BROWN}))
        painter.fillRect(QRect(320, 0, 320, 400), QColor(*{TEAL}))
        painter.end()
        print("painted", flush=True)
app = QApplication(["painter", "-platform", "xcb"])
halves = Halves(None, Qt.WindowType.X11BypassWindowManagerHint)
halves.setGeometry(0, 0, 640, 400)
halves.setCursor(Qt.CursorShape.BlankCursor)
halves.show()
app.exec()
"""


class Screen:
    """An X server without a monitor."""

    def __init__(self, number: str | None = None) -> None:
        read_end, write_end = os.pipe()
        named, screen = [f":{number}"] if number else [], "{}x{}x24".format(*SCREEN_WH)
        self._server = subprocess.Popen(
            ["Xvfb", *named, "-displayfd", str(write_end), "-noreset", "-screen", "0", screen],
            pass_fds=[write_end],
            stderr=subprocess.DEVNULL,
        )
        os.close(write_end)
        with os.fdopen(read_end) as told:
            self.number = told.readline().strip()
        assert self.number, "Xvfb did not start"

    def close(self) -> None:
        self._server.kill()
        self._server.wait()


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    if shutil.which("Xvfb") is None:
        pytest.skip("no Xvfb to grab the screen of")
    started = Screen()
    monkeypatch.setenv("DISPLAY", f":{started.number}")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    yield started
    started.close()


@pytest.fixture
def painted(screen: Screen) -> Iterator[None]:
    painter = subprocess.Popen(
        [sys.executable, "-c", _PAINTER], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert painter.stdout is not None and painter.stderr is not None
    first = painter.stdout.readline()
    if first != "painted\n":
        painter.kill()
        pytest.fail(f"no window on the screen: {painter.communicate()[1]}")
    yield
    painter.kill()
    painter.communicate()


def _picture(source: LiveSource) -> U8:
    """The first picture, RGB, in which the window has come to be seen."""
    for index, frame in enumerate(source):
        rgb = rgb_from_planes(frame.planes, frame.colour)
        if rgb.any() or index == 100:
            return rgb
    raise AssertionError("the screen ended")


def _difference(picture: U8, colour: tuple[int, int, int]) -> int:
    return int(np.abs(picture.astype(int) - colour).max())


@pytest.mark.usefixtures("painted")
def test_the_whole_screen() -> None:
    with open_screen("screen", None, 30) as source:
        assert source.info.size_wh == SCREEN_WH and source.info.fps == 30 and source.info.live
        picture = _picture(source)
    assert _difference(picture[20:380, 20:300], BROWN) <= 4
    assert _difference(picture[20:380, 340:620], TEAL) <= 4


@pytest.mark.usefixtures("painted")
def test_a_region_of_it() -> None:
    with open_screen("screen:200x100+270+150", None, 30) as source:
        assert source.info.size_wh == (200, 100)
        picture = _picture(source)
    # The window's edge is at x = 320 of the screen, 50 of the region.
    assert _difference(picture[:, :48], BROWN) <= 4
    assert _difference(picture[:, 52:], TEAL) <= 4


@pytest.mark.usefixtures("painted")
def test_a_region_is_scaled_to_the_wanted_size() -> None:
    with open_screen("screen:400x200", (200, 200), 30) as source:
        assert source.info.size_wh == (200, 100)
        picture = _picture(source)
    assert _difference(picture[5:95, 170:195], TEAL) <= 4


@pytest.mark.usefixtures("painted")
def test_pictures_come_at_the_rate_asked_for() -> None:
    with open_screen("screen:128x96", None, 10) as source:
        times = [frame.seconds for frame, _ in zip(source, range(8), strict=False)]
    assert source.info.fps == 10
    assert (times[-1] - times[0]) / 7 > 0.08, "a busy machine only makes it slower"


@pytest.mark.usefixtures("painted")
@pytest.mark.parametrize("region", ["200x100+500+0", "200x100+0+350", "641x400", "0x0", "100x0+5+5"])
def test_a_region_that_is_not_within_the_screen(region: str) -> None:
    message = rf"^screen:{region}: the region is not within the screen \(640x400\)$".replace("+", r"\+")
    with pytest.raises(CaptureError, match=message):
        open_screen(f"screen:{region}", None)


@pytest.mark.usefixtures("painted")
def test_a_region_that_is_too_small() -> None:
    with pytest.raises(CaptureError, match=r"^screen:32x32: the picture is 32x32; the smallest"):
        open_screen("screen:32x32", None)


def test_a_screen_that_goes_away_is_found_again(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "RETRY_S", 0.05)
    second: list[Screen] = []

    def come_back(source: LiveSource) -> None:
        screen.close()
        while not source.trouble:
            threading.Event().wait(0.005)
        troubles.append(source.trouble)
        second.append(Screen(screen.number))

    troubles: list[str] = []
    with open_screen("screen:128x96", None, 30) as source:
        for frame in source:
            if frame.index == 3:
                helper = threading.Thread(target=come_back, args=(source,))
                helper.start()
            if source.reconnects:
                break
        helper.join()
    second[0].close()
    assert troubles[0].startswith("screen:128x96: the screen") and troubles[0].endswith("; reconnecting")
    assert source.trouble == ""


def test_a_screen_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":4711")
    with pytest.raises(CaptureError, match=r"^screen: the screen :4711 cannot be grabbed \(Input/output"):
        open_screen("screen", None)


def test_a_build_that_cannot_grab_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.capture.screen_region.grab_of", lambda *_: Grab("absent", ":0", Fraction(30)))
    with pytest.raises(
        CaptureError, match=r"^screen: this build of FFmpeg cannot grab the screen \(no absent"
    ):
        open_screen("screen", None)


@pytest.mark.parametrize(
    ("spec", "region"),
    [
        ("screen", None),
        ("screen:1280x720", Region((1280, 720), (0, 0))),
        ("screen:1280x720+100+50", Region((1280, 720), (100, 50))),
    ],
)
def test_regions(spec: str, region: Region | None) -> None:
    assert parse_region(spec) == region


@pytest.mark.parametrize(
    "spec", ["screen:", "screen:1280", "screen:ax5", "screen:64x64+5", "screen:64x64-5-5"]
)
def test_what_is_no_region(spec: str) -> None:
    with pytest.raises(
        CaptureError, match=rf"^{spec}: not a part of the screen, such as".replace("+", r"\+")
    ):
        open_screen(spec, None)


REGION = Region((800, 600), (10, 20))


def test_other_systems_have_their_own_ways() -> None:
    fps = Fraction(30)
    assert grab_of("screen", REGION, fps, "win32", {}) == Grab(
        "gdigrab", "desktop", fps, {"video_size": "800x600", "offset_x": "10", "offset_y": "20"}
    )
    assert grab_of("screen", None, fps, "darwin", {}).format == "avfoundation"
    with pytest.raises(CaptureError, match=r"^screen:9x9: on macOS only the whole screen can be grabbed"):
        grab_of("screen:9x9", REGION, fps, "darwin", {})


def test_no_x11_screen() -> None:
    with pytest.raises(CaptureError, match=r"^screen: there is no X11 screen \(DISPLAY is not set\)$"):
        grab_of("screen", None, Fraction(30), "linux", {})
    with pytest.raises(CaptureError, match=r"^screen: there is no X11 screen \(Wayland does not let it"):
        grab_of("screen", None, Fraction(30), "linux", {"WAYLAND_DISPLAY": "wayland-0"})


def test_wayland_shows_little_of_its_screen_to_x11(caplog: pytest.LogCaptureFixture) -> None:
    both = {"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}
    assert grab_of("screen", None, Fraction(30), "linux", both).file == ":0"
    assert caplog.messages == [
        "screen: under Wayland only windows of X11 programs are seen, the rest stays black"
    ]
