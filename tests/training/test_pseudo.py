"""Labels made by a network: sure pixels only, sure pictures only, in an index that training reads."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from torch import Tensor

from export.network import MattingNetwork, NetworkSpec
from training import pseudo
from training.data import IGNORE, DataError, load_picture, read_pseudo
from training.pseudo import main, mask_of, pictures, views


class Brightness(MattingNetwork):
    """Finds sky where the picture is bright."""

    def logits(self, image: Tensor) -> Tensor:
        return 40.0 * (image.mean(dim=1, keepdim=True) - 0.5)


@pytest.fixture
def teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Brightness(NetworkSpec(working_size_wh=(96, 64)))
    monkeypatch.setattr(pseudo, "averaged_network", lambda path: network)


def half_bright(size_wh: tuple[int, int] = (120, 80)) -> np.ndarray:
    picture = np.full((size_wh[1], size_wh[0], 3), 20, np.uint8)
    picture[: size_wh[1] // 2] = 230
    return picture


def test_mirrored_and_larger_views_lie_over_each_other() -> None:
    picture = half_bright()
    picture[:, :30] = 20
    alphas = views(Brightness(NetworkSpec(working_size_wh=(96, 64))), picture)
    assert alphas.shape == (4, 80, 120)
    inside = np.ones((80, 120), bool)
    inside[35:45], inside[:, 25:35] = False, False
    truth = np.where(picture[..., 0] > 128, 1.0, 0.0)
    assert np.abs(alphas - truth)[:, inside].max() < 0.05


def test_unsure_pixels_stay_unlabelled_and_unsure_pictures_are_left_out() -> None:
    alphas = np.zeros((4, 10, 10), np.float32)
    alphas[:, :5] = 1.0
    alphas[:, 5, :5] = 0.6
    mask = mask_of(alphas)
    assert mask is not None
    assert (mask[:5] == 255).all() and (mask[6:] == 0).all()
    assert (mask[5, :5] == IGNORE).all() and (mask[5, 5:] == 0).all()
    unsure = np.full((4, 10, 10), 0.5, np.float32)
    assert mask_of(unsure) is None
    apart = np.zeros((4, 10, 10), np.float32)
    apart[0, :2] = 0.5
    apart[1, 2:9] = 0.5
    assert mask_of(apart) is None


@pytest.mark.usefixtures("teacher")
def test_a_folder_is_labelled_and_read_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    for name in ("one", "two"):
        cv2.imwrite(str(source / f"{name}.png"), half_bright())
    cv2.imwrite(str(source / "grey.png"), np.full((80, 120, 3), 127, np.uint8))
    assert main([str(out), str(source), "--checkpoint", "net.pt", "--drop", "two"]) == 0
    assert "1 of 3 pictures labelled" in capsys.readouterr().out
    (sample,) = read_pseudo(out)
    picture = load_picture(sample)
    assert sample.dataset == "pseudo" and not sample.soft
    assert (picture.alpha[:30] == 255).all() and (picture.alpha[50:] == 0).all()
    assert (out / "sheet.jpg").is_file()


@pytest.mark.usefixtures("teacher")
def test_what_cannot_be_labelled_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    assert main([str(tmp_path / "out"), str(tmp_path / "bad.png"), "--checkpoint", "net.pt"]) == 1
    assert capsys.readouterr().err == f"{tmp_path / 'bad.png'}: not a readable picture\n"
    with pytest.raises(DataError, match="no pictures"):
        (tmp_path / "empty").mkdir()
        list(pictures([tmp_path / "empty"]))


def test_a_clip_gives_a_frame_every_two_seconds(tmp_path: Path) -> None:
    path = str(tmp_path / "clip.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"MJPG"), 5.0, (64, 48))
    for level in range(0, 250, 10):
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    found = [(name, int(image.mean())) for name, image in pictures([Path(path)])]
    assert [name for name, _ in found] == ["clip_00005", "clip_00015"]
    assert abs(found[0][1] - 50) < 6 and abs(found[1][1] - 150) < 6
