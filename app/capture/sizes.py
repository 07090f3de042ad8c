"""Sizes of pictures, (width, height) in pixels."""

from fractions import Fraction

from app.errors import CaptureError

SMALLEST = 64
LARGEST_WH = (4096, 2304)


def check_source_size(name: str, size_wh: tuple[int, int]) -> None:
    """Raise CaptureError if a source's own pictures are too small to work on."""
    if min(size_wh) < SMALLEST:
        raise CaptureError(
            f"{name}: the picture is {_text(size_wh)}; the smallest supported is {SMALLEST}x{SMALLEST}"
        )


def check_frame_size(name: str, size_wh: tuple[int, int]) -> None:
    """Raise CaptureError if frames of this size, in either orientation, cannot be worked on."""
    if min(size_wh) < SMALLEST:
        raise CaptureError(
            f"{name}: frames of {_text(size_wh)} are too small; the smallest are {SMALLEST}x{SMALLEST}"
        )
    if max(size_wh) > LARGEST_WH[0] or min(size_wh) > LARGEST_WH[1]:
        raise CaptureError(
            f"{name}: frames of {_text(size_wh)} are too large; the largest are {_text(LARGEST_WH)}"
            " (--size scales them)"
        )


def fit_inside(size_wh: tuple[int, int], box_wh: tuple[int, int]) -> tuple[int, int]:
    """The largest even size with the aspect of `size_wh` that fits inside the box."""
    even_box = [max(side // 2, 1) * 2 for side in box_wh]
    scale = min(Fraction(box, side) for side, box in zip(size_wh, even_box, strict=True))
    width, height = (max(round(side * scale / 2), 1) * 2 for side in size_wh)
    return width, height


def _text(size_wh: tuple[int, int]) -> str:
    return f"{size_wh[0]}x{size_wh[1]}"
