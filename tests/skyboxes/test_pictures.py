"""The pictures that lie in `skyboxes/`: present, of the right size, described, and not flat."""

import re
import tomllib
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from skyboxes.render import (
    FOLDER,
    LOOPS,
    PANORAMA_BYTES,
    PANORAMA_SIZE,
    PANORAMAS,
    STILL_SIZE,
    STILLS,
    VIDEO_SIZE,
)

NAMED = re.findall(r"`(\w+\.(?:jpg|mp4))`", (FOLDER / "SOURCES.md").read_text("utf-8"))


def test_sources_name_every_picture() -> None:
    present = {path.name for path in FOLDER.iterdir() if path.suffix in {".jpg", ".mp4"}}
    assert set(NAMED) == present
    assert {Path(name).stem for name in NAMED} == {*STILLS, *PANORAMAS, *LOOPS}


@pytest.mark.parametrize("name", [name for name in NAMED if Path(name).stem not in PANORAMAS])
def test_description(name: str) -> None:
    description = tomllib.loads((FOLDER / name).with_suffix(".toml").read_text("utf-8"))
    assert description["kind"] == ("video" if name.endswith(".mp4") else "still")
    assert description["title"]
    assert description["wrap"] == "repeat"
    assert 0.0 < description["crop"] <= 1.0
    assert 0.0 < description["horizon"] < 1.0
    assert all(0.0 <= value <= 1.0 for value in description.get("sun", []))


@pytest.mark.parametrize("name", sorted(PANORAMAS))
def test_panorama(name: str) -> None:
    path = FOLDER / f"{name}.jpg"
    description = tomllib.loads(path.with_suffix(".toml").read_text("utf-8"))
    assert description["kind"] == "panorama" and description["title"]
    assert path.stat().st_size <= PANORAMA_BYTES
    picture = cv2.imread(str(path))
    assert picture is not None
    assert picture.shape == (PANORAMA_SIZE[1], PANORAMA_SIZE[0], 3)
    sky = picture[: PANORAMA_SIZE[1] // 2].astype(np.float32)
    assert sky.std() > 10.0
    assert np.abs(sky[:, 0] - sky[:, -1]).mean() < 2.0 * np.abs(np.diff(sky, axis=1)).mean() + 1.0
    # The zenith is one point.
    assert sky[0].mean(axis=1).std() < 8.0
    x, y = description["sun"]
    column, row = round(x * PANORAMA_SIZE[0]), round(y * PANORAMA_SIZE[1])
    disc = sky[row - 2 : row + 3, column - 2 : column + 3]
    around = sky[row - 200 : row + 200, column - 200 : column + 200]
    assert disc.mean() > 180.0 and disc.mean() > 1.15 * around.mean()


@pytest.mark.parametrize("name", sorted(STILLS))
def test_still(name: str) -> None:
    path = FOLDER / f"{name}.jpg"
    assert path.stat().st_size < 2_500_000
    picture = cv2.imread(str(path))
    assert picture is not None
    assert picture.shape == (STILL_SIZE[1], STILL_SIZE[0], 3)
    sky = picture[: int(0.6 * STILL_SIZE[1])].astype(np.float32)
    assert sky.std() > 10.0
    edge = np.abs(sky[:, 0] - sky[:, -1]).mean()
    neighbours = np.abs(sky[:, 1:] - sky[:, :-1]).mean()
    assert edge < 2.0 * neighbours + 1.0


@pytest.mark.parametrize("name", sorted(LOOPS))
def test_video(name: str) -> None:
    path = FOLDER / f"{name}.mp4"
    assert path.stat().st_size < 6_000_000
    with av.open(path) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == VIDEO_SIZE
        assert stream.frames == round(LOOPS[name].seconds * LOOPS[name].rate)
        assert stream.average_rate == LOOPS[name].rate
        context = stream.codec_context
        assert context.pix_fmt == "yuv420p"
        assert (context.colorspace, context.color_range) == (1, 1)  # BT.709, limited
        first = next(container.decode(stream)).to_ndarray(format="gray").astype(np.float32)
    assert first.std() > 5.0
