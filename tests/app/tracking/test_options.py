import json
from pathlib import Path

import numpy as np
import pytest

from app import command
from app.errors import SkyLiveError
from app.options import Options, check_outputs
from app.user import Settings


@pytest.mark.parametrize(("words", "fov"), [("", 60.0), ("--fov 75.5", 75.5), ("--fov auto", "auto")])
def test_the_width_of_the_view_is_what_is_asked(words: str, fov: float | str) -> None:
    config, *_ = command.configured(command.parse_arguments(["demo", *words.split()]), Settings())
    assert config.tracking.fov == fov


@pytest.mark.parametrize("value", ["wide", "0", "14.9", "131", "nan"])
def test_a_width_out_of_range_is_refused(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        command.parse_arguments(["demo", "--fov", value])
    assert left.value.code == 2
    assert "--fov" in capsys.readouterr().err


def test_a_run_writes_a_line_for_each_frame(tmp_path: Path) -> None:
    file = tmp_path / "rotation.jsonl"
    words = ["demo", "--headless", "--size", "320x180", "--frames", "12", "--fov", "58"]
    assert command.main([*words, "--dump-tracking", str(file)]) == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["t"] for line in lines] == pytest.approx(np.arange(12) / 30, abs=1e-6)
    assert lines[0]["q"] == [1, 0, 0, 0]
    assert all(line["fov_deg"] == 58 and np.linalg.norm(line["q"]) == pytest.approx(1) for line in lines)
    assert [line["state"] for line in lines] == ["tracked"] * 12


def test_a_dump_is_not_written_over_something_else(tmp_path: Path) -> None:
    source = tmp_path / "clip.mkv"
    source.write_bytes(b"x")
    with pytest.raises(SkyLiveError, match="is the source itself"):
        check_outputs(Options(str(source), "golden_sunset", dump_tracking=source))
    with pytest.raises(SkyLiveError, match="its folder does not exist"):
        check_outputs(Options("demo", "golden_sunset", dump_tracking=tmp_path / "none" / "t.jsonl"))
    with pytest.raises(SkyLiveError, match="would be written twice"):
        check_outputs(Options("demo", "golden_sunset", stats=tmp_path / "a", dump_tracking=tmp_path / "a"))
