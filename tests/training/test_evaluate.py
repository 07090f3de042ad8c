"""The evaluation: hand-made alphas give hand-counted numbers; the command line runs the shipped network."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from engines.registry import open_engine
from training.cases import labelled_cases
from training.data import DATA_VARIABLE, read_index
from training.evaluate import MODELS, evaluate, grouped, groups, main, net_matte, numbers, to_input, to_size
from training.metrics import Array, Tally


def half_sky(rgb: Array) -> Array:
    """Sky in the upper half, whatever the picture."""
    alpha = np.zeros(rgb.shape[:2], np.uint8)
    alpha[: rgb.shape[0] // 2] = 255
    return alpha


def test_numbers_of_a_known_alpha(tiny_data: Path, tmp_path: Path) -> None:
    cases = labelled_cases(read_index(tiny_data, "val"), tiny_data)  # horizons at rows 35, 40, none, of 64
    results = evaluate(half_sky, cases, tmp_path / "dump")
    found = numbers(grouped(results, lambda case: case.dataset)["roads"])
    assert found["pictures"] == 3
    assert found["iou"] == pytest.approx((32 + 32) / (35 + 40 + 32))
    assert found["mean_iou"] == pytest.approx((32 / 35 + 32 / 40) / 2)
    assert found["wrong_share"] == pytest.approx((3 + 8 + 32) / (3 * 64))
    assert found["false_sky"] == pytest.approx(0.5)
    assert found["mad"] is None


def test_alphas_are_dumped_under_the_pictures_own_paths(tiny_data: Path, tmp_path: Path) -> None:
    (tiny_data / "deep").mkdir()
    (tiny_data / "3.png").rename(tiny_data / "deep" / "3.v1.png")
    index = tiny_data / "index.csv"
    index.write_text(index.read_text().replace("val,3.png", "val,deep/3.v1.png"))
    evaluate(half_sky, labelled_cases(read_index(tiny_data, "val"), tiny_data), tmp_path / "dump")
    dumped = cv2.imread(str(tmp_path / "dump" / "deep" / "3.v1.png"), cv2.IMREAD_UNCHANGED)
    assert dumped is not None and dumped.shape == (64, 96) and dumped[31, 0] == 255 and dumped[32, 0] == 0
    assert len(list((tmp_path / "dump").rglob("*.png"))) == 3


def test_groups_by_set_and_condition(tiny_data: Path) -> None:
    index = tiny_data / "index.csv"
    index.write_text(index.read_text().replace("4.png,m4.png,hard,day", "4.png,m4.png,hard,fog"))
    found = groups(evaluate(half_sky, labelled_cases(read_index(tiny_data, "val"), tiny_data)))
    assert list(found["set"]) == ["roads"]
    assert {name: tally.pictures for name, tally in found["condition"].items()} == {"day": 2, "fog": 1}
    assert list(found["set, condition"]) == ["roads, day", "roads, fog"]
    assert found["condition"]["fog"].iou == pytest.approx(32 / 40)


def test_nothing_counted_is_null() -> None:
    assert numbers(Tally())["iou"] is None


def test_input_and_output_scaling() -> None:
    rgb = np.zeros((100, 200, 3), np.uint8)
    rgb[..., 0] = 255
    image = to_input(rgb, (64, 32))
    assert image.shape == (1, 3, 32, 64) and image.dtype == np.float32
    assert image[0, 0].min() == 1.0 and image[0, 1].max() == 0.0
    assert to_size(np.ones((32, 64), np.float32), (200, 100)).shape == (100, 200)
    assert to_size(np.full((2, 2), 0.5, np.float32), (4, 4)).max() == 128


@pytest.mark.parametrize("stage", ["net", "full"])
def test_command_line(
    tiny_data: Path, tmp_path: Path, stage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out, sheet = tmp_path / "result.json", tmp_path / "worst.jpg"
    arguments = ["--data", str(tiny_data), "--stage", stage, "--json", str(out), "--worst", str(sheet)]
    assert main([*arguments, "--night"]) == 0
    assert "roads" in capsys.readouterr().out
    result = json.loads(out.read_text())
    assert result["stage"] == stage and result["all labelled"]["pictures"] == 3
    assert result["set"]["night (made)"]["pictures"] == 2  # the third shows no sky
    shown = cv2.imread(str(sheet))
    assert shown is not None and shown.shape == (2 * 160, 3 * 3 * 212, 3)  # five pictures, three in a row


def test_bad_model_and_data_are_one_line(
    tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    for arguments, named in (
        ([], DATA_VARIABLE),
        (["--data", str(tmp_path / "absent")], "absent"),
        (["--data", str(tiny_data), "--model", "absent"], "absent"),
        (["--data", str(tiny_data), "--model", str(tiny_data / "index.csv")], "index.csv"),
        (["--data", str(tiny_data), "--json", str(tmp_path / "no" / "x.json")], "x.json"),
        (["--data", str(tiny_data), "--json", str(tmp_path)], str(tmp_path)),
        (["--data", str(tiny_data), "--worst", str(tmp_path / "no" / "x.jpg")], "x.jpg"),
    ):
        assert main(arguments) == 1
        out, error = capsys.readouterr()
        assert named in error and error.count("\n") == 1 and not out


def test_network_without_alpha_is_refused(
    tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = onnx.load(MODELS / "matte.onnx")
    model.graph.output[0].name = "depth"
    for node in model.graph.node:
        node.output[:] = ["depth" if name == "alpha" else name for name in node.output]
    path = tmp_path / "depth.onnx"
    onnx.save(model, path)
    for stage in ("net", "full"):
        assert main(["--data", str(tiny_data), "--model", str(path), "--stage", stage]) == 1
        error = capsys.readouterr().err
        assert f"{path}: not a matting network" in error and error.count("\n") == 1


@pytest.mark.skipif(DATA_VARIABLE not in os.environ, reason=f"{DATA_VARIABLE} names no labelled pictures")
def test_shipped_network_finds_the_sky_of_some_road_pictures() -> None:
    roads = [s for s in read_index(Path(os.environ[DATA_VARIABLE]), "val") if s.dataset == "camvid"]
    cases = labelled_cases(roads[::10], Path(os.environ[DATA_VARIABLE]))
    with open_engine(MODELS / "matte.onnx", "ort", 1) as engine:
        results = evaluate(net_matte(engine), cases)
    assert grouped(results, lambda case: case.dataset)["camvid"].iou > 0.85
