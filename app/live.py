"""The one place that knows all parts: opens them as the options say, and runs them."""

import logging
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import cv2

from app.capture.open import open_source
from app.config import ROOT, Config, Look
from app.options import Options, check_outputs
from app.outputs import write_json
from app.session import Session
from app.sky.library import find_sky, list_skies, open_sky
from app.sky.player import SkyPlayer
from app.stages import build_stages
from engines.registry import open_engine

log = logging.getLogger(__name__)


def run(options: Options, config: Config, look: Look) -> int:
    """Exit status after the source has ended or the user has left: 0, or 1 when a recording failed.

    Raises SkyLiveError or EngineError when a source, sky, engine or output cannot be opened or fails.
    """
    cv2.setNumThreads(1)  # each stage has its own thread; more would only contend for the same cores
    check_outputs(options)
    viewer = None
    if not options.headless:
        from app.viewer.viewer import Viewer

        viewer = Viewer()
    with ExitStack() as stack:
        source = stack.enter_context(open_source(options.source, options.size_wh, config.picture_fps))
        sky = open_sky(find_sky(options.sky), source.info.size_wh, source.info.colour, config.sky.crop)
        player = SkyPlayer(sky, config.sky.fade_s)
        stack.callback(player.close)
        part = config.matting
        engine = stack.enter_context(open_engine(model_path(part.model), part.backend, part.threads))
        stages = build_stages(engine, player, source.info, config, look)
        screen, skies = (viewer.screen, list_skies()) if viewer else (None, [])
        session = Session(options, config, source, stages, player, engine.name, screen, skies)
        opened = stack.pop_all()
    try:
        stages.warm_up(source.info)
        if viewer:
            session.run_in_window(partial(viewer.show, source.info.name, session))
        else:
            session.run_headless()
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
