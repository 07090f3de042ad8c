"""Rendered scenes kept as files: H.264 pictures and lossless alpha in one Matroska file, and their truth."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from app.frame import F64, U8, Frame, Planes
from app.recording.h264 import PictureBuffer
from benchmarks.rotations.panorama import COLOUR
from benchmarks.rotations.render import Panoramas, render, rotations
from benchmarks.rotations.scenes import CAMERA, FPS, Scene, times

_RENDERED_AS = 1
"""To be raised whenever the same scene would be rendered otherwise: old clips are then not found again."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is true of a clip's N frames.

    `rotations`, float64 (N, 3, 3), take the camera's coordinates to the world's. `parts`, int (N,), counts
    the cuts before a frame; `seen`, bool (N,), says whether it shows anything.
    """

    rotations: F64
    parts: NDArray[np.int_]
    seen: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """The first frames of a scene's clip."""

    file: Path
    truth: Truth

    def frames(self) -> Iterator[tuple[Frame, U8]]:
        """The frames as a source would give them, each with its true alpha, uint8 (H, W); read-only."""
        with av.open(str(self.file)) as pictures, av.open(str(self.file)) as alphas:
            both = zip(pictures.decode(video=0), alphas.decode(video=1), strict=True)
            for picture, mask in islice(both, len(self.truth.rotations)):
                assert picture.pts is not None and picture.time_base is not None
                index = round(picture.pts * picture.time_base * FPS)
                planes = Planes(*(_plane(picture, number) for number in range(3)))
                yield Frame(planes, index, index, Fraction(1, FPS), COLOUR, 0), _plane(mask, 0)


def clip_of(scene: Scene, count: int, cache: Path, panoramas: Panoramas) -> Clip:
    """The scene's first `count` frames; rendered unless the cache folder has as many of them."""
    digest = hashlib.sha256(f"{_RENDERED_AS} {CAMERA} {scene!r}".encode()).hexdigest()[:10]
    found = {int(file.stem.rpartition("-")[2]): file for file in cache.glob(f"{scene.name}-{digest}-*.mkv")}
    longest = max(found, default=0)
    if longest < count:
        file = cache / f"{scene.name}-{digest}-{count}.mkv"
        unfinished = file.with_suffix(".part")
        _write(scene, count, unfinished, panoramas)
        unfinished.replace(file)
        for shorter in found.values():
            shorter.unlink()
    else:
        file = found[longest]
    return Clip(file, truth_of(scene, count))


def truth_of(scene: Scene, count: int) -> Truth:
    """The truth of the scene's first `count` frames."""
    seconds = times(scene.indices(count))
    return Truth(
        rotations(scene, count),
        np.array([scene.part(at) for at in seconds]),
        np.array([not scene.is_blank(at) for at in seconds]),
    )


def _write(scene: Scene, count: int, file: Path, panoramas: Panoramas) -> None:
    """Render and encode."""
    width, height = CAMERA.size_wh
    with av.open(str(file), "w", format="matroska") as container:
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
        container.mux(pictures.encode(None))
        container.mux(alphas.encode(None))


def _plane(frame: VideoFrame, number: int) -> U8:
    plane = frame.planes[number]
    view = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    samples = np.ascontiguousarray(view[:, : plane.width])
    samples.setflags(write=False)
    return samples
