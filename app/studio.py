"""What the window commands: one session after the other, and all that may take time done elsewhere."""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from app.addresses import without_secrets
from app.colour import rgb_from_planes
from app.config import Config, Look
from app.errors import SkyLiveError
from app.frame import Composited
from app.options import Options
from app.recording.dump import write_png
from app.session import Screen, Session
from app.sky.library import SkyFile, find_sky
from app.state import Message, State, Written
from app.worker import Worker
from engines.base import EngineError

log = logging.getLogger(__name__)

# What a window that closes waits for each worker: no more than it has in hand already.
_CLOSE_S = 0.2


class StudioScreen(Screen, Protocol):
    """A screen that also knows what it shows."""

    def latest(self) -> Composited | None:
        """The newest picture; None before the first."""


Opener = Callable[[Options, Config, Look, Screen, Callable[[SkyLiveError], None]], Session]


class Studio:
    """The program behind the window: `app.state.Controls`.

    Opening a source, loading a sky, and starting or finishing an output each have a thread of their own, so
    that one never waits for another. The first source is part of the command: if it cannot be opened,
    `state` raises that. What fails later is a message, and everything else goes on.
    """

    def __init__(
        self, options: Options, config: Config, look: Look, screen: StudioScreen, open_session: Opener
    ) -> None:
        """Begin to open the source that the options name."""
        self._options = options
        self._config = config
        self._look = look
        self._screen = screen
        self._open_session = open_session
        self._sky = self._shown_sky = find_sky(options.sky)
        self._source = options.source
        self._opening = ""
        self._loading_sky = ""
        self._message = Message()
        self._fatal: Exception | None = None
        self._failed: SkyLiveError | EngineError | None = None
        self._written: Written | None = None
        self._closed = False
        self.session: Session | None = None
        """The run that is shown; None before the first."""
        self._opener = Worker("opening", self._could_not_open)
        self._loader = Worker("sky loader", self._could_not)
        self._outputs = Worker("outputs", self._could_not)
        self._open_from(options, None)

    def state(self) -> State:
        """How things are now. Raises the error that ended the program, if one did."""
        if self._fatal is not None:
            raise self._fatal
        session, opening = self.session, without_secrets(self._opening)
        if session is None:
            return State(opening=opening, sky_name=self._shown_sky.name, message=self._message)
        ended = self._has_ended(session)
        self._notice_recording(session)
        fps, latency_ms, stages = session.recent()
        return State(
            source=session.info.name,
            size_wh=session.info.size_wh,
            opening=opening,
            trouble=session.trouble,
            live=session.live,
            held=session.held,
            ended=ended,
            position_s=session.position_s,
            span_s=session.span_s,
            sky_name=self._shown_sky.name,
            loading_sky=self._loading_sky,
            sky_share=session.sky_share,
            recording=self._written,
            stream=session.stream,
            virtual_camera=session.virtual_camera,
            fps=fps,
            latency_ms=latency_ms,
            stages=stages,
            drops=session.drops(),
            backend=session.backend,
            message=self._message,
        )

    def open(self, spec: str) -> None:
        """Open another source; the present one goes on until that has worked. Ends the recording."""
        self._open_from(self._later(spec), None)

    def choose_sky(self, sky: SkyFile) -> None:
        """Load a sky and cross-fade to it; of several chosen quickly the last one."""
        self._sky, self._loading_sky = sky, sky.title
        self._loader.do(partial(self._load, sky))

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
        if self._has_ended(session):
            self._open_from(self._later(self._source), None)
        else:
            session.toggle_hold()

    def seek(self, seconds: float) -> None:
        """Go on at this time of a file."""
        session = self.session
        if session is None or session.span_s is None:
            self._say("this source has no positions to go to", bad=True)
        elif session.written() is not None:
            self._say("finish the recording first: it has no jumps", bad=True)
        elif self._has_ended(session):
            self._open_from(self._later(self._source), seconds)
        else:
            session.seek(seconds)

    def record(self, path: Path) -> None:
        """Start to record the composite to this file; an existing file is refused."""
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
        if self.session is not None:
            self.session.close()
        for worker in (self._outputs, self._loader, self._opener):
            worker.close(_CLOSE_S)

    def _later(self, source: str) -> Options:
        """The options for a source opened from the window: files to write were the first one's."""
        return replace(
            self._options, source=source, record=None, frames=None, duration_s=None, dump_frames=None,
            dump_alpha=None, virtual_camera=bool(self.session and self.session.virtual_camera),
        )  # fmt: skip

    def _open_from(self, options: Options, at_s: float | None) -> None:
        self._opening = options.source
        self._opener.do(partial(self._open, options, at_s))

    def _open(self, options: Options, at_s: float | None) -> None:
        if options.source != self._opening:
            return  # another one was asked for meanwhile
        old, sky = self.session, self._sky
        if old is not None and (old.live or old.ended()) and options.source == self._source:
            old.close()  # a device opens only once
        session = self._open_session(
            replace(options, sky=str(sky.path)), self._config, self._look, self._screen, self._tell
        )
        if old is not None:
            old.close()
        if self._closed:
            session.close()
            return
        if at_s is not None:
            session.seek(at_s)
        self._screen.held = False
        self._failed = None
        session.start()  # before the window can ask for it
        session.set_look(self._look)
        self.session, self._source = session, options.source
        if self._sky is not sky:
            self.choose_sky(self._sky)
        self._opening = ""

    def _load(self, sky: SkyFile) -> None:
        if sky is not self._sky:
            return  # another one was chosen meanwhile
        try:
            if self.session is not None:
                self.session.choose_sky(sky)
            self._shown_sky = sky
        finally:
            if self._sky is sky:
                self._sky, self._loading_sky = self._shown_sky, ""

    def _record(self, path: Path) -> None:
        session = self.session
        if session is None or self._has_ended(session):
            self._say("there is nothing to record", bad=True)
        elif session.written() is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            session.record(path, force=False, from_start=False)

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
        if before is not None and self._written is None and not session.recording_failed:
            self._say(f"recorded {before.path}")

    def _could_not_open(self, error: Exception) -> None:
        self._opening = ""
        if self.session is None:
            self._fatal = error
        else:
            self._could_not(error)

    def _could_not(self, error: Exception) -> None:
        if isinstance(error, SkyLiveError | EngineError):
            self._say(str(error), bad=True)
        elif isinstance(error, OSError):
            self._say(f"{error.filename}: {error.strerror}", bad=True)
        else:
            self._fatal = error

    def _tell(self, error: SkyLiveError) -> None:
        self._say(str(error), bad=True)

    def _say(self, text: str, *, bad: bool = False) -> None:
        log.log(logging.ERROR if bad else logging.INFO, "%s", text)
        self._message = Message(self._message.number + 1, text, bad)
