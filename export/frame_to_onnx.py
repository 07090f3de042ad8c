"""Turns a matting network into a whole-frame file for one frame size.

The file's contract, for frames of W x H: inputs
- `y` (H, W), `u`, `v` (ceil(H/2), ceil(W/2)), uint8: the frame's planes;
- `sky_y` (2 h, 2 w), `sky_u`, `sky_v` (h, w), uint8, any h and w: the sky's planes with their margins
  (`app.sky.texture.Texture.planes`), in the frame's matrix and range;
- `rotation` (3, 3) float32: takes the frame's luma pixels (x, y, 1), pixel centres at integers, to texels of
  `sky_y`. It is what `app.sky.texture` looks a sky in a plane up by: from the first frame's pixels to the
  texture's, times the inverse of `plane_pose` of `Motion.view`;
- `look` (LOOK_LENGTH,) float32: `export.look.FrameLook`;
- `prev_alpha` and `prev_y` (H, W) uint8: the last frame's `alpha` and `y`; anything where smoothing is 0.

Outputs: `out_y`, `out_u`, `out_v` uint8, as `y`, `u`, `v`: the finished planes; `alpha` (H, W) uint8, 255 =
sky: the final alpha; `found` (2,) float32: the sky's share and the network's confidence, as in
`app.frame.Found`. Metadata: as in `export.to_onnx`, with frame = WxH and precision = that of the network.
"""

from __future__ import annotations

import io
import warnings

import numpy as np
import onnx
import onnx_ir
import torch
from onnx_ir.passes import common as passes
from onnxscript.optimizer import fold_constants
from torch import Tensor

from export.checkpoint import Origin
from export.frame import FrameNetwork
from export.look import FrameLook
from export.network import MattingNetwork
from export.to_onnx import OPSET, Precision, finished, metadata_of, typed

INPUTS = ("y", "u", "v", "sky_y", "sky_u", "sky_v", "rotation", "look", "prev_alpha", "prev_y")
OUTPUTS = ("out_y", "out_u", "out_v", "alpha", "found")
_TIDY = onnx_ir.passes.Sequential(
    passes.RemoveUnusedNodesPass(),
    passes.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
    passes.DeduplicateInitializersPass(),
    passes.CommonSubexpressionEliminationPass(),
    passes.RemoveUnusedNodesPass(),
)
_TRACED_SKY_HW = (40, 56)

# BT.709, limited range.
_RGB_FROM_YUV = np.array([[1.1644, 0.0, 1.7927], [1.1644, -0.2132, -0.5329], [1.1644, 2.1124, 0.0]])
_BUSY_LOOK = FrameLook(
    matrix=(16.0, *_RGB_FROM_YUV[[0, 0, 1, 1, 2], [0, 2, 1, 2, 1]], *np.linalg.inv(_RGB_FROM_YUV).ravel()),
    chroma_xy=(0.0, 0.5),
    sky_chroma_xy=(0.0, -0.25),
    light=(0.9, 5.0, 14.0, 11.0),
    halo=(0.5, 0.2),
    matte=(0.3, 0.1),
    haze=(0.5, 0.6, 180.0, 130.0, 125.0),
    drift=(0.0, 0.001, 0.3, -0.001, 0.0, 0.6),
    smoothing=0.6,
    trust=0.9,
)


def frame_to_onnx(
    network: MattingNetwork, origin: Origin, size_wh: tuple[int, int], precision: Precision = "float"
) -> onnx.ModelProto:
    """The whole-frame model that fulfils the contract above; ValueError for a frame that is too small."""
    frame = FrameNetwork(typed(network, precision), size_wh, network.spec.working_size_wh).eval()
    chroma, luma = {0: "sky_h", 1: "sky_w"}, {0: "2*sky_h", 1: "2*sky_w"}
    file = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        # Traced: fifteen times faster than by torch.export, which takes half a minute for so many operators.
        # All sizes but the sky's are constants.
        torch.onnx.export(
            frame,
            tuple(example(size_wh).values()),
            file,  # type: ignore[arg-type]
            dynamo=False,
            input_names=INPUTS,
            output_names=OUTPUTS,
            opset_version=OPSET,
            dynamic_axes={"sky_y": luma, "sky_u": chroma, "sky_v": chroma},
        )
    traced = onnx_ir.from_proto(onnx.load_from_string(file.getvalue()))
    fold_constants(traced)
    _TIDY(traced)
    model = onnx_ir.to_proto(traced)
    width, height = size_wh
    return finished(model, metadata_of(network, origin, precision) | {"frame": f"{width}x{height}"})


def example(size_wh: tuple[int, int], seed: int = 0) -> dict[str, Tensor]:
    """Made-up inputs for a frame size, in their order: noise, a turned sky, a look with something of all."""
    width, height = size_wh
    half = ((height + 1) // 2, (width + 1) // 2)
    sky_h, sky_w = _TRACED_SKY_HW
    shapes = {
        "y": (height, width),
        "u": half,
        "v": half,
        "sky_y": (2 * sky_h, 2 * sky_w),
        "sky_u": (sky_h, sky_w),
        "sky_v": (sky_h, sky_w),
        "prev_alpha": (height, width),
        "prev_y": (height, width),
    }
    rng = np.random.default_rng(seed)
    values = {name: torch.from_numpy(rng.integers(0, 256, shape, np.uint8)) for name, shape in shapes.items()}
    values["rotation"] = torch.tensor([[0.2, 0.01, 3.0], [-0.01, 0.2, 5.0], [0.0, 1e-5, 1.0]])
    values["look"] = torch.from_numpy(_BUSY_LOOK.to_array())
    return {name: values[name] for name in INPUTS}
