"""The screen, or a part of it, as a live source."""

import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial

import av
from av.container import InputContainer

from app.capture.live import TIMEOUT_S, LiveSource
from app.errors import CaptureError

log = logging.getLogger(__name__)

DEFAULT_FPS = 30.0
_SPEC = re.compile(r"screen(?::(\d+)x(\d+)(?:\+(\d+)\+(\d+))?)?")


def open_screen(spec: str, size_wh: tuple[int, int] | None, fps: float = DEFAULT_FPS) -> LiveSource:
    """The screen with its pointer, grabbed at that rate.

    spec: "screen", "screen:1280x720" for that much of its top left corner, or "screen:1280x720+100+50" for
    a region whose corner is 100 pixels from the left and 50 from the top.
    size_wh: pictures are scaled to fit inside it; None = as they are.
    Raises CaptureError naming the screen or its region.
    """
    region = parse_region(spec)
    grab = grab_of(spec, region, Fraction(fps).limit_denominator(1001), sys.platform, os.environ)
    return LiveSource(spec, partial(ScreenConnection, spec, grab), size_wh)


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the screen, in pixels."""

    size_wh: tuple[int, int]
    corner_xy: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Grab:
    """What FFmpeg is to open."""

    format: str
    file: str
    fps: Fraction
    options: dict[str, str] = field(default_factory=dict)


def parse_region(spec: str) -> Region | None:
    """The region that the spec names; None = the whole screen. Raises CaptureError."""
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise CaptureError(f"{spec}: not a part of the screen, such as screen:1280x720+100+50")
    if match[1] is None:
        return None
    width, height, x, y = (int(number or 0) for number in match.groups())
    return Region((width, height), (x, y))


def grab_of(
    spec: str, region: Region | None, fps: Fraction, platform: str, environment: Mapping[str, str]
) -> Grab:
    """What to open on that platform (as sys.platform); raises CaptureError where nothing will do."""
    size = {"video_size": "{}x{}".format(*region.size_wh)} if region else {}
    corner = region.corner_xy if region else (0, 0)
    if platform == "win32":
        return Grab(
            "gdigrab", "desktop", fps, size | {"offset_x": str(corner[0]), "offset_y": str(corner[1])}
        )
    if platform == "darwin":
        if region:
            raise CaptureError(f"{spec}: on macOS only the whole screen can be grabbed: screen")
        return Grab("avfoundation", "Capture screen 0:none", fps, {"capture_cursor": "1"})
    display = environment.get("DISPLAY", "")
    wayland = environment.get("WAYLAND_DISPLAY", "")
    if not display:
        needed = (
            "Wayland does not let it be grabbed; log in to an X11 session"
            if wayland
            else "DISPLAY is not set"
        )
        raise CaptureError(f"{spec}: there is no X11 screen ({needed})")
    if wayland:
        log.warning("%s: under Wayland only windows of X11 programs are seen, the rest stays black", spec)
    return Grab("x11grab", display, fps, size | {"grab_x": str(corner[0]), "grab_y": str(corner[1])})


class ScreenConnection:
    """The pictures of a grab."""

    sample_aspect = Fraction(1)
    has_sound = False

    def __init__(self, spec: str, grab: Grab) -> None:
        """Open the screen; raises CaptureError naming `spec`."""
        self.fps = grab.fps
        self._spec = spec
        self._container = _open(spec, grab)

    def __iter__(self) -> Iterator[av.VideoFrame]:
        """The pictures at their rate; raises CaptureError when the screen goes away."""
        try:
            yield from self._container.decode(video=0)
        except av.FFmpegError as error:
            raise CaptureError(f"{self._spec}: the screen is gone ({error.strerror})") from error
        raise CaptureError(f"{self._spec}: the screen is gone")

    def close(self) -> None:
        """Let go of the screen."""
        self._container.close()


def _open(spec: str, grab: Grab) -> InputContainer:
    # To find the rate out, FFmpeg would hold back half a second of pictures.
    options = grab.options | {"framerate": str(grab.fps), "fpsprobesize": "0"}
    try:
        return av.open(grab.file, format=grab.format, options=options, timeout=TIMEOUT_S)
    except ValueError as error:
        if isinstance(error, av.FFmpegError):  # an argument that the screen refuses
            reason = f"the region is not within the screen{_size_of(grab)}"
        else:
            reason = f"this build of FFmpeg cannot grab the screen (no {grab.format})"
        raise CaptureError(f"{spec}: {reason}") from error
    except av.FFmpegError as error:
        raise CaptureError(f"{spec}: the screen {grab.file} cannot be grabbed ({error.strerror})") from error


def _size_of(grab: Grab) -> str:
    """ " (1280x1024)" of the whole screen; empty where that cannot be grabbed either."""
    try:
        with av.open(
            grab.file, format=grab.format, options={"fpsprobesize": "0"}, timeout=TIMEOUT_S
        ) as screen:
            [stream] = screen.streams.video
            return f" ({stream.width}x{stream.height})"
    except av.FFmpegError:
        return ""
