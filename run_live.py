"""Replace the sky of a video while it runs, show it, record it."""

import argparse
import logging
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from pydantic import ValidationError

from app.config import CONFIGS, Config, Look, Preset, load_config, load_look
from app.errors import SkyLiveError
from engines.base import EngineError


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line, checked; leaves with status 2 and one line when it is wrong."""
    parser = argparse.ArgumentParser(prog="run_live.py", description=__doc__)
    add = parser.add_argument
    add(
        "source",
        nargs="?",
        default="demo",
        metavar="SOURCE",
        help="video, folder or glob of pictures, or demo",
    )
    add("--sky", metavar="NAME|PATH", help="sky to show; see --list-skies")
    add("--look", metavar="NAME|PATH", help="look, a file in configs/looks")
    add("--config", type=Path, default=CONFIGS / "default.toml", metavar="PATH", help="configuration file")
    add("--model", metavar="NAME|PATH", help="matting network, a file in models")
    add("--size", type=size_wh, metavar="WxH", help="size everything runs at; the aspect is kept")
    add("--fps", type=_fps, metavar="N", help="frames per second of a folder of pictures")
    add("--backend", choices=("auto", "ort"), help="what runs the network")
    add("--record", type=Path, metavar="FILE", help="record to this .mkv or .mp4 file")
    add("--force", action="store_true", help="write over an existing recording")
    add("--preset", choices=get_args(Preset), metavar="P", help="x264 preset: " + " ".join(get_args(Preset)))
    add("--headless", action="store_true", help="no window; every frame, as fast as it goes")
    add("--live", action="store_true", help="treat the source as a camera: newest frame wins")
    add("--frames", type=_positive(int), metavar="N", help="stop after this many frames")
    add("--duration", type=_positive(float), metavar="S", help="stop after this many seconds of the source")
    add("--dump-frames", type=Path, metavar="DIR", help="write each finished picture as PNG")
    add("--dump-alpha", type=Path, metavar="DIR", help="write each alpha as PNG, 255 = sky")
    add("--stats", type=Path, metavar="FILE.json", help="write the run's numbers")
    add("--list-skies", action="store_true", help="print the skies there are")
    add("--list-cameras", action="store_true", help="print the cameras there are")
    options = parser.parse_args(arguments)
    if (options.force or options.preset) and options.record is None:
        parser.error("--force and --preset need --record")
    dumps = options.dump_frames, options.dump_alpha
    if all(dumps) and dumps[0].resolve() == dumps[1].resolve():
        parser.error("--dump-frames and --dump-alpha need a folder each")
    return options


def configured(arguments: argparse.Namespace) -> tuple[Config, Look, str]:
    """(configuration, look, sky): the files' values, with those of the command line on top."""
    config = load_config(arguments.config)
    look = load_look(arguments.look or config.look)
    matting = {"model": arguments.model, "backend": arguments.backend}
    record = {"preset": arguments.preset}
    config = config.model_copy(
        update={
            "picture_fps": arguments.fps or config.picture_fps,
            "matting": config.matting.model_copy(update={k: v for k, v in matting.items() if v}),
            "record": config.record.model_copy(update={k: v for k, v in record.items() if v}),
        }
    )
    return config, look, arguments.sky or look.sky or config.sky.name


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0; 1 with one line when a source, file or engine fails; wrong arguments leave with 2."""
    arguments = parse_arguments(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        if arguments.list_skies:
            return print_skies()
        if arguments.list_cameras:
            return print_cameras()
        config, look, sky = configured(arguments)
        from app.live import run
        from app.options import Options

        options = Options(
            source=arguments.source,
            sky=sky,
            size_wh=arguments.size,
            record=arguments.record,
            force=arguments.force,
            headless=arguments.headless,
            live=arguments.live,
            frames=arguments.frames,
            duration_s=arguments.duration,
            dump_frames=arguments.dump_frames,
            dump_alpha=arguments.dump_alpha,
            stats=arguments.stats,
        )
        return run(options, config, look)
    except (SkyLiveError, EngineError) as error:
        print(f"run_live.py: {error}", file=sys.stderr)
        return 1
    except OSError as error:  # such as a name that is too long, or a folder that may not be searched
        print(f"run_live.py: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before anything ran; later it ends the run in good order
        return 130


def print_skies() -> int:
    """Print name, kind and title of each sky, and the folder for the user's own; exit status 0."""
    from app.sky.library import list_skies, sky_folders

    for number, sky in enumerate(list_skies(), start=1):
        print(f"{number:2}  {sky.name:20} {sky.kind:6} {sky.title}")
    print(f"your own: {sky_folders()[1]}")
    return 0


def print_cameras() -> int:
    """Print device and name of each camera; exit status 0."""
    from app.capture.cameras import list_cameras

    cameras = list_cameras()
    for device, name in cameras:
        print(f"{device}  {name}")
    if not cameras:
        print("no cameras found")
    return 0


def size_wh(text: str) -> tuple[int, int]:
    """(width, height) of an argument such as 1280x720; raises ArgumentTypeError."""
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f"{text!r} is not WxH, such as 1280x720")
    return int(width), int(height)


def _fps(text: str) -> float:
    try:
        return Config.model_validate({"picture_fps": text}).picture_fps
    except ValidationError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error.errors()[0]['msg']}") from error


def _positive(kind: type[float]) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = kind(0)
        if not (math.isfinite(value) and value > 0):
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a positive {'number' if kind is float else 'count'}"
            )
        return value

    return parse


if __name__ == "__main__":
    sys.exit(main())
