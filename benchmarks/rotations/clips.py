"""Rendered scenes kept as files: H.264 pictures and lossless alpha in Matroska, the truth beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame

from app.frame import F64, U8, Frame, Planes
from app.recording.h264 import PictureBuffer
from benchmarks.rotations.panorama import COLOUR
from benchmarks.rotations.render import Panoramas, render
from benchmarks.rotations.scenes import CAMERA, FPS, Scene

_RENDERED_AS = 1
"""To be raised whenever the same scene would be rendered otherwise: old clips are then not found again."""


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A scene's clip: `count` frames and their rotations, float64 (count, 3, 3), camera to world."""

    scene: Scene
    file: Path
    rotations: F64

    def frames(self) -> Iterator[tuple[Frame, U8]]:
        """The frames as a source would give them, each with its true alpha, uint8 (H, W); read-only."""
        with av.open(str(self.file)) as pictures, av.open(str(self.file)) as alphas:
            both = zip(pictures.decode(video=0), alphas.decode(video=1), strict=True)
            for (picture, mask), _ in zip(both, self.rotations, strict=False):
                assert picture.pts is not None and picture.time_base is not None
                index = round(picture.pts * picture.time_base * FPS)
                planes = Planes(*(_plane(picture, number) for number in range(3)))
                yield Frame(planes, index, index, Fraction(1, FPS), COLOUR, 0), _plane(mask, 0)


def clip_of(scene: Scene, count: int, cache: Path, panoramas: Panoramas) -> Clip:
    """The scene's first `count` frames; rendered unless the cache folder has as many of them."""
    digest = hashlib.sha256(f"{_RENDERED_AS} {CAMERA} {scene!r}".encode()).hexdigest()[:10]
    file = cache / f"{scene.name}-{digest}.mkv"
    truth = file.with_suffix(".npz")
    if truth.is_file():
        with np.load(truth) as kept:
            if len(kept["rotations"]) >= count:
                return Clip(scene, file, kept["rotations"][:count])
    rotations = _write(scene, count, file, panoramas)
    np.savez(truth, rotations=rotations)
    return Clip(scene, file, rotations)


def _write(scene: Scene, count: int, file: Path, panoramas: Panoramas) -> F64:
    """Render and encode; the rotations, float64 (count, 3, 3)."""
    width, height = CAMERA.size_wh
    rotations = []
    with av.open(str(file), "w") as container:
        coded = {"preset": "veryfast", "crf": str(scene.crf), "g": str(2 * FPS), "threads": "1"}
        pictures = container.add_stream("libx264", rate=FPS, options=coded)
        pictures.width, pictures.height, pictures.pix_fmt = width, height, "yuv420p"
        pictures.codec_context.colorspace, pictures.codec_context.color_range = 1, 1
        alphas = container.add_stream("ffv1", rate=FPS)
        alphas.width, alphas.height, alphas.pix_fmt = width, height, "gray"
        buffer = PictureBuffer(CAMERA.size_wh, Fraction(1, FPS))
        for rendered in render(scene, count, panoramas):
            container.mux(pictures.encode(buffer.fill(rendered.planes, rendered.index, key=False)))
            mask = VideoFrame.from_ndarray(rendered.alpha, "gray")
            mask.pts, mask.time_base = rendered.index, Fraction(1, FPS)
            container.mux(alphas.encode(mask))
            rotations.append(rendered.rotation)
        container.mux(pictures.encode(None))
        container.mux(alphas.encode(None))
    return np.stack(rotations)


def _plane(frame: VideoFrame, number: int) -> U8:
    plane = frame.planes[number]
    view = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    samples = np.ascontiguousarray(view[:, : plane.width])
    samples.setflags(write=False)
    return samples
