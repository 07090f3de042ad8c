"""Matted -> Tracked: how the camera moved since the last frame, how sure that is, and the final alpha."""

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.camera import Camera, View, rotated
from app.config import Tracker
from app.frame import F32, F64, NO_POINTS, U8, Frame, Matted, Motion, Tracked, Tracking
from app.jit import jit
from app.rotation import rotation_from_vector
from app.shrink import shrink
from app.tracking.rigid import STILL, Rigid, fit_rigid
from app.tracking.smoothing import smoothed

Bools = NDArray[np.bool_]

_EDGE: Final = 4
"""Points keep this distance from the edge of the sky, in pixels of the small picture."""

_CELL: Final = 12
"""At most one point of a kind is found in a square of this many pixels, so that they spread out."""

_HORIZON_CELLS: Final = 3
"""Ground points lie within so many cells of the sky: what stands there tends to be far away."""

_WEAKEST: Final = 3e-5
_CLEAR: Final = 3e-4
"""Least eigenvalue of a corner's gradient matrix, luma in [0, 1]: of corners that are looked at, and of those
with weight 1/2. Noise and coding blocks in clear skies of real clips reach 1e-4, clouds 3e-4 to 4e-3."""

_GROUND_SHARE: Final = 0.4
"""Most points on the ground, as a share of all."""

_REFRESH: Final = 10
_WORN: Final = 0.6
"""New points are sought after so many frames, or when fewer than this share of them are left."""

_WINDOW: Final = (13, 13)
_LEVELS: Final = 3
_CRITERIA: Final = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03)

_ROUND_TRIP: Final = 0.5
"""A point followed there and back must return this near, in pixels of the small picture."""

_TOLERANCE: Final = 1.0
_LENS: Final = 0.25
"""A point agrees with a motion within so many pixels of the small picture, or this share of the shift:
through a lens, a turn of the camera shifts the rim of the picture further than its centre."""

_DENSEST: Final = 0.15
"""Where there is ground, the fit narrows down to where points agree best, to this share of the tolerance: far
things move alike, near ones each by its parallax."""

_GROUND_WEIGHT: Final = 0.25
"""What a ground point counts beside one of the sky: it may be near, and then it moves by parallax."""

_NEAR: Final = 3.0
"""Points within so many pixels of the small picture of a motion tell how much the picture grows."""

_ZOOM_STEPS: Final = 2
_USUAL_SPREAD: Final = 5.0
"""Points that lie closer together than this, in units of their reach, say little of it."""

_LEAST_POINTS: Final = 8
_LEAST_WEIGHT: Final = 3.0
_LEAST_SHARE: Final = 0.4
_LEAST_SURVIVORS: Final = 0.15
"""A motion is believed when so many points agree, with so much weight and this share of it, and when this
share of all points were found again at all. Noise in a clear sky has too little weight to be believed."""

_CLEAR_SHARE: Final = 0.7
_SPARSE: Final = 0.08
"""The sky alone decides when it outweighs the ground, or when this share of its points' weight agrees and so
many points do beside the cells there are in it: fewer may be a mast or a bird, or too close for a roll."""

_LEAST_SIDE: Final = 48
"""Least height and width of the small picture, so that its windows fit into strips too."""

_LARGEST_SHIFT: Final = 0.25
_LARGEST_ROLL: Final = 0.2
"""Largest believable motion between two frames: share of the picture's longer side, and radians."""

_DAMPING_S: Final = 0.15
_PATIENCE_S: Final = 0.5
"""A predicted motion dies away with this time constant and is given up after this time."""

_LOCAL: Final = 31
"""Width of the neighbourhood, in pixels of the small picture, whose mean brightness is taken away."""

_THUMBNAIL_WH: Final = (32, 18)
_SAME_SCENE: Final = 0.4
"""Thumbnails of two consecutive frames correlate at least this much, or a cut lies between."""


class _Points(NamedTuple):
    """Points that are followed: position float32 (N, 2) in the small picture, weight float64 (N,)."""

    xy: F32
    weight: F64

    def only(self, chosen: Bools) -> "_Points":
        return _Points(self.xy[chosen], self.weight[chosen])


_NO_POINTS = _Points(np.empty((0, 2), np.float32), np.empty(0))


@dataclass(frozen=True, slots=True)
class _Last:
    """The frame before: its final alpha, the small picture that points are followed in, and a thumbnail."""

    frame: Frame
    alpha: U8
    grey: U8
    thumbnail: U8


class _Estimate(NamedTuple):
    """Motion of the sky, that of the ground beside it as a homography around the picture's centre (None =
    unknown), points that agree on the sky's."""

    sky: Rigid | None
    ground: F64 | None
    points: F32


class TrackingStage:
    """Follows the camera from frame to frame, and steadies the alpha along the way.

    Frames come in order and have the size `size_wh`. Motions are rigid in the picture (`Rigid`): the planar
    special case of the rotation homography K R K^-1, for which `Motion` has the room.
    """

    def __init__(self, part: Tracker, size_wh: tuple[int, int]) -> None:
        self._part = part
        scale = min(1.0, max(part.width / max(size_wh), _LEAST_SIDE / min(size_wh)))
        self._small_wh = (max(1, round(size_wh[0] * scale)), max(1, round(size_wh[1] * scale)))
        self._scale = np.divide(size_wh, self._small_wh)
        self._centre = (np.array(size_wh) - 1) / 2
        self._longer = max(size_wh)
        self._reach = _NEAR * float(self._scale.max())
        self._camera = Camera.from_fov(size_wh, 60.0)
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next frame is the first."""
        self._last: _Last | None = None
        self._points = _NO_POINTS
        self._points_found = 0
        self._points_age = 0
        self._rotation = np.eye(3)
        self._velocity = STILL
        self._unseen_s = 0.0
        self._steadied = 0

    def process(self, matted: Matted) -> Tracked:
        """The frame with its motion since the last one and its final alpha.

        `Motion.state` is TRACKED where enough points agree (and in the first frame, by definition),
        PREDICTED while the last motion dies away, LOST after that and at a cut; the sky then stays as it
        stood.
        """
        small = shrink(matted.frame.planes.y, self._small_wh)
        grey, thumbnail = _levelled(small), _resized(small, _THUMBNAIL_WH, cv2.INTER_AREA)
        last, alpha = self._last, matted.alpha
        if last is None:
            step, state, points = STILL, Tracking.TRACKED, NO_POINTS
        else:
            estimate = self._estimate(last, grey)
            step, state = self._judged(estimate.sky, last, matted.frame, thumbnail)
            points = estimate.points if state is Tracking.TRACKED else NO_POINTS
            edges = estimate.ground
            if edges is None and state is Tracking.TRACKED:
                edges = step.matrix
            if edges is None or not _same_scene(last.thumbnail, thumbnail):
                self._steadied = 0
            else:
                self._steadied += 1
                alpha = smoothed(
                    alpha,
                    matted.frame.planes.y,
                    last.alpha,
                    last.frame.planes.y,
                    np.linalg.inv(self._in_pixels(edges)).astype(np.float64, copy=False),
                    min(self._part.smoothing, self._steadied / (self._steadied + 1)),
                )
        self._last = _Last(matted.frame, alpha, grey, thumbnail)
        focal = self._camera.focal_px
        turn = rotation_from_vector(np.array([-step.y / focal, step.x / focal, step.roll]))
        self._rotation = self._rotation @ turn.T
        motion = Motion(
            rotated(self._camera, turn, self._camera),
            self._rotation,
            View(self._camera, self._rotation),
            state,
            len(points),
            0.0,
            points,
            np.zeros(len(points), np.uint8),
        )
        return Tracked(matted.frame, alpha, motion, matted.foreground, matted.found)

    def _in_pixels(self, matrix: F64) -> F64:
        """A motion whose origin is the picture's centre in luma pixel coordinates."""
        moved = matrix.copy()
        moved[:2, 2] += self._centre - matrix[:2, :2] @ self._centre
        return moved

    def _estimate(self, last: _Last, grey: U8) -> _Estimate:
        """What the points say; those that agree are followed further."""
        is_sky, is_ground = _kinds(shrink(last.alpha, self._small_wh))
        points = self._points
        self._points_age += 1
        if len(points.xy) < _WORN * self._points_found or self._points_age >= _REFRESH or not len(points.xy):
            points = _found(last.grey, is_sky, is_ground, points, self._part.points)
            self._points_found, self._points_age = len(points.xy), 0
        self._points = _NO_POINTS
        if len(points.xy) < _LEAST_POINTS:
            return _Estimate(None, None, NO_POINTS)
        sent = len(points.xy)
        target, found = _followed(last.grey, grey, points.xy)
        points, target = points.only(found), target[found]
        if len(points.xy) < max(_LEAST_POINTS, _LEAST_SURVIVORS * sent):
            return _Estimate(None, None, NO_POINTS)

        x, y = np.rint(points.xy).astype(np.intp).T
        on_sky, on_ground = is_sky[y, x], is_ground[y, x]
        before, after = self._centred(points.xy), self._centred(target)
        ground, agree = self._consensus(before, after, points.weight, on_ground, _DENSEST)
        sky, sky_agrees = self._consensus(before, after, points.weight, on_sky, 1.0)
        sky_weight = points.weight[sky_agrees].sum()
        sky_cells = is_sky[::_CELL, ::_CELL].sum()
        if sky is None or (
            sky_weight < _GROUND_WEIGHT * points.weight[agree].sum()
            and (
                sky_weight < _CLEAR_SHARE * points.weight[on_sky].sum()
                or sky_agrees.sum() < _SPARSE * sky_cells
            )
        ):
            weight = np.where(on_sky, points.weight, _GROUND_WEIGHT * points.weight)
            sky, sky_agrees = self._consensus(before, after, weight, on_sky | on_ground, _DENSEST)
        kept = agree | sky_agrees
        self._points = _Points(target[kept], points.weight[kept])
        pairs = (self._centre + before[sky_agrees], self._centre + after[sky_agrees])
        agreed = np.concatenate(pairs, axis=1).astype(np.float32)
        agreed.setflags(write=False)
        seen = (
            None if ground is None else _zoomed(ground, before, after, points.weight * on_ground, self._reach)
        )
        return _Estimate(sky, seen, agreed)

    def _consensus(
        self, before: F64, after: F64, weight: F64, chosen: Bools, narrowest: float
    ) -> tuple[Rigid | None, Bools]:
        """The motion on which the chosen points agree, None if they do not, and which of all points do."""
        agree = np.zeros(len(chosen), np.bool_)
        if chosen.sum() < _LEAST_POINTS:
            return None, agree
        before, after, weight = before[chosen], after[chosen], weight[chosen]
        shift = float(np.median(np.hypot(*(after - before).T)))
        noise = _TOLERANCE * float(self._scale.max())
        motion, inliers = fit_rigid(before, after, weight, max(noise, _LENS * shift), noise, narrowest)
        if (
            inliers.sum() < _LEAST_POINTS
            or weight[inliers].sum() < max(_LEAST_WEIGHT, _LEAST_SHARE * weight.sum())
            or math.hypot(motion.x, motion.y) > _LARGEST_SHIFT * self._longer
            or abs(motion.roll) > _LARGEST_ROLL
        ):
            return None, agree
        agree[chosen] = inliers
        return motion, agree

    def _centred(self, xy: F32) -> F64:
        """Points of the small picture in luma pixels from the picture's centre."""
        return (xy.astype(np.float64) + 0.5) * self._scale - 0.5 - self._centre

    def _judged(
        self, measured: Rigid | None, last: _Last, frame: Frame, thumbnail: U8
    ) -> tuple[Rigid, Tracking]:
        """The step to take and where it comes from."""
        passed_s = _passed_s(last.frame, frame)
        if measured is not None:
            self._velocity = measured.scaled(1 / passed_s)
            self._unseen_s = 0.0
            return measured, Tracking.TRACKED
        self._unseen_s += passed_s
        if not _same_scene(last.thumbnail, thumbnail):
            self._unseen_s = math.inf
        if self._unseen_s > _PATIENCE_S:
            self._velocity = STILL
            return STILL, Tracking.LOST
        self._velocity = self._velocity.scaled(math.exp(-passed_s / _DAMPING_S))
        return self._velocity.scaled(passed_s), Tracking.PREDICTED


def _zoomed(motion: Rigid, before: F64, after: F64, weight: F64, reach: float) -> F64:
    """The motion, float64 (3, 3), with the growth of the picture that the points near it show."""
    matrix = motion.matrix
    for _ in range(_ZOOM_STEPS):
        missed = np.hypot(*(before @ matrix[:2, :2].T + matrix[:2, 2] - after).T)
        believed = weight * np.maximum(1 - (missed / reach) ** 2, 0) ** 2
        total = believed.sum()
        if total <= 0:
            return matrix
        turn = motion.matrix[:2, :2]
        turned = before @ turn.T
        source, target = believed @ turned / total, believed @ after / total
        inertia = believed @ ((turned - source) ** 2).sum(axis=1)
        growth = believed @ ((turned - source) * (after - target)).sum(axis=1)
        damping = total * (_USUAL_SPREAD * reach) ** 2
        scale = (growth + damping) / (inertia + damping)
        matrix[:2, :2] = scale * turn
        matrix[:2, 2] = target - scale * source
    return matrix


def _passed_s(before: Frame, after: Frame) -> float:
    return max(after.seconds - before.seconds, 1e-3)


def _resized(picture: U8, size_wh: tuple[int, int], interpolation: int) -> U8:
    return cv2.resize(picture, size_wh, interpolation=interpolation)  # type: ignore[return-value]


def _levelled(grey: U8) -> U8:
    """The picture around mid-grey, less its local mean: a change of exposure must not look like a motion."""
    mean = cv2.blur(grey, (_LOCAL, _LOCAL))
    return cv2.addWeighted(grey, 1, mean, -1, 128)  # type: ignore[return-value]


def _kinds(alpha: U8) -> tuple[Bools, Bools]:
    """Where a point is safely on the sky, and where safely on the ground (the small alpha, H x W)."""
    kernel = np.ones((2 * _EDGE + 1, 2 * _EDGE + 1), np.uint8)
    return cv2.erode(alpha, kernel) >= 230, cv2.dilate(alpha, kernel) < 128


def _found(grey: U8, is_sky: Bools, is_ground: Bools, known: _Points, most: int) -> _Points:
    """The known points and new ones, strongest first, at most one of a kind in each cell."""
    strength = np.asarray(cv2.cornerMinEigenVal(grey, 3), np.float32)
    rows, columns = -(-grey.shape[0] // _CELL), -(-grey.shape[1] // _CELL)
    sky_cells = np.zeros((rows, columns), np.uint8)
    _mark_cells(is_sky, sky_cells)
    near = np.asarray(cv2.dilate(sky_cells, np.ones((2 * _HORIZON_CELLS + 1,) * 2, np.uint8)), np.uint8)
    if not near.any():
        near[:] = 1
    taken = np.zeros((rows, columns), np.uint8)
    for x, y in known.xy:
        taken[int(y) // _CELL, int(x) // _CELL] = 1
    on_sky = _best_of_cells(strength, is_sky, sky_cells, taken, _WEAKEST)
    on_ground = _best_of_cells(strength, is_ground, near, taken, _WEAKEST)
    room = max(most - len(known.xy), 0)
    on_ground = on_ground[np.argsort(-on_ground[:, 2], kind="stable")][: int(_GROUND_SHARE * room)]
    on_sky = on_sky[np.argsort(-on_sky[:, 2], kind="stable")][: room - len(on_ground)]
    new = np.concatenate([on_sky, on_ground])
    return _Points(
        np.concatenate([known.xy, new[:, :2]]),
        np.concatenate([known.weight, _weight(new[:, 2])]),
    )


def _weight(strength: F32) -> F64:
    """Weight of corners by strength: towards 1 for clear ones, small for what may be noise."""
    return (strength / (strength + _CLEAR)).astype(np.float64)


@jit
def _mark_cells(mask: Bools, cells: U8) -> None:
    for y in range(mask.shape[0]):
        for x in range(mask.shape[1]):
            if mask[y, x]:
                cells[y // _CELL, x // _CELL] = 1


@jit
def _best_of_cells(strength: F32, mask: Bools, wanted: U8, taken: U8, weakest: float) -> F32:
    """Strongest point (x, y, strength) of each wanted cell that is not taken, float32 (N, 3)."""
    height, width = strength.shape
    found = np.empty((wanted.size, 3), np.float32)
    count = 0
    for row in range(wanted.shape[0]):
        for column in range(wanted.shape[1]):
            if not wanted[row, column] or taken[row, column]:
                continue
            best, best_x, best_y = weakest, -1, -1
            for y in range(row * _CELL, min((row + 1) * _CELL, height)):
                for x in range(column * _CELL, min((column + 1) * _CELL, width)):
                    if mask[y, x] and strength[y, x] > best:
                        best, best_x, best_y = strength[y, x], x, y
            if best_x >= 0:
                found[count, 0], found[count, 1], found[count, 2] = best_x, best_y, best
                count += 1
    return found[:count]


def _followed(before: U8, after: U8, xy: F32) -> tuple[F32, Bools]:
    """Where points went, float32 (N, 2), and which of them came back when followed the other way."""
    there, found, _ = cv2.calcOpticalFlowPyrLK(  # type: ignore[call-overload]
        before, after, xy, None, winSize=_WINDOW, maxLevel=_LEVELS, criteria=_CRITERIA
    )
    back, found_back, _ = cv2.calcOpticalFlowPyrLK(  # type: ignore[call-overload]
        after, before, there, None, winSize=_WINDOW, maxLevel=_LEVELS, criteria=_CRITERIA
    )
    height, width = after.shape
    inside = (there > -0.5).all(axis=1) & (there < np.array([width, height]) - 0.5).all(axis=1)
    returned = np.hypot(*(back - xy).T) < _ROUND_TRIP
    return there, (found[:, 0] > 0) & (found_back[:, 0] > 0) & inside & returned


def _same_scene(before: U8, after: U8) -> bool:
    """Whether two thumbnails look alike, whatever their exposure."""
    a, b = (picture.astype(np.float64).ravel() - picture.mean() for picture in (before, after))
    return bool(a @ b >= _SAME_SCENE * math.sqrt((a @ a) * (b @ b)))
