"""The stages a frame meets, built for one source and made ready."""

from dataclasses import dataclass, replace

import numpy as np

from app.blending.stage import BlendingStage
from app.capture.source import SourceInfo
from app.config import Config, Look
from app.frame import Frame, Planes
from app.matting.stage import MattingStage
from app.sky.player import SkyPlayer
from app.tracking.stage import TrackingStage
from engines.base import Engine


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages a frame meets, in their order."""

    matting: MattingStage
    tracking: TrackingStage
    blending: BlendingStage

    def warm_up(self, info: SourceInfo) -> None:
        """Run a made-up half-sky picture through all stages, so that all code is compiled; then forget it."""
        width, height = info.size_wh
        noise = np.random.default_rng(0).integers(0, 256, (height, width), np.uint8)
        chroma = np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)
        alpha = np.zeros_like(noise)
        alpha[: height // 2] = 255
        alpha[height // 2] = 128
        for array in (noise, chroma, alpha):
            array.setflags(write=False)
        for index in range(2):
            frame = Frame(Planes(noise, chroma, chroma), index, index, 1 / info.fps, info.colour, 0)
            matted = replace(self.matting.process(frame), alpha=alpha)
            self.blending.process(replace(self.tracking.process(matted), alpha=alpha))
        self.tracking.reset()
        self.blending.reset()


def build_stages(engine: Engine, player: SkyPlayer, info: SourceInfo, config: Config, look: Look) -> Stages:
    """The stages for one source."""
    part = config.matting
    return Stages(
        MattingStage(engine, info.size_wh, part.guide_radius, part.guide_eps),
        TrackingStage(config.tracking, info.size_wh, info.fov_deg),
        BlendingStage(player, look, info.size_wh, info.colour),
    )
