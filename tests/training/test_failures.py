"""The sheet of failures: pictures of our own with their truth, changed as they say."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from training import failures
from training.failures import failure_cases, main


def test_kinds_differ_from_the_plain_walk_and_keep_its_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "_TRIES", 2)
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


def test_sheet_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "_TRIES", 1)
    assert main([str(tmp_path / "sheet.png")]) == 0
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None and sheet.shape[1] > 3 * sheet.shape[0]


def test_no_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "missing" / "sheet.png")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
