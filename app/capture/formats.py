"""Pixel formats of cameras, and which of them to ask for."""

from dataclasses import dataclass
from fractions import Fraction

# video4linux's code of each pixel format that can be read, and what FFmpeg calls it; first the one that
# costs least. CPU time of one 1280x720 picture up to I420 on a 2.5 GHz Xeon, in ms: I420 0.03, NV12 0.2,
# YUYV 0.35, UYVY 0.6, RGB 4.4, Motion-JPEG 5.5 (decoding 2.8, its 4:2:2 to 4:2:0 2.7), H.264 1.6 to 4.5.
# H.264 comes after Motion-JPEG all the same: in cameras it is compressed harder, sent later, and a lost
# picture spoils those after it. Grey comes last, as it has no colour.
READABLE = {
    "YU12": "yuv420p",
    "NV12": "nv12",
    "YUYV": "yuyv422",
    "UYVY": "uyvy422",
    "RGB3": "rgb24",
    "BGR3": "bgr24",
    "MJPG": "mjpeg",
    "JPEG": "mjpeg",
    "H264": "h264",
    "GREY": "gray",
}
_COSTS = {code: cost for cost, code in enumerate(READABLE)}


@dataclass(frozen=True, slots=True)
class Mode:
    """A size and the rates in frames per second that go with it, fastest first; none = not known."""

    size_wh: tuple[int, int]
    rates: tuple[Fraction, ...]


@dataclass(frozen=True, slots=True)
class Format:
    """A pixel format: four letters, the driver's name for it, and its sizes in the driver's order."""

    code: str
    name: str
    modes: tuple[Mode, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """What to ask a camera for; `pixel_format` is FFmpeg's name."""

    pixel_format: str
    size_wh: tuple[int, int]
    fps: Fraction


def choose_format(formats: tuple[Format, ...], size_wh: tuple[int, int], fps: Fraction) -> Choice | None:
    """The readable format that costs least at the size nearest to the wanted one and at the wanted rate.

    Where no format reaches the rate at that size it is the fastest; None if none can be read.
    """
    readable = [
        (format.code, mode)
        for format in formats
        if format.code in READABLE
        for mode in format.modes or (Mode(size_wh, ()),)
    ]
    if not readable:
        return None

    def badness(entry: tuple[str, Mode]) -> tuple[int, Fraction, int]:
        code, mode = entry
        fastest = max(mode.rates, default=fps)
        return _distance(mode.size_wh, size_wh), -fps if _reaches(fastest, fps) else -fastest, _COSTS[code]

    code, mode = min(readable, key=badness)
    return Choice(READABLE[code], mode.size_wh, _nearest_rate(mode.rates, fps))


def _distance(size_wh: tuple[int, int], wanted_wh: tuple[int, int]) -> int:
    """How far a size is from the wanted one, in pixels along the sides; what is missing counts twice."""
    gaps = [side - wanted for side, wanted in zip(size_wh, wanted_wh, strict=True)]
    return sum(gap if gap >= 0 else -2 * gap for gap in gaps)


def _reaches(rate: Fraction, fps: Fraction) -> bool:
    return rate >= fps * Fraction(98, 100)  # 29.97 frames per second reach 30


def _nearest_rate(rates: tuple[Fraction, ...], fps: Fraction) -> Fraction:
    """The nearest of the rates that reach `fps`, else the fastest; `fps` where the rates are not known."""
    reaching = [rate for rate in rates if _reaches(rate, fps)]
    return min(reaching, key=lambda rate: abs(rate - fps), default=max(rates, default=fps))
