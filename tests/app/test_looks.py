import tomllib
from pathlib import Path

import pytest

from app.config import LOOKS, Halo, Light, Look, Matte, Weather
from app.errors import ConfigError
from app.looks import list_looks, load_look, look_folders, look_name, save_look

EVENING = Look(
    title="My evening",
    sky="golden_sunset",
    light=Light(recolour=0.35, relight=1.25, match=True),
    halo=Halo(strength=0.333, radius=0.01),
    weather=Weather(rain=1.0, fog=1e-05, wind=-0.5),
    matte=Matte(softness=0.1, shift=-1.0),
)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """The program's folder with two looks, and the user's, which does not exist."""
    ours = tmp_path / "ours"
    ours.mkdir()
    (ours / "natural.toml").write_text('title = "Natural"\n[halo]\nstrength = 0.2\n')
    (ours / "wild_storm.toml").write_text("[weather]\nrain = 0.9\n")
    return ours, tmp_path / "users"


def test_looks_are_listed_by_name_with_their_titles(folders: tuple[Path, Path]) -> None:
    save_look("My evening", EVENING, folders)
    assert [(look.name, look.title, look.path.parent.name) for look in list_looks(folders)] == [
        ("my_evening", "My evening", "users"),
        ("natural", "Natural", "ours"),
        ("wild_storm", "Wild storm", "ours"),
    ]
    assert [look.look.weather.rain for look in list_looks(folders)] == [1.0, 0.0, 0.9]


def test_the_programs_looks_are_all_listed_and_ours() -> None:
    ours, users = look_folders()
    assert ours == LOOKS and users.name == "looks" and users.parent.name == "skyar-live"
    looks = list_looks([ours])
    assert {look.path for look in looks} == set(LOOKS.glob("*.toml"))
    assert all(look.ours and look.title for look in looks)
    for look in looks:
        assert load_look(look.name) == look.look


def test_a_wrong_file_is_left_out_with_a_warning(
    folders: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    (folders[0] / "broken.toml").write_text("halo = 3")
    assert [look.name for look in list_looks(folders)] == ["natural", "wild_storm"]
    assert "broken.toml: halo" in caplog.text


def test_the_users_look_goes_before_ours(folders: tuple[Path, Path]) -> None:
    folders[1].mkdir()
    (folders[1] / "natural.toml").write_text('title = "Mine"')
    assert load_look("natural", folders).title == "Mine"
    assert [look.title for look in list_looks(folders)] == ["Mine", "Wild storm"]
    assert not list_looks(folders)[0].ours


def test_a_look_is_found_by_path_too(folders: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "else.toml"
    path.write_text('title = "Elsewhere"')
    assert load_look(str(path), folders).title == "Elsewhere"


def test_an_unknown_look_is_answered_with_those_there_are(folders: tuple[Path, Path]) -> None:
    save_look("My evening", EVENING, folders)
    with pytest.raises(
        ConfigError,
        match=r"no look named 'nature'; there are: my_evening, natural, wild_storm, or the path of a \.toml",
    ):
        load_look("nature", folders)
    with pytest.raises(ConfigError, match=r"gone\.toml: No such file"):
        load_look("gone.toml", folders)


def test_a_saved_look_is_the_same_look(folders: tuple[Path, Path]) -> None:
    assert all(
        value != getattr(getattr(Look(), part), field)
        for part in ("light", "halo", "matte")
        for field, value in getattr(EVENING, part)
    )
    path = save_look("My evening", EVENING, folders)
    assert path == folders[1] / "my_evening.toml"
    assert load_look("my_evening", folders) == EVENING
    assert [file.name for file in folders[1].iterdir()] == ["my_evening.toml"]


def test_a_saved_look_is_a_tidy_file(folders: tuple[Path, Path]) -> None:
    path = save_look("Plain", Look(), folders)
    assert path.read_text() == (
        'title = "Plain"\n'
        "\n[light]\nrecolour = 0.5\nrelight = 0.8\nmatch = false\n"
        "\n[halo]\nstrength = 0.5\nradius = 0.2\n"
        "\n[weather]\nrain = 0.0\nsnow = 0.0\nfog = 0.0\nwind = 0.2\n"
        "\n[matte]\nsoftness = 0.0\nshift = 0.0\n"
    )


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Golden hour", "golden_hour"),
        ("  Über - Straße, 2! ", "über_straße_2"),
        ("../../etc/passwd", "etc_passwd"),
        ('say "hi"\\', "say_hi"),
        ("a\tb\nc\x7f\udcff", "a_b_c"),
        ("夕焼け", "夕焼け"),
        ("CON", "con_look"),
        ("x" * 300, "x" * 60),
    ],
)
def test_names_are_safe_and_titles_stay(title: str, name: str, folders: tuple[Path, Path]) -> None:
    assert look_name(title) == name
    path = save_look(title, EVENING, folders)
    assert path == folders[1] / f"{name}.toml"
    kept = tomllib.loads(path.read_text("utf-8"))["title"]
    assert kept == "".join(letter for letter in title if letter.isprintable()).strip()


@pytest.mark.parametrize("title", ["", "   ", "...", "/", "\n"])
def test_a_title_without_letters_is_refused(title: str, folders: tuple[Path, Path]) -> None:
    with pytest.raises(ConfigError, match="needs a letter or digit"):
        save_look(title, EVENING, folders)
    assert not folders[1].exists()


@pytest.mark.parametrize("title", ["natural", "Natural!", "Wild Storm"])
def test_a_look_of_the_program_is_never_hidden(title: str, folders: tuple[Path, Path]) -> None:
    with pytest.raises(ConfigError, match="is a look of the program; choose another name"):
        save_look(title, EVENING, folders)
    assert not folders[1].exists()


def test_ones_own_look_is_replaced(folders: tuple[Path, Path]) -> None:
    save_look("Mine", EVENING, folders)
    save_look("mine", Look(), folders)
    assert load_look("mine", folders) == Look(title="mine")
    assert len(list(folders[1].iterdir())) == 1


def test_a_folder_that_cannot_be_written_is_named(folders: tuple[Path, Path]) -> None:
    folders[1].write_text("")
    with pytest.raises(ConfigError, match=r"users/mine\.toml: "):
        save_look("Mine", EVENING, folders)
