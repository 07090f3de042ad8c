"""Trackers to compare: each follows a clip and says, frame by frame, how the camera moved."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from app.camera import Camera
from app.config import CONFIGS, load_config
from app.frame import F32, F64, NO_SPANS, U8, Foreground, Found, Frame, Matted, Tracking
from app.tracking.stage import TrackingStage


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """What a tracker says of a frame.

    `step` is the homography, float64 (3, 3), from the last frame's pixels to this one's. `rotation` is the
    measured one from this frame's camera coordinates to the first frame's, `shown` the one by which a sky is
    placed; None where the tracker knows no rotations: then all that is known is the steps. `seconds` of CPU.
    """

    step: F64
    state: Tracking
    seconds: float
    rotation: F64 | None = None
    shown: F64 | None = None


Follow = Callable[[Frame, U8], Estimate]
"""Takes a clip's frames in order, each with its alpha, uint8 (H, W)."""
Tracker = Callable[[Camera], Follow]
Step = Callable[[U8, U8, U8, Camera], F64 | None]
"""From the last luma, its alpha and this luma to a homography, None where nothing is found."""


def ours(camera: Camera) -> Follow:
    """The program's own tracking stage, as configured by default."""
    stage = TrackingStage(load_config(CONFIGS / "default.toml").tracking, camera.size_wh)

    def follow(frame: Frame, alpha: U8) -> Estimate:
        found = Found(float((alpha > 127).mean()), 1.0)
        matted = Matted(frame, alpha, Foreground(frame.planes, NO_SPANS), found)
        began = time.thread_time()
        motion = stage.process(matted).motion
        passed = time.thread_time() - began
        return Estimate(motion.step, motion.state, passed, motion.rotation, motion.view.rotation)

    return follow


def stepwise(step: Step) -> Tracker:
    """A tracker that looks at two frames at a time, and takes the camera to stand where it finds nothing."""

    def tracker(camera: Camera) -> Follow:
        last: list[tuple[U8, U8]] = []

        def follow(frame: Frame, alpha: U8) -> Estimate:
            began = time.thread_time()
            found = step(*last.pop(), frame.planes.y, camera) if last else np.eye(3)
            passed = time.thread_time() - began
            last.append((frame.planes.y, alpha))
            if found is None:
                return Estimate(np.eye(3), Tracking.LOST, passed)
            return Estimate(found, Tracking.TRACKED, passed)

        return follow

    return tracker


def identity(before: U8, alpha: U8, after: U8, camera: Camera) -> F64 | None:
    """The sky sticks to the camera."""
    return np.eye(3)


def skyar(before: U8, alpha: U8, after: U8, camera: Camera) -> F64 | None:
    """SkyAR's model: shift and roll of corners within the sky; nothing if they are too few (section 3.2)."""
    sky = (alpha > 252).astype(np.uint8)
    if sky.mean() < 0.05:
        return None
    side = round(0.05 * alpha.shape[0])
    inner = np.asarray(cv2.erode(sky, np.ones((side, side), np.uint8)), np.uint8)
    points = _corners(before, inner)
    if points is None:
        return None
    source, target = _followed(before, after, points)
    if len(source) < 10:
        return None
    moved = np.hypot(*(target - source).T)
    usual = np.abs(moved - np.median(moved)) < 1.5
    source, target = source[usual], target[usual]
    if len(source) < 10:
        return None
    return _rigid(_affine(source, target), source.mean(axis=0))


def whole_affine(before: U8, alpha: U8, after: U8, camera: Camera) -> F64 | None:
    """OpenCV's partial affine map (shift, roll, scale; RANSAC) of corners anywhere in the picture."""
    points = _corners(before, None)
    if points is None:
        return None
    source, target = _followed(before, after, points)
    return _affine(source, target) if len(source) >= 10 else None


def plain_rotation(before: U8, alpha: U8, after: U8, camera: Camera) -> F64 | None:
    """A rotation by reweighted least squares on corners anywhere in the picture."""
    points = _corners(before, None)
    if points is None:
        return None
    source, target = _followed(before, after, points)
    if len(source) < 10:
        return None
    before_rays, after_rays = _rays(source, camera), _rays(target, camera)
    rotation = np.eye(3)
    weight = np.ones(len(source))
    for _ in range(10):
        left, _, right = np.linalg.svd((weight[:, None] * after_rays).T @ before_rays)
        rotation = left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right
        missed = np.linalg.norm(after_rays - before_rays @ rotation.T, axis=1)
        usual = 1.4826 * float(np.median(missed)) + 1e-9
        weight = 1 / (1 + (missed / (2 * usual)) ** 2) ** 2
    return np.asarray(camera.matrix @ rotation @ camera.inverse, np.float64)


TRACKERS: dict[str, Tracker] = {
    "identity": stepwise(identity),
    "SkyAR": stepwise(skyar),
    "affine": stepwise(whole_affine),
    "plain": stepwise(plain_rotation),
    "ours": ours,
}


def _corners(luma: U8, mask: U8 | None) -> F32 | None:
    found = cv2.goodFeaturesToTrack(luma, 200, 0.01, 30, mask=mask, blockSize=3)
    return cast(F32 | None, found)


def _followed(before: U8, after: U8, points: F32) -> tuple[F64, F64]:
    """Points that are found again, and where, float64 (N, 2) each."""
    target, found, _ = cv2.calcOpticalFlowPyrLK(before, after, points, None)  # type: ignore[call-overload]
    kept = found[:, 0] > 0
    return points[kept, 0].astype(np.float64), target[kept, 0].astype(np.float64)


def _affine(source: F64, target: F64) -> F64 | None:
    matrix, _ = cv2.estimateAffinePartial2D(source, target)
    if matrix is None:
        return None
    return np.vstack([matrix, [0.0, 0.0, 1.0]])


def _rigid(affine: F64 | None, middle: F64) -> F64 | None:
    """Shift and roll of a partial affine map, without its scale about the points' middle (2,)."""
    if affine is None:
        return None
    rigid = affine.copy()
    rigid[:2, :2] /= math.hypot(affine[0, 0], affine[1, 0])
    rigid[:2, 2] += (affine[:2, :2] - rigid[:2, :2]) @ middle
    return rigid


def _rays(points: F64, camera: Camera) -> F64:
    rays = np.column_stack([points, np.ones(len(points))]) @ camera.inverse.T
    return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True), np.float64)
