"""The packets that travel from stage to stage. No behaviour.

Pictures are planar YUV 4:2:0 (I420), uint8, from decoder to encoder. Arrays in packets are C-contiguous
and read-only: a stage makes new arrays and never writes into those it was given.
"""

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.camera import View

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]

Siting = Literal["left", "center", "topleft"]


class Planes(NamedTuple):
    """An I420 picture: y uint8 (H, W); u and v uint8 (ceil(H/2), ceil(W/2))."""

    y: U8
    u: U8
    v: U8

    @property
    def size_wh(self) -> tuple[int, int]:
        """(width, height) in luma pixels."""
        return self.y.shape[1], self.y.shape[0]


@dataclass(frozen=True, slots=True)
class Colour:
    """How the samples of an I420 picture are to be read.

    `primaries` and `transfer` are the code points of ITU-T H.273 (2 = unspecified), carried from the
    source to the recording. `siting` says where a chroma sample lies in its 2x2 block of luma samples.
    """

    matrix: Literal["bt601", "bt709", "bt2020"] = "bt709"
    full_range: bool = False
    siting: Siting = "left"
    primaries: int = 2
    transfer: int = 2

    @property
    def chroma_xy(self) -> tuple[float, float]:
        """Position (x, y) of chroma sample (0, 0) in luma pixel coordinates (pixel centres at integers)."""
        return {"left": (0.0, 0.5), "center": (0.5, 0.5), "topleft": (0.0, 0.0)}[self.siting]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of the source, on its way.

    `index` counts the source's frames from 0, dropped ones included. `pts` x `time_base` is the time in
    seconds on the source's own clock. `captured_ns` is `time.perf_counter_ns()` when the frame left the
    decoder; from a source treated as live, the moment it was due.
    """

    planes: Planes
    index: int
    pts: int
    time_base: Fraction
    colour: Colour
    captured_ns: int

    @property
    def seconds(self) -> float:
        """Time on the source's clock, in seconds."""
        return float(self.pts * self.time_base)

    def __repr__(self) -> str:
        width, height = self.planes.size_wh
        return f"Frame(#{self.index}, {width}x{height}, {self.seconds:.3f} s)"


class Foreground(NamedTuple):
    """A frame's planes without the old sky's colour, valid only in the spans: along soft edges.

    spans: int32 (n, m, 2), runs [begin, end) of columns of 2x2 blocks. Those in row k, ended by an empty one,
    hold for the rows of blocks that `app.grid.Grid.row` puts between its rows k and k + 1, the last for all
    below, too. NO_SPANS: nowhere.
    """

    planes: Planes
    spans: I32


NO_SPANS = np.zeros((1, 1, 2), np.int32)
NO_SPANS.setflags(write=False)


class Found(NamedTuple):
    """What the matting stage says of its alpha: the sky's share of the picture, its confidence; in [0, 1]."""

    share: float
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class Matted:
    """A frame, its alpha made from this very frame (uint8 (H, W), 255 = sky), and its foreground."""

    frame: Frame
    alpha: U8
    foreground: Foreground
    found: Found


NO_POINTS = np.empty((0, 4), np.float32)
NO_POINTS.setflags(write=False)
NO_KINDS = np.empty(0, np.uint8)
NO_KINDS.setflags(write=False)


class Tracking(StrEnum):
    """How sure the tracker is of the camera's motion into this frame."""

    TRACKED = "tracked"
    PREDICTED = "predicted"
    LOST = "lost"


class PointKind(IntEnum):
    """What a followed point is: of the sky or of what is far below it, or not part of the world at rest."""

    SKY = 0
    LAND = 1
    NEAR = 2
    """At rest, and so near that the camera's own way shifts it."""
    MOVING = 3
    FIXED = 4
    """On something that stays where it is in the picture: a logo, a bonnet."""


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """How the camera turned.

    `step` is a float64 (3, 3) homography in luma pixel coordinates (x, y, 1), pixel centres at integers: it
    takes a point of the sky from the previous frame into this one. `rotation`, float64 (3, 3), is measured
    alone: it takes this frame's camera coordinates into those of the first. `view` is where the camera looks
    in the world in which skies stand: the same, drawn slowly towards a level horizon, and straight ahead
    again after a cut. `state` says where `step` comes from, `inliers` how many points agreed, `sigma_deg` is
    the standard deviation of `rotation` since the first frame or the last cut, in degrees. `points` is
    float32 (N, 4): where the followed points were in the previous frame and are in this one (x0, y0, x1, y1),
    luma pixels; `kinds` is uint8 (N,), the `PointKind` of each.
    """

    step: F64
    rotation: F64
    view: View
    state: Tracking
    inliers: int
    sigma_deg: float = 0.0
    points: F32 = field(default_factory=lambda: NO_POINTS)
    kinds: U8 = field(default_factory=lambda: NO_KINDS)

    @property
    def fov_deg(self) -> float:
        """Width of the view in degrees."""
        return self.view.camera.fov_deg


@dataclass(frozen=True, slots=True, eq=False)
class Tracked:
    """As `Matted`, with the motion, and with the final alpha: smoothed along the motion."""

    frame: Frame
    alpha: U8
    motion: Motion
    foreground: Foreground
    found: Found


@dataclass(frozen=True, slots=True, eq=False)
class Composited:
    """The finished picture beside everything it was made from."""

    tracked: Tracked
    planes: Planes

    @property
    def frame(self) -> Frame:
        """The source's frame."""
        return self.tracked.frame


class Picture(NamedTuple):
    """What a recording, a stream or a virtual camera needs of a finished picture; `pts` as the frame's."""

    planes: Planes
    pts: int
