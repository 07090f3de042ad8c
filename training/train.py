"""Trains the matting network within a time budget: `python -m training.train RUN --data DIR --minutes M`.

The schedule runs on elapsed training time, not on steps, so that a slow or busy machine still finishes its
schedule. A run that is started again in the same folder goes on where its last checkpoint ended.

On a machine that does other work too, set OMP_WAIT_POLICY=passive: threads that spin while they wait for a
descheduled partner were measured to take four times the CPU time.

A GPU is used where there is one. There, and on processors that compute in bfloat16 themselves, the network
runs in bfloat16; others emulate it, at a tenth of their speed.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from app.matting.stage import network_size
from export.checkpoint import CheckpointError
from export.network import (
    COORD_RESNET50,
    QUALITY,
    MatteNet,
    MattingNetwork,
    NetworkSpec,
    build_network,
    settle_norms,
)
from training.augment import Array, augment
from training.checkpoint import averaged_network, reading
from training.cleaning import load_for_training
from training.cutouts import Cutout, render_cutouts
from training.data import (
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
)
from training.evaluate import to_input, to_size
from training.losses import LossWeights, matte_loss
from training.metrics import Tally, table
from training.pretrained import load_mobilenet
from training.skies import render_skies

SIZES_WH: tuple[tuple[tuple[int, int], float], ...] = (
    ((384, 224), 0.5),
    ((352, 256), 0.22),
    ((288, 288), 0.1),
    ((224, 384), 0.08),
    ((448, 192), 0.1),
)
"""Input sizes of the batches, all of about as many pixels, and their shares."""

SPECS = {"matte": NetworkSpec(), "quality": QUALITY, "coord_resnet50": COORD_RESNET50}
LOAD_SIDE = 480
VALIDATION_PICTURES = 25
RENDERED_SKIES, CUTOUTS = 60, 160
LONGEST_STEP_S = 60.0
"""What a step counts at most: a process that was stopped for a while has not trained meanwhile."""
WORKERS = max(1, (os.cpu_count() or 2) // 2)
"""Threads that make the batches."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The numbers of a training run; `minutes` is its whole time budget.

    The encoder learns only from the share `encoder_from` of the budget on: before it, new layers behind one
    that is trained already find their place, at half the time a step. With `settled_norms` the batch norms
    keep the statistics that the network starts with.
    """

    minutes: float
    seed: int = 1
    batch: int = 8
    rate: float = 2e-3
    encoder_rate_factor: float = 0.4
    encoder_from: float = 0.0
    settled_norms: bool = False
    loss: LossWeights = dataclasses.field(default_factory=LossWeights)
    weight_decay: float = 0.01
    average: float = 0.999
    teacher_share: float = 0.5
    save_every_s: float = 180.0
    validate_every_s: float = 600.0


class Trainer:
    """One run: network, its running average, optimiser and clock."""

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        training: tuple[Sequence[Sample], Sequence[Picture]],
        validation: tuple[Sequence[Sample], Sequence[Picture]],
        skies: Sequence[Array],
        cutouts: Sequence[Cutout],
        start: MattingNetwork,
        teacher: MattingNetwork | None = None,
    ) -> None:
        self.folder = folder
        self.recipe = recipe
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.pictures = training[1]
        self.weights = draw_weights(training[0])
        self.validation = validation
        self.skies = skies
        self.cutouts = cutouts
        self.network = start.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if recipe.settled_norms:
            settle_norms(self.network)
        self.averaged = copy.deepcopy(self.network).eval()
        self.teacher = None if teacher is None else teacher.eval().to(self.device)
        named = list(self.network.named_parameters())
        encoder = [parameter for name, parameter in named if name.startswith("encoder.")]
        others = [parameter for name, parameter in named if not name.startswith("encoder.")]
        self.optimizer = torch.optim.AdamW(
            [{"params": encoder, "factor": recipe.encoder_rate_factor}, {"params": others, "factor": 1.0}],
            lr=recipe.rate,
            weight_decay=recipe.weight_decay,
        )
        self.step = 0
        self.elapsed_s = 0.0
        self.best_score = -math.inf

    def run(self) -> None:
        """Trains until the budget is used up, then validates and saves once more."""
        budget_s = 60.0 * self.recipe.minutes
        last_save = last_validation = self.elapsed_s
        losses: list[float] = []
        with ThreadPoolExecutor(WORKERS, "augment") as pool:
            batches = self._batches(pool)
            mark = time.monotonic()
            while self.elapsed_s < budget_s:
                losses.append(self._train_step(next(batches), self.elapsed_s / budget_s))
                now = time.monotonic()
                self.elapsed_s += min(now - mark, LONGEST_STEP_S)
                mark = now
                if self.elapsed_s - last_save >= self.recipe.save_every_s:
                    last_save = self.elapsed_s
                    self._report(losses)
                    losses.clear()
                    self.save("last.pt")
                if self.elapsed_s - last_validation >= self.recipe.validate_every_s:
                    last_validation = self.elapsed_s
                    self._validate()
        self._validate()
        self.save("last.pt")

    def save(self, name: str) -> None:
        """Writes a checkpoint that `resume` reads, whole or not at all."""
        state = {
            "spec": self.network.spec.to_json(),
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "elapsed_s": self.elapsed_s,
            "best_score": self.best_score,
        }
        part = self.folder / (name + ".part")
        torch.save(state, part)
        part.replace(self.folder / name)

    def resume(self) -> bool:
        """Goes on from the folder's last checkpoint; False where there is none; raises CheckpointError."""
        path = self.folder / "last.pt"
        if not path.exists():
            return False
        with reading(path):
            state: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
            self.network.load_state_dict(state["network"])
            self.averaged.load_state_dict(state["averaged"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.elapsed_s = state["step"], state["elapsed_s"]
            self.best_score = state["best_score"]
        return True

    def _train_step(self, batch: tuple[Tensor, Tensor, Tensor], progress: float) -> float:
        rate = self.recipe.rate * schedule(progress)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        image, alpha, valid = (part.to(self.device, non_blocking=True) for part in batch)
        self.network.train()
        for parameter in self.optimizer.param_groups[0]["params"]:
            parameter.requires_grad_(progress >= self.recipe.encoder_from)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=has_bfloat16(self.device)):
            logits = self.network.logits(image).float()
            taught = None if self.teacher is None else self._taught(image)
        loss = matte_loss(logits, alpha, valid, self.recipe.loss)
        if taught is not None:
            everywhere = torch.ones_like(taught)
            loss = loss + self.recipe.teacher_share * matte_loss(logits, taught, everywhere, self.recipe.loss)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        self._average()
        return float(loss.detach())

    @torch.no_grad()
    def _taught(self, image: Tensor) -> Tensor:
        """The teacher's alpha of the images: it speaks where labels are silent, too."""
        assert self.teacher is not None
        alpha: Tensor = self.teacher(image).float()
        return alpha

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        for kept, new in zip(
            self.averaged.state_dict().values(), self.network.state_dict().values(), strict=True
        ):
            if kept.is_floating_point():
                kept.lerp_(new, 1.0 - keep)
            else:
                kept.copy_(new)

    def _batches(self, pool: ThreadPoolExecutor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Endless batches, made ahead by the pool; what one holds depends on the seed and its step only."""
        ahead: list[Future[tuple[Tensor, Tensor, Tensor]]] = []
        step = self.step
        while True:
            while len(ahead) < 2 * WORKERS + 1:
                ahead.append(pool.submit(self._make_batch, step))
                step += 1
            yield ahead.pop(0).result()

    def _make_batch(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = np.random.default_rng((self.recipe.seed, step))
        sizes, shares = zip(*SIZES_WH, strict=True)
        size_wh = sizes[rng.choice(len(sizes), p=shares)]
        indices = rng.choice(len(self.pictures), self.recipe.batch, p=self.weights)
        made = [augment(self.pictures[index], size_wh, self.skies, rng, self.cutouts) for index in indices]
        return to_batch(made)

    def _report(self, losses: Sequence[float]) -> None:
        share = self.elapsed_s / (60.0 * self.recipe.minutes)
        clock = f"{self.elapsed_s / 60:5.1f} min ({100 * share:3.0f} %)"
        print(f"step {self.step:6d}  {clock}  loss {np.mean(losses):.4f}", flush=True)

    def _validate(self) -> None:
        tallies = validate(self.averaged, *self.validation)
        print(table(tallies), flush=True)
        everything = sum(tallies.values(), Tally())
        mean_iou = np.nanmean([tally.iou for tally in tallies.values()])
        score = float(mean_iou - np.nan_to_num(everything.false_sky))
        if score > self.best_score:
            self.best_score = score
            self.save("best.pt")


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device itself computes in bfloat16."""
    return device.type == "cuda" or bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def schedule(progress: float) -> float:
    """The learning rate's factor at a share of the budget: 4 % warm-up, then half a cosine down to 1 %."""
    if progress < 0.04:
        return 0.05 + 0.95 * progress / 0.04
    return 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, (progress - 0.04) / 0.96)))


def to_batch(made: Sequence[tuple[Array, Array, Array]]) -> tuple[Tensor, Tensor, Tensor]:
    """(image (N, 3, H, W), alpha (N, 1, H, W), valid (N, 1, H, W)) as float32 in [0, 1], channels last."""
    images, alphas, valids = (np.stack(part) for part in zip(*made, strict=True))
    image = torch.from_numpy(images).permute(0, 3, 1, 2).to(torch.float32).div_(255.0)
    alpha, valid = (
        torch.from_numpy(part)[:, None].to(torch.float32).div_(255.0) for part in (alphas, valids)
    )
    return image, alpha, valid


@torch.no_grad()
def validate(
    network: MattingNetwork, samples: Sequence[Sample], pictures: Sequence[Picture]
) -> dict[str, Tally]:
    """A tally per set of the network's alphas, each brought to its picture's size."""
    device = next(network.parameters()).device
    tallies: dict[str, Tally] = {}
    for sample, picture in zip(samples, pictures, strict=True):
        size_wh = (picture.alpha.shape[1], picture.alpha.shape[0])
        image = to_input(picture.image, network_size(size_wh, network.spec.working_size_wh))
        alpha = network(torch.from_numpy(image).to(device))[0, 0].cpu().numpy()
        tallies.setdefault(sample.dataset, Tally()).add(to_size(alpha, size_wh), picture.alpha, picture.valid)
    return tallies


def some_images(pictures: Sequence[Picture]) -> Tensor:
    """About 32 of the pictures as one batch, float32 (N, 3, 224, 224) in [0, 1]."""
    chosen = pictures[:: max(1, len(pictures) // 32)]
    return torch.from_numpy(np.concatenate([to_input(picture.image, (224, 224)) for picture in chosen]))


def take_over(network: MattingNetwork, weights: dict[str, Tensor]) -> None:
    """Copies the weights of another network to layers of the same name and shape; there must be some."""
    own = network.state_dict()
    shared = {
        name: value for name, value in weights.items() if name in own and own[name].shape == value.shape
    }
    if not shared:
        raise ValueError("no weights in common")
    network.load_state_dict(own | shared)


def loss_weight(text: str) -> tuple[str, float]:
    """(term, weight) of TERM=WEIGHT, such as laplacian=1; raises ArgumentTypeError for any other."""
    name, _, number = text.partition("=")
    known = [field.name for field in dataclasses.fields(LossWeights)]
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if name not in known or not 0 <= weight < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not TERM=WEIGHT with one of {', '.join(known)}")
    return name, weight


def validation_choice(samples: Sequence[Sample]) -> list[Sample]:
    """At most VALIDATION_PICTURES of each set, evenly spread."""
    by_set: dict[str, list[Sample]] = {}
    for sample in samples:
        by_set.setdefault(sample.dataset, []).append(sample)
    chosen = []
    for members in by_set.values():
        stride = max(1, math.ceil(len(members) / VALIDATION_PICTURES))
        chosen += members[::stride]
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
    parser.add_argument(
        "run", type=Path, help="folder of the run's checkpoints; an existing run is continued"
    )
    parser.add_argument("--data", help="folder of the labelled pictures (default: $SKYAR_DATA)")
    parser.add_argument("--minutes", type=float, required=True, help="time budget of the whole run")
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument("--rate", type=float, default=Recipe.rate, help="highest learning rate")
    parser.add_argument(
        "--encoder-from",
        type=float,
        default=Recipe.encoder_from,
        metavar="SHARE",
        help="share of the budget after which the encoder learns too",
    )
    parser.add_argument(
        "--settled-norms",
        action="store_true",
        help="keep the batch norms' statistics: for going on from a trained network, a third faster on a CPU",
    )
    parser.add_argument(
        "--loss",
        type=loss_weight,
        nargs="+",
        default=[],
        metavar="TERM=WEIGHT",
        help="what terms of the loss count: "
        + ", ".join(f"{field.name} ({field.default})" for field in dataclasses.fields(LossWeights)),
    )
    parser.add_argument(
        "--pseudo", type=Path, nargs="*", default=[], help="folders of pictures labelled by networks"
    )
    parser.add_argument("--skies", type=Path, nargs="*", default=[], help="pictures, or folders, of sky only")
    parser.add_argument("--network", choices=SPECS, default="matte")
    parser.add_argument("--teacher", type=Path, help="checkpoint of a larger network's run to learn from")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--backbone", type=Path, help="MobileNetV2 weights (.npz) to start from")
    start.add_argument(
        "--start",
        type=Path,
        help="checkpoint of another run to start from; layers of other shapes begin anew",
    )
    args = parser.parse_args(arguments)
    if args.backbone and args.network == "coord_resnet50":
        parser.error("--backbone holds weights for the networks matte and quality")
    torch.manual_seed(args.seed)
    cv2.setNumThreads(1)
    try:
        root = data_root(args.data)
        teacher = averaged_network(args.teacher) if args.teacher else None
        training = read_index(root, "train")
        skies = load_skies(args.skies)
        pseudo = [sample for folder in args.pseudo for sample in read_pseudo(folder)]
        training += pseudo
        cut = [cut_sky(load_picture(sample, LOAD_SIDE)) for sample in pseudo]
        skies += [sky for sky in cut if sky is not None]
        validation = validation_choice(read_index(root, "val"))
        pictures = [load_for_training(sample, LOAD_SIDE) for sample in training]
        network = build_network(SPECS[args.network])
        if args.backbone:
            assert isinstance(network, MatteNet)
            load_mobilenet(network.encoder, args.backbone, some_images(pictures))
        if args.start:
            with reading(args.start):
                take_over(network, torch.load(args.start, map_location="cpu", weights_only=True)["averaged"])
        trainer = Trainer(
            args.run,
            Recipe(
                args.minutes,
                args.seed,
                rate=args.rate,
                encoder_from=args.encoder_from,
                settled_norms=args.settled_norms,
                loss=LossWeights(**dict(args.loss)),
            ),
            (training, pictures),
            (validation, [load_picture(sample) for sample in validation]),
            skies + render_skies(RENDERED_SKIES, np.random.default_rng(args.seed)),
            render_cutouts(CUTOUTS, np.random.default_rng(args.seed)),
            network,
            teacher,
        )
        args.run.mkdir(parents=True, exist_ok=True)
        trainer.resume()
    except (CheckpointError, DataError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    trainer.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
