"""Decoders that run on a device: opened as a stream needs them, and held to the software's pictures."""

import av
import numpy as np
from av.codec.codec import UnknownCodecError
from av.codec.context import CodecContext
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import VideoReformatter

# Devices with decoders of their own, named after the codec and the device, which hand out pictures in memory.
# All others lend themselves to FFmpeg's own decoder of the codec.
_OWN_DECODERS = ("qsv", "amf", "v4l2m2m")
_SHORT = {"mpeg1video": "mpeg1", "mpeg2video": "mpeg2"}
_UNSPECIFIED_MATRIX, _UNSPECIFIED_RANGE = 2, 0

# H.264, HEVC, VP9 and AV1 are decoded to the bit; older codecs and the way from 10 to 8 bit allow rounding.
_MEAN_LEVELS = 0.5
_MOST_LEVELS = 16


class DeviceError(Exception):
    """A device does not decode a stream; the message is the reason."""


def devices_of_build() -> list[str]:
    """The devices that this build of FFmpeg knows, in its order, whether they are there or not."""
    own = [device for device in _OWN_DECODERS if _is_decoder(f"h264_{device}")]
    return list(dict.fromkeys([*hwdevices_available(), *own]))


def device_decoder(codec: str, device: str, software: VideoCodecContext) -> VideoCodecContext:
    """A decoder of that codec (FFmpeg's name of the format) on the device.

    software: the stream's own decoder, from which it takes what the container says of the stream.
    Raises DeviceError, or av.FFmpegError where the device is not there.
    """
    if device in _OWN_DECODERS:
        name, accelerator = f"{_SHORT.get(codec, codec)}_{device}", None
    elif device in hwdevices_available():
        # FFmpeg's fall-back would hide that the device refuses the stream.
        name, accelerator = codec, HWAccel(device, allow_software_fallback=False)
    else:
        raise DeviceError("not in this build of FFmpeg")
    try:
        context = CodecContext.create(name, "r", hwaccel=accelerator)
    except UnknownCodecError:
        raise DeviceError(f"no decoder of {codec} uses it") from None
    assert isinstance(context, VideoCodecContext)
    # Where no decoder of the codec knows the device, PyAV gives a software decoder and says nothing.
    if accelerator is not None and not context.is_hwaccel:
        raise DeviceError(f"no decoder of {codec} uses it")
    context.thread_count = 1
    context.width, context.height = software.width, software.height
    context.extradata = software.extradata
    context.reorder_depth = software.reorder_depth
    context.color_range, context.colorspace = software.color_range, software.colorspace
    context.color_primaries, context.color_trc = software.color_primaries, software.color_trc
    return context


def tag_like(frame: av.VideoFrame, tagged: av.VideoFrame) -> None:
    """Give the frame the matrix and range of another where it has none of its own."""
    if frame.colorspace == _UNSPECIFIED_MATRIX:
        frame.colorspace = tagged.colorspace
    if frame.color_range == _UNSPECIFIED_RANGE:
        frame.color_range = tagged.color_range


def difference(frame: av.VideoFrame, expected: av.VideoFrame) -> str:
    """In what a device's picture is not the software's, in a few words; empty where it is the same."""
    if frame.pts != expected.pts:
        return f"its time stamp is {frame.pts}, not {expected.pts}"
    size, right = (f"{f.width}x{f.height}" for f in (frame, expected))
    if size != right:
        return f"its picture is {size}, not {right}"
    tags, right_tags = ((f.colorspace, f.color_range) for f in (frame, expected))
    if tags != right_tags:
        return f"its colour tags are {tags}, not {right_tags}"
    given, wanted = (_samples(f) for f in (frame, expected))
    off = np.abs(given - wanted)
    if off.mean() > _MEAN_LEVELS or off.max() > _MOST_LEVELS:
        return f"its picture is off by {off.mean():.1f} levels, at most {off.max()}"
    return ""


def _samples(frame: av.VideoFrame) -> "np.ndarray[tuple[int], np.dtype[np.int16]]":
    """The I420 samples, int16, one plane after the other."""
    planar = VideoReformatter().reformat(frame, format="yuv420p", threads=1)
    cropped = []
    for plane in planar.planes:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        cropped.append(rows[:, : plane.width].ravel())
    return np.concatenate(cropped).astype(np.int16)


def _is_decoder(name: str) -> bool:
    try:
        return av.Codec(name, "r").is_decoder
    except UnknownCodecError:
        return False
