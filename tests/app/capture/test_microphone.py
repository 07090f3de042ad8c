"""Microphones: ALSA's own library with a device that plays what a test writes, for lack of sound cards."""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from app.capture import alsa, microphone
from app.capture.microphone import Microphone
from app.errors import CaptureError
from app.sound_feed import Listener, SoundFeed

if sys.platform != "linux":
    pytest.skip("ALSA is Linux's", allow_module_level=True)

# ALSA's "null", below the pipe, hands out sample by sample: slow sound keeps that cheap.
RATE = 8000
BLOCK = 256


class Speaker:
    """Writes the numbers of its samples into a pipe at RATE, from the moment when somebody opens that."""

    def __init__(self, pipe: Path) -> None:
        os.mkfifo(pipe)
        self._pipe = pipe
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._speak, name="speaker")
        self._thread.start()
        self.begin_s = 0.0

    def close(self) -> None:
        self._done.set()
        os.close(os.open(self._pipe, os.O_RDONLY | os.O_NONBLOCK))  # in case nobody ever opened it
        self._thread.join()

    def _speak(self) -> None:
        piece, number = 40, 0
        with self._pipe.open("wb", buffering=0) as pipe:
            self.begin_s = time.perf_counter()
            while not self._done.is_set():
                number += piece
                time.sleep(max(0.0, self.begin_s + number / RATE - time.perf_counter()))
                numbers = np.arange(number - piece, number)
                try:
                    pipe.write(np.stack([numbers % 30000, numbers // 30000], 1).astype("<i2").tobytes())
                except BrokenPipeError:
                    return


@pytest.fixture(autouse=True)
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microphone, "_RATE", RATE)
    monkeypatch.setattr(microphone, "_BLOCK", BLOCK)
    monkeypatch.setattr(microphone, "_RETRY_S", 0.05)


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """ALSA's whole configuration, with a device "mic" of what is written into the pipe "sound"."""
    file = tmp_path / "asound.conf"
    file.write_text(
        f"""
        pcm.nothing {{ type null }}
        pcm.mic {{
            type file
            slave.pcm nothing
            file /dev/null
            infile "{tmp_path / "sound"}"
            format raw
        }}
        """
    )
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(file))
    return file


@pytest.fixture
def speaker(configuration: Path) -> Iterator[Speaker]:
    speaking = Speaker(configuration.with_name("sound"))
    yield speaking
    speaking.close()


@pytest.fixture
def listen() -> Iterator[Callable[[Callable[[], float]], Listener]]:
    """Opens the microphone "mic" on the clock given and gives what is heard; closes it after the test."""
    opened: list[Microphone] = []

    def start(now: Callable[[], float]) -> Listener:
        feed = SoundFeed("camera")
        listener = feed.listen()
        opened.append(Microphone("mic", feed, now))
        return listener

    yield start
    for device in opened:
        device.close()


def _wait_for(listener: Listener, frames: int) -> list[av.AudioFrame]:
    _wait_until(lambda: len(listener.frames) >= frames)
    return list(listener.take())


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _start_s(frame: av.AudioFrame) -> float:
    assert frame.pts is not None and frame.time_base is not None
    return float(frame.pts * frame.time_base)


def test_every_sample_has_the_time_at_which_it_was_heard(
    speaker: Speaker, listen: Callable[[Callable[[], float]], Listener]
) -> None:
    frames = _wait_for(listen(lambda: time.perf_counter() - speaker.begin_s + 1000), 40)
    numbers = [
        int(first) + 30000 * int(high) for first, high in (frame.to_ndarray()[0, :2] for frame in frames)
    ]
    assert numbers == list(range(0, 40 * BLOCK, BLOCK)), "nothing is lost or doubled"
    late_ms = [1000 * (_start_s(f) - 1000 - n / RATE) for f, n in zip(frames, numbers, strict=True)]
    # A busy machine may write late; FFmpeg's smoothing then follows only slowly.
    assert -20 < float(np.median(late_ms)) < 100
    assert {(f.format.name, f.layout.name, f.sample_rate, f.samples) for f in frames} == {
        ("s16", "stereo", RATE, BLOCK)
    }
    ends = np.array([_start_s(frame) + BLOCK / RATE for frame in frames[:-1]])
    starts = np.array([_start_s(frame) for frame in frames[1:]])
    assert np.abs(np.median(starts - ends)) < 0.002


def test_a_clock_that_is_set_anew_takes_the_sound_along(
    speaker: Speaker, listen: Callable[[Callable[[], float]], Listener]
) -> None:
    ahead_s = 0.0
    listener = listen(lambda: time.perf_counter() + ahead_s)
    before = _wait_for(listener, 5)[-1]
    ahead_s = 50.0
    after = _wait_for(listener, 5)[-1]
    assert 50 < _start_s(after) - _start_s(before) < 70
    ahead_s = 45.0  # nothing is heard over what was heard already
    started = time.monotonic()
    while time.monotonic() - started < 0.3:
        assert all(_start_s(frame) >= _start_s(after) for frame in listener.take())
        time.sleep(0.01)


def test_a_device_that_is_gone_is_opened_again(
    speaker: Speaker,
    configuration: Path,
    listen: Callable[[Callable[[], float]], Listener],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    real, unplugged = av.open, threading.Event()

    class Unplugging:
        """A container that fails when the device is unplugged, as FFmpeg's does."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._container = real(*args, **kwargs)
            self.streams = self._container.streams

        def demux(self, stream: av.AudioStream) -> Iterator[Any]:
            for packet in self._container.demux(stream):
                if unplugged.is_set():
                    raise av.error.OSError(5, "Input/output error")
                yield packet

        def __enter__(self) -> "Unplugging":
            return self

        def __exit__(self, *_: object) -> None:
            self._container.close()

    monkeypatch.setattr(av, "open", Unplugging)
    caplog.set_level(logging.INFO)
    listener = listen(time.perf_counter)
    _wait_for(listener, 3)
    none = configuration.with_name("none.conf")
    none.touch()
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(none))
    unplugged.set()
    _wait_until(lambda: bool(caplog.messages))
    list(listener.take())
    time.sleep(0.2)  # several tries in vain, which are not to be heard of
    assert not listener.frames
    unplugged.clear()
    speaker.close()
    again = configuration.with_name("again.conf")
    again.write_text(configuration.read_text().replace("/sound", "/again"))
    second = Speaker(configuration.with_name("again"))
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(again))
    try:
        _wait_for(listener, 3)
    finally:
        second.close()
    assert caplog.messages == [
        "microphone mic: no sound comes any more; trying again",
        "microphone mic: sound again",
    ]


@pytest.mark.usefixtures("speaker")
def test_a_wall_clock_that_is_set_ends_what_was_stamped_with_it(
    listen: Callable[[Callable[[], float]], Listener],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(microphone, "_RETRY_S", 20.0)
    listener = listen(time.perf_counter)
    _wait_for(listener, 3)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 100)
    _wait_until(lambda: bool(caplog.messages))
    assert caplog.messages == ["microphone mic: the wall clock was set; trying again"]
    assert all(_start_s(frame) < time.perf_counter() for frame in listener.take())


def test_closing_ends_it_while_sound_comes(speaker: Speaker) -> None:
    device = Microphone("mic", SoundFeed("camera"), time.perf_counter)
    device.close()
    device.close()
    assert "microphone" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.usefixtures("configuration")
def test_a_device_that_is_not_there(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alsa, "recording_devices", lambda: ["plughw:1,0 (USB Audio)"])
    with pytest.raises(
        CaptureError, match=r"^microphone absent: no such device; there are: plughw:1,0 \(USB Audio\)$"
    ):
        Microphone("absent", SoundFeed("camera"), time.perf_counter)
    assert capfd.readouterr().err == "", "ALSA writes there by itself"


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (16, "it is in use by another program"),
        (13, "no permission to use it: add yourself to the group audio and log in again"),
        (0, "it gives no sound that can be read"),
        (12, "Cannot allocate memory"),
    ],
)
@pytest.mark.usefixtures("configuration")
def test_why_a_device_cannot_be_opened(number: int, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alsa, "open_error", lambda device: number)
    with pytest.raises(CaptureError, match=f"^microphone absent: {reason}"):
        Microphone("absent", SoundFeed("camera"), time.perf_counter)


def test_the_systems_devices_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The libasound of PyAV's wheels looks for its configuration where it was built, and finds none."""
    if not Path("/usr/share/alsa/alsa.conf").is_file():
        pytest.skip("no ALSA configuration on this system (Debian's libasound2-data)")
    monkeypatch.delenv("ALSA_CONFIG_PATH", raising=False)
    device = Microphone("null", SoundFeed("camera"), time.perf_counter)
    device.close()


def test_a_device_of_one_channel(configuration: Path) -> None:
    configuration.write_text(
        """
        pcm.nothing { type null }
        pcm.mono { type multi slaves.a { pcm nothing channels 1 } bindings.0 { slave a channel 0 } }
        """
    )
    feed = SoundFeed("camera")
    listener = feed.listen()
    device = Microphone("mono", feed, time.perf_counter)
    try:
        assert _wait_for(listener, 1)[0].layout.name == "mono"
    finally:
        device.close()


def test_inputs_of_sound_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "00-00: ALC257 Analog : ALC257 Analog : playback 1 : capture 1\n"
        "00-03: HDMI 0 : HDMI 0 : playback 1\n"
        "02-00: USB Audio : USB Audio : capture 1\n"
    )
    monkeypatch.setattr(Path, "read_text", lambda self: text)
    assert alsa.recording_devices() == ["plughw:0,0 (ALC257 Analog)", "plughw:2,0 (USB Audio)"]
