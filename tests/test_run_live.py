"""The command line, end to end, in this process."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from app import command
from app.capture.open import open_source
from app.colour import rgb_from_planes
from app.config import ROOT, Light, Look
from app.looks import load_look
from app.sky.library import sky_folders
from app.user import Settings
from tests.media import write_video

SIZE_WH = (96, 64)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", size_wh=SIZE_WH, frames=12, audio="aac")


def fails(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line on standard error with which the program leaves, status 1."""
    assert command.main([str(a) for a in arguments]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("run_live.py:")]
    assert len(lines) == 1
    return lines[0]


def test_a_file_becomes_a_recording_dumps_and_statistics(clip: Path, tmp_path: Path) -> None:
    recording, stats = tmp_path / "out.mkv", tmp_path / "stats.json"
    outputs = {
        "--record": recording,
        "--stats": stats,
        "--dump-frames": tmp_path / "rgb",
        "--dump-alpha": tmp_path / "alpha",
    }
    status = command.main(
        [str(clip), "--headless", *(str(word) for pair in outputs.items() for word in pair)]
    )
    assert status == 0
    with av.open(str(recording)) as container:
        assert len(list(container.decode(video=0))) == 12
        assert len(container.streams.audio) == 1
    names = [f"{index:06d}.png" for index in range(12)]
    for folder, channels in (("rgb", 3), ("alpha", 1)):
        assert sorted(path.name for path in (tmp_path / folder).iterdir()) == names
        picture = cv2.imread(str(tmp_path / folder / names[0]), cv2.IMREAD_UNCHANGED)
        assert picture is not None
        assert picture.shape == ((64, 96, 3) if channels == 3 else (64, 96))
        assert picture.dtype == np.uint8
    numbers = json.loads(stats.read_text())
    assert (numbers["frames_in"], numbers["frames_out"]) == (12, 12)
    assert numbers["drops"] == {"capture": 0, "viewer": 0, "recorder": 0, "stream": 0}
    assert set(numbers["stages"]) == {
        "matting",
        "tracking",
        "blending",
        "recorder",
        "frame dump",
        "alpha dump",
    }
    assert {
        "seconds",
        "fps",
        "repaired_pts",
        "broken",
        "latency_ms",
        "frame_interval_ms",
        "cpu_s_per_frame",
    } <= set(numbers)
    assert numbers["backend"].startswith("onnxruntime-cpu")


def test_limits(clip: Path, tmp_path: Path) -> None:
    for limit in (["--frames", "5"], ["--duration", "0.5"]):
        stats = tmp_path / "stats.json"
        assert command.main([str(clip), "--headless", "--stats", str(stats), *limit]) == 0
        assert json.loads(stats.read_text())["frames_out"] == 5


def test_live_counts_what_it_drops(clip: Path, tmp_path: Path) -> None:
    stats = tmp_path / "stats.json"
    assert command.main([str(clip), "--headless", "--live", "--stats", str(stats)]) == 0
    numbers = json.loads(stats.read_text())
    assert numbers["frames_in"] == 12
    assert numbers["frames_out"] + numbers["drops"]["capture"] == 12
    assert numbers["seconds"] > 1.0  # twelve frames at ten per second


def test_pictures_and_size(tmp_path: Path) -> None:
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"p{index}.png"), np.full((120, 160, 3), 90, np.uint8))
    out = tmp_path / "alpha"
    assert command.main([str(tmp_path), "--headless", "--size", "128x128", "--dump-alpha", str(out)]) == 0
    picture = cv2.imread(str(out / "000002.png"), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert picture.shape == (96, 128)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--size", "wide"], "'wide' is not WxH"),
        (["--frames", "0"], "'0' is not a positive count"),
        (["--duration", "nan"], "'nan' is not a positive number"),
        (["--fps", "0.001"], "greater than or equal to 0.01"),
        (["--fps", "nan"], "'nan'"),
        (["--force"], "--force needs --record"),
        (["--headless", "--preset", "fast"], "--preset needs --record, --stream or the window"),
        (["--dump-frames", "out", "--dump-alpha", "./out"], "need a folder each"),
        (["--backend", "magic"], "invalid choice: 'magic'"),
        (["--no-such"], "--no-such"),
    ],
)
def test_wrong_arguments_leave_with_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], named: str
) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(arguments)
    assert left.value.code == 2
    assert named in capsys.readouterr().err


def test_sources_that_fail_are_named(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, clip: Path, tmp_path: Path
) -> None:
    caplog.set_level("INFO")
    text, empty, short, dot = (tmp_path / name for name in ("text.mp4", "empty.mp4", "short.mp4", "dot.png"))
    text.write_text("not a film\n" * 50)
    empty.touch()
    short.write_bytes(clip.read_bytes()[:300])
    cv2.imwrite(str(dot), np.zeros((1, 1, 3), np.uint8))
    for source in (tmp_path / "missing.mp4", text, empty, short, dot, "a" * 300):
        assert str(source) in fails(capsys, source, "--headless")
    assert not caplog.records  # that line is the only one


def test_other_files_that_fail_are_named(
    capsys: pytest.CaptureFixture[str], clip: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    headless = (clip, "--headless")
    assert str(text) in fails(capsys, *headless, "--sky", text)
    assert "nosuchsky" in fails(capsys, *headless, "--sky", "nosuchsky")
    assert str(text) in fails(capsys, *headless, "--model", text)
    assert "nosuchlook" in fails(capsys, *headless, "--look", "nosuchlook")
    assert "missing.toml" in fails(capsys, *headless, "--config", tmp_path / "missing.toml")
    nowhere = tmp_path / "nowhere" / "stats.json"
    assert str(nowhere) in fails(capsys, *headless, "--stats", nowhere)
    assert str(tmp_path) in fails(capsys, *headless, "--stats", tmp_path)
    assert ".: is a folder" in fails(capsys, *headless, "--stats", ".")


def test_recordings_that_cannot_be_are_named(
    capsys: pytest.CaptureFixture[str], clip: Path, tmp_path: Path
) -> None:
    existing, nowhere = tmp_path / "kept.mkv", tmp_path / "nowhere" / "out.mkv"
    existing.write_bytes(b"precious")
    headless = (clip, "--headless")
    assert str(existing) in fails(capsys, *headless, "--record", existing)
    assert existing.read_bytes() == b"precious"
    assert str(nowhere) in fails(capsys, *headless, "--record", nowhere)
    blocked = tmp_path / "file"
    blocked.touch()
    assert str(blocked) in fails(capsys, *headless, "--dump-frames", blocked)


@pytest.mark.parametrize("output", [("--force", "--record"), ("--stats",)])
def test_outputs_are_never_written_over_source_or_sky(
    capsys: pytest.CaptureFixture[str], clip: Path, tmp_path: Path, output: tuple[str, ...]
) -> None:
    sky = write_video(tmp_path / "sky.mp4", size_wh=SIZE_WH, frames=3)
    link = tmp_path / "link.mp4"
    link.symlink_to(sky)
    before = clip.read_bytes(), sky.read_bytes()
    for target, what in ((clip, "source"), (sky, "sky"), (link, "sky")):
        line = fails(capsys, clip, "--sky", sky, "--headless", *output, target)
        assert line == f"run_live.py: {target}: is the {what} itself"
    assert (clip.read_bytes(), sky.read_bytes()) == before


def test_numbers_are_never_written_over_the_recording(
    capsys: pytest.CaptureFixture[str], clip: Path, tmp_path: Path
) -> None:
    film = tmp_path / "film.mkv"
    line = fails(capsys, clip, "--headless", "--record", film, "--stats", film)
    assert line == f"run_live.py: {film}: is the recording itself" and not film.exists()


@pytest.mark.parametrize("source", ["", "*.png", "000000.png"])
@pytest.mark.parametrize("dump", ["--dump-frames", "--dump-alpha"])
def test_dumps_are_never_written_over_the_sources_pictures(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, source: str, dump: str
) -> None:
    picture = tmp_path / "000000.png"
    cv2.imwrite(str(picture), np.full((64, 96, 3), 90, np.uint8))
    before = picture.read_bytes()
    assert "holds the source's pictures" in fails(capsys, tmp_path / source, "--headless", dump, tmp_path)
    assert picture.read_bytes() == before


def test_a_source_without_any_sky_passes_through(tmp_path: Path) -> None:
    floor = np.random.default_rng(3).integers(20, 60, (64, 96, 3)).astype(np.uint8)
    source = write_video(tmp_path / "floor.mp4", size_wh=SIZE_WH, frames=3, draw=lambda index, size: floor)
    folders = tmp_path / "alpha", tmp_path / "rgb"
    dumps = ["--dump-alpha", str(folders[0]), "--dump-frames", str(folders[1])]
    assert command.main([str(source), "--headless", *dumps]) == 0
    alpha, bgr = (cv2.imread(str(folder / "000002.png"), cv2.IMREAD_UNCHANGED) for folder in folders)
    assert alpha is not None
    assert bgr is not None
    assert alpha.max() == 0
    with open_source(str(source), None, 30) as reopened:
        *_, last = reopened
    assert np.array_equal(bgr[..., ::-1], rgb_from_planes(last.planes, last.colour))


def test_lists(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list-skies"]) == 0
    listed = capsys.readouterr().out
    for name in ("golden_sunset", "milky_way", "clear_day", "thunderstorm"):
        assert name in listed
    assert str(sky_folders()[1]) in listed
    assert command.main(["--list-cameras"]) == 0
    assert capsys.readouterr().out


@pytest.mark.skipif(sys.platform != "linux", reason="displays are found this way on Linux only")
def test_without_a_display_one_line_names_headless() -> None:
    hidden = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    program = [sys.executable, "run_live.py", "demo"]
    for extra in ({}, {"DISPLAY": ":987"}):
        done = subprocess.run(
            program,
            cwd=ROOT,
            env=environment | extra,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert "--headless" in done.stderr


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A program started from here obeys SIGINT, also where the tests run in a script's background."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_while_the_program_loads_ends_it_without_a_word() -> None:
    program = [sys.executable, "-X", "importtime", "run_live.py", "demo", "--headless"]
    with subprocess.Popen(program, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while "numpy" not in (line := process.stderr.readline()):
            assert line, "it ended before it had begun"
        process.send_signal(signal.SIGINT)
        errors = process.stderr.read()
    assert process.returncode == 130
    assert all(line.startswith("import time:") for line in errors.splitlines())


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_finishes_the_recording(tmp_path: Path, sent: signal.Signals) -> None:
    recording, long_clip = (
        tmp_path / "out.mp4",
        write_video(tmp_path / "long.mp4", size_wh=SIZE_WH, frames=400),
    )
    program = [sys.executable, "run_live.py", str(long_clip), "--headless", "--live"]
    with subprocess.Popen(
        [*program, "--record", str(recording)], cwd=ROOT, stderr=subprocess.PIPE
    ) as process:
        while not (recording.exists() and recording.stat().st_size > 2000) and process.poll() is None:
            signal.sigtimedwait([], 0.05)
        process.send_signal(sent)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert b"Traceback" not in errors
    with av.open(str(recording)) as container:
        assert len(list(container.decode(video=0))) > 3


def configured(words: str, settings: Settings) -> tuple[str | None, float, str]:
    """(the look's name, its recolouring, the sky) that a command line begins with."""
    _, look, name, sky = command.configured(command.parse_arguments(words.split()), settings)
    return name, look.light.recolour, sky


def test_look_and_sky_are_the_command_lines_else_the_last_ones_else_the_configurations(
    tmp_path: Path,
) -> None:
    last = Settings(sky="clear_day", look_name="mine", look=Look(light=Light(recolour=0.123)))
    natural, galaxy = load_look("natural").light.recolour, load_look("galaxy").light.recolour
    assert configured("demo", Settings()) == ("natural", natural, "golden_sunset")
    assert configured("demo", last) == ("mine", 0.123, "clear_day")
    assert configured("demo --sky thunderstorm", last) == ("mine", 0.123, "thunderstorm")
    assert configured("demo --look galaxy", last) == ("galaxy", galaxy, "milky_way")
    assert configured("demo --look natural", last) == ("natural", natural, "clear_day")
    file = tmp_path / "config.toml"
    file.write_text('look = "galaxy"\n')
    assert configured(f"demo --config {file}", last) == ("galaxy", galaxy, "milky_way")


def test_a_sky_of_the_last_time_that_has_gone_is_not_missed(tmp_path: Path) -> None:
    gone = Settings(sky=str(tmp_path / "gone.jpg"))
    assert configured("demo", gone)[2] == "golden_sunset"


@pytest.mark.parametrize(
    "words", [["--stream", "rtmp://localhost/a", "--headless"], ["--record", "a.mkv"], []]
)
def test_a_preset_is_for_all_that_is_encoded(words: list[str]) -> None:
    config, *_ = command.configured(command.parse_arguments(["--preset", "fast", *words]), Settings())
    assert config.record.preset == "fast"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["/dev/video77"], "/dev/video77"),
        (["rtsp://user:secret@127.0.0.1:9/live"], "rtsp://127.0.0.1:9/live: connection refused"),
        (["clip.mp4", "--audio", "default"], "clip.mp4: a microphone"),
        (["screen:1x"], "screen:1x: not a part of the screen"),
        (["demo", "--stream", "ftp://host/x"], "ftp://host/x"),
        (["demo", "--frames", "5", "--stream", "rtmp://127.0.0.1:9/live"], "rtmp://127.0.0.1:9/live"),
    ],
)
def test_what_cannot_be_opened_is_named_in_one_line(
    words: list[str], named: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command.main([*words, "--headless"]) == 1
    [line] = [line for line in capfd.readouterr().err.splitlines() if line.startswith("run_live.py: ")]
    assert named in line
    assert "secret" not in line


def test_where_skies_stand_is_what_is_named_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text("[sky.placement]\nheading = 10.0\ntilt = -2.0\n")

    def stands(words: str) -> object:
        config, *_ = command.configured(command.parse_arguments(words.split()), Settings())
        part = config.sky.placement
        return None if part is None else part.model_dump(exclude_unset=True)

    assert stands("demo") is None
    assert stands("demo --heading -30 --sky-size 2") == {"heading": -30, "scale": 2}
    assert stands(f"demo --config {file} --heading 0 --elevation 5") == {
        "heading": 0,
        "tilt": -2,
        "elevation": 5,
    }


@pytest.mark.parametrize("words", ["--heading 181", "--elevation north", "--sky-size 0", "--tilt 46"])
def test_places_out_of_range_are_refused(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        command.parse_arguments(["demo", *words.split()])
    assert left.value.code == 2
    assert words.split()[0] in capsys.readouterr().err
