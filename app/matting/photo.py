"""The sky of a single photo."""

from fractions import Fraction
from pathlib import Path

from app.colour import planes_from_rgb
from app.config import ROOT, Matting
from app.frame import U8, Colour, Frame
from app.matting.stage import MattingStage
from engines.ort import OrtEngine

NETWORK = ROOT / "models" / "matte.onnx"
_COLOUR = Colour(full_range=True, siting="center")


def sky_of_photo(rgb: U8, network: Path = NETWORK, threads: int = 1) -> U8:
    """Alpha of a photo, uint8 (H, W), 255 = sky, found by the matting network on the CPU.

    rgb: uint8 (H, W, 3). Takes 0.1 to 0.5 s. Raises EngineError naming a network that cannot be run.
    """
    height, width = rgb.shape[:2]
    part = Matting()
    with OrtEngine(network, threads) as engine:
        stage = MattingStage(engine, (width, height), part.guide_radius, part.guide_eps)
        planes = planes_from_rgb(rgb, _COLOUR)
        for plane in planes:
            plane.setflags(write=False)  # as those of frames, for which the code is compiled
        return stage.process(Frame(planes, 0, 0, Fraction(1), _COLOUR, 0)).alpha
