"""One run of one source: its channels, outputs and threads."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from app.capture.source import Seekable, Source, SourceInfo
from app.channel import Channel, Policy
from app.config import Config, Look, Placement, Record
from app.errors import RecordError, SkyLiveError
from app.feed import Pacer, limited
from app.frame import F64, Composited, Found, Frame, Picture, Tracked
from app.options import Options
from app.outputs import Output
from app.pipeline import Outlet, Pipeline, Sink
from app.recording.dump import AlphaDump, FrameDump
from app.recording.h264 import Form
from app.recording.recorder import Recorder
from app.sky.library import SkyFile, open_sky
from app.sky.player import SkyPlayer
from app.stages import Stages
from app.state import Daylight, Written
from app.stats import Stats
from app.streaming import Streamer
from app.tracking.dump import TrackingDump
from app.virtual_camera import VirtualCamera
from engines.base import Engine
from living.specs import Clock

# What was found of the sky is shown smoothed over so many frames.
_FOUND_FRAMES = 15


def buffer_depth(info: SourceInfo, part: Record) -> int:
    """Pictures that wait for the recorder: its seconds, but not more than its megabytes (10^6 bytes)."""
    width, height = info.size_wh
    picture_mb = width * height * 1.5 / 1e6
    return max(1, min(int(part.buffer_s * info.fps), int(part.buffer_mb / picture_mb)))


class Screen(Sink[Composited], Protocol):
    """A sink that shows the newest picture."""

    held: bool
    """While True, the picture that is shown stays."""

    @property
    def replaced(self) -> int:
        """Pictures that a newer one replaced before they were shown."""


class Session:
    """One run of one source. It owns what was opened for it, and closes that with itself.

    What opens a file, an address or a device takes its time and raises SkyLiveError: `begin_outputs`,
    `choose_sky`, `record`, `stream_to`, `show_as_camera`, `stop_recording`, `close`. Everything else returns
    at once.
    """

    def __init__(
        self,
        options: Options,
        config: Config,
        source: Source,
        stages: Stages,
        player: SkyPlayer,
        engine: Engine,
        screen: Screen | None,
        opened: ExitStack,
        tell: Callable[[SkyLiveError], None],
    ) -> None:
        """opened: closes source, engine and skies, once no thread uses them any more.

        tell: called with the error of an output that broke off while the picture goes on, by any thread.
        """
        self._options = options
        self._config = config
        self._source = source
        self._stages = stages
        self._player = player
        self._engine = engine
        self._screen = screen
        self._replaced_before = 0 if screen is None else screen.replaced
        self._opened = opened
        self._tell = tell
        self._recorded_to: tuple[Path, Recorder] | None = None
        self._streamer: Streamer | None = None
        self._virtual_camera: VirtualCamera | None = None
        self.info = source.info
        self.live = options.live or self.info.live
        self.span_s = source.span_s if isinstance(source, Seekable) and not self.live else None
        self.position_s = 0.0
        self._found: F64 | None = None
        self._pacer = Pacer(live=options.live, seek=self._seek_source)
        newest_wins = Policy.LATEST if self.live else Policy.BLOCK
        self._captured: Channel[Frame] = Channel(1, newest_wins)
        self._shown: Channel[Composited] = Channel(1, Policy.LATEST)
        # A file waits for the recorder, so there is nothing to hold back for it.
        depth = buffer_depth(self.info, config.record) if self.live else 2
        self._recorded: Channel[Picture] = Channel(depth, newest_wins)
        self._streamed: Channel[Picture] = Channel(depth, Policy.LATEST)
        dumps = self._dumps()
        self._recording = Output("recorder", self._recorded, tell, essential=screen is None and not dumps)
        self._stream = Output("stream", self._streamed, tell)
        self._camera = Output("virtual camera", Channel(1, Policy.LATEST), tell)
        screens = [] if screen is None else [Outlet("viewer", screen, self._shown)]
        self._stats = Stats(options.began_ns)
        self._pipeline = Pipeline(
            self._frames(),
            [
                ("matting", stages.matting.process),
                ("tracking", stages.tracking.process),
                ("blending", self._counting(stages.blending.process)),
            ],
            [*screens, *dumps, self._recording.outlet, self._stream.outlet, self._camera.outlet],
            links=[self._captured, Channel(1, Policy.BLOCK), Channel(1, Policy.BLOCK)],
            measured=self._stats.stage,
        )

    def begin_outputs(self) -> None:
        """Begin what the options ask for: recording, stream, virtual camera."""
        options = self._options
        if options.record is not None:
            self.record(options.record, force=options.force, from_start=True)
        if options.stream is not None:
            self.stream_to(options.stream, must_connect=True)
        if options.virtual_camera:
            self.show_as_camera(True)

    def start(self) -> None:
        """Let the pictures flow."""
        self._stats.start()  # what came before, such as compiling, is not the run's
        self._pipeline.start()

    def ended(self) -> bool:
        """Whether the source has come to its end; raises the error that ended it."""
        self._stats.tick()
        return self._pipeline.join(0)

    def wait(self, seconds: float) -> bool:
        """As `ended`, but waits so long for it."""
        self._stats.tick()
        return self._pipeline.join(seconds)

    @property
    def backend(self) -> str:
        """The engine that runs the network now; another one may take over between two frames."""
        return self._engine.name

    def close(self) -> bool:
        """Finish what is under way and the outputs, stop all threads, within 2 s; True when that was done."""
        self._pacer.stop()
        if self.info.live:
            self._source.close()
        done = self._pipeline.stop()
        if done:
            self._opened.close()
        else:  # a thread still uses it, such as a reader that waits for the network
            if self._recorded_to is not None and self._recording.busy:
                self._tell(RecordError(f"{self._recorded_to[0]}: could not be finished in time"))
            threading.Thread(target=self._close_later, name="closing", daemon=True).start()
        return done

    def _close_later(self) -> None:
        self._pipeline.wait_ended()
        self._opened.close()

    def choose_sky(self, sky: SkyFile, placement: Placement) -> None:
        """Load a sky and cross-fade to it; it stands as `placement` says."""
        info, part = self.info, self._config.sky
        self._player.switch(open_sky(sky, info.size_wh, info.colour, part.crop, placement, part.model))

    def place_sky(self, placement: Placement) -> None:
        """Let the sky that was chosen last stand there from the next frame on."""
        self._player.place(placement)

    def set_clock(self, clock: Clock | None) -> None:
        """Set the clock of the sky that was chosen last, if it has one; None = as the sky itself says."""
        self._player.set_clock(clock)

    @property
    def daylight(self) -> Daylight | None:
        """The time of day of the sky that was chosen last; None for one without."""
        return Daylight(self._player.hour) if self._player.daylit else None

    def set_look(self, look: Look) -> None:
        """Use this look from the next frame on."""
        self._stages.blending.look = look

    def record(self, path: Path, *, force: bool, from_start: bool) -> None:
        """Record from now on; `from_start` keeps the source's times, otherwise they begin at 0."""
        info = self.info
        recorder = Recorder(
            path,
            Form(info.size_wh, info.time_base, info.fps, info.colour),
            part=self._config.record,
            sound=info.sound,
            force=force,
            from_start=from_start,
        )
        self._recording.begin(recorder)
        self._recorded_to = path, recorder

    def stop_recording(self) -> None:
        """Finish the recording."""
        self._recording.end()

    def written(self) -> Written | None:
        """What has been recorded so far; None while nothing is."""
        return self.last_recording() if self._recording.busy else None

    def last_recording(self) -> Written | None:
        """What the recording that was begun last holds, whether it goes on or not; None if there was none."""
        if self._recorded_to is None:
            return None
        path, recorder = self._recorded_to
        return Written(path, recorder.seconds, recorder.size_bytes)

    @property
    def recording_failed(self) -> bool:
        """Whether the recording broke off, or is not finished yet."""
        return self._recording.busy or self._recording.failed

    def stream_to(self, address: str, *, must_connect: bool) -> None:
        """Send the composite to this address from now on; `must_connect` as in `Streamer`."""
        info = self.info
        streamer = Streamer(
            address,
            Form(info.size_wh, info.time_base, info.fps, info.colour),
            part=self._config.record,
            sound=info.sound,
            must_connect=must_connect,
        )
        self._stream.begin(streamer)
        self._streamer = streamer

    @property
    def stream(self) -> str:
        """Where the stream goes, or why it does not just now; empty without one."""
        if self._streamer is None or not self._stream.busy:
            return ""
        streamer = self._streamer
        going = "streaming to" if streamer.connected else "connecting to"
        return streamer.trouble or f"{going} {streamer.address}"

    def show_as_camera(self, on: bool) -> None:
        """Show the composite to other programs as a camera, or stop that."""
        if on:
            self._virtual_camera = VirtualCamera(self.info.size_wh, self.info.fps, self.info.colour)
            self._camera.begin(self._virtual_camera)
        else:
            self._camera.end()

    @property
    def virtual_camera(self) -> str:
        """The camera as which other programs see the composite; empty without one."""
        return self._virtual_camera.device if self._virtual_camera is not None and self._camera.busy else ""

    @property
    def held(self) -> bool:
        """Whether the user has paused."""
        return self._pacer.paused or (self._screen is not None and self._screen.held)

    def toggle_hold(self) -> None:
        """Hold the source, or the shown picture of a live one; or go on."""
        if self.held:
            self._stats.resumed()
        if self.live and self._screen is not None:
            self._screen.held = not self._screen.held
        elif self._pacer.paused:
            self._pacer.resume()
        else:
            self._pacer.pause()

    def seek(self, seconds: float) -> None:
        """Go on at this time of the source's clock; only where there is a `span_s`."""
        self._pacer.seek(seconds)

    @property
    def found(self) -> Found | None:
        """What was found of the sky in the last pictures; None before the first."""
        return None if self._found is None else Found(*self._found.tolist())

    @property
    def trouble(self) -> str:
        """Why no pictures come from a live source just now; empty when all is well."""
        return self._source.trouble

    def recent(self) -> tuple[float, float, dict[str, float]]:
        """(frames per second, latency in ms, ms per stage), medians of the last pictures."""
        return self._stats.recent()

    def painted(self, captured_ns: int) -> None:
        """A picture is on the screen."""
        self._stats.shown(captured_ns)

    @property
    def frames_out(self) -> int:
        """Pictures finished so far."""
        return self._stats.frames_out

    def drops(self) -> dict[str, int]:
        """Frames dropped so far, by place."""
        dropped = {place: channel.dropped for place, channel in self._places().items()}
        if self._screen is not None:
            dropped["viewer"] += self._screen.replaced - self._replaced_before
        if self._streamer is not None:
            dropped["stream"] += self._streamer.dropped
        return dropped

    def summary(self) -> dict[str, Any]:
        """The run's numbers, as written by --stats."""
        source = self._source
        return self._stats.summary(
            drops=self.drops(),
            last_drops_ns={place: channel.last_drop_ns for place, channel in self._places().items()},
            source={
                "repaired_pts": source.repaired_pts,
                "broken": source.broken,
                "reconnects": source.reconnects,
            },
            backend=self.backend,
        )

    def counts(self) -> str:
        """One line for the end of a run: frames, speed, and what was not as it should be."""
        fps = self.summary()["fps"]
        source = self._source
        odd = {
            "dropped": sum(self.drops().values()),
            "time stamps repaired": source.repaired_pts,
            "broken": source.broken,
            "rescaled": source.rescaled,
            "reconnects": source.reconnects,
        }
        notes = "".join(f", {count} {what}" for what, count in odd.items() if count)
        return f"{self._stats.frames_out} frames, {fps:.1f} per second{notes}"

    def _places(self) -> dict[str, Channel[Any]]:
        return {
            "capture": self._captured,
            "viewer": self._shown,
            "recorder": self._recorded,
            "stream": self._streamed,
        }

    def _dumps(self) -> list[Outlet]:
        frames, alphas = self._options.dump_frames, self._options.dump_alpha
        dumps: list[Outlet] = []
        if frames is not None:
            dumps.append(Outlet("frame dump", FrameDump(frames), Channel(2, Policy.BLOCK)))
        if alphas is not None:
            dumps.append(Outlet("alpha dump", AlphaDump(alphas), Channel(2, Policy.BLOCK)))
        if self._options.dump_tracking is not None:
            tracking = TrackingDump(self._options.dump_tracking)
            dumps.append(Outlet("tracking dump", tracking, Channel(2, Policy.BLOCK)))
        return dumps

    def _frames(self) -> Iterator[Frame]:
        options = self._options
        frames: Iterable[Frame] = limited(self._source, options.frames, options.duration_s)
        watched = self._screen is not None or options.stream is not None or options.virtual_camera
        paced = not self.info.live and (watched or options.live)
        for frame in self._pacer.paced(frames) if paced else frames:
            self._stats.frames_in += 1
            yield frame

    def _seek_source(self, seconds: float) -> None:
        if isinstance(self._source, Seekable):
            self._source.seek(seconds)

    def _counting(self, blend: Callable[[Tracked], Composited]) -> Callable[[Tracked], Composited]:
        def process(tracked: Tracked) -> Composited:
            composited = blend(tracked)
            self._stats.frames_out += 1
            self._stats.ran_on(self.backend)
            self.position_s = tracked.frame.seconds
            self._stats.confidence(tracked.found.confidence)
            new, old = np.array(tracked.found), self._found
            self._found = new if old is None else old + (new - old) / _FOUND_FRAMES
            if self._screen is None:
                self._stats.shown(tracked.frame.captured_ns)
            return composited

        return process
