"""What is evaluated: a picture with its truth that is loaded when its turn comes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path

from training.data import DataError, Picture, Sample, load_picture


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
    return Case(name, sample.dataset, sample.condition, lambda: load_picture(sample))
