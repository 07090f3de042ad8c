"""Cameras: video4linux read by FFmpeg, elsewhere whatever OpenCV finds."""

import errno
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial

import av
import cv2
import numpy as np
from av.codec.context import Flags
from av.container import InputContainer
from av.stream import Stream
from av.video.reformatter import Colorspace

from app.capture.cameras import NOT_PERMITTED, list_cameras
from app.capture.formats import Choice, choose_format
from app.capture.live import TIMEOUT_S, Connection, LiveSource
from app.capture.microphone import Microphone
from app.errors import CaptureError
from app.frame import Frame
from app.sound_feed import SoundFeed

DEFAULT_SIZE_WH = (1280, 720)
DEFAULT_FPS = 30.0

# Between two looks for a picture. A blocking read would wait without end for a camera that has stalled.
_POLL_S = 0.002
# Raw pictures come without tags; USB cameras, and what video4linux calls sRGB, use BT.601 at any size (USB
# Video Class 1.5, 3.9.2.6; videodev2.h, V4L2_MAP_YCBCR_ENC_DEFAULT).
_UNSPECIFIED = 2
_MICROSECOND = Fraction(1, 1_000_000)
# A stamp earlier than this, or later than now, is of another clock.
_MOST_LATE_S = 1.0


def open_camera(
    spec: str, size_wh: tuple[int, int] | None, fps: float = DEFAULT_FPS, audio: str | None = None
) -> LiveSource:
    """The camera of that number or device.

    spec: "0", "1", ... or, on Linux, a device such as /dev/video0.
    size_wh: the camera is asked for the nearest size that it has, and pictures are scaled to fit inside it;
    None = asked for 1280x720, not scaled. fps: the wanted rate.
    audio: an ALSA device whose sound belongs to the pictures; None = no sound.
    Raises CaptureError naming the camera or the microphone.
    """
    wanted_wh = size_wh or DEFAULT_SIZE_WH
    rate = Fraction(fps).limit_denominator(1001)
    connect: Callable[[], Connection]
    if sys.platform == "linux":
        name = f"/dev/video{spec}" if spec.isdecimal() else spec
        connect = partial(V4l2Connection, name, wanted_wh, rate, has_sound=audio is not None)
    else:
        name = f"camera {spec}"
        connect = partial(OpenCvConnection, name, spec, wanted_wh, rate, has_sound=audio is not None)
    if audio is None:
        return LiveSource(name, connect, size_wh)
    return _CameraWithSound(name, connect, size_wh, audio)


class _CameraWithSound(LiveSource):
    """A camera and the microphone that is closed with it.

    A picture is stamped on the monotonic clock, by video4linux when its first bytes came, and its time on
    the source's clock is that of its stamp, not of the moment when it left the decoder. Sound is stamped
    with the wall clock of its first sample. One distance takes the monotonic clock to the source's for both,
    so what happened at one moment has one time. What is left is the camera's exposure and read-out, up to
    one picture, and a few ms in the sound card.
    """

    def __init__(
        self, name: str, connect: Callable[[], Connection], size_wh: tuple[int, int] | None, audio: str
    ) -> None:
        self._ahead_s = 0.0
        super().__init__(name, connect, size_wh)
        assert isinstance(self.info.sound, SoundFeed)
        try:
            self._microphone = Microphone(audio, self.info.sound, self._captured_now)
        except BaseException:
            super().close()
            raise

    def close(self) -> None:
        super().close()
        self._microphone.close()

    def _captured_now(self) -> float:
        """The time on the source's clock of what is captured at this moment, in seconds."""
        return time.perf_counter() + self._ahead_s

    def _frame(self, picture: av.VideoFrame, now_ns: int) -> Frame:
        frame = super()._frame(picture, now_ns)
        self._ahead_s = frame.seconds - _stamp_s(picture, now_ns)
        return frame


class V4l2Connection:
    """The pictures of a video4linux device in the format that costs least."""

    sample_aspect = Fraction(1)

    def __init__(self, device: str, size_wh: tuple[int, int], fps: Fraction, *, has_sound: bool) -> None:
        """Open the device; raises CaptureError naming it."""
        self.has_sound = has_sound
        self._device = device
        self._deadline_s = time.monotonic() + TIMEOUT_S
        choice = _choose(device, size_wh, fps)
        self._container = _open(device, choice)
        [self._stream] = self._container.streams.video
        context = self._stream.codec_context
        self._is_raw = context.name == "rawvideo"
        context.thread_count = 1  # more would delay the picture by one each
        context.flags |= Flags.low_delay
        self.fps = self._stream.average_rate or choice.fps

    def __iter__(self) -> Iterator[av.VideoFrame | None]:
        """The pictures as they come; raises CaptureError when the camera goes away or stalls."""
        while True:
            yield from self._decode(self._packet())
            self._deadline_s = time.monotonic() + TIMEOUT_S

    def close(self) -> None:
        """Release the device."""
        self._container.close()

    def _packet(self) -> "av.Packet[Stream]":
        """A copy of the next packet.

        The packet itself lies in memory of the driver, which is gone with the container, and may be held by
        pictures; besides, the driver needs it back.
        """
        while True:
            try:
                # A new generator each time, since one that is kept holds its last packet.
                packet = next(self._container.demux(self._stream))
            except BlockingIOError:
                if time.monotonic() > self._deadline_s:
                    raise CaptureError(f"{self._device}: no data for {TIMEOUT_S:g} s") from None
                time.sleep(_POLL_S)
            except av.FFmpegError as error:
                raise CaptureError(f"{self._device}: {_reason(error)}") from error
            else:
                break
        copy = av.Packet(bytes(packet))
        copy.pts, copy.time_base = packet.pts, packet.time_base
        return copy

    def _decode(self, packet: "av.Packet[Stream]") -> list[av.VideoFrame | None]:
        """What comes out when the packet goes in; None for a broken picture."""
        if not packet.size:  # the driver says that it holds nothing of use; to a decoder it would be the end
            return [None]
        try:
            pictures = self._stream.codec_context.decode(packet)
        except av.FFmpegError:
            return [None]
        for picture in pictures:
            if self._is_raw and picture.colorspace == _UNSPECIFIED:
                picture.colorspace = Colorspace.ITU601
        return list(pictures)


class OpenCvConnection:
    """The pictures of a camera that OpenCV finds, where there is no video4linux."""

    sample_aspect = Fraction(1)

    def __init__(
        self, name: str, spec: str, size_wh: tuple[int, int], fps: Fraction, *, has_sound: bool
    ) -> None:
        """Open the camera; raises CaptureError naming it."""
        if not spec.isdecimal():
            raise CaptureError(f"{spec}: cameras have numbers here, from 0")
        self.has_sound = has_sound
        self._name = name
        self._capture = cv2.VideoCapture(int(spec))
        if not self._capture.isOpened():
            raise CaptureError(f"{name}: there is none, or it is in use by another program")
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, size_wh[0])
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size_wh[1])
        self._capture.set(cv2.CAP_PROP_FPS, float(fps))
        told = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = Fraction(told).limit_denominator(1001) if told >= 1 else fps

    def __iter__(self) -> Iterator[av.VideoFrame]:
        """The pictures as they come, stamped when they are there; raises CaptureError when there are none."""
        while True:
            there, picture = self._capture.read()
            if not there:
                raise CaptureError(f"{self._name}: it gives no pictures any more")
            frame = av.VideoFrame.from_ndarray(picture.astype(np.uint8, copy=False), format="bgr24")
            frame.pts, frame.time_base = time.perf_counter_ns() // 1000, _MICROSECOND
            yield frame

    def close(self) -> None:
        """Release the camera."""
        self._capture.release()


def _choose(device: str, size_wh: tuple[int, int], fps: Fraction) -> Choice:
    assert sys.platform == "linux"
    from app.capture.v4l2 import read_formats

    try:
        formats = read_formats(device)
    except OSError as error:
        raise CaptureError(f"{device}: {_reason(error)}") from error
    if formats is None:
        raise CaptureError(f"{device}: it gives no pictures; {_those_there_are()}")
    choice = choose_format(formats, size_wh, fps)
    if choice is None:
        offered = ", ".join(format.code for format in formats) or "none at all"
        raise CaptureError(f"{device}: it offers no format that can be read ({offered})")
    return choice


def _open(device: str, choice: Choice) -> InputContainer:
    options = {
        "input_format": choice.pixel_format,
        "video_size": "{}x{}".format(*choice.size_wh),
        "framerate": str(choice.fps),
        "fflags": "+4",  # AVFMT_FLAG_NONBLOCK, which has no name among the options
    }
    try:
        return av.open(device, format="v4l2", options=options, timeout=TIMEOUT_S)
    except av.FFmpegError as error:
        raise CaptureError(f"{device}: {_reason(error)}") from error


def _reason(error: OSError | av.FFmpegError) -> str:
    match error.errno:
        case errno.ENOENT:
            return f"no such camera; {_those_there_are()}"
        case errno.EACCES | errno.EPERM:
            return NOT_PERMITTED
        case errno.EBUSY:
            return "it is in use by another program"
        case errno.ENODEV | errno.ENXIO | errno.EIO:
            return "it was unplugged"
        case _ if isinstance(error, av.error.ExitError):
            return f"no data for {TIMEOUT_S:g} s"
        case _:
            return str(error.strerror)


def _those_there_are() -> str:
    cameras = [f"{camera.device} ({camera.name})" for camera in list_cameras()]
    return f"there are: {', '.join(cameras)}" if cameras else "there are none"


def _stamp_s(picture: av.VideoFrame, now_ns: int) -> float:
    """The picture's stamp on the clock of perf_counter, in seconds; `now_ns` if it has none there."""
    now_s = now_ns * 1e-9
    if picture.pts is None or picture.time_base is None:
        return now_s
    # On Linux perf_counter is the monotonic clock, which video4linux stamps with.
    stamp_s = float(picture.pts * picture.time_base)
    return stamp_s if 0 <= now_s - stamp_s < _MOST_LATE_S else now_s
