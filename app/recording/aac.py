"""Sound that a container cannot hold as it is, encoded anew as AAC."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet

from app.frame import F32

log = logging.getLogger(__name__)

RATES_HZ = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
BITS_PER_CHANNEL = 96_000
# Seconds by which stamps may be off the samples counted so far before silence is put in or samples are
# left out: Matroska rounds stamps to 1 ms.
DRIFT_S = Fraction(2, 1000)


def add_aac_stream(container: OutputContainer, source: AudioStream) -> AudioStream:
    """A new AAC stream of the container: the source's rate where AAC knows it, one or two channels."""
    channels = min(2, source.codec_context.layout.nb_channels)
    rate = source.codec_context.sample_rate
    return container.add_stream(
        "aac",
        rate=rate if rate in RATES_HZ else 48_000,
        layout="mono" if channels == 1 else "stereo",
        bit_rate=channels * BITS_PER_CHANNEL,
    )


def encode_aac(
    packets: Iterable[Packet[AudioStream]], source: AudioStream, target: AudioStream, origin: Fraction
) -> Iterator[Packet[AudioStream]]:
    """Packets of `target`, whose time 0 is `origin` seconds in the packets of `source`.

    The sound begins at 0 and has no gaps: silence stands where the source has none. What cannot be decoded
    is left out, with one warning.
    """
    rate = target.codec_context.sample_rate
    frames = _resampled(_decoded(packets, source), target)
    for position, samples in _without_gaps(frames, origin, rate):
        frame = AudioFrame.from_ndarray(samples, "fltp", target.codec_context.layout.name)
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), position
        yield from target.encode(frame)
    yield from target.encode(None)


def _decoded(packets: Iterable[Packet[AudioStream]], source: AudioStream) -> Iterator[AudioFrame]:
    warned = False
    for packet in packets:
        try:
            frames = source.codec_context.decode(packet)
        except FFmpegError as error:
            if not warned:
                log.warning("%s: damaged sound is left out: %s", source.container.name, error.strerror)
            warned = True
            continue
        yield from frames
    yield from source.codec_context.decode(None)


def _resampled(frames: Iterable[AudioFrame], target: AudioStream) -> Iterator[AudioFrame]:
    """The frames as planar float32 at the rate and layout of `target`; their own may change on the way."""
    context = target.codec_context
    resampler, taken = None, None
    for frame in frames:
        given = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or given != taken:
            resampler = AudioResampler("fltp", context.layout.name, context.sample_rate)
            taken = given
        yield from resampler.resample(frame)
    if resampler is not None:
        yield from resampler.resample(None)


def _without_gaps(frames: Iterable[AudioFrame], origin: Fraction, rate: int) -> Iterator[tuple[int, F32]]:
    """(index of the first sample since `origin`, samples float32 (channels, n)), each where the last ends."""
    position = 0
    for frame in frames:
        samples = frame.to_ndarray()
        if frame.pts is not None and frame.time_base is not None:
            start = round((frame.pts * frame.time_base - origin) * rate)
            if start < position - DRIFT_S * rate:
                samples = samples[:, position - start :]
            while start > position + DRIFT_S * rate:
                silence = np.zeros((samples.shape[0], min(rate, start - position)), np.float32)
                yield position, silence
                position += silence.shape[1]
        if samples.shape[1]:
            yield position, np.ascontiguousarray(samples, np.float32)
            position += samples.shape[1]
