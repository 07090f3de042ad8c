"""A sheet of the pictures that went worst: each with its truth and the alpha found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from training.cases import Case
from training.data import DataError
from training.metrics import Array, Tally

_PANEL_WH = (212, 144)
_TEXT_HEIGHT = 16
_COLUMNS = 3
_SKY = (255, 0, 200)
_UNKNOWN = (110, 110, 110)


def worst_sheet(path: Path, worst: Sequence[tuple[Case, Tally]], matte: Callable[[Array], Array]) -> None:
    """Writes the sheet: per case picture, truth and alpha (magenta; unlabelled grey), name and numbers."""
    cells = [_cell(case, tally, matte) for case, tally in worst]
    while len(cells) % _COLUMNS:
        cells.append(np.zeros_like(cells[0]))
    rows = [np.hstack(cells[i : i + _COLUMNS]) for i in range(0, len(cells), _COLUMNS)]
    if not cv2.imwrite(str(path), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)):
        raise DataError(f"{path}: cannot be written")


def tinted(image: Array, alpha: Array, valid: Array | None = None) -> Array:
    """The picture, its sky half magenta; where nothing is known half grey."""
    share = alpha.astype(np.float32)[..., None] / 510
    mixed = image * (1 - share) + share * np.array(_SKY, np.float32)
    if valid is not None:
        mixed[valid == 0] = 0.5 * image[valid == 0] + 0.5 * np.array(_UNKNOWN)
    return np.asarray(np.rint(mixed), np.uint8)


def _cell(case: Case, tally: Tally, matte: Callable[[Array], Array]) -> Array:
    picture = case.load()
    truth = tinted(picture.image, picture.alpha, picture.valid)
    found = tinted(picture.image, matte(picture.image))
    text = np.zeros((_TEXT_HEIGHT, 3 * _PANEL_WH[0], 3), np.uint8)
    label = f"{case.dataset}  {case.name.stem}  IoU {tally.iou:.3f}  wrong {100 * tally.wrong_share:.1f} %"
    cv2.putText(text, label, (2, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return np.vstack([np.hstack([_panel(part) for part in (picture.image, truth, found)]), text])


def _panel(picture: Array) -> Array:
    """The picture made to fit a panel, black around it."""
    height, width = picture.shape[:2]
    scale = min(_PANEL_WH[0] / width, _PANEL_WH[1] / height)
    size_wh = (max(1, int(width * scale)), max(1, int(height * scale)))
    panel = np.zeros((_PANEL_WH[1], _PANEL_WH[0], 3), np.uint8)
    panel[: size_wh[1], : size_wh[0]] = cv2.resize(picture, size_wh, interpolation=cv2.INTER_AREA)
    return panel
