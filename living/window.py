"""The part of a panorama that matters most."""

from typing import NamedTuple

STEP = 32
"""Edges of windows lie on multiples of so many pixels."""


class Window(NamedTuple):
    """Columns [left, right) and rows [top, bottom) of a panorama, in pixels, multiples of `STEP`.

    0 <= left < width; right is at most left + width: columns beyond the right edge go on at the left one.
    bottom is at most a quarter of the width, the horizon.
    """

    left: int
    right: int
    top: int
    bottom: int
