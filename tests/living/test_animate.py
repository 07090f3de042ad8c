from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from app.errors import SkyError
from app.frame import U8
from app.sky.library import find_sky
from living.animate import Animation, animate, covering, loop_of, photo_and_sky
from living.specs import Wind


def picture(path: Path, rgb: U8) -> Path:
    assert cv2.imwrite(str(path), rgb[..., ::-1])
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Clouds over land, 96x64, with its matte in matte.png."""
    rng = np.random.default_rng(0)
    rgb = cv2.GaussianBlur(rng.integers(0, 256, (64, 96, 3), np.uint8), (0, 0), 3)
    rgb[40:] = rng.integers(0, 90, (24, 96, 3), np.uint8)
    matte = np.zeros((64, 96, 3), np.uint8)
    matte[:40] = 255
    picture(tmp_path / "matte.png", matte)
    return picture(tmp_path / "my_photo.png", np.asarray(rgb, np.uint8))


def test_land_stands_still_while_the_sky_drifts(photo: Path) -> None:
    animation = Animation(photo, photo.with_name("matte.png"), 1.0, Fraction(8), Wind(0.0, 400.0))
    rgb, alpha = photo_and_sky(animation)
    loop = loop_of(animation, rgb, alpha)
    frames = [loop.frame(n / 8) for n in range(animation.frames)]
    land = alpha == 0
    assert land.any()
    assert all((frame[land] == rgb[land]).all() for frame in frames)
    assert np.abs(frames[4][:30].astype(int) - rgb[:30]).mean() > 3


def test_the_film_is_a_sky_of_the_size_and_length_asked_for(photo: Path, tmp_path: Path) -> None:
    path = tmp_path / "out" / "film.mp4"
    path.parent.mkdir()
    matte = photo.with_name("matte.png")
    animate(Animation(photo, matte, 0.5, Fraction(10), size_wh=(64, 48), day=(12.0, 18.0)), path)
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert [(frame.width, frame.height) for frame in frames] == [(64, 48)] * 5
    sky = find_sky(str(path))
    assert (sky.kind, sky.title) == ("video", "My photo")
    assert sky.about.horizon == pytest.approx(40 / 64, abs=0.06)


def test_photos_that_cannot_drift_are_named(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    black = picture(tmp_path / "black.png", np.zeros((64, 96, 3), np.uint8))
    with pytest.raises(SkyError, match=r"black\.png: no sky was found"):
        photo_and_sky(Animation(photo, black))
    monkeypatch.setattr("living.animate.sky_of_photo", lambda rgb: np.zeros(rgb.shape[:2], np.uint8))
    with pytest.raises(SkyError, match=r"my_photo\.png: no sky was found"):
        photo_and_sky(Animation(photo))
    wide = picture(tmp_path / "wide.png", np.full((64, 200, 3), 255, np.uint8))
    with pytest.raises(SkyError, match=r"wide\.png: 200x64 is not the shape of a photo of 96x64"):
        photo_and_sky(Animation(photo, wide))
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(SkyError, match=r"text\.jpg: not a picture"):
        photo_and_sky(Animation(tmp_path / "text.jpg"))


def test_a_photo_covers_the_size_asked_for_by_its_middle() -> None:
    rgb = np.zeros((40, 120, 3), np.uint8)
    rgb[:, 40:80] = 255
    assert covering(rgb, (40, 40)).min() == 255
    assert covering(rgb[..., 0], (80, 80)).shape == (80, 80)
