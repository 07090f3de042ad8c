"""The built-in demo scene as a source that never ends."""

import time
from collections.abc import Iterator
from fractions import Fraction
from types import TracebackType
from typing import Self

from app.capture import scene
from app.capture.sizes import check_frame_size
from app.capture.source import SourceInfo
from app.frame import U8, Frame

SIZE_WH = (1280, 720)
FPS = Fraction(30)


class DemoSource:
    """A walk before a village, rendered as it is asked for; the same on every run."""

    repaired_pts = 0
    broken = 0
    rescaled = 0
    trouble = ""
    reconnects = 0

    def __init__(self, size_wh: tuple[int, int] | None) -> None:
        """Paint the scene; raises CaptureError if the size is not supported. It has no aspect of its own."""
        size_wh = size_wh or SIZE_WH
        check_frame_size("demo", size_wh)
        self.info = SourceInfo(
            name="demo",
            size_wh=size_wh,
            time_base=1 / FPS,
            fps=FPS,
            frames=None,
            colour=scene.COLOUR,
            sound=None,
        )
        self._layers = scene.build_layers()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is held open."""

    def __iter__(self) -> Iterator[Frame]:
        """Frames without end."""
        index = 0
        while True:
            yield self.frame(index)[0]
            index += 1

    def frame(self, index: int) -> tuple[Frame, U8]:
        """(frame, its true alpha: uint8 (H, W), 255 = sky) of that number, from 0."""
        planes, alpha = scene.render(self._layers, self.info.size_wh, float(index / FPS))
        for array in (*planes, alpha):
            array.setflags(write=False)
        time_base = self.info.time_base
        return Frame(planes, index, index, time_base, scene.COLOUR, time.perf_counter_ns()), alpha
