"""The sound of a live source on its way into a recording or a stream."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet

from app.frame import F32
from app.recording.aac import BITS_PER_CHANNEL
from app.recording.in_step import InStep
from app.sound_feed import SoundFeed

log = logging.getLogger(__name__)

RATE = 48_000
# Where no sound has come for this long behind the picture, silence is written: a fragmented MP4 file grows
# only while all its streams do. Sound that comes later still is lost.
LATE_S = 1
# The most sound that one call writes, so that the silence of a loss of hours holds up no picture.
AT_ONCE_S = 5


class LiveSound:
    """What a feed hands out from now on, as AAC packets for a container; nothing here waits for sound.

    The sound begins at 0 and has no gaps: silence stands where the source has none.
    """

    def __init__(self, feed: SoundFeed, container: OutputContainer) -> None:
        """Listen to the feed and add a stream to `container`: always 48 kHz stereo."""
        self._name = feed.name
        self._target = container.add_stream("aac", rate=RATE, layout="stereo", bit_rate=2 * BITS_PER_CHANNEL)
        self._listener = feed.listen()
        self._in_step = InStep(RATE, Fraction(0))
        self._placed: deque[tuple[int, F32]] = deque()
        self._packets: deque[Packet[AudioStream]] = deque()
        self._position = 0
        self._too_late = False
        self._damaged = False

    def start(self, origin: Fraction) -> None:
        """Say which time of the source, in seconds, is 0 in the recording. To be called once."""
        self._in_step = InStep(RATE, origin)

    def until(self, seconds: Fraction) -> Iterator[Packet[AudioStream]]:
        """The next packets, those of which more than half is heard before that time of the recording."""
        end = self._reachable(seconds)
        self._write_placed(end)
        self._write_silence(end - LATE_S * RATE)
        return self._heard_before(seconds)

    def rest(self, seconds: Fraction) -> Iterator[Packet[AudioStream]]:
        """The last packets of a recording that ends at that time."""
        end = self._reachable(seconds)
        self._write_placed(end)
        self._write_silence(end)
        self._packets += self._target.encode(None)
        return self._heard_before(seconds)

    def close(self) -> None:
        """Stop listening; no packets follow."""
        self._listener.close()
        self._placed.clear()
        self._packets.clear()

    def _reachable(self, seconds: Fraction) -> int:
        return min(int(seconds * RATE), self._position + AT_ONCE_S * RATE)

    def _heard_before(self, seconds: Fraction) -> Iterator[Packet[AudioStream]]:
        while self._packets:
            packet = self._packets[0]
            assert packet.pts is not None
            if (packet.pts + Fraction(packet.duration or 0, 2)) * packet.time_base >= seconds:
                return
            yield self._packets.popleft()

    def _write_placed(self, end: int) -> None:
        """All that has come and begins before that sample, with silence in its gaps."""
        while (placed := self._first_placed()) is not None and placed[0] < end:
            start, samples = self._placed.popleft()
            if start < 0:  # from before the recording
                start, samples = 0, samples[:, -start:]
                if not samples.shape[1]:
                    continue
            self._write_silence(start)
            behind = self._position - start
            if behind and end - start > LATE_S * RATE and not self._too_late:
                log.warning(
                    "%s: sound is lost that comes more than %d s behind the picture", self._name, LATE_S
                )
                self._too_late = True
            self._encode(samples[:, behind:])

    def _first_placed(self) -> tuple[int, F32] | None:
        """What is to be written next; taken from the feed only when it is wanted."""
        frames = self._listener.take()
        while not self._placed and (frame := next(frames, None)) is not None:
            try:
                self._placed += self._in_step.place(frame)
            except FFmpegError as error:
                if not self._damaged:
                    log.warning("%s: sound that cannot be read is left out: %s", self._name, error.strerror)
                self._damaged = True
        return self._placed[0] if self._placed else None

    def _write_silence(self, end: int) -> None:
        while self._position < end:
            self._encode(np.zeros((2, min(RATE, end - self._position)), np.float32))

    def _encode(self, samples: F32) -> None:
        if not samples.shape[1]:
            return
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", "stereo")
        frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), self._position
        self._packets += self._target.encode(frame)
        self._position += samples.shape[1]
