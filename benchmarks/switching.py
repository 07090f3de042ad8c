"""Cold skies switched in turn while a file is played live and recorded: what becomes of the frame interval.

Prints the run's summary as JSON. The skies are all of `skyboxes/`, which are 4K stills and videos, and a
1080p still made of one of them; each is dropped from the system's file cache before it is loaded.
"""

import argparse
import json
import os
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import Any

import cv2

from app.config import CONFIGS, Config, load_config
from app.errors import SkyLiveError
from app.live import open_session
from app.looks import load_look
from app.options import Options
from app.sky.library import SkyFile, find_sky, list_skies, sky_folders


def small_still(folder: Path) -> SkyFile:
    """A 1920x1080 copy of a sky of ours."""
    picture = cv2.imread(str(sky_folders()[0] / "clear_day.jpg"))
    assert picture is not None
    path = folder / "small_still.jpg"
    cv2.imwrite(str(path), cv2.resize(picture, (1920, 1080), interpolation=cv2.INTER_AREA))
    return find_sky(str(path))


def forget(path: Path) -> None:
    """Drop a file from the system's cache, so that it is read from the disk next time."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def run(source: Path, every_s: float, folder: Path) -> dict[str, Any]:
    """The summary of one live run of a file, with the skies that were shown under "skies"."""
    cv2.setNumThreads(1)
    config = load_config(CONFIGS / "default.toml")
    config = Config.model_validate(config.model_dump() | {"record": {"preset": "ultrafast"}})
    skies = [small_still(folder), *list_skies(sky_folders()[:1])]
    options = Options(str(source), str(skies[-1].path), live=True, headless=True, record=folder / "out.mkv")

    def tell(error: SkyLiveError) -> None:
        raise error

    session = open_session(options, config, load_look("natural"), None, tell)
    session.begin_outputs()
    session.start()
    shown = []
    next_s = time.monotonic() + every_s
    for sky in cycle(skies):
        forget(sky.path)
        if session.wait(max(0.0, next_s - time.monotonic())):
            break
        session.choose_sky(sky, sky.placement)
        shown.append(sky.name)
        next_s += every_s
    session.close()
    return session.summary() | {"skies": shown}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.switching", description=__doc__)
    parser.add_argument("source", type=Path, metavar="FILE", help="video file")
    parser.add_argument("--every", type=float, default=2.0, metavar="S", help="seconds from sky to sky")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(run(options.source, options.every, Path(name)), indent=2))


if __name__ == "__main__":
    main()
