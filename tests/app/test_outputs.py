import json
from pathlib import Path

import pytest

from app.errors import RecordError, SkyLiveError
from app.outputs import Recording, write_json


class Unfinishable:
    """Stands for a recorder whose file cannot be finished."""

    def close(self) -> None:
        raise RecordError("out.mkv: Input/output error")


def test_a_recording_that_cannot_be_finished_is_told(caplog: pytest.LogCaptureFixture) -> None:
    recording = Recording(Unfinishable(), essential=True)  # type: ignore[arg-type]
    assert not recording.finished
    recording.close()
    assert recording.finished
    assert str(recording.error) == "out.mkv: Input/output error"
    assert "out.mkv: Input/output error" in caplog.text


def test_json_is_written_whole(tmp_path: Path) -> None:
    write_json(tmp_path / "stats.json", {"frames_out": 3})
    assert json.loads((tmp_path / "stats.json").read_text()) == {"frames_out": 3}
    assert [path.name for path in tmp_path.iterdir()] == ["stats.json"]


def test_json_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere" / "stats.json"
    with pytest.raises(SkyLiveError, match=r"stats\.json: No such file"):
        write_json(nowhere, {})
