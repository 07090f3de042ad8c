"""What the window commands: one session after the other, and all that may take time done elsewhere."""

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from app.addresses import without_secrets
from app.capture.open import is_camera
from app.colour import rgb_from_planes
from app.config import Config, Look, Placement
from app.errors import SkyLiveError
from app.frame import Composited
from app.options import Options
from app.recording.dump import write_png
from app.session import Screen, Session
from app.sky.library import SkyFile, find_sky, placed
from app.state import Daylight, Message, State, Written
from app.worker import Worker
from engines.base import EngineError
from engines.watch import Preparing, Watch
from living.specs import Clock

log = logging.getLogger(__name__)

# What a window that closes waits: in all where something is being written, and for each worker at least.
_FINISH_S = 2.0
_CLOSE_S = 0.2


class StudioScreen(Screen, Protocol):
    """A screen that also knows what it shows."""

    def latest(self) -> Composited | None:
        """The newest picture; None before the first."""


Opener = Callable[[Options, Config, Look, Screen, Callable[[SkyLiveError], None], Watch], Session]


class Studio:
    """The program behind the window: `app.state.Controls`.

    Opening a source, loading a sky, and starting or finishing an output each have a thread of their own, so
    that one never waits for another. The first source is part of the command: if it cannot be opened,
    `state` raises that. What fails later is a message, and everything else goes on.
    """

    def __init__(
        self,
        options: Options,
        config: Config,
        look: Look,
        screen: StudioScreen,
        open_session: Opener,
        placements: Mapping[str, Placement] = MappingProxyType({}),
    ) -> None:
        """Begin to open the source that the options name; placements: where the user put skies, by name."""
        self._options = options
        self._config = config
        self._look = look
        self._screen = screen
        self._open_session = open_session
        self._sky = self._shown_sky = find_sky(options.sky)
        self._placements = dict(placements)
        self._placed_now: set[str] = set()
        self._clocks: dict[str, Clock] = {}
        self._source = options.source
        self._wanted = options
        self._settled: Options | None = None
        self._loading_sky = ""
        self._preparing: Preparing | None = None
        self._message = Message()
        self._said: deque[tuple[str, bool]] = deque()
        self._fatal: Exception | None = None
        self._failed: SkyLiveError | EngineError | None = None
        self._written: Written | None = None
        self._record_asked = False
        self._closed = False
        self.session: Session | None = None
        """The run that is shown; None before the first."""
        self._noticed: Session | None = None
        self._opener = Worker("opening", self._could_not)
        self._loader = Worker("sky loader", self._could_not)
        self._outputs = Worker("outputs", self._could_not)
        self._open_from(options, None)

    def state(self) -> State:
        """How things are now. Raises the error that ended the program, if one did."""
        if self._fatal is not None:
            raise self._fatal
        opening = without_secrets(self._opening)  # before the session: what is open now is no longer opening
        session = self.session
        if session is None:
            return State(
                opening=opening,
                preparing=self._preparing,
                sky_name=self._shown_sky.name,
                placement=self._placement(self._sky),
                placements=self._placements,
                message=self._next_message(),
            )
        # One that is closed so that it can be opened again has not come to its end.
        ended = self._has_ended(session) and not opening
        self._notice_recording(session)
        fps, latency_ms, stages = session.recent()
        return State(
            source=session.info.name,
            size_wh=session.info.size_wh,
            opening=opening,
            preparing=self._preparing,
            trouble=session.trouble,
            live=session.live,
            held=session.held,
            ended=ended,
            position_s=session.position_s,
            span_s=session.span_s,
            sky_name=self._shown_sky.name,
            loading_sky=self._loading_sky,
            placement=self._placement(self._sky),
            placements=self._placements,
            daylight=self._daylight(session),
            found=session.found,
            recording=self._written,
            stream=session.stream,
            virtual_camera=session.virtual_camera,
            fps=fps,
            latency_ms=latency_ms,
            stages=stages,
            drops=session.drops(),
            backend=session.backend,
            message=self._next_message(),
        )

    def open(self, spec: str) -> None:
        """Open another source; the present one goes on until that has worked. Ends the recording."""
        self._open_from(self._later(spec), None)

    def choose_sky(self, sky: SkyFile) -> None:
        """Load a sky and cross-fade to it; of several chosen quickly the last one."""
        self._sky, self._loading_sky = sky, sky.title
        self._loader.do(partial(self._load, sky))

    def place_sky(self, placement: Placement | None) -> None:
        """Let the sky that was chosen last stand there, from the next frame on; None = as it says itself."""
        sky = self._sky
        self._placed_now.add(sky.name)
        kept = {name: at for name, at in self._placements.items() if name != sky.name}
        if placement is not None and placement != sky.placement:
            kept[sky.name] = placement
        self._placements = kept  # a new one: states hold the old
        if self.session is not None and not self._loading_sky:
            self.session.place_sky(self._placement(sky))

    def set_clock(self, clock: Clock | None) -> None:
        """Let the sky that was chosen last be as late as a clock says that starts now; None = as it says."""
        self._clocks.pop(self._sky.name, None)
        if clock is not None:
            self._clocks[self._sky.name] = clock
        if self.session is not None and not self._loading_sky:
            self.session.set_clock(clock)

    def set_look(self, look: Look) -> None:
        """Use this look from the next frame on."""
        self._look = look
        if self.session is not None:
            self.session.set_look(look)

    def toggle_hold(self) -> None:
        """Pause, or go on; at a file's end play it again."""
        session = self.session
        if session is None:
            return
        if not self._has_ended(session):
            session.toggle_hold()
        elif not self._opening:
            self._open_from(self._later(self._source), None)

    def seek(self, seconds: float) -> None:
        """Go on at this time of a file."""
        session = self.session
        if session is None or session.span_s is None:
            self._say("this source has no positions to go to", bad=True)
        elif self._record_asked or session.written() is not None:
            self._say("finish the recording first: it has no jumps", bad=True)
        elif self._has_ended(session):
            self._open_from(self._later(self._source), seconds)
        else:
            session.seek(seconds)

    def record(self, path: Path) -> None:
        """Start to record the composite to this file; an existing file is refused."""
        self._record_asked = True
        self._outputs.do(partial(self._record, path))

    def stop_recording(self) -> None:
        """Finish the recording."""
        if self.session is not None:
            self._outputs.do(self.session.stop_recording)

    def toggle_virtual_camera(self) -> None:
        """Show the composite as a camera to other programs, or stop doing so."""
        if (session := self.session) is not None:
            self._outputs.do(lambda: session.show_as_camera(not session.virtual_camera))

    def save_picture(self, path: Path) -> None:
        """Write the newest composite as PNG."""
        if (composited := self._screen.latest()) is not None:
            self._outputs.do(partial(self._save, composited, path))

    def painted(self, captured_ns: int) -> None:
        """A picture is on the screen."""
        if self.session is not None:
            self.session.painted(captured_ns)

    def close(self) -> None:
        """Finish what is under way and close everything, within about 2 s."""
        self._closed = True
        deadline = time.monotonic() + _FINISH_S
        if self.session is not None:
            self.session.close()
        # The first source is opened with its recording; an empty file would stay of that.
        finishing = [self._outputs] if self.session is not None else [self._outputs, self._opener]
        for worker in (self._outputs, self._opener, self._loader):
            worker.close(max(_CLOSE_S, deadline - time.monotonic() if worker in finishing else 0.0))

    @property
    def _opening(self) -> str:
        """The source that is being opened; empty when none is."""
        return "" if self._settled is self._wanted else self._wanted.source

    def _later(self, source: str) -> Options:
        """The options for a source opened from the window.

        Files to write were the first one's. Where else pictures go is left to `_send_on`: a server or device
        that the source before still holds would refuse them. A microphone goes with cameras alone.
        """
        return replace(
            self._options, source=source, record=None, frames=None, duration_s=None, dump_frames=None,
            dump_alpha=None, dump_tracking=None, stream=None, virtual_camera=False,
            audio=self._options.audio if is_camera(source) else None, began_ns=time.perf_counter_ns(),
        )  # fmt: skip

    def _open_from(self, options: Options, at_s: float | None) -> None:
        self._wanted = options
        self._opener.do(partial(self._open, options, at_s))

    def _open(self, options: Options, at_s: float | None) -> None:
        if options is not self._wanted:
            return  # another one was asked for meanwhile
        try:
            self._switch_to(options, at_s)
        except (SkyLiveError, EngineError, OSError) as error:
            if options is not self._wanted:
                log.info("%s", error)
            elif self.session is None:
                self._fatal = error
            else:
                self._could_not(error)
        finally:
            self._settled = options

    def _switch_to(self, options: Options, at_s: float | None) -> None:
        old, sky = self.session, self._sky
        if old is not None and options.source == self._source and (old.live or self._has_ended(old)):
            old.close()  # a device opens only once
        session = self._open_session(
            replace(options, sky=sky.address, placement=self._placement(sky)),
            self._config,
            self._look,
            self._screen,
            self._tell,
            Watch(self._prepare, self._tell),
        )
        camera = old is not None and bool(old.virtual_camera)
        if old is not None:
            old.close()
        try:
            if self._closed:  # before there is a file: who leaves while a source is opened finds no empty one
                session.close()
                return
            session.begin_outputs()
        except BaseException:
            session.close()
            raise
        if at_s is not None:
            session.seek(at_s)
        self._screen.held = False
        self._failed = None
        session.start()  # before the window can ask for it
        session.set_look(self._look)
        self._set_kept_clock(session, sky)
        self.session, self._source = session, options.source
        if self._closed:  # meanwhile, and nobody else knew of it
            session.close()
        if self._sky is not sky:
            self.choose_sky(self._sky)
        if old is not None:
            self._send_on(session, camera)

    def _send_on(self, session: Session, camera: bool) -> None:
        """Give the stream, and the virtual camera if it was shown, the pictures of another source."""
        if self._options.stream is not None:
            self._outputs.do(partial(session.stream_to, self._options.stream, must_connect=False))
        if camera:
            self._outputs.do(partial(session.show_as_camera, True))

    def _load(self, sky: SkyFile) -> None:
        if sky is not self._sky:
            return  # another one was chosen meanwhile
        try:
            if self.session is not None:
                self.session.choose_sky(sky, self._placement(sky))
                self.session.place_sky(self._placement(sky))  # it may have been placed while it was loaded
                self._set_kept_clock(self.session, sky)
            self._shown_sky = sky
        finally:
            if self._sky is sky:
                self._sky, self._loading_sky = self._shown_sky, ""

    def _placement(self, sky: SkyFile) -> Placement:
        """Where a sky stands: where the user has put it in this run, else as `placed` says."""
        kept = self._placements.get(sky.name)
        if sky.name in self._placed_now:
            return kept or sky.placement
        return placed(sky, self._config.sky.placement, kept)

    def _set_kept_clock(self, session: Session, sky: SkyFile) -> None:
        """Set the clock that was set for a sky before, in this run."""
        if (clock := self._clocks.get(sky.name)) is not None:
            session.set_clock(clock)

    def _daylight(self, session: Session) -> Daylight | None:
        daylight = session.daylight
        return daylight and replace(daylight, clock=self._clocks.get(self._sky.name))

    def _record(self, path: Path) -> None:
        session = self.session
        try:
            if session is None or self._has_ended(session):
                self._say("there is nothing to record", bad=True)
            elif session.written() is None:
                path.parent.mkdir(parents=True, exist_ok=True)
                session.record(path, force=False, from_start=False)
        finally:
            self._record_asked = False

    def _save(self, composited: Composited, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_png(path, rgb_from_planes(composited.planes, composited.frame.colour))
        self._say(f"saved {path}")

    def _has_ended(self, session: Session) -> bool:
        """Whether the source is over, or failed: that is told once, or raised in a run that had a job."""
        try:
            return session.ended()
        except (SkyLiveError, EngineError) as error:
            if self._options.leave_at_end:
                raise
            if error is not self._failed:
                self._failed = error
                self._say(str(error), bad=True)
            return True

    def _notice_recording(self, session: Session) -> None:
        """Tell when a recording has been finished, whoever finished it."""
        before, self._written = self._written, session.written()
        owner, self._noticed = self._noticed, session
        if before is None or self._written is not None or owner is None or owner.recording_failed:
            return
        recorded = owner.last_recording()
        if recorded is not None and not recorded.seconds:
            self._say(f"{before.path}: nothing was recorded, as no picture came", bad=True)
        else:
            self._say(f"recorded {before.path}")

    def _could_not(self, error: Exception) -> None:
        if isinstance(error, SkyLiveError | EngineError):
            self._say(str(error), bad=True)
        elif isinstance(error, OSError):
            self._say(f"{error.filename}: {error.strerror}", bad=True)
        else:
            self._fatal = error

    def _tell(self, error: SkyLiveError | EngineError) -> None:
        self._say(str(error), bad=True)

    def _prepare(self, preparing: Preparing | None) -> None:
        self._preparing = preparing

    def _say(self, text: str, *, bad: bool = False) -> None:
        log.log(logging.ERROR if bad else logging.INFO, "%s", text)
        self._said.append((text, bad))

    def _next_message(self) -> Message:
        """The oldest message that the window has not seen, else the last one: of two at once none is lost."""
        if self._said:
            self._message = Message(self._message.number + 1, *self._said.popleft())
        return self._message
