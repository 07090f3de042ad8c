"""What is evaluated: names, conditions, and pictures loaded when their turn comes."""

from pathlib import Path

import pytest

from training.cases import labelled_cases
from training.data import DataError, Sample, read_index


def test_names_lie_below_the_data_folder(tiny_data: Path) -> None:
    samples = read_index(tiny_data, "val")
    cases = labelled_cases(samples, tiny_data)
    assert [case.name.as_posix() for case in cases] == ["3.png", "4.png", "5.png"]
    assert cases[0].load().alpha.shape == (64, 96)
    with pytest.raises(DataError, match=r"3\.png: not below"):
        labelled_cases(samples, tiny_data / "elsewhere")


def test_pictures_outside_the_folder_are_refused(tiny_data: Path) -> None:
    outside = Sample("roads", "val", tiny_data / ".." / "x.png", tiny_data / "m.png", False)
    with pytest.raises(DataError, match="not below"):
        labelled_cases([outside], tiny_data)


def test_conditions_that_the_index_leaves_open(tiny_data: Path) -> None:
    def condition(stem: str, said: str) -> str:
        sample = Sample("ade20k_sky", "val", tiny_data / f"{stem}.jpg", tiny_data / "m.png", True, said)
        return labelled_cases([sample], tiny_data)[0].condition

    assert condition("ADE_val_00001300", "unknown") == "snow"
    assert condition("ADE_val_00000073", "unknown") == "overcast"
    assert condition("ADE_val_00000001", "unknown") == "day"
    assert condition("ADE_val_00001300", "night") == "night"
    assert condition("other", "unknown") == "unknown"
