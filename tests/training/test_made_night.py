"""Pictures made night, and crops with a traced skyline."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.data import DATA_VARIABLE, Picture, read_index
from training.made_night import as_night, night_cases
from training.night_crops import SCENES, crop_cases


def day_picture() -> Picture:
    """A bright sky over a grey street, with a house before the sky."""
    image = np.full((360, 480, 3), 110, np.uint8)
    alpha = np.zeros((360, 480), np.uint8)
    alpha[:210] = 255
    alpha[60:210, 180:300] = 0
    image[alpha == 255] = (200, 220, 250)
    return Picture(image, alpha, np.full_like(alpha, 255), soft=False)


def test_night_is_dark_and_leaves_the_truth_alone() -> None:
    picture = day_picture()
    skies = []
    for seed in range(12):
        night = as_night(picture, np.random.default_rng(seed))
        assert night.shape == picture.image.shape and night.dtype == np.uint8
        skies.append(float(night[picture.alpha == 255].mean()))
    assert max(skies) < 160 and np.median(skies) < 90  # by day 223
    assert np.std(skies) > 5


def test_no_daylight_is_left_along_edges() -> None:
    """Labels are never exact to the pixel: what shines around the house by day must not do so by night."""
    picture = day_picture()
    picture.image[60:210, 178:180] = 250
    picture.alpha[60:210, 178:180] = 0  # bright sky that is labelled as house
    for seed in range(12):
        night = as_night(picture, np.random.default_rng(seed)).astype(np.float32).mean(axis=2)
        rim, sky = night[90:180, 178:180].mean(), night[90:180, 120:160].mean()
        house = night[90:180, 190:290].mean()
        assert rim < max(sky, house) + 25


def test_night_cases_are_day_pictures_with_sky_and_repeat(tiny_data: Path) -> None:
    index = tiny_data / "index.csv"
    index.write_text(index.read_text().replace("3.png,m3.png,hard,day", "3.png,m3.png,hard,night"))
    cases = night_cases(read_index(tiny_data, "val"), tiny_data)
    assert [case.name.as_posix() for case in cases] == ["night (made)/4.png"]
    first, again = cases[0].load(), cases[0].load()
    assert np.array_equal(first.image, again.image)
    day = cv2.imread(str(tiny_data / "4.png"))
    assert day is not None and first.image.mean() < 0.7 * day.mean()


def test_sets_larger_than_fifty_are_thinned_evenly(tiny_data: Path) -> None:
    index = tiny_data / "index.csv"
    row = next(line for line in index.read_text().splitlines() if ",val,4.png" in line)
    with index.open("a") as file:
        file.write("\n".join([row] * 119) + "\n")
    assert len(night_cases(read_index(tiny_data, "val"), tiny_data)) == 50


def test_without_their_folder_there_are_no_crops(tmp_path: Path) -> None:
    assert crop_cases(tmp_path / "absent") == []


def test_a_crop_is_cut_from_file_and_skyline_alike(tmp_path: Path) -> None:
    scene = next(scene for scene in SCENES if scene.file.endswith("storm47.jpg"))
    path = tmp_path / scene.file
    path.parent.mkdir(parents=True)
    picture = np.zeros((512, 512, 3), np.uint8)
    picture[:363] = (250, 0, 0)  # blue, as stored
    for other in SCENES:
        (tmp_path / other.file).parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture)
    case = next(case for case in crop_cases(tmp_path) if case.name.stem == "storm47_0_180")
    cut = case.load()
    assert cut.image.shape == (332, 512, 3) and cut.alpha.shape == cut.valid.shape == (332, 512)
    known = cut.valid > 0
    assert np.array_equal(cut.image[known][:, 2] > 128, cut.alpha[known] > 128)
    assert 0 < (~known).sum() < 512 * 12


@pytest.mark.skipif(DATA_VARIABLE not in os.environ, reason=f"{DATA_VARIABLE} names no labelled pictures")
def test_crops_lie_within_their_files_and_show_both() -> None:
    folder = Path(os.environ[DATA_VARIABLE]).parent / "skies"
    if not folder.is_dir():
        pytest.skip("no folder of skies beside the labelled pictures")
    cases = crop_cases(folder)
    assert len(cases) == sum(len(scene.crops) for scene in SCENES)
    for case, box in zip(cases, (box for scene in SCENES for box in scene.crops), strict=True):
        picture = case.load()
        assert picture.alpha.shape == (box[3] - box[1], box[2] - box[0])
        sky = (picture.alpha[picture.valid > 0] > 127).mean()
        assert 0.2 < sky < 0.9
