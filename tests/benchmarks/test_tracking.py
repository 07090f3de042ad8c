import sys
from pathlib import Path

import pytest

from benchmarks import tracking
from benchmarks.rotations.scenes import scenes


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["tracking", *arguments])
    return tracking.main()


def test_lists_the_clips_of_a_kind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--list", "--only", "truck") == 0
    listed = capsys.readouterr().out.splitlines()
    assert len(listed) == 1 + sum(scene.kind == "truck" for scene in scenes()) > 3
    assert listed[-1].split() == ["trackers:", "identity", "SkyAR", "affine", "plain", "ours"]


def test_names_are_unlike_each_other() -> None:
    names = [scene.name for scene in scenes()]
    assert len(set(names)) == len(names)


def test_a_panorama_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    assert run(monkeypatch, "--skies", str(tmp_path), "--cache", str(cache), "--only", "pan") == 1
    assert "immenstadter_horn_1k_tonemapped.jpg" in capsys.readouterr().err


def test_needs_folders(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "--only", "pan")
    assert "--skies" in capsys.readouterr().err
