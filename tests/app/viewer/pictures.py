"""Composited frames of plain colours."""

from fractions import Fraction

import numpy as np

from app.colour import planes_from_rgb
from app.frame import NO_SPANS, U8, Colour, Composited, Foreground, Found, Frame, Motion, Tracked
from tests.app.motions import motion

BT709 = Colour("bt709")
STILL = motion()


def plain(rgb: tuple[int, int, int], size_wh: tuple[int, int]) -> U8:
    """A picture of one colour, uint8 (H, W, 3)."""
    return np.broadcast_to(np.array(rgb, np.uint8), (size_wh[1], size_wh[0], 3))


def composited(
    result: U8,
    *,
    original: U8 | None = None,
    alpha: U8 | None = None,
    motion: Motion = STILL,
    colour: Colour = BT709,
    captured_ns: int = 0,
) -> Composited:
    """A packet of two RGB pictures, by default the same, and an alpha, by default 0."""
    planes = planes_from_rgb(result, colour)
    source = planes if original is None else planes_from_rgb(original, colour)
    frame = Frame(source, 0, 0, Fraction(1, 30), colour, captured_ns)
    sky = np.zeros(result.shape[:2], np.uint8) if alpha is None else alpha
    return Composited(Tracked(frame, sky, motion, Foreground(frame.planes, NO_SPANS), Found(0.5, 1)), planes)
