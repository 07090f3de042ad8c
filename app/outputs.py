"""Where finished pictures go besides the screen."""

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from app.channel import Channel
from app.errors import SkyLiveError
from app.frame import Composited, Picture, Planes
from app.pipeline import Outlet

# Pictures that wait for a writer when it is to finish are written first, for so many seconds at most.
_DRAIN_S = 2.0


class Writer(Protocol):
    """Takes finished pictures for a file, an address or a device; raises SkyLiveError naming it."""

    def write(self, planes: Planes, pts: int) -> None:
        """Take one picture; `pts`, in units of the source's time base, is later than the last one's."""

    def close(self) -> None:
        """Finish what was begun; may be called again, and after a failure."""


class Output:
    """A place for a writer that comes and goes while pictures flow: the sink of `outlet`.

    Without a writer no picture waits in the channel. A writer that fails is closed and let go, and `tell` is
    called with its error; where nothing else wants the pictures (`essential`) it is raised and ends the run.
    All methods may be called from any thread.
    """

    def __init__(
        self,
        name: str,
        channel: Channel[Picture],
        tell: Callable[[SkyLiveError], None],
        *,
        essential: bool = False,
    ) -> None:
        self._channel = channel
        self._tell = tell
        self._essential = essential
        self._lock = threading.Lock()
        self._writer: Writer | None = None
        self._over = False
        self.failed = False
        """Whether the last writer broke off."""
        self.outlet = Outlet(name, self, channel, self._picked)

    @property
    def busy(self) -> bool:
        """Whether there is a writer."""
        return self._writer is not None

    def begin(self, writer: Writer) -> None:
        """Give all pictures from now on to this writer, until `end`, a failure or the end of the run.

        After the end of the run it is finished at once.
        """
        with self._lock:
            self.failed, self._writer = False, writer
            if self._over:
                self._finish()

    def end(self) -> None:
        """Finish the writer, after the pictures that wait for it."""
        self._channel.wait_empty(_DRAIN_S)
        with self._lock:
            self._finish()

    def write(self, picture: Picture) -> None:
        """Hand one picture to the writer, if there still is one."""
        with self._lock:
            if self._writer is None:
                return
            try:
                self._writer.write(picture.planes, picture.pts)
            except SkyLiveError as error:
                self.failed = True
                writer, self._writer = self._writer, None
                with suppress(SkyLiveError):  # what broke it is told already
                    writer.close()
                if self._essential:
                    raise
                self._tell(error)

    def close(self) -> None:
        """Finish the writer at once: the run is over."""
        with self._lock:
            self._over = True
            self._finish()

    def _finish(self) -> None:
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            writer.close()
        except SkyLiveError as error:
            self.failed = True
            self._tell(error)

    def _picked(self, composited: Composited) -> Picture | None:
        return Picture(composited.planes, composited.frame.pts) if self.busy else None


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file, whole or not at all; raises SkyLiveError naming it."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(json.dumps(content, indent=2) + "\n")
        part.replace(path)
    except OSError as error:
        raise SkyLiveError(f"{path}: {error.strerror}") from error
