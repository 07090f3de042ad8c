"""What the window shows of the running program, and what it may ask of it. No behaviour."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from app.config import AS_IT_IS, Look, Placement
from app.frame import Found
from app.sky.library import SkyFile
from engines.watch import Preparing
from living.specs import Clock


@dataclass(frozen=True, slots=True)
class Message:
    """One line for the user. `number` counts them, so that the same text twice is seen as two."""

    number: int = 0
    text: str = ""
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """What has been recorded so far: the file, the seconds of picture and the bytes in it."""

    path: Path
    seconds: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Daylight:
    """The time of day of a sky: its hour, 0 to 24, in the last picture, and the clock that was set for it.

    hour: None while a photo has its own light. clock: None = as the sky itself says.
    """

    hour: float | None
    clock: Clock | None = None


@dataclass(frozen=True, slots=True)
class State:
    """A snapshot of the program, ten times a second.

    `source` is what is shown (empty: nothing yet), `opening` what is being opened. `preparing` is the engine
    that is being made ready, beside the picture or for the first one; None: none is. `trouble` says why no
    pictures come from a live source just now ("reconnecting …"). `held`: the user paused; a live source goes
    on behind the held picture. `ended`: the file is over, its last picture stays. `position_s` and `span_s`
    are on the source's clock; `span_s` is None where the position cannot be set. `sky_name` is the sky shown
    or faded to, `loading_sky` the title of one that is being loaded. `placement` is where the sky stands that
    was chosen last, `placements` where the user put skies, by name. `daylight` is its
    time of day; None for a sky without. `found` is what was found of the sky in
    the last pictures, smoothed; None before the first. `stages` are median ms by stage, `drops` frames by
    place. `stream` and `virtual_camera` say where pictures go besides, empty = nowhere.
    """

    source: str = ""
    size_wh: tuple[int, int] | None = None
    opening: str = ""
    preparing: Preparing | None = None
    trouble: str = ""
    live: bool = False
    held: bool = False
    ended: bool = False
    position_s: float = 0.0
    span_s: tuple[float, float] | None = None
    sky_name: str = ""
    loading_sky: str = ""
    placement: Placement = AS_IT_IS
    placements: Mapping[str, Placement] = field(default_factory=dict)
    daylight: Daylight | None = None
    found: Found | None = None
    recording: Written | None = None
    stream: str = ""
    virtual_camera: str = ""
    fps: float = 0.0
    latency_ms: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    drops: dict[str, int] = field(default_factory=dict)
    backend: str = ""
    message: Message = Message()


class Controls(Protocol):
    """What the window may ask of the program. Called in the GUI thread: every method returns at once.

    What takes time is done elsewhere; what came of it is seen in `state`, what failed in its `message`.
    """

    def state(self) -> State:
        """How things are now. Raises the error that ended the program, if one did."""

    def open(self, spec: str) -> None:
        """Open another source; the present one goes on until that has worked. Ends the recording."""

    def choose_sky(self, sky: SkyFile) -> None:
        """Load a sky and cross-fade to it."""

    def place_sky(self, placement: Placement | None) -> None:
        """Let the sky that was chosen last stand there, from the next frame on; None = as it says itself."""

    def set_clock(self, clock: Clock | None) -> None:
        """Let the sky that was chosen last be as late as a clock says that starts now; None = as it says."""

    def set_look(self, look: Look) -> None:
        """Use this look from the next frame on."""

    def toggle_hold(self) -> None:
        """Pause, or go on: a file's source, a live source's picture. At a file's end: play it again."""

    def seek(self, seconds: float) -> None:
        """Go on at this time; refused with a message while recording, or where `span_s` is None."""

    def record(self, path: Path) -> None:
        """Start to record the composite to this file; an existing file is refused."""

    def stop_recording(self) -> None:
        """Finish the recording."""

    def toggle_virtual_camera(self) -> None:
        """Show the composite as a camera to other programs, or stop doing so."""

    def save_picture(self, path: Path) -> None:
        """Write the newest composite as PNG."""

    def painted(self, captured_ns: int) -> None:
        """A picture is on the screen; `captured_ns` of its frame."""
