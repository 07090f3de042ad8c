"""A clip whose sound and picture can be compared: every five seconds a black patch flashes and it beeps."""

import math
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.audio.frame import AudioFrame

from app.capture.demo import DemoSource
from app.frame import F32, U8, Planes
from app.recording.h264 import PictureBuffer

FPS = 30
RATE = 48_000
EVERY_S = 5
MARK_S = 0.1
# The patch, as shares of the picture: rows and columns from and to.
PATCH = (0.86, 0.97, 0.04, 0.16)
_BLACK, _WHITE, _LIT = 16, 235, 0.4
_LOUD = 0.1


class Marks(NamedTuple):
    """Times in seconds at which flashes and beeps begin."""

    flashes: list[float]
    beeps: list[float]


def write_marked_clip(path: Path, size_wh: tuple[int, int], seconds: int) -> None:
    """Write the demo scene with marks as MP4: H.264 without B-frames, AAC."""
    with DemoSource(size_wh) as source, av.open(str(path), "w", format="mp4") as container:
        pictures = container.add_stream("libx264", rate=FPS, options={
            "preset": "veryfast", "crf": "24", "tune": "zerolatency", "g": str(2 * FPS),
        })  # fmt: skip
        pictures.width, pictures.height = size_wh
        pictures.pix_fmt = "yuv420p"
        pictures.codec_context.colorspace = 1 if source.info.colour.matrix == "bt709" else 6
        sound = container.add_stream("aac", rate=RATE, layout="mono")
        buffer = PictureBuffer(size_wh, Fraction(1, FPS))
        for index, frame in enumerate(islice(source, seconds * FPS)):
            planes = _patched(frame.planes, _WHITE if index / FPS % EVERY_S < MARK_S else _BLACK)
            container.mux(pictures.encode(buffer.fill(planes, index, key=False)))
            times = (np.arange(RATE // FPS) + index * RATE // FPS) / RATE
            beep = 0.5 * np.sin(2 * np.pi * 1000 * times) * (times % EVERY_S < MARK_S)
            samples = AudioFrame.from_ndarray(beep.astype(np.float32)[None], "fltp", "mono")
            samples.sample_rate, samples.pts = RATE, index * RATE // FPS
            samples.time_base = Fraction(1, RATE)
            container.mux(sound.encode(samples))
        container.mux(pictures.encode(None))
        container.mux(sound.encode(None))


def repeat_clip(clip: Path, path: Path, seconds: int) -> None:
    """Write the clip again and again, until `seconds` are full, as one MP4; nothing is encoded anew."""
    with av.open(str(clip)) as source, av.open(str(path), "w", format="mp4") as target:
        streams = {s.index: target.add_stream_from_template(s) for s in source.streams}
        picture = source.streams.video[0]
        assert picture.duration is not None and picture.time_base is not None
        length_s = float(picture.duration * picture.time_base)
        last_dts = dict.fromkeys(streams, -1)
        for round_ in range(math.ceil(seconds / length_s)):
            source.seek(0)
            for packet in source.demux():
                index = packet.stream.index
                if packet.dts is None or packet.pts is None:
                    continue
                assert packet.time_base is not None
                offset = round(round_ * length_s / packet.time_base)
                packet.dts += offset
                packet.pts += offset
                if packet.dts > last_dts[index]:  # the sound of a round may reach into the next
                    last_dts[index] = packet.dts
                    packet.stream = streams[index]
                    target.mux(packet)


def find_marks(path: Path, start_s: float, seconds: float) -> Marks:
    """The marks that begin within a part of a recording, by the recording's own clock."""
    end_s = start_s + seconds
    flashes, lit = [], True
    beeps, quiet_since = [], float("inf")
    with av.open(str(path)) as container:
        container.seek(round(start_s * av.time_base))
        for frame in container.decode(video=0):
            assert frame.time is not None
            if frame.time >= end_s:
                break
            was_lit, lit = (
                lit,
                _patch_of(np.asarray(frame.to_ndarray(format="gray"), np.uint8)).mean() > _LIT * 255,
            )
            if lit and not was_lit and frame.time >= start_s:
                flashes.append(frame.time)
        container.seek(round(start_s * av.time_base))
        for block in container.decode(audio=0):
            assert block.time is not None
            samples: F32 = np.abs(block.to_ndarray()[0])
            for index in np.flatnonzero(samples > _LOUD):
                time = block.time + index / block.sample_rate
                if time - quiet_since > 1 and start_s <= time < end_s:
                    beeps.append(float(time))
                quiet_since = time
            if quiet_since == float("inf"):
                quiet_since = block.time
            if block.time >= end_s:
                break
    return Marks(flashes, beeps)


def offsets_ms(marks: Marks) -> list[float]:
    """Milliseconds by which each beep comes after the flash nearest to it, within a second."""
    offsets = []
    for beep in marks.beeps:
        nearest = min(marks.flashes, key=lambda flash: abs(beep - flash), default=None)
        if nearest is not None and abs(beep - nearest) < 1:
            offsets.append(1e3 * (beep - nearest))
    return offsets


def _patch_of(luma: U8) -> U8:
    height, width = luma.shape
    top, bottom, left, right = PATCH
    return luma[round(top * height) : round(bottom * height), round(left * width) : round(right * width)]


def _patched(planes: Planes, level: int) -> Planes:
    y, u, v = (plane.copy() for plane in planes)
    _patch_of(y)[:] = level
    _patch_of(u)[:] = _patch_of(v)[:] = 128
    return Planes(y, u, v)
