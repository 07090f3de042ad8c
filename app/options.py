"""What one run is asked to do, beyond the configuration."""

import glob
from dataclasses import dataclass
from pathlib import Path

from app.capture.pictures import SUFFIXES
from app.errors import SkyLiveError


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


def check_outputs(options: Options) -> None:
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
