"""Trains the matting network within a time budget: `python -m training.train RUN --data DIR --minutes M`.

The schedule runs on elapsed training time, not on steps, so that a slow or busy machine still finishes its
schedule. A run that is started again in the same folder goes on where its last checkpoint ended.

On a machine that does other work too, set OMP_WAIT_POLICY=passive: threads that spin while they wait for a
descheduled partner were measured to take four times the CPU time.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import math
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
from export.network import COORD_RESNET50, MatteNet, MattingNetwork, NetworkSpec, build_network
from training.augment import Array, augment
from training.checkpoint import reading
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
from training.losses import matte_loss
from training.metrics import Tally, table
from training.pretrained import load_mobilenet

SIZES_WH: tuple[tuple[tuple[int, int], float], ...] = (
    ((384, 224), 0.5),
    ((352, 256), 0.22),
    ((288, 288), 0.1),
    ((224, 384), 0.08),
    ((448, 192), 0.1),
)
"""Input sizes of the batches, all of about as many pixels, and their shares."""

SPECS = {spec.architecture: spec for spec in (NetworkSpec(), COORD_RESNET50)}
LOAD_SIDE = 480
VALIDATION_PICTURES = 25


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The numbers of a training run; `minutes` is its whole time budget."""

    minutes: float
    seed: int = 1
    batch: int = 16
    rate: float = 2e-3
    encoder_rate_factor: float = 0.4
    weight_decay: float = 0.01
    average: float = 0.999
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
        start: MattingNetwork,
    ) -> None:
        self.folder = folder
        self.recipe = recipe
        self.pictures = training[1]
        self.weights = draw_weights(training[0])
        self.validation = validation
        self.skies = skies
        self.network = start.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(self.network).eval()
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
        with ThreadPoolExecutor(1, "augment") as pool:
            batches = self._batches(pool)
            mark = time.monotonic()
            while self.elapsed_s < budget_s:
                losses.append(self._train_step(next(batches), self.elapsed_s / budget_s))
                now = time.monotonic()
                self.elapsed_s += now - mark
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
            state: dict[str, Any] = torch.load(path, weights_only=True)
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
        image, alpha, valid = batch
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.network.logits(image)
        loss = matte_loss(logits.float(), alpha, valid)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        self._average()
        return float(loss.detach())

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
            while len(ahead) < 3:
                ahead.append(pool.submit(self._make_batch, step))
                step += 1
            yield ahead.pop(0).result()

    def _make_batch(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = np.random.default_rng((self.recipe.seed, step))
        sizes, shares = zip(*SIZES_WH, strict=True)
        size_wh = sizes[rng.choice(len(sizes), p=shares)]
        indices = rng.choice(len(self.pictures), self.recipe.batch, p=self.weights)
        made = [augment(self.pictures[index], size_wh, self.skies, rng) for index in indices]
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
    tallies: dict[str, Tally] = {}
    for sample, picture in zip(samples, pictures, strict=True):
        size_wh = (picture.alpha.shape[1], picture.alpha.shape[0])
        image = to_input(picture.image, network_size(size_wh, network.spec.working_size_wh))
        alpha = network(torch.from_numpy(image))[0, 0].numpy()
        tallies.setdefault(sample.dataset, Tally()).add(to_size(alpha, size_wh), picture.alpha, picture.valid)
    return tallies


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
    parser.add_argument("--pseudo", type=Path, help="folder of pictures with mattes made by other networks")
    parser.add_argument("--skies", type=Path, nargs="*", default=[], help="pictures, or folders, of sky only")
    parser.add_argument("--architecture", choices=SPECS, default="matte")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--backbone", type=Path, help="MobileNetV2 weights (.npz, Keras names) to start from")
    start.add_argument("--start", type=Path, help="checkpoint of another run to start from")
    args = parser.parse_args(arguments)
    torch.manual_seed(args.seed)
    cv2.setNumThreads(1)
    try:
        root = data_root(args.data)
        training = read_index(root, "train")
        skies = load_skies(args.skies)
        if args.pseudo:
            pseudo = read_pseudo(args.pseudo)
            training += pseudo
            cut = [cut_sky(load_picture(sample, LOAD_SIDE)) for sample in pseudo]
            skies += [sky for sky in cut if sky is not None]
        validation = validation_choice(read_index(root, "val"))
        network = build_network(SPECS[args.architecture])
        if args.backbone:
            if not isinstance(network, MatteNet):
                parser.error("--backbone holds weights for the architecture matte")
            load_mobilenet(network.encoder, args.backbone)
        if args.start:
            with reading(args.start):
                network.load_state_dict(torch.load(args.start, weights_only=True)["averaged"])
        trainer = Trainer(
            args.run,
            Recipe(args.minutes, args.seed, rate=args.rate),
            (training, [load_picture(sample, LOAD_SIDE) for sample in training]),
            (validation, [load_picture(sample) for sample in validation]),
            skies,
            network,
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
