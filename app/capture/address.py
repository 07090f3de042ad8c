"""Network addresses as live sources, read with PyAV."""

import errno
import socket
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from urllib.parse import urlsplit

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard, Stream

from app.addresses import without_secrets
from app.capture import live
from app.capture.decoder import open_decoder
from app.capture.live import LiveSource
from app.config import Decoder
from app.demux import best_video, demuxed
from app.errors import CaptureError

# Without these a stream is watched for 5 s before its first picture comes. What was read meanwhile is kept,
# so the first pictures come late and the others do not.
_QUICK = {"analyzeduration": "1000000", "fpsprobesize": "3"}
_OPTIONS = {
    "rtsp": {"rtsp_transport": "tcp"},  # over UDP every lost packet is a broken picture
    "rtmp": {},
    "http": {},
    "https": {},
    "udp": {"overrun_nonfatal": "1"},
}

_PICTURE_S = 15.0
"""Data without a picture: so long a stream may keep us waiting for its next key frame."""

_USUAL_FPS = Fraction(30)

# AVFMT_NOTIMESTAMPS: PyAV names it, but gives the flags as a number.
_NO_STAMPS = 0x80
_MICROSECOND = Fraction(1, 1_000_000)

# A picture this much off its time does not wait: the server paused, or the times jump.
_JUMP_S = 2.0

_OPENING_REASONS = {
    av.HTTPUnauthorizedError: "wrong user name or password",
    av.HTTPForbiddenError: "access denied",
    av.HTTPNotFoundError: "not found",
    av.ConnectionRefusedError: "connection refused",
    av.ArgumentError: "not a valid address",
    av.InvalidDataError: "not a video stream",
    av.EOFError: "not a video stream",
    av.HTTPServerError: "the server has failed",
}


def open_address(spec: str, size_wh: tuple[int, int] | None, decoder: Decoder = "software") -> LiveSource:
    """The source at an address: rtsp, rtmp, http, https or udp (MPEG-TS).

    size_wh: pictures are scaled to fit inside it, aspect kept; None = as they are.
    decoder: see `open_decoder`.
    Raises CaptureError naming the address, without the name and password that it may hold.
    """
    name = without_secrets(spec)
    if _scheme(spec) not in _OPTIONS:
        raise CaptureError(f"{name}: no such kind of address; these can be read: {', '.join(_OPTIONS)}")
    address = f"{_scheme(spec)}://{spec.partition('://')[2]}"  # FFmpeg knows the kinds in small letters only
    return LiveSource(name, lambda: NetworkConnection(address, decoder), size_wh)


class NetworkConnection:
    """The best video stream at an address, and the sound that belongs to it.

    What has an end, as a file from a web server, comes faster than it plays: it is read at its own pace, and
    its end is the end of the source. All else that ends was cut. Pictures without times, such as the Motion
    JPEG of web cameras, get the time at which they come: FFmpeg would give them 25 per second at any rate.
    """

    def __init__(self, address: str, decoder: Decoder = "software") -> None:
        """Connect; raises CaptureError naming the address."""
        self._address = address
        self._name = without_secrets(address)
        self._stalled = False
        self._container = self._open()
        try:
            if self._stalled:  # it answered, and then sent nothing
                raise self._lost()
            self._video = best_video(self._container, self._name)
            self._pictures = open_decoder(self._video, decoder, self._name)
            self._audio = self._audio_stream()
            for stream in self._container.streams:
                if stream is not self._video and stream is not self._audio:
                    stream.discard = Discard.all
        except BaseException:
            self._container.close()
            raise
        self._is_file = _scheme(address) in ("http", "https") and (
            self._container.duration is not None
            or (self._container.size > 0 and self._container.format.name != "hls")
        )
        self._is_stamped = self._is_file or not _lacks_stamps(self._container)
        self._decoded = self._read()

    @property
    def fps(self) -> Fraction:
        """Nominal pictures per second; a guess where the stream does not say."""
        rate = self._video.guessed_rate or self._video.average_rate
        return rate if rate and 1 <= rate <= 240 else _USUAL_FPS

    @property
    def sample_aspect(self) -> Fraction:
        """Width of a pixel by its height."""
        return self._video.sample_aspect_ratio or Fraction(1)

    @property
    def has_sound(self) -> bool:
        """Whether there is a sound stream that can be decoded."""
        return self._audio is not None

    def __iter__(self) -> Iterator[av.VideoFrame | av.AudioFrame | None]:
        """Decoded frames, None for a broken picture. Raises CaptureError when cut or stalled."""
        return self._decoded

    def close(self) -> None:
        """Disconnect; only by the thread that reads."""
        self._decoded.close()
        self._container.close()

    def _open(self) -> InputContainer:
        options = _QUICK | _OPTIONS[_scheme(self._address)]
        try:
            with self._watched():
                return av.open(
                    self._address, options=options, timeout=live.TIMEOUT_S, metadata_errors="replace"
                )
        except av.FFmpegError as error:
            reason = self._opening_reason(error)
        # Outside the handler: FFmpeg's own error, which would be the context of this one, has the password.
        raise CaptureError(f"{self._name}: {reason}")

    def _opening_reason(self, error: av.FFmpegError) -> str:
        if self._stalled:
            return _no_data()
        for kind, reason in _OPENING_REASONS.items():
            if isinstance(error, kind):
                return reason
        if error.errno != errno.EIO:
            return error.strerror or "cannot be opened"
        return "unknown host" if _is_unknown(self._address) else "the connection was cut"

    def _audio_stream(self) -> AudioStream | None:
        best = self._container.streams.best("audio", related=self._video)
        decodable = best is not None and best.codec_context is not None
        return best if decodable and isinstance(best, AudioStream) else None

    def _read(self) -> Generator[av.VideoFrame | av.AudioFrame | None]:
        pace = _Pace() if self._is_file else None
        picture_s = time.monotonic()
        for packet in self._packets():
            if packet.stream is self._audio:
                yield from _decode_sound(packet)
            elif packet.stream is self._video:
                for picture in self._pictures.decode(packet):
                    if pace and picture is not None:
                        pace.wait(picture.time)
                    if picture is not None and not self._is_stamped:
                        picture.pts, picture.time_base = time.perf_counter_ns() // 1000, _MICROSECOND
                    yield picture
                    picture_s = time.monotonic()
            if time.monotonic() - picture_s > _PICTURE_S:
                raise CaptureError(f"{self._name}: no picture for {_PICTURE_S:g} s")
        if self._stalled or not self._is_file:
            raise self._lost()

    def _packets(self) -> Iterator["av.Packet[Stream]"]:
        try:
            packets = demuxed(self._container)
            while True:
                with self._watched():
                    packet = next(packets, None)
                if packet is None:
                    return
                yield packet
        except av.FFmpegError:
            pass
        raise self._lost()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Notice when it waits in vain, which not every protocol tells from an end or from nonsense."""
        started_s = time.monotonic()
        try:
            yield
        finally:
            self._stalled |= time.monotonic() - started_s >= live.TIMEOUT_S

    def _lost(self) -> CaptureError:
        reason = _no_data() if self._stalled else "the connection was cut"
        return CaptureError(f"{self._name}: {reason}")


class _Pace:
    """Holds pictures back until they are due."""

    def __init__(self) -> None:
        self._start_s: float | None = None

    def wait(self, seconds: float | None) -> None:
        """Return when the picture of that time is due; a jump in the times starts anew."""
        if seconds is None:
            return
        now_s = time.monotonic()
        due_s = now_s if self._start_s is None else self._start_s + seconds
        if self._start_s is None or abs(due_s - now_s) > _JUMP_S:
            self._start_s = now_s - seconds
        elif due_s > now_s:
            time.sleep(due_s - now_s)


def _lacks_stamps(container: InputContainer) -> bool:
    """Whether the format knows no times; those that hold one still picture after the other do not say so."""
    return bool(container.format.flags & _NO_STAMPS) or container.format.name.endswith("_pipe")


def _decode_sound(packet: "av.Packet[Stream]") -> list[av.AudioFrame]:
    with suppress(av.FFmpegError):  # a crackle
        return [frame for frame in packet.decode() if isinstance(frame, av.AudioFrame)]
    return []


def _no_data() -> str:
    return f"no data for {live.TIMEOUT_S:g} s"


def _scheme(address: str) -> str:
    return address.partition("://")[0].lower()


def _is_unknown(address: str) -> bool:
    """Whether the host's name leads nowhere, for which FFmpeg has no error of its own."""
    try:
        host = urlsplit(address).hostname
        if host:
            socket.getaddrinfo(host, None)
    except (ValueError, socket.gaierror):
        return True
    return False
