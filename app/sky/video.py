"""A video as a sky: streamed, by time, in an endless loop."""

import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from app.camera import View
from app.capture.convert import Orientation, orientation_of, read_colour, samples_of, upright, upright_size
from app.config import AS_IT_IS, Placement
from app.demux import demuxed
from app.errors import SkyError
from app.frame import Colour, Planes
from app.sky.base import Backdrop, SkyView
from app.sky.panorama import area_all_around
from app.sky.placing import Wrap
from app.sky.sphere import FlatPicture, Panorama
from app.sky.still import Model, sun_of
from app.sky.texture import FlatPlane

log = logging.getLogger(__name__)

_MOST_TEXELS = 8_000_000
"""12 MB of planes a frame, of which `_AHEAD` wait, one is shown and one is being made."""
_MOST_WIDTH = 4096
"""Of a panorama's frames; with its caps and smaller sizes each has 20 MB of planes."""
_AHEAD = 2
_FAR_S = 2.0
"""A jump forward by more than this is a seek; over less the frames between are decoded."""
_EARLY_S = 0.002
"""A frame is due this much before its time: containers round the stamps of sky and source to milliseconds."""
_CLOSE_S = 2.0

_SPACES = {"bt601": Colorspace.ITU601, "bt709": Colorspace.ITU709, "bt2020": Colorspace.BT2020}
_RANGES = {False: ColorRange.MPEG, True: ColorRange.JPEG}


@dataclass(frozen=True, slots=True)
class Clip:
    """A video file and its length: `first` is its first time stamp, in `time_base`; `seconds` is one lap."""

    path: Path
    first: int
    time_base: Fraction
    seconds: float
    loops: bool


def read_clip(path: Path, *, loop: bool) -> Clip:
    """The clip, measured by its packets: what containers say of their length may be missing or wrong.

    Raises SkyError naming a file that has no pictures.
    """
    try:
        with av.open(f"file:{path}") as container:
            stream = container.streams.video[0]
            stamps: list[int] = []
            last_duration = 0
            for packet in demuxed(container, stream):
                stamp = packet.pts if packet.pts is not None else packet.dts
                if stamp is not None and packet.size:
                    if not stamps or stamp >= max(stamps[-1], stamps[0]):
                        last_duration = packet.duration or 0
                    stamps.append(stamp)
            time_base = stream.time_base or Fraction(1, 1000)
            rate = stream.average_rate or 25
    except (av.FFmpegError, IndexError) as error:
        reason = error.strerror if isinstance(error, av.FFmpegError) else "no pictures in it"
        raise SkyError(f"{path}: not a video that can be read: {reason}") from error
    if not stamps:
        raise SkyError(f"{path}: not a video that can be read: no pictures in it")
    first, last = min(stamps), max(stamps)
    duration = last_duration or 1 / (rate * time_base)
    return Clip(path, first, time_base, float((last - first + duration) * time_base), loop and last > first)


Frames = Generator[tuple[float, VideoFrame]]


def frames_from(
    clip: Clip, start: float, passed: Callable[[], float], report: Callable[[av.FFmpegError], None]
) -> Frames:
    """(seconds, frame) from the key frame before `start` on; seconds run on from lap to lap of a loop.

    passed: asked before each frame; one that is over by that time is left out. Ends with the file, or where
    not one frame of it can be decoded. What cannot be decoded is reported and ends its lap early.
    """
    lap, offset = divmod(start, clip.seconds) if clip.loops else (0.0, start)
    pending: tuple[float, VideoFrame] | None = None
    last = -math.inf
    while True:
        found = False
        try:
            for pts, frame in _decoded(clip, offset):
                seconds = lap * clip.seconds + float((pts - clip.first) * clip.time_base)
                if seconds <= last:
                    continue
                found, last = True, seconds
                if pending and seconds > passed():
                    yield pending
                pending = seconds, frame
        except av.FFmpegError as error:
            report(error)
        if not clip.loops or (offset == 0.0 and not found):
            break
        lap, offset = lap + 1, 0.0
    if pending:
        yield pending


def _decoded(clip: Clip, offset: float) -> Iterator[tuple[int, VideoFrame]]:
    """(pts, frame) from the key frame before `offset` seconds to the end of the clip."""
    with av.open(f"file:{clip.path}") as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        if offset > 0.0:
            with suppress(av.FFmpegError):  # a format without seeking is decoded from its start
                container.seek(clip.first + int(offset / clip.time_base), stream=stream)
        for frame in container.decode(stream):
            stamp = frame.pts if frame.pts is not None else frame.dts
            if stamp is not None:
                yield stamp, frame


def planes_of(
    frame: VideoFrame,
    orientation: Orientation,
    size_wh: tuple[int, int],
    colour: Colour,
    reformatter: VideoReformatter,
) -> Planes:
    """The frame's I420 planes, upright, scaled to an even size and converted to a matrix and range."""
    source = read_colour(frame, None)
    width, height = upright_size(size_wh, orientation)
    converted = reformatter.reformat(
        frame,
        width,
        height,
        "yuv420p",
        src_colorspace=_SPACES[source.matrix],
        dst_colorspace=_SPACES[colour.matrix],
        src_color_range=_RANGES[source.full_range],
        dst_color_range=_RANGES[colour.full_range],
        interpolation=Interpolation.AREA,
        threads=1,
    )
    return Planes(*(upright(samples_of(plane), orientation) for plane in converted.planes))


class VideoSky:
    """A video as a sky. A thread decodes a few frames ahead; the frame shown depends on `seconds` alone.

    The first frames are decoded when it is opened, so that nobody waits for them, and the thread begins with
    the first `render`: a sky that is loaded at a low priority does not bequeath it.
    Raises SkyError naming a file of which no frame can be decoded.
    """

    def __init__(
        self,
        path: Path,
        title: str,
        size_wh: tuple[int, int],
        colour: Colour,
        crop: float,
        wrap: Wrap,
        *,
        loop: bool,
        placement: Placement = AS_IT_IS,
        model: Model = "sphere",
        panorama: bool = False,
        sun: tuple[float, float] | None = None,
    ) -> None:
        """panorama: frames are whole spheres; crop, wrap and model mean nothing then. sun: as `StillSky`."""
        self.title = title
        self.placement = placement
        self._clip = read_clip(path, loop=loop)
        self._colour = colour
        self._reported = False
        # From here on: what the rendering and the decoding thread share, under `_changed`.
        self._changed = threading.Condition()
        self._due = 0.0  # what was asked for last
        self._seek: float | None = None  # where to decode from next; None once that is taken up
        self._closed = False
        frames = self._frames_from(0.0)
        first = next(frames, None)
        if first is None:
            raise SkyError(f"{path}: not a video that can be read: no frame can be decoded")
        # Once for all frames: asking a frame makes it part of a reference cycle, so that it outlives its use.
        self._orientation = orientation_of(first[1])
        picture_wh = upright_size((first[1].width, first[1].height), self._orientation)
        self._backdrop: Backdrop
        if panorama:
            area = area_all_around(path, picture_wh, None)
            if area.bottom - area.top < 1:
                raise SkyError(f"{path}: a video panorama must be a whole sphere: twice as wide as high")
            self._backdrop = Panorama(picture_wh, size_wh, colour, most_width=min(_MOST_WIDTH, picture_wh[0]))
        else:
            kind = FlatPicture if model == "sphere" else FlatPlane
            self._backdrop = kind(
                picture_wh, size_wh, colour, crop, wrap, most_texels=_MOST_TEXELS, enlarge=False
            )
        self._sun = sun_of(self._backdrop, sun)
        self._chroma_xy = read_colour(first[1], None).chroma_xy
        self._reformatter = VideoReformatter()
        try:
            self._texture = self._textured(first[1])
        except av.FFmpegError as error:
            raise SkyError(f"{path}: cannot be converted from {first[1].format.name}") from error
        self._since = first[0]
        self._ahead = deque((seconds, self._textured(frame)) for seconds, frame in islice(frames, _AHEAD))
        self._ended = False
        self._frames = frames
        self._thread = threading.Thread(target=self._decode, name=f"sky-{path.stem}", daemon=True)

    def render(self, seconds: float, view: View, rows: tuple[int, int]) -> SkyView:
        """As `Sky.render`; waits until the frame shown at `seconds` is decoded."""
        self._advance(max(seconds, 0.0) + _EARLY_S)
        return self._backdrop.render(self._texture, view, self.placement, self._sun, rows)

    def close(self) -> None:
        """End the decoding thread, and close the file."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread.ident is None:
            self._frames.close()
        else:
            self._thread.join(_CLOSE_S)

    def _advance(self, due: float) -> None:
        """Make the last frame that is not later than `due` the one that is shown."""
        with self._changed:
            self._due = due
            if due < self._since or due > self._since + _FAR_S:
                self._seek, self._since, self._ended = due, due, False
                self._ahead.clear()
                self._changed.notify_all()
            if self._thread.ident is None and not self._closed:
                self._thread.start()
            # The frame shown is the right one as soon as the next is known to be later.
            while True:
                while self._ahead and self._ahead[0][0] <= due:
                    self._since, self._texture = self._ahead.popleft()
                    self._changed.notify_all()
                if self._ahead or self._ended or self._closed:
                    return
                self._changed.wait()

    def _decode(self) -> None:
        """Keep `_ahead` filled until the sky is closed: the decoding thread."""
        try:
            self._offer_all(self._frames)
            while (start := self._take_seek()) is not None:
                self._offer_all(self._frames_from(start))
        finally:  # whatever ends this thread, nobody may wait for it
            with self._changed:
                self._closed = True
                self._changed.notify_all()

    def _frames_from(self, start: float) -> Frames:
        return frames_from(self._clip, start, self._passed, self._report)

    def _passed(self) -> float:
        """Frames that are over by this time are left out; none of those that `_offer` will refuse.

        Read without the lock: a value that is one frame old does no harm.
        """
        return -math.inf if self._closed or self._seek is not None else self._due

    def _offer_all(self, frames: Frames) -> None:
        with closing(frames):  # one that is left in the middle would keep its file and decoder
            for seconds, frame in frames:
                if not self._offer(seconds, self._textured(frame)):
                    return
        with self._changed:
            self._ended = self._seek is None
            self._changed.notify_all()

    def _take_seek(self) -> float | None:
        """Where to decode from, once somebody wants it; None when the sky is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._seek is not None)
            start, self._seek = self._seek, None
            return None if self._closed else start

    def _offer(self, seconds: float, texture: Any) -> bool:
        """Put a frame into the queue when there is room; False when it is no longer wanted."""
        with self._changed:
            self._changed.wait_for(
                lambda: len(self._ahead) < _AHEAD or self._closed or self._seek is not None
            )
            if self._closed or self._seek is not None:
                return False
            self._ahead.append((seconds, texture))
            self._changed.notify_all()
            return True

    def _textured(self, frame: VideoFrame) -> Any:
        size_wh = self._backdrop.picture_wh
        planes = planes_of(frame, self._orientation, size_wh, self._colour, self._reformatter)
        return self._backdrop.texture(planes, self._chroma_xy)

    def _report(self, error: av.FFmpegError) -> None:
        if not self._reported:
            log.warning("%s: cannot be decoded to its end: %s", self._clip.path, error.strerror)
        self._reported = True
