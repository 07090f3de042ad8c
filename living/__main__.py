"""Living skies by hand: `python -m living animate PHOTO | loopify CLIP | render SKY -o FILE`."""

import argparse
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NoReturn, TypeVar

from app.errors import SkyError, SkyLiveError
from engines.base import EngineError
from living.specs import PROCEDURAL, ProceduralSpec, Wind, parse_photo, parse_procedural

_LARGEST = 8192
_LONGEST_S = 600.0
_FASTEST = 120

T = TypeVar("T")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Leave with status 2 and one line."""
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0; 1 with one line when something fails; wrong arguments leave with 2 and one line."""
    options = parsed(sys.argv[1:] if arguments is None else arguments)
    try:
        options.run(options)
    except (SkyLiveError, EngineError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """What a command line says; leaves with status 2 and one line where it is wrong."""
    return _parser().parse_args(_with_winds(arguments))


def _with_winds(arguments: Sequence[str]) -> list[str]:
    """The arguments, each wind joined to its option: one below 0 degrees would be taken for an option."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] == "--wind":
            joined[-1] = f"--wind={argument}"
        else:
            joined.append(argument)
    return joined


def _parser() -> _Parser:
    parser = _Parser(prog="python -m living", description="Makes skies that move, or closes clips to loops.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="animate|loopify|render")

    animate = commands.add_parser("animate", help="let the clouds of a photo drift, in a seamless loop")
    animate.add_argument("photo", type=Path, metavar="PHOTO")
    animate.add_argument(
        "--matte", type=Path, metavar="PNG", help="white where there is sky; else the network finds it"
    )
    animate.add_argument(
        "--wind",
        type=_checked(_wind, "DEG,PX_PER_S: 0 = to the right, 90 = up; pixels at 1280 pixels width"),
        default=Wind(0.0, 20.0),
        metavar="DEG,PX_PER_S",
        help="where clouds go and how fast (0,20)",
    )
    animate.add_argument(
        "--day", type=_checked(_day, "FROM:TO: two hours of 0 to 24"), metavar="FROM:TO",
        help="hours that it goes through and back again; without, the photo's own light",
    )  # fmt: skip
    animate.set_defaults(run=_animate)

    loopify = commands.add_parser("loopify", help="lead a clip's end over into its beginning")
    loopify.add_argument("clip", type=Path, metavar="CLIP")
    loopify.set_defaults(run=_loopify)

    render = commands.add_parser("render", help="write a computed sky as a picture or as a film")
    render.add_argument("sky", type=_procedural, metavar="procedural:?KEY=VALUE&...")
    render.add_argument("--panorama", action="store_true", help="the whole sphere; else 120 degrees of it")
    render.set_defaults(run=_render)

    for command in (animate, render):
        command.add_argument(
            "--seconds", type=_checked(_seconds, f"a number of seconds, up to {_LONGEST_S:g}"), default=8.0,
            metavar="S", help="length of the film (8)",
        )  # fmt: skip
        command.add_argument(
            "--fps", type=_checked(_rate, f"a rate of 1 to {_FASTEST}"), default=Fraction(30),
            metavar="N", help="frames per second (30)",
        )  # fmt: skip
        command.add_argument(
            "--size", type=_checked(_size, f"WxH, such as 1920x1080, at most {_LARGEST} each"), metavar="WxH"
        )
    for command in (animate, loopify, render):
        command.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
        command.add_argument("--force", action="store_true", help="write over an existing file")
    return parser


def _animate(options: argparse.Namespace) -> None:
    from living.animate import Animation, animate

    animation = Animation(
        options.photo, options.matte, options.seconds, options.fps, options.wind, options.day, options.size
    )
    animate(animation, options.output, force=options.force)


def _loopify(options: argparse.Namespace) -> None:
    from living.loopify import loopify

    loopify(options.clip, options.output, force=options.force)


def _render(options: argparse.Namespace) -> None:
    from living.render import Rendering, render

    rendering = Rendering(options.sky, options.panorama, options.seconds, options.fps, options.size)
    render(rendering, options.output, force=options.force)


def _checked(read: Callable[[str], T], form: str) -> Callable[[str], T]:
    """A type for an argument, whose error says what the value is to be."""

    def reader(text: str) -> T:
        try:
            return read(text)
        except (ValueError, ZeroDivisionError, SkyError) as error:
            raise argparse.ArgumentTypeError(f"{text!r} is not {form}") from error

    return reader


def _procedural(text: str) -> ProceduralSpec:
    if not text.startswith(PROCEDURAL):
        raise argparse.ArgumentTypeError(f"{text!r} is not an address {PROCEDURAL}?KEY=VALUE&...")
    try:
        return parse_procedural(text)
    except SkyError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _wind(text: str) -> Wind:
    return parse_photo(f"living:photo?wind={_alone(text)}").wind


def _day(text: str) -> tuple[float, float] | None:
    return parse_photo(f"living:photo?day={_alone(text)}").day


def _alone(text: str) -> str:
    if "&" in text or "?" in text:
        raise ValueError(text)
    return text


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.1 <= seconds <= _LONGEST_S:
        raise ValueError(text)
    return seconds


def _rate(text: str) -> Fraction:
    rate = Fraction(text)
    if not 1 <= rate <= _FASTEST:
        raise ValueError(text)
    return rate.limit_denominator(1001)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ValueError(text)
    size = int(width), int(height)
    if not all(16 <= length <= _LARGEST for length in size):
        raise ValueError(text)
    return size


if __name__ == "__main__":
    sys.exit(main())
