import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.camera import Camera, first_view
from app.capture.demo import DemoSource
from app.colour import rgb_from_planes
from app.config import ROOT
from app.errors import ConfigError, SkyError
from app.frame import Colour
from app.sky.library import find_sky, list_skies, open_sky, sky_folders
from living.specs import PhotoSpec, ProceduralSpec
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


COMPUTED = 'kind = "procedural"\ntitle = "A storm"\naddress = "procedural:?clouds=storm&cover=0.8"\n'


def test_a_computed_sky_is_a_description_alone(folders: tuple[Path, Path]) -> None:
    (folders[0] / "bad_weather.toml").write_text(COMPUTED + "heading = 30")
    (folders[0] / "left_over.toml").write_text('title = "A sky whose picture has gone"')
    (folders[0] / "broken.toml").write_text("kind = ")
    sky = find_sky("bad_weather", folders)
    assert (sky.kind, sky.title, sky.moving, sky.there) == ("procedural", "A storm", True, True)
    assert sky.spec == ProceduralSpec(clouds="storm", cover=0.8)
    assert sky.placement.heading == 30
    assert find_sky(sky.address) == sky
    assert [sky.name for sky in list_skies(folders)] == [
        "bad_weather", "my-beach_2", "noon", "red_evening", "storm",
    ]  # fmt: skip


def test_a_living_sky_is_described_beside_its_photo_or_elsewhere(folders: tuple[Path, Path]) -> None:
    (folders[0] / "noon.toml").write_text('kind = "living"\naddress = "living:noon.png?loop=8"')
    (folders[0] / "drift.toml").write_text('kind = "living"\naddress = "living:red_evening.jpg"')
    beside, elsewhere = find_sky("noon", folders), find_sky("drift", folders)
    assert (beside.kind, beside.path) == ("living", folders[0] / "noon.png")
    assert beside.spec == PhotoSpec(folders[0] / "noon.png", loop_s=8)
    assert elsewhere.spec == PhotoSpec(folders[0] / "red_evening.jpg")
    assert find_sky("red_evening", folders).kind == "still"
    assert find_sky(elsewhere.address) == elsewhere


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('kind = "procedural"', r"wind\.toml: address: None does not begin with procedural:"),
        ('kind = "procedural"\naddress = "living:a.jpg"', r"wind\.toml: address: .* does not begin with"),
        ('kind = "procedural"\naddress = "procedural:?cover=2"', r"wind\.toml: address: .*cover: '2'"),
        ('kind = "living"\naddress = "beach.jpg"', r"wind\.toml: address: .* does not begin with living:"),
    ],
)
def test_a_wrong_address_in_a_description_is_named(
    folders: tuple[Path, Path], text: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    (folders[0] / "wind.toml").write_text(text)
    with pytest.raises(SkyError, match=message):
        find_sky("wind", folders)
    assert "wind" not in [sky.name for sky in list_skies(folders)]
    assert re.search(message, caplog.text)


def test_addresses_are_skies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = find_sky("procedural:?sun=5,0&cover=0.2")
    assert (computed.kind, computed.title, computed.there) == ("procedural", "Computed sky", True)
    assert computed.spec == ProceduralSpec(sun=(5, 0), cover=0.2)
    assert find_sky(computed.address) == computed
    photo = add(tmp_path / "lake.png")
    monkeypatch.chdir(tmp_path)
    living = find_sky("living:lake.png?loop=8")
    assert (living.kind, living.title, living.there) == ("living", "lake, living", True)
    assert living.spec == PhotoSpec(photo, loop_s=8)
    assert living.address == f"living:{photo}?loop=8"  # from wherever it is used
    assert living.name not in ("lake", computed.name)
    photo.unlink()
    assert not find_sky("living:lake.png").there


def test_only_photos_drift(folders: tuple[Path, Path]) -> None:
    with pytest.raises(SkyError, match=r"storm\.mp4: a video cannot be made to drift"):
        find_sky(f"living:{folders[0] / 'storm.mp4'}")
    with pytest.raises(SkyError, match=r"notes\.txt: not a sky"):
        find_sky("living:notes.txt")


def test_a_photo_that_is_missing_is_named_when_it_is_opened(tmp_path: Path) -> None:
    sky = find_sky(f"living:{tmp_path / 'none.jpg'}?wind=0,9")
    with pytest.raises(SkyError, match=r"none\.jpg: No such file or directory"):
        open_sky(sky, (32, 24), Colour(), None)


def test_a_photo_of_land_alone_shows_no_sky(tmp_path: Path) -> None:
    path = tmp_path / "wall.png"
    frame, _ = DemoSource((320, 180)).frame(0)
    cv2.imwrite(str(path), rgb_from_planes(frame.planes, frame.colour)[120:, :, ::-1])
    with pytest.raises(SkyError, match=r"wall\.png: no sky was found in this photo"):
        open_sky(find_sky(f"living:{path}"), (32, 24), Colour(), None)
