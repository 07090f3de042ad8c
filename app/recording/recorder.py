"""The recording: H.264 with the source's sound in Matroska or MP4, playable while it grows."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import ArgumentError, FFmpegError, InvalidDataError
from av.packet import Packet
from av.video.stream import VideoStream

from app.config import Record
from app.errors import RecordError
from app.frame import Planes
from app.recording.encoders import choose_coding
from app.recording.h264 import EncoderError, Form, PictureEncoder, even
from app.recording.sound import Sound, SoundError, open_sound
from app.sound_feed import SoundFeed

log = logging.getLogger(__name__)

FORMATS = {".mkv": "matroska", ".mp4": "mp4", ".m4v": "mp4", ".mov": "mov"}
# What is written reaches the disk in pieces of this length; a killed program loses the last of them and two
# pictures.
PIECE_MS = 250
# A source's clock may start anywhere: a recording keeps its times if the first picture comes within this
# time after 0, otherwise it starts at 0.
LATEST_START_S = 10
# MP4 has 31 bits for the time from one picture to the next, which are 6.6 hours of a live source. Through a
# longer gap the last picture is repeated, so often in units of the time base.
LONGEST_GAP = 1 << 30


class Recorder:
    """Writes pictures and the source's sound to a file under its own name from the first packet on.

    One thread at a time may call it. Times in the file are the source's, as far as the container can hold
    them: exact in MP4, rounded to 1 ms in Matroska.
    """

    def __init__(
        self,
        path: Path,
        form: Form,
        *,
        part: Record,
        sound: Path | SoundFeed | None,
        force: bool,
        from_start: bool,
    ) -> None:
        """Create the file. Raises RecordError where it cannot be written or exists and `force` is not set.

        The last column and row of odd sizes are cropped. `form.fps` tells how long the last picture is
        shown. `sound`: the file whose best sound stream is recorded, or the sound of a live
        source, recorded as AAC. `from_start`: keep the source's times; otherwise the first picture is at 0.
        """
        self._path = path
        self._form = form
        self._time_base = form.time_base
        self._from_start = from_start
        self._origin = 0
        self._begin = 0
        self._end = 0
        self._held: Packet[VideoStream] | None = None
        self._whole_bytes = 0
        self._has_picture = False
        self._closed = False
        self.frames_written = 0
        format_name = _format_of(path)
        if 0 in even(form.size_wh):
            width, height = form.size_wh
            raise RecordError(f"{path}: a picture of {width}x{height} cannot be recorded")
        _create(path, sound, force)
        try:
            self.coding = choose_coding(form, part)
            """The encoder, and its options."""
            # A stream without packets would keep a fragmented MP4 file from ever beginning.
            self._reopen = partial(self._open, format_name, None)
            try:
                self._open(format_name, sound)
            except EncoderError as error:
                if self.coding.fallback is None:
                    raise
                self.coding = self.coding.fallback
                log.warning("%s; x264 is used", error)
                self._open(format_name, sound)
        except EncoderError as error:
            _remove(path)
            raise RecordError(f"{path}: {error}") from error
        except FFmpegError as error:
            _remove(path)
            raise RecordError(f"{path}: {error.strerror}") from error
        except KeyboardInterrupt:  # the trial of presets takes a while
            _remove(path)
            raise

    @property
    def seconds(self) -> float:
        """How long the recording is so far; may be asked from any thread."""
        return float((self._end - self._begin) * self._time_base)

    @property
    def size_bytes(self) -> int:
        """How large the file is so far; may be asked from any thread."""
        return self._whole_bytes

    def write(self, planes: Planes, pts: int) -> None:
        """Record one picture; `pts`, in units of the time base, is later than the last one's.

        Raises RecordError when the file cannot be written further; then only `close` may follow.
        """
        try:
            if self.frames_written == 0:
                self._start(pts)
            pts -= self._origin
            gap = range(self._end + LONGEST_GAP, pts, LONGEST_GAP)
            self._end = pts + self._pictures.frame_ticks
            self._write_sound()
            for between in gap:
                self._write_pictures(self._pictures.repeat(between))
            self._write_pictures(self._pictures.encode(planes, pts))
        except EncoderError as error:
            self._end_early()
            raise RecordError(f"{self._path}: {error}") from error
        except (FFmpegError, OSError) as error:
            self._abandon()
            raise RecordError(f"{self._path}: {error.strerror}") from error
        self.frames_written += 1

    def close(self) -> None:
        """Finish the file; the sound ends with the last picture. A file without any picture is removed.

        May be called again, and after a failure, when it does nothing. Raises RecordError.
        """
        if self._closed:
            return
        try:
            if self.frames_written:
                self._write_sound(last=True)
                self._write_pictures(self._pictures.flush())
                self._write_held(self._end)
            self._finish()
            self._whole_bytes = self._path.stat().st_size
        except EncoderError as error:
            self._end_early()
            raise RecordError(f"{self._path}: {error}") from error
        except (FFmpegError, OSError) as error:
            self._abandon()
            raise RecordError(f"{self._path}: {error.strerror}") from error
        if self.frames_written == 0:
            _remove(self._path)

    def _open(self, format_name: str, sound: Path | SoundFeed | None) -> None:
        options = _muxer_options(format_name, self._time_base)
        self._container: OutputContainer = av.open(
            f"file:{self._path}", "w", format=format_name, container_options=options
        )
        self._pictures = PictureEncoder(self._container, self._form, self.coding)
        self._sound: Sound | None = None
        if sound is not None:
            try:
                self._sound = open_sound(sound, self._container)
            except SoundError as error:
                log.warning("recording without sound: %s", error)
        try:
            self._container.start_encoding()
        except (InvalidDataError, ArgumentError) as error:
            if self._sound is None:
                raise
            self._sound.close()
            log.warning("recording without sound: %s: %s", sound, error.strerror)
            self._reopen()

    def _start(self, pts: int) -> None:
        if not self._from_start or not 0 <= pts * self._time_base < LATEST_START_S:
            self._origin = pts
        self._begin = self._end = pts - self._origin
        if self._sound is not None:
            try:
                self._sound.start(self._origin * self._time_base)
            except SoundError as error:
                log.warning("recording without sound: %s", error)
                self._sound.close()
                self._container.close()
                self._reopen()

    def _write_sound(self, *, last: bool = False) -> None:
        """The sound up to the end of the last picture. It leads, so the muxer has no picture wait for it."""
        if self._sound is None:
            return
        end = self._end * self._time_base
        for packet in self._sound.rest(end) if last else self._sound.until(end):
            try:
                self._mux(packet)
            except (InvalidDataError, ArgumentError) as error:
                log.warning("%s: the sound ends early: %s", self._path, error.strerror)
                self._sound.close()
                return

    def _write_pictures(self, packets: list[Packet[VideoStream]]) -> None:
        """All pictures but the last: MP4 must know how long one is shown, that is, when the next comes."""
        for packet in packets:
            if self._held is not None:
                self._write_held(packet.pts)
            self._held = packet

    def _write_held(self, end: int | None) -> None:
        if self._held is not None and self._held.pts is not None and end is not None:
            self._held.duration = end - self._held.pts
            self._mux(self._held)
            self._has_picture = True
        self._held = None

    def _mux(self, packet: Packet[VideoStream] | Packet[AudioStream]) -> None:
        self._container.mux_one(packet)
        self._whole_bytes = self._path.stat().st_size

    def _finish(self) -> None:
        self._closed = True
        if self._sound is not None:
            self._sound.close()
        self._container.close()

    def _end_early(self) -> None:
        """Finish after the encoder has failed, which is the error to report: what it gave is in the file."""
        try:
            if self._held is not None and self._held.pts is not None:
                self._end = self._held.pts + self._pictures.frame_ticks
                self._write_held(self._end)
            self._finish()
            self._whole_bytes = self._path.stat().st_size
        except (FFmpegError, OSError):
            self._abandon()
        if not self._has_picture:
            _remove(self._path)

    def _abandon(self) -> None:
        """Close after a failure, which is the error to report, and cut off a piece that is not whole."""
        with suppress(FFmpegError):
            self._finish()
        with suppress(OSError):
            os.truncate(self._path, self._whole_bytes)


def _format_of(path: Path) -> str:
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise RecordError(f"{path}: a recording is named {', '.join('*' + end for end in FORMATS)}") from None


def _create(path: Path, sound: Path | SoundFeed | None, force: bool) -> None:
    """Make the file, empty; without `force` only where there is none."""
    try:
        if isinstance(sound, Path) and path.exists() and path.samefile(sound):
            raise RecordError(f"{path}: is the source itself")
        path.open("wb" if force else "xb").close()
    except FileExistsError as error:
        raise RecordError(f"{path}: exists; --force writes over it") from error
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}") from error


def _remove(path: Path) -> None:
    if path.is_file():
        path.unlink()


def _muxer_options(format_name: str, time_base: Fraction) -> dict[str, str]:
    """Options by which each packet reaches the disk soon, with exact times where the format allows.

    https://ffmpeg.org/ffmpeg-formats.html: Matroska clusters and MP4 fragments are kept in memory until they
    are whole. No packet waits for one of another stream (max_interleave_delta, in microseconds).
    """
    common = {"flush_packets": "1", "max_interleave_delta": "1"}
    if format_name == "matroska":
        return common | {"cluster_time_limit": str(PIECE_MS)}
    # The start of a track counts in the movie's time scale, 1 ms unless set.
    ticks = time_base.denominator
    while ticks < 10_000:
        ticks *= 2
    return common | {
        "movflags": "frag_keyframe+empty_moov+default_base_moof+delay_moov",
        "frag_duration": str(PIECE_MS * 1000),
        "video_track_timescale": str(ticks),
        "movie_timescale": str(ticks),
    }
