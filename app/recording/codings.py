"""The H.264 encoders of hardware, each with the options that make it do what x264 does here."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

# In the order in which `auto` tries them.
HARDWARE = (
    "h264_nvenc",
    "h264_qsv",
    "h264_amf",
    "h264_videotoolbox",
    "h264_mf",
    "h264_v4l2m2m",
)
_PIX_FMTS: dict[str, Literal["yuv420p", "nv12"]] = {"h264_nvenc": "yuv420p", "h264_v4l2m2m": "yuv420p"}
# Encoders without constant quality are given a bit rate: these bits per pixel at crf 20, and half as many
# with each 6 of crf more.
_BITS_PER_PIXEL = 0.25
# Where the rate is limited, what is aimed at: were it the limit itself, encoders would fill it up.
_AIM = Fraction(3, 4)


@dataclass(frozen=True, slots=True)
class Coding:
    """An encoder, FFmpeg's name of it, with its options and the layout of the pictures that it takes.

    fallback: what is used where it does not open; None = then there is an error.
    """

    codec: str
    options: dict[str, str]
    pix_fmt: Literal["yuv420p", "nv12"] = "yuv420p"
    fallback: Coding | None = None


def hardware_coding(
    codec: str, size_wh: tuple[int, int], fps: Fraction, crf: int, most_bits: int | None = None
) -> Coding:
    """One of `HARDWARE` at about the quality that x264 has with that crf.

    No B-frames and no look-ahead: every picture leaves as soon as the hardware is done with it, in order. Key
    frames come when they are asked for, and 2 s after the last in any case.
    most_bits: at most so many bits per second, held over one second; None = as many as the quality takes.
    """
    bits = round(size_wh[0] * size_wh[1] * fps * _BITS_PER_PIXEL * 2 ** ((20 - crf) / 6))
    limit = {} if most_bits is None else {"maxrate": str(most_bits), "bufsize": str(most_bits)}
    aim = {"b": str(bits if most_bits is None else min(bits, int(most_bits * _AIM)))}
    quality = str(max(crf, 1))  # 0 means "automatic" to all of them
    options = {"g": str(max(1, int(2 * fps))), "bf": "0"} | limit
    match codec:
        case "h264_nvenc":
            options |= {"preset": "p4", "tune": "ll", "rc": "vbr", "cq": quality}
            options |= {"zerolatency": "1", "delay": "0", "forced-idr": "1"}
        case "h264_qsv":
            # Intelligent constant quality; with a limit that becomes QVBR, which needs an aim too.
            options |= {"preset": "medium", "global_quality": quality, "async_depth": "1", "forced_idr": "1"}
            options |= {} if most_bits is None else aim
        case "h264_amf":
            # With x264, too, pictures between key frames have a quantiser that is 2 to 3 higher.
            constant = {"rc": "cqp", "qp_i": str(crf), "qp_p": str(min(crf + 2, 51))}
            options |= constant if most_bits is None else {"rc": "vbr_peak"} | aim
            options |= {"async_depth": "1", "forced_idr": "1"}
        case "h264_videotoolbox":
            options |= aim | {"realtime": "1", "allow_sw": "0"}
        case "h264_mf":
            options |= aim | {"hw_encoding": "1"}
        case _:
            options |= aim
    return Coding(codec, options, _PIX_FMTS.get(codec, "nv12"))
