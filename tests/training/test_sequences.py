"""Rendered clips: what is put together is what was taken apart, and moves as said."""

import dataclasses
import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.data import Picture, Sample, read_index
from training.sequences import (
    FRAMES,
    MOTIONS,
    SIZE_WH,
    STILL_CLIPS,
    completed,
    labelled_clip,
    noisy_clips,
    render,
    rendered_clips,
    still_clips,
)


def house() -> Picture:
    """A red house, half of its left wall soft, before a blue sky; 640x480."""
    alpha = np.full((480, 640), 255, np.uint8)
    alpha[240:] = 0
    alpha[150:240, 280:360] = 0
    alpha[150:240, 276:280] = 128
    image = np.empty((480, 640, 3), np.uint8)
    share = alpha[..., None] / 255
    image[:] = np.rint((200, 40, 30) * (1 - share) + (60, 120, 240) * share)
    return Picture(image, alpha, np.full_like(alpha, 255), soft=True)


def test_what_is_hidden_is_completed_from_around() -> None:
    picture = house()
    ground = completed(picture.image, picture.alpha < 13)
    sky = completed(picture.image, picture.alpha > 242)
    assert np.abs(ground - (200, 40, 30)).max() < 1 and np.abs(sky - (60, 120, 240)).max() < 1


@pytest.mark.parametrize("motion", MOTIONS)
def test_frames_are_what_their_alpha_says(motion: str) -> None:
    shots = list(render(house(), motion, np.random.default_rng(0)))  # type: ignore[arg-type]
    assert len(shots) == FRAMES
    alphas = []
    for shot in shots:
        assert shot.alpha is not None and shot.image.shape == (SIZE_WH[1], SIZE_WH[0], 3)
        share = shot.alpha[..., None].astype(np.float64) / 255
        expected = np.array([200, 40, 30]) * (1 - share) + np.array([60, 120, 240]) * share
        assert np.abs(shot.image - expected).mean() < 2.0  # the noise alone makes 1.6
        alphas.append(shot.alpha)
    changes = [np.abs(a.astype(int) - b).mean() for a, b in itertools.pairwise(alphas)]
    assert min(changes) > 0.05


def test_a_pan_moves_the_house_by_two_pixels_a_frame() -> None:
    shots = list(render(house(), "pan", np.random.default_rng(0)))
    left = []
    for shot in shots:
        assert shot.alpha is not None
        row = int(np.flatnonzero((shot.alpha < 13).any(axis=1))[0]) + 20
        left.append(float(np.flatnonzero(shot.alpha[row] < 13)[0]))
    assert (left[0] - left[-1]) / (FRAMES - 1) == pytest.approx(2.0 * FRAMES / (FRAMES - 1), abs=0.1)


def test_choice_of_clips(tiny_data: Path, tmp_path: Path) -> None:
    samples = read_index(tiny_data, "val")
    assert rendered_clips(samples) == []  # hard labels, and too small
    picture = house()
    cv2.imwrite(str(tmp_path / "a.png"), cv2.cvtColor(picture.image, cv2.COLOR_RGB2BGR))
    cv2.imwrite(str(tmp_path / "m.png"), picture.alpha)
    soft = Sample("ade20k_sky", "val", tmp_path / "a.png", tmp_path / "m.png", True)
    clips = rendered_clips([soft, dataclasses.replace(soft, soft=False), soft])
    assert [clip.kind for clip in clips] == ["pan", "shake"]
    first, again = next(clips[0].shots()), next(clips[0].shots())
    assert np.array_equal(first.image, again.image)

    assert labelled_clip(samples) == []
    drive = labelled_clip([dataclasses.replace(sample, dataset="camvid") for sample in samples])
    assert len(list(drive[0].shots())) == 3

    (repeated,) = noisy_clips(samples)
    shots = [shot.image.astype(int) for shot in repeated.shots()]
    assert len(shots) == FRAMES // 2
    assert 3 < np.abs(shots[0] - shots[1]).mean() < 6  # deviation 4 each: 4.5


def test_still_clips_are_read_where_they_lie(tmp_path: Path) -> None:
    assert still_clips(tmp_path) == []
    writer = cv2.VideoWriter(
        str(tmp_path / STILL_CLIPS[0]), cv2.VideoWriter.fourcc(*"mp4v"), 25, (64, 48), True
    )
    for level in (40, 200):
        writer.write(np.full((48, 64, 3), (level, 10, 10), np.uint8))  # blue first
    writer.release()
    (clip,) = still_clips(tmp_path)
    images = [shot.image for shot in clip.shots()]
    assert [image.shape for image in images] == [(48, 64, 3)] * 2
    assert images[1][..., 2].mean() > 150 and images[1][..., 0].mean() < 60
