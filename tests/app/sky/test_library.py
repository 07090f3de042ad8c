import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.camera import Camera, first_view
from app.config import ROOT
from app.errors import ConfigError, SkyError
from app.frame import Colour
from app.sky.library import find_sky, list_skies, open_sky, sky_folders
from tests.media import write_video


def add(path: Path, level: int = 90) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((48, 64, 3), level, np.uint8))
    return path


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """The program's folder, with a sky described, one not described and other files; and the user's."""
    ours, users = tmp_path / "ours", tmp_path / "users"
    add(ours / "red_evening.jpg")
    (ours / "red_evening.toml").write_text(
        'title = "A red evening"\ncrop = 0.7\nsun = [0.5, 0.4]\nhorizon = 0.6\n'
    )
    add(ours / "noon.png")
    write_video(ours / "storm.mp4", frames=2)
    (ours / "render.py").write_text("")
    (ours / "SOURCES.md").write_text("")
    (ours / ".hidden.jpg").write_text("")
    add(users / "my-beach_2.JPG")
    return ours, users


def test_skies_are_listed_by_name(folders: tuple[Path, Path]) -> None:
    assert [(sky.name, sky.kind, sky.title) for sky in list_skies(folders)] == [
        ("my-beach_2", "still", "My beach 2"),
        ("noon", "still", "Noon"),
        ("red_evening", "still", "A red evening"),
        ("storm", "video", "Storm"),
    ]


def test_a_folder_need_not_exist(tmp_path: Path) -> None:
    assert list_skies([tmp_path / "none"]) == []
    with pytest.raises(SkyError, match="there are: none"):
        find_sky("noon", [tmp_path / "none"])


def test_the_users_sky_goes_before_ours(folders: tuple[Path, Path]) -> None:
    own = add(folders[1] / "noon.png")
    assert find_sky("noon", folders).path == own
    assert len(list_skies(folders)) == 4


def test_a_sky_is_found_by_name_and_by_path(folders: tuple[Path, Path], tmp_path: Path) -> None:
    assert find_sky("red_evening", folders).about.crop == 0.7
    elsewhere = add(tmp_path / "else" / "where.png")
    assert find_sky(str(elsewhere), folders).path == elsewhere
    elsewhere.with_suffix(".toml").write_text('wrap = "repeat"')
    assert find_sky(str(elsewhere), folders).about.wrap == "repeat"


def test_an_unknown_sky_is_answered_with_those_there_are(folders: tuple[Path, Path]) -> None:
    with pytest.raises(
        SkyError, match=r"'nooon'; there are: my-beach_2, noon, red_evening, storm; or the path"
    ):
        find_sky("nooon", folders)
    with pytest.raises(SkyError, match=r"SOURCES\.md: not a sky; known endings are .*\.png"):
        find_sky(str(folders[0] / "SOURCES.md"), folders)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cropp = 0.5", r"noon\.toml: unknown key 'cropp'; known here: .*crop"),
        ("crop = 1.5", r"noon\.toml: crop: .*less than or equal to 1"),
        ('wrap = "tile"', r"noon\.toml: wrap: .*'repeat'"),
        ('kind = "sphere"', r"noon\.toml: kind: "),
        ("heading = 200", r"noon\.toml: heading: .*less than or equal to 180"),
        ('kind = "video"', r"noon\.toml: kind: noon\.png is a still, not a video"),
        ("sun = [1]", r"noon\.toml: sun"),
        ("crop 0.5", r"noon\.toml: not a TOML file"),
    ],
)
def test_a_wrong_description_is_refused(
    folders: tuple[Path, Path], text: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    (folders[0] / "noon.toml").write_text(text)
    with pytest.raises((ConfigError, SkyError), match=message):
        find_sky("noon", folders)
    assert "noon" not in [sky.name for sky in list_skies(folders)]
    assert re.search(message, caplog.text)
    find_sky("red_evening", folders)


def test_skies_of_both_kinds_open(folders: tuple[Path, Path]) -> None:
    for name in ("noon", "storm"):
        sky = open_sky(find_sky(name, folders), (32, 24), Colour(), None)
        try:
            assert sky.title == name.capitalize()
            assert sky.render(0.0, first_view(Camera.from_fov((32, 24), 60)), (0, 24)).planes.size_wh == (
                32,
                24,
            )
        finally:
            sky.close()


@pytest.mark.parametrize(
    ("own", "asked", "seen"), [("", None, 32), ("crop = 1.0", None, 64), ("crop = 1.0", 0.25, 16)]
)
def test_the_crop_is_the_one_asked_for_or_the_skys_own(
    folders: tuple[Path, Path], own: str, asked: float | None, seen: int
) -> None:
    # Columns of alternating grey: the frame sees as many as its share of the 64.
    ramp = np.repeat(np.arange(64, dtype=np.uint8)[None] * 4, 48, axis=0)
    cv2.imwrite(str(folders[0] / "noon.png"), ramp)
    (folders[0] / "noon.toml").write_text(own)
    sky = open_sky(find_sky("noon", folders), (64, 48), Colour(full_range=True), asked)
    luma = sky.render(0.0, first_view(Camera.from_fov((64, 48), 60)), (0, 48)).planes.y[24].astype(float)
    assert (luma[-3] - luma[2]) / 4 * 64 / 59 == pytest.approx(seen, rel=0.06)


def test_the_skies_that_come_with_the_program_are_described() -> None:
    ours, users = sky_folders()
    assert ours == ROOT / "skyboxes"
    assert users.name == "skyboxes" and users.parent.name == "skyar-live"
    for sky in list_skies([ours]):
        assert sky.path.with_suffix(".toml").is_file()
        assert sky.about.title
