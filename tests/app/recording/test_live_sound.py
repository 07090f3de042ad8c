import threading
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from app.config import Record
from app.frame import F64, Colour, Planes
from app.recording.h264 import Form
from app.recording.live_sound import AT_ONCE_S, LiveSound
from app.recording.recorder import Recorder
from app.sound_feed import SoundFeed
from tests.sounds import delay_s, end_s, noise, read_sound

CLOCK = Fraction(1, 90_000)
FPS = 25
SYNC_S = 0.003
CONTAINERS = pytest.mark.parametrize("suffix", ["mkv", "mp4", "mov"])


def frames_of(
    samples: F64, start_s: float = 0.0, rate: int = 48_000, size: int = 960
) -> Iterator[av.AudioFrame]:
    """Mono samples as a microphone gives them: 16 bits, 20 ms at a time."""
    levels = (samples * 32767).astype(np.int16)
    for first in range(0, len(levels), size):
        frame = av.AudioFrame.from_ndarray(levels[None, first : first + size], "s16", "mono")
        frame.sample_rate, frame.time_base = rate, CLOCK
        frame.pts = round((start_s + first / rate) / CLOCK)
        yield frame


def picture() -> Planes:
    chroma = np.full((24, 32), 128, np.uint8)
    return Planes(np.full((48, 64), 90, np.uint8), chroma, chroma)


def live_recorder(path: Path, feed: SoundFeed, *, from_start: bool = True) -> Recorder:
    return Recorder(
        path,
        Form((64, 48), CLOCK, Fraction(FPS), Colour()),
        part=Record(preset="ultrafast"),
        sound=feed,
        force=False,
        from_start=from_start,
    )


def run(
    recorders: Sequence[Recorder],
    feed: SoundFeed,
    frames: Iterator[av.AudioFrame],
    seconds: float,
    *,
    start_s: float = 0.0,
    lag_s: float = 0.0,
    without: tuple[float, float] = (0.0, 0.0),
) -> None:
    """Give pictures from `start_s` on, none within `without`, and each sound frame `lag_s` after its time."""
    waiting = next(frames, None)
    for index in range(round(seconds * FPS)):
        time = start_s + index / FPS
        while (
            waiting is not None and waiting.pts is not None and waiting.pts * CLOCK + lag_s < time + 1 / FPS
        ):
            feed.put(waiting)
            waiting = next(frames, None)
        if not without[0] <= time < without[1]:
            for recorder in recorders:
                recorder.write(picture(), round(time / CLOCK))
    for recorder in recorders:
        recorder.close()


def picture_times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [
            float(f.pts * f.time_base) for f in container.decode(video=0) if f.pts is not None and f.time_base
        ]


def heard(path: Path, start_s: float, stop_s: float) -> float:
    """The loudest sample between two times of a file."""
    first, samples, rate = read_sound(path)
    return float(np.abs(samples[round((start_s - first) * rate) : round((stop_s - first) * rate)]).max())


@CONTAINERS
@pytest.mark.parametrize("rate", [48_000, 44_100])
@pytest.mark.parametrize(("start_s", "from_start"), [(0.0, True), (200.0, True), (5.0, False)])
def test_sound_and_picture_stay_together(
    tmp_path: Path, suffix: str, rate: int, start_s: float, from_start: bool
) -> None:
    feed = SoundFeed("microphone")
    path = tmp_path / f"a.{suffix}"
    sound = noise(4.0, rate)
    recorder = live_recorder(path, feed, from_start=from_start)
    run([recorder], feed, frames_of(sound, start_s - 0.5, rate), 3.0, start_s=start_s)
    assert picture_times(path)[0] == 0
    first, samples, _ = read_sound(path)
    if rate != 48_000:
        samples = np.interp(np.arange(0, len(samples), 48_000 / rate), np.arange(len(samples)), samples)
    assert delay_s((-0.5, sound, rate), (first, samples, rate)) == pytest.approx(0, abs=SYNC_S)
    assert end_s(path, "audio") == pytest.approx(end_s(path, "video"), abs=0.025)
    with av.open(str(path)) as container:
        context = container.streams.audio[0].codec_context
        assert (context.name, context.sample_rate, context.layout.name) == ("aac", 48_000, "stereo")


@CONTAINERS
def test_without_sound_the_file_grows_and_holds_silence(tmp_path: Path, suffix: str) -> None:
    feed = SoundFeed("microphone")
    path = tmp_path / f"a.{suffix}"
    recorder = live_recorder(path, feed)
    for index in range(100):
        recorder.write(picture(), 3600 * index)
        if index > 40:
            assert index / FPS - picture_times(path)[-1] < 0.5
    recorder.close()
    assert end_s(path, "audio") == pytest.approx(4.0, abs=0.025)
    assert heard(path, 0, 4) == 0


@CONTAINERS
def test_sound_within_a_second_behind_is_kept(tmp_path: Path, suffix: str) -> None:
    feed = SoundFeed("microphone")
    path = tmp_path / f"a.{suffix}"
    sound = noise(4.0)
    run([live_recorder(path, feed)], feed, frames_of(sound), 4.0, lag_s=0.9)
    assert delay_s((0.0, sound, 48_000), read_sound(path)) == pytest.approx(0, abs=SYNC_S)
    assert heard(path, 0.0, 0.2) > 0.1
    assert heard(path, 3.15, 4.0) < 0.01  # what had not come when the recording ended
    assert end_s(path, "audio") == pytest.approx(4.0, abs=0.025)


def test_sound_further_behind_is_lost_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    feed = SoundFeed("microphone")
    path = tmp_path / "a.mp4"
    run([live_recorder(path, feed)], feed, frames_of(noise(4.0)), 4.0, lag_s=1.5)
    assert heard(path, 0, 4) < 0.01
    assert [record.message for record in caplog.records] == [
        "microphone: sound is lost that comes more than 1 s behind the picture"
    ]


def test_sound_from_long_before_the_recording_is_not_missed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    feed = SoundFeed("microphone")
    path = tmp_path / "a.mkv"
    sound = noise(5.0)
    recorder = live_recorder(path, feed, from_start=False)
    run([recorder], feed, frames_of(sound, 97.0), 2.0, start_s=100.0)
    assert delay_s((-3.0, sound, 48_000), read_sound(path)) == pytest.approx(0, abs=SYNC_S)
    assert heard(path, 0.0, 0.2) > 0.1
    assert caplog.messages == []


@CONTAINERS
def test_a_loss_of_the_source_becomes_silence_and_nothing_moves(tmp_path: Path, suffix: str) -> None:
    feed = SoundFeed("camera")
    path = tmp_path / f"a.{suffix}"
    sound = noise(10.0)
    frames = (f for f in frames_of(sound) if f.pts is not None and not 2.0 <= f.pts * CLOCK < 8.0)
    run([live_recorder(path, feed)], feed, frames, 10.0, without=(2.0, 8.0))
    first, samples, rate = read_sound(path)
    assert heard(path, 2.1, 7.9) < 0.01
    before, after = samples[: round((1.9 - first) * rate)], samples[round((8.1 - first) * rate) :]
    assert delay_s((0.0, sound, rate), (first, before, rate)) == pytest.approx(0, abs=SYNC_S)
    assert delay_s((0.0, sound, rate), (8.1, after, rate)) == pytest.approx(0, abs=SYNC_S)
    times = picture_times(path)
    assert max(np.diff(times)) == pytest.approx(6.04, abs=0.001)


def test_several_recordings_hear_the_same_feed(tmp_path: Path) -> None:
    feed = SoundFeed("microphone")
    paths = [tmp_path / "a.mkv", tmp_path / "b.mp4"]
    run([live_recorder(path, feed) for path in paths], feed, frames_of(noise(2.0)), 2.0)
    assert delay_s(read_sound(paths[0]), read_sound(paths[1])) == pytest.approx(0, abs=0.0005)
    for path in paths:
        assert delay_s((0.0, noise(2.0), 48_000), read_sound(path)) == pytest.approx(0, abs=SYNC_S)


def test_a_closed_recording_listens_no_more(tmp_path: Path) -> None:
    feed = SoundFeed("microphone")
    recorder = live_recorder(tmp_path / "a.mkv", feed)
    assert len(feed._listeners) == 1
    recorder.write(picture(), 0)
    recorder.close()
    assert feed._listeners == []
    recorder = live_recorder(tmp_path / "b.mkv", feed)
    recorder.close()
    assert feed._listeners == []


def test_the_silence_of_hours_holds_up_no_picture(tmp_path: Path) -> None:
    feed = SoundFeed("camera")
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        sound = LiveSound(feed, container)
        sound.start(Fraction(0))
        for frame in frames_of(noise(1.0)):
            feed.put(frame)
        assert len(list(sound.until(Fraction(1)))) > 40
        later = Fraction(8 * 3600)
        for frame in frames_of(noise(1.0), float(later)):
            feed.put(frame)
        packets = list(sound.until(later + 1))
        assert len(packets) <= AT_ONCE_S * 48_000 / 1024 + 1
        more = list(sound.until(later + 1))  # it goes on where it was
        assert more[0].pts == (packets[-1].pts or 0) + 1024
        assert len(feed._listeners[0].frames) > 40  # what comes after the silence waits
        sound.close()


def test_a_feed_that_is_filled_beside_it_is_recorded_whole(tmp_path: Path) -> None:
    feed = SoundFeed("microphone")
    path = tmp_path / "a.mkv"
    sound = noise(4.0)
    recorder = live_recorder(path, feed)

    def fill() -> None:
        for frame in frames_of(sound):
            feed.put(frame)

    filling = threading.Thread(target=fill)
    filling.start()
    recorder.write(picture(), 0)
    filling.join()
    run([recorder], feed, iter(()), 3.9, start_s=0.1)
    assert delay_s((0.0, sound, 48_000), read_sound(path)) == pytest.approx(0, abs=SYNC_S)


@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1", "4 channels"])
def test_any_layout_becomes_stereo(tmp_path: Path, layout: str) -> None:
    feed = SoundFeed("camera")
    path = tmp_path / "a.mkv"
    sound = noise(1.5).astype(np.float32)
    channels = {"mono": 1, "stereo": 2, "5.1": 6, "4 channels": 4}[layout]

    def frames() -> Iterator[av.AudioFrame]:
        for first in range(0, len(sound), 1024):
            block = np.stack([sound[first : first + 1024]] * channels)
            frame: Any = av.AudioFrame.from_ndarray(block, "fltp", layout)
            frame.sample_rate, frame.time_base, frame.pts = 48_000, Fraction(1, 48_000), first
            yield frame

    recorder = live_recorder(path, feed)
    for frame in frames():
        feed.put(frame)
    run([recorder], feed, iter(()), 1.5)
    assert delay_s((0.0, sound.astype(np.float64), 48_000), read_sound(path)) == pytest.approx(0, abs=SYNC_S)
