"""From what the user names to a source of frames."""

import glob
from pathlib import Path

from app.addresses import is_address, without_secrets
from app.capture.address import open_address
from app.capture.camera import open_camera
from app.capture.demo import DemoSource
from app.capture.pictures import SUFFIXES, Pictures, find_pictures, natural_order
from app.capture.screen_region import open_screen
from app.capture.source import Source
from app.capture.video import VideoFile
from app.config import Decoder
from app.errors import CaptureError


def is_camera(spec: str) -> bool:
    """Whether the user names a camera, by number or device: what a microphone goes with."""
    return spec.isdecimal() or spec.startswith("/dev/video")


def open_source(
    spec: str,
    size_wh: tuple[int, int] | None,
    fps: float,
    audio: str | None = None,
    decoder: Decoder = "software",
) -> Source:
    """The source that `spec` names.

    That is a video file, a picture, a folder or glob of pictures; a camera by number or device, an address
    (rtsp, rtmp, http, https, udp), `screen` or `screen:WxH+X+Y`; or `demo`.

    size_wh: frames are scaled to fit inside it, aspect kept; a camera is asked for it; None = as they are.
    fps: frames per second of pictures; what a camera or the screen is asked for.
    audio: microphone that is recorded with a camera; None = no sound.
    decoder: what decodes a video file or an address; see `open_decoder`.
    Raises CaptureError naming the source.
    """
    if is_camera(spec):
        return open_camera(spec, size_wh, fps, audio)
    if audio is not None:
        raise CaptureError(f"{without_secrets(spec)}: a microphone (--audio {audio}) goes with a camera only")
    if spec == "demo":
        return DemoSource(size_wh)
    if is_address(spec):
        return open_address(spec, size_wh, decoder)
    if spec == "screen" or spec.startswith("screen:"):
        return open_screen(spec, size_wh, fps)
    path = Path(spec)
    if path.is_file():
        if path.suffix.lower() in SUFFIXES:
            return Pictures(spec, [path], size_wh, fps)
        return VideoFile(path, size_wh, decoder)
    if path.is_dir():
        pictures = find_pictures(path)
        if not pictures:
            raise CaptureError(f"{spec}: no pictures in this folder ({_suffixes()})")
        return Pictures(spec, pictures, size_wh, fps)
    if glob.has_magic(spec):
        matches = glob.iglob(spec, recursive=True)  # noqa: PTH207 (a Path globs no absolute pattern)
        pictures = natural_order(Path(match) for match in matches)
        if not pictures:
            raise CaptureError(f"{spec}: matches no pictures ({_suffixes()})")
        return Pictures(spec, pictures, size_wh, fps)
    raise CaptureError(f"{spec}: not a file" if path.exists() else f"{spec}: no such file or folder")


def _suffixes() -> str:
    return ", ".join(sorted(suffix[1:] for suffix in SUFFIXES))
