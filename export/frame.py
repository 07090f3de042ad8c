"""The whole frame as one network: planes, sky and a few numbers in, the finished planes and alpha out.

What the live program's stages do to one frame (`app.matting`, the smoothing of `app.tracking`, the lookup of
`app.sky.texture` for skies in a plane, `app.blending`), written in torch for a fixed size. Left to others:
the camera's motion and all else that is remembered from frame to frame, which comes in through
`export.look.FrameLook`; streaks of rain, flakes of snow and their gamma, drawn over the finished planes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from export.blending import Planes, composed, halo_map, shaped, sky_behind
from export.certainty import found
from export.edges import cleaned
from export.grid import grid_for
from export.guided import guided_upsample
from export.look import PLACES
from export.network import STRIDE
from export.sampling import evened, rounded, shrink
from export.smoothing import smoothed

SMALLEST_SIDE = 32
"""The least width and height of a frame: two cells, and two of the smoothing's blocks."""


def network_size(size_wh: tuple[int, int], working_wh: tuple[int, int]) -> tuple[int, int]:
    """(width, height) of the network's input for frames of a size, as in `app.matting.stage`."""
    aspect = size_wh[0] / size_wh[1]
    height = (working_wh[0] * working_wh[1] / aspect) ** 0.5
    width, height = (max(1, round(length / STRIDE)) * STRIDE for length in (height * aspect, height))
    return width, height


class FrameNetwork(nn.Module):
    """One frame of `size_wh`, at least 32 pixels each way, through a matting network and all that follows.

    `forward` takes, and gives back, uint8 planes; see `export.frame_to_onnx` for what they are.
    """

    def __init__(self, matting: nn.Module, size_wh: tuple[int, int], working_wh: tuple[int, int]) -> None:
        super().__init__()
        if min(size_wh) < SMALLEST_SIDE:
            raise ValueError(f"frame of {size_wh[0]}x{size_wh[1]}: both sides are at least {SMALLEST_SIDE}")
        self.matting = matting
        self.size_wh = size_wh
        self.network_wh = network_size(size_wh, working_wh)
        self._grid = grid_for(size_wh)

    def forward(
        self,
        y: Tensor,
        u: Tensor,
        v: Tensor,
        sky_y: Tensor,
        sky_u: Tensor,
        sky_v: Tensor,
        rotation: Tensor,
        look: Tensor,
        prev_alpha: Tensor,
        prev_y: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """(out_y, out_u, out_v, alpha), uint8, and found (2,), float32."""
        part = {name: look[place] for name, place in PLACES.items()}
        width, height = self.size_wh
        luma, frame = y.float(), (evened(y.float()), u.float(), v.float())
        small, alpha = self._network_alpha((luma, *frame[1:]), part["matrix"])
        refined = guided_upsample(alpha, small, luma)
        better, *own = cleaned(*frame, evened(refined), self._grid)
        final = smoothed(
            better[:height, :width],
            luma,
            prev_alpha.float(),
            prev_y.float(),
            part["drift"],
            part["smoothing"],
        )
        sky = sky_behind((sky_y.float(), sky_u.float(), sky_v.float()), rotation, part, self.size_wh)
        share = evened(shaped(final, part["matte"]))
        halo = halo_map(sky, share, part, self._grid)
        made = composed((own[0], own[1], own[2]), sky, share, halo, part, self._grid)
        shown = [
            rounded(plane + part["trust"] * (over - plane)) for plane, over in zip(frame, made, strict=True)
        ]
        return (
            shown[0][:height, :width].to(torch.uint8),
            shown[1].to(torch.uint8),
            shown[2].to(torch.uint8),
            final.to(torch.uint8),
            found(alpha),
        )

    def _network_alpha(self, frame: Planes, matrix: Tensor) -> tuple[Tensor, Tensor]:
        """The luma and the network's alpha in [0, 1] at the network's size."""
        y, u, v = (shrink(plane, self.network_wh) for plane in frame)
        black, luma, red_v, green_u, green_v, blue_u = matrix[:6]
        grey, cb, cr = luma * (y - black), u - 128.0, v - 128.0
        rgb = torch.stack([grey + red_v * cr, grey + green_u * cb + green_v * cr, grey + blue_u * cb])
        return y, self.matting((rgb / 255.0).clamp(0.0, 1.0)[None])[0, 0]
