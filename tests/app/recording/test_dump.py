from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.colour import planes_from_rgb
from app.errors import RecordError
from app.frame import NO_SPANS, U8, Colour, Composited, Foreground, Found, Frame, Tracked
from app.recording.dump import AlphaDump, FrameDump
from tests.app.motions import motion


def composited(rgb: U8, alpha: U8, index: int) -> Composited:
    colour = Colour(matrix="bt601", full_range=True)
    planes = planes_from_rgb(rgb, colour)
    frame = Frame(planes, index, index, Fraction(1, 25), colour, 0)
    return Composited(
        Tracked(frame, alpha, motion(), Foreground(frame.planes, NO_SPANS), Found(0.5, 1)), planes
    )


@pytest.fixture
def picture() -> Composited:
    rgb = np.zeros((49, 65, 3), np.uint8)
    rgb[...] = 200, 40, 10
    alpha = (np.arange(49 * 65).reshape(49, 65) % 256).astype(np.uint8)
    return composited(rgb, alpha, 12)


def test_frames_are_rgb_of_full_size_named_by_index(tmp_path: Path, picture: Composited) -> None:
    folder = tmp_path / "made" / "here"
    dump = FrameDump(folder)
    dump.write(picture)
    dump.close()
    assert [file.name for file in folder.iterdir()] == ["000012.png"]
    bgr = cv2.imread(str(folder / "000012.png"), cv2.IMREAD_UNCHANGED)
    assert bgr is not None and bgr.shape == (49, 65, 3)
    assert np.abs(bgr.astype(int) - [10, 40, 200]).max() <= 2


def test_alphas_are_kept_to_the_level(tmp_path: Path, picture: Composited) -> None:
    AlphaDump(tmp_path).write(picture)
    alpha = cv2.imread(str(tmp_path / "000012.png"), cv2.IMREAD_UNCHANGED)
    assert alpha is not None and alpha.dtype == np.uint8
    np.testing.assert_array_equal(alpha, picture.tracked.alpha)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecordError, match=r"file/frames: Not a directory"):
        FrameDump(tmp_path / "file" / "frames")
    with pytest.raises(RecordError, match=r"file: File exists"):
        AlphaDump(tmp_path / "file")


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, picture: Composited) -> None:
    dump = AlphaDump(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(RecordError, match=r"gone/000012\.png: No such file"):
        dump.write(picture)
