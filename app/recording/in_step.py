"""Frames of live sound, each at its place in time, in step with a clock that is not the sound card's."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from av.audio.frame import AudioFrame
from av.error import BlockingIOError, EOFError
from av.filter import Graph

from app.frame import F32

# Stamps may be off the samples counted so far by this much: they come with jitter, and the clocks of sound
# and picture drift apart. Beyond it something is missing or came twice.
JITTER_S = Fraction(40, 1000)
# Within it the sound is stretched or squeezed by at most 0.1 %, which nobody hears. Two quartz clocks differ
# by up to 0.01 %.
_MOST_STRETCH = Fraction(1, 1000)


class InStep:
    """Turns the frames of a feed into stereo samples at one rate, which stay where their stamps say.

    Between two gaps the samples follow each other without a break, however the stamps jitter: what drifts is
    drawn back by resampling. After a gap, or in another format, they start anew at the frame's stamp.
    """

    def __init__(self, rate: int, origin: Fraction) -> None:
        """rate: samples per second that come out; origin: the time of the source, in seconds, of sample 0."""
        self._rate = rate
        self._origin = origin
        self._graph: Graph | None = None
        self._taken: tuple[object, ...] = ()
        self._next = 0

    def place(self, frame: AudioFrame) -> Iterator[tuple[int, F32]]:
        """(index of the first sample since the origin, samples float32 (2, n)), as many as are ready.

        The frame is not changed. Raises av.FFmpegError where it cannot be converted.
        """
        if frame.pts is None or frame.time_base is None or frame.samples == 0:
            return
        start = round((frame.pts * frame.time_base - self._origin) * self._rate)
        given = (frame.format.name, frame.layout.name, frame.sample_rate, frame.time_base)
        if self._graph is None or given != self._taken or abs(start - self._next) > JITTER_S * self._rate:
            yield from self._drained()
            self._graph, self._taken, self._next = self._converter(frame), given, start
        self._graph.push(frame)
        yield from self._pulled(self._graph)

    def _drained(self) -> Iterator[tuple[int, F32]]:
        """The few samples that the converter still holds."""
        if self._graph is not None:
            self._graph.push(None)
            yield from self._pulled(self._graph)

    def _pulled(self, graph: Graph) -> Iterator[tuple[int, F32]]:
        while True:
            try:
                frame = graph.pull()
            except (BlockingIOError, EOFError):
                return
            assert isinstance(frame, AudioFrame)
            start, self._next = self._next, self._next + frame.samples
            yield start, np.asarray(frame.to_ndarray(), np.float32)

    def _converter(self, frame: AudioFrame) -> Graph:
        """https://ffmpeg.org/ffmpeg-resampler.html: `async` is the most samples per second to add or leave
        out; flags=res has it resample from the first sample on, so that nothing breaks when it must.
        """
        graph = Graph()
        source = graph.add_abuffer(
            format=frame.format.name,
            sample_rate=frame.sample_rate,
            layout=frame.layout.name,
            time_base=frame.time_base,
        )
        most = str(int(_MOST_STRETCH * self._rate))
        resampler = graph.add("aresample", **{"async": most, "flags": "res"})
        form = graph.add("aformat", f"sample_fmts=fltp:channel_layouts=stereo:sample_rates={self._rate}")
        graph.link_nodes(source, resampler, form, graph.add("abuffersink")).configure()
        return graph
