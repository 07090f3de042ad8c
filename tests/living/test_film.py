import tomllib
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from app.errors import RecordError
from app.frame import Planes
from app.sky.video import read_clip
from living.film import FILMS, Film, check_free, made_ahead, write_picture, write_toml


def grey(level: int) -> Planes:
    return Planes(np.full((32, 48), level, np.uint8), *np.full((2, 16, 24), 128, np.uint8))


def test_a_film_has_its_rate_tags_and_a_whole_last_picture(tmp_path: Path) -> None:
    path = tmp_path / "sky.mp4"
    with Film(path, (48, 32), Fraction(25), force=False) as film:
        for level in (40, 80, 120, 160, 200):
            film.write(grey(level))
        assert not path.exists()  # until it is whole
        film.say({"title": 'A "sky"', "horizon": 0.625, "loop": False, "sun": (0.5, 0.25)})
    assert read_clip(path, loop=True).seconds == pytest.approx(5 / 25)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert stream.codec_context.name == "h264"
        assert stream.average_rate == 25
        assert (context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1)
        levels = [int(frame.to_ndarray()[:32].mean()) for frame in container.decode(stream)]
    assert levels == pytest.approx([40, 80, 120, 160, 200], abs=3)
    said = tomllib.loads((tmp_path / "sky.toml").read_text())
    assert said == {"title": 'A "sky"', "horizon": 0.625, "loop": False, "sun": [0.5, 0.25]}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["sky.mp4", "sky.toml"]


def test_nothing_is_left_of_a_film_that_fails(tmp_path: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        Film(tmp_path / "sky.mp4", (48, 32), Fraction(25), force=False) as film,
    ):
        film.write(grey(1))
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_files_that_are_there_are_kept(tmp_path: Path) -> None:
    (tmp_path / "sky.toml").write_text("")
    with pytest.raises(RecordError, match=r"sky\.toml: exists; --force"):
        check_free(tmp_path / "sky.mp4", FILMS, force=False)
    check_free(tmp_path / "sky.mp4", FILMS, force=True)
    with pytest.raises(RecordError, match=r"sky\.txt: is to be named \*\.mkv"):
        check_free(tmp_path / "sky.txt", FILMS, force=True)
    with pytest.raises(RecordError, match="No such file"):
        Film(tmp_path / "none" / "sky.mp4", (48, 32), Fraction(25), force=False)
    with pytest.raises(RecordError, match=r"none.*No such file"):
        write_toml(tmp_path / "none" / "sky.mp4", {"title": "a"})


def test_a_picture_is_what_was_given(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    write_picture(tmp_path / "sky.png", rgb, force=False)
    read = cv2.imread(str(tmp_path / "sky.png"), cv2.IMREAD_COLOR_RGB)
    np.testing.assert_array_equal(read, rgb)


def test_what_is_made_ahead_comes_in_order_and_errors_come_through() -> None:
    assert list(made_ahead(lambda n: n * n, range(20))) == [n * n for n in range(20)]
    with pytest.raises(ZeroDivisionError):
        list(made_ahead(lambda n: 1 // n, [1, 0]))
