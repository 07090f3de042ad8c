"""A made-up set of labelled pictures, small enough to train on within a test."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

COLUMNS = ("dataset", "split", "image", "mask", "labels", "condition")


@pytest.fixture
def tiny_data(tmp_path: Path) -> Path:
    """Six pictures, 96x64: blue sky over brown ground; the last of each split shows no sky."""
    root = tmp_path / "data"
    root.mkdir()
    rng = np.random.default_rng(0)
    rows = []
    for index in range(6):
        split = "train" if index < 3 else "val"
        horizon = 0 if index % 3 == 2 else 20 + 5 * index
        mask = np.zeros((64, 96), np.uint8)
        mask[:horizon] = 255
        image = np.where(mask[..., None] > 0, (230, 180, 120), (40, 60, 90)) + rng.integers(0, 9, (64, 96, 3))
        cv2.imwrite(str(root / f"{index}.png"), image.astype(np.uint8))
        cv2.imwrite(str(root / f"m{index}.png"), mask)
        rows.append(("roads", split, f"{index}.png", f"m{index}.png", "hard", "day"))
    with (root / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return root


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Threads that wait for each other would make small networks slow on a busy machine."""
    torch.set_num_threads(1)
