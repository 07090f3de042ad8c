"""How good an alpha is: sky IoU, wrong pixels, boundary IoU, false sky; MAD, MSE and Grad of soft mattes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.uint8]

_BOUNDARY_SHARE = 0.02
"""Width of the boundary region as a share of the diagonal (Cheng et al., Boundary IoU, arXiv 2103.16562)."""

_GRAD_SIGMA = 1.4
"""Of the Gaussian whose derivatives the gradient error takes (Rhemann et al. 2009)."""


@dataclasses.dataclass(slots=True)
class Tally:
    """Counts over pictures; add pictures with `add`, tallies with `+`, read the results as properties.

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
    sky_pictures: int = 0
    iou_sum: float = 0.0
    soft_pictures: int = 0
    mad_sum: float = 0.0
    mse_sum: float = 0.0
    grad_sum: float = 0.0

    def add(self, predicted: Array, alpha: Array, valid: Array, soft: bool = False) -> None:
        """Counts a picture: predicted and true alpha, and 255 where the truth is known; all uint8 (H, W).

        `soft`: the true alpha has partial values, so MAD, MSE and Grad mean something.
        """
        sky, truth, known = predicted > 127, alpha > 127, valid > 0
        overlap, union = int((sky & truth & known).sum()), int(((sky | truth) & known).sum())
        self.pictures += 1
        self.overlap += overlap
        self.union += union
        self.wrong += int(((sky != truth) & known).sum())
        self.counted += int(known.sum())
        # Where the truth is unknown, both are alike: the rim of such a region is no fault.
        sky_edge, truth_edge = _boundary(np.where(known, sky, truth)), _boundary(truth)
        self.boundary_overlap += int((sky_edge & truth_edge & known).sum())
        self.boundary_union += int(((sky_edge | truth_edge) & known).sum())
        if (truth & known).any():
            self.sky_pictures += 1
            self.iou_sum += overlap / union
        else:
            self.skyless_false += int((sky & known).sum())
            self.skyless_counted += int(known.sum())
        if soft:
            difference = (predicted.astype(np.float32) - alpha) / np.float32(255.0)
            self.soft_pictures += 1
            self.mad_sum += float(np.abs(difference).mean())
            self.mse_sum += float(np.square(difference).mean())
            self.grad_sum += gradient_error(predicted, alpha)

    def __add__(self, other: Tally) -> Tally:
        sums = (getattr(self, f.name) + getattr(other, f.name) for f in dataclasses.fields(self))
        return Tally(*sums)

    @property
    def iou(self) -> float:
        """Pooled intersection over union of the sky."""
        return _share(self.overlap, self.union)

    @property
    def mean_iou(self) -> float:
        """Mean over the pictures that show sky of each one's IoU."""
        return _share(self.iou_sum, self.sky_pictures)

    @property
    def wrong_share(self) -> float:
        """Share of the known pixels on the wrong side: MCR."""
        return _share(self.wrong, self.counted)

    @property
    def boundary_iou(self) -> float:
        """Pooled IoU of the two masks' inner boundary regions; the picture's border is an edge, too."""
        return _share(self.boundary_overlap, self.boundary_union)

    @property
    def false_sky(self) -> float:
        """Share of the pixels called sky in pictures that show none."""
        return _share(self.skyless_false, self.skyless_counted)

    @property
    def mad(self) -> float:
        """Mean absolute difference of alpha in [0, 1], mean over soft pictures."""
        return _share(self.mad_sum, self.soft_pictures)

    @property
    def mse(self) -> float:
        """Mean squared difference of alpha in [0, 1], mean over soft pictures."""
        return _share(self.mse_sum, self.soft_pictures)

    @property
    def grad(self) -> float:
        """Gradient error in thousands, mean over soft pictures; it grows with the picture's size."""
        return _share(self.grad_sum, self.soft_pictures)


def gradient_error(predicted: Array, alpha: Array) -> float:
    """Grad of Rhemann et al. 2009 over the whole picture, in thousands, of two alphas uint8 (H, W).

    The sum of squared differences between the magnitudes of both alphas' gradients, by first derivatives of a
    Gaussian of sigma 1.4 whose filters have the norm 1, as the field's evaluation programs have them.
    """
    ours, true = (_gradient(plane.astype(np.float32) / np.float32(255.0)) for plane in (predicted, alpha))
    return float(np.square(ours - true).sum()) / 1000.0


def table(tallies: Mapping[str, Tally]) -> str:
    """A text table, one line per name and one for all pictures together."""
    rows = [*sorted(tallies.items()), ("all", sum(tallies.values(), Tally()))]
    return "\n".join([heading("set"), *(line(*row) for row in rows)])


def heading(of: str) -> str:
    """The heading above `line`s; `of` says what their names are."""
    return (
        f"{of:26}{'pictures':>9}{'IoU':>8}{'mean IoU':>9}{'wrong %':>9}{'boundary':>9}{'false sky %':>12}"
        f"{'MAD e-3':>9}{'MSE e-3':>9}{'Grad':>8}"
    )


def line(name: str, tally: Tally) -> str:
    """The numbers of one tally as a line of a table; - where nothing was counted."""
    cells = (
        (tally.iou, 8, 4),
        (tally.mean_iou, 9, 4),
        (100 * tally.wrong_share, 9, 2),
        (tally.boundary_iou, 9, 4),
        (100 * tally.false_sky, 12, 2),
        (1000 * tally.mad, 9, 2),
        (1000 * tally.mse, 9, 2),
        (tally.grad, 8, 3),
    )
    texts = (
        f"{'-':>{width}}" if np.isnan(value) else f"{value:{width}.{digits}f}"
        for value, width, digits in cells
    )
    return f"{name:26}{tally.pictures:9d}" + "".join(texts)


def _boundary(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The part of a mask within the boundary width of its edge; the picture's border is an edge as well."""
    radius = max(1, round(_BOUNDARY_SHARE * float(np.hypot(*mask.shape))))
    padded = np.pad(mask.astype(np.uint8), 1)
    inner = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=radius)[1:-1, 1:-1]
    return np.asarray(mask & (inner == 0), np.bool_)


def _gradient(alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """Magnitude of the gradient."""
    smooth, slope = _gaussian_filters()
    x = cv2.sepFilter2D(alpha, cv2.CV_32F, slope, smooth, borderType=cv2.BORDER_REPLICATE)
    y = cv2.sepFilter2D(alpha, cv2.CV_32F, smooth, slope, borderType=cv2.BORDER_REPLICATE)
    return np.hypot(x, y).astype(np.float32)


@cache
def _gaussian_filters() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A Gaussian and its derivative, each of norm 1, cut where the Gaussian falls below a hundredth."""
    height = np.sqrt(2 * np.pi) * _GRAD_SIGMA * 0.01
    radius = int(np.ceil(_GRAD_SIGMA * np.sqrt(-2 * np.log(height))))
    x = np.arange(-radius, radius + 1, dtype=np.float64)
    smooth = np.exp(-(x**2) / (2 * _GRAD_SIGMA**2))
    slope = x * smooth
    return smooth / np.linalg.norm(smooth), slope / np.linalg.norm(slope)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
