"""Where finished pictures go besides the screen."""

import json
import logging
from pathlib import Path
from typing import Any

from app.errors import RecordError, SkyLiveError
from app.frame import Composited
from app.recording.recorder import Recorder

log = logging.getLogger(__name__)


class Recording:
    """Writes pictures to a recorder; a failure in mid-stream ends the recording and is kept in `error`.

    `essential`: nothing else wants the pictures, so the failure is raised and ends the run. `finished`: the
    file is closed.
    """

    def __init__(self, recorder: Recorder, *, essential: bool) -> None:
        self._recorder = recorder
        self._essential = essential
        self.error: RecordError | None = None
        self.finished = False

    def write(self, composited: Composited) -> None:
        """Record one picture; does nothing after a failure."""
        if self.error is not None:
            return
        try:
            self._recorder.write(composited.planes, composited.frame.pts)
        except RecordError as error:
            self.error = error
            if self._essential:
                raise
            self._recorder.close()
            log.error("%s; the picture goes on", error)

    def close(self) -> None:
        """Finish the file."""
        try:
            self._recorder.close()
        except RecordError as error:
            self.error = error
            log.error("%s", error)
        self.finished = True


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file, whole or not at all; raises SkyLiveError naming it."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(json.dumps(content, indent=2) + "\n")
        part.replace(path)
    except OSError as error:
        raise SkyLiveError(f"{path}: {error.strerror}") from error
