import os
import shutil
import struct
import threading
import zlib
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from app.camera import Camera, first_view
from app.capture.demo import DemoSource
from app.colour import rgb_from_planes
from app.errors import SkyError
from app.frame import U8, Colour
from app.sky.adding import add_living, add_sky
from app.sky.library import SkyFile, list_skies, open_sky
from living.specs import PhotoSpec, Wind
from tests.media import picture, write_video

Folders = tuple[Path, Path]


def write(path: Path, rgb: U8 | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rgb = picture(3, (96, 64)) if rgb is None else rgb
    assert cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    return path


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """The program's folder, with one sky, and the user's, which does not exist."""
    write(tmp_path / "ours" / "noon.png", picture(9, (96, 64)))
    return tmp_path / "ours", tmp_path / "data" / "users"


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


def assert_opens(sky: SkyFile) -> None:
    opened = open_sky(sky, (64, 48), Colour(), None)
    try:
        assert opened.render(0.0, first_view(Camera.from_fov((64, 48), 60)), (0, 48)).planes.size_wh == (
            64,
            48,
        )
    finally:
        opened.close()


@pytest.mark.parametrize("name", ["beach.jpg", "beach.jpeg", "beach.png", "beach.webp", "BEACH.JPG"])
def test_a_picture_becomes_a_sky(folders: Folders, tmp_path: Path, name: str) -> None:
    source = write(tmp_path / name)
    sky = add_sky(source, folders)
    assert sky.path == folders[1] / f"{source.stem}{source.suffix.lower()}"
    assert sky.path.read_bytes() == source.read_bytes()
    assert sky.title == "Beach"
    assert sky in list_skies(folders)
    assert files(folders[1]) == [sky.path.name]
    assert_opens(sky)


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".mov"])
def test_a_video_becomes_a_sky(folders: Folders, tmp_path: Path, ending: str) -> None:
    sky = add_sky(write_video(tmp_path / f"my clouds{ending}", frames=3), folders)
    assert (sky.kind, sky.title) == ("video", "My clouds")
    assert_opens(sky)


def test_its_description_comes_along(folders: Folders, tmp_path: Path) -> None:
    source = write(tmp_path / "beach.png")
    source.with_suffix(".toml").write_text('title = "The beach"\ncrop = 0.8\n')
    sky = add_sky(source, folders)
    assert (sky.title, sky.about.crop) == ("The beach", 0.8)
    assert files(folders[1]) == ["beach.png", "beach.toml"]


def test_nothing_is_overwritten_hidden_or_described_by_another(folders: Folders, tmp_path: Path) -> None:
    folders[1].mkdir(parents=True)
    (folders[1] / "orphan.toml").write_text('title = "Of a sky that is gone"')
    taken = [
        add_sky(write(tmp_path / "a" / "noon.png", picture(1, (96, 64))), folders),  # a sky of ours
        add_sky(write(tmp_path / "b" / "Noon.png", picture(2, (96, 64))), folders),
        add_sky(write(tmp_path / "c" / "noon.jpg", picture(3, (96, 64))), folders),
        add_sky(write(tmp_path / "d" / "orphan.png", picture(4, (96, 64))), folders),
    ]
    assert [sky.name for sky in taken] == ["noon_2", "Noon_3", "noon_4", "orphan_2"]
    assert [sky.title for sky in taken][-1] == "Orphan 2"
    assert len(list_skies(folders)) == 5


def test_a_file_of_the_users_folder_is_not_copied_again(folders: Folders, tmp_path: Path) -> None:
    source = write(tmp_path / "beach.png")
    first = add_sky(source, folders)
    assert add_sky(first.path, folders) == first
    assert add_sky(source, folders) == first
    assert add_sky(Path(shutil.copy(source, tmp_path / "same.png")), folders) == first
    assert files(folders[1]) == ["beach.png"]


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        (".hidden.png", "hidden"),
        ("a\nb\x1b[0m.png", "ab[0m"),
        ("...png", "sky"),
        (f"{'ü' * 120}.png", "ü" * 75),
    ],
)
def test_strange_names_become_plain_ones(folders: Folders, tmp_path: Path, name: str, stem: str) -> None:
    source = write(tmp_path / "plain.png").rename(tmp_path / name)
    sky = add_sky(source, folders)
    assert sky.name == stem
    assert sky in list_skies(folders)


def test_a_name_that_is_no_text(folders: Folders, tmp_path: Path) -> None:
    source = tmp_path / os.fsdecode(b"be\xffach.png")
    write(tmp_path / "plain.png").rename(source)
    assert add_sky(source, folders).name == "beach"


def bomb(side: int) -> bytes:
    """A PNG file that says it is that large."""
    head = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))


def whole(ending: str) -> bytes:
    return bytes(cv2.imencode(ending, picture(3, (96, 64)))[1])


def big_jpeg() -> bytes:
    """A JPEG whose frame header says 65000 x 65000."""
    encoded = bytearray(whole(".jpg"))
    start = encoded.index(b"\xff\xc0")
    encoded[start + 5 : start + 9] = struct.pack(">HH", 65000, 65000)
    return bytes(encoded)


BAD = {
    "empty.png": (b"", "is empty"),
    "empty.mp4": (b"", "is empty"),
    "text.jpg": (b"Dear diary,\n" * 50, "not a picture that can be read"),
    "text.mp4": (b"Dear diary,\n" * 50, "not a video that can be read"),
    "notes.txt": (b"Dear diary", r"not a sky; known endings are \.jpg"),
    "no_ending": (b"Dear diary", "not a sky; known endings"),
    "cut.jpg": (whole(".jpg")[:-200], "not a picture that can be read"),
    "cut.png": (whole(".png")[:-200], "not a picture that can be read"),
    "cut.webp": (whole(".webp")[:-20], "not a picture that can be read"),
    "bomb.png": (bomb(60_000), r"is too large: 60000x60000 pixels; at most 268 million"),
    "big.jpg": (big_jpeg(), r"is too large: 65000x65000 pixels"),
    "head.jpg": (whole(".jpg")[:30], "not a picture that can be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_sky_is_refused_in_one_line(folders: Folders, tmp_path: Path, name: str) -> None:
    content, message = BAD[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SkyError, match=message) as caught:
        add_sky(path, folders)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert not files(folders[1])


def test_damaged_videos_are_refused(folders: Folders, tmp_path: Path) -> None:
    path = write_video(tmp_path / "film.mp4", frames=20)
    path.write_bytes(path.read_bytes()[:-600])  # its index is at its end
    with pytest.raises(SkyError, match=r"film\.mp4: not a video that can be read"):
        add_sky(path, folders)
    sound = write_video(tmp_path / "film.mkv", frames=20, audio="aac")
    content = sound.read_bytes()
    sound.write_bytes(content[:300])
    with pytest.raises(SkyError, match=r"film\.mkv: not a video that can be read"):
        add_sky(sound, folders)
    assert not files(folders[1])


def test_what_is_no_file_is_refused(folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")  # to open it would wait for ever
    for name, message in (
        ("folder.png", "is a folder"),
        ("pipe.mp4", "is not a file"),
        ("gone.png", "No such file"),
    ):
        with pytest.raises(SkyError, match=rf"{name}: {message}"):
            add_sky(tmp_path / name, folders)
    assert not files(folders[1])


def test_large_files_are_refused_unread(folders: Folders, tmp_path: Path) -> None:
    for name, size, message in (
        ("large.png", 300, r"is too large: 300 MB; a still may have 256 MB"),
        ("large.mp4", 3000, r"is too large: 3000 MB; a video may have 2048 MB"),
    ):
        with (tmp_path / name).open("wb") as file:
            file.truncate(size << 20)
        with pytest.raises(SkyError, match=message):
            add_sky(tmp_path / name, folders)


def test_a_wrong_description_is_said(folders: Folders, tmp_path: Path) -> None:
    source = write(tmp_path / "beach.png")
    source.with_suffix(".toml").write_text("cropp = 1")
    with pytest.raises(SkyError, match=r"beach\.png: its description is wrong: .*unknown key 'cropp'"):
        add_sky(source, folders)


def test_a_folder_that_cannot_be_made_is_named(folders: Folders, tmp_path: Path) -> None:
    folders[1].parent.write_text("")
    with pytest.raises(SkyError, match=r"beach\.png: cannot be copied into .*users: "):
        add_sky(write(tmp_path / "beach.png"), folders)


def test_a_copy_that_fails_leaves_nothing_behind(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "beach.png")
    source.with_suffix(".toml").write_text("crop = 1.0")

    def fails(path: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fails)
    with pytest.raises(SkyError, match=r"beach\.png: cannot be copied into .*: No space left on device"):
        add_sky(source, folders)
    assert files(folders[1]) == []


def test_skies_of_one_name_added_at_once_are_all_kept(folders: Folders, tmp_path: Path) -> None:
    sources = [write(tmp_path / str(n) / "beach.png", picture(n, (96, 64))) for n in range(6)]
    added: list[SkyFile] = []
    threads = [threading.Thread(target=lambda s=s: added.append(add_sky(s, folders))) for s in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({sky.path for sky in added}) == 6
    contents = {source.read_bytes() for source in sources}
    assert {sky.path.read_bytes() for sky in added} == contents and len(contents) == 6


def test_a_photo_becomes_a_sky_that_drifts(folders: Folders, tmp_path: Path) -> None:
    source = write(tmp_path / "beach.png", sky_photo())
    spec = PhotoSpec(source, Wind(90.0, 12.0), day=(6.0, 20.0), loop_s=9.0)
    sky = add_living(spec, folders)
    assert (sky.kind, sky.title) == ("living", "Beach, living")
    assert sky.path == folders[1] / "beach.png"
    assert sky.spec == replace(spec, path=sky.path)
    assert sky in list_skies(folders)
    assert files(folders[1]) == ["beach.png", "beach.toml"]
    assert add_living(spec, folders).path.name == "beach_2.png"
    assert_opens(sky)


def test_a_photo_without_sky_cannot_drift(folders: Folders, tmp_path: Path) -> None:
    source = write(tmp_path / "wall.png", sky_photo()[120:])
    with pytest.raises(SkyError, match=r"wall\.png: no sky was found in this photo"):
        add_living(PhotoSpec(source), folders)
    assert files(folders[1]) == []


def test_what_only_describes_a_sky_is_not_copied(folders: Folders, tmp_path: Path) -> None:
    path = tmp_path / "storm.toml"
    path.write_text('kind = "procedural"\naddress = "procedural:?clouds=storm"')
    with pytest.raises(SkyError, match=r"storm\.toml: not a picture or video"):
        add_sky(path, folders)


def sky_photo() -> U8:
    """A picture in which our network finds sky."""
    frame, _ = DemoSource((320, 180)).frame(0)
    return rgb_from_planes(frame.planes, frame.colour)
