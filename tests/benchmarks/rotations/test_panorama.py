import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.camera import Camera
from app.frame import F32, F64, U8, Planes
from benchmarks.rotations.panorama import (
    Panorama,
    PanoramaError,
    directions,
    find_sky,
    flattened,
    read_rgb,
)
from benchmarks.rotations.paths import turned

CAMERA = Camera.from_fov((320, 180), 60.0)
HEIGHT = 1024


def rotation(yaw_deg: float = 0.0, pitch_deg: float = 0.0, roll_deg: float = 0.0) -> F64:
    return turned(*(np.array(math.radians(angle)) for angle in (yaw_deg, pitch_deg, roll_deg)))


def ramps(rays: F32) -> F32:
    """Luma that tells a direction: different along each axis."""
    return np.asarray(128 + 60 * rays[..., 0] + 35 * rays[..., 1] + 12 * rays[..., 2], np.float32)


def panorama_of(luma: F32) -> Panorama:
    y = np.rint(luma).astype(np.uint8)
    u = np.rint(luma[::2, ::2]).astype(np.uint8)
    return Panorama(Planes(y, u, u), y)


def spots(*ways: F64) -> Panorama:
    """Round bright spots in some directions, half a degree wide."""
    rays = directions(HEIGHT)
    luma = np.full(rays.shape[:2], 20.0, np.float32)
    for way in ways:
        apart = np.arccos(np.clip(rays @ (way / np.linalg.norm(way)), -1, 1))
        luma += 200 * np.exp(-((apart / math.radians(0.5)) ** 2) / 2)
    return panorama_of(luma)


def centroid(luma: U8, near: F64) -> F64:
    column, row = (round(float(part)) for part in near)
    rows, columns = np.mgrid[row - 12 : row + 13, column - 12 : column + 13]
    weight = luma[rows, columns].astype(float) - 20
    weight[weight < 4] = 0
    return np.asarray(np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum(), np.float64)


@pytest.mark.parametrize(
    "angles", [(0, 0, 0), (40, 10, 0), (180, 20, 5), (-90, 60, -30), (10, 88, 0), (5, -89.5, 45)]
)
def test_every_pixel_shows_what_lies_along_its_ray(angles: tuple[float, float, float]) -> None:
    panorama = panorama_of(ramps(directions(HEIGHT)))
    planes, alpha = panorama.seen(CAMERA, rotation(*angles))
    columns, rows = np.meshgrid(np.arange(320), np.arange(180))
    pixels = np.stack([columns, rows, np.ones_like(rows)], axis=-1)
    rays = pixels @ (rotation(*angles) @ CAMERA.inverse).T
    expected = ramps((rays / np.linalg.norm(rays, axis=-1, keepdims=True)).astype(np.float32))
    # Both the panorama and the picture are rounded.
    np.testing.assert_allclose(planes.y, expected, atol=1.01)
    np.testing.assert_array_equal(alpha, planes.y)
    np.testing.assert_allclose(planes.u, expected[::2, ::2], atol=2.5)


@pytest.mark.parametrize("start", [(0, 10, 0), (179, 25, 3)])
def test_spots_move_by_the_rotations_homography(start: tuple[float, float, float]) -> None:
    first, second = rotation(*start), rotation(start[0] + 5, start[1] - 4, start[2] + 9)
    panorama = spots(first @ [0.1, -0.05, 1.0], first @ [-0.05, 0.1, 1.0])
    before, after = (panorama.seen(CAMERA, turn)[0].y for turn in (first, second))
    homography = CAMERA.matrix @ second.T @ first @ CAMERA.inverse
    for x, y in ((0.1, -0.05), (-0.05, 0.1)):
        place = CAMERA.matrix @ [x, y, 1.0]
        np.testing.assert_allclose(centroid(before, place[:2]), place[:2], atol=0.03)
        moved = homography @ place
        np.testing.assert_allclose(centroid(after, moved[:2] / moved[2]), moved[:2] / moved[2], atol=0.03)


def test_chroma_lies_where_its_siting_says() -> None:
    panorama = spots(np.array([0.05, 0.02, 1.0]))
    planes, _ = panorama.seen(CAMERA, np.eye(3))
    place = (CAMERA.matrix @ [0.05, 0.02, 1.0])[:2]
    seen = centroid(planes.u, place / 2)
    # The panorama's own chroma is its luma at even texels, half a chroma texel up and left of the middle.
    texel_px = CAMERA.focal_px * math.pi / HEIGHT
    np.testing.assert_allclose(2 * seen + [0.0, 0.5], place + 0.5 * texel_px, atol=0.1)


def test_sky_is_found_in_views_all_around() -> None:
    def above_the_horizon(planes: Planes) -> U8:
        return np.where(planes.y > 100, 255, 0).astype(np.uint8)

    rgb = np.zeros((512, 1024, 3), np.uint8)
    rgb[:240] = 200
    rgb[:, 300:340] = 0
    found = find_sky(rgb, above_the_horizon)
    assert found.shape == (1024, 2048)
    assert (found[:470] == 255).mean() > 0.94
    assert (found[100:470, 605:675] == 0).all()
    assert (found[490:] == 0).all()


def test_flat_sky_keeps_the_land_and_has_no_texture() -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (64, 128, 3)).astype(np.uint8)
    alpha = np.zeros((64, 128), np.uint8)
    alpha[:30] = 255
    flat = flattened(rgb, alpha)
    assert (flat[30:] == rgb[30:]).all()
    assert (flat[:30] == flat[:30, :1]).all()
    assert np.abs(np.diff(flat[:30, 0].astype(int), axis=0)).max() <= 4


def test_a_cube_map_points_where_its_faces_do(tmp_path: Path) -> None:
    side = 16
    faces = np.zeros((6 * side, side, 4), np.uint8)
    faces[..., 3] = 128 + 4
    for number in range(6):
        faces[number * side : (number + 1) * side, :, :3] = 40 * (number + 1)
    path = tmp_path / "a.cube.rgbe8.png"
    cv2.imwrite(str(path), faces)
    rgb = read_rgb(path)[..., 0].astype(int)
    height, width = rgb.shape
    right, up, back, ahead = (
        rgb[height // 2, 3 * width // 4],
        rgb[0, 0],
        rgb[height // 2, 0],
        rgb[height // 2, width // 2],
    )
    left, down = rgb[height // 2, width // 4], rgb[-1, 0]
    assert right < left < up < down < back < ahead


def test_a_missing_panorama_is_named(tmp_path: Path) -> None:
    with pytest.raises(PanoramaError, match=r"no\.jpg"):
        read_rgb(tmp_path / "no.jpg")
