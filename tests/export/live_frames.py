"""Frames through the live program's stages, and what a whole-frame file must be given to do the same."""

import dataclasses
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.blending.stage import BlendingStage
from app.camera import View
from app.config import Look, Matting, Tracker
from app.frame import F64, U8, Colour, Found, Frame, Planes
from app.matting.stage import MattingStage
from app.sky.base import SkyView
from app.sky.still import StillSky
from app.sky.texture import FlatPlane, Texture, _luma_from_chroma, plane_pose
from app.tracking.smoothing import smoothed
from app.tracking.stage import TrackingStage
from engines.base import Engine
from export.look import FrameLook

Feeds = dict[str, NDArray[Any]]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class LiveFrame:
    """What the file takes, and what came out of the live program: planes, alpha, and what was found."""

    feeds: Feeds
    planes: Planes
    alpha: U8
    found: Found


class _Watched:
    """A still sky in a plane that remembers how it was seen last."""

    def __init__(self, sky: StillSky) -> None:
        self.sky = sky
        self.view: View | None = None
        self.mean_rgb = np.zeros(3)

    def render(self, seconds: float, view: View, rows: tuple[int, int]) -> SkyView:
        drawn = self.sky.render(seconds, view, rows)
        self.view, self.mean_rgb = view, drawn.mean_rgb
        return drawn


def live_frames(
    pictures: Iterable[Planes], engine: Engine, sky: StillSky, look: Look, colour: Colour, monkeypatch: Any
) -> Iterator[LiveFrame]:
    """The frames of one shot, 25 a second."""
    drifts: list[tuple[F64, float]] = []

    def watched(*args: Any) -> U8:
        drifts.append(args[4:])
        return smoothed(*args)

    monkeypatch.setattr("app.tracking.stage.smoothed", watched)
    stages: tuple[MattingStage, TrackingStage, BlendingStage] | None = None
    last_alpha = last_y = np.zeros(0, np.uint8)
    behind = _Watched(sky)
    for index, planes in enumerate(pictures):
        if stages is None:
            size_wh, part = planes.size_wh, Matting()
            stages = (
                MattingStage(engine, size_wh, part.guide_radius, part.guide_eps),
                TrackingStage(Tracker(), size_wh),
                BlendingStage(behind, look, size_wh, colour),
            )
            last_alpha, last_y = np.zeros_like(planes.y), np.zeros_like(planes.y)
        matting, tracking, blending = stages
        drifts.clear()
        tracked = tracking.process(matting.process(Frame(planes, index, index, Fraction(1, 25), colour, 0)))
        finished = blending.process(tracked)
        back, strength = drifts[0] if drifts else (np.eye(3), 0.0)
        assert behind.view is not None
        rotation, sky_chroma_xy = _lookup(sky, behind.view, colour)
        scene, weather = blending._scene, look.weather
        haze_rgb = (behind.mean_rgb + behind.mean_rgb.mean()) / 2
        extinction = 3.0 * weather.fog**1.5 + 0.35 * weather.rain + 0.45 * weather.snow
        numbers = FrameLook(
            matrix=blending._matrix,
            chroma_xy=colour.chroma_xy,
            sky_chroma_xy=sky_chroma_xy,
            light=blending._light(look.light, behind.mean_rgb),
            halo=(look.halo.strength, look.halo.radius),
            matte=(look.matte.softness, look.matte.shift),
            haze=(scene.horizon, extinction, *blending._yuv(haze_rgb)),
            drift=(back - np.eye(3))[:2],
            smoothing=strength,
            trust=scene.trust,
        )
        feeds: Feeds = {
            **dict(zip("yuv", planes, strict=True)),
            **dict(zip(("sky_y", "sky_u", "sky_v"), sky._texture.planes, strict=True)),
            "rotation": rotation.astype(np.float32),
            "look": numbers.to_array(),
            "prev_alpha": last_alpha,
            "prev_y": last_y,
        }
        yield LiveFrame(feeds, finished.planes, tracked.alpha, tracked.found)
        last_alpha, last_y = tracked.alpha, planes.y


def _lookup(sky: StillSky, seen: View, colour: Colour) -> tuple[F64, F64]:
    """`rotation` and `sky_chroma_xy` of a sky in a plane."""
    backdrop, texture = sky._backdrop, sky._texture
    assert isinstance(backdrop, FlatPlane) and isinstance(texture, Texture)
    placing = backdrop.placing
    view = placing.texel_from_pixel(plane_pose(seen, sky.placement))
    copy = placing.copy_at(view)
    width, height = placing.texture_wh
    luma = placing.into_texture(copy, (width, height), placing.margin)
    chroma = placing.into_texture(copy, (width // 2, height // 2), placing.margin // 2)
    chroma = chroma @ np.linalg.inv(_luma_from_chroma(texture.chroma_xy)) @ np.linalg.inv(luma)
    return luma @ view, chroma[:2, 2]
