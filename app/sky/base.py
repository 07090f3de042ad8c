"""What every sky offers to the blending stage."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from app.camera import View
from app.config import Placement
from app.frame import F64, Planes
from living.specs import Clock


@dataclass(frozen=True, slots=True, eq=False)
class Sun:
    """Where the light of a sky comes from.

    `direction` is a unit vector, float64 (3,), in the world's coordinates as in `View`: towards the sun.
    `rgb` is its colour, float64 (3,), the largest of red, green and blue 255.
    """

    direction: F64
    rgb: F64


@dataclass(frozen=True, slots=True, eq=False)
class SkyView:
    """The sky behind one frame.

    `planes` has the frame's size, matrix, range and chroma siting. Only the rows that were asked for are
    valid, and only until the sky is rendered again, which reuses the memory. `mean_rgb` is float64 (3,),
    red green blue, 0..255: the mean over the whole view, whatever rows were asked for. `sun` is None for a
    sky without one.
    """

    planes: Planes
    mean_rgb: F64
    sun: Sun | None = None


class Sky(Protocol):
    """A sky that is loaded and ready to be shown. Used by one thread at a time."""

    title: str

    placement: Placement
    """Where it stands in the world; may be replaced at any time and by any thread."""

    def render(self, seconds: float, view: View, rows: tuple[int, int]) -> SkyView:
        """The sky behind a frame.

        seconds: the sky's own time, from 0 on; equal seconds show an equal sky.
        view: the camera, of the frame's size, and where it looks, as in `Motion`.
        rows: luma rows [top, bottom) to draw, perhaps none; top is even, bottom even or the frame's height.
        """

    def close(self) -> None:
        """Let go of files and threads; safe to call twice and from any thread."""


@runtime_checkable
class Daylit(Protocol):
    """What a sky offers besides whose light is that of a time of day."""

    @property
    def hour(self) -> float | None:
        """The hour of the day in the last frame, 0 to 24; None while a photo has its own light."""

    def set_clock(self, clock: Clock | None) -> None:
        """Let it be as late as a clock says that starts now; None = as the sky itself says. By any thread."""


class Backdrop(Protocol):
    """How pictures of one size lie behind frames of one size; owns the planes it draws into."""

    picture_wh: tuple[int, int]
    """The size that pictures are to have, even."""

    def texture(self, planes: Planes, chroma_xy: tuple[float, float]) -> Any:
        """The texture of a picture; chroma_xy: as in `Colour`."""

    def direction(self, x: float, y: float) -> F64:
        """Where a place of the picture, as shares of its width and height, is seen, in the sky's own axes."""

    def render(
        self, texture: Any, view: View, placement: Placement, sun: Sun | None, rows: tuple[int, int]
    ) -> SkyView:
        """A texture behind a frame, as `Sky.render` says; sun: in the sky's own axes."""
