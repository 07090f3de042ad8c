import tomllib
from pathlib import Path

import pytest

from app.config import CONFIGS, LOOKS, Config, Look, load_config, load_part
from app.errors import ConfigError


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_the_default_file_shows_every_key_with_its_default() -> None:
    path = CONFIGS / "default.toml"
    assert load_config(path) == Config()
    assert tomllib.loads(path.read_text()) == Config().model_dump(exclude_none=True)


@pytest.mark.parametrize("path", sorted(LOOKS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_look_is_valid_and_has_a_title(path: Path) -> None:
    assert load_part(path, Look).title


def test_keys_left_out_keep_their_defaults(tmp_path: Path) -> None:
    config = load_config(write(tmp_path / "c.toml", "[sky]\nfade_s = 3\n"))
    assert config.sky.fade_s == 3
    assert config.matting == Config().matting


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("colour = 1", ["'colour'", "light", "halo"]),
        ("[light]\nrecolor = 1", ["'light.recolor'", "recolour", "relight"]),
        ("[light]\nrecolour = 1.5", ["light.recolour", "less than or equal to 1", "1.5"]),
        ("[halo]\nradius = 0", ["halo.radius", "greater than or equal to 0.01", "0"]),
        ("[light]\nrelight = 'much'", ["light.relight", "valid number", "'much'"]),
        ("light = 3", ["light", "3"]),
        ("not toml", ["not a TOML file"]),
    ],
)
def test_a_wrong_look_is_refused_with_file_key_and_range(tmp_path: Path, text: str, named: list[str]) -> None:
    path = write(tmp_path / "odd.toml", text)
    with pytest.raises(ConfigError) as caught:
        load_part(path, Look)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    for word in named:
        assert word in message


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"missing\.toml: No such file"):
        load_part(Path("missing.toml"), Look)


def test_a_binary_file_is_no_configuration(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not a TOML file"):
        load_config(path)


def test_parts_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Look().title = "other"  # type: ignore[misc]
