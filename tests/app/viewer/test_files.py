from datetime import datetime
from pathlib import Path

import pytest

from app.errors import SkyLiveError
from app.viewer import files
from app.viewer.files import FreeNames

NOW = datetime(2026, 3, 4, 15, 6, 7)


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "user_videos_path", lambda: tmp_path / "Videos")
    monkeypatch.setattr(files, "user_pictures_path", lambda: tmp_path / "Pictures")


def test_names_are_dated_and_their_folder_is_there(tmp_path: Path) -> None:
    names = FreeNames()
    assert names.recording(NOW) == tmp_path / "Videos" / "SkyAR Live" / "2026-03-04 15.06.07.mkv"
    assert names.picture(NOW) == tmp_path / "Pictures" / "SkyAR Live" / "2026-03-04 15.06.07.png"
    assert (tmp_path / "Videos" / "SkyAR Live").is_dir()


def test_a_name_is_never_given_twice_nor_one_that_exists(tmp_path: Path) -> None:
    first = FreeNames().picture(NOW)
    first.touch()
    names = FreeNames()
    second, third = names.picture(NOW), names.picture(NOW)
    assert [path.name for path in (second, third)] == [
        "2026-03-04 15.06.07 (2).png",
        "2026-03-04 15.06.07 (3).png",
    ]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "Videos").touch()
    with pytest.raises(SkyLiveError, match="SkyAR Live: Not a directory"):
        FreeNames().recording(NOW)
