"""The stream: pictures and sound for a server, kept up through losses of the connection."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet

from app.addresses import without_secrets
from app.config import Record
from app.errors import RecordError
from app.frame import Planes
from app.recording.codings import Coding
from app.recording.encoders import choose_coding
from app.recording.h264 import EncoderError, Form, PictureEncoder, even
from app.recording.sound import Sound, SoundError, open_sound
from app.sound_feed import SoundFeed
from app.streaming.line import Line

log = logging.getLogger(__name__)

FORMATS = {"rtmp": "flv", "rtsp": "rtsp"}
# No packet waits for one of another stream (max_interleave_delta, in microseconds).
_MUXER = {"flush_packets": "1", "max_interleave_delta": "1"}
_OPTIONS = {
    "flv": _MUXER | {"flvflags": "no_duration_filesize"},
    "rtsp": _MUXER | {"rtsp_transport": "tcp"},
}
# At most so many bits per pixel, within these bounds per second: 2.8 Mbit/s for 1280x720 at 30 frames per
# second, 6.2 Mbit/s for 1920x1080, which is what services ask for.
_BITS_PER_PIXEL = 0.1
_LEAST_BITS, _MOST_BITS = 500_000, 20_000_000
# The encoder's share of a frame's time: a recording may run beside it.
_LOAD = 0.25
RETRY_S = 1.0
# A file that goes on further ahead than this was sought: its sound in between would all be sent at once.
_JUMP_S = 5


class StreamError(RecordError):
    """A stream cannot be begun."""


class Streamer:
    """Sends pictures and sound to a server; when the connection is lost, tries again each second.

    `write` never waits for the network: pictures are left out as long as there is no connection, and
    counted. On each connection times begin at 0, with true gaps. One thread at a time may write and close.
    """

    def __init__(
        self,
        address: str,
        form: Form,
        *,
        part: Record,
        sound: Path | SoundFeed | None,
        must_connect: bool,
    ) -> None:
        """Begin to connect. Raises StreamError for an address or a picture that cannot be sent.

        The last column and row of odd sizes are cropped. `sound`: the file or the live source whose sound is
        sent, as AAC. `must_connect`: wait, and raise StreamError, after 5 s at most, if the first attempt
        fails; otherwise that is met as a loss is.
        """
        scheme, mark, rest = address.partition("://")
        self._full_address = scheme.lower() + mark + rest  # FFmpeg knows the kinds in small letters only
        self.address = public_address(address)
        """The address without what may be secret; for messages."""
        self._format = _format_of(self.address)
        size_wh, fps = form.size_wh, form.fps
        if 0 in even(size_wh):
            raise StreamError(f"{self.address}: a picture of {size_wh[0]}x{size_wh[1]} cannot be sent")
        self._form = form
        self._sound = sound
        try:
            self._coding = choose_coding(form, part, load=_LOAD, most_bits=_most_bits(size_wh, fps))
        except EncoderError as error:
            raise StreamError(f"{self.address}: {error}") from error
        self._sample, self._time_bases = self._made_sample()
        self.dropped = 0
        """Pictures left out so far because there was no connection."""
        self.trouble = ""
        """Why nothing is sent just now, in one line for the user; empty when all is well."""
        self._closed = False
        self._encoders: _Encoders | None = None
        self._last_pts = 0
        self._retry_at = 0.0
        self._line: Line | None = self._dialled()
        if must_connect:
            self._line.wait()
            if failure := self._line.failure:
                self._line.close()
                raise StreamError(f"{self.address}: {failure}")

    @property
    def connected(self) -> bool:
        """Whether the server takes what is sent."""
        line = self._line
        return line is not None and line.connected

    def write(self, planes: Planes, pts: int) -> None:
        """Send one picture; `pts` is in units of the time base.

        Where it jumps because a file was sought, a new connection begins. Raises StreamError where the
        encoder fails.
        """
        if self._line is not None and self._encoders is not None and self._is_jump(pts):
            self._line.close()
            self._drop_encoders()
            self._line = self._dialled()
        self._last_pts = pts
        line = self._ready_line()
        if line is None:
            self.dropped += 1
            return
        try:
            if self._encoders is None:
                self._encoders = _Encoders(self._form, self._coding, self._sound, pts)
            for index, packet in self._encoders.packets(planes, pts):
                line.send(index, packet)
        except EncoderError as error:
            self._fall_back(error)
            self._drop_encoders()
            line.close()
            # The server is told of another encoder's stream.
            self._sample, self._time_bases = self._made_sample()
            self._line = self._dialled()
            self.dropped += 1
        except FFmpegError as error:
            raise StreamError(f"{self.address}: {error.strerror}") from error

    def close(self) -> None:
        """Say farewell to the server; takes about a second at most. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._drop_encoders()
        if self._line is not None:
            self._line.close()

    def _is_jump(self, pts: int) -> bool:
        """Whether the source does not just go on, perhaps after a loss."""
        ahead = (pts - self._last_pts) * self._form.time_base
        return bool(ahead <= 0 or (isinstance(self._sound, Path) and ahead > _JUMP_S))

    def _dialled(self) -> Line:
        return Line(
            self._full_address,
            format_name=self._format,
            options=_OPTIONS[self._format],
            sample=self._sample,
            time_bases=self._time_bases,
        )

    def _ready_line(self) -> Line | None:
        """The connection, if there is one; otherwise it is tried again once a second."""
        if self._line is not None and (failure := self._line.failure):
            self._lose(self._line, failure)
        if self._line is None and time.monotonic() >= self._retry_at:
            self._line = self._dialled()
        if self._line is None or not self._line.connected:
            return None
        if self.trouble:
            log.info("%s: the stream goes on", self.address)
            self.trouble = ""
        return self._line

    def _lose(self, line: Line, failure: str) -> None:
        line.close()
        self._line = None
        self._drop_encoders()
        if not self.trouble:
            log.warning("%s: %s; reconnecting", self.address, failure)
        self.trouble = f"{self.address}: {failure}; reconnecting"
        self._retry_at = time.monotonic() + RETRY_S

    def _drop_encoders(self) -> None:
        if self._encoders is not None:
            self._encoders.close()
            self._encoders = None

    def _made_sample(self) -> tuple[bytes, list[Fraction]]:
        """A NUT file with a black picture and, if there is sound, silence; the time bases of what is sent.

        A server is told the streams' parameters before the first picture comes.
        """
        while True:
            try:
                return _sample(self._form, self._coding, self._sound)
            except SoundError as error:
                log.warning("streaming without sound: %s", error)
                self._sound = None
            except EncoderError as error:
                self._fall_back(error)
            except FFmpegError as error:
                raise StreamError(f"{self.address}: {error.strerror}") from error

    def _fall_back(self, error: EncoderError) -> None:
        """Go on with the encoder that stands behind the one that failed; raises StreamError if none does."""
        if self._coding.fallback is None:
            raise StreamError(f"{self.address}: {error}") from error
        self._coding = self._coding.fallback
        log.warning("%s: %s; x264 is used", self.address, error)


class _Encoders:
    """What turns pictures and sound into the packets of one connection."""

    def __init__(self, form: Form, coding: Coding, sound: Path | SoundFeed | None, origin: int) -> None:
        """origin: the pts that is 0 on the connection."""
        self._time_base = form.time_base
        self._origin = origin
        # Encoders belong to a container; nothing is written to this one.
        self._container = _nut(io.BytesIO())
        self._pictures = PictureEncoder(self._container, form, coding)
        self._sound: Sound | None = None
        if sound is not None:
            try:
                self._sound = open_sound(sound, self._container)
                self._sound.start(origin * self._time_base)
            except SoundError as error:
                log.warning("streaming without sound: %s", error)
                self._release_sound()

    def packets(self, planes: Planes, pts: int) -> Iterator[tuple[int, Packet[Any]]]:
        """(index of the stream, packet) of what is heard and seen until the end of this picture."""
        pts -= self._origin
        if self._sound is not None:
            for packet in self._sound.until((pts + self._pictures.frame_ticks) * self._time_base):
                # An encoder's priming comes before time 0, where neither protocol has any times.
                if packet.pts is not None and packet.pts >= 0:
                    yield 1, packet
        for picture in self._pictures.encode(planes, pts):
            yield 0, picture

    def close(self) -> None:
        """Release the sound."""
        self._release_sound()
        self._container.close()

    def _release_sound(self) -> None:
        if self._sound is not None:
            self._sound.close()
            self._sound = None


def public_address(address: str) -> str:
    """The address without user, password and query, and without an RTMP stream's name, which is its key."""
    shown = without_secrets(address)
    host, *path = shown.removeprefix("rtmp://").split("/", 2)
    return f"rtmp://{host}/{path[0]}/…" if shown.startswith("rtmp://") and len(path) == 2 else shown


def _format_of(address: str) -> str:
    scheme, _, rest = address.partition("://")
    if scheme not in FORMATS:
        raise StreamError(f"{address}: a stream goes to an rtmp:// or rtsp:// address")
    if not rest or rest.startswith("/") or (rest.startswith("[") and "]" not in rest):
        raise StreamError(f"{address}: names no server")
    return FORMATS[scheme]


def _most_bits(size_wh: tuple[int, int], fps: Fraction) -> int:
    """Bits per second."""
    bits = int(size_wh[0] * size_wh[1] * fps * _BITS_PER_PIXEL)
    return min(max(bits, _LEAST_BITS), _MOST_BITS)


def _nut(file: io.BytesIO) -> OutputContainer:
    """NUT takes the packets of encoders as they are, so that what is true of it is true of them."""
    return av.open(file, "w", format="nut")


def _sample(form: Form, coding: Coding, sound: Path | SoundFeed | None) -> tuple[bytes, list[Fraction]]:
    file = io.BytesIO()
    time_bases = [form.time_base]
    width, height = even(form.size_wh)
    black = Planes(
        np.zeros((height, width), np.uint8),
        np.full((height // 2, width // 2), 128, np.uint8),
        np.full((height // 2, width // 2), 128, np.uint8),
    )
    with _nut(file) as container:
        pictures = PictureEncoder(container, form, coding)
        if sound is not None:
            open_sound(sound, container).close()
        packets: list[Packet[Any]] = [*pictures.encode(black, 0), *pictures.flush()]
        for stream in container.streams.audio:
            context = stream.codec_context
            silence = np.zeros((context.layout.nb_channels, 4096), np.float32)
            frame = AudioFrame.from_ndarray(silence, "fltp", context.layout.name)
            frame.sample_rate, frame.time_base, frame.pts = (
                context.sample_rate,
                Fraction(1, context.sample_rate),
                0,
            )
            time_bases.append(frame.time_base)
            packets += [*stream.encode(frame), *stream.encode(None)]
        container.mux(packets)
    return file.getvalue(), time_bases
