"""What a user can name, rightly and wrongly, and the real clips."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from app.capture.open import open_source
from app.errors import CaptureError
from tests.media import write_video

CLIPS = Path(os.environ.get("SKYAR_DATA", "")).parent / "clips"


def _missing(folder: Path) -> Path:
    return folder / "missing.mp4"


def _folder_without_pictures(folder: Path) -> Path:
    (folder / "a.txt").write_text("text")
    return folder


def _glob_of_nothing(folder: Path) -> Path:
    return folder / "*.png"


def _empty(folder: Path) -> Path:
    (folder / "v.mp4").touch()
    return folder / "v.mp4"


def _text(folder: Path) -> Path:
    (folder / "v.mp4").write_text("this is no video\n" * 100)
    return folder / "v.mp4"


def _text_by_name(folder: Path) -> Path:
    (folder / "v.txt").write_text("this is no video\n" * 100)
    return folder / "v.txt"


def _noise(folder: Path) -> Path:
    (folder / "v.mkv").write_bytes(np.random.default_rng(0).bytes(20_000))
    return folder / "v.mkv"


def _truncated_beyond_use(folder: Path) -> Path:
    path = write_video(folder / "v.mp4", size_wh=(64, 64), frames=30)
    path.write_bytes(path.read_bytes()[:2000])
    return path


def _without_frames(folder: Path) -> Path:
    return write_video(folder / "v.mp4", size_wh=(64, 64), frames=0)


def _header_alone(folder: Path) -> Path:
    return write_video(folder / "v.avi", size_wh=(64, 64), frames=0)


def _nothing_decodes(folder: Path) -> Path:
    path = write_video(folder / "v.mp4", size_wh=(64, 64), frames=5)
    with av.open(str(path)) as container:
        extents = [(p.pos, p.size) for p in container.demux(video=0) if p.pos is not None]
    data = bytearray(path.read_bytes())
    for position, size in extents:
        data[position : position + size] = bytes(size)
    path.write_bytes(data)
    return path


def _sound_alone(folder: Path) -> Path:
    path = folder / "v.m4a"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
        frame.sample_rate = 48_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return path


def _sound_with_cover(folder: Path) -> Path:
    """A song in MP3: an ID3 tag with a picture, then sound."""
    path = folder / "v.mp3"
    with av.open(str(path), "w", options={"write_id3v2": "1"}) as container:
        sound = container.add_stream("libmp3lame", rate=44_100)
        cover = container.add_stream("png", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 90, np.uint8), "rgb24")
        container.mux([*cover.encode(picture), *cover.encode(None)])
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1152), np.float32), "fltp", "stereo")
        frame.sample_rate = 44_100
        container.mux([*sound.encode(frame), *sound.encode(None)])
    return path


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_missing, "no such file or folder"),
        (_folder_without_pictures, "no pictures in this folder"),
        (_glob_of_nothing, "matches no pictures"),
        (_empty, "the file is empty"),
        (_text, "not a video, or damaged beyond use"),
        (_text_by_name, "not a video but text"),
        (_noise, "not a video, or damaged beyond use"),
        (_truncated_beyond_use, "not a video, or damaged beyond use"),
        (_without_frames, "there is no video in it"),
        (_header_alone, "no picture in it can be decoded"),
        (_nothing_decodes, "no picture in it can be decoded"),
        (_sound_alone, "there is no video in it"),
        (_sound_with_cover, "there is no video in it"),
        (_pipe, "not a file"),
    ],
)
def test_bad_input_gives_one_line_that_names_it(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    make: Callable[[Path], Path],
    reason: str,
) -> None:
    path = make(tmp_path)
    with pytest.raises(CaptureError) as caught:
        open_source(str(path), None, 30)
    assert str(caught.value).startswith(f"{path}: {reason}")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("0", "camera"),
        ("/dev/video7", "camera"),
        ("rtsp://camera.local/1", "address"),
        ("HTTP://camera.local/1", "address"),
        ("screen", "screen"),
        ("screen:1280x720+10+20", "screen"),
    ],
)
def test_live_sources_are_told_apart_by_their_names(
    spec: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []
    for name in ("camera", "address", "screen"):
        monkeypatch.setattr(
            f"app.capture.open.open_{name}", lambda *args, name=name: asked.append((name, *args))
        )
    open_source(spec, (640, 360), 25, None, "cuda")
    arguments = {
        "camera": ((640, 360), 25, None),
        "address": ((640, 360), "cuda"),
        "screen": ((640, 360), 25),
    }
    assert asked == [(kind, spec, *arguments[kind])]


@pytest.mark.parametrize("spec", ["demo", "rtsp://camera.local/1", "screen", "clip.mp4"])
def test_a_microphone_goes_with_a_camera_only(spec: str) -> None:
    with pytest.raises(CaptureError, match=f"^{spec}: a microphone .*default.* goes with a camera only$"):
        open_source(spec, None, 30, "default")


def test_a_size_too_small_to_work_at_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", size_wh=(128, 64), frames=1)
    with pytest.raises(CaptureError, match=r"v\.mp4: frames of 64x32 are too small"):
        open_source(str(path), (64, 64), 30)


@pytest.mark.skipif(not CLIPS.is_dir(), reason="SKYAR_DATA does not name the data, whose clips lie beside it")
@pytest.mark.parametrize(
    "name",
    ["skyar_annarbor.mp4", "handheld_spaceneedle.avi", "night_lightning_loop.mp4"],
)
def test_a_real_clip_gives_the_decoders_frames(name: str) -> None:
    path = CLIPS / name
    with av.open(str(path)) as container, open_source(str(path), None, 30) as source:
        for frame, decoded in zip(source, container.decode(video=0), strict=True):
            assert (frame.pts, frame.time_base) == (decoded.pts, decoded.time_base)
            for plane, rows in zip(frame.planes, decoded.planes, strict=True):
                padded = np.frombuffer(memoryview(rows), np.uint8).reshape(-1, rows.line_size)
                assert np.array_equal(plane, padded[:, : rows.width])
    assert (source.repaired_pts, source.broken, source.rescaled) == (0, 0, 0)
