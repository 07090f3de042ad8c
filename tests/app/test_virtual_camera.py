import sys
from fractions import Fraction
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from app.colour import planes_from_rgb, rgb_from_planes
from app.errors import RecordError
from app.frame import U8, Colour, Planes
from app.virtual_camera import VirtualCamera

CAMERA = Colour("bt601")


class FakeCamera:
    """What pyvirtualcam.Camera is to us, with its checks."""

    device = "/dev/video7"
    opened: "ClassVar[list[FakeCamera]]"
    failure: str | None = None
    broken: str | None = None

    def __init__(self, width: int, height: int, fps: float, *, fmt: str) -> None:
        if self.failure is not None:
            raise RuntimeError(self.failure)
        assert isinstance(fps, float)
        self.size_wh, self.fps, self.fmt = (width, height), fps, fmt
        self.sent: list[U8] = []
        self.closed = 0
        self.opened.append(self)

    def send(self, frame: U8) -> None:
        if self.broken is not None:
            raise RuntimeError(self.broken)
        width, height = self.size_wh
        assert frame.dtype == np.uint8 and frame.size == width * height * 3 // 2
        self.sent.append(frame.reshape(-1).copy())

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> type[FakeCamera]:
    """The camera class of a pyvirtualcam that is not there; it keeps those that were opened."""

    class Camera(FakeCamera):
        opened: ClassVar[list[FakeCamera]] = []

    fake: Any = ModuleType("pyvirtualcam")
    fake.Camera, fake.PixelFormat = Camera, SimpleNamespace(I420="I420")
    monkeypatch.setitem(sys.modules, "pyvirtualcam", fake)
    return Camera


def gradient(colour: Colour, size_wh: tuple[int, int] = (64, 48)) -> tuple[U8, Planes]:
    """A smooth picture of many colours, as RGB and as the planes of that colour."""
    width, height = size_wh
    x, y = np.meshgrid(np.linspace(30, 220, width), np.linspace(30, 220, height))
    rgb = np.stack([x, y, 250 - (x + y) / 2], axis=2).astype(np.uint8)
    planes = planes_from_rgb(rgb, colour)
    for plane in planes:
        plane.setflags(write=False)
    return rgb, planes


def seen(camera: FakeCamera, index: int = -1) -> Planes:
    """The picture as another program takes it."""
    width, height = camera.size_wh
    y, u, v = np.split(camera.sent[index], [width * height, width * height * 5 // 4])
    half = (height // 2, width // 2)
    return Planes(y.reshape(height, width), u.reshape(half), v.reshape(half))


def test_pictures_arrive_as_they_are(package: type[FakeCamera]) -> None:
    planes = gradient(CAMERA)[1]
    camera = VirtualCamera((64, 48), Fraction(30_000, 1001))
    camera.write(planes, 0)
    camera.write(Planes(planes.y[::-1], planes.u, planes.v), 3600)
    (opened,) = package.opened
    assert (opened.size_wh, opened.fmt, camera.device) == ((64, 48), "I420", "/dev/video7")
    assert opened.fps == pytest.approx(29.97, abs=0.001)
    for got, expected in zip(seen(opened, 0), planes, strict=True):
        np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(seen(opened, 1).y, planes.y[::-1])


@pytest.mark.parametrize(
    "colour", [Colour("bt709"), Colour("bt601", full_range=True), Colour("bt709", full_range=True)]
)
def test_other_colours_become_what_programs_expect_of_a_camera(
    package: type[FakeCamera], colour: Colour
) -> None:
    rgb, planes = gradient(colour)
    camera = VirtualCamera((64, 48), Fraction(30), colour)
    camera.write(planes, 0)
    (opened,) = package.opened
    shown = rgb_from_planes(seen(opened), CAMERA).astype(int)
    assert np.abs(shown - rgb).mean() < 2
    misread = rgb_from_planes(planes, CAMERA).astype(int)
    assert np.abs(misread - rgb).mean() > 4


def test_levels_beyond_the_range_are_clipped(package: type[FakeCamera]) -> None:
    extreme = Planes(*(np.full(shape, 255, np.uint8) for shape in ((2, 2), (1, 1), (1, 1))))
    camera = VirtualCamera((2, 2), Fraction(30), Colour("bt709"))
    camera.write(extreme, 0)
    camera.write(Planes(*(plane * np.uint8(0) for plane in extreme)), 1)
    (opened,) = package.opened
    assert seen(opened, 0).y.min() == 255
    assert seen(opened, 1).y.max() == 0


@pytest.mark.parametrize("size_wh", [(65, 49), (64, 49), (67, 48)])
@pytest.mark.parametrize("colour", [CAMERA, Colour("bt709")])
def test_odd_sizes_lose_their_last_row_and_column(
    package: type[FakeCamera], size_wh: tuple[int, int], colour: Colour
) -> None:
    rgb, planes = gradient(colour, size_wh)
    camera = VirtualCamera(size_wh, Fraction(25), colour)
    camera.write(planes, 0)
    (opened,) = package.opened
    width, height = size_wh[0] & ~1, size_wh[1] & ~1
    assert opened.size_wh == (width, height)
    shown = rgb_from_planes(seen(opened), CAMERA).astype(int)
    assert np.abs(shown - rgb[:height, :width]).mean() < 2


def test_closing_twice_closes_once(package: type[FakeCamera]) -> None:
    camera = VirtualCamera((64, 48), Fraction(30))
    camera.close()
    camera.close()
    assert package.opened[0].closed == 1


def test_a_camera_that_goes_away_is_an_error(package: type[FakeCamera]) -> None:
    package.broken = "error writing frame"
    camera = VirtualCamera((64, 48), Fraction(30))
    with pytest.raises(RecordError, match=r"^/dev/video7: error writing frame$"):
        camera.write(gradient(CAMERA)[1], 0)


@pytest.mark.parametrize(
    ("platform", "hint"), [("linux", "modprobe v4l2loopback"), ("win32", "OBS"), ("darwin", "OBS")]
)
def test_a_system_without_a_camera_is_told_what_to_do(
    package: type[FakeCamera], monkeypatch: pytest.MonkeyPatch, platform: str, hint: str
) -> None:
    package.failure = "'a' backend: no device\n'b' backend: not installed"
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(RecordError, match=f"virtual camera: .*{hint}.*no device; 'b'") as caught:
        VirtualCamera((64, 48), Fraction(30))
    assert "\n" not in str(caught.value)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)  # as if it were not installed
    with pytest.raises(RecordError, match="pyvirtualcam is missing; pip install pyvirtualcam"):
        VirtualCamera((64, 48), Fraction(30))


def test_the_real_package_on_a_system_without_a_camera() -> None:
    pytest.importorskip("pyvirtualcam", reason="pyvirtualcam is not installed")
    if sys.platform != "linux" or any(Path("/dev").glob("video*")):
        pytest.skip("this system may have a virtual camera")
    with pytest.raises(RecordError, match="modprobe v4l2loopback"):
        VirtualCamera((64, 48), Fraction(30))
