import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import app.recording.encoders
import app.recording.recorder
import app.recording.sound
from app.config import ROOT, Record
from app.errors import RecordError
from app.frame import U8, Colour, Planes
from app.recording.codings import Coding
from app.recording.h264 import Form, PictureBuffer, PictureEncoder, encoder_options, x264_coding
from app.recording.preset import PRESETS
from app.recording.recorder import LONGEST_GAP, Recorder
from tests.sounds import delay_s, end_s, read_sound, write_clip

FAST = Record(preset="ultrafast")
SYNC_S = 0.005


def picture(level: int, size_wh: tuple[int, int] = (64, 48)) -> Planes:
    width, height = size_wh
    y = np.full((height, width), 40, np.uint8)
    y[:, : width // 2] = level
    half = ((height + 1) // 2, (width + 1) // 2)
    planes = Planes(y, np.full(half, 90, np.uint8), np.full(half, 150, np.uint8))
    for plane in planes:
        plane.setflags(write=False)
    return planes


def recorder(path: Path, **changes: Any) -> Recorder:
    form = {
        "size_wh": (64, 48),
        "time_base": Fraction(1, 90_000),
        "fps": Fraction(25),
        "colour": Colour(),
    }
    given: dict[str, Any] = form | {"part": FAST, "sound": None, "force": False, "from_start": True} | changes
    return Recorder(path, Form(*(given.pop(name) for name in form)), **given)


def record(path: Path, stamps: Sequence[int], **changes: Any) -> Path:
    recording = recorder(path, **changes)
    for index, pts in enumerate(stamps):
        recording.write(picture(60 + index % 100, changes.get("size_wh", (64, 48))), pts)
    recording.close()
    return path


def frame_times(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        return [f.pts * f.time_base for f in container.decode(video=0) if f.pts is not None and f.time_base]


def key_times(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        return [p.pts * p.time_base for p in container.demux(video=0) if p.pts is not None and p.is_keyframe]


def clip(name: str) -> Path:
    if "SKYAR_DATA" not in os.environ:
        pytest.skip("SKYAR_DATA is not set")
    path = Path(os.environ["SKYAR_DATA"]).parent / "clips" / name
    if not path.exists():
        pytest.skip(f"no {path}")
    return path


def rough_stamps(count: int) -> list[int]:
    steps = np.random.default_rng(3).choice([700, 2999, 3001, 3600, 11_000, 21_000], count - 1)
    return [0, *np.cumsum(steps).tolist()]


@pytest.mark.parametrize("with_sound", [False, True])
def test_times_are_the_sources(tmp_path: Path, with_sound: bool) -> None:
    sound = write_clip(tmp_path / "in.mkv", codec="aac") if with_sound else None
    stamps = [6398 + pts for pts in rough_stamps(60)]
    times = [Fraction(pts, 90_000) for pts in stamps]
    assert frame_times(record(tmp_path / "a.mp4", stamps, sound=sound)) == times
    assert frame_times(record(tmp_path / "a.mov", stamps, sound=sound)) == times
    kept = frame_times(record(tmp_path / "a.mkv", stamps, sound=sound))
    assert len(kept) == len(times)
    assert max(abs(a - b) for a, b in zip(kept, times, strict=True)) <= Fraction(1, 2000)


@pytest.mark.parametrize("time_base", [Fraction(1, 25), Fraction(1001, 30_000), Fraction(1, 10**9)])
def test_mp4_counts_in_the_sources_time_base(tmp_path: Path, time_base: Fraction) -> None:
    step = round(Fraction(1, 25) / time_base)
    stamps = [step * index + index % 2 * (step // 3) for index in range(20)]
    path = record(tmp_path / "a.mp4", stamps, time_base=time_base)
    assert frame_times(path) == [pts * time_base for pts in stamps]


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "mov"])
def test_a_loss_of_a_day_is_a_gap_like_any_other(tmp_path: Path, suffix: str) -> None:
    """The last picture stands in it, repeated now and then; MP4 could not hold the time otherwise."""
    day = 24 * 3600 * 90_000
    before, after = [0, 3600, 7200], [day, day + 3600, day + 7200]
    path = record(tmp_path / f"a.{suffix}", before + after)
    times = [round(time * 90_000) for time in frame_times(path)]
    assert (times[:3], times[-3:]) == (before, after)
    assert len(times) == 6 + day // LONGEST_GAP
    with av.open(str(path)) as container:
        levels = [int(frame.to_ndarray()[:48, :16].mean()) for frame in container.decode(video=0)]
    assert levels == pytest.approx([60, 61, *[62] * (len(times) - 5), 63, 64, 65], abs=1)


@pytest.mark.parametrize(("first", "expected"), [(-4000, 0), (90_000, 90_000), (90_000_000, 0)])
def test_a_clock_that_starts_below_0_or_far_above_starts_at_0(
    tmp_path: Path, first: int, expected: int
) -> None:
    for name in ("a.mkv", "a.mp4"):
        path = record(tmp_path / name, [first, first + 3600, first + 7200])
        times = [round(time * 90_000) for time in frame_times(path)]
        assert times == [expected, expected + 3600, expected + 7200]


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_colour_tags_and_levels_arrive(tmp_path: Path, suffix: str) -> None:
    colour = Colour(matrix="bt601", full_range=True, siting="topleft", primaries=5, transfer=4)
    part = Record(preset="ultrafast", crf=1)
    path = record(tmp_path / f"a.{suffix}", [0, 3600], colour=colour, part=part)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        frame = next(container.decode(video=0))
        tags = (frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc)
        assert tags == (6, 2, 5, 4)
        assert not context.has_b_frames
    levels = frame.to_ndarray()  # I420 in one array, whatever range the tags say
    assert abs(int(levels[24, 8]) - 60) <= 1 and abs(int(levels[24, 56]) - 40) <= 1
    assert abs(int(levels[50, 8]) - 90) <= 1 and abs(int(levels[62, 8]) - 150) <= 1


@pytest.mark.parametrize("size_wh", [(65, 49), (64, 49), (67, 48), (98, 66)])
def test_odd_sizes_lose_their_last_row_and_column(tmp_path: Path, size_wh: tuple[int, int]) -> None:
    path = record(tmp_path / "a.mkv", [0], size_wh=size_wh, part=Record(preset="ultrafast", crf=1))
    width, height = size_wh[0] & ~1, size_wh[1] & ~1
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == (width, height)
    luma: U8 = frame.to_ndarray()[:height].astype(np.uint8)
    expected = picture(60, size_wh).y[:height, :width]
    assert np.abs(luma.astype(int) - expected).mean() < 2


def test_every_picture_is_its_own(tmp_path: Path) -> None:
    path = record(tmp_path / "a.mkv", range(0, 20 * 3600, 3600), part=Record(preset="ultrafast", crf=1))
    with av.open(str(path)) as container:
        levels = [int(frame.to_ndarray()[24, 8]) for frame in container.decode(video=0)]
    assert levels == pytest.approx(range(60, 80), abs=1)


@pytest.mark.parametrize("cores", [1, 16])
def test_no_picture_is_delayed_by_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    context: Any = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = 64, 48, "yuv420p"
    context.time_base, context.options = Fraction(1, 25), encoder_options("medium", 20)
    buffer = PictureBuffer((64, 48), context.time_base)
    for index in range(10):
        packets = context.encode(buffer.fill(picture(60 + index), index, key=index == 5))
        assert [(packet.pts, packet.is_keyframe) for packet in packets] == [(index, index in (0, 5))]
    stamps = range(0, 30 * 3600, 3600)
    path = record(tmp_path / "a.mkv", stamps, part=Record(preset="medium"))
    assert frame_times(path) == [Fraction(pts, 90_000) for pts in stamps]


def test_a_recording_that_is_taken_away_is_an_error(tmp_path: Path) -> None:
    recording = recorder(tmp_path / "a.mkv")
    recording.write(picture(60), 0)
    recording.write(picture(60), 3600)
    (tmp_path / "a.mkv").unlink()
    with pytest.raises(RecordError, match=r"a\.mkv: No such file"):
        recording.write(picture(60), 7200)
    recording.close()


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30_000, 1001), Fraction(2), Fraction(120)])
def test_key_frames_are_at_most_2_s_apart(tmp_path: Path, fps: Fraction) -> None:
    stamps = [round(index / fps * 90_000) for index in range(int(5 * fps))]
    times = key_times(record(tmp_path / "a.mkv", stamps, fps=fps))
    gaps = [b - a for a, b in pairwise(times)]
    assert Fraction(3, 2) <= max(gaps) <= 2 and min(gaps) > 1


def test_key_frames_go_by_time_when_the_rate_varies(tmp_path: Path) -> None:
    times = key_times(record(tmp_path / "a.mp4", rough_stamps(150)))
    assert len(times) > 4
    assert max(b - a for a, b in pairwise(times)) <= 2


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
@pytest.mark.parametrize("starts_s", [(0.0, 0.0), (0.3, 0.0), (0.0, 0.5), (100.0, 100.1)])
def test_sound_and_picture_stay_together(tmp_path: Path, suffix: str, starts_s: tuple[float, float]) -> None:
    sound_start_s, picture_start_s = starts_s
    source = write_clip(
        tmp_path / "in.mkv",
        codec="aac",
        sound_start_s=sound_start_s,
        picture_start_s=picture_start_s,
    )
    stamps = [round(picture_start_s * 90_000) + 3600 * index for index in range(50)]
    path = record(tmp_path / f"a.{suffix}", stamps, sound=source)
    moved_s = float(frame_times(path)[0]) - picture_start_s
    assert delay_s(read_sound(source), read_sound(path)) == pytest.approx(moved_s, abs=SYNC_S)


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("in.mp4", "aac"),
        ("in.mkv", "pcm_s16le"),
        ("in.ts", "aac"),
        ("in.mkv", "flac"),
        ("in.mov", "pcm_s16le"),
        ("in.flv", "libmp3lame"),
    ],
)
def test_a_recording_from_the_middle_has_the_sound_of_the_middle(
    tmp_path: Path, suffix: str, name: str, codec: str
) -> None:
    source = write_clip(tmp_path / name, codec=codec, seconds=12)
    with av.open(str(source)) as container:
        start_s = float(Fraction(container.start_time or 0, av.time_base))
    stamps = [round((start_s + 8) * 90_000) + 3600 * index for index in range(50)]
    path = record(tmp_path / f"a.{suffix}", stamps, sound=source, from_start=False)
    assert frame_times(path)[0] == 0
    assert delay_s(read_sound(source), read_sound(path)) == pytest.approx(-8 - start_s, abs=SYNC_S)
    assert end_s(path, "audio") == pytest.approx(2, abs=0.03)


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="no /proc/self/io here")
@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_the_sound_before_a_recording_is_not_read(tmp_path: Path, suffix: str) -> None:
    source = write_clip(tmp_path / "in.mkv", codec="pcm_s16le", seconds=60)
    before = bytes_read()
    path = record(tmp_path / f"a.{suffix}", [53 * 90_000, 53 * 90_000 + 3600], sound=source, from_start=False)
    assert bytes_read() - before < source.stat().st_size / 3
    assert delay_s(read_sound(source), read_sound(path)) == pytest.approx(-53, abs=SYNC_S)


def bytes_read() -> int:
    """What this process has read from files so far."""
    return int(Path("/proc/self/io").read_text().split()[1])


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
def test_a_recording_that_begins_after_the_sound_grows_without_it(
    tmp_path: Path, suffix: str, codec: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = write_clip(tmp_path / "in.mkv", codec=codec, seconds=2)
    path = tmp_path / f"a.{suffix}"
    recording = recorder(path, sound=source, from_start=False)
    for index in range(50):
        recording.write(picture(60), 5 * 90_000 + 3600 * index)
        if index >= 20:
            assert index / 25 - float(frame_times(path)[-1]) < 0.5
    recording.close()
    assert len(frame_times(path)) == 50
    assert [record.message for record in caplog.records] == [
        f"recording without sound: {source}: the sound ends before the recording begins"
    ]


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_time_and_size_so_far_are_told(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    recording = recorder(path, from_start=False)
    assert (recording.seconds, recording.size_bytes) == (0, 0)
    sizes = []
    for index in range(50):
        recording.write(picture(60 + index), 900_000 + 3600 * index)
        assert recording.seconds == pytest.approx((index + 1) / 25)
        if index > 1:  # the first is written with the third
            assert recording.size_bytes == path.stat().st_size
        sizes.append(recording.size_bytes)
    assert sizes == sorted(sizes) and len(set(sizes)) > 4
    recording.close()
    assert (recording.seconds, recording.size_bytes) == (2, path.stat().st_size)


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_sound_of_real_footage_stays_in_place(tmp_path: Path, suffix: str) -> None:
    source = clip("skyar_annarbor.mp4")
    with av.open(str(source)) as container:
        stream = container.streams.video[0]
        stamps = [f.pts for f in container.decode(stream) if f.pts is not None]
        time_base, fps = stream.time_base, stream.average_rate
    path = record(tmp_path / f"a.{suffix}", stamps, sound=source, time_base=time_base, fps=fps)
    moved = [abs(a - b) for a, b in zip(frame_times(source), frame_times(path), strict=True)]
    assert max(moved) <= (0 if suffix == "mp4" else 0.0005)
    assert delay_s(read_sound(source), read_sound(path)) == pytest.approx(0, abs=SYNC_S)
    assert end_s(path, "audio") == pytest.approx(end_s(source, "audio"), abs=0.03)


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
def test_sound_ends_with_the_picture(tmp_path: Path, suffix: str, codec: str) -> None:
    source = write_clip(tmp_path / "in.mkv", codec=codec)
    path = record(tmp_path / f"a.{suffix}", range(0, 20 * 3600, 3600), sound=source)
    assert end_s(path, "video") == pytest.approx(0.8, abs=0.001)
    assert end_s(path, "audio") == pytest.approx(0.8, abs=0.025)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    path.write_text("precious")
    with pytest.raises(RecordError, match=r"a\.mkv: exists"):
        recorder(path)
    assert path.read_text() == "precious"
    assert len(frame_times(record(path, [0, 3600], force=True))) == 2


def test_the_source_is_never_written_over(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", codec="aac", seconds=0.2)
    before = source.read_bytes()
    with pytest.raises(RecordError, match=r"in\.mkv: is the source itself"):
        recorder(source, sound=source, force=True)
    assert source.read_bytes() == before


def test_places_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    (tmp_path / "folder.mkv").mkdir()
    with pytest.raises(RecordError, match=r"folder\.mkv: Is a directory"):
        recorder(tmp_path / "folder.mkv", force=True)
    with pytest.raises(RecordError, match=r"absent/a\.mkv: No such file"):
        recorder(tmp_path / "absent" / "a.mkv")
    with pytest.raises(RecordError, match=r"a\.webm: a recording is named \*\.mkv, \*\.mp4"):
        recorder(tmp_path / "a.webm")
    with pytest.raises(RecordError, match=r"a\.mkv: a picture of 1x1 cannot"):
        recorder(tmp_path / "a.mkv", size_wh=(1, 1))
    assert not (tmp_path / "a.mkv").exists()


def test_a_full_disk_at_the_start_is_an_error(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    (tmp_path / "full.mkv").symlink_to("/dev/full")
    with pytest.raises(RecordError, match=r"full\.mkv: No space left"):
        record(tmp_path / "full.mkv", range(0, 3600 * 50, 3600), force=True)


def test_without_a_picture_no_file_is_left(tmp_path: Path) -> None:
    for name in ("a.mkv", "a.mp4"):
        recording = recorder(tmp_path / name)
        recording.close()
        recording.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_bad_sound_never_costs_the_picture(
    tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no sound here")
    stamps = range(0, 3600 * 50, 3600)
    assert len(frame_times(record(tmp_path / f"a.{suffix}", stamps, sound=text))) == 50
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    source = write_clip(tmp_path / "in.ts", codec="aac")
    damaged = bytearray(source.read_bytes())
    for place in np.random.default_rng(0).integers(20_000, len(damaged), 200):
        damaged[place] ^= 0xFF
    source.write_bytes(damaged)
    assert len(frame_times(record(tmp_path / f"b.{suffix}", stamps, sound=source))) == 50


def test_sound_that_the_container_refuses_never_costs_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source = write_clip(tmp_path / "in.mkv", codec="libopus", seconds=1)
    monkeypatch.setitem(app.recording.sound.COPIED, "mov", frozenset({"opus"}))  # which QuickTime cannot hold
    path = record(tmp_path / "a.mov", range(0, 3600 * 25, 3600), sound=source)
    assert len(frame_times(path)) == 25
    assert ["recording without sound" in record.message for record in caplog.records] == [True]


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_pictures_reach_the_disk_while_the_sound_is_missing(tmp_path: Path, suffix: str) -> None:
    source = write_clip(tmp_path / "in.mkv", codec="aac", seconds=1)
    path = tmp_path / f"a.{suffix}"
    recording = recorder(path, sound=source)
    for index in range(100):
        recording.write(picture(60), 3600 * index)
        if index >= 20:
            assert index / 25 - float(frame_times(path)[-1]) < 0.5
    recording.close()


RECORD_LIVE = """
import sys, time
from fractions import Fraction
from pathlib import Path
import numpy as np
from app.config import Record
from app.frame import Colour, Planes
from app.recording.h264 import Form
from app.recording.recorder import Recorder

path, sound = Path(sys.argv[1]), Path(sys.argv[2])
recorder = Recorder(path, Form((320, 240), Fraction(1, 90000), Fraction(25), Colour()),
                    part=Record(preset="ultrafast"), sound=sound if sound.exists() else None, force=False,
                    from_start=True)
y = np.full((240, 320), 90, np.uint8)
chroma = np.full((120, 160), 128, np.uint8)
start = time.monotonic()
for index in range(1000):
    time.sleep(max(0, start + index / 25 - time.monotonic()))
    y[100, 100 + index % 2] = 91
    recorder.write(Planes(y, chroma, chroma), 3600 * index)
    print(index, flush=True)
"""


def test_a_killed_recording_plays_all_but_its_last_second(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", codec="aac", seconds=4)
    paths = [tmp_path / "sound.mkv", tmp_path / "sound.mp4", tmp_path / "silent.mkv", tmp_path / "silent.mp4"]
    sounds = [source, source, tmp_path / "none", tmp_path / "none"]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", RECORD_LIVE, path, sound],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for path, sound in zip(paths, sounds, strict=True)
    ]
    for process, path in zip(running, paths, strict=True):
        assert process.stdout is not None
        written = next(int(line) for line in process.stdout if int(line) == 70)
        process.send_signal(signal.SIGKILL)
        written += len(process.stdout.readlines())
        process.wait()
        process.stdout.close()
        times = frame_times(path)
        assert times == [Fraction(index, 25) for index in range(len(times))]
        assert len(times) >= written - 25, path.name
        if path.stem == "sound":
            assert end_s(path, "audio") >= float(times[-1]) - 0.1
            assert delay_s(read_sound(source), read_sound(path)) == pytest.approx(0, abs=SYNC_S)


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_disk_that_fills_up_ends_the_recording_and_what_was_written_plays(
    tmp_path: Path, suffix: str
) -> None:
    source = write_clip(tmp_path / "in.mkv", codec="aac")
    path = tmp_path / f"a.{suffix}"
    recording = recorder(path, sound=source)
    noise = np.random.default_rng(0).integers(0, 256, (48, 64), np.uint8)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    written = 0
    # Python ignores SIGXFSZ, so that a write beyond the limit fails as one to a full disk does.
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, limits[1]))
    try:
        with pytest.raises(RecordError, match=rf"a\.{suffix}: File too large"):
            for written in range(500):
                recording.write(picture(60)._replace(y=np.roll(noise, written)), 3600 * written)
        recording.close()
        recording.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert written - 25 < len(frame_times(path)) <= written


def test_an_interrupt_during_the_trial_of_presets_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(app.recording.encoders, "choose_preset", interrupted)
    with pytest.raises(KeyboardInterrupt):
        recorder(tmp_path / "out.mkv", part=Record(preset="auto"))
    assert not list(tmp_path.iterdir())


def test_the_preset_is_kept_or_chosen(tmp_path: Path) -> None:
    given = recorder(tmp_path / "a.mkv", part=Record(preset="veryfast"))
    chosen = recorder(tmp_path / "b.mkv", part=Record(preset="auto"))
    assert given.coding.options["preset"] == "veryfast"
    assert chosen.coding.options["preset"] in PRESETS
    given.close()
    chosen.close()


# --- other encoders


def with_coding(monkeypatch: pytest.MonkeyPatch, coding: Coding) -> None:
    monkeypatch.setattr(app.recording.recorder, "choose_coding", lambda *_: coding)


NV12 = replace(x264_coding("ultrafast", 20), pix_fmt="nv12")
# An option that is out of its range keeps any encoder from opening, as a device that is not there does.
UNOPENED = replace(NV12, options=NV12.options | {"crf": "-99"})


def test_an_encoder_that_takes_nv12_gets_the_same_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size_wh = (99, 67)
    rng = np.random.default_rng(5)
    noise = Planes(*(rng.integers(0, 256, shape, np.uint8) for shape in ((67, 99), (34, 50), (34, 50))))
    written = []
    for name, coding in (("a.mkv", x264_coding("ultrafast", 0)), ("b.mkv", x264_coding("ultrafast", 0))):
        with_coding(monkeypatch, replace(coding, pix_fmt="nv12" if name == "b.mkv" else "yuv420p"))
        recording = recorder(tmp_path / name, size_wh=size_wh)
        recording.write(noise, 0)
        recording.write(Planes(*(plane[::-1] for plane in noise)), 3600)
        recording.close()
        with av.open(str(tmp_path / name)) as container:
            written.append([frame.to_ndarray(format="yuv420p") for frame in container.decode(video=0)])
    np.testing.assert_array_equal(written[0], written[1])
    luma = written[1][0][:66, :98].astype(int)
    assert np.abs(luma - noise.y[:66, :98]).max() <= 1


def test_hardware_gets_a_frame_of_its_own_for_each_picture() -> None:
    buffer = PictureBuffer((64, 48), Fraction(1, 25), "nv12", refill=False)
    first = buffer.fill(picture(60), 0, key=True)
    second = buffer.fill(picture(200), 1, key=False)
    assert (first.pts, second.pts) == (0, 1)
    luma = [np.frombuffer(memoryview(frame.planes[0]), np.uint8)[0] for frame in (first, second)]
    assert luma == [60, 200]
    chroma = np.frombuffer(memoryview(second.planes[1]), np.uint8)[:64]
    assert chroma.tolist() == [90, 150] * 32


def test_an_encoder_that_does_not_open_is_an_error_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_coding(monkeypatch, UNOPENED)
    path = tmp_path / "out.mkv"
    with pytest.raises(RecordError, match=rf"^{path}: the encoder libx264 does not open: \S"):
        recorder(path)
    assert not list(tmp_path.iterdir())


def test_an_encoder_that_was_not_asked_for_and_does_not_open_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    software = x264_coding("ultrafast", 20)
    with_coding(monkeypatch, replace(UNOPENED, fallback=software))
    sound = write_clip(tmp_path / "in.mkv", codec="aac")
    path = record(tmp_path / "out.mp4", range(0, 36_000, 3600), sound=sound)
    assert len(frame_times(path)) == 10
    assert end_s(path, "audio") > 0.3
    [message] = caplog.messages
    assert message.startswith("the encoder libx264 does not open: ") and message.endswith("; x264 is used")


def test_an_encoder_that_is_asked_for_and_absent_is_an_error(tmp_path: Path) -> None:
    codec = "h264_mf" if sys.platform != "win32" else "h264_videotoolbox"
    path = tmp_path / "out.mkv"
    with pytest.raises(RecordError) as refused:
        recorder(path, part=Record.model_validate({"encoder": codec}))
    assert str(refused.value) == f"{path}: the encoder {codec} cannot be used: not in this build of FFmpeg"
    assert not list(tmp_path.iterdir())


class Failing:
    """A stream whose encoder gives packets some pictures late, and then fails."""

    def __init__(self, stream: Any, fails_at: int, late: int) -> None:
        self.stream, self.left, self.late = stream, fails_at, late
        self.waiting: list[Any] = []

    def encode(self, frame: Any) -> list[Any]:
        self.left -= 1
        if self.left < 0 or frame is None:
            raise av.error.ExternalError(542398533, "Generic error in an external library")
        self.waiting += self.stream.encode(frame)
        given = self.waiting[: max(len(self.waiting) - self.late, 0)]
        del self.waiting[: len(given)]
        return given


def failing(monkeypatch: pytest.MonkeyPatch, fails_at: int, late: int) -> None:
    made = PictureEncoder.__init__

    def init(self: PictureEncoder, *arguments: Any) -> None:
        made(self, *arguments)
        self._stream = Failing(self._stream, fails_at, late)  # type: ignore[assignment]

    monkeypatch.setattr(PictureEncoder, "__init__", init)


@pytest.mark.parametrize("late", [0, 2])
@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
@pytest.mark.parametrize("with_sound", [False, True])
def test_an_encoder_that_fails_loses_nothing_that_it_gave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, with_sound: bool, late: int
) -> None:
    failing(monkeypatch, 40, late)
    sound = write_clip(tmp_path / "in.mkv", codec="aac", seconds=3.0) if with_sound else None
    path = tmp_path / f"out.{suffix}"
    recording = recorder(path, sound=sound)
    with pytest.raises(RecordError) as failed:
        for index in range(100):
            recording.write(picture(60 + index), 3600 * index)
    reason = "the encoder libx264 has failed: Generic error in an external library"
    assert str(failed.value) == f"{path}: {reason}"
    recording.close()
    assert recording.frames_written == 40
    times = frame_times(path)
    assert times == [pytest.approx(index / 25, abs=0.001) for index in range(40 - late)]
    assert recording.seconds == pytest.approx((40 - late) / 25)
    assert recording.size_bytes == path.stat().st_size
    if with_sound:
        assert end_s(path, "audio") == pytest.approx(1.6, abs=0.1)


@pytest.mark.parametrize("late", [0, 2])
def test_an_encoder_that_fails_at_once_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: int
) -> None:
    failing(monkeypatch, late, late)
    recording = recorder(tmp_path / "out.mp4")
    with pytest.raises(RecordError, match="has failed"):
        for index in range(100):
            recording.write(picture(60 + index), 3600 * index)
    recording.close()
    assert not list(tmp_path.iterdir())


def test_an_encoder_that_fails_at_the_very_end_is_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, 1000, 1)
    path = tmp_path / "out.mkv"
    recording = recorder(path)
    for index in range(20):
        recording.write(picture(60 + index), 3600 * index)
    with pytest.raises(RecordError, match="has failed"):
        recording.close()
    recording.close()
    assert len(frame_times(path)) == 19
