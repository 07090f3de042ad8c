"""What is evaluated: a picture with its truth that is loaded when its turn comes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path

from training.data import DataError, Picture, Sample, load_picture

_SEEN = {
    "overcast": "73 203 352 579 790 853 871 1294 1334 1388 1569 1790 1821 1871 1995",
    "snow": "1300 1355",
    "dusk": "2 945",
}
"""Conditions of ADE20K's validation pictures, whose index says none, by eye; the others are by day."""
_CONDITIONS = {
    f"ADE_val_{int(number):08d}": condition
    for condition, numbers in _SEEN.items()
    for number in numbers.split()
}


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """One picture to evaluate on.

    `name` is the picture's path below the data folder, or what one would be; `load` gives the same picture
    every time.
    """

    name: Path
    dataset: str
    condition: str
    load: Callable[[], Picture]


def labelled_cases(samples: Iterable[Sample], root: Path) -> list[Case]:
    """The cases of labelled pictures, which all lie below `root`."""
    return [_labelled_case(sample, root) for sample in samples]


def _labelled_case(sample: Sample, root: Path) -> Case:
    if not sample.image.is_relative_to(root) or ".." in sample.image.parts:
        raise DataError(f"{sample.image}: not below {root}")
    name = sample.image.relative_to(root)
    condition = sample.condition
    if condition == "unknown" and name.stem.startswith("ADE_val_"):
        condition = _CONDITIONS.get(name.stem, "day")
    return Case(name, sample.dataset, condition, lambda: load_picture(sample))
