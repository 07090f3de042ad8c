"""Motions of a camera, for packets."""

import numpy as np

from app.camera import Camera, View
from app.frame import F32, F64, NO_POINTS, Motion, PointKind, Tracking


def motion(
    state: Tracking = Tracking.TRACKED,
    *,
    rotation: F64 | None = None,
    points: F32 = NO_POINTS,
    kind: PointKind = PointKind.SKY,
    size_wh: tuple[int, int] = (320, 180),
) -> Motion:
    """A camera 60 degrees wide that stands still, looking straight ahead or as `rotation` says."""
    turned = np.eye(3) if rotation is None else rotation
    view = View(Camera.from_fov(size_wh, 60.0), turned)
    kinds = np.full(len(points), kind, np.uint8)
    return Motion(np.eye(3), turned, view, state, len(points), 0.01, points, kinds)
