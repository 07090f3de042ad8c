"""Live sources: what they read may stall or go away, and is found again."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Protocol, Self

import av

from app.capture.convert import Converter, orientation_of
from app.capture.live_clock import TIME_BASE, LiveClock
from app.capture.source import SourceInfo
from app.errors import CaptureError
from app.frame import Frame
from app.sound_feed import SoundFeed

log = logging.getLogger(__name__)

TIMEOUT_S = 5.0
"""A connection that gives no data for so long, while it is opened or read, has failed."""

RETRY_S = 1.0
"""A lost connection is tried again as often as this."""


class Connection(Protocol):
    """One connection to a live source; opened, iterated once and closed by one thread at a time."""

    @property
    def fps(self) -> Fraction:
        """Nominal pictures per second."""

    @property
    def sample_aspect(self) -> Fraction:
        """Width of a pixel by its height; 1 unless known."""

    @property
    def has_sound(self) -> bool:
        """Whether sound belongs to the pictures: among the frames, or put into the feed by others."""

    def __iter__(self) -> Iterator[av.VideoFrame | av.AudioFrame | None]:
        """Decoded frames in the order in which they come; None for a picture that could not be decoded.

        Raises CaptureError, naming the source, when the connection is cut or nothing comes for TIMEOUT_S. It
        ends only where the source itself is known to be over.
        """

    def close(self) -> None:
        """Release it; frames already handed out stay valid. May be called twice."""


class LiveSource:
    """The pictures of a live source, from one connection after the other, on one clock.

    A connection that fails is replaced without end, once every RETRY_S, until the source is closed. What was
    lost is a gap in the times. Size and colour stay those of the first picture.
    """

    def __init__(self, name: str, connect: Callable[[], Connection], size_wh: tuple[int, int] | None) -> None:
        """Connect and wait for the first picture.

        connect: opens a connection or raises CaptureError naming the source, within TIMEOUT_S.
        size_wh: pictures are scaled to fit inside it, aspect kept; None = as they are.
        Raises CaptureError if this first connection fails.
        """
        self.trouble = ""
        self.reconnects = 0
        self.repaired_pts = 0
        self.broken = 0
        self._connect = connect
        self._closing = threading.Event()
        self._reading = threading.Lock()
        self._feed = SoundFeed(name)
        self._clock: LiveClock | None = None
        self._index = 0
        self._tried_s = time.monotonic()
        self._connection: Connection | None = connect()
        self._decoded = iter(self._connection)
        try:
            first = self._read()
            if first is None:
                raise CaptureError(f"{name}: there is no picture in it")
            connection, (picture, now_ns) = self._connection, first
            self._orientation = orientation_of(picture)
            self._converter = Converter(
                name, picture, self._orientation, None, connection.sample_aspect, size_wh
            )
            self._clock = LiveClock(now_ns, round(1 / (connection.fps * TIME_BASE)))
            self._first: Frame | None = self._frame(picture, now_ns)
        except BaseException:
            self._disconnect()
            raise
        self.info = SourceInfo(
            name=name,
            size_wh=self._converter.size_wh,
            time_base=TIME_BASE,
            fps=connection.fps,
            frames=None,
            colour=self._converter.colour,
            sound=self._feed if connection.has_sound else None,
            live=True,
        )

    @property
    def rescaled(self) -> int:
        """Pictures that came in another size than the first."""
        return self._converter.rescaled

    def __iter__(self) -> Iterator[Frame]:
        """The pictures as they come, until the source is closed or over. Raises nothing that passes."""
        while (frame := self._next()) is not None:
            yield frame

    def close(self) -> None:
        """End the iteration as soon as what it waits for comes or times out; from any thread."""
        self._closing.set()
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _next(self) -> Frame | None:
        try:
            with self._reading:
                return self._read_or_reconnect()
        finally:
            if self._closing.is_set():
                self._release()

    def _release(self) -> None:
        """Disconnect, unless a thread is reading: then it does so itself, since both at once would crash."""
        if self._reading.acquire(blocking=False):
            try:
                self._disconnect()
            finally:
                self._reading.release()

    def _read_or_reconnect(self) -> Frame | None:
        """The next picture, from a new connection where the present one fails; None when closed or over."""
        if self._first is not None and not self._closing.is_set():
            first, self._first = self._first, None
            return first
        while not self._closing.is_set():
            try:
                if self._connection is None:
                    self._reconnect()
                read = self._read()
                if read is None:
                    return None
                frame = self._frame(*read)
            except CaptureError as error:
                if not self._closing.is_set():
                    self._lose(error)
            else:
                if self.trouble:
                    self._found()
                return frame
        return None

    def _read(self) -> tuple[av.VideoFrame, int] | None:
        """The next whole picture and when it left the decoder; sound on the way goes into the feed."""
        for decoded in self._decoded:
            now_ns = time.perf_counter_ns()
            if self._closing.is_set():
                return None
            if isinstance(decoded, av.AudioFrame):
                self._hear(decoded, now_ns)
            elif decoded is None or decoded.is_corrupt:
                self.broken += 1
            else:
                return decoded, now_ns
        return None

    def _frame(self, picture: av.VideoFrame, now_ns: int) -> Frame:
        assert self._clock is not None
        planes = self._converter.planes(picture, self._orientation)
        pts, replaced = self._clock.picture(picture.pts, picture.time_base, now_ns)
        self.repaired_pts += replaced
        frame = Frame(planes, self._index, pts, TIME_BASE, self._converter.colour, now_ns)
        self._index += 1
        return frame

    def _hear(self, sound: av.AudioFrame, now_ns: int) -> None:
        if self._clock is None or not sound.sample_rate:
            return
        seconds = Fraction(sound.samples, sound.sample_rate)
        pts = self._clock.sound(sound.pts, sound.time_base, seconds, now_ns)
        if pts is not None:
            sound.pts, sound.time_base = pts, TIME_BASE
            self._feed.put(sound)

    def _reconnect(self) -> None:
        self._closing.wait(max(0.0, self._tried_s + RETRY_S - time.monotonic()))
        if self._closing.is_set():
            return
        self._tried_s = time.monotonic()
        self._connection = self._connect()
        self._decoded = iter(self._connection)
        assert self._clock is not None
        self._clock.begin_connection()

    def _lose(self, error: CaptureError) -> None:
        self._disconnect()
        trouble = f"{error}; reconnecting"
        if not self.trouble:
            log.warning(trouble)
        self.trouble = trouble

    def _found(self) -> None:
        self.trouble = ""
        self.reconnects += 1
        log.info("%s: connected again", self.info.name)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        self._decoded = iter(())
        if connection is not None:
            connection.close()
