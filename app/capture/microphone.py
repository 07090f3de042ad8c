"""The sound of an ALSA device for a source that has none of its own."""

import errno
import logging
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer

from app.capture import alsa
from app.errors import CaptureError
from app.sound_feed import SoundFeed

log = logging.getLogger(__name__)

_RETRY_S = 1.0
_RATE = 48_000
# FFmpeg asks ALSA for the smallest pieces that the device knows, which may be 16 samples.
_BLOCK = 1024
# A stamp further than this from the end of what came before it shows a gap, or a clock that was set.
_GAP_S = 0.02
# The clock of the pictures against the wall clock: less is inaccuracy.
_RESET_S = 0.005
# How long closing waits for a device that hangs.
_PATIENCE_S = 2.0


class Microphone:
    """Puts a device's sound into a feed, on the clock of the pictures, from a thread of its own.

    FFmpeg stamps sound with the wall clock, smoothed, less what waits in the buffer: the moment of its first
    sample. A device that goes away is opened again as soon as it is back.
    """

    def __init__(self, device: str, feed: SoundFeed, now: Callable[[], float]) -> None:
        """Open the device and start to listen.

        device: ALSA's name, such as "default" or "plughw:1,0".
        now: the time on the clock of the pictures, in seconds; called in the microphone's thread.
        Raises CaptureError naming the device.
        """
        self._device = device
        self._feed = feed
        self._now = now
        self._closing = threading.Event()
        container = _open(device)
        self._thread = threading.Thread(target=self._run, args=(container,), name="microphone", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and release the device. May be called twice."""
        self._closing.set()
        self._thread.join(_PATIENCE_S)

    def _run(self, container: InputContainer | None) -> None:
        while container is not None:
            with container:
                reason = self._listen(container)
            if not self._closing.is_set():
                log.warning("microphone %s: %s; trying again", self._device, reason)
            container = self._opened_again()

    def _listen(self, container: InputContainer) -> str:
        """Hand on what is heard until this is closed or cannot go on; why."""
        # All these clocks run at one pace, so what lies between them stays until one of them is set.
        monotonic_ahead_s, ahead_s, end_s = _ahead(time.perf_counter), _ahead(self._now), -math.inf
        try:
            for wall_s, block in _blocks(container):
                if self._closing.is_set():
                    return ""
                if abs(_ahead(time.perf_counter) - monotonic_ahead_s) > _GAP_S:
                    return "the wall clock was set"
                current_s = _ahead(self._now)
                if abs(current_s - ahead_s) > _RESET_S:
                    ahead_s = current_s
                start_s, length_s = wall_s + ahead_s, block.samples / block.sample_rate
                if start_s < end_s - length_s / 2:
                    continue
                end_s = start_s + length_s
                block.pts = round(start_s * block.sample_rate)
                block.time_base = Fraction(1, block.sample_rate)
                self._feed.put(block)
        except av.FFmpegError:
            pass  # always an input or output error; what is wrong shows when it is opened anew
        return "no sound comes any more"

    def _opened_again(self) -> InputContainer | None:
        while not self._closing.wait(_RETRY_S):
            try:
                container = _open(self._device)
            except CaptureError:
                continue
            log.info("microphone %s: sound again", self._device)
            return container
        return None


def _open(device: str) -> InputContainer:
    if sys.platform != "linux":
        raise CaptureError(f"microphone {device}: sound can be recorded with a camera on Linux only")
    alsa.prepare()
    error: av.FFmpegError | None = None
    for channels in ("2", "1"):  # a device without "plug" in its name converts nothing
        options = {"sample_rate": str(_RATE), "channels": channels}
        try:
            return av.open(device, format="alsa", options=options)
        except av.FFmpegError as refused:
            error = refused
    raise CaptureError(f"microphone {device}: {_reason(device)}") from error


def _reason(device: str) -> str:
    """Why it cannot be opened: to FFmpeg everything is an input or output error."""
    number = alsa.open_error(device)
    match number:
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            inputs = alsa.recording_devices()
            return f"no such device; there are: {', '.join(inputs)}" if inputs else "no such device"
        case errno.EBUSY:
            return "it is in use by another program"
        case errno.EACCES | errno.EPERM:
            return "no permission to use it: add yourself to the group audio and log in again"
        case 0:
            return "it gives no sound that can be read (a name with plughw: instead of hw: may help)"
        case _:
            return os.strerror(number)


def _blocks(container: InputContainer) -> Iterator[tuple[float, av.AudioFrame]]:
    """(wall clock of the first sample in seconds, sound), in pieces of _BLOCK samples and between gaps."""
    [stream] = container.streams.audio
    rate, sample_bytes, tick_s = stream.rate, 2 * stream.channels, float(stream.time_base or 0)
    waiting, end_s = bytearray(), 0.0
    # Samples as they lie in the packets, since decoding them would cost twice as much.
    for packet in container.demux(stream):
        if packet.pts is None:  # the end
            return
        start_s = packet.pts * tick_s
        if waiting and abs(start_s - end_s) > _GAP_S:
            yield end_s - len(waiting) / sample_bytes / rate, _frame(bytes(waiting), stream)
            waiting.clear()
        waiting += bytes(packet)
        end_s = start_s + packet.size / sample_bytes / rate
        while len(waiting) >= _BLOCK * sample_bytes:
            begin_s = end_s - len(waiting) / sample_bytes / rate
            yield begin_s, _frame(bytes(waiting[: _BLOCK * sample_bytes]), stream)
            del waiting[: _BLOCK * sample_bytes]


def _frame(samples: bytes, stream: AudioStream) -> av.AudioFrame:
    """Interleaved samples of 16 bits as a frame."""
    layout = "stereo" if stream.channels == 2 else "mono"
    array = np.frombuffer(samples, np.int16).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(array, format="s16", layout=layout)
    frame.sample_rate = stream.rate
    return frame


def _ahead(clock: Callable[[], float]) -> float:
    """How far a clock is ahead of the wall clock, in seconds."""
    tries = []
    for _ in range(3):  # the quickest, as the thread may lose its turn in between
        before, time_s, after = time.time(), clock(), time.time()
        tries.append((after - before, time_s - (before + after) / 2))
    return min(tries)[1]
