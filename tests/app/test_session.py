"""One run of one source: what it does when outputs fail, is held, or has to stop."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app import session as session_module
from app.capture.source import SourceInfo
from app.config import Config, Look, Record
from app.errors import RecordError
from app.frame import Colour
from app.live import run
from app.options import Options
from app.session import Session, buffer_depth
from app.user import Settings
from tests.media import write_video

INFO = SourceInfo("made up", (1920, 1080), Fraction(1, 30), Fraction(30), None, Colour(), None)


def test_the_recorders_buffer_is_bounded_by_seconds_and_by_megabytes() -> None:
    part = Record(buffer_s=2, buffer_mb=150)
    assert buffer_depth(replace(INFO, size_wh=(1280, 720)), part) == 60
    assert buffer_depth(INFO, part) == 48  # 1.5 bytes per pixel
    assert buffer_depth(replace(INFO, size_wh=(3840, 2160)), part) == 12
    assert buffer_depth(replace(INFO, fps=Fraction(1, 10)), part) == 1


def session(
    *, live: bool, screen: Any = None, opened: ExitStack | None = None, source: Any = None
) -> Session:
    """A run that has not begun, of a source without frames."""
    stage: Any = SimpleNamespace(process=None, look=Look())
    stages: Any = SimpleNamespace(matting=stage, tracking=stage, blending=stage)
    source = source or SimpleNamespace(info=replace(INFO, live=live), trouble="", close=lambda: None)
    options = Options("made up", "clear_day")
    player: Any = None
    engine: Any = SimpleNamespace(name="fake")
    return Session(
        options, Config(), source, stages, player, engine, screen, opened or ExitStack(), lambda error: None
    )  # fmt: skip


def test_a_file_is_held_at_its_source_and_a_live_source_at_the_screen() -> None:
    screen = SimpleNamespace(held=False, replaced=0)
    file = session(live=False, screen=screen)
    file.toggle_hold()
    assert file.held
    assert not screen.held
    camera = session(live=True, screen=screen)
    assert not camera.held
    camera.toggle_hold()
    assert camera.held
    assert screen.held
    camera.toggle_hold()
    assert not camera.held


@pytest.mark.parametrize("live", [True, False])
def test_a_pause_is_no_interval_between_two_pictures(live: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    run = session(live=live, screen=SimpleNamespace(held=False, replaced=0))
    resumed: list[bool] = []
    monkeypatch.setattr(run._stats, "resumed", lambda: resumed.append(run.held))
    run.toggle_hold()
    assert not resumed
    run.toggle_hold()
    assert resumed == [True]


def test_pictures_left_out_of_the_stream_are_drops() -> None:
    run = session(live=True)
    run._streamer = SimpleNamespace(dropped=4)  # type: ignore[assignment]
    assert run.drops() == {"capture": 0, "viewer": 0, "recorder": 0, "stream": 4}


def test_what_was_replaced_before_a_session_is_not_its_drop() -> None:
    screen = SimpleNamespace(held=False, replaced=5)
    run = session(live=True, screen=screen)
    screen.replaced = 7
    assert run.drops()["viewer"] == 2


def test_a_live_source_is_told_to_stop_and_all_is_closed() -> None:
    closed: list[str] = []
    opened = ExitStack()
    opened.callback(closed.append, "opened")
    source = SimpleNamespace(info=replace(INFO, live=True), close=lambda: closed.append("source"))
    assert session(live=True, opened=opened, source=source).close()
    assert closed == ["source", "opened"]


def _interrupted_while_writing(
    clip: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[], None]
) -> Callable[[], int]:
    """A run that meets Ctrl-C while its recorder is within `write`."""
    entered = threading.Event()

    class StuckRecorder:
        def __init__(self, path: Path, *_: object, **__: object) -> None:
            pass

        def write(self, planes: object, pts: int) -> None:
            entered.set()
            write()

        def close(self) -> None:
            pass

    def interrupted(self: Session, seconds: float) -> bool:
        assert entered.wait(30)
        raise KeyboardInterrupt

    monkeypatch.setattr(session_module, "Recorder", StuckRecorder)
    monkeypatch.setattr(Session, "wait", interrupted)
    options = Options(source=str(clip), sky="clear_day", headless=True, record=Path("out.mkv"))
    return lambda: run(options, Config(), Look(), Settings())


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
        if thread.name in ("recorder", "closing"):
            thread.join(10)


def test_what_fails_on_the_way_out_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RecordError("out.mkv: No space left on device")

    clip = write_video(tmp_path / "clip.mp4", size_wh=(64, 64), frames=3)
    with pytest.raises(RecordError, match="No space left"):
        _interrupted_while_writing(clip, monkeypatch, fail)()
