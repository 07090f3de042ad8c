"""Files and recordings by this machine's own hardware, each skipped with the reason where it does not work.

With SKYAR_GPU=required decoding on an NVIDIA GPU must work. Its encoder need not: data-centre GPUs have none.
"""

import logging
import os
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from app.capture.device import devices_of_build
from app.capture.scene import render
from app.capture.video import VideoFile
from app.config import Record
from app.frame import Colour, Frame, Planes
from app.hardware import check_decoder, check_encoder
from app.recording.codings import HARDWARE
from app.recording.h264 import Form
from app.recording.recorder import Recorder
from tests.media import write_video
from tests.scenes import demo_layers

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(300)]

REQUIRED = os.environ.get("SKYAR_GPU") == "required"
FPS = 30
COLOUR = Colour("bt709", full_range=False, primaries=1, transfer=1)
TAGS = {"colorspace": 1, "color_range": 1, "color_primaries": 1, "color_trc": 1}
X265 = {"preset": "fast", "crf": "25", "x265-params": "log-level=error"}
STREAMS: dict[str, dict[str, Any]] = {
    "H.264": {"codec": "libx264", "options": {"bf": "2", "g": "30", "crf": "23"}},
    "HEVC": {"codec": "libx265", "options": X265},
    "HEVC, 10 bits": {"codec": "libx265", "options": X265, "pix_fmt": "yuv420p10le"},
}


def read(path: Path, wanted: Any) -> tuple[list[Frame], VideoFile]:
    with VideoFile(path, None, wanted) as source:
        return list(source), source


@pytest.mark.parametrize("size_wh", [(640, 360), (1920, 1080)])
@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("device", devices_of_build())
def test_a_file_decoded_on_a_device_is_softwares(
    tmp_path: Path, device: str, stream: str, size_wh: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    if not (finding := check_decoder(device)).works:
        if REQUIRED and device == "cuda":
            pytest.fail(finding.reason)
        pytest.skip(f"{device}: {finding.reason}")
    caplog.set_level(logging.INFO)
    path = write_video(tmp_path / "v.mp4", size_wh=size_wh, frames=75, fps=FPS, tags=TAGS, **STREAMS[stream])
    expected, _ = read(path, "software")
    frames, source = read(path, device)
    assert caplog.messages == [f"{path}: decoded by {device}"]
    assert source.broken == 0
    assert [frame.pts for frame in frames] == [frame.pts for frame in expected]
    most = 1 if "10 bits" in stream else 0
    for frame, other in zip(frames, expected, strict=True):
        assert frame.colour == other.colour
        for plane, right in zip(frame.planes, other.planes, strict=True):
            assert np.abs(plane.astype(int) - right).max() <= most


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
@pytest.mark.parametrize("size_wh", [(640, 360), (1279, 719), (1920, 1080)])
@pytest.mark.parametrize("codec", HARDWARE)
def test_a_recording_by_hardware_holds_what_it_was_given(
    tmp_path: Path, codec: str, size_wh: tuple[int, int], suffix: str
) -> None:
    if not (finding := check_encoder(codec)).works:
        pytest.skip(f"{codec}: {finding.reason}")
    path = tmp_path / f"out.{suffix}"
    record(path, size_wh, Record.model_validate({"encoder": codec}))
    check_recording(path, size_wh)


PICTURES = 150


def record(path: Path, size_wh: tuple[int, int], part: Record) -> None:
    form = Form(size_wh, Fraction(1, FPS), Fraction(FPS), COLOUR)
    recording = Recorder(path, form, part=part, sound=None, force=False, from_start=True)
    for index in range(PICTURES):
        recording.write(picture(index, size_wh), index)
    recording.close()


def picture(index: int, size_wh: tuple[int, int]) -> Planes:
    """The demo's film, seen by a camera that turns."""
    return render(demo_layers(), size_wh, index / FPS)[0]


def check_recording(path: Path, size_wh: tuple[int, int]) -> None:
    with av.open(str(path)) as container:
        packets = list(container.demux(video=0))
    keys = [float(p.pts * p.time_base) for p in packets if p.is_keyframe and p.pts is not None]
    assert max(later - early for early, later in pairwise([*keys, PICTURES / FPS])) <= 2
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert [round(frame.time * FPS) for frame in frames if frame.time is not None] == list(range(PICTURES))
    assert {(f.colorspace, f.color_range, f.color_primaries, f.color_trc) for f in frames} == {(1, 1, 1, 1)}
    width, height = (side & ~1 for side in size_wh)
    for index in range(0, PICTURES, 29):
        decoded = frames[index].to_ndarray(format="yuv420p")
        assert decoded.shape == (height * 3 // 2, width)
        luma = picture(index, size_wh).y[:height, :width].astype(float)
        noise = np.square(decoded[:height] - luma).mean()
        assert 10 * np.log10(255**2 / noise) > 33
