"""What is told of an engine that changes while it runs."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from engines.base import EngineError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Preparing:
    """An engine is being made ready. `share` of its plan that is built, in [0, 1]; None: it is loaded now."""

    engine: str
    share: float | None = None


def _log_failure(error: EngineError) -> None:
    log.error("%s", error)


@dataclass(frozen=True, slots=True)
class Watch:
    """Who wants to know of an engine that changes; both may be called from any thread.

    `preparing`: an engine is being made ready; None when that is over. `failed`: the engine failed in
    mid-stream, and the CPU goes on.
    """

    preparing: Callable[[Preparing | None], None] = lambda _: None
    failed: Callable[[EngineError], None] = _log_failure
