"""The camera's rotation from one small picture to the next, by the points that are followed."""

import math
from typing import Final, NamedTuple

import numpy as np

from app.camera import Camera
from app.frame import F32, F64, NO_KINDS, U8, PointKind
from app.rotation import rotation_from_vector, vector_from_rotation
from app.tracking.corners import CELL, MARGIN, SPOT, best_corners
from app.tracking.landmarks import HISTORY, Bools, Ints, Landmarks
from app.tracking.parallax import WAYS, Moving, fit_moving, prefers_moving
from app.tracking.patches import Pyramid
from app.tracking.projection import affine_maps, expected, give_way, offsets, shifts
from app.tracking.turning import Turn, fit_turn, refine_turn

_WEAKEST: Final = 3e-5
_CLEAR: Final = 3e-4
"""Least eigenvalue of a corner's slopes, luma in [0, 1]: of corners that are looked at, and of those that
count half. Noise and coding blocks in clear skies of real clips reach 1e-4, clouds 3e-4 to 4e-3."""

_TOLERANCE: Final = 1.5
"""A point agrees with a rotation within so many pixels of the small picture."""

_FAINT: Final = 0.15
"""Standard deviation of where a point is seen that parallax is judged by, in pixels of the small picture."""

_LENS: Final = 0.03
"""And this share of how far the camera's turn has shifted the picture: lenses bend, shutters roll, and the
field of view is only known roughly, which must not be taken for parallax."""

_STILL_OFF: Final = 0.25
_FOLLOWS: Final = 0.3
"""A direction is kept while a point is off by less than the first; beyond, it gives way by up to this share:
lenses bend, and the field of view is only known roughly."""

_BAD: Final = 3
_MISSED: Final = 3
_MISSED_TRUSTED: Final = 40
"""A point is tied anew after not agreeing in so many frames; given up after not being found in so many."""

_LEAST_POINTS: Final = 8
_LEAST_WEIGHT: Final = 0.22
_LEAST_SHARE: Final = 0.25
"""A rotation is believed when so many points agree, with so much weight and this share of all the weight."""

_CONFLICT: Final = 0.2
_SURE: Final = 4.0
"""Sky and land disagree when their rotations differ by so many pixels, and so many standard deviations."""

_RIGID_SHARE: Final = 0.6
_RIGID_POINTS: Final = 10
_RIGID_SPREAD: Final = 0.25
"""Land is rigid and far when this share of its weight agrees, in so many points, spread over this share of
the width; then it is the sky that drifts."""

_DRIFT_GAIN: Final = 0.2
_DRIFT_FADES_S: Final = 2.0
"""How fast the sky's drift is learnt, and forgotten where land cannot tell."""

_LAGS: Final = (5, 4, 3)
_FIRST_LAGS: Final = (2, 1)
_SURVIVED: Final = 0.6
_SURVIVED_MOVING: Final = 0.3
"""Parallax is looked for between this picture and one of so many frames ago, as long as this share of points
lasts; in the first pictures, and while the camera moves, between fewer frames if need be, and with fewer
points."""

_MOVING_ON: Final = 0.25
_MOVING_OFF: Final = 0.0
_TURNS_SHARE: Final = 0.6
_LEAST_MOVING: Final = 0.5
_TWO: Final = 0.85
_PREDICTED: Final = 4.0
_MOVING_INERTIA: Final = 0.8
"""The camera moves, or no more, when the criterion, smoothed, passes the first two. It only turns where a
turn explains the third's share of the land; its way is only taken on when the fourth's agrees. Where two
turns explain the fifth's share, a thing moves before a land that is far: parallax has many depths. Before,
the rotation is known to so many pixels."""

_YOUNG: Final = 20
_BEHIND_POINTS: Final = 12
_WITHIN: Final = 0.8
_BESIDE: Final = 0.6
_SKY_AMONG: Final = 8
"""In so many first frames the world may be a minority of so many points: this share of what most points agree
on lies within their bounds, at most that share of them within the others' bounds, and of the others fewer
than so many lie in the sky."""

_NEAR_WEIGHT: Final = 0.3
"""What a near point counts beside one at infinity that is trusted fully: it may well move by itself."""

_FAR_AFTER: Final = 15
_FAR_OFF: Final = 0.5
"""A point of the land is far when it agreed for so many frames, to so many pixels of the small picture."""

_FIXED_MOVE: Final = 0.4
_FIXED_TRUTH: Final = 3.0
"""What has moved less than this while it should have moved more than that is fixed to the picture."""

_BARRED_AT: Final = 2.0
_DORMANT: Final = 60
_SCOUTS: Final = 24
_AGAIN: Final = 40
_SOUGHT: Final = 5
"""Points out of sight that are tried in a frame, points that are looked for first in small pictures, and
points that are looked for twice; new ones are sought in the cells of the picture by turns of so many."""


class Found(NamedTuple):
    """What one frame said.

    rotation: this camera's coordinates to the world's; None = not seen. variance: of it, radians squared.
    xy0, xy1: float64 (N, 2), where the points were and are, in small pixels; kinds: uint8 (N,); agree: which
    of them speak for the rotation, bool (N,).
    """

    rotation: F64 | None
    variance: float
    xy0: F64
    xy1: F64
    kinds: U8
    agree: Bools


class Follower:
    """Follows points through small pictures of one camera."""

    def __init__(self, size_wh: tuple[int, int], most: int) -> None:
        self._size_wh = size_wh
        self._most = most
        self._rows, self._columns = -(-size_wh[1] // CELL), -(-size_wh[0] // CELL)
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._marks = Landmarks()
        self._frame = 0
        self._rotations = np.tile(np.eye(3), (HISTORY, 1, 1))
        self._sky_drift = np.zeros(3)
        self._way: F64 | None = None
        self._moving, self._weighed = 0.0, 0
        self._key = -HISTORY
        self._began = 0
        self.moves = False
        """Whether the camera moves so much that near points show it."""
        self._fixed = np.zeros((-(-self._size_wh[1] // SPOT), -(-self._size_wh[0] // SPOT)), np.float32)

    def forget_points(self) -> None:
        """Begin anew with what the next picture shows; what is fixed to the picture stays known."""
        self._marks.clear()
        self._began = self._frame
        self._moving, self._weighed, self.moves, self._way = 0.0, 0, False, None

    def follow(self, levels: Pyramid, camera: Camera, guess: F64, passed_s: float) -> Found:
        """What this picture says; `guess` is the rotation that is expected.

        `camera` has the small picture's size.
        """
        marks = self._marks
        self._frame += 1
        if self.moves:  # land cannot tell whether the sky drifts
            self._sky_drift = self._sky_drift * math.exp(-passed_s / _DRIFT_FADES_S)
        self._turn_sky(self._sky_drift * passed_s)
        guess = self._scouted(levels, camera, guess)
        which, at, dormant = self._expected(camera, guess)
        affine = self._affine(which, camera, guess)
        all_xy, all_found = marks.search(levels, which, at, affine, 1)
        all_found &= ~dormant | (np.hypot(*(all_xy - at).T) < 2 * _TOLERANCE)
        again = np.flatnonzero(~all_found & ~dormant)[:_AGAIN]
        all_xy[again], all_found[again] = marks.search(levels, which[again], at[again], affine[again], 3)
        self._count_missed(which[~all_found])
        seen, seen_xy = which[all_found], all_xy[all_found]
        seen, seen_xy = _without_doubles(seen, seen_xy, marks.good)
        places = _places(seen_xy, camera)
        before = marks.xy[seen].copy()
        was_seen = marks.seen[seen] == self._frame - 1
        marks.note(seen, seen_xy, places, self._frame)
        turn = self._rotation(seen, places, camera, guess, passed_s)
        self._rotations[self._frame % HISTORY] = guess if turn is None else turn.rotation
        if turn is None:
            nothing = np.empty((0, 2))
            return Found(None, math.inf, nothing, nothing, NO_KINDS, np.empty(0, np.bool_))
        kinds, agree = self._judge(levels, seen, seen_xy, places, turn, camera)
        variance = float(np.trace(turn.covariance)) / 3
        variance += float(marks.variance[seen[agree]].mean()) if agree.any() else 0.0
        return Found(
            turn.rotation, variance, before[was_seen], seen_xy[was_seen], kinds[was_seen], agree[was_seen]
        )

    def _scouted(self, levels: Pyramid, camera: Camera, guess: F64) -> F64:
        """The expected rotation, put right by a few points in small pictures; the camera may have jerked."""
        marks = self._marks
        scouts = np.flatnonzero(marks.alive & (marks.seen == self._frame - 1))
        if len(scouts) < _LEAST_POINTS:
            return guess
        scouts = scouts[np.argsort(-marks.weights(scouts), kind="stable")[:_SCOUTS]]
        seen = marks.ray[scouts] @ guess
        at = _pixels(seen[:, :2] / seen[:, 2:].clip(0.1), camera)
        xy, found = marks.search(levels, scouts, at, self._affine(scouts, camera, guess), 3, 2)
        if found.sum() < _LEAST_POINTS:
            return guess
        rays, weights = marks.ray[scouts[found]], marks.weights(scouts[found])
        turn = fit_turn(rays, _places(xy[found], camera), weights, guess, 2 * _TOLERANCE / camera.focal_px)
        return turn.rotation if turn.agree.sum() >= max(_LEAST_POINTS, found.sum() / 2) else guess

    def seek(self, levels: Pyramid, sky: Bools, camera: Camera, rotation: F64, variance: float) -> None:
        """Add points where there are none; `sky`, bool (H/4, W/4), says where there is nothing but sky."""
        marks = self._marks
        active = marks.alive & (marks.seen == self._frame)
        enough = active.sum() > self._most // 2
        if enough and self._frame % 2:
            return
        room = self._most - int(active.sum())
        wanted = np.ones((self._rows, self._columns), np.uint8)
        x, y = (marks.xy[active] // CELL).astype(np.intp).T
        wanted[y.clip(0, self._rows - 1), x.clip(0, self._columns - 1)] = 0
        if enough:  # a part of the picture at a time
            cell = np.arange(wanted.size).reshape(wanted.shape)
            wanted[(cell + self._frame // 2) % _SOUGHT != 0] = 0
        if room <= 0 or not wanted.any():
            return
        corners = best_corners(levels[0], wanted, (self._fixed >= _BARRED_AT).astype(np.uint8), _WEAKEST)
        on_sky = sky[(corners[:, 1] // 4).astype(int), (corners[:, 0] // 4).astype(int)]
        corners, on_sky = _shared_out(corners, on_sky, room)
        xy = corners[:, :2].astype(np.float64)
        places = _places(xy, camera)
        rays = _rays(places) @ rotation.T
        worth = (corners[:, 2] / (corners[:, 2] + _CLEAR)).astype(np.float64)
        marks.add(levels, xy, rays, places, on_sky, worth, rotation, variance, self._frame)

    def resting(self) -> tuple[Ints, F64]:
        """Points of this picture at rest and far away: their numbers (N,), and where they are (N, 2)."""
        marks = self._marks
        which = np.flatnonzero(marks.alive & (marks.seen == self._frame) & (marks.bad == 0))
        if self.moves:
            which = which[:0]
        return marks.serial[which], marks.xy[which]

    def tie_anew(self, camera: Camera, rotation: F64) -> None:
        """Let all points be where they are now: the camera is not the one they were seen by."""
        marks = self._marks
        marks.alive &= marks.seen == self._frame
        which = np.flatnonzero(marks.alive)
        marks.ray[which] = _rays(_places(marks.xy[which], camera)) @ rotation.T
        marks.aside[which] = 0.0

    def _turn_sky(self, vector: F64) -> None:
        """Turn the directions of all points of the sky."""
        if vector @ vector > 0:
            sky = self._marks.is_sky
            self._marks.ray[sky] = self._marks.ray[sky] @ rotation_from_vector(vector).T

    def _expected(self, camera: Camera, guess: F64) -> tuple[Ints, F64, Bools]:
        """Points that should be in view, where, and which have been out of sight."""
        marks = self._marks
        return expected(
            marks.alive,
            marks.ray,
            marks.aside,
            marks.seen,
            marks.good,
            guess,
            camera.focal_px,
            *self._size_wh,
            MARGIN,
            self._frame - 1,
            _FAR_AFTER,
            _DORMANT,
        )

    def _affine(self, which: Ints, camera: Camera, rotation: F64) -> F64:
        """How the surroundings of points are drawn here beside where they were first seen, float64 (N, 4)."""
        marks = self._marks
        return affine_maps(
            which, marks.first_xy, marks.first_rotation, rotation, camera.focal_px, *self._size_wh
        )

    def _count_missed(self, which: Ints) -> None:
        marks = self._marks
        marks.missed[which] += 1
        most = np.where(marks.good[which] >= _FAR_AFTER, _MISSED_TRUSTED, _MISSED)
        marks.alive[which[marks.missed[which] >= most]] = False

    def _rotation(self, seen: Ints, places: F64, camera: Camera, guess: F64, passed_s: float) -> Turn | None:
        """The rotation that the points show, by the model that they ask for."""
        marks = self._marks
        if len(seen) < _LEAST_POINTS:
            return None
        rays, weights, on_sky = marks.ray[seen], marks.weights(seen), marks.is_sky[seen]
        tolerance = _TOLERANCE / camera.focal_px
        turn = fit_turn(rays, places, weights, guess, tolerance)
        if self._frame - self._began <= _YOUNG:
            behind = _behind(rays, places, weights, on_sky, turn, tolerance)
            if behind is not None:
                self._moving = min(self._moving, -_MOVING_ON)
                return behind if behind.agree.sum() >= _LEAST_POINTS else None
        land, sky = ~on_sky, on_sky
        moving = self._move(seen, places, camera, turn, land, guess)
        if moving is not None:  # near points, which weigh little, have been judged together
            enough = moving.agree.sum() >= _LEAST_POINTS and np.isfinite(moving.covariance).all()
            return moving if enough else None
        if land.sum() >= _LEAST_POINTS and sky.sum() >= _LEAST_POINTS:
            turn = self._agreed(seen, places, camera, turn, weights, on_sky, passed_s)
        agree = turn.agree
        if (
            agree.sum() < _LEAST_POINTS
            or weights[agree].sum() < max(_LEAST_WEIGHT, _LEAST_SHARE * weights.sum())
            or not np.isfinite(turn.covariance).all()
        ):
            return None
        return turn

    def _agreed(
        self, seen: Ints, places: F64, camera: Camera, both: Turn, weights: F64, sky: Bools, passed_s: float
    ) -> Turn:
        """The rotation of sky and land together or, where they disagree, of the one that is at rest."""
        marks = self._marks
        tolerance = _TOLERANCE / camera.focal_px
        land = ~sky
        rays = marks.ray[seen]
        of_land = fit_turn(rays[land], places[land], weights[land], both.rotation, tolerance)
        of_sky = fit_turn(rays[sky], places[sky], weights[sky], both.rotation, tolerance)
        apart = vector_from_rotation(of_land.rotation @ of_sky.rotation.T)
        spread = np.ptp(places[land][of_land.agree][:, 0]) if of_land.agree.sum() else 0.0
        rigid = (
            of_land.agree.sum() >= _RIGID_POINTS
            and weights[land][of_land.agree].sum() >= _RIGID_SHARE * weights[land].sum()
            and spread >= _RIGID_SPREAD * self._size_wh[0] / camera.focal_px
        )
        if not rigid or of_sky.agree.sum() < _LEAST_POINTS:
            return both
        if np.linalg.norm(apart) < _CONFLICT / camera.focal_px:
            return both
        # Both covariances are in this camera's coordinates.
        turned = of_land.rotation.T @ apart
        if turned @ np.linalg.solve(of_land.covariance + of_sky.covariance, turned) < _SURE**2:
            return both
        self._sky_drift += _DRIFT_GAIN * apart / passed_s
        self._turn_sky(apart)
        residual = np.full(len(seen), np.inf)
        residual[land] = of_land.residual
        residual[sky] = of_sky.residual
        return Turn(of_land.rotation, residual < tolerance, of_land.covariance, residual, of_land.deviation)

    def _move(
        self, seen: Ints, places: F64, camera: Camera, turn: Turn, land: Bools, guess: F64
    ) -> Turn | None:
        """The rotation of a camera that also moves; None where a rotation alone explains the points."""
        marks = self._marks
        if not self.moves and self._weighed > _LAGS[0] and self._frame % 2:
            return None
        lag = self._lag(seen, land)
        if lag is None:
            self._moving *= _MOVING_INERTIA
            return None
        slot = (self._frame - lag) % HISTORY
        lasted = land & (marks.history_at[seen, slot] == self._frame - lag)
        before, now = marks.history[seen[lasted], slot], places[lasted]
        earlier = self._rotations[slot]
        tolerance, deviation = _TOLERANCE / camera.focal_px, _FAINT / camera.focal_px
        ones = np.ones(len(before))
        rays_before = _rays(before) @ earlier.T
        alone = fit_turn(rays_before, now, ones, turn.rotation, tolerance)
        far = land & (marks.good[seen] >= _FAR_AFTER) & (marks.off[seen] < _FAR_OFF)
        infinite = ~land | far
        rays, at, weights = marks.ray[seen[infinite]], places[infinite], marks.weights(seen[infinite])
        weights[land[infinite]] *= 0.5
        ways = WAYS if self._way is None or self._frame % _SOUGHT == 0 else WAYS[:1]
        if self._way is not None:
            ways = np.concatenate([self._way[np.newaxis], ways])
        moving = fit_moving(
            before,
            now,
            _NEAR_WEIGHT * ones,
            earlier,
            rays,
            at,
            weights,
            guess,
            ways,
            tolerance,
            deviation,
            _PREDICTED / camera.focal_px,
        )
        both = np.minimum(alone.residual, moving.residual) < tolerance
        turned = rays_before @ alone.rotation
        shift = np.median(np.hypot(*(turned[:, :2] / turned[:, 2:].clip(0.1) - before).T))
        usual = max(deviation, float(np.median(moving.residual)) / 0.6745) + _LENS * float(shift)
        score = prefers_moving(alone.residual[both], moving.residual[both], usual)
        turns = alone.residual < max(tolerance / 2, 2 * usual)
        if (
            turns.mean() >= _TURNS_SHARE
            or (alone.agree | _second(rays_before, now, alone, 2 * tolerance)).mean() >= _TWO
        ):
            score = min(score, -_MOVING_ON)
        self._weighed += 1
        self._moving += max(1 - _MOVING_INERTIA, 1 / self._weighed) * (score - self._moving)
        self.moves = self._moving > (_MOVING_OFF if self.moves else _MOVING_ON)
        if not self.moves or (moving.residual < tolerance).mean() < _LEAST_MOVING:
            return None
        self._way = moving.way
        rotation, covariance = self._steadied(seen, places, camera, moving)
        aside = np.empty((len(seen), 2))
        offsets(seen, marks.ray, places, rotation, aside)
        off = np.hypot(aside[:, 0], aside[:, 1])
        agree = off < tolerance
        agree[np.flatnonzero(lasted)[moving.residual < tolerance]] = True
        return Turn(rotation, agree, covariance, off, deviation)

    def _steadied(self, seen: Ints, places: F64, camera: Camera, moving: Moving) -> tuple[F64, F64]:
        """(rotation, covariance) of a moving camera, together with what the points say that never strayed.

        Where the two contradict each other the points are not as far as they seemed.
        """
        marks = self._marks
        steady = (marks.strays[seen] == 0) & (marks.good[seen] >= _FAR_AFTER // 3)
        steady &= marks.off[seen] < _FAR_OFF
        far = seen[steady]
        tolerance = _FAR_OFF / camera.focal_px
        turn = refine_turn(marks.ray[far], places[steady], marks.weights(far), moving.rotation, tolerance)
        apart = vector_from_rotation(moving.rotation.T @ turn.rotation)
        if turn.agree.sum() < _LEAST_POINTS or not np.isfinite(turn.covariance).all():
            return moving.rotation, moving.covariance
        both = moving.covariance + turn.covariance
        if apart @ np.linalg.solve(both, apart) > _SURE**2:
            return moving.rotation, moving.covariance
        gain = moving.covariance @ np.linalg.inv(both)
        rotation = moving.rotation @ rotation_from_vector(gain @ apart)
        return rotation, np.asarray(moving.covariance - gain @ moving.covariance, np.float64)

    def _lag(self, seen: Ints, land: Bools) -> int | None:
        """How many frames ago the picture was with which parallax is looked for; None if there is none.

        It is kept for a while: pictures that are each compared with another one do not hang together.
        """
        marks = self._marks
        count = int(land.sum())
        first = self.moves or self._weighed < _LAGS[0]
        lags: tuple[int, ...] = (self._frame - self._key, *_LAGS, *(_FIRST_LAGS if first else ()))
        for survived in (_SURVIVED, _SURVIVED_MOVING) if self.moves else (_SURVIVED,):
            for lag in lags:
                at = self._frame - lag
                lasted = int((marks.history_at[seen[land], at % HISTORY] == at).sum())
                if lag < HISTORY and lasted >= max(12, survived * count):
                    self._key = at
                    return lag
        return None

    def _judge(
        self, levels: Pyramid, seen: Ints, xy: F64, places: F64, turn: Turn, camera: Camera
    ) -> tuple[U8, Bools]:
        """What each point is, uint8 (N,), and whether it agrees; points that do not are tied anew in time."""
        marks = self._marks
        rotation = turn.rotation
        aside = np.empty((len(seen), 2))
        offsets(seen, marks.ray, places, rotation, aside)
        aside *= camera.focal_px
        off = np.hypot(aside[:, 0], aside[:, 1])
        agree = off < _TOLERANCE
        marks.aside[seen] = aside
        marks.off[seen] += 0.2 * (np.minimum(off, 2 * _TOLERANCE) - marks.off[seen])
        marks.good[seen[agree & (off < _TOLERANCE / 2)]] += 1
        marks.bad[seen] = np.where(agree, 0, marks.bad[seen] + 1)
        if self._frame % 2:
            self._learn_fixed(seen, xy, agree, rotation, camera)
        # Directions give way to what is off all the time.
        give_way(seen, marks.ray, places, rotation, off, _STILL_OFF, _TOLERANCE, _FOLLOWS)
        kinds = np.where(marks.is_sky[seen], PointKind.SKY, PointKind.LAND).astype(np.uint8)
        near = turn.agree & ~agree
        kinds[~agree] = PointKind.MOVING
        kinds[near] = PointKind.NEAR
        kinds[self._is_fixed(xy)] = PointKind.FIXED
        variance = float(np.trace(turn.covariance)) / 3
        strayed = marks.bad[seen] >= _BAD
        which = seen[strayed]
        marks.tie(levels, which, xy[strayed], _rays(places[strayed]) @ rotation.T, rotation, variance)
        marks.good[which] = 0
        marks.strays[which] += 1
        barred = self._is_fixed(xy) & ~agree
        marks.alive[seen[barred]] = False
        return kinds, agree

    def _learn_fixed(self, seen: Ints, xy: F64, agree: Bools, rotation: F64, camera: Camera) -> None:
        """Keep count of where points stay in the picture while the world moves on."""
        marks = self._marks
        truly = shifts(seen, marks.first_xy, marks.first_rotation, rotation, camera.focal_px, *self._size_wh)
        moved = np.hypot(*(xy - marks.first_xy[seen]).T)
        stays = (truly > _FIXED_TRUTH) & (moved < _FIXED_MOVE)
        goes = agree & (truly > _FIXED_TRUTH)
        for spots, change in ((xy[stays], 1.0), (xy[goes], -1.0)):
            column, row = (spots // SPOT).astype(np.intp).T
            np.add.at(self._fixed, (row, column), np.float32(change))
        np.clip(self._fixed, 0, 2 * _BARRED_AT, out=self._fixed)

    def _is_fixed(self, xy: F64) -> Bools:
        column, row = (xy // SPOT).astype(np.intp).T
        return np.asarray(self._fixed[row, column] >= _BARRED_AT, np.bool_)


def _second(rays: F64, places: F64, first: Turn, tolerance: float) -> Bools:
    """Which points agree on the turn of most of those that do not agree with the first one, bool (N,)."""
    agree = np.zeros(len(rays), np.bool_)
    rest = ~first.agree
    if rest.sum() >= _LEAST_POINTS:
        ones = np.ones(int(rest.sum()))
        agree[rest] = fit_turn(rays[rest], places[rest], ones, first.rotation, tolerance).agree
    return agree


def _behind(rays: F64, places: F64, weights: F64, sky: Bools, turn: Turn, tolerance: float) -> Turn | None:
    """The turn of the world around a large thing that most points lie on; None where there is no such thing.

    Before the points are known only their places tell the two apart: a thing that moves stands before the
    world, which is seen all around it, or between it and the sky.
    """
    second = _second(rays, places, turn, tolerance)
    if (
        second.sum() < _BEHIND_POINTS
        or (turn.agree | second).mean() < _TWO
        or (sky & turn.agree).sum() >= _SKY_AMONG
    ):
        return None
    thing, world = places[turn.agree], places[second]
    around = _share_within(thing, world) >= _WITHIN and _share_within(world, thing) <= _BESIDE
    above = np.percentile(world[:, 1], 80) < np.percentile(thing[:, 1], 20)
    if not (around or above):
        return None
    of_world = fit_turn(rays[second], places[second], weights[second], turn.rotation, tolerance)
    return refine_turn(rays, places, weights, of_world.rotation, tolerance)


def _share_within(inner: F64, outer: F64) -> float:
    """The share of points, float64 (N, 2), within the bounds of all but the outermost of others (M, 2)."""
    low, high = np.percentile(outer, (3, 97), axis=0)
    return float(((inner >= low) & (inner <= high)).all(axis=1).mean())


def _shared_out(corners: F32, on_sky: Bools, room: int) -> tuple[F32, Bools]:
    """At most `room` corners, the strongest; half of them of the sky where there are as many."""
    order = np.argsort(-corners[:, 2], kind="stable")
    corners, on_sky = corners[order], on_sky[order]
    sky, land = np.flatnonzero(on_sky), np.flatnonzero(~on_sky)
    few = max(room // 2, room - len(land))
    sky = sky[:few]
    land = land[: room - len(sky)]
    chosen = np.concatenate([sky, land])
    return corners[chosen], on_sky[chosen]


def _without_doubles(which: Ints, xy: F64, good: Ints) -> tuple[Ints, F64]:
    """Points without those that lie on an older one."""
    order = np.argsort(-good[which], kind="stable")
    spots = (xy[order] // 4).astype(np.int64)
    _, first = np.unique(spots[:, 0] * 100_000 + spots[:, 1], return_index=True)
    kept = np.sort(order[first])
    return which[kept], xy[kept]


def _places(xy: F64, camera: Camera) -> F64:
    """Camera coordinates (x, y) at z = 1 of pixels, float64 (N, 2)."""
    return np.asarray((xy - (np.array(camera.size_wh) - 1) / 2) / camera.focal_px, np.float64)


def _pixels(places: F64, camera: Camera) -> F64:
    return np.asarray(places * camera.focal_px + (np.array(camera.size_wh) - 1) / 2, np.float64)


def _rays(places: F64) -> F64:
    """Unit vectors, float64 (N, 3), of camera coordinates at z = 1."""
    rays = np.column_stack([places, np.ones(len(places))])
    return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True), np.float64)
