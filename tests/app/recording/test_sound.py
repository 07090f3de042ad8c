import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from app.recording.sound import SoundError, SoundTrack
from tests.sounds import delay_s, end_s, noise, read_sound, write_clip

SYNC_S = 0.002


@pytest.fixture
def rewrite(tmp_path: Path) -> Iterator[Any]:
    """A function that records the sound of a clip alone, until `seconds`."""

    def record(clip: Path, name: str, seconds: float = 10, origin: Fraction = Fraction(0)) -> Path:
        path = tmp_path / name
        options = {"movflags": "frag_keyframe+empty_moov+delay_moov"} if path.suffix != ".mkv" else {}
        with av.open(str(path), "w", container_options=options) as container:
            track = SoundTrack(clip, container)
            track.start(origin)
            for packet in track.until(Fraction(seconds)):
                container.mux_one(packet)
            track.close()
            track.close()
        return path

    yield record


def codec_of(path: Path) -> str:
    with av.open(str(path)) as container:
        return container.streams.audio[0].codec_context.codec.canonical_name


@pytest.mark.parametrize(
    ("clip", "codec", "name", "expected"),
    [
        ("in.mp4", "aac", "out.mkv", "aac"),
        ("in.mp4", "aac", "out.mp4", "aac"),
        ("in.ts", "aac", "out.mkv", "aac"),
        ("in.ts", "aac", "out.mp4", "aac"),
        ("in.avi", "libmp3lame", "out.mp4", "mp3"),
        ("in.mkv", "libopus", "out.mp4", "opus"),
        ("in.mkv", "libopus", "out.mov", "aac"),
        ("in.mkv", "flac", "out.mkv", "flac"),
        ("in.avi", "pcm_s16le", "out.mkv", "pcm_s16le"),
        ("in.avi", "pcm_s16le", "out.mp4", "aac"),
    ],
)
def test_sound_is_copied_where_the_container_holds_it_and_stays_in_place(
    tmp_path: Path, rewrite: Any, clip: str, codec: str, name: str, expected: str
) -> None:
    source = write_clip(tmp_path / clip, codec=codec, seconds=1)
    origin = Fraction(0)
    if clip.endswith(".ts"):  # its clock starts at 1.4 s
        with av.open(str(source)) as container:
            origin = Fraction(container.start_time or 0, av.time_base)
    copy = rewrite(source, name, origin=origin)
    assert codec_of(copy) == expected
    assert delay_s(read_sound(source), read_sound(copy)) + float(origin) == pytest.approx(0, abs=SYNC_S)


def test_sound_until_a_time_ends_with_it(tmp_path: Path, rewrite: Any) -> None:
    source = write_clip(tmp_path / "in.mp4", codec="aac")
    assert end_s(rewrite(source, "out.mkv", seconds=1), "audio") == pytest.approx(1, abs=0.012)


def test_sound_before_the_start_is_left_out(tmp_path: Path, rewrite: Any) -> None:
    source = write_clip(tmp_path / "in.mkv", codec="pcm_s16le")
    for name in ("out.mkv", "out.mp4"):
        start, samples, rate = read_sound(rewrite(source, name, origin=Fraction(1, 2)))
        assert start == pytest.approx(0, abs=0.03)
        assert len(samples) / rate == pytest.approx(1.5, abs=0.05)
        heard = (start, samples, rate)
        assert delay_s(read_sound(source), heard) == pytest.approx(-0.5, abs=SYNC_S)


def test_late_sound_starts_an_mp4_with_silence(tmp_path: Path, rewrite: Any) -> None:
    source = write_clip(tmp_path / "in.mkv", codec="aac", sound_start_s=0.5, seconds=1)
    copy = rewrite(source, "out.mp4")
    start, samples, rate = read_sound(copy)
    assert start == pytest.approx(0, abs=0.03)
    assert np.abs(samples[: round(0.4 * rate)]).max() < 0.01
    assert delay_s(read_sound(source), (start, samples, rate)) == pytest.approx(0, abs=SYNC_S)
    assert read_sound(rewrite(source, "out.mkv"))[0] == pytest.approx(0.5, abs=0.03)


def test_a_hole_in_the_sound_becomes_silence_in_aac(tmp_path: Path, rewrite: Any) -> None:
    whole = write_clip(tmp_path / "whole.mkv", codec="pcm_s16le")
    holed = tmp_path / "holed.mkv"
    with av.open(str(whole)) as given, av.open(str(holed), "w") as container:
        stream = container.add_stream_from_template(given.streams.audio[0])
        for packet in given.demux(audio=0):
            if packet.pts is not None and not 0.5 < packet.pts * packet.time_base < 1.2:
                packet.stream = stream
                container.mux(packet)
    start, samples, rate = read_sound(rewrite(holed, "out.mp4"))
    assert np.abs(samples[round(0.6 * rate) : round(1.1 * rate)]).max() < 0.01
    assert delay_s((0.0, noise(2.0), rate), (start, samples, rate)) == pytest.approx(0, abs=SYNC_S)


def test_one_of_several_streams_is_taken_and_told(
    tmp_path: Path, rewrite: Any, caplog: pytest.LogCaptureFixture
) -> None:
    source = write_clip(tmp_path / "in.mkv", codec=["pcm_s16le", "aac"], seconds=0.5)
    with caplog.at_level(logging.INFO):
        copy = rewrite(source, "out.mkv")
    assert "of 2" in caplog.text
    with av.open(str(copy)) as container:
        assert len(container.streams.audio) == 1


def test_damaged_sound_is_left_out_with_one_warning(
    tmp_path: Path, rewrite: Any, caplog: pytest.LogCaptureFixture
) -> None:
    source = write_clip(tmp_path / "in.mkv", codec="flac", seconds=2)
    damaged = bytearray(source.read_bytes())
    rng = np.random.default_rng(0)
    for place in rng.integers(len(damaged) // 3, len(damaged) * 2 // 3, 400):
        damaged[place] ^= 0xFF
    source.write_bytes(damaged)
    copy = rewrite(source, "out.mov")
    assert codec_of(copy) == "aac"
    assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == 1


def test_nothing_to_hear_is_an_error(tmp_path: Path) -> None:
    silent = tmp_path / "silent.mkv"
    with av.open(str(silent), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(stream.encode(None))
    text = tmp_path / "text.wav"
    text.write_text("no sound")
    with av.open(str(tmp_path / "out.mkv"), "w") as container:
        with pytest.raises(SoundError, match=r"silent\.mkv: no sound"):
            SoundTrack(silent, container)
        with pytest.raises(SoundError, match=r"text\.wav: Invalid data"):
            SoundTrack(text, container)
        with pytest.raises(SoundError, match=r"absent\.wav: No such file"):
            SoundTrack(tmp_path / "absent.wav", container)
