"""Frame -> Matted: makes the frame small, runs the network, brings its alpha to the frame's size."""

import numpy as np

from app.colour import rgb_from_yuv
from app.frame import F32, F64, U8, Frame, Matted, Planes
from app.grid import grid_for
from app.jit import jit
from app.matting.certainty import look_at
from app.matting.foreground import EdgeFinder
from app.matting.guided import guided_upsample
from app.shrink import shrink
from engines.base import Engine, EngineError, TensorSpec

STRIDE = 32
"""The network's input has multiples of this as width and height."""


def network_size(frame_wh: tuple[int, int], working_wh: tuple[int, int]) -> tuple[int, int]:
    """(width, height) for the network: multiples of 32, the frame's aspect, about the working size's area."""
    aspect = frame_wh[0] / frame_wh[1]
    height = (working_wh[0] * working_wh[1] / aspect) ** 0.5
    return _nearest_multiple(height * aspect), _nearest_multiple(height)


def _nearest_multiple(length: float) -> int:
    return max(1, round(length / STRIDE)) * STRIDE


class MattingStage:
    """Finds the sky in each frame by itself; remembers nothing.

    The network takes `image` float32 (1, 3, H, W), RGB in [0, 1]; its first output is `alpha` float32
    (1, 1, H, W), 1 = sky; its metadata holds `size`, the working size "WIDTHxHEIGHT" for 16:9. Raises
    EngineError, naming the file, for any other. One thread at a time may call `process`.
    """

    def __init__(self, engine: Engine, size_wh: tuple[int, int], guide_radius: int, guide_eps: float) -> None:
        self._engine = engine
        self._guide_radius = guide_radius
        self._guide_eps = guide_eps
        self._network_wh = network_size(size_wh, working_size(engine))
        self._edges = EdgeFinder(grid_for(size_wh))
        width, height = self._network_wh
        self._image = np.empty((1, 3, height, width), np.float32)
        _check_tensors(engine, self._network_wh)

    def process(self, frame: Frame) -> Matted:
        """The frame with its alpha, edges following its colours; 0 everywhere where no sky is found."""
        small = Planes(*(shrink(plane, self._network_wh) for plane in frame.planes))
        _fill_image(*small, *rgb_from_yuv(frame.colour), self._image)
        alpha = self._engine.infer({"image": self._image})["alpha"][0, 0]
        refined = guided_upsample(alpha, small.y, frame.planes.y, self._guide_radius, self._guide_eps)
        better, foreground = self._edges.find(frame.planes, refined)
        return Matted(frame, better, foreground, look_at(alpha))


def working_size(engine: Engine) -> tuple[int, int]:
    """(width, height) from the network's metadata; raises EngineError when it has none."""
    text = engine.metadata.get("size", "")
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise EngineError(f"{engine.path}: metadata size is {text!r}; expected WIDTHxHEIGHT such as 384x224")
    return int(width), int(height)


def _check_tensors(engine: Engine, size_wh: tuple[int, int]) -> None:
    width, height = size_wh
    inputs, outputs = list(engine.inputs.items()), list(engine.outputs.items())
    if (
        len(inputs) != 1
        or not _is(inputs[0], "image", (1, 3, height, width))
        or not _is(outputs[0], "alpha", (1, 1, height, width))
    ):
        found = ", ".join(f"{name} {spec}" for name, spec in inputs + outputs)
        raise EngineError(
            f"{engine.path}: not a matting network: it has {found}; expected one input image float32"
            f" 1x3x{height}x{width} and a first output alpha float32 1x1x{height}x{width} (or free sizes)"
        )


def _is(tensor: tuple[str, TensorSpec], name: str, shape: tuple[int, ...]) -> bool:
    return tensor[0] == name and tensor[1].dtype == np.float32 and tensor[1].accepts(shape)


@jit
def _fill_image(y: U8, u: U8, v: U8, matrix: F64, offset: F64, image: F32) -> None:
    """RGB in [0, 1] into image (1, 3, h, w) from planes that are all (h, w)."""
    m = (matrix / 255.0).astype(np.float32)
    luma_scale, red_v, green_u, green_v, blue_u = m[0, 0], m[0, 2], m[1, 1], m[1, 2], m[2, 1]
    black, grey = np.float32(offset[0]), np.float32(128)
    for row in range(y.shape[0]):
        ys, us, vs = y[row], u[row], v[row]
        red, green, blue = image[0, 0, row], image[0, 1, row], image[0, 2, row]
        for i in range(ys.shape[0]):
            luma = luma_scale * (np.float32(ys[i]) - black)
            cb, cr = np.float32(us[i]) - grey, np.float32(vs[i]) - grey
            red[i] = _unit(luma + red_v * cr)
            green[i] = _unit(luma + green_u * cb + green_v * cr)
            blue[i] = _unit(luma + blue_u * cb)


@jit
def _unit(value: np.float32) -> np.float32:
    return min(max(value, np.float32(0)), np.float32(1))
