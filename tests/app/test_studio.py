"""What the window's wishes lead to, with sessions that only note what they are asked."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from app.capture.source import SourceInfo
from app.config import Config, Look, Placement
from app.errors import CaptureError, RecordError, SkyError
from app.frame import (
    NO_SPANS,
    Colour,
    Composited,
    Foreground,
    Found,
    Frame,
    Planes,
    Tracked,
    Tracking,
)
from app.options import Options
from app.sky.library import SkyFile, find_sky
from app.state import Daylight, State, Written
from app.studio import Studio
from engines.base import EngineError
from engines.watch import Preparing, Watch
from living.specs import Clock
from tests.app.motions import motion

INFO = SourceInfo("made up", (64, 64), Fraction(1, 30), Fraction(30), None, Colour(), None)


class FakeSession:
    """Stands for a session; `asked` is what it was asked for, in order."""

    def __init__(self, options: Options, look: Look) -> None:
        self.options = options
        self.look = look
        self.info = replace(INFO, name=options.source)
        self.live = False
        self.span_s: tuple[float, float] | None = (0.0, 9.0)
        self.asked: list[Any] = []
        self.over = False
        self.last: Written | None = None
        self.error: Exception | None = None
        self.recorded: Written | None = None
        self.recording_failed = False
        self.held = False
        self.trouble = self.stream = self.virtual_camera = ""
        self.position_s, self.found, self.backend = 1.5, Found(0.25, 0.9), "fake"
        self.refuses: Exception | None = None
        self.clock: Clock | None = None
        self.daylight: Daylight | None = None
        self.sky_waits = threading.Event()
        self.sky_waits.set()

    def begin_outputs(self) -> None:
        if self.options.record is not None:
            self.asked.append(self.options.record)
        if self.options.record == Path("refused"):
            raise RecordError("refused: exists")

    def start(self) -> None:
        self.asked.append("start")

    def ended(self) -> bool:
        if self.error is not None:
            raise self.error
        return self.over

    def close(self) -> bool:
        self.asked.append("close")
        self.recorded = None
        return True

    def choose_sky(self, sky: SkyFile, placement: Placement) -> None:
        assert self.sky_waits.wait(10)
        if self.refuses is not None:
            raise self.refuses
        self.asked.append(sky.name)
        self.placement = placement

    def place_sky(self, placement: Placement) -> None:
        self.placement = placement

    def set_clock(self, clock: Clock | None) -> None:
        self.clock = clock

    def set_look(self, look: Look) -> None:
        self.look = look

    def record(self, path: Path, *, force: bool, from_start: bool) -> None:
        assert not force
        assert not from_start
        if self.refuses is not None:
            raise self.refuses
        self.recorded = self.last = Written(path, 2.0, 9)

    def stop_recording(self) -> None:
        self.recorded = None

    def written(self) -> Written | None:
        return self.recorded

    def last_recording(self) -> Written | None:
        return self.last

    def stream_to(self, address: str, *, must_connect: bool) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.stream = address

    def show_as_camera(self, on: bool) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.virtual_camera = "/dev/video9" if on else ""

    def toggle_hold(self) -> None:
        self.held = not self.held

    def seek(self, seconds: float) -> None:
        self.asked.append(seconds)

    def recent(self) -> tuple[float, float, dict[str, float]]:
        return 30.0, 40.0, {"matting": 8.0}

    def drops(self) -> dict[str, int]:
        return {"capture": 0}

    def painted(self, captured_ns: int) -> None:
        self.asked.append(captured_ns)


class Opened:
    """Opens sessions as asked and keeps them; a source named "bad" fails, one named "slow" waits."""

    def __init__(self) -> None:
        self.sessions: list[FakeSession] = []
        self.watch = Watch()
        self.go_on = threading.Event()
        self.waiting = threading.Event()

    def __call__(
        self, options: Options, config: Config, look: Look, screen: object, tell: object, watch: Watch
    ) -> Any:
        self.watch = watch
        if options.source in ("slow", "slow and bad"):
            self.waiting.set()
            assert self.go_on.wait(10)
        if options.source in ("bad", "slow and bad"):
            raise CaptureError("bad: no data for 5 s")
        if options.source == "broken":
            raise ZeroDivisionError
        self.sessions.append(FakeSession(options, look))
        return self.sessions[-1]


def until(studio: Studio, holds: Callable[[State], bool]) -> State:
    """The first state for which that holds; fails after 10 s."""
    deadline = time.monotonic() + 10
    while not holds(state := studio.state()):
        assert time.monotonic() < deadline, state
        time.sleep(0.005)
    return state


@pytest.fixture
def opened() -> Opened:
    return Opened()


@pytest.fixture
def make(opened: Opened) -> Iterator[Callable[..., Studio]]:
    studios: list[Studio] = []
    picture = (
        np.full((64, 64), 81, np.uint8),
        np.full((32, 32), 90, np.uint8),
        np.full((32, 32), 240, np.uint8),
    )
    frame = Frame(Planes(*picture), 0, 0, Fraction(1, 30), Colour("bt601"), 0)
    still = motion(Tracking.LOST)
    latest = Composited(
        Tracked(frame, picture[0], still, Foreground(frame.planes, NO_SPANS), Found(0, 1)), frame.planes
    )
    screen: Any = SimpleNamespace(held=True, replaced=0, latest=lambda: latest)

    def studio(source: str = "first", **options: Any) -> Studio:
        studios.append(Studio(Options(source, "clear_day", **options), Config(), Look(), screen, opened))
        return studios[-1]

    yield studio
    opened.go_on.set()
    for one in studios:
        one.close()


@pytest.fixture
def studio(make: Callable[..., Studio]) -> Studio:
    studio = make()
    until(studio, lambda state: state.source == "first" and not state.opening)
    return studio


def test_the_first_source_is_opened_and_shown(studio: Studio, opened: Opened) -> None:
    state = studio.state()
    assert (state.source, state.opening, state.sky_name) == ("first", "", "clear_day")
    assert (state.fps, state.position_s, state.span_s, state.found) == (30.0, 1.5, (0.0, 9.0), (0.25, 0.9))
    assert opened.sessions[0].asked == ["start"]


def test_a_first_source_that_cannot_be_opened_ends_the_program(make: Callable[..., Studio]) -> None:
    studio = make("bad")
    with pytest.raises(CaptureError, match="no data for 5 s"):
        until(studio, lambda state: False)


def test_another_source_replaces_the_first_once_it_is_open(studio: Studio, opened: Opened) -> None:
    studio.open("slow")
    assert until(studio, lambda state: state.opening == "slow").source == "first"
    assert "close" not in opened.sessions[0].asked
    opened.go_on.set()
    until(studio, lambda state: state.source == "slow" and not state.opening)
    assert opened.sessions[0].asked == ["start", "close"]
    assert opened.sessions[1].asked == ["start"]


def test_a_source_that_cannot_be_opened_is_a_message_and_the_old_one_goes_on(
    studio: Studio, opened: Opened
) -> None:
    studio.open("bad")
    state = until(studio, lambda state: state.message.bad)
    assert state.message.text == "bad: no data for 5 s"
    assert (state.source, state.opening) == ("first", "")
    assert opened.sessions[0].asked == ["start"]


def test_an_engine_that_is_made_ready_is_told_before_and_beside_the_picture(
    make: Callable[..., Studio], opened: Opened
) -> None:
    studio = make("slow")
    assert opened.waiting.wait(10)
    opened.watch.preparing(Preparing("tensorrt 11.4", 0.4))
    state = studio.state()
    assert (state.source, state.opening, state.preparing) == ("", "slow", Preparing("tensorrt 11.4", 0.4))
    opened.go_on.set()
    assert until(studio, lambda state: state.source == "slow").preparing == Preparing("tensorrt 11.4", 0.4)
    opened.watch.preparing(None)
    assert studio.state().preparing is None


def test_an_engine_that_fails_is_one_message(
    studio: Studio, opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    opened.watch.failed(EngineError("tensorrt 11.4 failed, onnxruntime-cpu 1.31 goes on: CUDA: error 700"))
    message = studio.state().message
    assert (message.number, message.bad) == (1, True)
    assert message.text.startswith("tensorrt 11.4 failed, onnxruntime-cpu 1.31 goes on")
    assert studio.state().message.number == 1
    assert [record.getMessage() for record in caplog.records] == [message.text]


def test_of_sources_opened_quickly_the_last_is_opened(studio: Studio, opened: Opened) -> None:
    studio.open("slow")
    for name in ("second", "third"):
        studio.open(name)
    opened.go_on.set()
    until(studio, lambda state: state.source == "third")
    assert "second" not in [session.options.source for session in opened.sessions]


@pytest.mark.parametrize("first", ["slow", "slow and bad"])
def test_a_source_asked_for_while_another_is_being_opened_is_opened_after_it(
    studio: Studio, opened: Opened, first: str
) -> None:
    studio.open(first)
    assert opened.waiting.wait(10)
    studio.open("second")
    assert studio.state().opening == "second"
    opened.go_on.set()
    state = until(studio, lambda state: state.source == "second" and not state.opening)
    assert not state.message.bad  # nobody waits for the first any more


def test_pictures_go_on_to_server_and_camera_once_the_source_before_has_let_them_go(
    make: Callable[..., Studio], opened: Opened
) -> None:
    studio = make(stream="rtmp://localhost/a", virtual_camera=True)
    until(studio, lambda state: state.source == "first")
    first = opened.sessions[0]
    assert (first.options.stream, first.options.virtual_camera) == ("rtmp://localhost/a", True)
    first.show_as_camera(True)
    studio.open("second")
    until(studio, lambda state: state.source == "second" and bool(state.virtual_camera and state.stream))
    second = opened.sessions[1]
    assert (second.options.stream, second.options.virtual_camera) == (None, False)
    assert "close" in first.asked


def test_a_microphone_goes_with_cameras_only(make: Callable[..., Studio], opened: Opened) -> None:
    studio = make("0", audio="default")
    until(studio, lambda state: state.source == "0")
    for source in ("clip.mp4", "rtsp://localhost/a", "/dev/video2"):
        studio.open(source)
        until(studio, lambda state: not state.opening)
    audio = {session.options.source: session.options.audio for session in opened.sessions}
    assert audio == {"0": "default", "clip.mp4": None, "rtsp://localhost/a": None, "/dev/video2": "default"}


def test_files_to_write_belong_to_the_first_source(make: Callable[..., Studio], opened: Opened) -> None:
    studio = make(record=Path("out.mkv"), frames=9, duration_s=3.0, stream="rtmp://localhost/a")
    until(studio, lambda state: state.source == "first")
    studio.open("second")
    until(studio, lambda state: state.source == "second")
    first, second = (session.options for session in opened.sessions)
    assert (first.record, first.frames, first.duration_s) == (Path("out.mkv"), 9, 3.0)
    assert (second.record, second.frames, second.duration_s) == (None, None, None)
    assert second.began_ns > first.began_ns


def test_an_error_of_the_program_itself_is_not_hidden(studio: Studio) -> None:
    studio.open("broken")
    with pytest.raises(ZeroDivisionError):
        until(studio, lambda state: False)


def test_a_sky_is_loaded_elsewhere_and_of_several_the_last(studio: Studio, opened: Opened) -> None:
    session = opened.sessions[0]
    session.sky_waits.clear()
    skies = [find_sky(name) for name in ("milky_way", "golden_sunset", "thunderstorm")]
    for sky in skies:
        studio.choose_sky(sky)
    state = studio.state()
    assert (state.sky_name, state.loading_sky) == ("clear_day", skies[2].title)
    session.sky_waits.set()
    until(studio, lambda state: state.sky_name == "thunderstorm" and not state.loading_sky)
    assert session.asked[-1] == "thunderstorm"
    assert "golden_sunset" not in session.asked


def test_skies_stand_where_the_user_put_them(studio: Studio, opened: Opened) -> None:
    session = opened.sessions[0]
    placed = Placement(heading=40, scale=2)
    studio.place_sky(placed)
    assert session.placement == placed
    assert studio.state().placements == {"clear_day": placed}
    session.sky_waits.clear()
    studio.choose_sky(find_sky("milky_way"))
    studio.place_sky(Placement(tilt=5))  # of the one that is being loaded
    assert session.placement == placed
    session.sky_waits.set()
    until(studio, lambda state: state.sky_name == "milky_way" and not state.loading_sky)
    assert session.placement == Placement(tilt=5) == studio.state().placement
    studio.choose_sky(find_sky("clear_day"))
    until(studio, lambda state: state.sky_name == "clear_day" and not state.loading_sky)
    assert session.placement == placed
    studio.place_sky(None)
    assert session.placement == Placement()
    assert studio.state().placements == {"milky_way": Placement(tilt=5)}


def test_clocks_that_were_set_stay_with_their_skies(studio: Studio, opened: Opened) -> None:
    session = opened.sessions[0]
    assert studio.state().daylight is None
    session.daylight = Daylight(17.5)
    assert studio.state().daylight == Daylight(17.5)
    evening = Clock(20.0, 60.0)
    studio.set_clock(evening)
    assert session.clock == evening
    assert studio.state().daylight == Daylight(17.5, evening)
    session.sky_waits.clear()
    studio.choose_sky(find_sky("milky_way"))
    studio.set_clock(Clock(1.0, 0.0))  # of the one that is being loaded
    assert session.clock == evening
    session.sky_waits.set()
    until(studio, lambda state: state.sky_name == "milky_way" and not state.loading_sky)
    assert session.clock == Clock(1.0, 0.0)
    studio.choose_sky(find_sky("clear_day"))
    until(studio, lambda state: state.sky_name == "clear_day" and not state.loading_sky)
    assert session.clock == evening
    studio.set_clock(None)
    assert session.clock is None
    assert studio.state().daylight == Daylight(17.5)


def test_another_source_shows_the_sky_as_late_as_it_was(studio: Studio, opened: Opened) -> None:
    studio.set_clock(Clock(20.0, 0.0))
    studio.open("other")
    until(studio, lambda state: state.source == "other")
    assert opened.sessions[-1].clock == Clock(20.0, 0.0)


def test_a_sky_that_cannot_be_loaded_is_a_message(studio: Studio, opened: Opened) -> None:
    opened.sessions[0].refuses = SkyError("x.jpg: not a picture that can be read")
    studio.choose_sky(find_sky("milky_way"))
    state = until(studio, lambda state: state.message.bad)
    assert state.message.text == "x.jpg: not a picture that can be read"
    assert (state.loading_sky, state.sky_name) == ("", "clear_day")


def test_a_sky_and_a_look_chosen_while_a_source_is_opened_are_those_of_the_new_one(
    studio: Studio, opened: Opened
) -> None:
    studio.open("slow")
    assert opened.waiting.wait(10)
    look = Look(title="other")
    studio.choose_sky(find_sky("milky_way"))
    studio.set_look(look)
    opened.go_on.set()
    until(studio, lambda state: state.source == "slow" and not state.opening and not state.loading_sky)
    until(studio, lambda state: "milky_way" in opened.sessions[1].asked)
    assert opened.sessions[1].look is look


def test_a_recording_begins_and_ends_with_a_word_where_it_is(studio: Studio, tmp_path: Path) -> None:
    path = tmp_path / "new" / "sky.mkv"
    studio.record(path)
    assert until(studio, lambda state: state.recording is not None).recording == Written(path, 2.0, 9)
    assert path.parent.is_dir()
    studio.stop_recording()
    assert until(studio, lambda state: state.message.number > 0).message.text == f"recorded {path}"
    assert studio.state().recording is None


def test_a_recording_that_cannot_begin_is_a_message(studio: Studio, opened: Opened, tmp_path: Path) -> None:
    opened.sessions[0].refuses = RecordError("sky.mkv: exists")
    studio.record(tmp_path / "sky.mkv")
    assert until(studio, lambda state: state.message.bad).message.text == "sky.mkv: exists"
    file = tmp_path / "file"
    file.touch()
    studio.record(file / "sky.mkv")
    assert str(file) in until(studio, lambda state: state.message.number == 2).message.text


def test_a_recording_that_broke_off_or_is_empty_is_not_called_one(
    studio: Studio, opened: Opened, tmp_path: Path
) -> None:
    studio.record(tmp_path / "sky.mkv")
    until(studio, lambda state: state.recording is not None)
    opened.sessions[0].last = Written(tmp_path / "sky.mkv", 0.0, 0)
    studio.stop_recording()
    state = until(studio, lambda state: state.message.number > 0)
    assert state.message.text == f"{tmp_path / 'sky.mkv'}: nothing was recorded, as no picture came"
    studio.record(tmp_path / "other.mkv")
    until(studio, lambda state: state.recording is not None)
    opened.sessions[0].recording_failed = True
    studio.open("second")
    state = until(studio, lambda state: state.source == "second" and state.recording is None)
    assert (studio.state().message.number, state.message.number) == (1, 1)


def test_of_two_messages_at_once_both_are_seen(studio: Studio, opened: Opened, tmp_path: Path) -> None:
    opened.sessions[0].span_s = None
    studio.seek(1.0)
    opened.sessions[0].span_s, opened.sessions[0].recorded = (0.0, 9.0), Written(tmp_path, 1.0, 1)
    studio.seek(1.0)
    assert [studio.state().message.text[:11] for _ in range(3)] == ["this source", *["finish the "] * 2]


def test_no_jumps_while_recording(studio: Studio, opened: Opened, tmp_path: Path) -> None:
    studio.record(tmp_path / "sky.mkv")
    until(studio, lambda state: state.recording is not None)
    studio.seek(3.0)
    assert "finish the recording first" in until(studio, lambda state: state.message.bad).message.text
    studio.stop_recording()
    until(studio, lambda state: state.recording is None)
    studio.seek(3.0)
    assert opened.sessions[0].asked == ["start", 3.0]


def test_at_its_end_a_file_stays_and_can_be_played_again(studio: Studio, opened: Opened) -> None:
    opened.sessions[0].over = True
    assert studio.state().ended
    studio.toggle_hold()
    until(studio, lambda state: not state.ended and not state.opening)
    assert opened.sessions[1].options.source == "first"
    opened.sessions[1].over = True
    studio.seek(4.0)
    until(studio, lambda state: not state.ended and not state.opening)
    assert opened.sessions[2].asked == [4.0, "start"]


def test_a_source_that_fails_on_the_way_is_told_once(studio: Studio, opened: Opened) -> None:
    opened.sessions[0].error = CaptureError("first: cannot be read any further")
    for _ in range(3):
        state = studio.state()
    assert state.ended
    assert (state.message.number, state.message.text) == (1, "first: cannot be read any further")


def test_a_source_that_failed_can_be_played_again(studio: Studio, opened: Opened) -> None:
    opened.sessions[0].error = CaptureError("first: cannot be read any further")
    assert studio.state().ended
    studio.toggle_hold()
    until(studio, lambda state: not state.ended and not state.opening)
    assert len(opened.sessions) == 2
    assert studio.state().message.number == 1


def test_a_live_source_that_is_opened_again_has_not_ended(
    make: Callable[..., Studio], opened: Opened
) -> None:
    studio = make("slow", record=Path("out.mkv"))
    opened.go_on.set()
    until(studio, lambda state: state.source == "slow")
    first = opened.sessions[0]
    first.live = first.over = True  # over: as it is once it is closed
    opened.go_on.clear()
    opened.waiting.clear()
    studio.open("slow")
    assert opened.waiting.wait(10)
    assert "close" in first.asked
    assert not studio.state().ended


def test_a_first_source_that_is_ready_only_after_the_end_is_closed(
    make: Callable[..., Studio], opened: Opened
) -> None:
    studio = make("slow", record=Path("out.mkv"))
    assert opened.waiting.wait(10)
    threading.Timer(0.5, opened.go_on.set).start()
    studio.close()
    assert opened.sessions[0].asked == ["close"]


def test_a_first_recording_that_is_refused_ends_the_program(
    make: Callable[..., Studio], opened: Opened
) -> None:
    studio = make(record=Path("refused"))
    with pytest.raises(RecordError):
        until(studio, lambda state: False)
    assert opened.sessions[0].asked == [Path("refused"), "close"]


def test_in_a_run_with_a_job_a_source_that_fails_ends_the_program(
    make: Callable[..., Studio], opened: Opened
) -> None:
    studio = make(record=Path("out.mkv"))
    until(studio, lambda state: state.source == "first")
    opened.sessions[0].error = CaptureError("first: cannot be read any further")
    with pytest.raises(CaptureError):
        studio.state()


def test_pausing_snapshot_and_virtual_camera(studio: Studio, opened: Opened, tmp_path: Path) -> None:
    studio.toggle_hold()
    assert studio.state().held
    studio.save_picture(tmp_path / "new" / "sky.png")
    until(studio, lambda state: state.message.text == f"saved {tmp_path / 'new' / 'sky.png'}")
    saved = cv2.imread(str(tmp_path / "new" / "sky.png"))
    assert saved is not None
    assert saved[0, 0].tolist() == pytest.approx([0, 0, 255], abs=3)
    studio.toggle_virtual_camera()
    until(studio, lambda state: state.virtual_camera == "/dev/video9")
    studio.open("second")
    until(studio, lambda state: state.source == "second" and state.virtual_camera == "/dev/video9")
    opened.sessions[1].refuses = RecordError("no virtual camera here")
    studio.toggle_virtual_camera()
    assert until(studio, lambda state: state.message.bad).message.text == "no virtual camera here"
    studio.painted(77)
    assert opened.sessions[1].asked[-1] == 77
