"""The one place that knows all parts: opens them as the options say, and runs them."""

import gc
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

import cv2
import numpy as np
from tqdm import tqdm

from app.capture.open import open_source
from app.capture.source import SourceInfo
from app.colour import planes_from_rgb
from app.config import ROOT, Config, Look
from app.errors import ConfigError, SkyLiveError
from app.frame import Colour
from app.options import Options, check_outputs
from app.outputs import write_json
from app.session import Screen, Session
from app.sky.library import find_sky, open_sky, placed
from app.sky.player import SkyPlayer
from app.stages import build_stages
from app.studio import Studio
from app.user import Settings, save_settings
from engines.bar import PlanBar
from engines.registry import open_engine
from engines.watch import Preparing, Watch

log = logging.getLogger(__name__)

tqdm.monitor_interval = 0  # the bar is moved by our own clock; it needs no thread of its own


def run(options: Options, config: Config, look: Look, settings: Settings) -> int:
    """Exit status after the source has ended or the user has left: 0, or 1 when a recording failed.

    settings: the user's, for the window, which keeps them when it is closed.

    Raises SkyLiveError or EngineError when a source, sky, engine or output cannot be opened or fails.
    """
    if not gc.isenabled():
        gc.freeze()  # the modules are loaded: `_settle_memory` need not look at them
    cv2.setNumThreads(1)  # each stage has its own thread; more would only contend for the same cores
    check_outputs(options)
    session: Session | None
    if options.headless:
        with _handled(signal.default_int_handler):
            session = _run_headless(options, config, look)
    else:
        session = _run_window(options, config, look, settings)
    if session is None:  # the user left before anything was open
        return 0
    log.info("%s", session.counts())
    if options.stats:
        write_json(options.stats, session.summary())
    return 1 if session.recording_failed else 0


def open_session(
    options: Options,
    config: Config,
    look: Look,
    screen: Screen | None,
    tell: Callable[[SkyLiveError], None],
    watch: Watch | None = None,
) -> Session:
    """A run that is ready but for its outputs: source, sky and engine open, code compiled.

    tell: called with the error of an output that breaks off while the picture goes on. watch: told of engines
    that are made ready, and of one that failed; the terminal shows the former besides. Raises SkyLiveError or
    EngineError naming what cannot be opened; then everything is closed again.
    """
    loading = threading.Thread(target=_load_compiled_code, name="compiled code", daemon=True)
    loading.start()
    with ExitStack() as stack:
        stack.callback(loading.join)
        fps = options.fps or config.picture_fps
        source = stack.enter_context(
            open_source(options.source, options.size_wh, fps, options.audio, config.capture.decoder)
        )
        info = source.info
        part = config.matting
        network = model_path(part.model)
        engine = stack.enter_context(
            open_engine(network, part.backend, part.threads, _with_bar(watch or Watch(), network.name))
        )
        file, skies = find_sky(options.sky), config.sky
        placement = options.placement or placed(file, skies.placement)
        # Pictures that go into files as fast as they can are exact; those that are watched are in time.
        watched = screen is not None or options.stream is not None or options.virtual_camera
        patient = not (watched or options.live or info.live)
        sky = open_sky(file, info.size_wh, info.colour, skies.crop, placement, skies.model, patient=patient)
        player = SkyPlayer(sky, config.sky.fade_s)
        stack.callback(player.close)
        stages = build_stages(engine, player, info, config, look)
        stages.warm_up(info)
        _settle_memory()
        return Session(options, config, source, stages, player, engine, screen, stack.pop_all(), tell)


def _with_bar(watch: Watch, network: str) -> Watch:
    """The same, and a bar on the terminal while a plan is built."""
    bar: PlanBar | None = None

    def show(now: Preparing | None) -> None:
        nonlocal bar
        if now is not None and now.share is not None:
            bar = bar or PlanBar(f"{network} for {now.engine}")
            bar.move(now.share)
        elif bar is not None:
            bar.close()
            bar = None
        watch.preparing(now)

    return replace(watch, preparing=show)


def _load_compiled_code() -> None:
    """Thread: call a compiled function, the first of which takes its time, beside all that is opened."""
    planes_from_rgb(np.zeros((2, 2, 3), np.uint8), Colour())


def _settle_memory() -> None:
    """Let garbage be collected from now on, but never look at what was loaded for the program's lifetime.

    There are more than 100 000 objects of libraries: to look at them takes 65 ms, in which no thread runs.
    What opening and compiling left behind is collected before; a session is not there yet, and may go later.
    """
    if not gc.isenabled():
        gc.collect()
        gc.freeze()
        gc.enable()


def model_path(name_or_path: str) -> Path:
    """The network of that name in models/, or the path as it is."""
    named = ROOT / "models" / f"{name_or_path}.onnx"
    return named if named.is_file() else Path(name_or_path)


def _run_headless(options: Options, config: Config, look: Look) -> Session:
    """The run, ended, after a progress bar; raises the first error of any thread."""

    def tell(error: SkyLiveError) -> None:
        log.error("%s; the rest goes on", error)

    session = open_session(options, config, look, None, tell)
    try:
        session.begin_outputs()
        session.start()
        with _progress(session.info, options) as bar:
            while not session.wait(0.1):
                bar.update(session.frames_out - bar.n)
            bar.update(session.frames_out - bar.n)
    except KeyboardInterrupt:
        log.info("stopped")
    finally:
        session.close()
    session.ended()  # raises what failed on the way out
    return session


def _run_window(options: Options, config: Config, look: Look, settings: Settings) -> Session | None:
    """The last run that the window showed, ended; raises what could not be opened at the start."""
    interrupted = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        # An exception would end the process wherever Qt has called Python; a second Ctrl-C insists.
        if interrupted.is_set():
            signal.default_int_handler(number, frame)
        interrupted.set()

    settings = settings.model_copy(update={"sky": _sky_from_anywhere(options.sky)})
    if options.source != "demo":
        settings = settings.opened(_from_anywhere(options.source))
    with _handled(interrupt):
        from app.viewer.viewer import Viewer

        viewer = Viewer()
        studio = Studio(options, config, look, viewer.screen, open_session, settings.placements)
        try:
            settings = viewer.show(studio, settings, options.leave_at_end, interrupted)
        finally:
            studio.close()
    if interrupted.is_set():
        log.info("stopped")
    try:
        save_settings(settings)
    except ConfigError as error:  # as in a home that cannot be written: no fault of the run's
        log.error("%s", error)
    return studio.session


def _from_anywhere(name_or_path: str) -> str:
    """The name, or the path made absolute where there is such a file: it may be used from another folder."""
    path = Path(name_or_path)
    return str(path.resolve()) if path.exists() else name_or_path


def _sky_from_anywhere(asked: str) -> str:
    """As `_from_anywhere`, for a sky's name, path or address."""
    sky = find_sky(asked)
    return sky.address if sky.direct else _from_anywhere(asked)


def _progress(info: SourceInfo, options: Options) -> "tqdm[NoReturn]":
    """A bar for a terminal: frames, frames per second, time left; nothing elsewhere."""
    by_time = None if options.duration_s is None else round(options.duration_s * info.fps)
    limits = [count for count in (info.frames, options.frames, by_time) if count is not None]
    return tqdm(total=min(limits, default=None), unit=" frames", disable=None)


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Ctrl-C and SIGTERM are met alike, so that a recording is finished either way."""
    previous = [(number, signal.signal(number, handler)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    finally:
        for number, before in previous:
            signal.signal(number, before)
