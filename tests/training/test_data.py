"""The index and its masks: hard, soft, ignore, splits, shares, and what is said when data are missing."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.data import (
    BAD_LABELS,
    CONDITION_FACTORS,
    DATA_VARIABLE,
    SHARES,
    DataError,
    Picture,
    Sample,
    cut_sky,
    data_root,
    draw_weights,
    load_picture,
    load_skies,
    read_index,
    read_pseudo,
    split_mask,
)

COLUMNS = ("dataset", "split", "image", "mask", "labels", "condition")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three pictures, 8x6: a hard and a soft one to train on, a hard one to validate on."""
    rows = [
        ("roads", "train", "a.png", "am.png", "hard", "day"),
        ("mattes", "train", "b.png", "bm.png", "soft", "day"),
        ("roads", "val", "c.png", "cm.png", "hard", "night"),
    ]
    for row in rows:
        image = np.zeros((6, 8, 3), np.uint8)
        image[..., 2] = 200  # red, as OpenCV writes BGR
        mask = np.repeat(np.array([[255], [255], [128], [128], [0], [0]], np.uint8), 8, axis=1)
        cv2.imwrite(str(tmp_path / row[2]), image)
        cv2.imwrite(str(tmp_path / row[3]), mask)
    with (tmp_path / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return tmp_path


def test_splits(root: Path) -> None:
    assert [s.dataset for s in read_index(root, "train")] == ["roads", "mattes"]
    assert [s.image.name for s in read_index(root, "val")] == ["c.png"]
    assert len(read_index(root, "all")) == 3


def test_128_is_ignored_in_hard_masks_and_an_alpha_in_soft_ones(root: Path) -> None:
    hard, soft = (load_picture(sample) for sample in read_index(root, "train"))
    assert hard.alpha[:, 0].tolist() == [255, 255, 0, 0, 0, 0]
    assert hard.valid[:, 0].tolist() == [255, 255, 0, 0, 255, 255]
    assert soft.alpha[:, 0].tolist() == [255, 255, 128, 128, 0, 0]
    assert soft.valid.min() == 255
    assert soft.soft and not hard.soft


def test_pictures_are_rgb(root: Path) -> None:
    assert load_picture(read_index(root, "val")[0]).image[0, 0].tolist() == [200, 0, 0]


def test_reduced_pixels_are_valid_only_where_all_their_parts_are(root: Path) -> None:
    picture = load_picture(read_index(root, "val")[0], max_side=4)
    assert picture.image.shape == (3, 4, 3)
    assert picture.alpha[:, 0].tolist() == [255, 0, 0]
    assert picture.valid[:, 0].tolist() == [255, 0, 255]


def test_split_mask_keeps_soft_values() -> None:
    mask = np.array([[0, 1, 128, 254, 255]], np.uint8)
    alpha, valid = split_mask(mask, soft=True)
    assert alpha.tolist() == mask.tolist() and valid.min() == 255


def test_each_set_is_drawn_by_its_share_however_many_pictures_it_has() -> None:
    def sample(dataset: str) -> Sample:
        return Sample(dataset, "train", Path(), Path(), False)

    weights = draw_weights([sample("camvid"), sample("camvid"), sample("cityscapes_sub"), sample("new")])
    assert weights.sum() == pytest.approx(1.0)
    assert weights[0] == weights[1]
    assert weights[:2].sum() / weights[2] == pytest.approx(SHARES["camvid"] / SHARES["cityscapes_sub"])
    assert weights[3] > 0


def test_fog_is_drawn_more_often_than_day_within_its_set() -> None:
    day, fog = (
        Sample("oasis_marine", "train", Path(), Path(), False, condition) for condition in ("day", "fog")
    )
    weights = draw_weights([day, day, fog])
    assert weights[2] / weights[0] == pytest.approx(CONDITION_FACTORS["fog"])


def test_pictures_with_bad_labels_are_never_drawn() -> None:
    bad, good, other = (
        Sample("labelmefacade", "train", Path(f"{name}.jpg"), Path(), False)
        for name in (min(BAD_LABELS), "good", "other")
    )
    weights = draw_weights([bad, good, other])
    assert weights.tolist() == pytest.approx([0.0, 0.5, 0.5])


def test_missing_data_are_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    with pytest.raises(DataError, match=DATA_VARIABLE):
        data_root(None)
    monkeypatch.setenv(DATA_VARIABLE, str(root))
    assert data_root(None) == root
    with pytest.raises(DataError, match="nowhere"):
        read_index(root / "nowhere", "train")
    (root / "a.png").unlink()
    with pytest.raises(DataError, match=r"a\.png"):
        load_picture(read_index(root, "train")[0])


def test_broken_index_is_named(tmp_path: Path) -> None:
    index = tmp_path / "index.csv"
    index.write_text("dataset,split\nroads,train\n")
    with pytest.raises(DataError, match="no column"):
        read_index(tmp_path, "train")
    index.write_text(",".join(COLUMNS) + "\nroads,train,a.png,am.png,fuzzy,day\n")
    with pytest.raises(DataError, match="fuzzy"):
        read_index(tmp_path, "train")
    index.write_text(",".join(COLUMNS) + "\nroads,train,a.png,am.png,hard,day\n")
    with pytest.raises(DataError, match="split val"):
        read_index(tmp_path, "val")


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\x00junk", ",".join(COLUMNS).encode() + b"\nroads,val,a.png\n"],
    ids=["bytes", "cut row"],
)
def test_index_that_is_no_table_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "index.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"index\.csv: (not a CSV file|labels must be)"):
        read_index(tmp_path, "val")


def test_skies_come_from_files_and_folders(root: Path) -> None:
    (root / "skies").mkdir()
    cv2.imwrite(str(root / "skies" / "s.png"), np.zeros((4, 1024, 3), np.uint8))
    skies = load_skies([root / "skies", root / "a.png"])
    assert [sky.shape for sky in skies] == [(2, 512, 3), (6, 8, 3)]
    with pytest.raises(DataError, match=r"index\.csv"):
        load_skies([root / "index.csv"])


def test_mattes_of_other_networks_are_soft_and_for_training(root: Path) -> None:
    (root / "index.csv").write_text("image,mask\na.png,am.png\n")
    (sample,) = read_pseudo(root)
    assert (sample.dataset, sample.split, sample.soft) == ("pseudo", "train", True)


def test_the_largest_rectangle_of_sky_is_cut_from_the_top() -> None:
    image = np.zeros((9, 4, 3), np.uint8)
    alpha = np.zeros((9, 4), np.uint8)
    alpha[:5] = 255
    alpha[4, 2] = 100
    sky = cut_sky(Picture(image, alpha, alpha, soft=True))
    assert sky is not None and sky.shape == (4, 4, 3)
    alpha[1, 0] = 0
    sky = cut_sky(Picture(image, alpha, alpha, soft=True))
    assert sky is not None and sky.shape == (4, 3, 3)
    alpha[1] = 0
    assert cut_sky(Picture(image, alpha, alpha, soft=True)) is None
    everything = cut_sky(Picture(image, np.full_like(alpha, 255), alpha, soft=True))
    assert everything is not None and everything.shape == image.shape
    assert cut_sky(Picture(image, np.zeros_like(alpha), alpha, soft=True)) is None
