"""The parts together: threads change nothing, and sound ends with the picture."""

from pathlib import Path

import av
import pytest

from app.capture.demo import DemoSource
from app.capture.open import open_source
from app.colour import rgb_from_planes
from app.config import Config, Matting
from app.live import model_path, run
from app.looks import load_look
from app.options import Options
from app.recording.dump import FrameDump, write_png
from app.sky.library import find_sky, open_sky
from app.sky.player import SkyPlayer
from app.stages import build_stages
from app.user import Settings
from engines.registry import open_engine
from tests.media import write_video

COMPUTED = "procedural:?clouds=cumulus&wind=0,60&clock=09:00,x600"
LIVING = "living:{folder}/photo.png?wind=30,60&day=6:20&loop=4"


@pytest.mark.parametrize("sky_name", ["golden_sunset", COMPUTED, LIVING])
def test_threads_change_nothing(tmp_path: Path, sky_name: str) -> None:
    """The threaded run's pictures equal those of the same stages in a plain loop, bit for bit."""
    frame, _ = DemoSource((320, 180)).frame(0)
    write_png(tmp_path / "photo.png", rgb_from_planes(frame.planes, frame.colour))
    sky_name = sky_name.format(folder=tmp_path)
    clip = write_video(tmp_path / "clip.mp4", size_wh=(160, 96), frames=25)
    config, look = Config(matting=Matting(backend="ort")), load_look("natural")
    threaded = tmp_path / "threaded"
    options = Options(source=str(clip), sky=sky_name, headless=True, dump_frames=threaded)
    assert run(options, config, look, Settings()) == 0

    looped = tmp_path / "looped"
    dump = FrameDump(looped)
    with (
        open_source(str(clip), None, config.picture_fps) as source,
        open_engine(model_path(config.matting.model), "ort", 1) as engine,
    ):
        sky = open_sky(
            find_sky(sky_name), source.info.size_wh, source.info.colour, config.sky.crop, patient=True
        )
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


def test_sound_is_kept_and_cut_with_the_picture(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", size_wh=(64, 64), frames=40, audio="aac")
    recording = tmp_path / "out.mkv"
    options = Options(source=str(clip), sky="golden_sunset", headless=True, record=recording, frames=20)
    assert run(options, Config(), load_look("natural"), Settings()) == 0
    with av.open(str(recording)) as container:
        pictures = [frame.time for frame in container.decode(video=0)]
        container.seek(0)
        sound = [frame.time for frame in container.decode(audio=0)]
    assert len(pictures) == 20
    assert pictures[-1] == pytest.approx(1.9, abs=0.01)
    assert sound[-1] == pytest.approx(2.0, abs=0.06)
