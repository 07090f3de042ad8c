"""Folders, globs and single pictures as frames."""

import logging
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.capture.open import open_source
from app.capture.pictures import Pictures, find_pictures
from app.colour import planes_from_rgb, rgb_from_planes
from app.errors import CaptureError
from app.frame import U8, Colour, Frame
from tests.media import picture


def write(path: Path, picture: NDArray[Any]) -> Path:
    """The path, after a grey, RGB or RGBA picture has been written to it."""
    stored = picture[..., [2, 1, 0, 3][: picture.shape[2]]] if picture.ndim == 3 else picture
    assert cv2.imwrite(str(path), stored)
    return path


def smooth(size_wh: tuple[int, int] = (96, 64)) -> U8:
    x, y = np.meshgrid(np.arange(size_wh[0]), np.arange(size_wh[1]))
    return np.stack([40 + 2 * x, 220 - 2 * y, 60 + x + y], axis=2).clip(0, 255).astype(np.uint8)


def grey(level: int, size_wh: tuple[int, int] = (96, 64)) -> U8:
    return np.full((size_wh[1], size_wh[0], 3), level, np.uint8)


def read(spec: Path, size_wh: tuple[int, int] | None = None) -> tuple[Pictures, list[Frame]]:
    with open_source(str(spec), size_wh, 30) as source:
        assert isinstance(source, Pictures)
        return source, list(source)


def error(frame: Frame, rgb: U8) -> float:
    return float(np.abs(rgb_from_planes(frame.planes, frame.colour).astype(int) - rgb).mean())


def levels(frames: list[Frame]) -> list[int]:
    """The grey level in the middle of each."""
    rgb = [rgb_from_planes(frame.planes, frame.colour) for frame in frames]
    return [int(picture[picture.shape[0] // 2, picture.shape[1] // 2, 1]) for picture in rgb]


KINDS = [
    (suffix, kind) for suffix in ("png", "jpg", "webp", "bmp", "tif") for kind in ("rgb", "grey", "alpha")
]


@pytest.mark.parametrize(("suffix", "kind"), [*KINDS, ("png", "16 bit"), ("tif", "16 bit")])
def test_every_kind_of_picture_is_read(tmp_path: Path, suffix: str, kind: str) -> None:
    rgb = smooth()
    stored: NDArray[Any] = rgb
    if kind == "grey":
        stored = rgb[..., 0]
        rgb = np.repeat(rgb[..., :1], 3, axis=2)
    elif kind == "alpha":
        stored = np.concatenate([rgb, rgb[..., :1]], axis=2)
    elif kind == "16 bit":
        stored = rgb.astype(np.uint16) * 257
    source, frames = read(write(tmp_path / f"a.{suffix}", stored))
    assert source.info.size_wh == (96, 64)
    assert error(frames[0], rgb) < 2.5
    assert frames[0].planes.y.flags.c_contiguous and not frames[0].planes.y.flags.writeable


def test_rgb_is_converted_as_the_project_defines_it(tmp_path: Path) -> None:
    rgb = picture(0, (96, 64))
    source, frames = read(write(tmp_path / "a.png", rgb))
    assert source.info.colour == Colour("bt601", False, "center")
    for plane, truth in zip(frames[0].planes, planes_from_rgb(rgb, source.info.colour), strict=True):
        assert np.abs(plane.astype(int) - truth).max() <= 1


def test_a_jpeg_keeps_its_own_samples(tmp_path: Path) -> None:
    source, _ = read(write(tmp_path / "a.jpg", smooth()))
    assert source.info.colour == Colour("bt601", True, "center")


def test_natural_order_rate_and_info(tmp_path: Path) -> None:
    for number in (10, 2, 1, 33):
        write(tmp_path / f"img{number}.png", grey(number * 5))
    write(tmp_path / ".hidden.png", grey(255))
    (tmp_path / "notes.txt").write_text("no picture")
    with open_source(str(tmp_path), None, 29.97) as source:
        frames = list(source)
        info = source.info
    assert levels(frames) == [5, 10, 50, 165]
    assert (info.frames, info.sound, info.fps) == (4, None, Fraction(2997, 100))
    assert [frame.pts for frame in frames] == [frame.index for frame in frames] == [0, 1, 2, 3]
    assert frames[3].seconds == pytest.approx(3 / 29.97)


def test_a_glob_takes_what_it_matches(tmp_path: Path) -> None:
    for name, level in (("a1.png", 10), ("a2.JPG", 20), ("b1.png", 30), ("a3.txt", 0)):
        write(tmp_path / name.replace("txt", "bmp"), grey(level)).rename(tmp_path / name)
    assert levels(read(tmp_path / "a*")[1]) == [10, 20]
    assert levels(read(tmp_path / "?1.png")[1]) == [10, 30]


def test_a_name_that_looks_like_a_pattern_is_a_name(tmp_path: Path) -> None:
    write(tmp_path / "a[1]%03d.png", grey(77))
    assert levels(read(tmp_path / "a[1]%03d.png")[1]) == [77]


def test_a_wrong_suffix_does_not_matter(tmp_path: Path) -> None:
    write(tmp_path / "a.png", grey(90)).rename(tmp_path / "a.jpg")
    assert levels(read(tmp_path / "a.jpg")[1]) == [90]


def test_other_sizes_are_fitted_and_counted(tmp_path: Path) -> None:
    write(tmp_path / "1.png", grey(100))
    write(tmp_path / "2.png", grey(100, (192, 128)))
    write(tmp_path / "3.jpg", grey(200, (64, 64)))
    write(tmp_path / "4.png", grey(100))
    source, frames = read(tmp_path)
    assert source.rescaled == 2 and source.broken == 0
    assert {frame.planes.size_wh for frame in frames} == {(96, 64)}
    assert {frame.colour for frame in frames} == {source.info.colour}
    assert error(frames[1], grey(100)) < 1.5
    boxed = rgb_from_planes(frames[2].planes, frames[2].colour)
    assert (boxed[:, :16] == 0).all() and (boxed[:, 80:] == 0).all()
    assert np.abs(boxed[:, 18:78].astype(int) - 200).max() <= 3


def test_size_scales_them_all(tmp_path: Path) -> None:
    write(tmp_path / "1.png", smooth((192, 128)))
    source, frames = read(tmp_path, (96, 96))
    assert source.info.size_wh == frames[0].planes.size_wh == (96, 64)
    halved = cv2.resize(smooth((192, 128)), (96, 64), interpolation=cv2.INTER_AREA)
    assert error(frames[0], halved.astype(np.uint8)) < 1.5


def test_unreadable_pictures_are_skipped_and_leave_a_gap(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):
        write(tmp_path / f"{number}.png", grey(10 * number))
    (tmp_path / "0.png").write_bytes(b"")
    (tmp_path / "2.png").write_text("text")
    whole = write(tmp_path / "3.png", smooth()).read_bytes()
    (tmp_path / "3.png").write_bytes(whole[: len(whole) // 2])
    with caplog.at_level(logging.WARNING):
        source, frames = read(tmp_path)
    assert (source.broken, levels(frames)) == (3, [10, 40])
    assert [frame.pts for frame in frames] == [1, 4] and [frame.index for frame in frames] == [0, 1]
    assert len(caplog.records) == 3
    assert capfd.readouterr().err == ""


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").write_text("text")
    with pytest.raises(CaptureError, match="none of its pictures can be read"):
        read(tmp_path)
    with pytest.raises(CaptureError, match=r"0\.png: cannot be read as a picture"):
        read(tmp_path / "0.png")


def _with_exif(jpeg: bytes, orientation: int) -> bytes:
    """The JPEG file with an EXIF segment that holds the tag Orientation (0x0112)."""
    directory = struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    segment = b"Exif\0\0MM\0*\0\0\0\x08" + directory
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_exif_orientation_turns_the_picture_upright(tmp_path: Path, orientation: int, turns: int) -> None:
    path = write(tmp_path / "a.jpg", smooth())
    lying = read(path)[1][0]
    path.write_bytes(_with_exif(path.read_bytes(), orientation))
    upright = read(path)[1][0]
    assert np.array_equal(upright.planes.y, np.rot90(lying.planes.y, turns))


def test_pictures_turned_on_the_way_are_fitted(tmp_path: Path) -> None:
    write(tmp_path / "1.jpg", grey(100))
    path = write(tmp_path / "2.jpg", grey(100))
    path.write_bytes(_with_exif(path.read_bytes(), 6))
    source, frames = read(tmp_path)
    assert source.rescaled == 1
    assert {frame.planes.size_wh for frame in frames} == {(96, 64)}
    assert rgb_from_planes(frames[1].planes, frames[1].colour)[32, ::95].max() == 0


@pytest.mark.parametrize("size_wh", [(1, 1), (63, 200), (200, 63)])
def test_too_small_a_picture_is_refused_by_name(tmp_path: Path, size_wh: tuple[int, int]) -> None:
    path = write(tmp_path / "a.png", grey(9, size_wh))
    for size in (None, (640, 480)):
        with pytest.raises(CaptureError, match=rf"a\.png: .*{size_wh[0]}x{size_wh[1]}"):
            read(path, size)


def test_find_pictures_orders_numbers_by_value(tmp_path: Path) -> None:
    names = ["1.png", "2.png", "10.png", "a1b2.png", "a1b10.png", "a02.png", "b.png"]
    for name in names:
        (tmp_path / name).touch()
    assert [path.name for path in find_pictures(tmp_path)] == names
