"""What gets between the camera and the world: a truck that moves, and things that stay in the picture."""

from __future__ import annotations

import math
from typing import Literal

import cv2
import numpy as np

from app.frame import F64, U8, Planes

Truck = Literal["sways", "passes"]

_SIZES_WH = {"sways": (900, 410), "passes": (2600, 300)}
_PASSING_PX_S = 126.0


class TruckSide:
    """A truck's side, full of texture, that covers 40 % of a picture of 1280x720."""

    def __init__(self, way: Truck, seed: int) -> None:
        """`sways`: it drives along, now a little faster, now slower; `passes`: it is long and goes by."""
        self._way = way
        self._luma, self._chroma = _painted(_SIZES_WH[way], np.random.default_rng(seed))

    def before(self, planes: Planes, alpha: U8, seconds: float) -> tuple[Planes, U8]:
        """The picture (I420) and the sky's alpha, uint8 (H, W), with the truck before them."""
        place = self._place(seconds)
        size_wh = planes.size_wh
        cover = _warped(np.full_like(self._luma, 255), place, size_wh)
        share = (cover / 255.0).astype(np.float32)
        y = planes.y + share * (_warped(self._luma, place, size_wh) - planes.y.astype(np.float32))
        half_wh = (planes.u.shape[1], planes.u.shape[0])
        chroma_share = np.asarray(cv2.resize(share, half_wh, interpolation=cv2.INTER_AREA), np.float32)
        chroma = []
        for source, plane in zip(self._chroma, planes[1:], strict=True):
            seen = cv2.resize(_warped(source, place, size_wh), half_wh, interpolation=cv2.INTER_AREA)
            chroma.append(plane + chroma_share * (seen - plane.astype(np.float32)))
        u, v = (np.rint(plane).astype(np.uint8) for plane in chroma)
        return Planes(np.rint(y).astype(np.uint8), u, v), np.rint(alpha * (1 - share)).astype(np.uint8)

    def _place(self, seconds: float) -> F64:
        """From the truck's pixels to the picture's, float64 (2, 3)."""
        bounce = 1.5 * math.sin(2 * math.pi * 2.3 * seconds)
        if self._way == "passes":
            return np.array([[1, 0, -40 - _PASSING_PX_S * seconds], [0, 1, 414 + bounce]])
        scale = 1 + 0.04 * math.sin(2 * math.pi * seconds / 6.7)
        width, height = _SIZES_WH["sways"]
        x = 640 + 180 * math.sin(2 * math.pi * seconds / 7.3 + 0.8) - scale * width / 2
        return np.array([[scale, 0, x], [0, scale, 470 + bounce - scale * height / 2]])


class Dashboard:
    """A bonnet, a logo, a running clock and a faint reflection that stay where they are in the picture."""

    def __init__(self, size_wh: tuple[int, int], seed: int) -> None:
        width, height = size_wh
        rng = np.random.default_rng(seed)
        self._bonnet = np.zeros((height, width), np.uint8)
        cv2.ellipse(self._bonnet, (width // 2, height + 40), (width * 11 // 20, 170), 0, 180, 360, 255, -1)
        shine = cv2.GaussianBlur(rng.standard_normal((height, width)), (0, 0), 9)
        self._shine = 60 + 30 * shine / shine.std()
        coarse = cv2.GaussianBlur(rng.standard_normal((height, width)), (0, 0), 14)
        self._reflection = 9 * np.clip(coarse / coarse.std(), 0, None)

    def before(self, planes: Planes, alpha: U8, seconds: float) -> tuple[Planes, U8]:
        """The picture (I420) and the sky's alpha, uint8 (H, W), with all of them before."""
        share = self._bonnet / 255.0
        y = planes.y + self._reflection
        y = y + share * (self._shine - y)
        picture = np.clip(np.rint(y), 16, 235).astype(np.uint8)
        clear = np.rint(alpha * (1 - share)).astype(np.uint8)
        width = picture.shape[1]
        for pen, level in ((picture, 225), (clear, 0)):
            text = f"2024-06-01 14:03:{int(seconds):02d}"
            cv2.putText(pen, text, (24, 48), cv2.FONT_HERSHEY_SIMPLEX, 1.1, level, 3)
            cv2.circle(pen, (width - 90, 70), 42, level, 6)
            cv2.putText(pen, "TV", (width - 116, 84), cv2.FONT_HERSHEY_SIMPLEX, 1.2, level, 4)
        return Planes(picture, planes.u, planes.v), clear


def _painted(size_wh: tuple[int, int], rng: np.random.Generator) -> tuple[U8, tuple[U8, U8]]:
    """Luma and chroma, uint8 (H, W) each, of a tarpaulin with letters, stripes and dirt over wheels."""
    width, height = size_wh
    luma = np.full((height, width), 150, np.uint8)
    u, v = np.full_like(luma, 118), np.full_like(luma, 146)
    for _ in range(width // 14):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        size = (int(rng.integers(8, 120)), int(rng.integers(8, 60)))
        level = int(rng.integers(40, 225))
        cv2.rectangle(luma, (x, y), (x + size[0], y + size[1]), level, -1)
        cv2.rectangle(u, (x, y), (x + size[0], y + size[1]), int(rng.integers(100, 150)), -1)
        cv2.rectangle(v, (x, y), (x + size[0], y + size[1]), int(rng.integers(100, 160)), -1)
    for _ in range(width // 30):
        x, y = int(rng.integers(0, width)), int(rng.integers(20, height))
        text = "".join(rng.choice(list("ABCDEFGHKLMNPRSTUVXZ"), 5))
        scale, level = float(rng.uniform(0.6, 2.4)), int(rng.choice([35, 220]))
        cv2.putText(luma, text, (x, y), cv2.FONT_HERSHEY_DUPLEX, scale, level, 2)
    for x in range(60, width, 170):
        cv2.circle(luma, (x, height - 28), 40, 28, -1)
        cv2.circle(luma, (x, height - 28), 18, 130, 4)
    dirt = cv2.GaussianBlur(rng.standard_normal((height, width)), (0, 0), 1.5)
    dirty = np.clip(luma + 8 * dirt / dirt.std(), 16, 235)
    return np.rint(dirty).astype(np.uint8), (u, v)


def _warped(picture: U8, place: F64, size_wh: tuple[int, int]) -> U8:
    return np.asarray(cv2.warpAffine(picture, place, size_wh, flags=cv2.INTER_LINEAR), np.uint8)
