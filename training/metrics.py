"""How good an alpha is: sky IoU, wrong pixels, boundary IoU, false sky; pooled over pictures."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.uint8]

_BOUNDARY_SHARE = 0.02
"""Width of the boundary region as a share of the diagonal (Cheng et al., Boundary IoU, arXiv 2103.16562)."""


@dataclasses.dataclass(slots=True)
class Tally:
    """Pixel counts over pictures; add pictures with `add`, tallies with `+`, read the results as properties.

    Sky is alpha > 0.5, which for uint8 is > 127; only valid pixels count. A property is nan where nothing was
    counted.
    """

    pictures: int = 0
    overlap: int = 0
    union: int = 0
    wrong: int = 0
    counted: int = 0
    boundary_overlap: int = 0
    boundary_union: int = 0
    skyless_false: int = 0
    skyless_counted: int = 0

    def add(self, predicted: Array, alpha: Array, valid: Array) -> None:
        """Counts a picture: predicted and true alpha, and 255 where the truth is known; all uint8 (H, W)."""
        sky, truth, known = predicted > 127, alpha > 127, valid > 0
        self.pictures += 1
        self.overlap += int((sky & truth & known).sum())
        self.union += int(((sky | truth) & known).sum())
        self.wrong += int(((sky != truth) & known).sum())
        self.counted += int(known.sum())
        sky_edge, truth_edge = _boundary(sky), _boundary(truth)
        self.boundary_overlap += int((sky_edge & truth_edge & known).sum())
        self.boundary_union += int(((sky_edge | truth_edge) & known).sum())
        if not (truth & known).any():
            self.skyless_false += int((sky & known).sum())
            self.skyless_counted += int(known.sum())

    def __add__(self, other: Tally) -> Tally:
        sums = (getattr(self, f.name) + getattr(other, f.name) for f in dataclasses.fields(self))
        return Tally(*sums)

    @property
    def iou(self) -> float:
        """Pooled intersection over union of the sky."""
        return _share(self.overlap, self.union)

    @property
    def wrong_share(self) -> float:
        """Share of the known pixels on the wrong side."""
        return _share(self.wrong, self.counted)

    @property
    def boundary_iou(self) -> float:
        """Pooled IoU of the two masks' inner boundary regions."""
        return _share(self.boundary_overlap, self.boundary_union)

    @property
    def false_sky(self) -> float:
        """Share of the pixels called sky in pictures that show none."""
        return _share(self.skyless_false, self.skyless_counted)


def table(tallies: dict[str, Tally]) -> str:
    """A text table, one line per set and one for all pictures together."""
    rows = [*sorted(tallies.items()), ("all", sum(tallies.values(), Tally()))]
    lines = [f"{'set':18}{'pictures':>9}{'IoU':>8}{'wrong %':>9}{'boundary':>10}{'false sky %':>13}"]
    for name, tally in rows:
        lines.append(
            f"{name:18}{tally.pictures:9d}{tally.iou:8.4f}{100 * tally.wrong_share:9.2f}"
            f"{tally.boundary_iou:10.4f}{100 * tally.false_sky:13.2f}"
        )
    return "\n".join(lines)


def _boundary(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The part of a mask within the boundary width of its edge; the picture's border is no edge."""
    radius = max(1, round(_BOUNDARY_SHARE * float(np.hypot(*mask.shape))))
    filled = mask.astype(np.uint8)
    inner = cv2.erode(filled, np.ones((3, 3), np.uint8), iterations=radius)
    return np.asarray(mask & (inner == 0), np.bool_)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
