"""Network addresses: real servers on loopback, cut, stalled, refused and started again."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count, pairwise
from pathlib import Path
from typing import Any, Self

import av
import cv2
import numpy as np
import pytest

from app.capture import address, live
from app.capture.address import NetworkConnection, open_address
from app.capture.live import LiveSource
from app.capture.open import open_source
from app.errors import CaptureError
from app.frame import Frame
from app.sound_feed import SoundFeed
from tests.media import picture, write_late_sound, write_video
from tests.servers.rtsp import RtspServer

FPS = 25
SIZE = (128, 96)
# Every half second a key frame, as live streams have them, and nothing reordered.
LIVE = {"preset": "ultrafast", "bf": "0", "g": "12", "threads": "1"}


def write_clip(path: Path, seconds: float, audio: str | None = "aac") -> Path:
    frames = round(seconds * FPS)
    return write_video(path, size_wh=SIZE, frames=frames, fps=FPS, options=LIVE, audio=audio)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Longer than any test reads it."""
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 60)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> float:
    """How long is waited for data, in seconds: less than a user would."""
    monkeypatch.setattr(live, "TIMEOUT_S", 1.5)
    monkeypatch.setattr(live, "RETRY_S", 0.2)
    return 1.5


class Reader:
    """Reads a source in a thread, as the pipeline does."""

    def __init__(self, source: LiveSource) -> None:
        self.source = source
        self.frames: list[Frame] = []
        self._thread = threading.Thread(target=self._read, name="reader")

    def _read(self) -> None:
        for frame in self.source:
            self.frames.append(frame)

    def ended(self) -> bool:
        return not self._thread.is_alive()

    def wait_for(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (len(self.frames), self.source.trouble)
            time.sleep(0.01)

    def wait_for_frames(self, count: int) -> None:
        """So many more."""
        wanted = len(self.frames) + count
        self.wait_for(lambda: len(self.frames) >= wanted)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.source.close()
        self._thread.join(30)
        assert self.ended()


def heard(listener: Any) -> list[float]:
    return [float(f.pts * f.time_base) for f in listener.take()]


# --- names


def test_other_kinds_of_address_are_refused_with_those_that_work() -> None:
    with pytest.raises(CaptureError, match=r"^ftp://h/x: .*rtsp, rtmp, http, https, udp$"):
        open_address("ftp://me:s3cret@h/x", None)


def test_a_password_is_not_shown_where_a_microphone_is_refused() -> None:
    with pytest.raises(CaptureError, match=r"^rtsp://h/x: a microphone") as caught:
        open_source("rtsp://me:s3cret@h/x", None, 30, "default")
    assert "s3cret" not in str(caught.value)


# --- RTSP


def test_rtsp_plays_pictures_and_sound_on_one_clock(clip: Path) -> None:
    with RtspServer(clip) as server, open_address(server.play, None) as source:
        info = source.info
        assert (info.name, info.size_wh, info.fps) == (server.play, SIZE, Fraction(FPS))
        assert info.live and isinstance(info.sound, SoundFeed)
        listener = info.sound.listen()
        with Reader(source) as reader:
            reader.wait_for(lambda: bool(reader.frames) and reader.frames[-1].seconds > 4)
        pts = [frame.pts for frame in reader.frames]
        assert all(b > a for a, b in pairwise(pts))
        steps = sorted(b - a for a, b in pairwise(pts))
        assert steps[len(steps) // 2] == 90_000 // FPS
        assert source.trouble == "" and source.reconnects == 0 and source.broken == 0
        times = heard(listener)
        assert abs(times[-1] - reader.frames[-1].seconds) < 1
        assert max(b - a for a, b in pairwise(times)) < 0.1


def test_rtsp_killed_and_started_again_leaves_a_true_gap(
    clip: Path, impatient: float, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with RtspServer(clip) as server:
        source = open_address(server.play, None)
        assert isinstance(source.info.sound, SoundFeed)
        listener = source.info.sound.listen()
        with Reader(source) as reader:
            reader.wait_for_frames(20)
            server.kill()
            reader.wait_for(lambda: source.trouble != "")
            reader.wait_for(lambda: source.trouble == f"{server.play}: connection refused; reconnecting")
            server.start()
            reader.wait_for(lambda: source.reconnects == 1)
            reader.wait_for_frames(20)
            assert source.trouble == ""
        before, after = max(pairwise(reader.frames), key=lambda pair: pair[1].pts - pair[0].pts)
        true_s = (after.captured_ns - before.captured_ns) / 1e9
        assert true_s > 0.2
        assert after.seconds - before.seconds == pytest.approx(true_s, abs=0.5)
        assert caplog.messages == [
            f"{server.play}: the connection was cut; reconnecting",
            f"{server.play}: connected again",
        ]
        times = heard(listener)
        inside = [t for t in times if before.seconds + 0.3 < t < after.seconds - 0.3]
        assert inside == [] and times[-1] > after.seconds


def test_rtsp_that_stalls_says_so(clip: Path, impatient: float) -> None:
    with RtspServer(clip) as server:
        source = open_address(server.play, None)
        with Reader(source) as reader:
            reader.wait_for_frames(5)
            server.stall()
            reader.wait_for(lambda: source.trouble != "")
            assert source.trouble == f"{server.play}: no data for {impatient:g} s; reconnecting"
            server.kill()


def test_closing_while_nothing_comes(clip: Path, impatient: float, caplog: pytest.LogCaptureFixture) -> None:
    """The iteration then ends by the time-out, without another attempt and without a complaint."""
    with RtspServer(clip) as server:
        source = open_address(server.play, None)
        with Reader(source) as reader:
            reader.wait_for_frames(5)
            server.stall()
            count = -1
            while count != len(reader.frames):  # what is still on its way
                count = len(reader.frames)
                time.sleep(0.2)
            source.close()
            reader.wait_for(reader.ended, 10 * impatient)
        assert source.reconnects == 0 and source.trouble == "" and caplog.messages == []


def test_the_end_of_an_rtsp_stream_is_a_cut(
    tmp_path: Path, impatient: float, caplog: pytest.LogCaptureFixture
) -> None:
    with RtspServer(write_clip(tmp_path / "short.mp4", 1.5)) as server:
        source = open_address(server.play, None)
        with Reader(source) as reader:
            reader.wait_for(lambda: source.reconnects == 1)
            assert not reader.ended()
        assert caplog.messages[0] == f"{server.play}: the connection was cut; reconnecting"


def test_rtsp_without_sound(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "silent.mp4", 2, audio=None)
    with RtspServer(path, silent=True) as server, open_address(server.play, None) as source:
        assert source.info.sound is None
        assert next(iter(source)).planes.size_wh == SIZE


def test_rtsp_password(clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with RtspServer(clip, user="me:s3cret") as server:
        for login in ("", "me:wr0ng@"):
            with pytest.raises(CaptureError) as caught:
                open_address(server.play.replace("://", f"://{login}"), None)
            assert str(caught.value) == f"{server.play}: wrong user name or password"
            assert caught.value.__context__ is None
        with open_address(server.play.replace("://", "://me:s3cret@"), None) as source:
            assert source.info.name == server.play
            next(iter(source))
    assert "s3cret" not in caplog.text and "wr0ng" not in caplog.text


def test_rtsp_without_such_a_stream() -> None:
    with RtspServer() as server, pytest.raises(CaptureError, match=rf"^{server.pushed}/x: not found$"):
        open_address(server.pushed + "/x", None)


def test_what_is_pushed_to_the_rtsp_server_can_be_read(clip: Path) -> None:
    """That the server the tests of outgoing streams use does what they rely on."""
    stop = threading.Event()

    def push() -> None:
        with av.open(server.push, "w", format="rtsp", options={"rtsp_transport": "tcp"}) as output:
            remux(clip, output, stop)

    with RtspServer() as server:
        pusher = threading.Thread(target=push)
        pusher.start()
        try:
            source = opened_in_time(server.pushed)
            with Reader(source) as reader:
                reader.wait_for_frames(20)
            assert source.info.sound is not None
        finally:
            stop.set()
            pusher.join(30)


def remux(path: Path, output: Any, stop: threading.Event) -> None:
    """Send the file's packets in real time, again and again, until told to stop."""
    started_s = time.monotonic()
    offset_s = 0.0
    streams: dict[int, Any] = {}
    while not stop.is_set():
        with av.open(str(path)) as file:
            if not streams:
                streams = {s.index: output.add_stream_from_template(s) for s in file.streams}
            # The sound of an encoder that begins before 0 would overlap the end of the last round.
            packets = [packet for packet in file.demux() if packet.dts is not None and packet.dts >= 0]
            length_s = 0.0
            for packet in packets:
                base = packet.time_base
                assert base is not None and packet.dts is not None and packet.pts is not None
                due_s = float(packet.dts * base) + offset_s
                length_s = max(length_s, float((packet.dts + (packet.duration or 0)) * base))
                if stop.wait(max(0.0, started_s + due_s - time.monotonic())):
                    return
                shift = round(offset_s / base)
                packet.dts, packet.pts = packet.dts + shift, packet.pts + shift
                packet.stream = streams[packet.stream.index]
                output.mux(packet)
            offset_s += length_s


def opened_in_time(spec: str) -> LiveSource:
    """The source, as soon as there is one."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return open_address(spec, None)
        except CaptureError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


# --- servers that are none


def test_refused_connections_and_unknown_hosts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for scheme in ("rtsp", "rtmp", "http", "RTSP"):
        spec = f"{scheme}://127.0.0.1:{port}/x"
        with pytest.raises(CaptureError) as caught:
            open_address(spec, None)
        assert str(caught.value) == f"{scheme.lower()}://127.0.0.1:{port}/x: connection refused"
    for scheme in ("rtsp", "http"):
        with pytest.raises(CaptureError) as caught:
            open_address(f"{scheme}://me:s3cret@no-such-host.invalid/x", None)
        assert str(caught.value) == f"{scheme}://no-such-host.invalid/x: unknown host"


def test_addresses_that_are_none() -> None:
    for spec in ("rtsp://127.0.0.1:99999/x", "http://[::1"):
        with pytest.raises(CaptureError) as caught:
            open_address(spec, None)
        assert str(caught.value) == f"{spec}: not a valid address"


@pytest.mark.parametrize("scheme", ["rtsp", "rtmp", "http"])
def test_a_server_that_says_nothing(scheme: str, impatient: float) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        spec = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/x"
        with pytest.raises(CaptureError) as caught:
            open_address(spec, None)
    assert str(caught.value) == f"{spec}: no data for {impatient:g} s"


# --- HTTP


class Web:
    """A web server: files by name, "/live.ts" and "/camera" without end, "/secret" behind a password."""

    def __init__(self, folder: Path, endless: Path) -> None:
        self.cut = threading.Event()
        self.stalled = threading.Event()
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/live.ts":
                    self.send_response(200)
                    self.end_headers()
                    web.send(self, endless)
                elif self.path == "/camera":
                    self.send_response(200)
                    self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
                    self.end_headers()
                    web.send_pictures(self)
                elif self.path.startswith("/secret"):
                    self.send_error(401)
                elif (file := folder / self.path[1:].partition("?")[0]).is_file():
                    data = file.read_bytes()
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    web.write(self, data)
                else:
                    self.send_error(404)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = False  # server_close() then waits for every request's thread
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))

    def send(self, handler: BaseHTTPRequestHandler, file: Path) -> None:
        """Play the file in real time, in a loop whose stamps go on, as a television station does."""

        class Socket:
            def write(_, data: bytes) -> int:
                if self.stalled.is_set():
                    self.cut.wait(30)
                if self.cut.is_set():
                    raise ConnectionError
                return web_write(handler, data)

        try:
            with av.open(Socket(), "w", format="mpegts") as output:
                remux(file, output, self.cut)
        except (OSError, av.FFmpegError):
            pass

    def send_pictures(self, handler: BaseHTTPRequestHandler) -> None:
        """Motion JPEG at 10 pictures per second, as simple cameras give it."""
        for number in count():
            jpeg = cv2.imencode(".jpg", picture(number, SIZE))[1].tobytes()
            head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            web_write(handler, head.encode() + jpeg + b"\r\n")
            if self.cut.wait(0.1):
                return

    @staticmethod
    def write(handler: BaseHTTPRequestHandler, data: bytes) -> None:
        web_write(handler, data)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut.set()
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


def web_write(handler: BaseHTTPRequestHandler, data: bytes) -> int:
    try:
        return handler.wfile.write(data)
    except ConnectionError:
        return len(data)


def test_an_endless_stream_over_http(
    tmp_path: Path, clip: Path, impatient: float, caplog: pytest.LogCaptureFixture
) -> None:
    with Web(tmp_path, clip) as web:
        source = open_address(f"{web.url}/live.ts", None)
        assert source.info.size_wh == SIZE and source.info.sound is not None
        with Reader(source) as reader:
            reader.wait_for(lambda: bool(reader.frames) and reader.frames[-1].seconds > 5)
            assert source.trouble == ""
            web.cut.set()
            reader.wait_for(lambda: source.trouble != "")
            assert caplog.messages == [f"{web.url}/live.ts: the connection was cut; reconnecting"]
            web.cut.clear()
            reader.wait_for(lambda: source.reconnects == 1)
            web.stalled.set()
            reader.wait_for(lambda: source.trouble != "")
            assert caplog.messages[-1] == f"{web.url}/live.ts: no data for {impatient:g} s; reconnecting"


def test_motion_jpeg_has_the_time_at_which_it_comes(tmp_path: Path, clip: Path) -> None:
    """FFmpeg itself would give it 25 pictures per second."""
    with Web(tmp_path, clip) as web:
        source = open_address(f"{web.url}/camera", None)
        with Reader(source) as reader:
            reader.wait_for(lambda: wall_s(reader.frames) > 1.5)
        assert reader.frames[-1].seconds == pytest.approx(wall_s(reader.frames), abs=0.05)
        assert source.repaired_pts == 0


def wall_s(frames: list[Frame]) -> float:
    """From the first to the last, by the wall clock."""
    return (frames[-1].captured_ns - frames[0].captured_ns) / 1e9 if frames else 0.0


def test_a_file_over_http_plays_at_its_own_pace_and_ends(tmp_path: Path, clip: Path) -> None:
    write_clip(tmp_path / "file.ts", 1.5)
    with Web(tmp_path, clip) as web, open_address(f"{web.url}/file.ts", None) as source:
        frames = list(source)
    assert len(frames) == round(1.5 * FPS) and source.trouble == ""
    took_s = (frames[-1].captured_ns - frames[0].captured_ns) / 1e9
    assert took_s > 0.9 * (frames[-1].seconds - frames[0].seconds)


def test_sound_that_begins_late_does_no_harm(tmp_path: Path, clip: Path) -> None:
    write_late_sound(tmp_path / "late.flv", 20)
    with Web(tmp_path, clip) as web, open_address(f"{web.url}/late.flv", None) as source:
        assert source.info.sound is None
        assert len(list(source)) == 20 and source.trouble == ""


def test_answers_that_are_no_stream(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "page.html").write_text("<html><body>nothing to see</body></html>" * 20)
    sound_only(tmp_path / "radio.ts")
    reasons = {
        "missing": "not found",
        "secret": "wrong user name or password",
        "page.html": "not a video stream",
        "radio.ts": "there is no video in it",
    }
    with Web(tmp_path, clip) as web:
        for page, reason in reasons.items():
            with pytest.raises(CaptureError) as caught:
                open_address(f"{web.url}/{page}?password=s3cret", None)
            assert str(caught.value) == f"{web.url}/{page}: {reason}"


def sound_only(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("aac", rate=48_000, layout="mono")
        for k in range(40):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 48_000, k * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


# --- UDP


@contextmanager
def broadcast(url: str, path: Path) -> Iterator[None]:
    """Send the file to an address as MPEG-TS, in real time, without end."""
    stop = threading.Event()

    def send() -> None:
        with av.open(url + "?pkt_size=1316", "w", format="mpegts") as output:
            remux(path, output, stop)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        stop.set()
        sender.join(30)


def test_udp_stalls_and_goes_on(clip: Path, impatient: float) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"udp://127.0.0.1:{probe.getsockname()[1]}"
    with broadcast(url, clip):
        source = open_address(url, None)
        assert source.info.size_wh == SIZE and source.info.sound is not None
        reader = Reader(source)
        reader.__enter__()
        reader.wait_for_frames(30)
    with reader_exit(reader):
        reader.wait_for(lambda: source.trouble != "")
        assert source.trouble == f"{url}: no data for {impatient:g} s; reconnecting"
        with broadcast(url, clip):
            reader.wait_for(lambda: source.reconnects == 1)
            reader.wait_for_frames(10)
    pts = [frame.pts for frame in reader.frames]
    assert all(b > a for a, b in pairwise(pts))


@contextmanager
def reader_exit(reader: Reader) -> Iterator[None]:
    try:
        yield
    finally:
        reader.__exit__()


# --- what else may come


def test_data_without_pictures_does_not_pass_for_a_stream(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address, "_PICTURE_S", 0.0)
    with Web(tmp_path, clip) as web, pytest.raises(CaptureError, match=r"live.ts: no picture for 0 s$"):
        open_address(f"{web.url}/live.ts", None)


def test_a_connection_knows_its_stream_and_may_be_closed_twice(clip: Path) -> None:
    with RtspServer(clip) as server:
        connection = NetworkConnection(server.play)
        assert connection.fps == FPS and connection.has_sound and connection.sample_aspect == 1
        connection.close()
        connection.close()
