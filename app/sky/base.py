"""What every sky offers to the blending stage."""

from dataclasses import dataclass
from typing import Protocol

from app.frame import F64, Planes


@dataclass(frozen=True, slots=True, eq=False)
class SkyView:
    """The sky behind one frame.

    `planes` has the frame's size, matrix, range and chroma siting. Only the rows that were asked for are
    valid, and only until the sky is rendered again, which reuses the memory. `mean_rgb` is float64 (3,),
    red green blue, 0..255: the mean over the whole view, whatever rows were asked for.
    """

    planes: Planes
    mean_rgb: F64


class Sky(Protocol):
    """A sky that is loaded and ready to be shown. Used by one thread at a time."""

    title: str

    def render(self, seconds: float, pose: F64, rows: tuple[int, int]) -> SkyView:
        """The sky behind a frame.

        seconds: the sky's own time, from 0 on; equal seconds show an equal sky.
        pose: float64 (3, 3), from the first frame's pixels to this frame's, as in `Motion`.
        rows: luma rows [top, bottom) to draw, perhaps none; top is even, bottom even or the frame's height.
        """

    def close(self) -> None:
        """Let go of files and threads; safe to call twice and from any thread."""
