import io
import logging
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import av
import numpy as np
import pytest

import app.streaming.line
import app.streaming.streamer
from app.config import Record
from app.frame import F64, U8, Colour, Planes
from app.recording.codings import Coding
from app.recording.h264 import Form, PictureEncoder, x264_coding
from app.sound_feed import SoundFeed
from app.streaming import Streamer, StreamError
from app.streaming.streamer import public_address
from tests.servers.nginx import RtmpServer, free_port
from tests.servers.rtsp import RtspServer
from tests.sounds import delay_s, noise, write_clip

CLOCK = Fraction(1, 90_000)
FPS = 25
SIZE_WH = (160, 96)
SECONDS = 12.0  # that a test streams at most
BITS = 10
SYNC_S = 0.005


def numbered(index: int) -> Planes:
    """A picture that shows its number: a row of black and white blocks, lowest bit first."""
    y = np.full(SIZE_WH[::-1], 90, np.uint8)
    for bit in range(BITS):
        y[16:80, 16 * bit : 16 * bit + 16] = 220 if index >> bit & 1 else 30
    chroma = np.full((SIZE_WH[1] // 2, SIZE_WH[0] // 2), 128, np.uint8)
    return Planes(y, chroma, chroma)


def number_in(luma: U8) -> int:
    blocks = [luma[24:72, 16 * bit + 4 : 16 * bit + 12].mean() for bit in range(BITS)]
    return sum((block > 125) << bit for bit, block in enumerate(blocks))


FORM = Form(SIZE_WH, CLOCK, Fraction(FPS), Colour())


def streamer(address: str, form: Form = FORM, **changes: Any) -> Streamer:
    given: dict[str, Any] = {"part": Record(preset="ultrafast"), "sound": None, "must_connect": True}
    return Streamer(address, form, **given | changes)


class Source:
    """A thread that gives numbered pictures, and noise with them, in real time, until it is closed."""

    def __init__(
        self, target: Streamer, feed: SoundFeed | None = None, start_s: float = 50.0, seconds: float = SECONDS
    ) -> None:
        self._target = target
        self._seconds = seconds
        self._feed = feed
        self._start_s = start_s
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Source":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()
        self._target.close()

    def _run(self) -> None:
        samples = (noise(self._seconds) * 32767).astype(np.int16)
        size = 48_000 // FPS
        began = time.monotonic()
        for index in range(int(self._seconds * FPS)):
            if self._closing.wait(max(0.0, began + index / FPS - time.monotonic())):
                return
            pts = round((self._start_s + index / FPS) / CLOCK)
            if self._feed is not None:
                frame = av.AudioFrame.from_ndarray(
                    samples[None, size * index : size * (index + 1)], "s16", "mono"
                )
                frame.sample_rate, frame.time_base, frame.pts = 48_000, CLOCK, pts
                self._feed.put(frame)
            self._target.write(numbered(index), pts)


class Viewer:
    """What one who plays an address sees and hears: (time, number) of pictures, and the sound."""

    def __init__(self, address: str, options: dict[str, str], seconds: float = 2.0) -> None:
        """Play until pictures and sound of so many seconds are there, or raise.

        GStreamer's server at times begins a medium that never plays; who asks again gets a new one.
        """
        for attempt in range(3):
            try:
                self._play(address, options, seconds)
                return
            except av.error.ExitError:  # nothing came in time
                if attempt == 2:
                    raise

    def _play(self, address: str, options: dict[str, str], seconds: float) -> None:
        self.pictures: list[tuple[float, int]] = []
        sound: list[F64] = []
        self.sound_starts_s = 0.0
        mono = av.AudioResampler("fltp", "mono", 48_000)
        with opened(address, options) as container:
            self.kinds = sorted(stream.type for stream in container.streams)
            for frame in container.decode(*container.streams):
                if frame.pts is None or frame.time_base is None:
                    continue
                at_s = float(frame.pts * frame.time_base)
                if isinstance(frame, av.VideoFrame):
                    self.pictures.append((at_s, number_in(frame.to_ndarray()[: SIZE_WH[1]].astype(np.uint8))))
                    if at_s - self.pictures[0][0] > seconds:
                        break
                elif isinstance(frame, av.AudioFrame):
                    self.sound_starts_s = self.sound_starts_s if sound else at_s
                    sound += [part.to_ndarray()[0].astype(np.float64) for part in mono.resample(frame)]
        self.sound = np.concatenate(sound) if sound else np.empty(0)

    def lateness_s(self) -> list[float]:
        """How much later than at its place in the source each picture is shown."""
        return [at_s - number / FPS for at_s, number in self.pictures]

    def sound_lateness_s(self) -> float:
        """How much later than at its place in the source the sound is heard."""
        return delay_s((0.0, noise(30), 48_000), (self.sound_starts_s, self.sound, 48_000))


def opened(address: str, options: dict[str, str]) -> Any:
    """The container of an address, as soon as there is something to be played."""
    deadline = time.monotonic() + 15
    while True:
        try:
            return av.open(address, options={"analyzeduration": "2500000"} | options, timeout=(8, 5))
        except av.FFmpegError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def wait_for(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


@pytest.fixture
def rtmp(tmp_path: Path) -> Iterator[RtmpServer]:
    with RtmpServer(tmp_path / "nginx") as server:
        yield server


@pytest.fixture
def rtsp() -> Iterator[RtspServer]:
    with RtspServer() as server:
        yield server


TCP = {"rtsp_transport": "tcp"}


class RtspTaker:
    """Takes one push over RTSP (RFC 2326, interleaved) and keeps its packets with the times in them."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(10)
        self.address = f"rtsp://127.0.0.1:{self._server.getsockname()[1]}/push"
        self._packets: list[tuple[int, bytes]] = []
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "RtspTaker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._server.close()

    def due_s(self, stream: int, rate: int) -> F64:
        """When the RTP packets of a stream are due, by the clock that the sender reports (RFC 3550)."""
        reports = [data for channel, data in self._packets if channel == 2 * stream + 1 and data[1] == 200]
        seconds, fraction, reported = struct.unpack(">III", reports[0][8:20])
        stamps = [
            struct.unpack(">I", data[4:8])[0] for channel, data in self._packets if channel == 2 * stream
        ]
        ticks = [(stamp - reported + 2**31) % 2**32 - 2**31 for stamp in stamps]
        due: F64 = seconds % 86_400 + fraction / 2**32 + np.array(ticks) / rate
        return due

    def _run(self) -> None:
        connection, _ = self._server.accept()
        connection.settimeout(10)
        # Who leaves does not wait for the last answer.
        with suppress(ConnectionError), connection, connection.makefile("rb") as pipe:
            while first := pipe.read(1):
                if first == b"$":
                    channel, size = struct.unpack(">BH", pipe.read(3))
                    self._packets.append((channel, pipe.read(size)))
                else:
                    connection.sendall(self._answer(pipe))

    def _answer(self, pipe: io.BufferedReader) -> bytes:
        fields = {}
        while line := pipe.readline().strip().decode():
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        pipe.read(int(fields.get("content-length", 0)))
        transport = f"Transport: {fields['transport']}\r\n" if "transport" in fields else ""
        return f"RTSP/1.0 200 OK\r\nCSeq: {fields['cseq']}\r\nSession: 1\r\n{transport}\r\n".encode()


def check_complete(seen: Viewer) -> None:
    """Every picture follows in its turn, and the sound is that of about the same time."""
    assert seen.kinds == ["audio", "video"]
    numbers = [number for _, number in seen.pictures]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(numbers) >= FPS
    assert seen.sound_lateness_s() == pytest.approx(np.median(seen.lateness_s()), abs=0.5)


def check_in_step(seen: Viewer) -> None:
    """Complete, and all at the source's pace; RTMP rounds times to 1 ms."""
    check_complete(seen)
    late = np.array(seen.lateness_s())
    assert np.ptp(late) <= 0.002
    assert seen.sound_lateness_s() == pytest.approx(np.median(late), abs=SYNC_S)


def test_rtmp_brings_picture_and_sound_in_step(rtmp: RtmpServer) -> None:
    feed = SoundFeed("microphone")
    sent = streamer(rtmp.address(), sound=feed, part=Record(preset="auto"))
    with Source(sent, feed):
        seen = Viewer(rtmp.address(), {})
    check_in_step(seen)
    # Times began at 0 with the first picture, plus the 21 ms of the encoder that may come before it.
    assert 0 <= np.median(seen.lateness_s()) < 0.025
    assert sent.dropped == 0 and sent.trouble == ""


def test_rtsp_brings_picture_and_sound(rtsp: RtspServer) -> None:
    feed = SoundFeed("microphone")
    with Source(streamer(rtsp.push, sound=feed), feed, seconds=30):
        # The server gives what it is sent times of its own, by its arrival.
        check_complete(Viewer(rtsp.pushed, TCP))


def test_rtsp_says_when_pictures_and_sound_are_due() -> None:
    feed = SoundFeed("microphone")
    with RtspTaker() as taker:
        sent = streamer(taker.address, sound=feed)
        samples = np.zeros((1, 48_000), np.int16)
        for index in range(50):
            if index % FPS == 0:
                frame = av.AudioFrame.from_ndarray(samples, "s16", "mono")
                frame.sample_rate, frame.time_base, frame.pts = 48_000, CLOCK, 3600 * (1000 + index)
                feed.put(frame)
            sent.write(numbered(index), 3600 * (1000 + index) + 900_000 * (index >= 40))
        sent.close()
    pictures, sounds = taker.due_s(0, 90_000), taker.due_s(1, 48_000)
    source = np.arange(50) / FPS + 10 * (np.arange(50) >= 40)
    assert np.unique(pictures) - pictures[0] == pytest.approx(source, abs=1e-6)
    assert pictures[0] == pytest.approx(sounds[0], abs=0.001)
    assert set(np.rint(np.diff(sounds) * 48_000).astype(int) % 1024) == {0}
    assert sounds[-1] - sounds[0] > 1.7


def test_the_sound_of_a_file_goes_along(rtmp: RtmpServer, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", codec="flac", seconds=SECONDS)
    with Source(streamer(rtmp.address(), sound=clip), start_s=0.0):
        seen = Viewer(rtmp.address(), {})
    check_in_step(seen)


def test_pictures_without_sound_arrive(rtmp: RtmpServer) -> None:
    with Source(streamer(rtmp.address())):
        seen = Viewer(rtmp.address(), {}, seconds=1.0)
    assert seen.kinds == ["video"]
    assert np.ptp(seen.lateness_s()) <= 0.002


@pytest.mark.parametrize("protocol", ["rtmp", "rtsp"])
def test_a_server_that_dies_and_comes_back_gets_the_stream_again(
    protocol: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.streaming.streamer, "RETRY_S", 0.2)
    caplog.set_level(logging.INFO)
    feed = SoundFeed("microphone")
    with RtmpServer(tmp_path / "nginx") if protocol == "rtmp" else RtspServer() as server:
        if isinstance(server, RtmpServer):
            push, play, options, check = server.address(), server.address(), {}, check_in_step
        else:
            push, play, options, check = server.push, server.pushed, TCP, check_complete
        sent = streamer(push, sound=feed)
        with Source(sent, feed, seconds=30):
            Viewer(play, options, seconds=0.5)
            server.kill()
            wait_for(lambda: sent.trouble, "the loss is not seen")
            assert sent.trouble.startswith(sent.address) and sent.trouble.endswith("; reconnecting")
            dropped = sent.dropped
            wait_for(lambda: sent.dropped > dropped + 15, "nothing is left out")
            server.start()
            wait_for(lambda: not sent.trouble, "the stream does not go on")
            check(Viewer(play, options))
    told = [record for record in caplog.records if record.name == "app.streaming.streamer"]
    assert [record.levelname for record in told] == ["WARNING", "INFO"]


def test_a_server_that_takes_no_more_holds_nothing_up(rtmp: RtmpServer) -> None:
    size_wh = (640, 480)
    slow = replace(FORM, size_wh=size_wh, fps=Fraction(1))
    sent = streamer(rtmp.address(), slow, part=Record(preset="ultrafast", crf=1))
    rng = np.random.default_rng(0)
    y = rng.integers(0, 256, size_wh[::-1], np.uint8)
    chroma = np.full((240, 320), 128, np.uint8)
    rtmp.freeze()
    index = 0

    def stands_still() -> str:
        nonlocal index
        for _ in range(20):
            index += 1
            sent.write(Planes(np.roll(y, index * 997), chroma, chroma), 3600 * index)
        return sent.trouble

    wait_for(stands_still, "the standstill is not seen")
    assert "takes nothing more" in sent.trouble
    sent.close()


def test_a_server_that_never_answers_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.streaming.line, "CONNECT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        for scheme in ("rtmp", "rtsp"):
            with pytest.raises(StreamError, match=rf"^{scheme}://127\.0\.0\.1:{port}/live.*: no answer$"):
                streamer(f"{scheme}://user:secret@127.0.0.1:{port}/live/key")


@pytest.mark.parametrize("scheme", ["rtmp", "rtsp"])
def test_an_address_where_nobody_listens_is_an_error(scheme: str) -> None:
    port = free_port()
    with pytest.raises(
        StreamError, match=rf"^{scheme}://127\.0\.0\.1:{port}/.*: Connection refused$"
    ) as caught:
        streamer(f"{scheme}://user:secret@127.0.0.1:{port}/live/key?pass=secret")
    assert "secret" not in str(caught.value)


def test_a_server_that_is_not_there_yet_gets_the_stream_when_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.streaming.streamer, "RETRY_S", 0.2)
    caplog.set_level(logging.INFO)
    with RtmpServer(tmp_path / "nginx") as server:
        server.kill()
        sent = streamer(server.address(), must_connect=False)
        with Source(sent, seconds=30):
            wait_for(lambda: bool(sent.trouble), "the failure is not noticed")
            assert sent.trouble == f"{sent.address}: Connection refused; reconnecting"
            wait_for(lambda: sent.dropped > 0, "nothing is left out")
            server.start()
            wait_for(lambda: not sent.trouble, "the stream does not begin")
            assert Viewer(server.address(), {}, seconds=0.5).kinds == ["video"]
    told = [record for record in caplog.records if record.name == "app.streaming.streamer"]
    assert [record.levelname for record in told] == ["WARNING", "INFO"]


def test_a_server_that_refuses_the_stream_is_an_error(rtmp: RtmpServer, rtsp: RtspServer) -> None:
    with pytest.raises(StreamError, match=r"/absent/…: the server refuses it"):
        streamer(rtmp.address().replace("/live/", "/absent/"))
    with pytest.raises(StreamError, match=r"/absent: .*404"):
        streamer(rtsp.push.replace("/push", "/absent"))


def test_a_server_that_asks_for_a_password_gets_it_and_messages_do_not() -> None:
    with RtspServer(silent=True, user="pilot:secret") as server:
        with pytest.raises(StreamError, match="401") as caught:
            streamer(server.push.replace("rtsp://", "rtsp://pilot:wrong@"))
        assert "wrong" not in str(caught.value)
        sent = streamer(server.push.replace("rtsp://", "rtsp://pilot:secret@"))
        assert sent.address == server.push
        sent.close()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://host/x", r"^http://host/x: a stream goes to an rtmp:// or rtsp:// address$"),
        ("srt://me:secret@host", r"^srt://host: a stream goes to"),
        ("movie.mkv", r"^movie\.mkv: a stream goes to"),
        ("rtmp:///live/x", r"^rtmp:///live/…: names no server$"),
        ("rtmp://", r"names no server"),
        ("rtmp://[::1/live", r"names no server"),
    ],
)
def test_other_addresses_are_refused(address: str, message: str) -> None:
    with pytest.raises(StreamError, match=message) as caught:
        streamer(address)
    assert "secret" not in str(caught.value)


def test_what_may_be_secret_is_not_shown() -> None:
    shown = {
        "rtmp://a.example/live2/abcd-efgh": "rtmp://a.example/live2/…",
        "rtmp://me:pw@a.example:1935/app/key?auth=1": "rtmp://a.example:1935/app/…",
        "rtmp://a.example/app": "rtmp://a.example/app",
        "rtsp://me:p@w@host:8554/cam/one?token=1": "rtsp://host:8554/cam/one",
        "rtsp://[::1]:8554/x": "rtsp://[::1]:8554/x",
        "rtsp://me:s/crt@host/cam": "rtsp://…",
        "rtmp://me:s#crt@host/app/key": "rtmp://…",
        "RTMP://a.example/app/key": "rtmp://a.example/app/…",
    }
    assert {address: public_address(address) for address in shown} == shown


class FakeLine:
    """A connection that is what the test says; it keeps what it was sent."""

    opened: ClassVar[list["FakeLine"]] = []
    failures: ClassVar[list[str]] = []

    def __init__(self, address: str, **form: Any) -> None:
        self.address, self.form = address, form
        self.sent: list[tuple[int, Any]] = []
        self.failure = self.failures.pop(0) if self.failures else ""
        self.closed = False
        self.opened.append(self)

    @property
    def connected(self) -> bool:
        return not self.failure

    def wait(self) -> None:
        pass

    def send(self, index: int, packet: Any) -> None:
        assert self.connected and not self.closed
        self.sent.append((index, packet))

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[FakeLine]:
    """The connections that are opened, none of them real."""
    FakeLine.opened.clear()
    FakeLine.failures.clear()
    monkeypatch.setattr(app.streaming.streamer, "Line", FakeLine)
    monkeypatch.setattr(app.streaming.streamer, "RETRY_S", 0.0)
    return FakeLine.opened


def test_each_connection_begins_at_0_with_a_key_frame_and_silence_for_missing_sound(
    lines: list[FakeLine],
) -> None:
    sent = streamer("rtmp://host/app", sound=SoundFeed("microphone"))
    for index in range(100):
        if index == 50:
            lines[0].failure = "gone"
        sent.write(numbered(index), 90_000 * 3600 + 3600 * index)
    sent.close()
    assert len(lines) == 2 and all(line.closed for line in lines)
    assert sent.dropped == 0
    for line in lines:
        pictures = [packet for index, packet in line.sent if index == 0]
        assert [packet.pts for packet in pictures] == [3600 * index for index in range(50)]
        assert [packet.dts for packet in pictures] == [packet.pts for packet in pictures]
        assert pictures[0].is_keyframe
        sounds = [packet for index, packet in line.sent if index == 1]
        assert sounds[0].pts == 0
        assert {later.pts - early.pts for early, later in pairwise(sounds)} == {1024}
        # One second behind the last picture, less what the encoder holds.
        assert 0.9 < float(sounds[-1].pts * sounds[-1].time_base) < 1.0


@pytest.mark.parametrize("starts_s", [(9.0, 2.0), (2.0, 9.0)])
def test_a_file_that_is_sought_is_a_new_stream(
    starts_s: tuple[float, float], lines: list[FakeLine], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = write_clip(tmp_path / "in.mkv", codec="flac", seconds=SECONDS)
    sent = streamer("rtmp://host/app", sound=clip)
    for start_s in starts_s:
        for index in range(10):
            sent.write(numbered(index), round((start_s + index / FPS) / CLOCK))
    sent.close()
    assert len(lines) == 2 and all(line.closed for line in lines)
    for line in lines:
        assert [packet.pts for index, packet in line.sent if index == 0] == [3600 * n for n in range(10)]
        assert 10 < sum(index == 1 for index, _ in line.sent) < 30
    assert sent.dropped == 0 and caplog.messages == []


def test_a_loss_of_a_live_source_is_no_new_stream(lines: list[FakeLine]) -> None:
    sent = streamer("rtmp://host/app", sound=SoundFeed("microphone"))
    for pts in (0, 3600, 90_000 * 60):
        sent.write(numbered(0), pts)
    sent.close()
    assert len(lines) == 1


def test_the_kind_of_address_may_be_in_capitals(lines: list[FakeLine]) -> None:
    streamer("RTMP://Host/app/Key").close()
    assert lines[0].address == "rtmp://Host/app/Key"


def test_pictures_are_left_out_and_counted_until_the_server_is_back(
    lines: list[FakeLine], caplog: pytest.LogCaptureFixture
) -> None:
    sent = streamer("rtmp://me:secret@host/app/key")
    sent.write(numbered(0), 0)
    lines[0].failure = "the connection was lost"
    FakeLine.failures += ["Connection refused"] * 3
    for index in range(1, 10):
        sent.write(numbered(index), 3600 * index)
        if index == 2:
            assert sent.trouble == "rtmp://host/app/…: Connection refused; reconnecting"
    assert (sent.dropped, sent.trouble, len(lines)) == (3, "", 5)
    assert [record.message for record in caplog.records] == [
        "rtmp://host/app/…: the connection was lost; reconnecting"
    ]
    assert len(lines[-1].sent) == 6
    sent.close()
    sent.close()


def test_it_is_tried_again_once_a_second(lines: list[FakeLine], monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(app.streaming.streamer, "RETRY_S", 1.0)
    monkeypatch.setattr(app.streaming.streamer, "time", SimpleNamespace(monotonic=lambda: now))
    sent = streamer("rtmp://host/app")
    lines[0].failure = "gone"
    FakeLine.failures += ["refused"] * 100
    for index in range(100):
        now = 100 + index / 10
        sent.write(numbered(index), 3600 * index)
    assert len(lines) - 1 == pytest.approx(9, abs=1)
    sent.close()


def test_key_frames_come_every_2_s_and_the_rate_is_held(lines: list[FakeLine]) -> None:
    size_wh, seconds = (640, 360), 6
    sent = streamer("rtmp://host/app", replace(FORM, size_wh=size_wh), part=Record(preset="ultrafast", crf=1))
    rng = np.random.default_rng(0)
    y = rng.integers(0, 256, size_wh[::-1], np.uint8)
    chroma = np.full((180, 320), 128, np.uint8)
    for index in range(seconds * FPS):
        sent.write(Planes(np.roll(y, index * 997), chroma, chroma), 3600 * index)
    sent.close()
    packets = [packet for _, packet in lines[0].sent]
    keys = [float(packet.pts * CLOCK) for packet in packets if packet.is_keyframe]
    assert max(later - early for early, later in pairwise(keys)) <= 2
    most = 640 * 360 * FPS * 0.1
    bits = 8 * sum(packet.size for packet in packets)
    assert most * seconds / 2 < bits < most * (seconds + 1.1)


def test_what_the_server_is_told_is_what_is_sent(lines: list[FakeLine], tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", codec="flac", seconds=1.0, rate=44_100)
    odd = replace(FORM, size_wh=(67, 49), colour=Colour("bt601", full_range=True))
    sent = streamer("rtsp://host/x", odd, sound=clip)
    sent.close()
    form = lines[0].form
    assert form["format_name"] == "rtsp"
    assert form["time_bases"] == [CLOCK, Fraction(1, 44_100)]
    with av.open(io.BytesIO(form["sample"]), "r") as sample:
        picture, sound = sample.streams.video[0].codec_context, sample.streams.audio[0].codec_context
        assert (picture.width, picture.height, picture.name) == (66, 48, "h264")
        assert (sound.name, sound.sample_rate, sound.layout.name) == ("aac", 44_100, "mono")
        frame = next(sample.decode(video=0))
        assert (frame.colorspace, frame.color_range) == (6, 2)


def test_a_picture_too_small_and_sound_that_cannot_be_read(
    lines: list[FakeLine], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(StreamError, match="rtmp://host/app: a picture of 1x9 cannot be sent"):
        streamer("rtmp://host/app", replace(FORM, size_wh=(1, 9)))
    sent = streamer("rtmp://host/app", sound=tmp_path / "absent.wav")
    sent.write(numbered(0), 0)
    sent.close()
    assert len(lines[0].sent) == 1
    assert [record.message[:24] for record in caplog.records] == ["streaming without sound:"]


# --- other encoders


def with_coding(monkeypatch: pytest.MonkeyPatch, coding: Coding) -> None:
    monkeypatch.setattr(app.streaming.streamer, "choose_coding", lambda *_, **__: coding)


SOFTWARE = x264_coding("ultrafast", 20)
# An option that is out of its range keeps any encoder from opening, as a device that is not there does.
UNOPENED = replace(SOFTWARE, options=SOFTWARE.options | {"crf": "-99"})


def test_an_encoder_that_does_not_open_is_an_error(
    lines: list[FakeLine], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_coding(monkeypatch, UNOPENED)
    with pytest.raises(StreamError, match=r"^rtmp://host/app: the encoder libx264 does not open: \S"):
        streamer("rtmp://host/app")
    assert not lines


def test_an_encoder_that_is_asked_for_and_absent_is_an_error(lines: list[FakeLine]) -> None:
    codec = "h264_mf" if sys.platform != "win32" else "h264_videotoolbox"
    with pytest.raises(StreamError) as refused:
        streamer("rtmp://host/app", part=Record.model_validate({"encoder": codec}))
    reason = f"the encoder {codec} cannot be used: not in this build of FFmpeg"
    assert str(refused.value) == f"rtmp://host/app: {reason}"
    assert not lines


def test_an_encoder_that_was_not_asked_for_and_does_not_open_is_replaced(
    lines: list[FakeLine], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with_coding(monkeypatch, replace(UNOPENED, fallback=SOFTWARE))
    sent = streamer("rtmp://host/app")
    sent.write(numbered(0), 0)
    sent.close()
    assert len(lines) == len(lines[0].sent) == 1
    [message] = caplog.messages
    assert message.startswith("rtmp://host/app: the encoder libx264 does not open")
    assert message.endswith("; x264 is used")


@pytest.mark.parametrize("asked_for", [False, True])
def test_an_encoder_that_fails_on_the_way_is_replaced_where_it_was_not_asked_for(
    lines: list[FakeLine], monkeypatch: pytest.MonkeyPatch, asked_for: bool
) -> None:
    """By a new connection: the server was told what the other encoder would send."""

    class Failing:
        def __init__(self, stream: Any) -> None:
            self.stream, self.left = stream, 5

        def encode(self, frame: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise av.error.ExternalError(542398533, "Generic error in an external library")
            return self.stream.encode(frame)

    made = PictureEncoder.__init__

    def init(self: PictureEncoder, container: Any, form: Form, coding: Coding) -> None:
        made(self, container, form, coding)
        if coding is hardware:
            self._stream = Failing(self._stream)  # type: ignore[assignment]

    hardware = replace(SOFTWARE, fallback=None if asked_for else SOFTWARE)
    with_coding(monkeypatch, hardware)
    monkeypatch.setattr(PictureEncoder, "__init__", init)
    sent = streamer("rtmp://host/app")
    for index in range(5):
        sent.write(numbered(index), 3600 * index)
    if asked_for:
        with pytest.raises(StreamError, match="the encoder libx264 has failed: Generic error"):
            sent.write(numbered(5), 3600 * 5)
        sent.close()
        return
    for index in range(5, 12):
        sent.write(numbered(index), 3600 * index)
    sent.close()
    assert [len(line.sent) for line in lines] == [5, 6] and sent.dropped == 1
    assert lines[0].closed
    first = lines[1].sent[0][1]
    assert first.pts == 0 and first.is_keyframe
