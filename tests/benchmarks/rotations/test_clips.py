from pathlib import Path

import cv2
import numpy as np
import pytest

from app.camera import Camera
from app.frame import U8, Planes
from benchmarks.rotations import clips, panorama, render, scenes
from benchmarks.rotations.clips import clip_of, truth_of
from benchmarks.rotations.paths import Path as Way
from benchmarks.rotations.render import Panoramas
from benchmarks.rotations.scenes import Scene


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = Camera.from_fov((160, 90), 60.0)
    for module in (scenes, render, clips):
        monkeypatch.setattr(module, "CAMERA", camera)
    monkeypatch.setattr(panorama, "WIDTH", 1024)


def upper_half(planes: Planes) -> U8:
    return np.where(planes.y > 120, 255, 0).astype(np.uint8)


@pytest.fixture
def panoramas(tmp_path: Path) -> Panoramas:
    """Two panoramas: bright above the horizon, dark below, one of them darker."""
    rng = np.random.default_rng(0)
    for name, level in (("a.png", 220), ("b.png", 170)):
        rgb = rng.integers(0, 30, (256, 512, 3)).astype(np.uint8)
        rgb[:128] += level
        cv2.imwrite(str(tmp_path / name), rgb)
    return Panoramas(tmp_path, tmp_path, upper_half)


def test_clips_are_rendered_once_and_longer_ones_serve_shorter_calls(
    panoramas: Panoramas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene("plain", "test", ("a.png",), Way(0, 0, pan_deg_s=20))
    clip = clip_of(scene, 4, tmp_path, panoramas)
    monkeypatch.setattr(clips, "render", None)
    again = clip_of(scene, 3, tmp_path, panoramas)
    assert again.file == clip.file
    shots = list(again.frames())
    assert len(shots) == 3 == len(again.truth.rotations)
    assert [frame.index for frame, _ in shots] == [0, 1, 2]
    for frame, alpha in shots:
        assert frame.planes.size_wh == (160, 90)
        assert alpha.shape == (90, 160)
        assert not alpha.flags.writeable
        # Sky is bright and lies above the horizon in the picture's middle.
        assert frame.planes.y[alpha == 255].mean() > 180 > 60 > frame.planes.y[alpha == 0].mean()
        assert (alpha[:40] == 255).mean() > 0.95
        assert (alpha[52:] == 0).all()


def test_a_changed_scene_is_rendered_anew(panoramas: Panoramas, tmp_path: Path) -> None:
    scene = Scene("plain", "test", ("a.png",), Way(0, 0))
    other = Scene("plain", "test", ("a.png",), Way(0, 1))
    assert clip_of(scene, 2, tmp_path, panoramas).file != clip_of(other, 2, tmp_path, panoramas).file


def test_alpha_is_kept_without_loss(panoramas: Panoramas, tmp_path: Path) -> None:
    scene = Scene("plain", "test", ("a.png",), Way(0, 0, pan_deg_s=20))
    kept = [alpha for _, alpha in clip_of(scene, 3, tmp_path, panoramas).frames()]
    for rendered, alpha in zip(render.render(scene, 3, panoramas), kept, strict=True):
        assert (rendered.alpha == alpha).all()


def test_dropped_frames_leave_gaps_in_the_numbers(panoramas: Panoramas, tmp_path: Path) -> None:
    scene = Scene("gaps", "test", ("a.png",), Way(0, 0, pan_deg_s=20, seed=1), drops=True)
    indices = scene.indices(90)
    assert 60 < len(indices) < 88
    assert not set(range(72, 77)) & set(indices)
    assert [frame.index for frame, _ in clip_of(scene, 90, tmp_path, panoramas).frames()] == indices
    truth = truth_of(scene, 90)
    turned = truth.rotations[indices.index(77) - 1].T @ truth.rotations[indices.index(77)]
    assert np.degrees(np.arcsin(turned[0, 2])) == pytest.approx(
        20 * (77 - indices[indices.index(77) - 1]) / 30
    )


def test_cuts_show_another_panorama_and_are_in_the_truth(panoramas: Panoramas, tmp_path: Path) -> None:
    scene = Scene("cuts", "test", ("a.png", "b.png"), Way(0, 0))
    clip = clip_of(scene, 95, tmp_path, panoramas)
    assert np.flatnonzero(np.diff(clip.truth.parts)).tolist() == [92]
    brightness = [frame.planes.y[:30].mean() for frame, _ in clip.frames()]
    assert brightness[92] > brightness[93] + 25


def test_a_blank_shows_nothing(panoramas: Panoramas, tmp_path: Path) -> None:
    scene = Scene("blank", "test", ("a.png",), Way(0, 0), blank="dark")
    clip = clip_of(scene, 122, tmp_path, panoramas)
    *_, before, (dark, alpha), _ = clip.frames()
    assert before[0].planes.y.std() > 20 > 3 > dark.planes.y.std()
    assert (alpha == 0).all()
    assert clip.truth.seen.tolist() == [True] * 120 + [False] * 2


def test_a_drifting_sky_moves_and_its_land_does_not(panoramas: Panoramas) -> None:
    scene = Scene("clouds", "test", ("a.png",), Way(0, 0), drifting="b.png", noise=0.01)
    first, *_, last = render.render(scene, 6, panoramas)
    land, sky = first.alpha == 0, first.alpha == 255
    assert (first.planes.y[land] == last.planes.y[land]).all()
    moved = np.roll(first.planes.y.astype(int), -5, axis=1)
    middle = np.s_[10:35, 40:110]
    assert sky[middle].all()
    there = np.abs(last.planes.y[middle].astype(int) - moved[middle]).mean()
    stayed = np.abs(last.planes.y[middle].astype(int) - first.planes.y[middle]).mean()
    assert there < 0.4 * stayed
