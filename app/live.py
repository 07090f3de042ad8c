"""The one place that knows all parts: builds them from the options and runs them."""

import glob
import logging
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from tqdm import tqdm

from app.blending import BlendingStage
from app.capture.open import open_source
from app.capture.pictures import SUFFIXES
from app.capture.source import Source, SourceInfo
from app.channel import Channel, Policy
from app.config import ROOT, Config, Look, Record
from app.dump import AlphaDump, FrameDump
from app.errors import SkyLiveError
from app.feed import Pacer, limited
from app.frame import Composited, Frame, Planes, Tracked
from app.matting import MattingStage
from app.outputs import Recording, write_json
from app.pipeline import Pipeline, Sink
from app.recording import Recorder
from app.sky.base import Sky
from app.sky.library import SkyFile, find_sky, list_skies, open_sky
from app.sky.player import SkyPlayer
from app.stats import Stats
from app.tracking import TrackingStage
from engines.base import Engine
from engines.registry import open_engine

if TYPE_CHECKING:
    from PyQt6.QtWidgets import QApplication

    from app.viewer.screen import ScreenSink

log = logging.getLogger(__name__)

tqdm.monitor_interval = 0  # the bar is moved by our own clock; it needs no thread of its own


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for beyond the configuration; None = not asked for."""

    source: str
    sky: str
    size_wh: tuple[int, int] | None = None
    record: Path | None = None
    force: bool = False
    headless: bool = False
    live: bool = False
    frames: int | None = None
    duration_s: float | None = None
    dump_frames: Path | None = None
    dump_alpha: Path | None = None
    stats: Path | None = None


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages a frame meets, in their order."""

    matting: MattingStage
    tracking: TrackingStage
    blending: BlendingStage

    def warm_up(self, info: SourceInfo) -> None:
        """Run a made-up half-sky picture through all stages, so that all code is compiled; then forget it."""
        width, height = info.size_wh
        noise = np.random.default_rng(0).integers(0, 256, (height, width), np.uint8)
        chroma = np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)
        alpha = np.zeros_like(noise)
        alpha[: height // 2] = 255
        alpha[height // 2] = 128
        for array in (noise, chroma, alpha):
            array.setflags(write=False)
        for index in range(2):
            frame = Frame(Planes(noise, chroma, chroma), index, index, 1 / info.fps, info.colour, 0)
            matted = replace(self.matting.process(frame), alpha=alpha)
            self.blending.process(replace(self.tracking.process(matted), alpha=alpha))
        self.tracking.reset()
        self.blending.reset()


def run(options: Options, config: Config, look: Look) -> int:
    """Exit status after the source has ended or the user has left: 0, or 1 when a recording failed.

    Raises SkyLiveError or EngineError when a source, sky, engine or output cannot be opened or fails.
    """
    cv2.setNumThreads(1)  # each stage has its own thread; more would only contend for the same cores
    application = None
    if not options.headless:
        from app.viewer.application import open_application

        application = open_application()
    _check_outputs(options)
    with ExitStack() as stack:
        source = stack.enter_context(open_source(options.source, options.size_wh, config.picture_fps))
        player = SkyPlayer(_open_sky(find_sky(options.sky), source.info, config), config.sky.fade_s)
        stack.callback(player.close)
        part = config.matting
        engine = stack.enter_context(open_engine(model_path(part.model), part.backend, part.threads))
        stages = build_stages(engine, player, source.info, config, look)
        stages.warm_up(source.info)
        session = _Session(options, config, source, stages, player, engine.name)
        opened = stack.pop_all()
    try:
        session.run(application)
    except KeyboardInterrupt:
        log.info("stopped")
    finally:
        if session.close():
            opened.close()  # otherwise a thread still uses them: they are left to the end of the process
    session.ended()  # raises what failed on the way out
    log.info("%s", session.counts())
    if options.stats:
        write_json(options.stats, session.summary())
    return 1 if session.recording_failed else 0


def model_path(name_or_path: str) -> Path:
    """The network of that name in models/, or the path as it is."""
    named = ROOT / "models" / f"{name_or_path}.onnx"
    return named if named.is_file() else Path(name_or_path)


def build_stages(engine: Engine, player: SkyPlayer, info: SourceInfo, config: Config, look: Look) -> Stages:
    """The stages for one source."""
    part = config.matting
    return Stages(
        MattingStage(engine, info.size_wh, part.guide_radius, part.guide_eps),
        TrackingStage(config.tracking, info.size_wh),
        BlendingStage(player, look, info.size_wh, info.colour),
    )


def record_depth(info: SourceInfo, part: Record) -> int:
    """Frames that the recorder's buffer holds: its seconds, but not more than its megabytes (10^6 bytes)."""
    width, height = info.size_wh
    frame_mb = width * height * (1.5 + 1 + 1.5) / 1e6  # a packet holds the source's picture, alpha, its own
    return max(1, min(int(part.buffer_s * info.fps), int(part.buffer_mb / frame_mb)))


class _Session:
    """One run of one source; to the window it is its `Controls`."""

    def __init__(
        self,
        options: Options,
        config: Config,
        source: Source,
        stages: Stages,
        player: SkyPlayer,
        backend: str,
    ) -> None:
        self._options = options
        self._config = config
        self._source = source
        self._player = player
        self._backend = backend
        self._skies = list_skies()
        self._wanted_skies: Channel[SkyFile] = Channel(1, Policy.LATEST)
        self._message = ""
        self._pacer = Pacer(live=options.live)
        self._screen: ScreenSink | None = None
        self._recording: Recording | None = None
        full = Policy.LATEST if options.live else Policy.BLOCK
        self._captured: Channel[Frame] = Channel(1, full)
        self._recorded: Channel[Composited] = Channel(record_depth(source.info, config.record), full)
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

    def run(self, application: "QApplication | None") -> None:
        """Run until the source ends or the user leaves; raises the first error of any thread."""
        with _terminated_like_interrupted():
            if application is not None and self._screen is not None:
                from app.viewer.window import Window, show

                window = Window(self._source.info.name, self._screen, self)
                threading.Thread(target=self.load_skies, name="sky loader", daemon=True).start()
                self._pipeline.start()
                show(application, window, self)
                return
            with tqdm(total=self._expected_frames(), unit=" frames", disable=None) as bar:
                self._pipeline.start()
                while not self._pipeline.join(0.1):
                    bar.update(self._stats.frames_out - bar.n)
                bar.update(self._stats.frames_out - bar.n)

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
        for sky in self._wanted_skies:
            try:
                self._player.switch(_open_sky(sky, self._source.info, self._config))
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

    def _sinks(self) -> list[tuple[str, Sink, Channel[Composited]]]:
        options, info = self._options, self._source.info
        sinks: list[tuple[str, Sink, Channel[Composited]]] = []
        if not options.headless:
            from app.viewer.screen import ScreenSink

            self._screen = ScreenSink()
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
        if self._options.live or not self._options.headless:
            frames = self._pacer.paced(frames)
        for frame in frames:
            self._stats.frames_in += 1
            yield frame

    def _counting(self, blend: Callable[[Tracked], Composited]) -> Callable[[Tracked], Composited]:
        def process(tracked: Tracked) -> Composited:
            composited = blend(tracked)
            self._stats.frames_out += 1
            if self._options.headless:
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

    def _expected_frames(self) -> int | None:
        info, options = self._source.info, self._options
        by_time = None if options.duration_s is None else round(options.duration_s * info.fps)
        return min(
            (count for count in (info.frames, options.frames, by_time) if count is not None), default=None
        )


def _open_sky(sky: SkyFile, info: SourceInfo, config: Config) -> Sky:
    return open_sky(sky, info.size_wh, info.colour, config.sky.crop)


def _check_outputs(options: Options) -> None:
    """Raise SkyLiveError for an output that would destroy the source, or only fail after the run."""
    source = Path(options.source)
    if options.record and options.record.exists() and source.exists() and options.record.samefile(source):
        raise SkyLiveError(f"{options.record}: is the source itself")
    pictures = source if source.is_dir() else source.parent
    if source.is_dir() or glob.has_magic(options.source) or source.suffix.lower() in SUFFIXES:
        for folder in (options.dump_frames, options.dump_alpha):
            if folder is not None and folder.resolve() == pictures.resolve():
                raise SkyLiveError(f"{folder}: holds the source's pictures")
    if options.stats and not options.stats.resolve().parent.is_dir():
        raise SkyLiveError(f"{options.stats}: its folder does not exist")
    if options.stats and options.stats.is_dir():
        raise SkyLiveError(f"{options.stats}: is a folder")


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM is met like Ctrl-C, so that a recording is finished either way."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
