"""The trial of encoders and decoders: what works, what does not and why, what crashes and what hangs."""

import sys
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
import pytest
from av.codec.context import CodecContext

import app.hardware
from app import hardware, hardware_check
from app.capture.device import DeviceError
from app.hardware import Finding, check_decoder, check_encoder, first_working, hardware_lines
from app.recording.codings import HARDWARE


@pytest.fixture(autouse=True)
def not_tried() -> Iterator[None]:
    for check in (check_encoder, check_decoder):
        check.cache_clear()
    yield
    for check in (check_encoder, check_decoder):
        check.cache_clear()


def says(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """The driver of an encoder or decoder, which the build is made to have, does that."""
    monkeypatch.setattr(hardware, "_known", lambda kind: ["cuda", "h264_nvenc"])
    monkeypatch.setattr(hardware, "COMMAND", (sys.executable, "-c", program))


ORDER = {"size_wh": (160, 96), "pictures": 8, "pix_fmt": "yuv420p"}
X264 = {"kind": "encoder", "name": "libx264", "codec": "libx264", "options": {"tune": "zerolatency"}} | ORDER


# --- in a process of its own


def test_what_works_is_found_to_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """With software in the place of hardware: the trial itself asks for nothing that cannot be had."""
    monkeypatch.setattr(hardware, "CHECK_S", 60.0)  # the machine may be busy
    for order in (hardware._decoder_order("software", hardware._CHECK), X264):
        finding = hardware._tried(order)
        assert (finding.works, finding.reason) == (True, "")
        assert finding.ms > 0


@pytest.mark.parametrize("codec", HARDWARE)
def test_encoders_of_this_machine_work_or_say_why_not(codec: str) -> None:
    finding = check_encoder(codec)
    assert finding.works == (finding.ms > 0) == (not finding.reason)
    assert "\n" not in finding.reason and "crash" not in finding.reason
    if codec not in av.codec.codecs_available:
        assert finding == Finding(codec, "not in this build of FFmpeg")


def test_a_decoder_of_another_system_is_not_in_the_build() -> None:
    name = "d3d11va" if sys.platform != "win32" else "videotoolbox"
    assert check_decoder(name).reason == "not in this build of FFmpeg"


@pytest.mark.timeout(30)
def test_a_driver_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, "import time; time.sleep(600)")
    monkeypatch.setattr(hardware, "CHECK_S", 0.5)
    assert check_encoder("h264_nvenc") == Finding("h264_nvenc", "no answer for 0.5 s")


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import os; os.abort()", "the driver crashes (exit status -6)"),
        ("import os; os._exit(3)", "the driver crashes (exit status 3)"),
        ("pass", "the driver ends the program"),
        ("print('libva info: bye')", "the driver ends the program"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="exit statuses are those of POSIX")
def test_a_driver_that_crashes_takes_nothing_along(
    monkeypatch: pytest.MonkeyPatch, program: str, reason: str
) -> None:
    says(monkeypatch, program)
    assert check_decoder("cuda") == Finding("cuda", reason)


def test_what_a_driver_prints_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, "print('libva info: {\"ms\": 1}'); print('{\"ms\": 2.5}')")
    assert check_decoder("cuda") == Finding("cuda", "", 2.5)


def test_each_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def note(order: dict[str, Any]) -> Finding:
        tried.append(order["name"])
        return Finding(order["name"], "" if order["name"] in ("h264_amf", "h264_v4l2m2m") else "no")

    monkeypatch.setattr(app.hardware, "_tried", note)
    for _ in range(2):
        assert first_working(HARDWARE, check_encoder) == "h264_amf"
        assert first_working(["cuda", "qsv"], check_decoder) is None
    assert sorted(tried) == sorted([*HARDWARE, "cuda", "qsv"])


def test_the_table_names_all_that_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def tried(order: dict[str, Any]) -> Finding:
        works = order["name"] in ("software", "libx264", "cuda")
        return Finding(order["name"], "" if works else "Cannot load it", 4.26)

    monkeypatch.setattr(app.hardware, "_tried", tried)
    monkeypatch.setattr(app.hardware, "devices_of_build", lambda: ["cuda", "drm", "qsv"])
    assert list(hardware_lines()) == [
        "decoders (--decoder), H.264 to pictures in memory, 1280x720",
        "  software              4.3 ms",
        "  cuda                  4.3 ms",
        "  qsv                no: Cannot load it",
        "encoders (--encoder), pictures in memory to H.264, 1280x720",
        "  software (x264)       4.3 ms",
        *[f"  {codec:18} no: Cannot load it" for codec in HARDWARE],
    ]


# --- what it looks at


class Faulty:
    """x264 with a fault."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.context: Any = REAL_ENCODER(order)
        self.extradata = None

    def encode(self, frame: av.VideoFrame | None) -> list[Any]:
        return list(self.context.encode(frame))


class Black(Faulty):
    def encode(self, frame: av.VideoFrame | None) -> list[Any]:
        if frame is None:
            return super().encode(None)
        black = av.VideoFrame(frame.width, frame.height, "yuv420p")
        for plane in black.planes:
            np.frombuffer(memoryview(plane), np.uint8)[:] = 16
        black.pts, black.time_base = frame.pts, frame.time_base
        return super().encode(black)


class Forgetful(Faulty):
    def encode(self, frame: av.VideoFrame | None) -> list[Any]:
        packets = super().encode(frame)
        return [] if frame is None or frame.pts == 4 else packets


class Shuffled(Faulty):
    def encode(self, frame: av.VideoFrame | None) -> list[Any]:
        packets = super().encode(frame)
        for packet in packets:
            packet.pts = 7 - packet.pts
        return packets


class Late(Faulty):
    """Some pictures behind, as hardware is: no fault."""

    def __init__(self, order: dict[str, Any]) -> None:
        super().__init__(order)
        self.waiting: list[Any] = []

    def encode(self, frame: av.VideoFrame | None) -> list[Any]:
        self.waiting += super().encode(frame)
        ready = len(self.waiting) - (0 if frame is None else 2)
        given, self.waiting = self.waiting[: max(ready, 0)], self.waiting[max(ready, 0) :]
        return given


REAL_ENCODER = hardware_check._encoder


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Black, r"its picture is not the one it was given \(\d+ dB\)"),
        (Forgetful, "of 8 pictures it gives 7, with the times"),
        (Shuffled, r"of 8 pictures it gives 8, with the times \[7, 6"),
    ],
)
def test_an_encoder_must_give_what_it_got(
    monkeypatch: pytest.MonkeyPatch, kind: type[Faulty], reason: str
) -> None:
    monkeypatch.setattr(hardware_check, "_encoder", kind)
    with pytest.raises(DeviceError, match=reason):
        hardware_check._encoded_in(X264)


def test_an_encoder_may_be_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware_check, "_encoder", Late)
    assert hardware_check._encoded_in(X264) > 0


def test_pictures_are_given_in_the_layout_that_the_encoder_takes() -> None:
    assert hardware_check._encoded_in(X264 | {"pix_fmt": "nv12"}) > 0


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (lambda frames: frames[:-1], "7 of 8 pictures came out"),
        (lambda frames: [frames[1], frames[0], *frames[2:]], "its time stamp is"),
    ],
)
def test_a_decoder_must_give_what_software_does(
    monkeypatch: pytest.MonkeyPatch, fault: Any, reason: str
) -> None:
    order = {"kind": "decoder", "name": "cuda"} | ORDER

    class Wrong:
        def __init__(self) -> None:
            self.context: Any = CodecContext.create("h264", "r")
            self.frames: list[Any] = []

        def decode(self, packet: Any) -> list[Any]:
            self.frames += self.context.decode(packet)
            return [] if packet is not None else fault(self.frames)

    monkeypatch.setattr(hardware_check, "device_decoder", lambda *_: Wrong())
    with pytest.raises(DeviceError, match=reason):
        hardware_check._decoded_in(order)
