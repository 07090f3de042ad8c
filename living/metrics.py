"""Measures of skies that move: what a loop's seam, its motion, its land, its light and its grain are like.

Pictures are luma, uint8 or float32 (H, W), unless it says otherwise; where pixels are chosen, `where` is bool
(H, W).
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.frame import F32, F64, U8
from living.noise import NoiseBank

Bool = NDArray[np.bool_]

FLOW_WIDTH = 256
"""Width of the pictures in which motion is told, as DeepLandscape's clips are measured."""
_TEXTURE = 3.0
"""Local deviation, in levels, from which on there is something that can be followed."""
_FINE = 1.5
"""What a blur of this deviation takes away is grain and sharp edges."""


def luma_of(rgb: U8, width: int | None = None) -> U8:
    """Luma (BT.709) of a picture, RGB, uint8 (H, W, 3), at a width."""
    if width is not None and width < rgb.shape[1]:
        size_wh = width, max(1, round(rgb.shape[0] * width / rgb.shape[1]))
        rgb = np.asarray(cv2.resize(rgb, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(np.rint(rgb @ np.array([0.2126, 0.7152, 0.0722])), np.uint8)


def steps(frames: Sequence[U8]) -> F64:
    """Mean absolute difference from each frame to the next, and last from the last to the first: (n,)."""
    around = [*frames[1:], frames[0]]
    return np.array([np.abs(a.astype(np.int16) - b).mean() for a, b in zip(frames, around, strict=True)])


def seam(step: F64) -> float:
    """How a loop's last step, of `steps`, compares to the median of the others; 1 is none, inf of a still."""
    usual = float(np.median(step[:-1]))
    return float(step[-1]) / usual if usual > 0 else (1.0 if step[-1] == 0 else np.inf)


class FlowError(NamedTuple):
    """How measured motion differs from what was asked for, in pixels and degrees.

    asked, measured: mean lengths. epe: mean length of the difference. mean_epe: length of the mean
    difference. degrees: angle between the two means.
    """

    asked: float
    measured: float
    epe: float
    mean_epe: float
    degrees: float


def textured(picture: U8, where: Bool) -> Bool:
    """Those of the pixels around which there is texture that can be followed."""
    values = picture.astype(np.float32)
    sigma = picture.shape[1] / 64
    mean = cv2.GaussianBlur(values, (0, 0), sigma)
    square = cv2.GaussianBlur(values * values, (0, 0), sigma)
    return np.asarray(where & (square - mean * mean > _TEXTURE**2), np.bool_)


def flow_error(measured: F32, asked: F32, where: Bool) -> FlowError:
    """Of two flows, float32 (H, W, 2), over some pixels; raises ValueError where there are none."""
    if not where.any():
        raise ValueError("nothing to measure motion by")
    found, wanted = measured[where].astype(np.float64), asked[where].astype(np.float64)
    apart = found - wanted
    mean_found, mean_wanted = found.mean(axis=0), wanted.mean(axis=0)
    turn = np.arctan2(mean_found[1], mean_found[0]) - np.arctan2(mean_wanted[1], mean_wanted[0])
    return FlowError(
        float(np.hypot(*wanted.T).mean()),
        float(np.hypot(*found.T).mean()),
        float(np.hypot(*apart.T).mean()),
        float(np.hypot(*apart.mean(axis=0))),
        float(np.degrees(np.abs((turn + np.pi) % (2 * np.pi) - np.pi))),
    )


def moved_land(frames: Sequence[U8], where: Bool) -> int:
    """By how many levels pixels that are to stand still differ, at most, from the first frame's."""
    first = frames[0].astype(np.int16)
    return max(int(np.abs(frame.astype(np.int16) - first)[where].max(initial=0)) for frame in frames)


def monotone(values: Sequence[float]) -> float:
    """Share of the steps that go the way from the first value to the last, or nowhere."""
    way = 1.0 if values[-1] >= values[0] else -1.0
    return float((way * np.diff(np.asarray(values, np.float64)) >= 0).mean())


def sharpness(frame: U8, where: Bool) -> float:
    """Mean square of what is fine in a picture, in squared levels."""
    values = frame.astype(np.float32)
    fine = values - cv2.GaussianBlur(values, (0, 0), _FINE)
    return float((fine[where] ** 2).mean())


def flicker(sharpnesses: Sequence[float]) -> float:
    """Deviation of the sharpness over time, over its mean."""
    values = np.asarray(sharpnesses, np.float64)
    return float(values.std() / max(values.mean(), 1e-9))


def fast_flicker(sharpnesses: Sequence[float]) -> float:
    """The same around a mean over nine frames: without what comes into view and goes."""
    values = np.asarray(sharpnesses, np.float64)
    reach = max(1, min(9, (len(values) - 1) // 2 * 2 + 1))
    slow = np.convolve(np.pad(values, reach // 2, mode="edge"), np.ones(reach) / reach, mode="valid")
    return float((values - slow).std() / max(values.mean(), 1e-9))


def noise_variance(bank: NoiseBank, shifts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Least and largest variance of any level of the noise, moved by (x, y), of a picture 2 wide and high."""
    found = []
    for x, y in shifts:
        motion = np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])
        found += [float(level.var()) for level in bank.state(motion)]
    return min(found), max(found)
