"""Tiny media files for tests, made with PyAV."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from app.frame import U8

SAMPLE_RATE = 48_000


def picture(index: int, size_wh: tuple[int, int]) -> U8:
    """RGB picture, uint8 (H, W, 3), unlike for every index: a gradient that moves under a bright block."""
    width, height = size_wh
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    rgb = np.stack([(x * 3 + index * 8) % 256, (y * 4 + index * 5) % 256, (x + y) * 2 % 256], axis=2)
    left = index * 4 % max(width - 8, 1)
    rgb[: height // 2, left : left + 8] = 230
    return rgb.astype(np.uint8)


def write_video(
    path: Path,
    *,
    size_wh: tuple[int, int] = (64, 48),
    frames: int = 10,
    fps: Fraction | int = 10,
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    rotation: float = 0,
    tags: dict[str, int] | None = None,
    audio: str | None = None,
    draw: Callable[[int, tuple[int, int]], U8 | av.VideoFrame] = picture,
) -> Path:
    """The path, after a video of `frames` frames (or one per stamp) has been written to it.

    pts: a stamp for each frame, in `time_base` (default 1/90000), in order of display; they may repeat or
    fall (then use mp4 or mov). A format that stores no stamps (.h264) gives frames without any.
    rotation: degrees by which a player turns the picture counter-clockwise (mp4, mov).
    tags: attributes of the codec context: color_range, colorspace, color_primaries, color_trc.
    audio: codec of a 440 Hz tone as long as the pictures, or None for no sound.
    draw: gives the RGB picture of an index, or a VideoFrame in any format.
    """
    base = time_base or (Fraction(1, 90_000) if pts is not None else 1 / Fraction(fps))
    stamps = [round(i / (fps * base)) for i in range(frames)] if pts is None else list(pts)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=Fraction(fps))
        stream.width, stream.height = size_wh
        stream.pix_fmt = pix_fmt
        stream.time_base = stream.codec_context.time_base = base
        lossless = {"qp": "0", "bf": "0", "threads": "1"} if codec == "libx264" else {}
        stream.codec_context.options = lossless if options is None else options
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        if rotation:
            stream.set_display_rotation(rotation)
        sound = container.add_stream(audio, rate=SAMPLE_RATE) if audio else None
        container.start_encoding()
        packets: list[Any] = []
        for index in range(len(stamps)):
            drawn = draw(index, size_wh)
            frame = drawn if isinstance(drawn, av.VideoFrame) else av.VideoFrame.from_ndarray(drawn, "rgb24")
            frame.pts, frame.time_base = index, base
            packets += stream.encode(frame)
        packets += stream.encode(None)
        _stamp(packets, stamps)
        container.mux(packets)
        if sound:
            container.mux(_tone(sound, len(stamps) / float(fps)))
    return path


def _stamp(packets: list[Any], stamps: Sequence[int]) -> None:
    """Give each packet, whose pts is the frame's index, its stamp, and a dts that rises and stays below."""
    shown = [stamps[packet.pts] for packet in packets]
    decoded = sorted(shown)
    ahead = max((early - stamp for early, stamp in zip(decoded, shown, strict=True)), default=0)
    last = None
    for packet, pts, early in zip(packets, shown, decoded, strict=True):
        last = early - ahead if last is None else max(early - ahead, last + 1)
        packet.pts, packet.dts = pts, min(last, pts)


def _tone(stream: Any, seconds: float) -> list[Any]:
    packets: list[Any] = []
    layout = stream.codec_context.layout.name
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tone = (np.sin(2 * np.pi * 440 * time) * 0.2 * 32767).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(tone[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
    context = stream.codec_context
    resampler = av.AudioResampler(
        context.format.name, layout, SAMPLE_RATE, frame_size=context.frame_size or None
    )
    for block in [*resampler.resample(frame), *resampler.resample(None)]:
        packets += stream.encode(block)
    return packets + list(stream.encode(None))


def write_late_sound(path: Path, frames: int) -> Path:
    """The path, after an FLV video at 10 fps whose sound is found only after all its pictures."""
    picture_file, sound_file = path.with_suffix(".v.flv"), path.with_suffix(".a.flv")
    options = {"preset": "ultrafast", "bf": "0", "g": "10", "threads": "1"}
    write_video(picture_file, size_wh=(64, 64), frames=frames, options=options)
    with av.open(str(sound_file), "w") as container:
        stream: Any = container.add_stream("aac", rate=44_100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8192), np.float32), "fltp", "mono")
        frame.sample_rate = 44_100
        container.mux([*stream.encode(frame), *stream.encode(None)])
    header = b"FLV\x01\x01" + bytes([0, 0, 0, 9, 0, 0, 0, 0])
    path.write_bytes(header + _flv_tags(picture_file) + _flv_tags(sound_file))
    return path


def _flv_tags(path: Path) -> bytes:
    """All pictures and sounds of an FLV file, without its description."""
    data, at, kept = path.read_bytes(), 13, b""
    while at < len(data):
        end = at + 15 + int.from_bytes(data[at + 1 : at + 4])
        kept += data[at:end] if data[at] in (8, 9) else b""
        at = end
    return kept
