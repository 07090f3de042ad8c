"""What decodes the pictures of a file or an address: software, or a device where that is worth it."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any

import av
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from app.capture.device import DeviceError, device_decoder, difference, tag_like
from app.config import Decoder
from app.errors import CaptureError
from app.hardware import check_decoder, first_working, hardware_decoders

log = logging.getLogger(__name__)

# Up to so many pixels per second one core decodes beside all else: 1080p at 60 per second take 64 % of one. A
# device would spare that, but its pictures must come down into memory, under Python's lock.
SOFTWARE_PIXELS_PER_S = 1920 * 1080 * 60

# So many pictures are decoded both ways and compared before a device is relied on.
_COMPARED = 3
# Packets without a picture after which a device is given up; an honest one holds back 16 at most.
_MOST_SILENT = 64
# Pictures in a row that a device cannot decode: then software may do better.
_MOST_BROKEN = 10
# Packets after which software goes on without a key frame: a stream may have but one.
_LONGEST_WAIT = 300

_failed: set[str] = set()
"""Devices that have failed in mid-stream: they are left alone for the rest of the run."""


def open_decoder(stream: VideoStream, wanted: Decoder, name: str) -> PictureDecoder:
    """The decoder of a stream.

    wanted: a device = that one; software = none; auto = the first that works, where software is too slow.
    Raises CaptureError with that name for a device that is asked for and cannot be used.
    """
    if wanted == "software" or wanted in _failed:
        return PictureDecoder(stream, name)
    if wanted != "auto":
        reason = check_decoder(wanted).reason
        if not reason:
            try:
                return PictureDecoder(stream, name, wanted, _on(wanted, stream))
            except (DeviceError, av.FFmpegError) as error:
                reason = _text(error)
        raise CaptureError(f"{name}: the decoder {wanted} cannot be used: {reason}")
    if _pixels_per_s(stream) > SOFTWARE_PIXELS_PER_S:
        device = first_working([each for each in hardware_decoders() if each not in _failed], check_decoder)
        if device is not None:
            try:
                return PictureDecoder(stream, name, device, _on(device, stream), must=False)
            except (DeviceError, av.FFmpegError) as error:
                log.info("%s: decoded by software; %s: %s", name, device, _text(error))
    return PictureDecoder(stream, name)


def _on(device: str, stream: VideoStream) -> VideoCodecContext:
    return device_decoder(stream.codec_context.codec.canonical_name, device, stream.codec_context)


class PictureDecoder:
    """Decodes the packets of a stream, for one thread.

    The first pictures that a device decodes are compared with those of the stream's own, software decoder,
    which are the ones handed out. A device that fails later is given up for good: from the next key frame on
    the software decodes, and what comes before it is broken.
    """

    def __init__(
        self,
        stream: VideoStream,
        name: str,
        device: str = "",
        context: VideoCodecContext | None = None,
        *,
        must: bool = True,
    ) -> None:
        """device, context: what decodes instead of software; `must`: else it is an error, not only tried."""
        self._name = name
        self._software: VideoCodecContext = stream.codec_context
        self._device_name = device
        self._device = context
        self._must = must
        self._comparing = context is not None
        self._expected: deque[av.VideoFrame] = deque()
        self._given: deque[av.VideoFrame] = deque()
        self._held: list[av.VideoFrame | None] = []
        self._compared = 0
        self._ahead = 0
        self._tagged: av.VideoFrame | None = None
        self._silent = 0
        self._run = 0
        self._waited: int | None = None

    @property
    def waiting(self) -> bool:
        """Whether a device has failed, and the next key frame has not come yet."""
        return self._waited is not None

    def decode(self, packet: Packet[Any]) -> list[av.VideoFrame | None]:
        """The pictures that come out when the packet goes in, None for each broken one.

        Raises CaptureError where a device that must be used does not decode the stream as software does.
        """
        if self._device is None:
            return self._by_software(packet)
        return self._by_both(packet) if self._comparing else self._by_device(packet)

    def flush(self) -> None:
        """Forget what went in: the next packet is one of another place in the stream."""
        self._software.flush_buffers()
        self._waited = None
        if self._device is not None:
            self._device.flush_buffers()
        self._expected.clear()
        self._given.clear()
        self._held.clear()
        self._ahead = self._silent = 0

    def _by_software(self, packet: Packet[Any]) -> list[av.VideoFrame | None]:
        if self._waited is not None:
            self._waited += 1
            if packet.size and not packet.is_keyframe and self._waited < _LONGEST_WAIT:
                return [None]
            self._waited = None
        return _decoded(self._software, packet)

    def _by_both(self, packet: Packet[Any]) -> list[av.VideoFrame | None]:
        """Hold the software's pictures back until enough of the device's are known to be the same."""
        assert self._device is not None
        pictures = _decoded(self._software, packet)
        self._held += pictures
        self._expected += [picture for picture in pictures if picture is not None]
        reason = ""
        try:
            self._given += [frame for frame in self._device.decode(packet) if not frame.is_corrupt]
        except av.FFmpegError as error:
            # What the software cannot decode either is the stream's fault.
            reason = "" if None in pictures else _text(error)
        while self._expected and self._given and not reason:
            self._tagged, given = self._expected.popleft(), self._given.popleft()
            tag_like(given, self._tagged)
            reason = difference(given, self._tagged)
            self._compared += 1
        last = not packet.size
        if not reason and len(self._expected) > _MOST_SILENT:
            reason = "it gives no pictures"
        if not reason and last and len(self._expected) != len(self._given):
            reason = "pictures are missing at the end"
        if reason:
            self._refuse(reason)
            return self._released()
        if self._compared < _COMPARED and not last:
            return [] if self._compared or self._expected else self._released()
        self._comparing = False
        self._software.flush_buffers()
        log.info("%s: decoded by %s", self._name, self._device_name)
        # The device may be behind: what it gives next has been handed out. Or it may be ahead.
        self._ahead, ahead = len(self._expected), [*self._given]
        for picture in ahead:
            self._tag(picture)
        return [*self._released(), *ahead]

    def _released(self) -> list[av.VideoFrame | None]:
        held, self._held = self._held, []
        self._expected.clear()
        self._given.clear()
        return held

    def _refuse(self, reason: str) -> None:
        self._device = None
        if self._must:
            raise CaptureError(f"{self._name}: the decoder {self._device_name} cannot be used: {reason}")
        log.info("%s: decoded by software; %s: %s", self._name, self._device_name, reason)

    def _by_device(self, packet: Packet[Any]) -> list[av.VideoFrame | None]:
        assert self._device is not None
        try:
            pictures = self._device.decode(packet)
        except av.InvalidDataError:
            self._run += 1
            return [None] if self._run < _MOST_BROKEN else self._fail("it cannot decode the stream any more")
        except av.FFmpegError as error:
            return self._fail(_text(error))
        self._silent = 0 if pictures else self._silent + 1
        if self._silent > _MOST_SILENT:
            return self._fail("it gives no more pictures")
        handed_out = min(self._ahead, len(pictures))
        self._ahead -= handed_out
        new = pictures[handed_out:]
        for picture in new:
            self._run = self._run + 1 if picture.is_corrupt else 0
            self._tag(picture)
        whole = [None if picture.is_corrupt else picture for picture in new]
        return whole if self._run < _MOST_BROKEN else whole + self._fail("its pictures are broken")

    def _fail(self, reason: str) -> list[av.VideoFrame | None]:
        """Give the device up; the picture that it could not decode is broken, as are those still in it."""
        assert self._device is not None
        lost = max(1 + self._device.reorder_depth, self._silent)
        _failed.add(self._device_name)
        self._device = None
        self._waited = 0
        log.warning(
            "%s: the decoder %s has failed (%s); software goes on from the next key frame",
            self._name,
            self._device_name,
            reason,
        )
        return [None] * lost

    def _tag(self, picture: av.VideoFrame) -> None:
        if self._tagged is not None:
            tag_like(picture, self._tagged)


def _decoded(context: VideoCodecContext, packet: Packet[Any]) -> list[av.VideoFrame | None]:
    try:
        return [None if frame.is_corrupt else frame for frame in context.decode(packet)]
    except av.FFmpegError:
        return [None]


def _pixels_per_s(stream: VideoStream) -> float:
    rate = stream.average_rate or stream.guessed_rate or 0
    return float(stream.codec_context.width * stream.codec_context.height * rate)


def _text(error: Exception) -> str:
    return (error.strerror if isinstance(error, av.FFmpegError) else "") or str(error)
