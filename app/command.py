"""The command line: what it may say, and what becomes of it."""

import argparse
import logging
import math
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal, NoReturn, get_args

from pydantic import ValidationError

from app.config import (
    CONFIGS,
    Config,
    Decoder,
    Encoder,
    Look,
    Placement,
    Preset,
    Tracker,
    load_config,
)
from app.display import begin_check
from app.errors import SkyLiveError
from app.looks import load_look
from app.user import Settings, load_settings
from engines.backends import Backend
from engines.base import EngineError


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line, checked; leaves with status 2 and one line when it is wrong."""
    parser = argparse.ArgumentParser(
        prog="run_live.py", description="Replace the sky of a video while it runs, show it, record it."
    )
    add = parser.add_argument
    add(
        "source",
        nargs="?",
        default="demo",
        metavar="SOURCE",
        help="video, folder or glob of pictures, camera (0, 1, /dev/video2), address (rtsp:// rtmp:// "
        "http:// https:// udp://), screen or screen:WxH+X+Y, or demo",
    )
    add(
        "--sky",
        metavar="NAME|PATH|ADDRESS",
        help="sky to show; see --list-skies; pano:PATH for a panorama; "
        '"living:PHOTO?wind=DEG,PX_PER_S&day=FROM:TO&loop=S" lets a photo drift; "procedural:?sun=EL,AZ&'
        "clouds=none|cumulus|cirrus|stratus|storm&cover=0.4&wind=DEG,PX_PER_S&clock=real|HH:MM|xN&"
        'place=LAT,LON&date=YYYY-MM-DD" is computed',
    )
    add(
        "--heading",
        type=_within("heading"),
        metavar="DEG",
        help="turns the sky around the viewer to the right",
    )
    add("--elevation", type=_within("elevation"), metavar="DEG", help="raises the sky's middle")
    add("--sky-size", type=_within("scale"), metavar="FACTOR", help="enlarges what is in the sky's middle")
    add("--tilt", type=_within("tilt"), metavar="DEG", help="turns the sky's horizon clockwise")
    add("--look", metavar="NAME|PATH", help="look, a file in configs/looks")
    add("--config", type=Path, metavar="PATH", help="configuration file")
    add("--model", metavar="NAME|PATH", help="matting network, a file in models")
    add("--size", type=size_wh, metavar="WxH", help="size everything runs at; the aspect is kept")
    add("--fps", type=_fps, metavar="N", help="frames per second of a folder of pictures or of a camera")
    add("--audio", metavar="DEVICE", help="microphone that is recorded with a camera, an ALSA name (default)")
    add("--fov", type=_fov, metavar="DEG|auto", help="width of the camera's view in degrees (60)")
    add(
        "--backend",
        choices=get_args(Backend),
        help="what runs the network: auto takes the first that works, any other name is that one or an error",
    )
    add("--record", type=Path, metavar="FILE", help="record to this .mkv or .mp4 file")
    add("--force", action="store_true", help="write over an existing recording")
    add("--decoder", choices=get_args(Decoder), metavar="D", help="what decodes files and addresses")
    add("--encoder", choices=get_args(Encoder), metavar="E", help="what encodes recording and stream")
    add("--preset", choices=get_args(Preset), metavar="P", help="x264 preset: " + " ".join(get_args(Preset)))
    add("--stream", metavar="ADDRESS", help="also send it to this rtmp:// or rtsp:// address")
    add("--virtual-camera", action="store_true", help="also show it to other programs as a camera")
    add("--headless", action="store_true", help="no window; every frame, as fast as it goes")
    add("--live", action="store_true", help="treat the source as a camera: newest frame wins")
    add("--frames", type=_positive(int), metavar="N", help="stop after this many frames")
    add("--duration", type=_positive(float), metavar="S", help="stop after this many seconds of the source")
    add("--dump-frames", type=Path, metavar="DIR", help="write each finished picture as PNG")
    add("--dump-alpha", type=Path, metavar="DIR", help="write each alpha as PNG, 255 = sky")
    add("--dump-tracking", type=Path, metavar="FILE", help="write the camera's rotation, a JSON line a frame")
    add("--stats", type=Path, metavar="FILE.json", help="write the run's numbers")
    add("--list-skies", action="store_true", help="print the skies there are")
    add("--list-hardware", action="store_true", help="try all decoders and encoders, and print what works")
    add("--list-cameras", action="store_true", help="print the cameras there are, with their formats")
    options = parser.parse_args(arguments)
    if options.force and options.record is None:
        parser.error("--force needs --record")
    for name in ("preset", "encoder"):
        if getattr(options, name) and options.headless and options.record is None and options.stream is None:
            parser.error(f"--{name} needs --record, --stream or the window")
    if options.preset and options.encoder not in (None, "auto", "software"):
        parser.error(f"--preset is x264's and has no meaning for --encoder {options.encoder}")
    dumps = options.dump_frames, options.dump_alpha
    if all(dumps) and dumps[0].resolve() == dumps[1].resolve():
        parser.error("--dump-frames and --dump-alpha need a folder each")
    return options


def configured(arguments: argparse.Namespace, settings: Settings) -> tuple[Config, Look, str | None, str]:
    """(configuration, look, the look's name, sky's name).

    Look and sky are the command line's, else those of the settings, which were chosen last, else the
    configuration's; a configuration named on the command line goes before what was chosen last.
    """
    config = load_config(arguments.config or CONFIGS / "default.toml")
    remembered = Settings() if arguments.config else _still_there(settings)
    name: str | None = arguments.look or config.look
    if arguments.look is None and remembered.look is not None:
        name, look = remembered.look_name, remembered.look
    else:
        look = load_look(arguments.look or config.look)
    looks_sky = look.sky if arguments.look or remembered.sky is None else None
    sky = arguments.sky or looks_sky or remembered.sky or config.sky.name
    matting = {"model": arguments.model, "backend": arguments.backend}
    tracking = {"fov": arguments.fov}
    record = {"preset": arguments.preset, "encoder": arguments.encoder}
    capture = {"decoder": arguments.decoder}
    stands = {
        "heading": arguments.heading,
        "elevation": arguments.elevation,
        "scale": arguments.sky_size,
        "tilt": arguments.tilt,
    }
    in_file = config.sky.placement.model_dump(exclude_unset=True) if config.sky.placement else {}
    named = {**in_file, **{name: value for name, value in stands.items() if value is not None}}
    config = config.model_copy(
        update={
            "matting": config.matting.model_copy(update={k: v for k, v in matting.items() if v}),
            "tracking": config.tracking.model_copy(update={k: v for k, v in tracking.items() if v}),
            "record": config.record.model_copy(update={k: v for k, v in record.items() if v}),
            "capture": config.capture.model_copy(update={k: v for k, v in capture.items() if v}),
            "sky": config.sky.model_copy(update={"placement": Placement(**named) if named else None}),
        }
    )
    return config, look, name, sky


def _still_there(settings: Settings) -> Settings:
    """The settings without a sky whose file has gone."""
    from app.sky.library import find_sky

    with suppress(SkyLiveError):
        if settings.sky is None or find_sky(settings.sky).there:
            return settings
    return settings.model_copy(update={"sky": None})


def main(argv: list[str] | None = None, began_ns: int | None = None) -> int:
    """Exit status: 0; 1 with one line when a source, file or engine fails; wrong arguments leave with 2.

    began_ns: `time.perf_counter_ns()` when the program began; now, if not given.
    """
    began_ns = time.perf_counter_ns() if began_ns is None else began_ns
    arguments = parse_arguments(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        if arguments.list_skies:
            return print_skies()
        if arguments.list_cameras:
            return print_cameras()
        if arguments.list_hardware:
            return print_hardware()
        if not arguments.headless:
            begin_check()
        settings = Settings() if arguments.headless else load_settings()
        config, look, look_name, sky = configured(arguments, settings)
        settings = settings.model_copy(update={"look": look, "look_name": look_name})
        from app.live import run
        from app.options import Options

        options = Options(
            source=arguments.source,
            sky=sky,
            size_wh=arguments.size,
            fps=arguments.fps,
            audio=arguments.audio,
            record=arguments.record,
            force=arguments.force,
            stream=arguments.stream,
            virtual_camera=arguments.virtual_camera,
            headless=arguments.headless,
            live=arguments.live,
            frames=arguments.frames,
            duration_s=arguments.duration,
            dump_frames=arguments.dump_frames,
            dump_alpha=arguments.dump_alpha,
            dump_tracking=arguments.dump_tracking,
            stats=arguments.stats,
            began_ns=began_ns,
        )
        return run(options, config, look, settings)
    except (SkyLiveError, EngineError) as error:
        print(f"run_live.py: {error}", file=sys.stderr)
        return 1
    except OSError as error:  # such as a name that is too long, or a folder that may not be searched
        print(f"run_live.py: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # while a source is opened without a window, or a second one
        return 130


def leave(status: int) -> NoReturn:
    """End the process, at once if a thread is left behind, such as one that opens a source.

    Python's own way out takes the ground from under such a thread, and a library in it crashes.
    """
    if threading.active_count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def print_skies() -> int:
    """Print name, kind and title of each sky, and the folder for the user's own; exit status 0."""
    from app.sky.library import list_skies, sky_folders

    for number, sky in enumerate(list_skies(), start=1):
        print(f"{number:2}  {sky.name:20} {sky.kind:10} {sky.title}")
    print(f"your own: {sky_folders()[1]}")
    return 0


def print_cameras() -> int:
    """Print device, name and formats of each camera; exit status 0."""
    from app.capture.cameras import camera_lines

    print("\n".join(camera_lines()))
    return 0


def print_hardware() -> int:
    """Print each decoder and encoder with its speed, or why it does not work; exit status 0."""
    from app.hardware import hardware_lines

    for line in hardware_lines():
        print(line, flush=True)  # each trial may take seconds
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


def _within(field: str) -> Callable[[str], float]:
    """A number in the range of a field of `Placement`."""

    def parse(text: str) -> float:
        try:
            return float(getattr(Placement.model_validate({field: text}), field))
        except ValidationError as error:
            raise argparse.ArgumentTypeError(f"{text!r}: {error.errors()[0]['msg']}") from error

    return parse


def _fov(text: str) -> float | Literal["auto"]:
    try:
        return Tracker.model_validate({"fov": text}).fov
    except ValidationError as error:
        problem = error.errors()[0]["msg"]
        raise argparse.ArgumentTypeError(f"{text!r}: {problem}, or auto") from error


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
