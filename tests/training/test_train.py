"""The training loop: it learns, goes on where it stopped, keeps to its budget, and can be released."""

import dataclasses
import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import training.train
from export.checkpoint import CheckpointError, load_checkpoint
from export.network import ConvNorm, MatteNet, MobileEncoder, NetworkSpec, settle_norms
from training import release
from training.checkpoint import averaged_network
from training.data import DATA_VARIABLE, DataError, load_picture, read_index
from training.pretrained import load_mobilenet
from training.train import Recipe, Trainer, main, schedule, take_over, validation_choice

SMALL = NetworkSpec(decoder=(8, 8, 8, 8))


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.train, "SIZES_WH", (((64, 32), 1.0),))
    monkeypatch.setattr(training.train, "CUTOUTS", 2)
    monkeypatch.setattr(training.train, "RENDERED_SKIES", 2)


@pytest.fixture
def second_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock by which every training step takes one second."""
    clock = itertools.count()
    monkeypatch.setattr(training.train, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))


def make_trainer(folder: Path, data: Path, minutes: float) -> Trainer:
    folder.mkdir(exist_ok=True)
    sets = [read_index(data, "train"), read_index(data, "val")]
    (train, train_pictures), (val, val_pictures) = ((s, [load_picture(x) for x in s]) for s in sets)
    torch.manual_seed(0)
    recipe = Recipe(minutes, batch=2)
    return Trainer(folder, recipe, (train, train_pictures), (val, val_pictures), [], [], MatteNet(SMALL))


@pytest.mark.usefixtures("second_a_step")
def test_a_run_goes_on_where_it_stopped(tiny_data: Path, tmp_path: Path) -> None:
    first = make_trainer(tmp_path / "run", tiny_data, minutes=0.05)
    assert not first.resume()
    first.run()
    assert (first.step, first.elapsed_s) == (3, 3.0)

    second = make_trainer(tmp_path / "run", tiny_data, minutes=0.1)
    assert second.resume()
    assert (second.step, second.elapsed_s) == (3, 3.0)
    for name, value in first.averaged.state_dict().items():
        assert torch.equal(second.averaged.state_dict()[name], value)
    second.run()
    assert (second.step, second.elapsed_s) == (6, 6.0)


def test_batches_depend_on_seed_and_step_only(tiny_data: Path, tmp_path: Path) -> None:
    one, two = (make_trainer(tmp_path / name, tiny_data, minutes=1) for name in ("a", "b"))
    assert all(torch.equal(a, b) for a, b in zip(one._make_batch(7), two._make_batch(7), strict=True))
    assert not torch.equal(one._make_batch(7)[0], one._make_batch(8)[0])


def test_steps_on_one_batch_lower_its_loss(tiny_data: Path, tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path / "run", tiny_data, minutes=1)
    batch = trainer._make_batch(0)
    losses = [trainer._train_step(batch, progress=0.05) for _ in range(15)]
    assert losses[-1] < 0.8 * losses[0]


def test_schedule_warms_up_and_comes_down() -> None:
    rates = [schedule(progress) for progress in np.linspace(0, 1.2, 100)]
    peak = int(np.argmax(rates))
    assert max(rates) <= 1.0 and 0 < peak < 6
    assert all(a >= b for a, b in zip(rates[peak:], rates[peak + 1 :], strict=False))
    assert rates[-1] == pytest.approx(0.01)


@pytest.mark.usefixtures("second_a_step")
def test_command_line_trains_and_releases(
    tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert main([str(run), "--data", str(tiny_data), "--minutes", "0.01"]) == 0
    assert "roads" in capsys.readouterr().out
    weights = tmp_path / "net.safetensors"
    assert release.main([str(run / "last.pt"), "--out", str(weights)]) == 0
    network, origin = load_checkpoint(weights)
    assert network.spec == NetworkSpec() and origin.name == "matte" and "CamVid" in origin.data


def test_missing_data_and_weights_are_one_line(
    tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    run = str(tmp_path / "run")
    absent = str(tmp_path / "absent")
    for arguments, named in (
        ([run, "--minutes", "1"], DATA_VARIABLE),
        ([run, "--minutes", "1", "--data", absent], absent),
        ([run, "--minutes", "1", "--data", str(tiny_data), "--backbone", absent], absent),
        ([run, "--minutes", "1", "--data", str(tiny_data), "--start", absent], absent),
    ):
        assert main(arguments) == 1
        error = capsys.readouterr().err
        assert named in error and error.count("\n") == 1
    assert release.main([str(tiny_data / "index.csv")]) == 1
    assert "index.csv" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"junk\n", None], ids=["empty", "text", "another network"])
def test_damaged_checkpoints_are_one_line(
    tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    bad = run / "last.pt"
    if content is None:
        torch.save({"spec": "{}", "network": {}, "averaged": {}}, bad)
    else:
        bad.write_bytes(content)
    training = ["--minutes", "1", "--data", str(tiny_data)]
    assert main([str(run), *training]) == 1
    assert main([str(tmp_path / "other"), *training, "--start", str(bad)]) == 1
    assert release.main([str(bad), "--out", str(tmp_path / "x.safetensors")]) == 1
    assert (
        capsys.readouterr().err.splitlines()
        == [f"{bad}: not a checkpoint of a training run of this network"] * 3
    )
    assert not (tmp_path / "x.safetensors").exists()


def test_backbone_is_for_the_mobile_network_only(tiny_data: Path, tmp_path: Path) -> None:
    arguments = [str(tmp_path), "--minutes", "1", "--data", str(tiny_data), "--backbone", "x.npz"]
    with torch.device("meta"), pytest.raises(SystemExit, match="2"):
        main([*arguments, "--network", "coord_resnet50"])


def test_validation_takes_some_of_each_set(tiny_data: Path) -> None:
    sample = read_index(tiny_data, "val")[0]
    assert len(validation_choice([sample] * 101)) == 21
    assert len(validation_choice([sample] * 5)) == 5


def test_backbone_of_other_width_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, kernel=np.zeros((3, 3, 3, 32), np.float32))
    with pytest.raises(DataError, match=r"other\.npz"):
        load_mobilenet(MobileEncoder(0.35), path, torch.rand(1, 3, 64, 64))


def test_released_logits_are_sharpened() -> None:
    network = MatteNet(SMALL).eval()
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        before = network.logits(image)
        release.sharpen(network)
        assert torch.allclose(network.logits(image), release.SHARPNESS * before, atol=1e-4)


@pytest.mark.usefixtures("second_a_step")
def test_runs_are_released_as_their_mean(tiny_data: Path, tmp_path: Path) -> None:
    paths = []
    for name, minutes in (("a", 0.05), ("b", 0.1)):
        trainer = make_trainer(tmp_path / name, tiny_data, minutes)
        trainer.run()
        paths.append(tmp_path / name / "last.pt")
    release.release(paths, tmp_path / "both.safetensors")
    both, _ = load_checkpoint(tmp_path / "both.safetensors")
    one, two = (averaged_network(path).state_dict() for path in paths)
    stem = "encoder.stem.conv.weight"
    assert not torch.equal(one[stem], two[stem])
    assert torch.allclose(both.state_dict()[stem], (one[stem] + two[stem]) / 2)


def test_runs_of_different_networks_have_no_mean(tiny_data: Path, tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path / "a", tiny_data, 1)
    trainer.save("last.pt")
    trainer.network.spec = dataclasses.replace(SMALL, working_size_wh=(64, 32))
    trainer.save("other.pt")
    paths = [tmp_path / "a" / name for name in ("last.pt", "other.pt")]
    with pytest.raises(CheckpointError, match=r"other\.pt: another network than .*last\.pt"):
        release.release(paths, tmp_path / "both.safetensors")


def test_settled_norms_keep_their_statistics(tiny_data: Path, tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path / "run", tiny_data, minutes=1)
    settle_norms(trainer.network)
    assert isinstance(trainer.network, MatteNet)
    norm = trainer.network.encoder.stem.norm
    assert norm.running_mean is not None
    before = norm.running_mean.clone(), norm.weight.detach().clone()
    trainer._train_step(trainer._make_batch(0), progress=0.05)
    assert torch.equal(norm.running_mean, before[0])
    assert not torch.equal(norm.weight, before[1])


def test_a_teacher_is_followed_where_labels_are_silent(tiny_data: Path, tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path / "run", tiny_data, minutes=1)
    torch.manual_seed(1)
    trainer.teacher = MatteNet(SMALL).eval()
    image, alpha, _ = trainer._make_batch(0)
    silent = torch.zeros_like(alpha)
    target = trainer._taught(image)
    before = (trainer.network(image) - target).abs().mean()
    for _ in range(15):
        trainer._train_step((image, alpha, silent), progress=0.05)
    assert (trainer.network(image) - target).abs().mean() < 0.7 * before


def test_the_encoder_may_wait_for_the_new_layers(tiny_data: Path, tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path / "run", tiny_data, minutes=1)
    trainer.recipe = dataclasses.replace(trainer.recipe, encoder_from=0.5)
    assert isinstance(trainer.network, MatteNet)
    stem, logit = trainer.network.encoder.stem.conv.weight, trainer.network.logit.weight
    changed = []
    for progress in (0.4, 0.6):
        old = stem.detach().clone(), logit.detach().clone()
        trainer._train_step(trainer._make_batch(0), progress)
        changed.append((not torch.equal(old[0], stem), not torch.equal(old[1], logit)))
    assert changed == [(False, True), (True, True)]


def test_layers_of_another_shape_begin_anew(tiny_data: Path, tmp_path: Path) -> None:
    other = MatteNet(NetworkSpec(decoder=(8, 8, 8, 16)))
    mine = MatteNet(SMALL)
    fresh = mine.logit.weight.detach().clone()
    take_over(mine, other.state_dict())
    assert torch.equal(mine.logit.weight, fresh)
    assert torch.equal(mine.encoder.stem.conv.weight, other.encoder.stem.conv.weight)
    with pytest.raises(ValueError, match="in common"):
        take_over(mine, {"x": torch.zeros(1)})


def test_folded_norms_are_unfolded_without_a_change(tmp_path: Path) -> None:
    """What the encoder computes is the folded weights' result, and stays so in training mode."""
    torch.manual_seed(0)
    encoder, images = MobileEncoder(0.35).eval(), torch.rand(4, 3, 64, 64)
    folded = {}
    layers = [layer for layer in encoder.modules() if isinstance(layer, ConvNorm)]
    for number, layer in enumerate(layers):
        layer.norm.bias.data.normal_(0, 0.3)
        scale = (1 + layer.norm.eps) ** -0.5
        if number == 0:
            layer.conv.weight.data[:, 3] = 0
        folded[f"{number}.weight"] = (layer.conv.weight.detach() * scale).numpy()
        folded[f"{number}.bias"] = layer.norm.bias.detach().numpy()
    folded["0.weight"] = folded["0.weight"][:, :3]
    path = tmp_path / "folded.npz"
    np.savez(path, **folded)
    loaded = MobileEncoder(0.35)
    load_mobilenet(loaded, path, images)
    with torch.no_grad():
        expected = encoder(images)[2]
        assert torch.allclose(loaded.eval()(images)[2], expected, atol=1e-3)
        loaded.train()
        assert torch.allclose(loaded(images)[2], expected, atol=0.1)


@pytest.mark.parametrize("text", ["laplace=1", "gradient", "gradient=x", "overlap=-1", "edges=inf"])
def test_a_wrong_term_of_the_loss_is_refused(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main([str(tmp_path / "run"), "--minutes", "1", "--loss", text])
    assert exit_info.value.code == 2
    assert f"{text!r} is not TERM=WEIGHT" in capsys.readouterr().err
