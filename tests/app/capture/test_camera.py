"""Cameras. There are none here: a library that fake_v4l2.c describes pretends them to whole processes."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from app.capture import camera
from app.capture.camera import OpenCvConnection, open_camera
from app.capture.cameras import camera_lines
from app.capture.live import LiveSource
from app.capture.v4l2 import read_formats
from app.errors import CaptureError
from app.sound_feed import SoundFeed

if sys.platform != "linux":
    pytest.skip("video4linux is Linux's", allow_module_level=True)

Play = Callable[[str], Any]

# What each scene begins with, and `tell`, which gives the test its result.
_PROLOGUE = """
import json, os, sys, threading, time
from pathlib import Path
from app.capture import camera, cameras, live
from app.capture.camera import open_camera
from app.errors import CaptureError
fake = Path(os.environ["FAKE_V4L2"])
cameras._DEVICES = fake / "class"
tell = lambda **found: print(json.dumps(found))
def message(spec, **asked):
    try:
        open_camera(spec, None, **asked).close()
    except CaptureError as error:
        return str(error)
"""


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler for the fake cameras")
    built = tmp_path_factory.mktemp("fake_v4l2") / "fake_v4l2.so"
    source = Path(__file__).with_name("fake_v4l2.c")
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", built, source, "-ldl"], check=True)
    return built


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    """The folder that says how the fake cameras are."""
    for number, name in enumerate(("Webcam", "Webcam", "Loop", "Modern")):
        (tmp_path / f"video{number}").touch()
        folder = tmp_path / "class" / f"video{number}"
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{name}\n")
    blue = np.full((720, 1280, 3), (200, 120, 40), np.uint8)
    cv2.imwrite(str(tmp_path / "picture.jpg"), blue)
    return tmp_path


@pytest.fixture
def play(library: Path, fake: Path) -> Play:
    """Runs a scene in a process that has the cameras, and gives what it tells."""

    def run(scene: str) -> Any:
        finished = subprocess.run(
            [sys.executable, "-W", "error", "-c", _PROLOGUE + scene],
            env=os.environ | {"LD_PRELOAD": str(library), "FAKE_V4L2": str(fake)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert finished.returncode == 0, finished.stderr
        return json.loads(finished.stdout) | {"log": finished.stderr}

    return run


def test_cameras_are_listed_with_what_they_offer(play: Play) -> None:
    assert play("tell(lines=cameras.camera_lines())")["lines"] == [
        "/dev/video0  Webcam",
        "    YUYV YUYV 4:2:2  1280x720  at 10 fps",
        "    YUYV YUYV 4:2:2  640x360  at 30 15 fps",
        "    MJPG Motion-JPEG  1280x720  at 30 fps",
        "/dev/video2  Loop",
        "    YU12 Planar YUV 4:2:0  640x360 640x480 854x480 1280x720 1920x1080"
        "  at 60 50 30 25 24 20 15 10 5 fps",
        "/dev/video3  Modern",
        "    HEVC HEVC  1280x720  at 30 fps",
    ]


def test_a_camera_that_may_not_be_used_is_listed_all_the_same(play: Play, fake: Path) -> None:
    (fake / "denied").touch()
    lines = play("tell(lines=cameras.camera_lines())")["lines"]
    assert lines[:2] == [
        "/dev/video0  Webcam",
        "    no permission to use it: add yourself to the group video and log in again",
    ]


def test_unplugged_while_it_is_listed(play: Play, fake: Path) -> None:
    (fake / "gone").touch()
    assert play("tell(lines=cameras.camera_lines())")["lines"] == ["no cameras found"]


def test_motion_jpeg_where_raw_pictures_are_too_slow(play: Play) -> None:
    told = play(
        """
with open_camera("0", None) as source:
    frames = [frame for frame, _ in zip(source, range(6))]
    info = source.info
    tell(size=info.size_wh, fps=float(info.fps), name=info.name, live=info.live, sound=info.sound,
         samples=[int(plane[100, 100]) for plane in frames[0].planes], full=info.colour.full_range,
         steps=[b.seconds - a.seconds for a, b in zip(frames, frames[1:])])
"""
    )
    assert (told["size"], told["fps"], told["name"]) == ([1280, 720], 30.0, "/dev/video0")
    assert told["live"] and told["sound"] is None
    # BGR (200, 120, 40) by JPEG's matrix, which is BT.601 at full range.
    assert told["samples"] == pytest.approx([105, 181, 82], abs=2) and told["full"]
    assert told["steps"] == pytest.approx([1 / 30] * 5, abs=1e-4)


def test_raw_pictures_where_they_are_fast_enough(play: Play) -> None:
    told = play(
        """
with open_camera("/dev/video0", (640, 360), 15) as source:
    frames = [frame for frame, _ in zip(source, range(4))]
    tell(size=source.info.size_wh, fps=float(source.info.fps), matrix=source.info.colour.matrix,
         luma=[int(frame.planes.y.min()) for frame in frames],
         steps=[b.seconds - a.seconds for a, b in zip(frames, frames[1:])])
"""
    )
    assert (told["size"], told["fps"], told["matrix"]) == ([640, 360], 15.0, "bt601")
    assert told["luma"] == [0, 1, 2, 3]
    assert told["steps"] == pytest.approx([1 / 15] * 3, abs=1e-4)


def test_raw_pictures_of_720_lines_have_the_matrix_of_cameras(play: Play) -> None:
    scene = 'with open_camera("2", None) as source: tell(matrix=source.info.colour.matrix)'
    assert play(scene)["matrix"] == "bt601"


def test_pictures_outlive_the_camera(play: Play) -> None:
    """What FFmpeg gives lies in memory of the driver, which is gone when the camera is closed."""
    told = play(
        """
with open_camera("2", (640, 360), 60) as source:
    frames = [frame for frame, _ in zip(source, range(40))]
tell(luma=[int(frame.planes.y.max()) for frame in frames], size=frames[0].planes.size_wh)
"""
    )
    assert told["luma"] == list(range(40)) and told["size"] == [640, 360]


def test_the_nearest_size_is_scaled_to_the_wanted_one(play: Play) -> None:
    scene = 'with open_camera("2", (320, 200)) as source: tell(size=next(iter(source)).planes.size_wh)'
    assert play(scene)["size"] == [320, 180]


def test_errors_are_one_line_that_names_the_camera(play: Play) -> None:
    told = play(
        """
camera.TIMEOUT_S = 0.3
def in_state(name):
    (fake / name).touch()
    found = message("0")
    (fake / name).unlink()
    return found
tell(metadata=message("1"), unreadable=message("3"), absent=message("/dev/video7"),
     **{name: in_state(name) for name in ("busy", "denied", "gone", "stalled")})
"""
    )
    there_are = "there are: /dev/video0 (Webcam), /dev/video2 (Loop), /dev/video3 (Modern)"
    assert told["metadata"] == f"/dev/video1: it gives no pictures; {there_are}"
    assert told["unreadable"] == "/dev/video3: it offers no format that can be read (HEVC)"
    assert told["absent"] == f"/dev/video7: no such camera; {there_are}"
    assert told["busy"] == "/dev/video0: it is in use by another program"
    assert told["denied"] == (
        "/dev/video0: no permission to use it: add yourself to the group video and log in again"
    )
    assert told["gone"] == "/dev/video0: no such camera; there are none"
    assert told["stalled"] == "/dev/video0: no data for 0.3 s"


def test_a_camera_that_goes_away_is_found_again(play: Play) -> None:
    told = play(
        """
import logging
logging.basicConfig(level=logging.INFO, format="%(message)s")
camera.TIMEOUT_S = 0.3
live.RETRY_S = 0.05
troubles, frames = [], []
def come_back(source, state):
    while not source.trouble:
        time.sleep(0.005)
    troubles.append(source.trouble)
    time.sleep(0.2)
    (fake / state).unlink()
with open_camera("2", (640, 360)) as source:
    for frame in source:
        frames.append(frame)
        state = {5: "gone", 10: "stalled"}.get(len(frames))
        if state:
            (fake / state).touch()
            threading.Thread(target=come_back, args=(source, state)).start()
        if source.reconnects == 2:
            break
tell(troubles=troubles, steps=[b.seconds - a.seconds for a, b in zip(frames, frames[1:])],
     trouble=source.trouble, luma=int(frames[-1].planes.y[0, 0]))
"""
    )
    assert len(told["troubles"]) == 2
    for trouble in told["troubles"]:
        assert trouble.startswith("/dev/video2: ") and trouble.endswith("; reconnecting")
    assert told["trouble"] == "" and told["luma"] == 0
    gaps = [step for step in told["steps"] if step > 0.19]
    assert len(gaps) == 2 and min(told["steps"]) > 0
    assert told["log"].splitlines() == [
        "/dev/video2: it was unplugged; reconnecting",
        "/dev/video2: connected again",
        "/dev/video2: no data for 0.3 s; reconnecting",
        "/dev/video2: connected again",
    ]


class _Stamped:
    """Pictures that are handed on LATE_S after their stamps, which the monotonic clock gave."""

    LATE_S = 0.2
    fps = Fraction(30)
    sample_aspect = Fraction(1)
    has_sound = True

    def __iter__(self) -> Iterator[av.VideoFrame]:
        while True:
            picture = av.VideoFrame(64, 64, "yuv420p")
            picture.pts = round((time.perf_counter() - self.LATE_S) * 1e6)
            picture.time_base = Fraction(1, 1_000_000)
            yield picture

    def close(self) -> None: ...


class _FakeMicrophone:
    made: "list[_FakeMicrophone]"

    def __init__(self, device: str, feed: SoundFeed, now: Callable[[], float]) -> None:
        if device == "absent":
            raise CaptureError("microphone absent: no such device")
        self.device, self.feed, self.now, self.closed = device, feed, now, False
        self.made.append(self)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def microphones(monkeypatch: pytest.MonkeyPatch) -> list[_FakeMicrophone]:
    _FakeMicrophone.made = []
    monkeypatch.setattr(camera, "Microphone", _FakeMicrophone)
    monkeypatch.setattr(camera, "V4l2Connection", lambda *_, **__: _Stamped())
    return _FakeMicrophone.made


def test_sound_has_the_time_of_the_picture_that_was_captured_with_it(
    microphones: list[_FakeMicrophone],
) -> None:
    with open_camera("0", None, 30, "plughw:1") as source:
        [microphone] = microphones
        assert microphone.device == "plughw:1" and microphone.feed is source.info.sound
        for _, frame in zip(range(5), source, strict=False):
            # A picture captured now would be later than this one by what it took to come here.
            since_capture_s = time.perf_counter() - frame.captured_ns * 1e-9 + _Stamped.LATE_S
            assert microphone.now() == pytest.approx(frame.seconds + since_capture_s, abs=0.01)
    assert microphone.closed


def test_a_stamp_of_another_clock_is_not_used_for_sound(
    microphones: list[_FakeMicrophone], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Stamped, "LATE_S", 1000.0)
    with open_camera("0", None, 30, "plughw:1") as source:
        frame = next(iter(source))
        since_s = time.perf_counter() - frame.captured_ns * 1e-9
        assert microphones[0].now() == pytest.approx(frame.seconds + since_s, abs=0.01)


def test_a_microphone_that_cannot_be_opened(
    microphones: list[_FakeMicrophone], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = []
    monkeypatch.setattr(_Stamped, "close", lambda self: closed.append(self))
    with pytest.raises(CaptureError, match=r"^microphone absent: no such device$"):
        open_camera("0", None, 30, "absent")
    assert len(closed) == 1


@pytest.fixture
def opencv_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCV finds a camera of number 0, which gives 5 pictures and no more."""
    film = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"MJPG"), 25, (128, 96))
    for level in range(5):
        writer.write(np.full((96, 128, 3), 40 * level, np.uint8))
    writer.release()
    real = cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", lambda n: real(str(film) if n == 0 else "/absent.avi"))


@pytest.mark.usefixtures("opencv_finds")
def test_opencv_gives_the_pictures_where_there_is_no_video4linux() -> None:
    def connect() -> OpenCvConnection:
        return OpenCvConnection("camera 0", "0", (128, 96), Fraction(30), has_sound=False)

    with LiveSource("camera 0", connect, None) as source:
        frames = []
        for frame in source:
            frames.append(frame)
            if source.reconnects:
                break
        assert source.info.size_wh == (128, 96) and source.info.fps == 25
        # (219 levels of luma at limited range, 16 = black)
        lumas = [16 + round(40 * level * 219 / 255) for level in range(5)]
        assert [int(f.planes.y[50, 50]) for f in frames[:5]] == pytest.approx(lumas, abs=2)
    assert all(before.seconds < after.seconds for before, after in pairwise(frames))


@pytest.mark.usefixtures("opencv_finds")
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("1", r"^camera 1: there is none, or it is in use by another program$"),
        ("/dev/video0", r"^/dev/video0: cameras have numbers here, from 0$"),
    ],
)
def test_opencv_finds_no_such_camera(spec: str, message: str) -> None:
    with pytest.raises(CaptureError, match=message):
        OpenCvConnection(f"camera {spec}", spec, (128, 96), Fraction(30), has_sound=False)


def test_what_is_no_camera_at_all(tmp_path: Path) -> None:
    """The real kernel's answer to a file that takes no such request."""
    file = tmp_path / "video0"
    file.touch()
    with pytest.raises(OSError, match="ioctl"):
        read_formats(str(file))
    with pytest.raises(CaptureError, match=f"^{file}: Inappropriate ioctl for device$"):
        open_camera(str(file), None)


def test_every_camera_that_is_here_has_its_line() -> None:
    lines = camera_lines()
    assert lines == ["no cameras found"] or lines[0].startswith("/dev/video")
