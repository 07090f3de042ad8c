"""Skies on the sphere against every ray looked up by itself."""

import math
from typing import get_args

import numpy as np
import pytest

from app.camera import Camera, View
from app.colour import planes_from_rgb, rgb_from_planes, yuv_from_rgb
from app.config import AS_IT_IS, Placement
from app.frame import F64, Colour, Siting
from app.rotation import rotation_from_vector
from app.sky.base import SkyView
from app.sky.placing import Wrap
from app.sky.sphere import FlatPicture, Panorama
from app.sky.standing import sky_to_world, world_direction

FRAME_WH = WIDTH, HEIGHT = 192, 110
CAMERA = Camera.from_fov(FRAME_WH, 60)
WHOLE = (0, HEIGHT)
COLOUR = Colour()


def turned(heading: float, elevation: float = 0.0, roll: float = 0.0) -> F64:
    """The rotation of a camera that looks there, in degrees."""
    return sky_to_world(Placement.model_construct(heading=heading, elevation=elevation, tilt=roll, scale=1.0))


def world(direction: F64) -> F64:
    """A smooth colour everywhere on the sphere, RGB float (..., 3) of directions (..., 3)."""
    x, y, z = np.moveaxis(direction / np.linalg.norm(direction, axis=-1, keepdims=True), -1, 0)
    red = 128 + 60 * np.sin(5 * x + 1) * np.cos(4 * z)
    green = 120 + 60 * np.cos(6 * y - 3 * x + 2)
    blue = 130 + 60 * np.sin(4 * (x + y - z))
    return np.stack([red, green, blue], axis=-1)


def rays(view: View, x: F64, y: F64) -> F64:
    """Directions in the world, float64 (..., 3), of pixels."""
    return np.stack([x, y, np.ones_like(x)], axis=-1) @ (view.rotation @ view.camera.inverse).T


class Drawn:
    """A panorama of `world`, opened."""

    def __init__(self, colour: Colour = COLOUR, picture_wh: tuple[int, int] = (4096, 2048)) -> None:
        self.panorama = Panorama(picture_wh, FRAME_WH, colour, most_width=8192)
        width, height = self.panorama.picture_wh
        azimuth, elevation = np.meshgrid(
            ((np.arange(width) + 0.5) / width - 0.5) * math.tau,
            (0.5 - (np.arange(height) + 0.5) / height) * math.pi,
        )
        level = np.cos(elevation)
        seen = np.stack([level * np.sin(azimuth), -np.sin(elevation), level * np.cos(azimuth)], axis=-1)
        rgb = np.rint(world(seen)).astype(np.uint8)
        self.texture = self.panorama.texture(planes_from_rgb(rgb, colour), colour.chroma_xy)

    def render(
        self,
        rotation: F64,
        placement: Placement = AS_IT_IS,
        rows: tuple[int, int] = WHOLE,
        camera: Camera = CAMERA,
    ) -> SkyView:
        return self.panorama.render(self.texture, View(camera, rotation), placement, None, rows)


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return Drawn()


VIEWS = {
    "ahead": turned(0),
    "the seam": turned(180),
    "beside the seam, rolled": turned(-171, 5, 33),
    "into the cap": turned(77, 44, -8),
    "the zenith": turned(20, 90),
    "near the zenith": turned(181, 83, 5),
    "the nadir": turned(-100, -88),
    "upside down": turned(12, -20, 0) @ rotation_from_vector(np.array([0, 0, math.pi])),
}


@pytest.mark.parametrize("name", VIEWS)
def test_every_pixel_sees_what_lies_along_its_ray(drawn: Drawn, name: str) -> None:
    planes = drawn.render(VIEWS[name]).planes
    view = View(CAMERA, VIEWS[name])
    matrix, offset = yuv_from_rgb(COLOUR)
    x, y = np.meshgrid(np.arange(WIDTH, dtype=float), np.arange(HEIGHT, dtype=float))
    luma = world(rays(view, x, y)) @ matrix[0] + offset[0]
    assert np.abs(planes.y - luma).max() <= 2.5
    at_x, at_y = COLOUR.chroma_xy
    half = slice(0, HEIGHT // 2), slice(0, WIDTH // 2)
    chroma = world(rays(view, 2 * x[half] + at_x, 2 * y[half] + at_y)) @ matrix[1:].T + offset[1:]
    assert np.abs(planes.u - chroma[..., 0]).max() <= 2.5
    assert np.abs(planes.v - chroma[..., 1]).max() <= 2.5


@pytest.mark.parametrize("siting", get_args(Siting))
def test_chroma_lies_where_the_frame_has_it(siting: Siting) -> None:
    colour = Colour("bt601", full_range=True, siting=siting)
    planes = Drawn(colour).render(turned(150, 40, 10)).planes
    matrix, offset = yuv_from_rgb(colour)
    x, y = np.meshgrid(
        *(2.0 * np.arange(n // 2) + at for n, at in zip(FRAME_WH, colour.chroma_xy, strict=True))
    )
    chroma = world(rays(View(CAMERA, turned(150, 40, 10)), x, y)) @ matrix[1:].T + offset[1:]
    assert np.abs(planes.u - chroma[..., 0]).mean() <= 0.6
    assert np.abs(planes.v - chroma[..., 1]).mean() <= 0.6


@pytest.mark.parametrize(
    "placement",
    [
        Placement(heading=50),
        Placement(elevation=25),
        Placement(tilt=-20),
        Placement(scale=2.0),
        Placement(heading=-120, elevation=10, scale=0.6, tilt=12),
    ],
)
def test_a_placed_sky_stands_there_for_every_view(drawn: Drawn, placement: Placement) -> None:
    middle = sky_to_world(placement) @ [0.0, 0.0, 1.0]
    heading, elevation = math.radians(placement.heading), math.radians(placement.elevation)
    level = math.cos(elevation)
    assert middle == pytest.approx(
        [level * math.sin(heading), -math.sin(elevation), level * math.cos(heading)]
    )
    for direction in np.random.default_rng(3).normal(size=(25, 3)):
        seen_at = world_direction(direction, placement)
        heading = math.degrees(math.atan2(seen_at[0], seen_at[2]))
        rotation = turned(heading, math.degrees(math.asin(-seen_at[1])), 7)
        assert rotation[:, 2] == pytest.approx(seen_at)
        rgb = rgb_from_planes(drawn.render(rotation, placement).planes, COLOUR)
        centre = rgb[HEIGHT // 2 - 1 : HEIGHT // 2 + 1, WIDTH // 2 - 1 : WIDTH // 2 + 1].mean(axis=(0, 1))
        assert centre == pytest.approx(world(direction), abs=6)


def test_scale_enlarges_what_is_in_the_middle_and_keeps_the_horizon_level() -> None:
    for placement in (Placement(scale=2.0), Placement(scale=0.5)):
        aside = math.radians(1)
        seen = world_direction(np.array([math.sin(aside), 0, math.cos(aside)]), placement)
        assert seen[1] == pytest.approx(0)
        assert math.atan2(seen[0], seen[2]) == pytest.approx(placement.scale * aside, rel=1e-3)
        assert world_direction(np.array([1.0, 0.0, 1.0]), placement)[1] == pytest.approx(0)


@pytest.mark.parametrize("rows", [(0, 64), (0, 2), (10, 38), (48, 110), (108, 110)])
@pytest.mark.parametrize("name", ["the seam", "near the zenith"])
def test_some_rows_are_those_of_the_whole(rows: tuple[int, int], name: str) -> None:
    whole, part = Drawn().render(VIEWS[name]), Drawn().render(VIEWS[name], rows=rows)
    for plane, partial, step in zip(whole.planes, part.planes, (1, 2, 2), strict=True):
        shown = slice(rows[0] // step, rows[1] // step)
        assert np.array_equal(plane[shown], partial[shown])
        assert not partial[: rows[0] // step].any() and not partial[rows[1] // step :].any()
    assert np.array_equal(whole.mean_rgb, part.mean_rgb)


@pytest.mark.parametrize("name", VIEWS)
def test_the_mean_colour_is_that_of_the_whole_view(drawn: Drawn, name: str) -> None:
    nothing = drawn.render(VIEWS[name], rows=(20, 20)).mean_rgb
    whole = drawn.render(VIEWS[name])
    assert np.array_equal(nothing, whole.mean_rgb)
    assert whole.mean_rgb == pytest.approx(rgb_from_planes(whole.planes, COLOUR).mean(axis=(0, 1)), abs=1.6)


@pytest.mark.parametrize(
    ("camera", "placement"), [(Camera.from_fov(FRAME_WH, 130), AS_IT_IS), (CAMERA, Placement(scale=0.25))]
)
def test_what_is_made_small_does_not_flicker(camera: Camera, placement: Placement) -> None:
    panorama = Panorama((4096, 2048), FRAME_WH, COLOUR, most_width=8192)
    width, height = panorama.picture_wh
    noise = np.random.default_rng(5).integers(0, 256, (height, width, 1), np.uint8).repeat(3, axis=2)
    texture = panorama.texture(planes_from_rgb(noise, COLOUR), COLOUR.chroma_xy)
    rows, columns = slice(HEIGHT // 2 - 20, HEIGHT // 2 + 20), slice(WIDTH // 2 - 20, WIDTH // 2 + 20)
    near, far = (
        panorama.render(texture, View(seen_by, turned(3)), at, None, WHOLE)
        .planes.y[rows, columns]
        .astype(float)
        for seen_by, at in ((CAMERA, AS_IT_IS), (camera, placement))
    )
    # Noise of single texels goes as texels are put together; without smaller copies it would stay.
    assert far.std() < 0.62 * near.std()
    assert far.mean() == pytest.approx(near.mean(), abs=5)


def test_a_turn_never_jumps(drawn: Drawn) -> None:
    last = None
    for step in range(0, 360, 3):
        luma = drawn.render(turned(step, 30 + 25 * math.sin(math.radians(step)))).planes.y.astype(int)
        assert np.abs(np.diff(luma, axis=0)).max() <= 8 and np.abs(np.diff(luma, axis=1)).max() <= 8
        if last is not None:
            assert np.abs(luma - last).max() <= 45
        last = luma


def waves(columns: F64, rows: F64, picture_wh: tuple[int, int], wrap: Wrap) -> F64:
    """A picture that closes on itself, or, mirrored, need not."""
    x = columns / picture_wh[0]
    across = np.sin(4 * math.pi * x) if wrap == "repeat" else 1.5 * x - 0.7
    return np.asarray(128 + 60 * across + 30 * np.cos(rows / 20), np.float64)


@pytest.mark.parametrize("wrap", get_args(Wrap))
@pytest.mark.parametrize("picture_wh", [(384, 220), (300, 200), (1000, 220)])
def test_a_flat_picture_goes_all_around_without_a_seam(picture_wh: tuple[int, int], wrap: Wrap) -> None:
    flat = FlatPicture(picture_wh, FRAME_WH, COLOUR, 0.5, wrap, most_texels=10**8, enlarge=True)
    width, height = flat.picture_wh
    columns, rows = np.meshgrid(np.arange(width, dtype=float), np.arange(height, dtype=float))
    grey = np.rint(waves(columns, rows, flat.picture_wh, wrap)).clip(0, 255).astype(np.uint8)
    texture = flat.texture(planes_from_rgb(grey[..., None].repeat(3, axis=2), COLOUR), COLOUR.chroma_xy)

    def luma(rotation: F64) -> F64:
        return flat.render(texture, View(CAMERA, rotation), AS_IT_IS, None, WHOLE).planes.y.astype(float)

    for step in range(0, 360, 4):
        seen = luma(turned(step))
        assert np.abs(np.diff(seen, axis=1)).max() <= 12
    for elevation in (60, 75, 90, -60, -90):
        seen = luma(turned(40, elevation))
        assert np.abs(np.diff(seen, axis=1)).max() <= 12 and np.abs(np.diff(seen, axis=0)).max() <= 12
    assert np.ptp(luma(turned(40, 90))) <= 2  # nothing whirls around the zenith


def test_a_flat_picture_lies_around_its_middle() -> None:
    flat = FlatPicture((1920, 1080), FRAME_WH, COLOUR, 0.5, "repeat", most_texels=10**8, enlarge=True)
    width, height = flat.picture_wh
    grey = np.full((height, width, 3), 40, np.uint8)
    grey[: height // 2, width // 2 :] = 220
    texture = flat.texture(planes_from_rgb(grey, COLOUR), COLOUR.chroma_xy)
    luma = flat.render(texture, View(CAMERA, turned(0)), AS_IT_IS, None, WHOLE).planes.y
    assert luma[: HEIGHT // 2 - 2, WIDTH // 2 + 2 :].min() > 150
    assert luma[HEIGHT // 2 + 2 :].max() < 100 > luma[:, : WIDTH // 2 - 2].max()
    # Where the picture says it is, that is where it is seen.
    assert flat.direction(0.5, 0.5) == pytest.approx([0, 0, 1])
    x, y, z = flat.direction(0.75, 0.4)
    assert math.degrees(math.atan2(x, z)) == pytest.approx(30, abs=0.5)
    assert y < 0
