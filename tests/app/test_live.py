"""The parts together: threads change nothing, failures end the run as they should."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from app.capture.open import open_source
from app.capture.source import SourceInfo
from app.config import Config, Record, load_look
from app.dump import FrameDump
from app.errors import RecordError
from app.frame import U8, Colour, Composited, Frame, Motion, Planes, Tracked, Tracking
from app.live import Options, build_stages, model_path, record_depth, run
from app.outputs import Recording
from app.sky.library import find_sky, open_sky
from app.sky.player import SkyPlayer
from engines.registry import open_engine
from tests.media import write_video

INFO = SourceInfo("made up", (1920, 1080), Fraction(1, 30), Fraction(30), None, Colour(), None)


def test_threads_change_nothing(tmp_path: Path) -> None:
    """The threaded run's pictures equal those of the same stages in a plain loop, bit for bit."""
    clip = write_video(tmp_path / "clip.mp4", size_wh=(160, 96), frames=25)
    config, look = Config(), load_look("natural")
    threaded = tmp_path / "threaded"
    options = Options(source=str(clip), sky="golden_sunset", headless=True, dump_frames=threaded)
    assert run(options, config, look) == 0

    looped = tmp_path / "looped"
    dump = FrameDump(looped)
    with (
        open_source(str(clip), None, config.picture_fps) as source,
        open_engine(model_path(config.matting.model), "ort", 1) as engine,
    ):
        sky = open_sky(find_sky("golden_sunset"), source.info.size_wh, source.info.colour, config.sky.crop)
        player = SkyPlayer(sky, config.sky.fade_s)
        stages = build_stages(engine, player, source.info, config, look)
        for frame in source:
            dump.write(stages.blending.process(stages.tracking.process(stages.matting.process(frame))))
        player.close()
    names = sorted(path.name for path in looped.iterdir())
    assert len(names) == 25
    assert names == sorted(path.name for path in threaded.iterdir())
    for name in names:
        assert (looped / name).read_bytes() == (threaded / name).read_bytes(), name


def test_the_recorders_buffer_is_bounded_by_seconds_and_by_megabytes() -> None:
    part = Record(buffer_s=2, buffer_mb=250)
    assert record_depth(INFO, part) == 60
    assert record_depth(replace(INFO, size_wh=(3840, 2160)), part) == 20
    assert record_depth(replace(INFO, fps=Fraction(1, 10)), part) == 1


class FullDisk:
    """Stands for a recorder whose disk is full from the third picture on."""

    def __init__(self) -> None:
        self.written = 0
        self.closed = 0

    def write(self, planes: object, pts: int) -> None:
        if self.written == 2:
            raise RecordError("out.mkv: No space left on device")
        self.written += 1

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("essential", [True, False])
def test_a_recording_that_fails_ends_the_run_only_when_nothing_else_wants_the_picture(
    essential: bool,
) -> None:
    disk = FullDisk()
    recording = Recording(disk, essential=essential)  # type: ignore[arg-type]
    picture = np.zeros((2, 2), np.uint8)
    composited = _composited(picture)
    recording.write(composited)
    recording.write(composited)
    if essential:
        with pytest.raises(RecordError, match="No space left"):
            recording.write(composited)
    else:
        recording.write(composited)
        recording.write(composited)
    recording.close()
    assert recording.error is not None
    assert disk.written == 2
    assert disk.closed >= 1


def _composited(plane: U8) -> Composited:
    planes = Planes(plane, plane, plane)
    frame = Frame(planes, 0, 0, Fraction(1, 30), Colour(), 0)
    motion = Motion(np.eye(3), np.eye(3), Tracking.LOST, 0)
    return Composited(Tracked(frame, plane, motion), planes)


def test_sound_is_kept_and_cut_with_the_picture(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", size_wh=(64, 64), frames=40, audio="aac")
    recording = tmp_path / "out.mkv"
    options = Options(source=str(clip), sky="golden_sunset", headless=True, record=recording, frames=20)
    assert run(options, Config(), load_look("natural")) == 0
    with av.open(str(recording)) as container:
        pictures = [frame.time for frame in container.decode(video=0)]
        container.seek(0)
        sound = [frame.time for frame in container.decode(audio=0)]
    assert len(pictures) == 20
    assert pictures[-1] == pytest.approx(1.9, abs=0.01)
    assert sound[-1] == pytest.approx(2.0, abs=0.06)
