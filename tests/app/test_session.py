"""One run of one source: what it does when outputs fail, skies are chosen, or the user leaves."""

import threading
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from app import session as session_module
from app.capture.source import SourceInfo
from app.config import Config, Record, load_look
from app.errors import RecordError
from app.frame import U8, Colour, Composited, Frame, Motion, Planes, Tracked, Tracking
from app.live import run
from app.options import Options
from app.outputs import Recording
from app.session import Session, record_depth
from app.sky.library import list_skies
from tests.media import write_video

INFO = SourceInfo("made up", (1920, 1080), Fraction(1, 30), Fraction(30), None, Colour(), None)


def test_the_recorders_buffer_is_bounded_by_seconds_and_by_megabytes() -> None:
    part = Record(buffer_s=2, buffer_mb=250)
    assert record_depth(replace(INFO, size_wh=(1280, 720)), part) == 60
    # The source's picture, alpha and the finished picture: 1.5 + 1 + 1.5 bytes per pixel.
    assert record_depth(INFO, part) == 30
    assert record_depth(replace(INFO, size_wh=(3840, 2160)), part) == 7
    assert record_depth(replace(INFO, fps=Fraction(1, 10)), part) == 1


class FullDisk:
    """Stands for a recorder whose disk is full from the third picture on."""

    def __init__(self) -> None:
        self.written = 0
        self.closed = 0

    def write(self, planes: object, pts: int) -> None:
        if self.written == 2:
            raise RecordError("out.mkv: No space left on device")
        self.written += 1

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("essential", [True, False])
def test_a_recording_that_fails_ends_the_run_only_when_nothing_else_wants_the_picture(
    essential: bool,
) -> None:
    disk = FullDisk()
    recording = Recording(disk, essential=essential)  # type: ignore[arg-type]
    picture = np.zeros((2, 2), np.uint8)
    composited = _composited(picture)
    recording.write(composited)
    recording.write(composited)
    if essential:
        with pytest.raises(RecordError, match="No space left"):
            recording.write(composited)
    else:
        recording.write(composited)
        recording.write(composited)
    recording.close()
    assert recording.error is not None
    assert disk.written == 2
    assert disk.closed >= 1


def _composited(plane: U8) -> Composited:
    planes = Planes(plane, plane, plane)
    frame = Frame(planes, 0, 0, Fraction(1, 30), Colour(), 0)
    motion = Motion(np.eye(3), np.eye(3), Tracking.LOST, 0)
    return Composited(Tracked(frame, plane, motion), planes)


@pytest.fixture
def session() -> Session:
    """A headless run that has not begun, of a source without frames; its player notes what it is given."""
    stage: Any = SimpleNamespace(process=None)
    stages: Any = SimpleNamespace(matting=stage, tracking=stage, blending=stage)
    source: Any = SimpleNamespace(info=INFO)
    player: Any = SimpleNamespace(switch=None)
    options = Options(source="made up", sky="clear_day", headless=True)
    return Session(options, Config(), source, stages, player, "fake", None, list_skies())


def test_of_skies_chosen_quickly_the_last_is_loaded(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading, go_on, shown = threading.Event(), threading.Event(), threading.Event()
    opened: list[str] = []

    def open_slowly(sky: Any, *_: object) -> Any:
        opened.append(sky.name)
        loading.set()
        assert go_on.wait(10)
        return sky

    def switch(sky: Any) -> None:
        if sky.name == names[3]:
            shown.set()

    titles = {sky.name: sky.title for sky in list_skies()}
    names = list(titles)
    monkeypatch.setattr(session_module, "open_sky", open_slowly)
    monkeypatch.setattr(session._player, "switch", switch)
    loader = threading.Thread(target=session.load_skies)
    loader.start()
    session.choose_sky(0)
    assert loading.wait(10)
    for index in (1, 2, 3):
        session.choose_sky(index)
    session.choose_sky(len(names))
    go_on.set()
    assert shown.wait(10)
    assert opened == [names[0], names[3]]
    assert titles[names[3]] in session.status_line()
    assert session.close()
    loader.join(10)
    assert not loader.is_alive()


def test_pausing_and_going_on(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    resumed: list[bool] = []
    monkeypatch.setattr(session._stats, "resumed", lambda: resumed.append(True))
    session.toggle_pause()
    assert session.status_line().startswith("paused")
    assert not resumed
    session.toggle_pause()
    assert "fps" in session.status_line()
    assert resumed


def test_a_recording_that_broke_off_is_told_in_the_window(session: Session) -> None:
    recording = Recording(FullDisk(), essential=False)  # type: ignore[arg-type]
    for _ in range(3):
        recording.write(_composited(np.zeros((2, 2), np.uint8)))
    session._recording = recording
    assert "No space left on device" in session.status_line()
    assert session.recording_failed


def _interrupted_while_writing(
    clip: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[], None]
) -> Callable[[], int]:
    """A run that meets Ctrl-C while its recorder is within `write`."""
    entered = threading.Event()

    class StuckRecorder:
        def __init__(self, path: Path, **_: object) -> None:
            pass

        def write(self, planes: object, pts: int) -> None:
            entered.set()
            write()

        def close(self) -> None:
            pass

    def run_until_written(self: Session) -> None:
        self._pipeline.start()
        assert entered.wait(30)
        raise KeyboardInterrupt

    monkeypatch.setattr(session_module, "Recorder", StuckRecorder)
    monkeypatch.setattr(Session, "run_headless", run_until_written)
    options = Options(source=str(clip), sky="clear_day", headless=True, record=Path("out.mkv"))
    return lambda: run(options, Config(), load_look("natural"))


def test_a_recording_that_cannot_be_finished_in_time_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    go_on = threading.Event()

    def hang() -> None:
        assert go_on.wait(30)

    clip = write_video(tmp_path / "clip.mp4", size_wh=(64, 64), frames=3)
    assert _interrupted_while_writing(clip, monkeypatch, hang)() == 1
    assert "out.mkv: could not be finished in time" in caplog.text
    go_on.set()
    for thread in threading.enumerate():
        if thread.name == "recorder":
            thread.join(10)


def test_what_fails_on_the_way_out_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RecordError("out.mkv: No space left on device")

    clip = write_video(tmp_path / "clip.mp4", size_wh=(64, 64), frames=3)
    with pytest.raises(RecordError, match="No space left"):
        _interrupted_while_writing(clip, monkeypatch, fail)()
