"""From what the user names to a source of frames."""

import glob
from pathlib import Path

from app.capture.pictures import SUFFIXES, Pictures, find_pictures, natural_order
from app.capture.source import Source
from app.capture.video import VideoFile
from app.errors import CaptureError


def open_source(spec: str, size_wh: tuple[int, int] | None, picture_fps: float) -> Source:
    """The source that `spec` names: a video file, a picture, a folder or glob of pictures, or "demo".

    size_wh: frames are scaled to fit inside it, aspect kept; None = as they are.
    picture_fps: frames per second of pictures.
    Raises CaptureError naming the source.
    """
    if spec == "demo":
        from app.capture.demo import DemoSource

        return DemoSource(size_wh)
    path = Path(spec)
    if path.is_file():
        if path.suffix.lower() in SUFFIXES:
            return Pictures(spec, [path], size_wh, picture_fps)
        return VideoFile(path, size_wh)
    if path.is_dir():
        pictures = find_pictures(path)
        if not pictures:
            raise CaptureError(f"{spec}: no pictures in this folder ({_suffixes()})")
        return Pictures(spec, pictures, size_wh, picture_fps)
    if glob.has_magic(spec):
        matches = glob.iglob(spec, recursive=True)  # noqa: PTH207 (a Path globs no absolute pattern)
        pictures = natural_order(Path(match) for match in matches)
        if not pictures:
            raise CaptureError(f"{spec}: matches no pictures ({_suffixes()})")
        return Pictures(spec, pictures, size_wh, picture_fps)
    if spec.isdecimal() or "://" in spec or spec.startswith("/dev/video"):
        raise CaptureError(f"{spec}: cameras and network addresses are not supported yet")
    raise CaptureError(f"{spec}: not a file" if path.exists() else f"{spec}: no such file or folder")


def _suffixes() -> str:
    return ", ".join(sorted(suffix[1:] for suffix in SUFFIXES))
