"""How far a tracker's estimates are from the true rotations of a clip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.camera import Camera
from app.frame import F64, Tracking
from app.rotation import orthonormal, vector_from_rotation
from benchmarks.rotations.peers import Estimate

_GRID = 9
"""A homography's rotation is read off at so many points a row and a column of the picture."""


@dataclass(frozen=True, slots=True)
class Errors:
    """What is measured of one tracker on one clip.

    Of each frame-to-frame motion the error is the mean distance between where it and the truth put the
    picture's centre and four corners: `median_px`, `p95_px` over the frames; `centre_px` is the median at the
    centre alone. Over the whole clip: `drift_percent`, the distance at the end between the picture's centre
    and where the tracker has what is seen there, in percent of the picture's width (focal length times
    angle); `roll_deg`, the error about the line of sight at the end. `lost_percent` and `predicted_percent`
    are shares of frames. `ms` is the median CPU time of a frame.
    """

    median_px: float
    centre_px: float
    p95_px: float
    drift_percent: float
    roll_deg: float
    lost_percent: float
    predicted_percent: float
    ms: float


def errors(estimates: Sequence[Estimate], rotations: F64, camera: Camera) -> Errors:
    """The errors of estimates of the frames with the true rotations (N, 3, 3), camera to world."""
    points = _five_points(camera)
    missed = []
    for estimate, before, after in zip(estimates[1:], rotations, rotations[1:], strict=False):
        step = camera.matrix @ after.T @ before @ camera.inverse
        missed.append(np.hypot(*(_moved(estimate.step, points) - _moved(step, points)).T))
    missed_px = np.array(missed)
    each = missed_px.mean(axis=1)
    wrong = measured_rotations(estimates, camera)[-1].T @ rotations[0].T @ rotations[-1]
    aside = math.atan2(math.hypot(wrong[0, 2], wrong[1, 2]), wrong[2, 2])
    states = [estimate.state for estimate in estimates[1:]]
    return Errors(
        median_px=float(np.median(each)),
        centre_px=float(np.median(missed_px[:, 0])),
        p95_px=float(np.percentile(each, 95)),
        drift_percent=100 * camera.focal_px * aside / camera.size_wh[0],
        roll_deg=abs(math.degrees(float(vector_from_rotation(wrong)[2]))),
        lost_percent=100 * states.count(Tracking.LOST) / len(states),
        predicted_percent=100 * states.count(Tracking.PREDICTED) / len(states),
        ms=1e3 * float(np.median([estimate.seconds for estimate in estimates[1:]])),
    )


def measured_rotations(estimates: Sequence[Estimate], camera: Camera) -> F64:
    """From each frame's camera coordinates to the first's, float64 (N, 3, 3).

    The tracker's own where it gives them, else the product of the steps, each read as the rotation that
    comes nearest to it over the whole picture.
    """
    rotation, all_ = np.eye(3), []
    for estimate in estimates:
        if estimate.rotation is not None:
            rotation = estimate.rotation
        elif all_:
            rotation = orthonormal(rotation @ rotation_of(estimate.step, camera).T)
        all_.append(rotation)
    return np.stack(all_)


def rotation_of(step: F64, camera: Camera) -> F64:
    """The rotation, last camera's coordinates to this one's, that moves a picture most like a homography:
    least squares over the rays of a grid of points (Kabsch)."""
    width, height = camera.size_wh
    x, y = np.meshgrid(np.linspace(0, width - 1, _GRID), np.linspace(0, height - 1, _GRID))
    points = np.column_stack([x.ravel(), y.ravel()])
    before, after = _rays(points, camera), _rays(_moved(step, points), camera)
    left, _, right = np.linalg.svd(after.T @ before)
    return np.asarray(left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right, np.float64)


def _five_points(camera: Camera) -> F64:
    right, bottom = (length - 1 for length in camera.size_wh)
    return np.array([[right / 2, bottom / 2], [0, 0], [right, 0], [0, bottom], [right, bottom]])


def _moved(homography: F64, points: F64) -> F64:
    moved = np.column_stack([points, np.ones(len(points))]) @ homography.T
    return np.asarray(moved[:, :2] / moved[:, 2:], np.float64)


def _rays(points: F64, camera: Camera) -> F64:
    rays = np.column_stack([points, np.ones(len(points))]) @ camera.inverse.T
    return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True), np.float64)
