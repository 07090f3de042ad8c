"""How far a tracker's estimates are from the true rotations of a clip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from app.camera import Camera
from app.frame import F64, Tracking
from app.rotation import orthonormal, vector_from_rotation
from benchmarks.rotations.clips import Truth
from benchmarks.rotations.peers import Estimate

_GRID = 9
"""A homography's rotation is read off at so many points a row and a column of the picture."""


@dataclass(frozen=True, slots=True)
class Errors:
    """What is measured of one tracker on one clip.

    Of each frame-to-frame motion the error is the mean distance between where it and the truth put the
    picture's centre and four corners: `median_px`, `p95_px` over the frames; `centre_px` is the median at the
    centre alone. Motions out of or into a blank picture and across cuts do not count. `drift_percent` is the
    distance at the end between the picture's centre and where the tracker has what is seen there, in percent
    of the picture's width (focal length times angle); `roll_deg` the error about the line of sight then: both
    since the first frame or the last cut, the worst where there are cuts. `lost_percent` and
    `predicted_percent` are shares of the frames that count. `ms` is the median CPU time of a frame.

    After a blank: `jump_px` is the largest error of a frame-to-frame motion by which a placed sky moves, once
    there is a picture again; `return_px` that of the motion into the first such picture. `missed_cuts` is the
    number of cuts at which the tracker says that it has tracked.
    """

    median_px: float
    centre_px: float
    p95_px: float
    drift_percent: float
    roll_deg: float
    lost_percent: float
    predicted_percent: float
    ms: float
    jump_px: float | None
    return_px: float | None
    missed_cuts: int


def errors(estimates: Sequence[Estimate], truth: Truth, camera: Camera) -> Errors:
    """The errors of one estimate for each frame of the truth."""
    true_steps = np.stack(
        [camera.matrix @ after.T @ before @ camera.inverse for before, after in pairwise(truth.rotations)]
    )
    missed = _missed(np.stack([estimate.step for estimate in estimates[1:]]), true_steps, camera)
    same = np.diff(truth.parts) == 0
    counts = same & truth.seen[1:] & truth.seen[:-1]
    each = missed[counts].mean(axis=1)
    drifts, rolls = _drifts(estimates, truth, camera)
    states = [estimate.state for estimate, counted in zip(estimates[1:], counts, strict=True) if counted]
    shown = _missed(shown_steps(estimates, camera), true_steps, camera).mean(axis=1)
    returns = np.flatnonzero(truth.seen[1:] & ~truth.seen[:-1])
    return Errors(
        median_px=float(np.median(each)),
        centre_px=float(np.median(missed[counts, 0])),
        p95_px=float(np.percentile(each, 95)),
        drift_percent=max(drifts),
        roll_deg=max(rolls),
        lost_percent=100 * states.count(Tracking.LOST) / len(states),
        predicted_percent=100 * states.count(Tracking.PREDICTED) / len(states),
        ms=1e3 * float(np.median([estimate.seconds for estimate in estimates[1:]])),
        jump_px=float(shown[returns[0] + 1 :].max()) if len(returns) else None,
        return_px=float(shown[returns].max()) if len(returns) else None,
        missed_cuts=sum(
            estimates[cut + 1].state is Tracking.TRACKED for cut in np.flatnonzero(~same).tolist()
        ),
    )


def _drifts(estimates: Sequence[Estimate], truth: Truth, camera: Camera) -> tuple[list[float], list[float]]:
    """Drift in percent of the width and roll error in degrees at the end of each part."""
    measured = measured_rotations(estimates, camera)
    drifts, rolls = [], []
    for part in np.unique(truth.parts):
        first, last = np.flatnonzero(truth.parts == part)[[0, -1]]
        said = measured[first].T @ measured[last]
        wrong = said.T @ truth.rotations[first].T @ truth.rotations[last]
        aside = math.atan2(math.hypot(wrong[0, 2], wrong[1, 2]), wrong[2, 2])
        drifts.append(100 * camera.focal_px * aside / camera.size_wh[0])
        rolls.append(abs(math.degrees(float(vector_from_rotation(wrong)[2]))))
    return drifts, rolls


def shown_steps(estimates: Sequence[Estimate], camera: Camera) -> F64:
    """How a placed sky moves from frame to frame, float64 (N - 1, 3, 3), pixels to pixels."""
    steps = []
    for before, after in pairwise(estimates):
        if before.shown is None or after.shown is None:
            steps.append(after.step)
        else:
            steps.append(camera.matrix @ after.shown.T @ before.shown @ camera.inverse)
    return np.stack(steps)


def measured_rotations(estimates: Sequence[Estimate], camera: Camera) -> F64:
    """From each frame's camera coordinates to the first's, float64 (N, 3, 3).

    The tracker's own where it gives them, else the product of the steps, each read as the rotation that
    comes nearest to it over the whole picture.
    """
    rotation = np.eye(3)
    all_: list[F64] = []
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


def _missed(steps: F64, true_steps: F64, camera: Camera) -> F64:
    """Distances in pixels, float64 (N, 5), between where motions (N, 3, 3) and the truth put five points."""
    points = _five_points(camera)
    return np.array(
        [
            np.hypot(*(_moved(step, points) - _moved(true, points)).T)
            for step, true in zip(steps, true_steps, strict=True)
        ]
    )


def _five_points(camera: Camera) -> F64:
    right, bottom = (length - 1 for length in camera.size_wh)
    return np.array([[right / 2, bottom / 2], [0, 0], [right, 0], [0, bottom], [right, bottom]])


def _moved(homography: F64, points: F64) -> F64:
    moved = np.column_stack([points, np.ones(len(points))]) @ homography.T
    return np.asarray(moved[:, :2] / moved[:, 2:], np.float64)


def _rays(points: F64, camera: Camera) -> F64:
    rays = np.column_stack([points, np.ones(len(points))]) @ camera.inverse.T
    return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True), np.float64)
