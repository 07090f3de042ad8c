"""Matted -> Tracked: how the camera turned since the last frame, how sure that is, and the final alpha."""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from app.camera import Camera, View, rotated
from app.config import Tracker
from app.frame import F64, U8, Frame, Matted, Motion, PointKind, Tracked, Tracking
from app.rotation import orthonormal, rotation_from_vector, vector_from_rotation
from app.shrink import shrink
from app.tracking.follower import Follower, Found
from app.tracking.landmarks import Bools
from app.tracking.lens import Lens
from app.tracking.levelling import Vertical
from app.tracking.patches import pyramid
from app.tracking.smoothing import smoothed
from app.tracking.zooming import zoom

_LEAST_SIDE: Final = 128
"""Least height and width of the small picture, enlarged if need be, so that there is room for points."""

_SKY_EDGE: Final = 5
"""A point of the sky has only sky around it, this far in quarters of the small picture's pixels."""

_USUAL_FOV_DEG: Final = 60.0
_FOCAL_RATE: Final = 0.1
_FOCAL_EXACT: Final = 0.01
"""An unknown camera's view; what is found out instead is taken on at this rate a second, and is exact to this
share."""

_LARGEST_TURN: Final = math.radians(25)
"""Largest believable rotation between two frames."""

_DAMPING_S: Final = 0.15
_PATIENCE_S: Final = 0.5
"""A predicted motion dies away with this time constant and is given up after this time."""

_FORGETTING_S: Final = 0.3
"""Points are forgotten after nothing was seen for so long: what they would say comes as a jump."""

_UNSEEN_RATE: Final = math.radians(5)
"""Standard deviation of how fast a camera turns that is not seen, in radians per second."""

_CATCH_UP: Final = math.radians(0.8)
"""What was predicted wrongly is taken back from the view at this rate a second: half a pixel a frame."""

_THUMBNAIL_WH: Final = (32, 18)
_SAME_SCENE: Final = 0.4
_BLANK: Final = 2.0
"""Thumbnails of two consecutive frames correlate at least this much, or a cut lies between; one whose
standard deviation is less than so many levels shows nothing."""

_REACH: Final = 3.0
"""Points of the land within so many pixels of the small picture of a motion tell how its edges move."""


@dataclass(frozen=True, slots=True)
class _Last:
    """The frame before, its final alpha, and a thumbnail."""

    frame: Frame
    alpha: U8
    thumbnail: U8


class TrackingStage:
    """Follows the camera from frame to frame, and steadies the alpha along the way.

    Frames come in order and have the size `size_wh`. The camera's view is as wide as `part.fov` says; where
    that is "auto", as wide as the source states (`stated_fov_deg`), else as wide as the motion shows.
    """

    def __init__(self, part: Tracker, size_wh: tuple[int, int], stated_fov_deg: float | None = None) -> None:
        self._part = part
        stated = _USUAL_FOV_DEG if stated_fov_deg is None else stated_fov_deg
        self._first_camera = Camera.from_fov(size_wh, stated if part.fov == "auto" else part.fov)
        self._measures_lens = part.fov == "auto" and stated_fov_deg is None
        scale = max(min(1.0, part.width / max(size_wh)), _LEAST_SIDE / min(size_wh))
        scale = min(scale, part.width / math.sqrt(size_wh[0] * size_wh[1]))
        self._small_wh = (max(1, round(size_wh[0] * scale)), max(1, round(size_wh[1] * scale)))
        self._scale = np.divide(size_wh, self._small_wh)
        self._centre = (np.array(size_wh) - 1) / 2
        self._size_wh = size_wh
        self._follower = Follower(self._small_wh, part.points)
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next frame is the first."""
        self._camera = self._first_camera
        self._lens = Lens()
        self._follower.reset()
        self._last: _Last | None = None
        self._rotation = np.eye(3)
        self._start = np.eye(3)
        self._variance = 0.0
        self._velocity = np.zeros(3)
        self._unseen_s = 0.0
        self._owed = np.zeros(3)
        self._steadied = 0
        self._vertical = Vertical()

    def process(self, matted: Matted) -> Tracked:
        """The frame with its motion since the last one and its final alpha.

        `Motion.state` is TRACKED where enough points agree (and in the first frame, by definition),
        PREDICTED while the last motion dies away, LOST after that and at a cut; the sky then stays as it
        stood.
        """
        frame = matted.frame
        small = shrink(frame.planes.y, self._small_wh)
        levels, thumbnail = pyramid(small), _resized(small, _THUMBNAIL_WH)
        camera = self._small_camera()
        last, before = self._last, self._rotation
        passed_s = 0.0 if last is None else max(frame.seconds - last.frame.seconds, 1e-3)
        state, found = Tracking.TRACKED, None
        if last is not None:
            guess = before @ rotation_from_vector(self._velocity * passed_s)
            found = self._follower.follow(levels, camera, guess, passed_s)
            state = self._judged(found, guess, last, thumbnail, passed_s)
        self._vertical.see(self._start.T @ self._rotation, passed_s)
        self._follower.seek(levels, self._sky(matted.alpha), camera, self._rotation, self._variance)
        if self._measures_lens and state is Tracking.TRACKED and last is not None:
            self._measure_lens(camera, passed_s)
        alpha = matted.alpha if last is None else self._smoothed(matted, last, found, state, before)
        self._last = _Last(frame, alpha, thumbnail)
        motion = self._motion(found, state, before)
        return Tracked(frame, alpha, motion, matted.foreground, matted.found)

    def _measure_lens(self, camera: Camera, passed_s: float) -> None:
        """Draw the camera's focal length towards what the motion shows, slowly enough not to be seen."""
        self._lens.see(*self._follower.resting(), camera)
        focal = self._lens.focal
        if focal is None:
            return
        missing = math.log(focal * self._size_wh[0] / self._camera.focal_px)
        if abs(missing) > _FOCAL_EXACT:
            change = math.copysign(min(abs(missing), _FOCAL_RATE * passed_s), missing)
            self._camera = Camera(self._size_wh, self._camera.focal_px * math.exp(change))
            self._follower.tie_anew(self._small_camera(), self._rotation)

    def _small_camera(self) -> Camera:
        return Camera(self._small_wh, self._camera.focal_px / float(self._scale.max()))

    def _judged(self, found: Found, guess: F64, last: _Last, thumbnail: U8, passed_s: float) -> Tracking:
        """Where the rotation comes from, which is taken on."""
        measured = found.rotation
        if measured is not None:
            turn = vector_from_rotation(self._rotation.T @ measured)
            if turn @ turn < _LARGEST_TURN**2:
                owed = float(np.linalg.norm(self._owed))
                self._owed *= max(1 - _CATCH_UP * passed_s / owed, 0.0) if owed else 1.0
                if 0 < self._unseen_s <= _FORGETTING_S:
                    self._owed = vector_from_rotation(measured.T @ guess @ rotation_from_vector(self._owed))
                self._velocity = turn / passed_s
                self._unseen_s = 0.0
                self._rotation = orthonormal(measured)
                self._variance = found.variance
                return Tracking.TRACKED
        self._unseen_s += passed_s
        if _is_cut(last.thumbnail, thumbnail):
            self._unseen_s = math.inf
            self._start, self._variance, self._vertical = self._rotation, 0.0, Vertical()
            self._owed = np.zeros(3)
        if self._unseen_s > _FORGETTING_S:
            self._follower.forget_points()
        if self._unseen_s > _PATIENCE_S:
            self._velocity = np.zeros(3)
            state = Tracking.LOST
        else:
            self._velocity = self._velocity * math.exp(-passed_s / _DAMPING_S)
            self._rotation = self._rotation @ rotation_from_vector(self._velocity * passed_s)
            state = Tracking.PREDICTED
        if math.isfinite(self._unseen_s):
            self._variance += (_UNSEEN_RATE * passed_s) ** 2 + 2 * _UNSEEN_RATE * passed_s * math.sqrt(
                self._variance
            )
        return state

    def _sky(self, alpha: U8) -> Bools:
        """Where there is nothing but sky, in quarters of the small picture."""
        width, height = self._small_wh
        quarter = shrink(alpha, (-(-width // 4), -(-height // 4)))
        return np.asarray(cv2.erode(quarter, np.ones((_SKY_EDGE, _SKY_EDGE), np.uint8)) >= 220, np.bool_)

    def _motion(self, found: Found | None, state: Tracking, before: F64) -> Motion:
        step = rotated(self._camera, self._rotation.T @ before, self._camera)
        levelled = self._vertical.levelling @ self._start.T @ self._rotation
        levelled = levelled @ rotation_from_vector(self._owed)
        sigma_deg = math.degrees(math.sqrt(self._variance))
        view = View(self._camera, levelled)
        if found is None:
            return Motion(step, self._rotation, view, state, 0, sigma_deg)
        points = np.concatenate([self._in_pixels(found.xy0), self._in_pixels(found.xy1)], axis=1)
        points = points.astype(np.float32)
        points.setflags(write=False)
        inliers = int(found.agree.sum()) if state is Tracking.TRACKED else 0
        return Motion(step, self._rotation, view, state, inliers, sigma_deg, points, found.kinds)

    def _in_pixels(self, xy: F64) -> F64:
        """Points of the small picture in luma pixels."""
        return np.asarray((xy + 0.5) * self._scale - 0.5, np.float64)

    def _smoothed(self, matted: Matted, last: _Last, found: Found | None, state: Tracking, before: F64) -> U8:
        """The alpha, steadied along the motion of what lies before the sky."""
        edges = self._edges(found, state, before)
        if edges is None:
            self._steadied = 0
            return matted.alpha
        self._steadied += 1
        return smoothed(
            matted.alpha,
            matted.frame.planes.y,
            last.alpha,
            last.frame.planes.y,
            np.linalg.inv(edges).astype(np.float64, copy=False),
            min(self._part.smoothing, self._steadied / (self._steadied + 1)),
        )

    def _edges(self, found: Found | None, state: Tracking, before: F64) -> F64 | None:
        """The land's motion in the picture, an affine float64 (3, 3); None where nothing is known of it."""
        if found is None or state is Tracking.LOST:
            return None
        turn = vector_from_rotation(self._rotation.T @ before)
        focal = self._camera.focal_px
        cosine, sine = math.cos(turn[2]), math.sin(turn[2])
        matrix = np.array([[cosine, -sine, focal * turn[1]], [sine, cosine, -focal * turn[0]], [0, 0, 1.0]])
        land = (found.kinds == PointKind.LAND) | (found.kinds == PointKind.NEAR)
        if state is Tracking.TRACKED and land.sum() >= 4:
            xy0, xy1 = (self._in_pixels(xy[land]) - self._centre for xy in (found.xy0, found.xy1))
            zoom(matrix, xy0, xy1, _REACH * float(self._scale.max()))
        elif state is not Tracking.TRACKED:
            return None
        matrix[:2, 2] += self._centre - matrix[:2, :2] @ self._centre
        return matrix


def _resized(picture: U8, size_wh: tuple[int, int]) -> U8:
    return cv2.resize(picture, size_wh, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _is_cut(before: U8, after: U8) -> bool:
    """Whether two thumbnails that show something do not look alike, whatever their exposure.

    Their rows' means are left out: all pictures with a sky are bright above and dark below.
    """
    a, b = (
        (picture - picture.mean(axis=1, keepdims=True)).astype(np.float64).ravel()
        for picture in (before, after)
    )
    if min(a.std(), b.std()) < _BLANK:
        return False
    return bool(a @ b < _SAME_SCENE * math.sqrt((a @ a) * (b @ b)))
