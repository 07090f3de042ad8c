"""What one run of the program is asked to do."""

import glob
import time
from dataclasses import dataclass, field
from pathlib import Path

from app.capture.pictures import SUFFIXES
from app.config import Placement
from app.errors import SkyLiveError
from app.sky.library import find_sky


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for beyond the configuration; None = not asked for.

    `began_ns` is `time.perf_counter_ns()` when the program began, or was asked for this source.
    """

    source: str
    sky: str
    placement: Placement | None = None
    """Where the sky stands; None = as the configuration and the sky itself say."""
    size_wh: tuple[int, int] | None = None
    fps: float | None = None
    audio: str | None = None
    record: Path | None = None
    force: bool = False
    stream: str | None = None
    virtual_camera: bool = False
    headless: bool = False
    live: bool = False
    frames: int | None = None
    duration_s: float | None = None
    dump_frames: Path | None = None
    dump_alpha: Path | None = None
    dump_tracking: Path | None = None
    stats: Path | None = None
    began_ns: int = field(default_factory=time.perf_counter_ns)

    @property
    def leave_at_end(self) -> bool:
        """Whether the window closes when the source ends: something was to be made of it, or a part shown."""
        limits = self.frames, self.duration_s
        dumps = self.dump_frames, self.dump_alpha, self.dump_tracking
        outputs = self.record, self.stream, self.stats, *dumps
        return any(value is not None for value in (*limits, *outputs))


def check_outputs(options: Options) -> None:
    """Raise SkyLiveError for an output that would destroy source or sky, or only fail after the run."""
    source = Path(options.source)
    inputs = {source: "the source", find_sky(options.sky).path: "the sky"}
    for output in (options.record, options.stats, options.dump_tracking):
        for given, what in inputs.items():
            if output and output.exists() and given.exists() and output.samefile(given):
                raise SkyLiveError(f"{output}: is {what} itself")
    if options.record and options.stats and options.record.resolve() == options.stats.resolve():
        raise SkyLiveError(f"{options.stats}: is the recording itself")
    for other in (options.record, options.stats):
        if options.dump_tracking and other and options.dump_tracking.resolve() == other.resolve():
            raise SkyLiveError(f"{options.dump_tracking}: would be written twice")
    pictures = source if source.is_dir() else source.parent
    if source.is_dir() or glob.has_magic(options.source) or source.suffix.lower() in SUFFIXES:
        for folder in (options.dump_frames, options.dump_alpha):
            if folder is not None and folder.resolve() == pictures.resolve():
                raise SkyLiveError(f"{folder}: holds the source's pictures")
    for file in (options.stats, options.dump_tracking):
        if file and not file.resolve().parent.is_dir():
            raise SkyLiveError(f"{file}: its folder does not exist")
        if file and file.is_dir():
            raise SkyLiveError(f"{file}: is a folder")
