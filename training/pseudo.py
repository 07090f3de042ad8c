"""Labels pictures without labels: `python -m training.pseudo OUT --checkpoint RUN/last.pt SOURCE ...`.

The teacher is a trained network seen from four sides: at its working size and at half as many pixels more
each way, each plain and mirrored. The mean of its four alphas is sky or ground where it is sure; the rest
stays unlabelled. A picture on which the four disagree too much is left out: look at OUT/sheet.jpg and name
others to be left out with --drop. OUT gets images, masks (0, 255, 128 = unlabelled) and index.csv, as
`training.train --pseudo` reads them. Of clips a frame every two seconds is taken.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from app.matting.stage import network_size
from export.checkpoint import CheckpointError
from export.network import MattingNetwork
from training.checkpoint import averaged_network
from training.data import IGNORE, DataError
from training.evaluate import to_input
from training.metrics import Array
from training.worst import tinted

F32 = NDArray[np.float32]

CLIPS = frozenset({".mp4", ".avi", ".mkv", ".mov", ".webm"})
SECONDS_APART = 2.0
LONGEST_SIDE = 640
SURE = 0.85
"""A pixel is labelled where the mean alpha is at least so near to 0 or 1."""
MOST_UNSURE, MOST_APART = 0.1, 0.03
"""A picture is kept with at most this share of unlabelled pixels and this mean deviation of the four."""
_SCALES = (1.0, 1.5)
_TILE_WH = (240, 160)
_COLUMNS = 6


def views(network: MattingNetwork, image: Array) -> F32:
    """The four alphas of a picture, uint8 (H, W, 3) RGB: float32 (4, H, W) in [0, 1]."""
    size_wh = (image.shape[1], image.shape[0])
    working = network.spec.working_size_wh
    found = []
    for scale in _SCALES:
        net_wh = network_size(size_wh, (round(scale * working[0]), round(scale * working[1])))
        for mirror in (False, True):
            seen = np.ascontiguousarray(image[:, ::-1]) if mirror else image
            with torch.no_grad():
                alpha = network(torch.from_numpy(to_input(seen, net_wh)))[0, 0].numpy()
            alpha = alpha[:, ::-1] if mirror else alpha
            found.append(cv2.resize(np.ascontiguousarray(alpha), size_wh, interpolation=cv2.INTER_LINEAR))
    return np.stack(found).astype(np.float32)


def mask_of(alphas: F32) -> Array | None:
    """The mask of a picture from its alphas (N, H, W): 255, 0 or 128; None where they are of no use."""
    mean = alphas.mean(axis=0)
    mask = np.where(mean >= SURE, 255, np.where(mean <= 1.0 - SURE, 0, IGNORE)).astype(np.uint8)
    unsure, apart = float((mask == IGNORE).mean()), float(alphas.std(axis=0).mean())
    return mask if unsure <= MOST_UNSURE and apart <= MOST_APART else None


def pictures(paths: Iterable[Path]) -> Iterator[tuple[str, Array]]:
    """(name, uint8 (H, W, 3) RGB) of picture files, folders of them, and clips; raises DataError."""
    for path in paths:
        files = sorted(path.rglob("*.jpg")) + sorted(path.rglob("*.png")) if path.is_dir() else [path]
        if not files:
            raise DataError(f"{path}: no pictures")
        for file in files:
            frames = _frames(file) if file.suffix in CLIPS else [(file.stem, cv2.imread(str(file)))]
            for name, bgr in frames:
                if bgr is None:
                    raise DataError(f"{file}: not a readable picture")
                scale = min(1.0, LONGEST_SIDE / max(bgr.shape[:2]))
                small = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
                yield name, np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), np.uint8)


def _frames(clip: Path) -> Iterator[tuple[str, Array | None]]:
    capture = cv2.VideoCapture(str(clip))
    step = max(1, round(SECONDS_APART * (capture.get(cv2.CAP_PROP_FPS) or 30.0)))
    index = 0
    while capture.grab():
        if index % step == step // 2:
            yield f"{clip.stem}_{index:05d}", np.asarray(capture.retrieve()[1], np.uint8)
        index += 1
    capture.release()
    if not index:
        yield clip.stem, None


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.pseudo", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("sources", type=Path, nargs="+", metavar="SOURCE", help="pictures, folders, clips")
    parser.add_argument("--checkpoint", type=Path, required=True, help="a training run's checkpoint")
    parser.add_argument("--drop", nargs="*", default=[], metavar="NAME", help="pictures that went wrong")
    args = parser.parse_args(arguments)
    try:
        network = averaged_network(args.checkpoint)
        for name in ("images", "masks"):
            (args.out / name).mkdir(parents=True, exist_ok=True)
        rows, tiles, seen = [], [], 0
        for name, image in pictures(args.sources):
            seen += 1
            mask = None if name in args.drop else mask_of(views(network, image))
            if mask is None:
                continue
            row = {"image": f"images/{name}.jpg", "mask": f"masks/{name}.png", "labels": "hard"}
            cv2.imwrite(str(args.out / row["image"]), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
            cv2.imwrite(str(args.out / row["mask"]), mask)
            rows.append(row)
            tiles.append(_tile(name, image, mask))
        if not rows:
            raise DataError(f"{args.out}: the network is sure of none of {seen} pictures")
        with (args.out / "index.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % _COLUMNS)
        lines = [np.hstack(tiles[at : at + _COLUMNS]) for at in range(0, len(tiles), _COLUMNS)]
        cv2.imwrite(str(args.out / "sheet.jpg"), cv2.cvtColor(np.vstack(lines), cv2.COLOR_RGB2BGR))
    except (CheckpointError, DataError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{args.out}: {len(rows)} of {seen} pictures labelled")
    return 0


def _tile(name: str, image: Array, mask: Array) -> Array:
    sure = np.where(mask == IGNORE, 0, 255).astype(np.uint8)
    shown = tinted(image, np.where(mask == 255, 255, 0).astype(np.uint8), sure)
    tile = np.asarray(cv2.resize(shown, _TILE_WH, interpolation=cv2.INTER_AREA), np.uint8)
    cv2.putText(tile, name, (3, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 255, 0), 1, cv2.LINE_AA)
    return tile


if __name__ == "__main__":
    sys.exit(main())
