"""The frames of a scene, with the camera's true rotation and the sky's true alpha."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from app.colour import planes_from_rgb
from app.frame import F64, U8, Planes
from benchmarks.rotations import street
from benchmarks.rotations.obstacles import Dashboard, TruckSide
from benchmarks.rotations.panorama import COLOUR, Panorama, find_sky, flattened, large, read_rgb
from benchmarks.rotations.paths import turned
from benchmarks.rotations.scenes import CAMERA, FPS, Blank, Scene, Sky, times

Matte = Callable[[Planes], U8]

_BLANK_LEVEL = {"dark": 22, "fog": 190}


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """A frame: its number on the source's clock, I420 planes, and the sky's alpha, uint8 (H, W)."""

    index: int
    planes: Planes
    alpha: U8


class Panoramas:
    """The panoramas of a folder; where their sky is, is found once and kept in the cache folder."""

    def __init__(self, folder: Path, cache: Path, matte: Matte) -> None:
        """`matte` gives the alpha, uint8 (H, W), of an I420 picture."""
        self._folder = folder
        self._cache = cache
        self._matte = matte

    def read(self, name: str, sky: Sky) -> Panorama:
        """The panorama with the sky that is asked for; raises PanoramaError if it cannot be read."""
        rgb = large(read_rgb(self._folder / name))
        kept = self._cache / f"{name.replace('/', '_')}.sky.png"
        small = cv2.imread(str(kept), cv2.IMREAD_GRAYSCALE) if kept.is_file() else None
        if small is None:
            small = find_sky(rgb, self._matte)
            cv2.imwrite(str(kept), small)
        alpha = np.asarray(cv2.resize(small, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
        if sky == "flat":
            rgb = flattened(rgb, alpha)
        return Panorama(planes_from_rgb(rgb, COLOUR), alpha)


def rotations(scene: Scene, count: int) -> F64:
    """The truth: from the camera's coordinates to the world's, float64 (N, 3, 3), for the scene's frames."""
    return scene.path.rotations(times(scene.indices(count)))


def render(scene: Scene, count: int, panoramas: Panoramas) -> Iterator[Rendered]:
    """The scene's first `count` frames, less those that it drops."""
    cv2.setRNGSeed(scene.path.seed)
    indices = scene.indices(count)
    see = _far(scene, panoramas)
    if scene.place:
        see = _driven(scene, see)
    truck = TruckSide(scene.truck, seed=0) if scene.truck else None
    dashboard = Dashboard(CAMERA.size_wh, seed=0) if scene.dashboard else None
    for index, rotation in zip(indices, rotations(scene, count), strict=True):
        seconds = index / FPS
        planes, alpha = see(rotation, index)
        for obstacle in (truck, dashboard):
            if obstacle:
                planes, alpha = obstacle.before(planes, alpha, seconds)
        if scene.blank and scene.is_blank(seconds):
            planes, alpha = _blank(scene.blank)
        yield Rendered(index, Planes(*(_noisy(plane, scene.noise) for plane in planes)), alpha)


_See = Callable[[F64, int], tuple[Planes, U8]]
"""From a rotation, camera to world, and a frame's number to the picture and its alpha."""


def _far(scene: Scene, panoramas: Panoramas) -> _See:
    """What is far away: the scene's panoramas one after the other, before a drifting sky if it has one."""
    read: dict[int, Panorama] = {}
    clouds = panoramas.read(scene.drifting, "own") if scene.drifting else None

    def see(rotation: F64, index: int) -> tuple[Planes, U8]:
        part = scene.part(index / FPS)
        if part not in read:
            read.clear()
            read[part] = panoramas.read(scene.panoramas[part], scene.sky)
        planes, alpha = read[part].seen(CAMERA, rotation)
        if clouds:
            drifted = turned(np.array(index / CAMERA.focal_px), np.array(0.0), np.array(0.0))
            planes = _behind(planes, alpha, clouds.seen(CAMERA, drifted @ rotation)[0])
        return planes, alpha

    return see


def _driven(scene: Scene, far: _See) -> _See:
    """The road and what stands beside it, before what is far away."""
    assert scene.place
    surfaces = street.build(scene.place, scene.path.seed)
    seconds = np.arange(int(60 * FPS)) / FPS
    eyes = street.position(scene.path.yaw.at(seconds), seconds)

    def see(rotation: F64, index: int) -> tuple[Planes, U8]:
        return street.draw(surfaces, CAMERA, rotation, eyes[index], *far(rotation, index))

    return see


def _behind(planes: Planes, alpha: U8, sky: Planes) -> Planes:
    """The picture with another sky where its alpha says so."""
    half_wh = (planes.u.shape[1], planes.u.shape[0])
    small = np.asarray(cv2.resize(alpha, half_wh, interpolation=cv2.INTER_AREA), np.uint8)
    mixed = []
    for plane, behind, share in zip(planes, sky, (alpha, small, small), strict=True):
        part = share.astype(np.float32) / 255
        mixed.append(np.rint(plane * (1 - part) + behind * part).astype(np.uint8))
    return Planes(*mixed)


def _blank(kind: Blank) -> tuple[Planes, U8]:
    """Nothing but one level; no sky in the dark, nothing but sky in a fog."""
    width, height = CAMERA.size_wh
    grey = np.full((height // 2, width // 2), 128, np.uint8)
    luma = np.full((height, width), _BLANK_LEVEL[kind], np.uint8)
    return Planes(luma, grey, grey), np.full((height, width), 255 if kind == "fog" else 0, np.uint8)


def _noisy(plane: U8, deviation: float) -> U8:
    """The plane with normal noise; OpenCV draws it several times as fast as NumPy."""
    noise = np.empty(plane.shape, np.int8)
    cv2.randn(noise, 0.0, deviation)  # type: ignore[call-overload]
    return np.asarray(cv2.add(plane, noise, dtype=cv2.CV_8U), np.uint8)
