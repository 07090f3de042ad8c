import tomllib
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from app.sky.library import find_sky
from app.sky.still import read_rgb
from living.render import HORIZON, Frames, Rendering, render
from living.specs import Clock, ProceduralSpec, Wind

SMALL = (128, 72)
NOON = ProceduralSpec(sun=(35.0, 20.0), clouds="none")


def test_the_sun_of_a_flat_sky_stands_where_it_is_said_to(tmp_path: Path) -> None:
    path = tmp_path / "noon.png"
    render(Rendering(NOON, size_wh=(256, 144)), path)
    said = tomllib.loads(path.with_suffix(".toml").read_text())
    assert (said["kind"], said["title"], said["horizon"]) == ("still", "Computed, clear sky", HORIZON)
    rgb = read_rgb(path)
    bright = cv2.GaussianBlur(rgb.sum(axis=2).astype(np.float32), (0, 0), 2)
    row, column = np.unravel_index(int(bright.argmax()), bright.shape)
    assert said["sun"] == pytest.approx([(column + 0.5) / 256, (row + 0.5) / 144], abs=0.02)
    assert find_sky(str(path)).about.sun == pytest.approx(tuple(said["sun"]))


def test_a_panorama_is_one_by_its_toml_and_has_its_sun(tmp_path: Path) -> None:
    path = tmp_path / "noon.jpg"
    render(Rendering(NOON, panorama=True, size_wh=(256, 128)), path)
    sky = find_sky(str(path))
    assert (sky.kind, sky.about.wrap) == ("panorama", "repeat")
    assert sky.about.sun == pytest.approx((0.5 + 20 / 360, 0.5 - 35 / 180), abs=1e-4)
    assert read_rgb(path).shape == (128, 256, 3)


def test_clouds_drift_by_the_flow_that_is_told() -> None:
    spec = ProceduralSpec(sun=(40.0, 0.0), clouds="cumulus", wind=Wind(0.0, 150.0))
    sky = Frames(spec, (256, 144), panorama=False)
    first, flow = sky.at(0.0), sky.flow_at(0.0, 0.25)
    assert flow[:60, :, 0].max() > 1.0
    assert not flow[110:].any()
    y, x = np.mgrid[:144, :256].astype(np.float32)
    later = sky.at(0.25)
    back = cv2.remap(later, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR)
    inner = np.s_[8:70, 16:-16]
    still = np.abs(later[inner].astype(int) - first[inner]).mean()
    assert np.abs(back[inner].astype(int) - first[inner]).mean() < 0.7 * still


def test_equal_seconds_are_equal_pictures_in_any_order() -> None:
    spec = ProceduralSpec(sun=(20.0, 10.0), clouds="cumulus", wind=Wind(40.0, 30.0))
    one, other = (Frames(spec, SMALL, panorama=False) for _ in range(2))
    late = one.at(0.9)
    other.at(0.1)
    np.testing.assert_array_equal(other.at(0.9), late)


def test_a_film_of_a_clock_that_stands_is_a_loop_and_one_of_a_day_is_not(tmp_path: Path) -> None:
    standing, running = tmp_path / "standing.mp4", tmp_path / "running.mp4"
    render(Rendering(NOON, seconds=1.0, fps=Fraction(8), size_wh=SMALL), standing)
    assert find_sky(str(standing)).about.loop
    spec = ProceduralSpec(clouds="none", clock=Clock(16.0, 3600.0))
    render(Rendering(spec, seconds=1.0, fps=Fraction(4), size_wh=SMALL), running)
    sky = find_sky(str(running))
    assert not sky.about.loop
    assert sky.about.sun is None
    with av.open(str(running)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 4
    assert np.abs(frames[3].astype(int) - frames[0]).mean() > 1.0
