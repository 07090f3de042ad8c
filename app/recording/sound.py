"""The source's sound on its way into the recording."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Discard

from app.demux import demuxed
from app.errors import SkyLiveError
from app.recording.aac import add_aac_stream, encode_aac
from app.recording.live_sound import LiveSound
from app.sound_feed import SoundFeed

log = logging.getLogger(__name__)

# What players find in these files; FFmpeg would write more, such as PCM, that hardly any of them plays.
# Matroska holds everything; what goes to a server, by way of NUT, is always AAC.
_MOV_CODECS = frozenset({"aac", "mp3", "ac3", "eac3", "alac"})
COPIED = {"mov": _MOV_CODECS, "mp4": _MOV_CODECS | {"opus", "flac"}, "nut": frozenset()}
# A fragmented MP4 file can begin only when each of its streams has. Sound that starts later than this after
# the picture is therefore encoded anew, with silence in front.
LATE_START_S = 0.2
# A recording that begins later than this into the sound has it sought, to a place so long before: a decoder
# needs a few packets before its samples are right.
SEEK_S = 1


class SoundError(SkyLiveError):
    """There is no sound that can be read."""


class Sound(Protocol):
    """Sound beside the pictures of a recording or a stream, as packets of one of its streams."""

    def start(self, origin: Fraction) -> None:
        """Say which time of the source, in seconds, is 0 in the recording. To be called once.

        Raises SoundError where no sound follows that can be read.
        """

    def until(self, seconds: Fraction) -> Iterator[Packet[AudioStream]]:
        """The next packets, those of which more than half is heard before that time of the recording."""

    def rest(self, seconds: Fraction) -> Iterator[Packet[AudioStream]]:
        """The last packets of a recording that ends at that time."""

    def close(self) -> None:
        """Release the source; no packets follow."""


def open_sound(sound: Path | SoundFeed, container: OutputContainer) -> Sound:
    """The sound of a file or of a live source, as a new stream of `container`. Raises SoundError."""
    if isinstance(sound, SoundFeed):
        return LiveSound(sound, container)
    return SoundTrack(sound, container)


class SoundTrack:
    """The best sound stream of a file, as packets for a recording, read as far as the pictures have come.

    Packets are copied where the container can hold their codec; otherwise they become AAC.
    """

    def __init__(self, path: Path, container: OutputContainer) -> None:
        """Open `path` and add a stream to `container`. Raises SoundError."""
        self._path = path
        try:
            self._input = av.open(f"file:{path}")
        except FFmpegError as error:
            raise SoundError(f"{path}: {error.strerror}") from error
        try:
            self._source = self._best_stream()
            self._packets = self._demux()
            self._first = next(self._packets, None)
            if self._first is None:
                raise SoundError(f"{path}: the sound stream is empty")
            copy = self._copy_stream(container)
            self._copies = copy is not None
            self._target = copy or add_aac_stream(container, self._source)
            if not self._copies:
                log.info("%s: %s sound becomes AAC", path, self._codec)
        except FFmpegError as error:
            self._input.close()
            raise SoundError(f"{path}: {error.strerror}") from error
        except SoundError:
            self._input.close()
            raise
        self._ready: Iterator[Packet[AudioStream]] = iter(())
        self._next: Packet[AudioStream] | None = None

    def start(self, origin: Fraction) -> None:
        """Say which time of the source, in seconds, is 0 in the recording. To be called once.

        Raises SoundError where no sound follows that can be read.
        """
        self._seek(origin)
        self._ready = self._copied(origin) if self._copies else self._encoded(origin)
        self._next = self._advance()
        if self._next is None:
            raise SoundError(f"{self._path}: the sound ends before the recording begins")

    def until(self, seconds: Fraction) -> Iterator[Packet[AudioStream]]:
        """The next packets, those of which more than half is heard before that time of the recording."""
        while (packet := self._next) is not None:
            assert packet.pts is not None
            if (packet.pts + Fraction(packet.duration or 0, 2)) * packet.time_base >= seconds:
                return
            self._next = self._advance()
            yield packet

    def rest(self, seconds: Fraction) -> Iterator[Packet[AudioStream]]:
        """Nothing more: a file's sound never lags behind."""
        return self.until(seconds)

    def close(self) -> None:
        """Close the file; no packets follow."""
        self._next = None
        self._ready = iter(())
        self._packets.close()
        self._input.close()

    @property
    def _codec(self) -> str:
        return self._source.codec_context.codec.canonical_name

    def _best_stream(self) -> AudioStream:
        best = self._input.streams.best("audio")
        if not isinstance(best, AudioStream):
            raise SoundError(f"{self._path}: no sound that can be read")
        streams = self._input.streams.audio
        if len(streams) > 1:
            log.info("%s: records sound stream %d of %d", self._path, streams.index(best) + 1, len(streams))
        for stream in self._input.streams:
            if stream is not best:
                stream.discard = Discard.all
        return best

    def _copy_stream(self, container: OutputContainer) -> AudioStream | None:
        copied = COPIED.get(container.format.name)
        if copied is not None:
            # The AAC of a transport stream has no header apart from its packets, as MP4 wants it.
            headless = self._codec == "aac" and not self._source.codec_context.extradata
            if self._codec not in copied or headless or self._starts_late():
                return None
        try:
            return container.add_stream_from_template(self._source)
        except ValueError:  # the container has no name for this codec
            return None

    def _starts_late(self) -> bool:
        picture = self._input.streams.best("video")
        if picture is None or picture.start_time is None or picture.time_base is None:
            return False
        assert self._first is not None and self._first.pts is not None
        sound_s = self._first.pts * self._first.time_base
        return sound_s - picture.start_time * picture.time_base > LATE_START_S

    def _seek(self, origin: Fraction) -> None:
        """Leave out what comes long before that time."""
        assert self._first is not None and self._first.pts is not None
        wanted = origin - SEEK_S
        if self._first.pts * self._first.time_base >= wanted:
            return
        # Matroska has an index of its pictures alone, and would read all the sound.
        picture = self._input.streams.best("video") if "matroska" in self._input.format.name else None
        guide = picture or self._source
        assert guide.time_base is not None
        try:
            self._input.seek(int(wanted / guide.time_base), stream=guide)
        except FFmpegError as error:
            raise SoundError(f"{self._path}: cannot be played from the middle: {error.strerror}") from error
        self._packets = self._demux()
        self._first = next(self._packets, None)

    def _demux(self) -> Generator[Packet[AudioStream]]:
        """Packets that carry sound and a time, each later than the one before."""
        last = None
        for packet in demuxed(self._input, self._source):
            pts = packet.dts if packet.pts is None else packet.pts
            if pts is None or packet.size == 0 or (last is not None and pts <= last):
                continue
            packet.pts = packet.dts = last = pts
            yield packet

    def _from_first(self) -> Iterator[Packet[AudioStream]]:
        if self._first is not None:
            yield self._first
            yield from self._packets

    def _copied(self, origin: Fraction) -> Iterator[Packet[AudioStream]]:
        """Packets from the recording's time 0 on.

        Those before it, such as the priming of an encoder, are left out: Matroska would move all streams
        until they start at 0, and the pictures would not keep their times.
        """
        for packet in self._from_first():
            assert packet.pts is not None
            packet.pts -= round(origin / packet.time_base)
            packet.dts = packet.pts
            if packet.pts >= 0:
                packet.stream = self._target
                yield packet

    def _encoded(self, origin: Fraction) -> Iterator[Packet[AudioStream]]:
        return encode_aac(self._from_first(), self._source, self._target, origin)

    def _advance(self) -> Packet[AudioStream] | None:
        try:
            return next(self._ready, None)
        except FFmpegError as error:
            log.warning("%s: the sound ends early: %s", self._path, error.strerror)
            return None
