from fractions import Fraction
from pathlib import Path

import pytest

from living.__main__ import main, parsed
from living.specs import ProceduralSpec, Wind


def test_what_is_asked_for_is_read() -> None:
    options = parsed(
        [
            "animate",
            "a.jpg",
            "--wind",
            "-30,45",
            "--day",
            "6:20",
            "--size",
            "640x360",
            "--fps",
            "29.97",
            "-o",
            "b.mp4",
        ]
    )
    assert options.wind == Wind(-30.0, 45.0)
    assert (options.day, options.size, options.seconds) == ((6.0, 20.0), (640, 360), 8.0)
    assert options.fps == Fraction(2997, 100)
    options = parsed(["render", "procedural:?clouds=storm&cover=0.6", "--panorama", "-o", "b.jpg"])
    assert options.sky == ProceduralSpec(clouds="storm", cover=0.6)
    assert options.panorama


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["animate", "a.jpg", "--wind", "west", "-o", "b.mp4"], "'west' is not DEG,PX_PER_S"),
        (["animate", "a.jpg", "--day", "6:30:1", "-o", "b.mp4"], "'6:30:1' is not FROM:TO"),
        (["animate", "a.jpg", "--size", "10", "-o", "b.mp4"], "'10' is not WxH"),
        (["animate", "a.jpg", "--fps", "0", "-o", "b.mp4"], "'0' is not a rate"),
        (["animate", "a.jpg", "--seconds", "nan", "-o", "b.mp4"], "'nan' is not a number of seconds"),
        (["animate", "a.jpg"], "-o/--output"),
        (["render", "storm", "-o", "b.jpg"], "'storm' is not an address"),
        (["render", "procedural:?clouds=fog", "-o", "b.jpg"], "clouds: 'fog' is not one of"),
    ],
)
def test_wrong_arguments_are_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["animate", "none.jpg", "-o", "b.mp4"], "none.jpg: No such file"),
        (["loopify", "none.mp4", "-o", "b.mp4"], "none.mp4"),
        (["loopify", "none.mp4", "-o", "b.txt"], "b.txt: is to be named"),
        (["render", "procedural:?", "-o", "b.txt"], "b.txt: is to be named"),
    ],
)
def test_what_cannot_be_is_one_line(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())
