"""The parts together: threads change nothing, failures end the run as they should."""

import threading
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from app import live
from app.capture.open import open_source
from app.capture.source import SourceInfo
from app.config import Config, Record, load_look
from app.dump import FrameDump
from app.errors import RecordError
from app.frame import U8, Colour, Composited, Frame, Motion, Planes, Tracked, Tracking
from app.live import Options, build_stages, model_path, record_depth, run
from app.outputs import Recording
from app.sky.library import find_sky, list_skies, open_sky
from app.sky.player import SkyPlayer
from engines.registry import open_engine
from tests.media import write_video

INFO = SourceInfo("made up", (1920, 1080), Fraction(1, 30), Fraction(30), None, Colour(), None)


def test_threads_change_nothing(tmp_path: Path) -> None:
    """The threaded run's pictures equal those of the same stages in a plain loop, bit for bit."""
    clip = write_video(tmp_path / "clip.mp4", size_wh=(160, 96), frames=25)
    config, look = Config(), load_look("natural")
    threaded = tmp_path / "threaded"
    options = Options(source=str(clip), sky="golden_sunset", headless=True, dump_frames=threaded)
    assert run(options, config, look) == 0

    looped = tmp_path / "looped"
    dump = FrameDump(looped)
    with (
        open_source(str(clip), None, config.picture_fps) as source,
        open_engine(model_path(config.matting.model), "ort", 1) as engine,
    ):
        sky = open_sky(find_sky("golden_sunset"), source.info.size_wh, source.info.colour, config.sky.crop)
        player = SkyPlayer(sky, config.sky.fade_s)
        stages = build_stages(engine, player, source.info, config, look)
        for frame in source:
            dump.write(stages.blending.process(stages.tracking.process(stages.matting.process(frame))))
        player.close()
    names = sorted(path.name for path in looped.iterdir())
    assert len(names) == 25
    assert names == sorted(path.name for path in threaded.iterdir())
    for name in names:
        assert (looped / name).read_bytes() == (threaded / name).read_bytes(), name


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


def test_sound_is_kept_and_cut_with_the_picture(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", size_wh=(64, 64), frames=40, audio="aac")
    recording = tmp_path / "out.mkv"
    options = Options(source=str(clip), sky="golden_sunset", headless=True, record=recording, frames=20)
    assert run(options, Config(), load_look("natural")) == 0
    with av.open(str(recording)) as container:
        pictures = [frame.time for frame in container.decode(video=0)]
        container.seek(0)
        sound = [frame.time for frame in container.decode(audio=0)]
    assert len(pictures) == 20
    assert pictures[-1] == pytest.approx(1.9, abs=0.01)
    assert sound[-1] == pytest.approx(2.0, abs=0.06)


@pytest.fixture
def session() -> live._Session:
    """A headless run that has not begun, of a source without frames; its player notes what it is given."""
    stage: Any = SimpleNamespace(process=None)
    stages: Any = SimpleNamespace(matting=stage, tracking=stage, blending=stage)
    source: Any = SimpleNamespace(info=INFO)
    player: Any = SimpleNamespace(switch=None)
    return live._Session(
        Options(source="made up", sky="clear_day", headless=True), Config(), source, stages, player, "fake"
    )


def test_of_skies_chosen_quickly_the_last_is_loaded(
    session: live._Session, monkeypatch: pytest.MonkeyPatch
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
    monkeypatch.setattr(live, "_open_sky", open_slowly)
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


def test_pausing_and_going_on(session: live._Session, monkeypatch: pytest.MonkeyPatch) -> None:
    resumed: list[bool] = []
    monkeypatch.setattr(session._stats, "resumed", lambda: resumed.append(True))
    session.toggle_pause()
    assert session.status_line().startswith("paused")
    assert not resumed
    session.toggle_pause()
    assert "fps" in session.status_line()
    assert resumed


def test_a_recording_that_broke_off_is_told_in_the_window(session: live._Session) -> None:
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

    def run_until_written(self: live._Session, _: object) -> None:
        self._pipeline.start()
        assert entered.wait(30)
        raise KeyboardInterrupt

    monkeypatch.setattr(live, "Recorder", StuckRecorder)
    monkeypatch.setattr(live._Session, "run", run_until_written)
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
