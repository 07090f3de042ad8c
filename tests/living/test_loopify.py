from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.errors import CaptureError
from app.frame import Planes
from app.sky.video import read_clip
from living.film import Film
from living.loopify import (
    Join,
    along_diagonals,
    best_join,
    calm_join,
    closed,
    fade_frames,
    led_over,
    loopify,
    mixed,
    thumbnail,
)
from living.metrics import seam, steps

RNG = np.random.default_rng(0)
TEXTURE = cv2.GaussianBlur(RNG.integers(0, 256, (64, 400), np.uint8), (0, 0), 1)


def window(left: int, width: int = 96) -> Planes:
    """A part of the texture, and grey."""
    y = np.ascontiguousarray(TEXTURE[:, left : left + width], np.uint8)
    return Planes(y, *np.full((2, 32, width // 2), 128, np.uint8))


def still(level: int) -> Planes:
    return Planes(np.full((64, 96), level, np.uint8), *np.full((2, 32, 48), 128, np.uint8))


def test_means_along_diagonals() -> None:
    matrix = np.arange(20.0).reshape(4, 5)
    means = along_diagonals(matrix, 2)
    assert means.shape == (3, 4)
    assert means[1, 2] == (matrix[1, 2] + matrix[2, 3]) / 2


def test_the_join_is_where_a_clip_comes_by_again() -> None:
    phase = 2 * np.pi * np.arange(70) / 50
    small = np.column_stack([np.cos(phase), np.sin(phase)]).astype(np.float32) * 40
    small += np.linspace(0, 0.5, 70, dtype=np.float32)[:, None]  # not quite the same
    join = best_join(small, 5)
    assert join.frames == 50
    assert join.first >= join.fade == 5
    assert join.last <= 70


def test_a_change_over_takes_as_long_as_it_has_to() -> None:
    turning = 2 * np.pi * np.arange(80) / 60
    alike = (40 * np.column_stack([np.cos(turning), np.sin(turning)])).astype(np.float32)
    assert calm_join(alike, 4, 20).fade == 4
    unlike = np.linspace(0, 100, 80, dtype=np.float32)[:, None]
    assert calm_join(unlike, 4, 20).fade == 20


def test_the_change_over_fits_the_clip_and_the_memory() -> None:
    assert fade_frames(1000, Fraction(30), (640, 360)) == 45
    assert fade_frames(100, Fraction(30), (640, 360)) == 25
    assert fade_frames(1000, Fraction(60), (7680, 4320)) == 4


def test_frames_outside_of_the_change_over_are_those_of_the_clip() -> None:
    clip = [still(level) for level in range(20)]
    loop = list(closed(clip, Join(first=4, last=18, fade=3)))
    assert [int(planes.y[0, 0]) for planes in loop[:11]] == list(range(4, 15))
    # From 15, 16, 17 to 1, 2, 3.
    last = [int(planes.y[0, 0]) for planes in loop[11:]]
    assert last[0] in (13, 14) and last[1] == 9 and last[2] in (3, 4)


def test_two_views_of_the_same_meet_half_way() -> None:
    there = np.zeros((64, 96, 2), np.float32)
    there[..., 0] = -6.0  # what is at x in the first is at x - 6 in the second
    between = mixed(window(100), window(106), there, -there, 0.5)
    inner = slice(16, -16)
    wanted = window(103).y[:, inner].astype(int)
    assert np.abs(between.y[:, inner] - wanted).mean() < 1.0
    assert np.abs(window(100).y[:, inner] - wanted).mean() > 5.0


def test_flow_is_found_by_itself_and_unlike_pictures_keep_their_contrast() -> None:
    end, before = [window(100 + n) for n in range(5)], [window(104 + n) for n in range(5)]
    middle = list(led_over(end, before))[2]
    inner = slice(16, -16)
    assert np.abs(middle.y[:, inner].astype(int) - window(104).y[:, inner]).mean() < 3.0
    none = np.zeros((64, 96, 2), np.float32)
    far = mixed(window(10), window(250), none, none, 0.5)
    plain = (window(10).y.astype(float) + window(250).y) / 2
    assert plain.std() < 0.8 * window(10).y.std()
    assert far.y.std() == pytest.approx(window(10).y.std(), rel=0.1)


def test_what_is_the_same_in_both_stays_as_it_is() -> None:
    same = list(led_over([window(50)] * 4, [window(50)] * 4))
    assert all(np.abs(planes.y.astype(int) - window(50).y).max() <= 1 for planes in same)


def test_a_clip_is_closed_at_its_own_rate_and_size(tmp_path: Path) -> None:
    clip, loop = tmp_path / "clip.mp4", tmp_path / "loop.mp4"
    with Film(clip, (96, 64), Fraction(24), force=False) as film:
        for n in range(40):
            film.write(window(n))
    join = loopify(clip, loop)
    assert read_clip(loop, loop=True).seconds == pytest.approx(join.frames / 24)
    closed_clip = list(closed((window(n) for n in range(40)), join))
    assert seam(steps([window(n).y for n in range(40)])) > 1.3
    assert seam(steps([planes.y for planes in closed_clip])) < 1.2


def test_a_clip_of_a_few_frames_is_refused(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    with Film(clip, (96, 64), Fraction(24), force=False) as film:
        for n in range(6):
            film.write(still(40 * n))
    with pytest.raises(CaptureError, match=r"clip\.mp4: 6 frames are too few"):
        loopify(clip, tmp_path / "loop.mp4")
    assert not (tmp_path / "loop.mp4").exists()


def test_thumbnails_tell_colours_apart() -> None:
    red = Planes(still(9).y, still(9).u, np.full((32, 48), 200, np.uint8))
    assert np.abs(thumbnail(red) - thumbnail(still(9))).max() == 72
