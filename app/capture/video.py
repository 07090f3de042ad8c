"""Video files, read with PyAV."""

import logging
import re
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, dropwhile
from pathlib import Path
from typing import Self

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from app.capture.convert import Converter, orientation_of
from app.capture.decoder import open_decoder
from app.capture.lens import fov_of
from app.capture.source import SourceInfo
from app.capture.stamps import increasing
from app.config import Decoder
from app.demux import best_video, demuxed
from app.errors import CaptureError
from app.frame import Frame

log = logging.getLogger(__name__)

# Frames in a row that cannot be decoded before the file is given up. A recording cut out of a running
# stream may begin with more of them, until its first key frame comes.
_BROKEN_RUN = 30
_BROKEN_START = 300

_HDR = {16: "PQ", 18: "HLG"}  # transfer characteristics of ITU-T H.273


class VideoFile:
    """The frames of a file's best video stream, on the stream's own clock; `Seekable`.

    Frames that the decoder refuses or flags as damaged are skipped and counted: half a picture would lead
    matting and tracking astray. A truncated file gives what it has.
    """

    def __init__(self, path: Path, size_wh: tuple[int, int] | None, decoder: Decoder = "software") -> None:
        """Open the file and decode its first picture; raises CaptureError naming the file.

        decoder: see `open_decoder`.
        """
        self.repaired_pts = 0
        self.broken = 0
        self._path = path
        self._sought = False
        self._container = _open(path)
        try:
            self._stream = best_video(self._container, str(path))
            self._decoder = open_decoder(self._stream, decoder, str(path))
            decoded = self._decoded()
            first = next(decoded, None)
            if first is None:
                raise CaptureError(f"{path}: no picture in it can be decoded")
            self._frames: Iterator[av.VideoFrame] = chain([first], decoded)
            self._orientation = orientation_of(first)
            aspect = self._stream.sample_aspect_ratio or Fraction(1)
            location = _chroma_location(self._container, self._stream)
            self._converter = Converter(str(path), first, self._orientation, location, aspect, size_wh)
        except BaseException:
            self._container.close()
            raise
        self.info = self._describe()
        if (transfer := self.info.colour.transfer) in _HDR:
            log.warning("%s: HDR (%s) is not tone-mapped, colours will be off", path, _HDR[transfer])

    trouble = ""
    reconnects = 0

    @property
    def rescaled(self) -> int:
        """Frames that came in another size than the first."""
        return self._converter.rescaled

    @property
    def span_s(self) -> tuple[float, float] | None:
        """First and last time of the pictures, in seconds; None for a file that does not know its length."""
        if not self._container.duration or self.info.frames is None:
            return None
        start_s = float((self._stream.start_time or 0) * self.info.time_base)
        return start_s, start_s + float((self.info.frames - 1) / self.info.fps)

    def seek(self, seconds: float) -> None:
        """Go on with the frame at that time, to half a frame. Raises CaptureError if the file cannot."""
        time_base = self.info.time_base
        try:
            self._container.seek(round(seconds / time_base), stream=self._stream)
        except av.FFmpegError as error:
            raise CaptureError(f"{self._path}: cannot go to {seconds:.1f} s: {error.strerror}") from error
        self._decoder.flush()
        # The decoder begins at the key frame before.
        first_pts = (seconds - 0.5 / self.info.fps) / time_base
        decoded = self._decoded()
        self._frames = dropwhile(lambda frame: frame.pts is not None and frame.pts < first_pts, decoded)
        self._sought = True

    def __iter__(self) -> Iterator[Frame]:
        """The frames. Raises CaptureError when too many in a row are broken."""
        info, nominal = self.info, 1 / (self.info.fps * self.info.time_base)
        index = 0
        while index == 0 or self._sought:
            self._sought = False
            stamped = ((frame.pts, frame) for frame in self._frames)
            for pts, replaced, frame in increasing(stamped, nominal):
                captured_ns = time.perf_counter_ns()
                self.repaired_pts += replaced
                planes = self._converter.planes(frame, self._orientation)
                yield Frame(planes, index, pts, info.time_base, info.colour, captured_ns)
                index += 1
                if self._sought:
                    break

    def close(self) -> None:
        """Close the file; frames already handed out stay valid."""
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _describe(self) -> SourceInfo:
        stream, duration = self._stream, self._container.duration
        # Without a duration the container keeps no time, and its average is the demuxer's guess.
        fps = (stream.average_rate if duration else stream.guessed_rate) or Fraction(30)
        time_base = stream.time_base or 1 / fps
        # The count in the container includes frames that an edit list leaves out; the duration does not.
        seconds = stream.duration * time_base if stream.duration else Fraction(duration or 0, av.time_base)
        return SourceInfo(
            name=self._path.name,
            size_wh=self._converter.size_wh,
            time_base=time_base,
            fps=fps,
            frames=round(seconds * fps) or stream.frames or None,
            colour=self._converter.colour,
            sound=self._path if self._container.streams.audio else None,
            fov_deg=fov_of({**self._container.metadata, **stream.metadata}, self._converter.size_wh),
        )

    def _decoded(self) -> Iterator[av.VideoFrame]:
        run, limit = 0, _BROKEN_START
        for packet in self._packets():
            for frame in self._decoder.decode(packet):
                if frame is not None:
                    run, limit = 0, _BROKEN_RUN
                    yield frame
                    continue
                run += not self._decoder.waiting
                self.broken += 1
                if run == limit:
                    raise CaptureError(f"{self._path}: given up after {run} broken frames in a row")

    def _packets(self) -> Iterator["av.Packet[VideoStream]"]:
        try:
            yield from demuxed(self._container, self._stream)
        except av.FFmpegError as error:
            raise CaptureError(f"{self._path}: cannot be read any further: {error.strerror}") from error


def _open(path: Path) -> InputContainer:
    if path.stat().st_size == 0:
        raise CaptureError(f"{path}: the file is empty")
    try:
        # "file:" keeps a name with a colon from being taken for an address.
        container = av.open(f"file:{path}", metadata_errors="replace")
    except (av.InvalidDataError, av.EOFError) as error:
        raise CaptureError(f"{path}: not a video, or damaged beyond use") from error
    except av.FFmpegError as error:
        raise CaptureError(f"{path}: {error.strerror}") from error
    if container.format.name == "tty":  # FFmpeg would render any .txt file as a text terminal
        container.close()
        raise CaptureError(f"{path}: not a video but text")
    return container


def _chroma_location(container: InputContainer, stream: VideoStream) -> str | None:
    """FFmpeg's name of the stream's chroma position; None = unspecified.

    PyAV gives it in no other way than in FFmpeg's description of the stream, which is a log message.
    """
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    av.logging.set_libav_level(av.logging.VERBOSE)
    try:
        description: str = container.dumps_format()  # type: ignore[attr-defined]
    finally:
        av.logging.set_libav_level(av.logging.INFO)
        av.logging.set_level(level)
    return chroma_location_in(description, stream.index)


def chroma_location_in(description: str, stream_index: int) -> str | None:
    """The chroma position of a stream in FFmpeg's description of a file: "... yuv420p(tv, left) ..."."""
    line = re.search(rf"Stream #0:{stream_index}\b.*?Video: .*", description)
    found = line and re.search(r"\b(left|center|topleft|top|bottomleft|bottom)[,)]", line[0])
    return found[1] if found else None
