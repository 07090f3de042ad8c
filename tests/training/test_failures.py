"""The sheet of failures: pictures of our own with their truth, changed as they say."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.scenes import demo_layers
from training import failures
from training.cutouts import render_cutouts
from training.failures import failure_cases, main


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two small pictures of each kind, with few cutouts to choose from."""
    monkeypatch.setattr(failures, "_TRIES", 2)
    monkeypatch.setattr(failures, "_SIZE_WH", (320, 180))
    monkeypatch.setattr(failures, "build_layers", demo_layers)
    monkeypatch.setattr(failures, "render_cutouts", lambda count, rng: render_cutouts(count // 4, rng))


def test_kinds_differ_from_the_plain_walk_and_keep_its_truth() -> None:
    kinds = failure_cases()
    plain = [case.load() for case in kinds["demo"]]
    assert len(kinds) == 6
    for kind, cases in kinds.items():
        for case, before in zip(cases, plain, strict=True):
            picture = case.load()
            assert case.condition == kind and picture.image.shape == before.image.shape
            assert 0.02 < (picture.alpha > 127).mean() < 0.9
            if kind != "branches and wires":
                np.testing.assert_array_equal(picture.alpha, before.alpha)
        changed = [np.any(c.load().image != p.image) for c, p in zip(cases, plain, strict=True)]
        assert any(changed) == (kind != "demo")


def test_sheet_is_written(tmp_path: Path) -> None:
    assert main([str(tmp_path / "sheet.png")]) == 0
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None and sheet.shape[1] > 3 * sheet.shape[0]


def test_no_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "missing" / "sheet.png")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
