"""One run of one source: its channels, sinks and threads, and what the window may ask of it."""

import logging
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, Protocol

from tqdm import tqdm

from app.capture.source import Source, SourceInfo
from app.channel import Channel, Policy
from app.config import Config, Record
from app.errors import SkyLiveError
from app.feed import Pacer, limited
from app.frame import Composited, Frame, Tracked
from app.options import Options
from app.outputs import Recording
from app.pipeline import Pipeline, Sink
from app.recording.dump import AlphaDump, FrameDump
from app.recording.recorder import Recorder
from app.sky.library import SkyFile, open_sky
from app.sky.player import SkyPlayer
from app.stages import Stages
from app.stats import Stats

log = logging.getLogger(__name__)

tqdm.monitor_interval = 0  # the bar is moved by our own clock; it needs no thread of its own


def record_depth(info: SourceInfo, part: Record) -> int:
    """Frames that the recorder's buffer holds: its seconds, but not more than its megabytes (10^6 bytes)."""
    width, height = info.size_wh
    frame_mb = width * height * (1.5 + 1 + 1.5) / 1e6  # a packet holds the source's picture, alpha, its own
    return max(1, min(int(part.buffer_s * info.fps), int(part.buffer_mb / frame_mb)))


class Screen(Sink, Protocol):
    """A sink that shows the newest picture."""

    @property
    def replaced(self) -> int:
        """Pictures that a newer one replaced before they were shown."""


class Session:
    """One run of one source; to the window it is its `Controls`."""

    def __init__(
        self,
        options: Options,
        config: Config,
        source: Source,
        stages: Stages,
        player: SkyPlayer,
        backend: str,
        screen: Screen | None,
        skies: Sequence[SkyFile],
    ) -> None:
        self._options = options
        self._config = config
        self._source = source
        self._player = player
        self._backend = backend
        self._skies = skies
        self._wanted_skies: Channel[SkyFile] = Channel(1, Policy.LATEST)
        self._message = ""
        self._pacer = Pacer(live=options.live)
        self._screen = screen
        self._recording: Recording | None = None
        full = Policy.LATEST if options.live else Policy.BLOCK
        self._captured: Channel[Frame] = Channel(1, full)
        # A file waits for the recorder, so there is nothing to hold back for it.
        depth = record_depth(source.info, config.record) if options.live else 2
        self._recorded: Channel[Composited] = Channel(depth, full)
        self._shown: Channel[Composited] = Channel(1, Policy.LATEST)
        sinks = self._sinks()
        self._stats = Stats()
        self._pipeline = Pipeline(
            self._frames(),
            [
                ("matting", stages.matting.process),
                ("tracking", stages.tracking.process),
                ("blending", self._counting(stages.blending.process)),
            ],
            sinks,
            links=[self._captured, Channel(1, Policy.BLOCK), Channel(1, Policy.BLOCK)],
            measured=self._stats.stage,
        )

    @property
    def recording_failed(self) -> bool:
        """Whether the recording broke off while the picture went on, or could not be finished."""
        recording = self._recording
        return recording is not None and (recording.error is not None or not recording.finished)

    def run_headless(self) -> None:
        """Run until the source ends, with a progress bar; raises the first error of any thread."""
        with _terminated_like_interrupted(), self._progress() as bar:
            self._start()
            while not self._pipeline.join(0.1):
                bar.update(self._stats.frames_out - bar.n)
            bar.update(self._stats.frames_out - bar.n)

    def run_in_window(self, show: Callable[[], None]) -> None:
        """Run while `show` shows the screen; raises the first error of any thread, or of `show`."""
        with _terminated_like_interrupted():
            threading.Thread(target=self.load_skies, name="sky loader", daemon=True).start()
            self._start()
            show()

    def close(self) -> bool:
        """Finish what is under way, close the recording and stop all threads, within 2 s; True when done."""
        self._pacer.stop()
        self._wanted_skies.close(discard=True)
        done = self._pipeline.stop()
        if self._recording is not None and not self._recording.finished:
            log.error("%s: could not be finished in time", self._options.record)
        return done

    def summary(self) -> dict[str, Any]:
        """The run's numbers, as written by --stats."""
        source = self._source
        return self._stats.summary(
            drops=self._drops(), repaired_pts=source.repaired_pts, broken=source.broken, backend=self._backend
        )

    def counts(self) -> str:
        """One line for the end of a run: frames, speed, and what was not as it should be."""
        fps = self.summary()["fps"]
        source = self._source
        odd = {
            "dropped": sum(self._drops().values()),
            "time stamps repaired": source.repaired_pts,
            "broken": source.broken,
            "rescaled": source.rescaled,
        }
        notes = "".join(f", {count} {what}" for what, count in odd.items() if count)
        return f"{self._stats.frames_out} frames, {fps:.1f} per second{notes}"

    def choose_sky(self, index: int) -> None:
        """Load a sky in the background and cross-fade to it."""
        if index < len(self._skies):
            sky = self._skies[index]
            self._message = f"loading {sky.title}"
            self._wanted_skies.put(sky)

    def load_skies(self) -> None:
        """Load the skies that were chosen, the last one where several wait, until the run is closed."""
        info = self._source.info
        for sky in self._wanted_skies:
            try:
                self._player.switch(open_sky(sky, info.size_wh, info.colour, self._config.sky.crop))
            except SkyLiveError as error:
                self._message = str(error)
            else:
                self._message = sky.title

    def toggle_pause(self) -> None:
        """Hold the source, or let it go on."""
        if self._pacer.paused:
            self._stats.resumed()
            self._pacer.resume()
        else:
            self._pacer.pause()

    def status_line(self) -> str:
        """Statistics and messages in one line."""
        fps, latency_ms, stages = self._stats.recent()
        times = "  ".join(f"{name} {ms:.0f}" for name, ms in stages.items())
        drops = "  ".join(f"{name} {count}" for name, count in self._drops().items() if count)
        parts = (
            "paused" if self._pacer.paused else f"{fps:.1f} fps",
            f"latency {latency_ms:.0f} ms",
            f"ms: {times}",
            f"drops: {drops}" if drops else "",
            self._backend,
            self._message,
            str(self._recording.error) if self._recording and self._recording.error else "",
        )
        return "    ".join(part for part in parts if part)

    def ended(self) -> bool:
        """Whether the source has come to its end; raises the error that ended it."""
        return self._pipeline.join(0)

    def painted(self, captured_ns: int) -> None:
        """A picture is on the screen."""
        self._stats.shown(captured_ns)

    def _start(self) -> None:
        self._stats.start()  # what came before, such as compiling, is not the run's
        self._pipeline.start()

    def _sinks(self) -> list[tuple[str, Sink, Channel[Composited]]]:
        options, info = self._options, self._source.info
        sinks: list[tuple[str, Sink, Channel[Composited]]] = []
        if self._screen is not None:
            sinks.append(("viewer", self._screen, self._shown))
        if options.dump_frames is not None:
            sinks.append(("frame dump", FrameDump(options.dump_frames), Channel(2, Policy.BLOCK)))
        if options.dump_alpha is not None:
            sinks.append(("alpha dump", AlphaDump(options.dump_alpha), Channel(2, Policy.BLOCK)))
        if options.record is not None:
            recorder = Recorder(
                options.record,
                size_wh=info.size_wh,
                time_base=info.time_base,
                fps=info.fps,
                colour=info.colour,
                part=self._config.record,
                sound=info.sound,
                force=options.force,
            )
            self._recording = Recording(recorder, essential=not sinks)
            sinks.append(("recorder", self._recording, self._recorded))
        return sinks

    def _frames(self) -> Iterator[Frame]:
        frames: Iterable[Frame] = limited(self._source, self._options.frames, self._options.duration_s)
        if self._options.live or self._screen is not None:
            frames = self._pacer.paced(frames)
        for frame in frames:
            self._stats.frames_in += 1
            yield frame

    def _counting(self, blend: Callable[[Tracked], Composited]) -> Callable[[Tracked], Composited]:
        def process(tracked: Tracked) -> Composited:
            composited = blend(tracked)
            self._stats.frames_out += 1
            if self._screen is None:
                self._stats.shown(tracked.frame.captured_ns)
            return composited

        return process

    def _drops(self) -> dict[str, int]:
        replaced = self._screen.replaced if self._screen is not None else 0
        return {
            "capture": self._captured.dropped,
            "viewer": self._shown.dropped + replaced,
            "recorder": self._recorded.dropped,
        }

    def _progress(self) -> "tqdm[NoReturn]":
        """A bar for a terminal: frames, frames per second, time left; nothing elsewhere."""
        info, options = self._source.info, self._options
        by_time = None if options.duration_s is None else round(options.duration_s * info.fps)
        limits = [count for count in (info.frames, options.frames, by_time) if count is not None]
        return tqdm(total=min(limits, default=None), unit=" frames", disable=None)


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM is met like Ctrl-C, so that a recording is finished either way."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
