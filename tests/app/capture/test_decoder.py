"""Decoding by a device, made up of a software decoder whose pictures come as those of devices do: as NV12."""

import logging
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.codec.context import CodecContext
from av.error import ExternalError, FFmpegError, InvalidDataError
from av.video.codeccontext import VideoCodecContext
from av.video.plane import VideoPlane

import app.capture.decoder
import app.hardware
from app.capture import address, decoder
from app.capture.address import NetworkConnection
from app.capture.device import DeviceError, device_decoder, devices_of_build
from app.capture.open import open_source
from app.capture.source import Seekable, SourceInfo
from app.capture.video import VideoFile
from app.errors import CaptureError
from app.frame import U8, Frame
from app.hardware import Finding
from tests.media import write_video

FAILURE = ExternalError(542398533, "Generic error in an external library")
BROKEN = InvalidDataError(1094995529, "Invalid data found when processing input")
WITH_B_FRAMES = {"bf": "2", "g": "12", "crf": "20", "threads": "1", "sc_threshold": "0"}


class Device:
    """A decoder on a device that does as the test says; it counts the packets that it was given."""

    def __init__(self, codec: str, software: VideoCodecContext) -> None:
        context = CodecContext.create(codec, "r")
        assert isinstance(context, VideoCodecContext)
        context.extradata, context.thread_count = software.extradata, 1
        context.width, context.height = software.width, software.height
        self.context = context
        self.packets = 0
        self.late: list[av.VideoFrame] = []

    delay = 0
    change: Callable[[av.VideoFrame], av.VideoFrame] = staticmethod(lambda frame: frame)
    fails_at: int | None = None
    error: FFmpegError | None = FAILURE

    @property
    def reorder_depth(self) -> int:
        return self.context.reorder_depth

    def flush_buffers(self) -> None:
        self.context.flush_buffers()
        self.late.clear()

    def decode(self, packet: "av.Packet[Any]") -> list[av.VideoFrame]:
        self.packets += 1
        if self.fails_at is not None and self.packets >= self.fails_at:
            if self.error is not None:
                raise self.error
            return []
        self.late += [self.change(downloaded(frame)) for frame in self.context.decode(packet)]
        ready = len(self.late) if not packet.size else max(len(self.late) - self.delay, 0)
        given, self.late = self.late[:ready], self.late[ready:]
        return given


def samples(plane: VideoPlane) -> U8:
    return np.frombuffer(memoryview(plane), np.uint8)


def downloaded(frame: av.VideoFrame) -> av.VideoFrame:
    """The frame as NV12, or P010 where it has 10 bits: its stamp and colour tags, and no side data."""
    layout = "nv12" if frame.format.components[0].bits == 8 else "p010le"
    same: dict[str, Any] = {"src_color_range": frame.color_range, "dst_color_range": frame.color_range}
    given = frame.reformat(format=layout, threads=1, **same)
    bare = av.VideoFrame(frame.width, frame.height, layout)
    for target, source in zip(bare.planes, given.planes, strict=True):
        rows = [samples(plane).reshape(plane.height, -1) for plane in (target, source)]
        width = min(row.shape[1] for row in rows)
        rows[0][:, :width] = rows[1][:, :width]
    bare.pts, bare.time_base = frame.pts, frame.time_base
    bare.colorspace, bare.color_range = frame.colorspace, frame.color_range
    return bare


class Devices(list[Device]):
    """The devices that were opened; `kind` is what is opened next."""

    kind: type[Device] = Device


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> Iterator[Devices]:
    """A machine on which `cuda` works, and nothing else."""
    opened = Devices()

    def open_device(codec: str, device: str, software: VideoCodecContext) -> Device:
        opened.append(opened.kind(codec, software))
        return opened[-1]

    def check(device: str) -> Finding:
        return Finding(device, "" if device == "cuda" else "there is none")

    monkeypatch.setattr(decoder, "device_decoder", open_device)
    monkeypatch.setattr(decoder, "check_decoder", check)
    monkeypatch.setattr(decoder, "hardware_decoders", lambda: ["qsv", "cuda", "amf"])
    monkeypatch.setattr(decoder, "_failed", set())
    yield opened


def read(path: Path, wanted: Any = "cuda") -> tuple[SourceInfo, list[Frame], VideoFile]:
    with VideoFile(path, None, wanted) as source:
        return source.info, list(source), source


def check_same(frames: list[Frame], expected: list[Frame]) -> None:
    assert [frame.pts for frame in frames] == [frame.pts for frame in expected]
    for frame, other in zip(frames, expected, strict=True):
        assert frame.colour == other.colour
        for plane, right in zip(frame.planes, other.planes, strict=True):
            assert np.array_equal(plane, right)
            assert plane.flags.c_contiguous and not plane.flags.writeable


@pytest.mark.parametrize("delay", [0, 1, 5])
@pytest.mark.parametrize(
    "form",
    [
        {"options": WITH_B_FRAMES, "pts": [7 * i * i + 900 * i for i in range(30)]},
        {"tags": {"colorspace": 1, "color_range": 2, "color_primaries": 9, "color_trc": 16}},
        {"rotation": 90, "size_wh": (96, 64)},
        {"codec": "mjpeg", "pix_fmt": "yuvj420p", "size_wh": (67, 65), "options": {}},
        {"size_wh": (98, 130), "frames": 2},
    ],
)
def test_pictures_stamps_colours_and_sizes_are_those_of_software(
    tmp_path: Path, devices: Devices, form: dict[str, Any], delay: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "v.mov", **{"size_wh": (96, 64), "frames": 24, **form})
    expected_info, expected, _ = read(path, "software")
    assert not devices
    monkeypatch.setattr(Device, "delay", delay)
    info, frames, source = read(path)
    assert info == expected_info
    check_same(frames, expected)
    assert source.broken == 0
    assert devices[0].packets == len(expected) + 1  # and none was left to software


def test_pictures_of_10_bits_are_rounded_as_softwares_are(tmp_path: Path, devices: Devices) -> None:
    options = {"crf": "20", "threads": "1"}
    path = write_video(
        tmp_path / "v.mp4", size_wh=(96, 64), frames=20, pix_fmt="yuv420p10le", options=options
    )
    _, expected, _ = read(path, "software")
    _, frames, _ = read(path)
    assert devices[0].packets == 21
    assert [frame.pts for frame in frames] == [frame.pts for frame in expected]
    for frame, other in zip(frames, expected, strict=True):
        for plane, right in zip(frame.planes, other.planes, strict=True):
            assert np.abs(plane.astype(int) - right).max() <= 1


def test_only_the_first_pictures_are_decoded_twice(
    tmp_path: Path, devices: Devices, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    software = 0
    decoded = decoder._decoded

    def counted(*arguments: Any) -> Any:
        nonlocal software
        software += 1
        return decoded(*arguments)

    monkeypatch.setattr(decoder, "_decoded", counted)
    path = write_video(tmp_path / "v.mp4", size_wh=(96, 64), frames=40)
    read(path)
    assert software == 3
    assert caplog.messages == [f"{path}: decoded by cuda"]


@pytest.mark.parametrize("fails_at", [8, 13, 14, 31])
def test_a_device_that_fails_leaves_the_rest_to_software_from_the_next_key_frame(
    tmp_path: Path,
    devices: Devices,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fails_at: int,
) -> None:
    path = write_video(tmp_path / "v.mp4", size_wh=(96, 64), frames=60, options=WITH_B_FRAMES)
    _, expected, _ = read(path, "software")
    monkeypatch.setattr(Device, "fails_at", fails_at)
    _, frames, source = read(path)
    stamps = [frame.pts for frame in frames]
    check_same(frames, [frame for frame in expected if frame.pts in stamps])
    lost = [index for index, frame in enumerate(expected) if frame.pts not in stamps]
    assert len(lost) == source.broken
    # From the packet that failed, less those still within the decoder, to the next of each 12th picture.
    next_key = -(-fails_at // 12) * 12
    assert lost == list(range(lost[0], next_key))
    assert fails_at - 4 <= lost[0] <= fails_at
    assert source.repaired_pts == 0
    assert caplog.messages == [
        f"{path}: the decoder cuda has failed ({FAILURE.strerror}); software goes on from the next key frame"
    ]
    # For the rest of the run the device is left alone, without another word.
    check_same(read(path)[1], expected)
    assert len(devices) == len(caplog.messages) == 1


def test_a_long_way_to_the_next_key_frame_is_not_taken_for_a_broken_file(
    tmp_path: Path, devices: Devices, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"bf": "0", "g": "120", "crf": "20", "threads": "1", "sc_threshold": "0"}
    path = write_video(tmp_path / "v.mp4", size_wh=(64, 64), frames=150, options=options)
    monkeypatch.setattr(Device, "fails_at", 20)
    _, frames, source = read(path)
    assert (len(frames), source.broken) == (19 + 30, 101)


def test_without_another_key_frame_software_goes_on_all_the_same(
    tmp_path: Path, devices: Devices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder, "_LONGEST_WAIT", 10)
    options = {"bf": "0", "intra-refresh": "1", "g": "30", "crf": "20", "threads": "1"}
    path = write_video(tmp_path / "v.mp4", size_wh=(64, 64), frames=150, options=options)
    monkeypatch.setattr(Device, "fails_at", 20)
    _, frames, source = read(path)
    assert source.broken == 10
    assert len(frames) > 19 + 60


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ({"error": BROKEN}, "it cannot decode the stream any more"),
        ({"error": None}, "it gives no more pictures"),
    ],
)
def test_a_device_that_gives_nothing_more_is_given_up(
    tmp_path: Path,
    devices: Devices,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: dict[str, Any],
    reason: str,
) -> None:
    options = {"bf": "0", "g": "20", "crf": "20", "threads": "1"}
    path = write_video(tmp_path / "v.mp4", size_wh=(64, 64), frames=150, options=options)
    devices.kind = type("Silent", (Device,), {"fails_at": 30} | kind)
    _, frames, source = read(path)
    assert caplog.messages[0].startswith(f"{path}: the decoder cuda has failed ({reason})")
    assert len(frames) + source.broken == 150
    check_same(frames[-20:], read(path, "software")[1][-20:])


def darker(frame: av.VideoFrame) -> av.VideoFrame:
    samples(frame.planes[0])[:] //= 2
    return frame


def swapped(frame: av.VideoFrame) -> av.VideoFrame:
    chroma = samples(frame.planes[1])
    chroma[:] = chroma.reshape(-1, 2)[:, ::-1].ravel()
    return frame


def other_matrix(frame: av.VideoFrame) -> av.VideoFrame:
    frame.colorspace = 9
    return frame


def late(frame: av.VideoFrame) -> av.VideoFrame:
    frame.pts = (frame.pts or 0) + 1
    return frame


def cropped(frame: av.VideoFrame) -> av.VideoFrame:
    smaller = frame.reformat(frame.width, frame.height - 8)
    smaller.pts, smaller.time_base = frame.pts, frame.time_base
    return smaller


REFUSED = [
    ({"change": staticmethod(darker)}, "its picture is off by"),
    ({"change": staticmethod(swapped)}, "its picture is off by"),
    ({"change": staticmethod(other_matrix)}, "its colour tags are (9, 0), not (2, 0)"),
    ({"change": staticmethod(late)}, "its time stamp is 1, not 0"),
    ({"change": staticmethod(cropped)}, "its picture is 96x56, not 96x64"),
    ({"fails_at": 1}, FAILURE.strerror),
    ({"fails_at": 2, "error": BROKEN}, BROKEN.strerror),
    ({"fails_at": 1, "error": None}, "it gives no pictures"),
]


@pytest.mark.parametrize(("kind", "reason"), REFUSED)
def test_a_device_that_decodes_wrongly_is_refused(
    tmp_path: Path,
    devices: Devices,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: dict[str, Any],
    reason: str,
) -> None:
    caplog.set_level(logging.INFO)
    path = write_video(tmp_path / "v.mp4", size_wh=(96, 64), frames=80)
    _, expected, _ = read(path, "software")
    devices.kind = type("Wrong", (Device,), kind)
    with pytest.raises(CaptureError) as refused:
        read(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: the decoder cuda cannot be used: {reason}") and "\n" not in message
    monkeypatch.setattr(decoder, "SOFTWARE_PIXELS_PER_S", 0)
    _, frames, source = read(path, "auto")
    check_same(frames, expected)
    assert source.broken == 0
    assert caplog.messages[0].startswith(f"{path}: decoded by software; cuda: {reason}")


def test_a_device_that_gives_pictures_without_tags_gets_the_streams(tmp_path: Path, devices: Devices) -> None:
    def untagged(frame: av.VideoFrame) -> av.VideoFrame:
        frame.colorspace, frame.color_range = 2, 0
        return frame

    tags = {"colorspace": 1, "color_range": 2}
    path = write_video(tmp_path / "v.mp4", size_wh=(96, 64), frames=20, tags=tags)
    devices.kind = type("Untagged", (Device,), {"change": staticmethod(untagged)})
    check_same(read(path)[1], read(path, "software")[1])
    assert devices[0].packets == 21


@pytest.mark.parametrize("fails_at", [None, 30])
def test_a_file_on_a_device_can_be_sought(
    tmp_path: Path, devices: Devices, monkeypatch: pytest.MonkeyPatch, fails_at: int | None
) -> None:
    path = write_video(tmp_path / "v.mp4", size_wh=(96, 64), frames=60, options=WITH_B_FRAMES)
    _, expected, _ = read(path, "software")
    monkeypatch.setattr(Device, "fails_at", fails_at)
    with open_source(str(path), None, 30, None, "cuda") as source:
        assert isinstance(source, Seekable)
        frames, broken = iter(source), 0
        for at in (40, 3, 30, 20):
            source.seek(float(expected[at].seconds))
            found = [next(frames) for _ in range(6)]
            if fails_at is None or source.broken == broken:
                check_same(found, expected[at : at + 6])
            broken = source.broken
    assert len(devices) == 1 and (fails_at is None) == (broken == 0)


def test_auto_leaves_to_software_what_it_can_do(
    tmp_path: Path, devices: Devices, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "v.mp4", size_wh=(96, 64), frames=12, fps=30)
    monkeypatch.setattr(decoder, "SOFTWARE_PIXELS_PER_S", 96 * 64 * 30)
    read(path, "auto")
    assert not devices
    monkeypatch.setattr(decoder, "SOFTWARE_PIXELS_PER_S", 96 * 64 * 30 - 1)
    read(path, "auto")
    assert len(devices) == 1
    monkeypatch.setattr(decoder, "check_decoder", lambda device: Finding(device, "there is none"))
    read(path, "auto")
    assert len(devices) == 1


def test_a_device_that_is_asked_for_and_is_not_there_is_an_error(tmp_path: Path, devices: Devices) -> None:
    path = write_video(tmp_path / "v.mp4")
    with pytest.raises(CaptureError) as refused:
        read(path, "qsv")
    assert str(refused.value) == f"{path}: the decoder qsv cannot be used: there is none"


def test_a_codec_that_the_device_does_not_know_is_an_error_only_where_it_was_asked_for(
    tmp_path: Path, devices: Devices, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unknown(codec: str, *_: object) -> Any:
        raise DeviceError(f"no decoder of {codec} uses it")

    caplog.set_level(logging.INFO)
    monkeypatch.setattr(decoder, "device_decoder", unknown)
    monkeypatch.setattr(decoder, "SOFTWARE_PIXELS_PER_S", 0)
    path = write_video(tmp_path / "v.mkv", size_wh=(96, 64), codec="ffv1", options={})
    with pytest.raises(CaptureError, match="cuda cannot be used: no decoder of ffv1 uses it"):
        read(path, "cuda")
    assert len(read(path, "auto")[1]) == 10
    assert caplog.messages == [f"{path}: decoded by software; cuda: no decoder of ffv1 uses it"]


def test_an_address_is_decoded_by_a_device_too(
    tmp_path: Path, devices: Devices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a connection of its own, so that a file can stand for the server."""
    path = write_video(tmp_path / "v.mkv", size_wh=(96, 64), frames=60, options=WITH_B_FRAMES)
    opened = av.open(str(path))
    monkeypatch.setattr(NetworkConnection, "_open", lambda self: opened)
    monkeypatch.setattr(address, "_lacks_stamps", lambda container: False)
    monkeypatch.setattr(Device, "fails_at", 20)
    connection = NetworkConnection("rtsp://camera.local/1", "cuda")
    pictures: list[Any] = []
    with pytest.raises(CaptureError, match="the connection was cut"):
        pictures += iter(connection)
    connection.close()
    whole = [picture for picture in pictures if picture is not None]
    assert len(pictures) == 60 and len(whole) < 60
    assert {picture.format.name for picture in whole[4:16]} == {"nv12"}
    assert {picture.format.name for picture in whole[-24:]} == {"yuv420p"}


def test_pictures_before_a_failure_and_after_it_are_alike_to_the_converter(
    tmp_path: Path, devices: Devices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The software's pictures, which come second, are handed on as they are: views of its memory."""
    monkeypatch.setattr(Device, "fails_at", 10)
    path = write_video(tmp_path / "v.mp4", size_wh=(128, 64), frames=40, options=WITH_B_FRAMES)
    _, frames, _ = read(path)
    assert all(frame.planes.y.base is not None for frame in frames[-12:])


@pytest.mark.parametrize("device", devices_of_build())
def test_the_devices_of_this_machine_decode_or_say_why_not(tmp_path: Path, device: str) -> None:
    """With PyAV itself: what the trial found not to work is refused when it is opened, or decodes."""
    if app.hardware.check_decoder(device).works:
        pytest.skip(f"{device} works here")
    path = write_video(tmp_path / "v.mp4", size_wh=(96, 64), frames=4)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        with pytest.raises((DeviceError, FFmpegError)):
            context = device_decoder("h264", device, stream.codec_context)
            for packet in container.demux(stream):
                context.decode(packet)
    with pytest.raises(CaptureError, match=f"^{path}: the decoder {device} cannot be used: ."):
        VideoFile(path, None, device)  # type: ignore[arg-type]


def test_a_device_of_another_system_is_refused() -> None:
    context = CodecContext.create("h264", "r")
    assert isinstance(context, VideoCodecContext)
    with pytest.raises(DeviceError, match="not in this build of FFmpeg"):
        device_decoder("h264", "no-such-device", context)


def test_rates_that_are_not_known_are_software(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", size_wh=(96, 64), fps=Fraction(30_000, 1001))
    with av.open(str(path)) as container:
        pixels = decoder._pixels_per_s(container.streams.video[0])
    assert pixels == pytest.approx(96 * 64 * 29.97, rel=1e-3)
