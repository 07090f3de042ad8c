"""What a whole-frame file is told about each frame beside its pictures: its input `look`.

Needs NumPy alone, so that a program without torch can fill it in.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray

F32 = NDArray[np.float32]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class FrameLook:
    """The numbers that the live program computes once per frame; in the array they lie in this order.

    matrix (15): black, luma, red_v, green_u, green_v, blue_u of RGB = f(YUV), then the rows Y, U and V of its
    inverse: `app.blending.kernels.Matrix`.
    chroma_xy (2): where the frame's chroma sample (0, 0) lies, in luma pixels.
    sky_chroma_xy (2): a luma texel's place / 2 + this is its place among the sky's chroma samples.
    light (4): gain, y, u, v of the foreground's light in levels: `app.blending.kernels.Affine`.
    halo (2): strength in [0, 1], width of the blur as a share of the picture's.
    matte (2): softness in [0, 1] and shift in [-1, 1] of `app.config.Matte`.
    haze (5): the horizon in picture heights from the top, extinction (0 = none), and the haze's Y, U and V.
    drift (6): the upper two rows of the homography that takes luma pixels of this frame to the last one,
    less the identity: `back` of `app.tracking.smoothing.smoothed`.
    smoothing (1): largest weight of the last alpha; 0 = the last frame is not looked at.
    trust (1): how far the matte is believed; the frame itself has the rest of the finished picture.
    """

    matrix: ArrayLike
    chroma_xy: ArrayLike
    sky_chroma_xy: ArrayLike
    light: ArrayLike
    halo: ArrayLike
    matte: ArrayLike
    haze: ArrayLike
    drift: ArrayLike
    smoothing: ArrayLike
    trust: ArrayLike

    def to_array(self) -> F32:
        """The numbers as the file takes them, float32 (LOOK_LENGTH,); ValueError where a count is wrong."""
        parts = []
        for name, place in PLACES.items():
            numbers = np.ravel(np.asarray(getattr(self, name), np.float32))
            if len(numbers) != place.stop - place.start:
                raise ValueError(f"look: {name} has {len(numbers)} numbers, not {place.stop - place.start}")
            parts.append(numbers)
        return np.concatenate(parts)


def _places(**counts: int) -> dict[str, slice]:
    ends = np.cumsum(list(counts.values())).tolist()
    return {name: slice(end - count, end) for (name, count), end in zip(counts.items(), ends, strict=True)}


PLACES = _places(
    matrix=15,
    chroma_xy=2,
    sky_chroma_xy=2,
    light=4,
    halo=2,
    matte=2,
    haze=5,
    drift=6,
    smoothing=1,
    trust=1,
)
"""Where each part lies in the array."""

LOOK_LENGTH = max(place.stop for place in PLACES.values())
