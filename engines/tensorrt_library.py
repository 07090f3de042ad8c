"""TensorRT and TensorRT-RTX as they are installed: two libraries of one interface.

Releases 10 and 11 are taken. What differs between the two and their releases is dealt with here and in
`engines.tensorrt_build`, so that all else needs to know of one interface only.
"""

import functools
import importlib
import logging
import re
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

from engines.base import EngineError

log = logging.getLogger(__name__)

Flavour = Literal["tensorrt", "tensorrt-rtx"]

_MODULES: dict[Flavour, str] = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}
_OLDEST: dict[Flavour, int] = {"tensorrt": 10, "tensorrt-rtx": 1}

# Where there is no driver the library adds this one to each message, whatever it is about.
_NO_DRIVER = re.compile(r"cudaError 35\b")
_KEPT = 5


class Errors:
    """The library's last error messages; its functions only say that something failed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages: deque[str] = deque(maxlen=_KEPT)

    def add(self, message: str) -> None:
        """Keep a message, as one line, unless it is about the missing driver or is kept already."""
        line = " ".join(message.split())
        with self._lock:
            if not _NO_DRIVER.search(line) and line not in self._messages:
                self._messages.append(line)

    def take(self) -> str:
        """What was kept since the last call, as one line; empty if nothing was."""
        with self._lock:
            line = "; ".join(self._messages)
            self._messages.clear()
        return line


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """One of the two libraries, imported.

    `logger` is the only one that the library may be given in this process: it ignores a second one. It keeps
    error messages in `errors`, from which whoever meets a failure takes the words.
    """

    module: Any
    flavour: Flavour
    version: str
    logger: Any = None
    errors: Errors = field(default_factory=Errors)

    @property
    def name(self) -> str:
        """Name and version, for messages and statistics."""
        return f"{self.flavour} {self.version}"


@functools.cache
def load_library(flavour: Flavour) -> Library:
    """The library; no GPU is needed for it. Raises EngineError with the reason: not installed, cannot be
    imported, too old."""
    name = _MODULES[flavour]
    try:
        module = importlib.import_module(name)
        version = str(module.__version__)
        major = int(version.partition(".")[0])
        errors = Errors()
        logger = _logger(module, errors)
    except ModuleNotFoundError as error:
        if error.name == name:
            raise EngineError(f"{flavour}: not installed") from error
        raise EngineError(f"{flavour}: cannot be imported ({_line(error)})") from error
    except Exception as error:  # whatever a half-installed library raises: it is not to be used
        raise EngineError(f"{flavour}: cannot be imported ({_line(error)})") from error
    if major < _OLDEST[flavour]:
        raise EngineError(f"{flavour} {version}: too old; {_OLDEST[flavour]} or later is needed")
    return Library(module, flavour, version, logger, errors)


def _logger(module: Any, errors: Errors) -> Any:
    """The library's logger. All goes to `logging` as for debugging: what matters is raised as EngineError."""
    severity = module.ILogger
    grave = (severity.INTERNAL_ERROR, severity.ERROR)

    class Logger(module.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            module.ILogger.__init__(self)

        def log(self, level: Any, message: str) -> None:
            if level in grave:
                errors.add(message)
            if level != severity.VERBOSE:
                log.debug("%s: %s", level.name.lower(), message)

    return Logger()


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
