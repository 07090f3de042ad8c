"""Chooses the engine that runs a network."""

import logging
from pathlib import Path
from typing import Literal

from engines.base import Engine
from engines.ort import OrtEngine

log = logging.getLogger(__name__)

Backend = Literal["auto", "ort"]


def open_engine(path: Path, backend: Backend, threads: int) -> Engine:
    """The network in the file, ready to run on `threads` CPU threads; one log line says what was taken.

    Raises EngineError naming the file and what was expected.
    """
    engine = OrtEngine(path, threads)
    log.info(
        "backend: %s (%s), %d thread%s, %s", engine.name, backend, threads, "s" * (threads > 1), path.name
    )
    return engine
