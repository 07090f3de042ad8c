import errno
import json
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.addresses import without_credentials
from app.config import Halo, Look, Placement
from app.errors import ConfigError
from app.user import Settings, load_settings, save_settings, user_folder

CHOSEN = Settings(
    sky="golden_sunset",
    look_name="storm",
    look=Look(title="Storm", halo=Halo(strength=0.125)),
    placements={"milky_way": Placement(heading=12.5, scale=1.5)},
    view="split",
    split_x=0.25,
    recent=("rtsp://camera/live", "/films/a film.mp4"),
    open_folder=Path("/films"),
    geometry=bytes(range(256)),
    gallery_shown=False,
    look_panel_shown=False,
    statistics_shown=True,
    show_seconds=4.5,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "skyar-live" / "settings.json"


def test_settings_come_back_as_they_were(path: Path) -> None:
    assert all(value != getattr(Settings(), key) for key, value in CHOSEN)  # every field is tried
    save_settings(CHOSEN, path)
    assert load_settings(path) == CHOSEN
    assert [file.name for file in path.parent.iterdir()] == ["settings.json"]


def test_without_a_file_there_are_defaults_and_no_warning(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert load_settings(path) == Settings()
    assert not caplog.records
    assert not path.parent.exists()


def test_they_lie_in_the_users_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("XDG_CONFIG_HOME", "HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path))
    folder = user_folder()
    assert folder.name == "skyar-live" and folder.is_relative_to(tmp_path)
    save_settings(CHOSEN)
    assert (folder / "settings.json").is_file()
    assert load_settings() == CHOSEN


def test_what_a_file_does_not_name_keeps_its_default(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"sky": "milky_way"}')
    assert load_settings(path) == Settings(sky="milky_way")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "EOF"),
        (b'{"sky": "golden_s', "EOF"),
        (b"\xff\xfe\x00", "Invalid JSON"),
        (b"[]", "Input should be an object"),
        (b'{"sky": "noon", "theme": "light"}', "theme: Extra inputs are not permitted"),
        (b'{"split_x": 3}', "split_x: Input should be less than or equal to 1"),
        (b'{"look": {"halo": {"strength": -1}}}', "look.halo.strength: Input should be"),
        (b'{"geometry": "no base64!"}', "geometry"),
    ],
)
def test_a_broken_or_foreign_file_is_set_aside(
    path: Path, content: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    for _ in range(2):  # what was set aside before does not stand in the way
        path.write_bytes(content)
        caplog.clear()
        assert load_settings(path) == Settings()
        assert not path.exists()
        assert (path.parent / "settings.broken.json").read_bytes() == content
        assert len(caplog.records) == 1
        assert reason in caplog.text and str(path) in caplog.text
    save_settings(CHOSEN, path)
    assert load_settings(path) == CHOSEN


def test_a_file_that_cannot_be_read_is_a_warning(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.mkdir(parents=True)
    assert load_settings(path) == Settings()
    assert f"{path}: Is a directory" in caplog.text
    assert path.is_dir()


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"file/settings\.json: "):
        save_settings(CHOSEN, tmp_path / "file" / "settings.json")


def test_a_full_disk_leaves_the_file_that_was_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_settings(CHOSEN, path)

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match=r"settings\.json: No space left"):
        save_settings(Settings(), path)
    assert load_settings(path) == CHOSEN
    assert [file.name for file in path.parent.iterdir()] == ["settings.json"]


def test_the_newest_source_is_first_and_ten_are_kept() -> None:
    settings = Settings()
    for number in range(12):
        settings = settings.opened(f"film{number}.mp4")
    assert settings.recent == tuple(f"film{number}.mp4" for number in range(11, 1, -1))
    settings = settings.opened("film5.mp4")
    assert settings.recent[:2] == ("film5.mp4", "film11.mp4")
    assert len(settings.recent) == 10 and settings.recent.count("film5.mp4") == 1


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("rtsp://user:secret@camera:554/live", "rtsp://camera:554/live"),
        ("rtsp://user:s@ecret@camera/live", "rtsp://camera/live"),
        ("rtsp://user:se/cret@camera/live", "rtsp://camera/live"),
        ("rtsp://user:se?cret@camera/live?a=1", "rtsp://camera/live?a=1"),
        ("RTMP://secret@camera", "RTMP://camera"),
        ("http://user:secret@[fe80::1]:80/x", "http://[fe80::1]:80/x"),
        ("http://camera/video?user=me&password=secret&channel=2", "http://camera/video?channel=2"),
        ("http://camera/video?access_token=secret", "http://camera/video"),
        ("https://camera/a.m3u8?X-Amz-Signature=secret&key=secret&x=1", "https://camera/a.m3u8?x=1"),
        ("http://host:8080/@channel/live?signal=3", "http://host:8080/@channel/live?signal=3"),
        ("udp://@239.0.0.1:1234", "udp://239.0.0.1:1234"),
        ("/films/me@home.mp4", "/films/me@home.mp4"),
        ("C:\\films\\a.mp4", "C:\\films\\a.mp4"),
        ("/dev/video0", "/dev/video0"),
        ("demo", "demo"),
    ],
)
def test_credentials_are_never_kept(source: str, kept: str, path: Path) -> None:
    assert without_credentials(source) == kept
    assert Settings(recent=(source,)).recent == (kept,)
    assert Settings().opened(source).recent == (kept,)
    save_settings(Settings().model_copy(update={"recent": (source,)}), path)  # which checks nothing
    assert json.loads(path.read_text())["recent"] == [kept]
    assert "secret" not in path.read_text()


def test_names_that_are_no_text_are_left_out(path: Path) -> None:
    odd = os.fsdecode(b"/films/\xff")
    settings = CHOSEN.opened(odd).model_copy(update={"open_folder": Path(odd), "sky": odd})
    save_settings(settings, path)
    assert load_settings(path) == CHOSEN.model_copy(update={"open_folder": None, "sky": None})


def test_a_wrong_value_is_never_written(path: Path) -> None:
    with pytest.raises(ValidationError):
        save_settings(CHOSEN.model_copy(update={"split_x": 7.0}), path)
    assert not path.exists()
