"""The frames of a scene, with the camera's true rotation and the sky's true alpha."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from app.colour import planes_from_rgb
from app.frame import F64, U8, Planes
from benchmarks.rotations.panorama import COLOUR, Panorama, find_sky, flattened, large, read_rgb
from benchmarks.rotations.scenes import CAMERA, FPS, Scene, Sky
from training.sequences import noisy

Matte = Callable[[Planes], U8]


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """A frame: its number on the source's clock, I420 planes, the sky's alpha, uint8 (H, W), and the rotation
    from the camera's coordinates to the world's, float64 (3, 3)."""

    index: int
    planes: Planes
    alpha: U8
    rotation: F64


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


def render(scene: Scene, count: int, panoramas: Panoramas) -> Iterator[Rendered]:
    """The scene's first `count` frames."""
    rng = np.random.default_rng(scene.path.seed)
    rotations = scene.path.rotations(np.arange(count) / FPS)
    panorama = panoramas.read(scene.panorama, scene.sky)
    for index, rotation in enumerate(rotations):
        planes, alpha = panorama.seen(CAMERA, rotation)
        yield Rendered(index, Planes(*(noisy(plane, scene.noise, rng) for plane in planes)), alpha, rotation)
