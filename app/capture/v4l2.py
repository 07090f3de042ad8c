"""What a video4linux camera offers, asked of the kernel (Linux only; linux/videodev2.h)."""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import closing, suppress
from fractions import Fraction
from typing import NamedTuple

from app.capture.formats import Format, Mode

_CAPTURE = 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE and V4L2_CAP_VIDEO_CAPTURE
_DEVICE_CAPS = 0x80000000
_DISCRETE = 1
# A device that takes any size or rate of a range is listed with those of these that it takes, and with the
# largest and the fastest.
_COMMON_SIZES = ((640, 360), (640, 480), (854, 480), (1280, 720), (1920, 1080), (2560, 1440), (3840, 2160))
_COMMON_RATES = (5, 10, 15, 20, 24, 25, 30, 50, 60)


class _Request(NamedTuple):
    """A read-and-write ioctl of type "V": its number and the fields of its struct."""

    number: int
    fields: struct.Struct

    @property
    def code(self) -> int:
        return 3 << 30 | self.fields.size << 16 | ord("V") << 8 | self.number


_CAPABILITY = struct.Struct("=16s32s32s6I")
_QUERYCAP = 2 << 30 | _CAPABILITY.size << 16 | ord("V") << 8
_ENUM_FMT = _Request(2, struct.Struct("=3I32s5I"))
_ENUM_FRAMESIZES = _Request(74, struct.Struct("=11I"))
_ENUM_FRAMEINTERVALS = _Request(75, struct.Struct("=13I"))


def read_formats(device: str) -> tuple[Format, ...] | None:
    """What the device can capture, in the driver's order; None if it cannot capture, as a metadata node.

    Raises OSError if it cannot be opened. A camera that another program uses answers all the same.
    """
    # What only takes several planes in separate buffers is left out: FFmpeg cannot read it.
    with closing(_Device(device)) as camera:
        if not camera.captures():
            return None
        return tuple(camera.formats())


class _Device:
    def __init__(self, device: str) -> None:
        self._fd = os.open(device, os.O_RDWR | os.O_NONBLOCK)

    def close(self) -> None:
        os.close(self._fd)

    def captures(self) -> bool:
        answer = fcntl.ioctl(self._fd, _QUERYCAP, bytes(_CAPABILITY.size))
        # `capabilities` tells of all nodes of the hardware, `device_caps` of this one.
        capabilities, device_caps = _CAPABILITY.unpack(answer)[4:6]
        return bool((device_caps if capabilities & _DEVICE_CAPS else capabilities) & _CAPTURE)

    def formats(self) -> Iterator[Format]:
        for _, _, _, name, pixel_format, *_ in self._listed(_ENUM_FMT, _CAPTURE, 0, b"", 0, 0, 0, 0, 0):
            code = struct.pack("=I", pixel_format).decode("ascii", "replace").rstrip()
            text = name.partition(b"\0")[0].decode("utf-8", "replace")
            yield Format(code, text, tuple(self._modes(pixel_format)))

    def _modes(self, pixel_format: int) -> Iterator[Mode]:
        for size_wh in dict.fromkeys(self._sizes(pixel_format)):
            rates = sorted(set(self._rates(pixel_format, size_wh)), reverse=True)
            yield Mode(size_wh, tuple(rates))

    def _sizes(self, pixel_format: int) -> Iterator[tuple[int, int]]:
        for _, _, kind, *numbers in self._listed(_ENUM_FRAMESIZES, pixel_format, *[0] * 9):
            if kind == _DISCRETE:
                yield numbers[0], numbers[1]
                continue
            wide, high = numbers[0:3], numbers[3:6]  # least, most, step
            yield from ((w, h) for w, h in _COMMON_SIZES if _in_range(w, *wide) and _in_range(h, *high))
            yield wide[1], high[1]

    def _rates(self, pixel_format: int, size_wh: tuple[int, int]) -> Iterator[Fraction]:
        listed = self._listed(_ENUM_FRAMEINTERVALS, pixel_format, *size_wh, *[0] * 9)
        for _, _, _, _, kind, *numbers in listed:
            shortest = numbers[0:2]
            longest = shortest if kind == _DISCRETE else numbers[2:4]
            if all((*shortest, *longest)):  # else the driver does not know
                fastest, slowest = Fraction(shortest[1], shortest[0]), Fraction(longest[1], longest[0])
                yield fastest
                yield from (Fraction(rate) for rate in _COMMON_RATES if slowest <= rate < fastest)

    def _listed(self, request: _Request, *fields: int | bytes) -> Iterator[tuple]:  # type: ignore[type-arg]
        """The answers to a request whose struct begins with an index, until the driver has no more."""
        index = 0
        with suppress(OSError):  # EINVAL: no more; ENOTTY: the driver lists no such thing
            while True:
                packed = request.fields.pack(index, *fields)
                yield request.fields.unpack(fcntl.ioctl(self._fd, request.code, packed))
                index += 1


def _in_range(value: int, least: int, most: int, step: int) -> bool:
    return least <= value <= most and (value - least) % max(step, 1) == 0
