import math
import struct
import threading
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest

from app.colour import planes_from_rgb, rgb_from_planes, yuv_from_rgb
from app.errors import SkyError
from app.frame import F64, U8, Colour, Siting
from app.sky.base import SkyView
from app.sky.placing import Wrap
from app.sky.still import read_rgb, resized
from app.sky.texture import FlatPlane

FRAME_WH = WIDTH, HEIGHT = 96, 64
PICTURE_WH = 192, 128
STILL = np.eye(3)
COLOUR = Colour()
WHOLE = (0, HEIGHT)


def write(path: Path, rgb: U8) -> Path:
    assert cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    return path


def waves(x: F64, y: F64) -> F64:
    """A smooth picture, RGB float (..., 3), that closes on itself neither way."""
    red = 128 + 70 * np.sin(x / 13 + 1) * np.cos(y / 17)
    green = 120 + 60 * np.cos(x / 23 - y / 19 + 2)
    blue = 130 + 60 * np.sin((x + y) / 29)
    return np.stack([red, green, blue], axis=-1)


def picture(size_wh: tuple[int, int] = PICTURE_WH) -> U8:
    x, y = np.meshgrid(np.arange(size_wh[0], dtype=float), np.arange(size_wh[1], dtype=float))
    return np.rint(waves(x, y)).astype(np.uint8)


def moved(x: float, y: float, roll: float = 0.0) -> F64:
    """The pose after the picture has turned by `roll` about the frame's centre and then moved by (x, y)."""
    cx, cy = (WIDTH - 1) / 2, (HEIGHT - 1) / 2
    c, s = math.cos(roll), math.sin(roll)
    return np.array([[c, -s, cx - c * cx + s * cy + x], [s, c, cy - s * cx - c * cy + y], [0, 0, 1]])


def expected(pose: F64, x: F64, y: F64, wrap: Wrap) -> F64:
    """RGB at frame positions: x0 of the first frame appears at pose x0, and the picture is centred."""
    first = np.linalg.inv(pose) @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    left, top = (PICTURE_WH[0] - WIDTH) // 2, (PICTURE_WH[1] - HEIGHT) // 2
    u = (first[0] / first[2]).reshape(x.shape) + left
    v = (first[1] / first[2]).reshape(x.shape) + top
    folded_v = folded(v, PICTURE_WH[1])
    return waves(np.mod(u, PICTURE_WH[0]) if wrap == "repeat" else folded(u, PICTURE_WH[0]), folded_v)


def folded(x: F64, length: int) -> F64:
    """Positions mirrored at -0.5 and length - 0.5, again and again."""
    within = np.mod(x + 0.5, 2 * length)
    return np.asarray(np.minimum(within, 2 * length - within) - 0.5, np.float64)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "sky.png", picture())


class Flat:
    """A picture in a plane, drawn under a pose."""

    def __init__(self, path: Path, size_wh: tuple[int, int], colour: Colour, crop: float, wrap: Wrap) -> None:
        rgb = read_rgb(path)
        picture_wh = (rgb.shape[1], rgb.shape[0])
        plane = FlatPlane(picture_wh, size_wh, colour, crop, wrap, most_texels=10**8, enlarge=True)
        planes = planes_from_rgb(resized(rgb, plane.picture_wh), colour)
        self._texture = plane.texture(planes, colour.chroma_xy)
        self._projector = plane._projector

    def render(self, seconds: float, pose: F64, rows: tuple[int, int]) -> SkyView:
        return self._projector.render(self._texture, pose, rows)


def open_still(path: Path, colour: Colour = COLOUR, wrap: Wrap = "mirror", crop: float = 0.5) -> Flat:
    return Flat(path, FRAME_WH, colour, crop, wrap)


@pytest.mark.parametrize("siting", get_args(Siting))
def test_the_first_frame_sees_the_pictures_middle_exactly(path: Path, siting: Siting) -> None:
    colour = Colour("bt601", full_range=True, siting=siting)
    view = open_still(path, colour).render(0.0, STILL, WHOLE)
    whole = planes_from_rgb(picture(), colour)
    assert np.array_equal(view.planes.y, whole.y[32:96, 48:144])
    assert np.array_equal(view.planes.u, whole.u[16:48, 24:72])
    assert np.array_equal(view.planes.v, whole.v[16:48, 24:72])


def test_odd_frames_are_exact_too(tmp_path: Path) -> None:
    path = write(tmp_path / "sky.png", picture((130, 98)))
    planes = Flat(path, (65, 49), COLOUR, 0.5, "mirror").render(0.0, STILL, (0, 49)).planes
    whole = planes_from_rgb(picture((130, 98)), COLOUR)
    assert np.array_equal(planes.y, whole.y[24:73, 32:97])
    assert np.array_equal(planes.v, whole.v[12:37, 16:49])


POSES = {
    "part of a pixel": moved(0.37, -0.61),
    "pan": moved(-31.4, 17.7),
    "roll": moved(5, 3, 0.2),
    "head down": moved(0, 0, math.pi),
    "over the edge": moved(140.3, 0, 0.1),
    "over the corner": moved(-150.5, 99.5, 1.0),
    "far": moved(40_000.3, -12_345.6, 2.5),
    "farther": moved(-9e6, 4e6, -7),
    "tilted": moved(30, 10, 0.1) @ np.array([[1, 0, 0], [0, 1, 0], [4e-4, -3e-4, 1.0]]),
    "zoomed out": np.diag([0.5, 0.5, 1.0]),
}


@pytest.mark.parametrize("name", POSES)
def test_the_sky_moves_with_the_pose(path: Path, name: str) -> None:
    pose = POSES[name]
    planes = open_still(path).render(0.0, pose, WHOLE).planes
    matrix, offset = yuv_from_rgb(COLOUR)
    x, y = np.meshgrid(np.arange(WIDTH, dtype=float), np.arange(HEIGHT, dtype=float))
    luma = expected(pose, x, y, "mirror") @ matrix[0] + offset[0]
    assert np.abs(planes.y - luma).max() <= 2.0
    at_x, at_y = COLOUR.chroma_xy
    chroma = (
        expected(pose, 2 * x[:32, :48] + at_x, 2 * y[:32, :48] + at_y, "mirror") @ matrix[1:].T + offset[1:]
    )
    # A mirror image may carry its chroma half a sample beside its luma.
    mirrored = name in ("over the edge", "over the corner", "far", "farther", "zoomed out")
    tolerance = 5.0 if mirrored else 2.5
    assert np.abs(planes.u - chroma[..., 0]).max() <= tolerance
    assert np.abs(planes.v - chroma[..., 1]).max() <= tolerance


@pytest.mark.parametrize("x", [70.0, 150.0, -100.0, 192 * 1000.0 + 70])
def test_a_picture_that_closes_on_itself_repeats(tmp_path: Path, x: float) -> None:
    columns = np.arange(192)
    ring = np.broadcast_to(128 + 90 * np.sin(2 * np.pi * (2 * columns / 192))[:, None], (128, 192, 3))
    path = write(tmp_path / "ring.png", np.rint(ring).astype(np.uint8))
    luma = open_still(path, Colour(full_range=True), "repeat").render(0.0, moved(x, 0), WHOLE).planes.y
    shown = 128 + 90 * np.sin(2 * np.pi * 2 * (np.arange(WIDTH) - x + 48) / 192)
    assert np.abs(luma - shown).max() <= 1.5


@pytest.mark.parametrize("wrap", get_args(Wrap))
def test_a_long_pan_never_jumps(path: Path, wrap: Wrap) -> None:
    # A ring, so that also its repetition has no edge of its own.
    columns, rows = np.meshgrid(np.arange(192), np.arange(128))
    rgb = np.stack([128 + 60 * np.sin(2 * np.pi * columns / 192) + 30 * np.cos(rows / 20)] * 3, axis=-1)
    sky = open_still(write(path, np.rint(rgb).astype(np.uint8)), wrap=wrap)
    last: U8 | None = None
    for step in range(400):
        pose = moved(1.7 * step, -1.3 * step, 0.4)
        luma = sky.render(0.0, pose, WHOLE).planes.y.copy()
        for line in (luma.astype(int), luma.T.astype(int)):
            assert np.abs(np.diff(line, axis=0)).max() <= 5
        if last is not None:
            assert np.abs(luma.astype(int) - last).max() <= 8
        last = luma


@pytest.mark.parametrize("rows", [(0, 64), (0, 2), (10, 38), (62, 64)])
def test_some_rows_are_those_of_the_whole(path: Path, rows: tuple[int, int]) -> None:
    pose = moved(3.3, -4.7, 0.1)
    whole = open_still(path).render(0.0, pose, WHOLE)
    part = open_still(path).render(0.0, pose, rows)
    for whole_plane, plane, step in zip(whole.planes, part.planes, (1, 2, 2), strict=True):
        shown = slice(rows[0] // step, rows[1] // step)
        assert np.abs(whole_plane[shown].astype(int) - plane[shown]).max() <= 1
    assert np.array_equal(whole.mean_rgb, part.mean_rgb)


@pytest.mark.parametrize("pose", [STILL, moved(40, -30, 0.5), moved(-150.5, 99.5, 1.0), moved(1e5, 1e5, 3)])
def test_the_mean_colour_is_that_of_the_whole_view(path: Path, pose: F64) -> None:
    sky = open_still(path)
    nothing = sky.render(0.0, pose, (20, 20)).mean_rgb
    whole = sky.render(0.0, pose, WHOLE)
    assert np.array_equal(nothing, whole.mean_rgb)
    assert whole.mean_rgb == pytest.approx(rgb_from_planes(whole.planes, COLOUR).mean(axis=(0, 1)), abs=0.7)


@pytest.mark.parametrize("siting", get_args(Siting))
@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5, -7.25, 192.0, 183.5])
def test_colour_stays_on_its_edge(tmp_path: Path, siting: Siting, shift: float) -> None:
    # An upright edge between grey and blue: it is found in each plane from how much of a row lies left of it.
    # From a shift of 144 on its mirror image is in view, where chroma may be half a sample beside luma.
    rgb = np.full((128, 192, 3), (90, 90, 90), np.uint8)
    rgb[:, 96:] = (20, 60, 220)
    colour = Colour(siting=siting)
    sky = open_still(write(tmp_path / "edge.png", rgb), colour)
    luma, chroma, _ = (plane[10].astype(float) for plane in sky.render(0.0, moved(shift, 0), WHOLE).planes)
    share_y, share_u = ((line - line[-1]) / (line[0] - line[-1]) for line in (luma, chroma))
    edge_y = share_y.sum() - 0.5
    edge_u = 2 * (share_u.sum() - 0.5) + colour.chroma_xy[0]
    assert edge_y == pytest.approx(47.5 + (shift if shift < 144 else shift - 192), abs=0.1)
    assert edge_u == pytest.approx(edge_y, abs=0.15 if shift < 144 else 1.1)


@pytest.mark.parametrize("size_wh", [(1, 1), (3, 500), (700, 2), (37, 53)])
def test_pictures_of_any_shape_fill_the_frame(tmp_path: Path, size_wh: tuple[int, int]) -> None:
    rgb = np.full((size_wh[1], size_wh[0], 3), (40, 90, 200), np.uint8)
    sky = open_still(write(tmp_path / "sky.png", rgb))
    for pose in (STILL, moved(1000.5, -700, 1.0)):
        view = sky.render(0.0, pose, WHOLE)
        assert np.abs(rgb_from_planes(view.planes, COLOUR) - [40.0, 90, 200]).max() <= 2
        assert view.mean_rgb == pytest.approx([40, 90, 200], abs=1.5)


def test_deep_and_transparent_pictures_and_webp(tmp_path: Path) -> None:
    bgr = np.zeros((128, 192, 3), np.uint8)
    bgr[:] = (200, 90, 40)
    cv2.imwrite(str(tmp_path / "deep.png"), bgr.astype(np.uint16) * 257)
    cv2.imwrite(str(tmp_path / "clear.png"), np.dstack([bgr, np.zeros((128, 192), np.uint8)]))
    cv2.imwrite(str(tmp_path / "small.webp"), bgr)
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((128, 192), 90, np.uint8))
    for name in ("deep.png", "clear.png", "small.webp"):
        view = open_still(tmp_path / name).render(0.0, STILL, WHOLE)
        assert view.mean_rgb == pytest.approx([40, 90, 200], abs=4), name
    grey = open_still(tmp_path / "grey.png").render(0.0, STILL, WHOLE)
    assert grey.mean_rgb == pytest.approx([90, 90, 90], abs=1)


def test_a_picture_taken_with_the_camera_turned_is_set_upright(tmp_path: Path) -> None:
    # Bright on top as stored; orientation 6 says: turn clockwise to view, so bright at the right.
    rgb = np.full((192, 128, 3), 40, np.uint8)
    rgb[:96] = 220
    path = write(tmp_path / "turned.jpg", rgb)
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
    exif = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)
    jpeg = path.read_bytes()
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:])
    luma = open_still(path).render(0.0, STILL, WHOLE).planes.y
    assert luma[:, :40].max() < 80 < 180 < luma[:, 56:].min()


@pytest.mark.parametrize(
    "content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + bytes(50), b"\xff\xd8\xff\xe0"]
)
def test_a_file_that_is_no_picture_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.png"
    path.write_bytes(content)
    with pytest.raises(SkyError, match=r"notes\.png: not a picture"):
        open_still(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SkyError, match=r"gone\.jpg: No such file"):
        open_still(tmp_path / "gone.jpg")


def test_equal_calls_give_equal_planes_in_any_thread(path: Path) -> None:
    pose = moved(12.3, -4.5, 0.3)
    here = open_still(path).render(0.0, pose, WHOLE).planes
    there: list[U8] = []
    sky = open_still(path)
    thread = threading.Thread(target=lambda: there.extend(sky.render(9.0, pose, WHOLE).planes))
    thread.start()
    thread.join()
    assert all(np.array_equal(a, b) for a, b in zip(here, there, strict=True))
