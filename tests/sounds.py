"""Sound for tests: noise whose place in time can be found again, written to and read from small files."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from app.frame import F64

RATE = 48_000


def noise(seconds: float, rate: int = RATE) -> F64:
    """Smooth noise in [-0.5, 0.5], float64 (samples,): the same at every call."""
    white = np.random.default_rng(7).normal(size=round(seconds * rate) + 16)
    smooth = np.convolve(white, np.hanning(16), "same")[: round(seconds * rate)]
    return np.clip(smooth * 0.06, -0.5, 0.5)


def write_clip(
    path: Path,
    *,
    codec: str | Sequence[str],
    seconds: float = 2.0,
    sound_start_s: float = 0.0,
    picture_start_s: float = 0.0,
    rate: int = RATE,
    channels: int = 1,
) -> Path:
    """The path, after a clip of 64x48 pixels at 25 frames per second with `noise` in each codec is written.

    Sound and picture each last `seconds` and start when told.
    """
    base = Fraction(1, 90_000)
    layout = "mono" if channels == 1 else "stereo"
    with av.open(str(path), "w") as container:
        pictures: Any = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", "bf": "0"})
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        pictures.codec_context.time_base = base
        codecs = [codec] if isinstance(codec, str) else codec
        sounds: list[Any] = [container.add_stream(name, rate=rate, layout=layout) for name in codecs]
        packets: list[Any] = []
        for index in range(round(seconds * 25)):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), index % 200, np.uint8), "rgb24")
            picture.pts, picture.time_base = round((picture_start_s + index / 25) * 90_000), base
            packets += pictures.encode(picture)
        packets += pictures.encode(None)
        samples = (noise(seconds, rate) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(samples, channels)[None], "s16", layout)
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        for stream in sounds:
            frame.pts = round(sound_start_s * rate)
            context: Any = stream.codec_context
            context.open()
            resampler = av.AudioResampler(context.format.name, layout, rate, context.frame_size or 1024)
            for block in [*resampler.resample(frame), *resampler.resample(None)]:
                packets += stream.encode(block)
            packets += stream.encode(None)
        packets.sort(key=lambda packet: float(packet.dts * packet.time_base))
        container.mux(packets)
    return path


def read_sound(path: Path) -> tuple[float, F64, int]:
    """(time of the first sample in seconds, mono samples float64, rate) of a file's first sound stream."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    first = frames[0]
    assert first.pts is not None and first.time_base is not None
    mono = av.AudioResampler("fltp", "mono", first.sample_rate)
    parts = [part.to_ndarray()[0] for frame in frames for part in mono.resample(frame)]
    return float(first.pts * first.time_base), np.concatenate(parts).astype(np.float64), first.sample_rate


def delay_s(one: tuple[float, F64, int], other: tuple[float, F64, int]) -> float:
    """How much later the same sound is heard in `other` than in `one`, in seconds on the files' clocks."""
    (start, samples, rate), (other_start, others, other_rate) = one, other
    assert rate == other_rate
    length = 2 * max(len(samples), len(others))
    spectrum = np.conj(np.fft.rfft(samples, length)) * np.fft.rfft(others, length)
    lag = int(np.argmax(np.fft.irfft(spectrum, length)))
    lag = lag - length if lag > length // 2 else lag
    return lag / rate + other_start - start


def end_s(path: Path, kind: str) -> float:
    """When the last packet of the file's first stream of that kind ends, in seconds."""
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(**{kind: 0}) if p.pts is not None and p.size]
        return max(float((p.pts + (p.duration or 0)) * p.time_base) for p in packets if p.pts is not None)
