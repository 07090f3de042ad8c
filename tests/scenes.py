"""The demo scene, painted once for all tests: that takes seconds."""

from collections.abc import Iterator
from functools import cache

from app.capture.scene import Layer, build_layers, render
from app.frame import Planes


@cache
def demo_layers() -> list[Layer]:
    return build_layers()


def demo_frames(size_wh: tuple[int, int], count: int) -> Iterator[Planes]:
    """Pictures of the demo, 25 a second, that cannot be written."""
    for index in range(count):
        planes, _ = render(demo_layers(), size_wh, 2 + index / 25)
        for plane in planes:
            plane.setflags(write=False)
        yield planes
