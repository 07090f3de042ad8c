"""The command line's options for hardware."""

from pathlib import Path

import pytest

import app.hardware
from app import command
from app.hardware import Finding
from app.user import Settings


def config_of(words: list[str]) -> tuple[str, str]:
    config, *_ = command.configured(command.parse_arguments(words), Settings())
    return config.capture.decoder, config.record.encoder


def test_what_decodes_and_encodes_can_be_said_on_the_command_line_and_in_a_file(tmp_path: Path) -> None:
    assert config_of([]) == ("auto", "auto")
    assert config_of(["--decoder", "cuda", "--encoder", "h264_nvenc"]) == ("cuda", "h264_nvenc")
    file = tmp_path / "mine.toml"
    file.write_text('[capture]\ndecoder = "qsv"\n\n[record]\nencoder = "h264_qsv"\n')
    assert config_of(["--config", str(file)]) == ("qsv", "h264_qsv")
    assert config_of(["--config", str(file), "--decoder", "software"]) == ("software", "h264_qsv")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--encoder", "h264_magic"], "invalid choice: 'h264_magic'"),
        (["--decoder", "drm"], "invalid choice: 'drm'"),
        (["--headless", "--encoder", "software"], "--encoder needs --record, --stream or the window"),
        (["--encoder", "h264_nvenc", "--preset", "fast"], "--preset is x264's and has no meaning for"),
    ],
)
def test_what_makes_no_sense_is_refused(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as left:
        command.parse_arguments(words)
    assert left.value.code == 2
    assert message in capsys.readouterr().err


def test_a_preset_goes_with_x264() -> None:
    for encoder in ("auto", "software"):
        arguments = command.parse_arguments(["--encoder", encoder, "--preset", "fast"])
        assert command.configured(arguments, Settings())[0].record.preset == "fast"


def test_the_hardware_is_listed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.hardware, "_tried", lambda order: Finding(order["name"], "Cannot load it"))
    assert command.main(["--list-hardware"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert "  h264_nvenc         no: Cannot load it" in listed
    assert listed[0].startswith("decoders (--decoder)")
