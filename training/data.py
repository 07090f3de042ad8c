"""The labelled pictures: reads `index.csv`, loads a picture with its mask, draws training samples by set."""

from __future__ import annotations

import csv
import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

DATA_VARIABLE = "SKYAR_DATA"
IGNORE = 128
"""The grey value of unlabelled pixels in masks of the `hard` kind; in `soft` masks it is a real alpha."""

SHARES: dict[str, float] = {
    "idd_lite": 0.18,
    "camvid": 0.11,
    "cityscapes_sub": 0.13,
    "ade20k_sky": 0.17,
    "labelmefacade": 0.03,
    "oasis_marine": 0.14,
    "indoor_neg": 0.07,
    "amos_daynight": 0.06,
    "tilde_webcam": 0.04,
    "opensky_full": 0.03,
    "carlascapes": 0.02,
    "neon_ground_neg": 0.01,
    "pseudo": 0.1,
}
"""Share of the training samples drawn from each set. Sets of few static cameras stay rare, or their cameras
are learnt by heart; road sets are few pictures but close to the use; sets not named here get
`OTHER_SHARE`."""
OTHER_SHARE = 0.02
CONDITION_FACTORS: dict[str, float] = {"night": 1.5, "fog": 3.0, "dusk": 1.5, "snow_ground": 2.0}
"""How much more often than by day a picture of its set is drawn: rare conditions are the hard ones."""
BAD_LABELS = frozenset(
    {
        "05june05_static_street_boston__p1010831",
        "spatial_envelope_256x256_static_8outdoorcategories__tallbuilding_city47",
        "static_outdoor_urban_city_street_boston__IMG_6569",
        "static_outdoor_urban_city_street_boston__IMG_6585",
    }
)
"""Pictures, named without ending, that are never drawn: whole trees or towers are labelled as sky."""


class DataError(Exception):
    """The labelled pictures cannot be found or read; the message names the path."""


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """One row of the index: where a labelled picture lies and what kind it is.

    `condition` is the light or weather: day, dusk, night, fog and so on; "unknown" where the index says none.
    """

    dataset: str
    split: str
    image: Path
    mask: Path
    soft: bool
    condition: str = "unknown"


@dataclasses.dataclass(frozen=True, slots=True)
class Picture:
    """A loaded picture with its truth.

    `image` is uint8 (H, W, 3) RGB; `alpha` uint8 (H, W), 255 = sky; `valid` uint8 (H, W), 255 = labelled.
    `soft`: the alpha is a matte with true partial values, so its edges can be trusted. `cut`, of pictures
    with hard labels: (alpha, valid) fine enough to cut the sky out and put another in its place.
    """

    image: NDArray[np.uint8]
    alpha: NDArray[np.uint8]
    valid: NDArray[np.uint8]
    soft: bool
    cut: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None


def data_root(argument: str | None) -> Path:
    """The folder of the labelled pictures: the argument or, without one, the environment variable's value."""
    value = argument or os.environ.get(DATA_VARIABLE)
    if not value:
        raise DataError(f"no labelled pictures: give --data DIR or set {DATA_VARIABLE}")
    return Path(value)


def check_writable(*files: Path | None) -> None:
    """Raises DataError for a file that could not be written where it is asked for; None is none."""
    for file in files:
        if file and (file.is_dir() or not file.resolve().parent.is_dir()):
            raise DataError(f"{file}: no file can be written there")


def read_index(root: Path, split: Literal["train", "val", "all"]) -> list[Sample]:
    """The samples of one split, in the order of `root/index.csv`; raises DataError where there is none."""
    samples = _read_rows(root / "index.csv")
    chosen = [sample for sample in samples if split in ("all", sample.split)]
    if not chosen:
        raise DataError(f"{root / 'index.csv'}: no pictures in split {split}")
    return chosen


def read_pseudo(root: Path) -> list[Sample]:
    """The samples of a folder whose mattes networks made: a set `pseudo`, only to be trained on.

    Where its index does not say `labels`, they are mattes.
    """
    return _read_rows(root / "index.csv", {"dataset": "pseudo", "split": "train"}, {"labels": "soft"})


def load_picture(sample: Sample, max_side: int | None = None) -> Picture:
    """The sample's picture and mask, reduced so that neither side exceeds `max_side` pixels."""
    image = cv2.imread(str(sample.image), cv2.IMREAD_COLOR)
    mask = cv2.imread(str(sample.mask), cv2.IMREAD_GRAYSCALE)
    if image is None or mask is None:
        raise DataError(f"{sample.image if image is None else sample.mask}: not a readable picture")
    if image.shape[:2] != mask.shape:
        raise DataError(f"{sample.mask}: {mask.shape} does not match its picture's {image.shape[:2]}")
    rgb = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
    alpha, valid = split_mask(np.asarray(mask, np.uint8), sample.soft)
    scale = 1.0 if max_side is None else max_side / max(mask.shape)
    if scale < 1.0:
        rgb, alpha, valid = (_reduce(plane, scale) for plane in (rgb, alpha, valid))
        valid = np.where(valid == 255, 255, 0).astype(np.uint8)
    return Picture(rgb, alpha, valid, sample.soft)


def split_mask(mask: NDArray[np.uint8], soft: bool) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(alpha, valid) of a stored mask: 128 is unlabelled in hard masks and an alpha in soft ones."""
    if soft:
        return mask, np.full_like(mask, 255)
    valid = np.where(mask == IGNORE, 0, 255).astype(np.uint8)
    return np.where(mask > IGNORE, 255, 0).astype(np.uint8), valid


def draw_weights(samples: Sequence[Sample]) -> NDArray[np.float64]:
    """The probability of drawing each sample: each set has its share, spread by condition."""
    factors = [
        0.0 if s.image.stem in BAD_LABELS else CONDITION_FACTORS.get(s.condition, 1.0) for s in samples
    ]
    totals: dict[str, float] = {}
    for sample, factor in zip(samples, factors, strict=True):
        totals[sample.dataset] = totals.get(sample.dataset, 0.0) + factor
    weights = np.array(
        [
            SHARES.get(s.dataset, OTHER_SHARE) * factor / max(totals[s.dataset], 1e-9)
            for s, factor in zip(samples, factors, strict=True)
        ]
    )
    return np.asarray(weights / weights.sum(), np.float64)


def load_skies(paths: Iterable[Path], max_side: int = 512) -> list[NDArray[np.uint8]]:
    """Pictures of nothing but sky, uint8 (H, W, 3) RGB, from picture files and folders of them."""
    files: list[Path] = []
    for path in paths:
        files += sorted(path.iterdir()) if path.is_dir() else [path]
    skies = []
    for file in files:
        sky = cv2.imread(str(file), cv2.IMREAD_COLOR)
        if sky is None:
            raise DataError(f"{file}: not a readable picture")
        rgb = np.asarray(cv2.cvtColor(sky, cv2.COLOR_BGR2RGB), np.uint8)
        skies.append(_reduce(rgb, min(1.0, max_side / max(sky.shape[:2]))))
    return skies


def cut_sky(picture: Picture) -> NDArray[np.uint8] | None:
    """The largest rectangle at the picture's upper side that is all sky, if a sixth of it or more."""
    ground = picture.alpha < 250
    heights = np.where(ground.any(axis=0), ground.argmax(axis=0), len(ground))
    best, box = 0, (0, 0, 0)
    for height in np.unique(heights):
        # the longest run of columns that reach at least so far down
        edges = np.flatnonzero(np.diff(np.concatenate([[0], heights >= height, [0]])))
        run = int(np.argmax(edges[1::2] - edges[::2]))
        left, right = int(edges[2 * run]), int(edges[2 * run + 1])
        if int(height) * (right - left) > best:
            best, box = int(height) * (right - left), (int(height), left, right)
    return picture.image[: box[0], box[1] : box[2]] if 6 * best >= ground.size else None


def _read_rows(
    path: Path,
    common: Mapping[str, str] = MappingProxyType({}),
    missing: Mapping[str, str] = MappingProxyType({}),
) -> list[Sample]:
    """The samples of an index; all rows share the columns `common`, `missing` holds those it may lack."""
    root = path.parent
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [{**missing, **row, **common} for row in csv.DictReader(file, restval="")]
        return [
            Sample(
                row["dataset"],
                row["split"],
                root / row["image"],
                root / row["mask"],
                _is_soft(row["labels"], path),
                row.get("condition") or "unknown",
            )
            for row in rows
        ]
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    except KeyError as error:
        raise DataError(f"{path}: no column {error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a CSV file ({error})") from error


def _reduce(picture: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    size_wh = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    return np.asarray(cv2.resize(picture, size_wh, interpolation=cv2.INTER_AREA), np.uint8)


def _is_soft(labels: str, path: Path) -> bool:
    if labels not in ("soft", "hard"):
        raise DataError(f"{path}: labels must be 'hard' or 'soft', not {labels!r}")
    return labels == "soft"
