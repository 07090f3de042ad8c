from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import pytest

from app.camera import Camera, rotated
from app.capture import scene as demo_scene
from app.capture.demo import FPS, DemoSource
from app.config import Tracker
from app.frame import (
    F64,
    NO_SPANS,
    U8,
    Colour,
    Foreground,
    Found,
    Frame,
    Matted,
    Motion,
    Planes,
    PointKind,
    Tracking,
)
from app.rotation import rotation_from_vector, vector_from_rotation
from app.tracking.stage import TrackingStage

WIDTH, HEIGHT = 320, 180
HORIZON = 120
CAMERA = Camera.from_fov((WIDTH, HEIGHT), 60.0)


def texture(seed: int, size: int = 900) -> U8:
    """Soft blobs, as clouds and trees have them."""
    noise = np.random.default_rng(seed).normal(size=(size, size)).astype(np.float32)
    smooth = np.asarray(cv2.GaussianBlur(noise, (0, 0), 3), np.float64)
    return np.asarray(np.clip(130 + 45 * smooth / smooth.std(), 0, 255), np.uint8)


def moved(picture: U8, motion: F64, size_wh: tuple[int, int] = (WIDTH, HEIGHT)) -> U8:
    """The middle of a picture after a motion of the points of the view."""
    middle = np.eye(3)
    middle[:2, 2] = (np.array(size_wh) - picture.shape[::-1]) / 2
    view = cv2.warpPerspective(picture, motion @ middle, size_wh, flags=cv2.INTER_CUBIC)
    return np.asarray(view, np.uint8)


def matted(luma: U8, alpha: U8, index: int) -> Matted:
    chroma = np.full(((luma.shape[0] + 1) // 2, (luma.shape[1] + 1) // 2), 128, np.uint8)
    for array in (luma, alpha, chroma):
        array.setflags(write=False)
    frame = Frame(Planes(luma, chroma, chroma), index, index, Fraction(1, 30), Colour(), 0)
    return Matted(frame, alpha, Foreground(frame.planes, NO_SPANS), Found(0.5, 1))


def scene(index: int, sky: U8, sky_motion: F64, ground: U8, ground_motion: F64) -> Matted:
    luma = moved(sky, sky_motion)
    luma[HORIZON:] = moved(ground, ground_motion)[HORIZON:]
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[HORIZON:] = 0
    return matted(luma, alpha, index)


def turn(roll: float, x: float, y: float) -> F64:
    """What a camera that turns does to the picture: radians of roll, and pixels at its centre."""
    focal = CAMERA.focal_px
    return rotated(CAMERA, rotation_from_vector(np.array([-y / focal, x / focal, roll])), CAMERA)


def shown(homography: F64, points: F64) -> F64:
    moved = points @ homography.T
    return np.asarray(moved[:, :2] / moved[:, 2:], np.float64)


def distance(motion: F64, truth: F64) -> float:
    """Largest distance, over the sky, between where two motions take a point."""
    corners = np.array([[0, 0, 1], [WIDTH - 1, 0, 1], [0, HORIZON, 1], [WIDTH - 1, HORIZON, 1.0]])
    return float(np.linalg.norm(shown(motion, corners) - shown(truth, corners), axis=1).max())


def stage() -> TrackingStage:
    return TrackingStage(Tracker(), (WIDTH, HEIGHT))


def run(sky_step: F64, ground_step: F64, frames: int = 12, sky: U8 | None = None) -> list[Motion]:
    sky = texture(1) if sky is None else sky
    tracker, motions = stage(), []
    sky_pose = ground_pose = np.eye(3)
    for index in range(frames):
        motions.append(tracker.process(scene(index, sky, sky_pose, texture(2), ground_pose)).motion)
        sky_pose, ground_pose = sky_step @ sky_pose, ground_step @ ground_pose
    return motions


def pose_of(motion: Motion) -> F64:
    """From the first frame's pixels to this one's, by the rotation that was measured."""
    return rotated(CAMERA, motion.rotation.T, CAMERA)


def test_the_first_frame_stands_where_it_stands() -> None:
    [motion] = run(np.eye(3), np.eye(3), frames=1)
    assert motion.state is Tracking.TRACKED
    assert np.array_equal(motion.step, np.eye(3))
    assert np.array_equal(motion.rotation, np.eye(3))
    assert np.array_equal(motion.view.rotation, np.eye(3))
    assert motion.sigma_deg == 0


@pytest.mark.parametrize(
    "truth",
    [turn(0, 0, 0), turn(0, 4.3, -1.6), turn(0, -9.5, 3), turn(0.03, 0, 0), turn(-0.02, 3, 2)],
    ids=["still", "pan", "fast pan", "roll", "both"],
)
def test_a_turn_of_the_camera_is_followed(truth: F64) -> None:
    pose = np.eye(3)
    for motion in run(truth, truth)[1:]:
        pose = truth @ pose
        assert motion.state is Tracking.TRACKED
        assert motion.inliers >= 8
        assert distance(motion.step, truth) < 0.15
        assert distance(pose_of(motion), pose) < 0.3
        assert motion.rotation @ motion.rotation.T == pytest.approx(np.eye(3), abs=1e-12)
        assert 0 < motion.sigma_deg < 0.2


def test_a_sky_that_drifts_before_land_at_rest_is_not_followed() -> None:
    truth = turn(0.004, 2, -1)
    for motion in run(turn(0, 1.2, 0) @ truth, truth)[3:]:
        assert motion.state is Tracking.TRACKED
        assert distance(motion.step, truth) < 0.25


def test_near_ground_does_not_carry_the_sky_along() -> None:
    """The camera moves sideways over a plain: the nearer, the faster."""
    truth = turn(0, 1.5, 0.5)
    walk = np.array([[1, 0.06, -0.06 * HORIZON], [0, 1, 0], [0, 0, 1]])
    for motion in run(truth, truth @ walk, frames=16)[4:]:
        assert motion.state is Tracking.TRACKED
        assert distance(motion.step, truth) < 0.3


def test_a_large_thing_that_moves_does_not_carry_the_sky_along() -> None:
    truth, truck = turn(0, -1, 0.4), texture(9)
    tracker, pose = stage(), np.eye(3)
    errors = []
    for index in range(20):
        picture = scene(index, texture(1), pose, texture(2), pose)
        luma = picture.frame.planes.y.copy()
        left = 40 + 3 * index
        luma[60:, left : left + 130] = truck[60:180, :130]
        alpha = picture.alpha.copy()
        alpha[60:, left : left + 130] = 0
        motion = tracker.process(matted(luma, alpha, index)).motion
        pose = truth @ pose
        if index:
            errors.append(distance(motion.step, truth))
    assert max(errors) < 0.3


def test_what_is_fixed_to_the_picture_is_found_and_left_alone() -> None:
    truth, logo = turn(0, -2.5, 0), texture(8)[:60, :90]
    tracker, pose = stage(), np.eye(3)
    motion = None
    for index in range(25):
        picture = scene(index, texture(1), pose, texture(2), pose)
        luma = picture.frame.planes.y.copy()
        luma[10:70, 20:110] = logo
        motion = tracker.process(matted(luma, picture.alpha.copy(), index)).motion
        pose = truth @ pose
        if index > 2:
            assert motion.state is Tracking.TRACKED
            assert distance(motion.step, truth) < 0.25
    assert motion is not None
    kinds, at = motion.kinds, motion.points[:, 2:]
    inside = (at[:, 0] > 28) & (at[:, 0] < 102) & (at[:, 1] > 18) & (at[:, 1] < 62)
    assert not np.isin(kinds[inside], (PointKind.SKY, PointKind.LAND)).any()


def test_the_points_that_agreed_lie_where_the_sky_was_and_is() -> None:
    truth = turn(0.02, 4, -2)
    first, *motions = run(truth, truth)
    assert first.points.shape == (0, 4)
    for motion in motions:
        assert motion.points.dtype == np.float32
        assert not motion.points.flags.writeable
        assert len(motion.points) == len(motion.kinds) >= motion.inliers >= 8
        points = motion.points[np.isin(motion.kinds, (PointKind.SKY, PointKind.LAND))].astype(np.float64)
        before, after = points[:, :2], points[:, 2:]
        assert np.ptp(before[:, 0]) > WIDTH / 2
        carried = shown(truth, np.column_stack([before, np.ones(len(before))]))
        assert np.median(np.linalg.norm(carried - after, axis=1)) < 0.2
    on_sky = motions[-1].points[motions[-1].kinds == PointKind.SKY]
    assert len(on_sky) and (on_sky[:, 3] < HORIZON).all()


def test_a_sky_without_texture_is_followed_by_the_ground() -> None:
    truth = turn(0.005, 2.5, -1)
    for motion in run(truth, truth, sky=np.full((900, 900), 200, np.uint8))[1:]:
        assert motion.state is Tracking.TRACKED
        # The ground's upper edge stands still in this picture, which disturbs the points beside it.
        assert distance(motion.step, truth) < 0.5


def test_the_alpha_in_every_packet_is_read_only() -> None:
    tracker = stage()
    for index in range(3):
        packet = tracker.process(scene(index, texture(1), np.eye(3), texture(2), np.eye(3)))
        assert not packet.alpha.flags.writeable


def test_a_mast_in_a_clear_sky_does_not_carry_it_along() -> None:
    tracker, ground, mast = stage(), texture(2), texture(5)
    ground_pose = np.eye(3)
    for index in range(10):
        luma = np.full((HEIGHT, WIDTH), 200, np.uint8)
        luma[HORIZON:] = moved(ground, ground_pose)[HORIZON:]
        left, top = 200 + 3 * index, 60 - 2 * index
        luma[top : top + 40, left : left + 12] = mast[:40, :12]
        alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
        alpha[HORIZON:] = 0
        motion = tracker.process(matted(luma, alpha, index)).motion
        if index:
            assert motion.state is Tracking.TRACKED
            assert distance(motion.step, turn(0, 0.4, 0.2)) < 1
        ground_pose = turn(0, 0.4, 0.2) @ ground_pose


def test_the_demo_scenes_sky_is_followed_as_its_camera_turns() -> None:
    size_wh = (320, 180)
    tracker = TrackingStage(Tracker(), size_wh)
    errors, shifts = [], []
    with DemoSource(size_wh) as source:
        for index in range(45):
            frame, alpha = source.frame(index)
            foreground = Foreground(frame.planes, NO_SPANS)
            motion = tracker.process(Matted(frame, alpha, foreground, Found(0.5, 1))).motion
            assert motion.state is Tracking.TRACKED
            if index == 0:
                continue
            truth = demo_scene.sky_motion(size_wh, float((index - 1) / FPS), float(index / FPS))
            y, x = np.nonzero(alpha[::8, ::8] > 128)
            points = np.stack([8.0 * x, 8.0 * y, np.ones(len(x))], axis=1)
            true = shown(truth, points)
            errors.append(np.median(np.linalg.norm(true - shown(motion.step, points), axis=1)))
            shifts.append(np.median(np.linalg.norm(true - points[:, :2], axis=1)))
    assert np.median(shifts) > 0.4
    assert np.median(errors) < 0.1
    assert np.percentile(errors, 90) < 0.18
    assert max(errors) < 0.3


def test_a_change_of_exposure_is_no_motion() -> None:
    tracker, sky, ground = stage(), texture(1), texture(2)
    for index in range(6):
        gain = 1 + 0.05 * index
        picture = scene(index, (sky * 0.7 * gain).astype(np.uint8), np.eye(3), ground, np.eye(3))
        motion = tracker.process(picture).motion
        assert distance(motion.step, np.eye(3)) < 0.1


def test_with_nothing_to_see_the_motion_dies_away_and_is_lost() -> None:
    tracker, sky, step = stage(), texture(1), turn(0, 4, 0)
    pose = np.eye(3)
    for index in range(4):
        tracker.process(scene(index, sky, pose, texture(2), pose))
        pose = step @ pose
    grey = np.full((HEIGHT, WIDTH), 130, np.uint8)
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    motions = [tracker.process(matted(grey.copy(), alpha.copy(), index)).motion for index in range(4, 30)]
    shifts = [shown(motion.step, np.array([[159.5, 89.5, 1]]))[0, 0] - 159.5 for motion in motions]
    states = [motion.state for motion in motions]
    assert states[0] is Tracking.PREDICTED
    assert all(len(motion.points) == 0 for motion in motions)
    assert 2.5 < shifts[0] < 4
    assert all(a >= b for a, b in pairwise(shifts))
    assert states[-1] is Tracking.LOST
    assert abs(shifts[-1]) < 1e-9
    assert np.allclose(motions[-1].rotation, motions[-2].rotation)
    assert motions[-1].sigma_deg > motions[0].sigma_deg


def test_after_a_blank_the_rotation_goes_on_from_where_it_stood() -> None:
    tracker, step, pose, motions = stage(), turn(0, 1.5, 0), np.eye(3), []
    for index in range(60):
        picture = scene(index, texture(1), pose, texture(2), pose)
        if 15 <= index < 45:
            picture = matted(
                np.full((HEIGHT, WIDTH), 30, np.uint8), np.zeros((HEIGHT, WIDTH), np.uint8), index
            )
        else:
            pose = step @ pose
        motions.append(tracker.process(picture).motion)
    assert [motions[index].state for index in (14, 15, 44, 47)] == [
        Tracking.TRACKED,
        Tracking.PREDICTED,
        Tracking.LOST,
        Tracking.TRACKED,
    ]
    for before, after in pairwise(motions[15:]):
        turned = vector_from_rotation(before.rotation.T @ after.rotation)
        assert CAMERA.focal_px * np.linalg.norm(turned) < 2
    for motion in motions[47:]:
        assert distance(motion.step, step) < 0.2


def test_a_cut_is_lost_for_a_frame_and_the_sky_begins_anew() -> None:
    tracker, step, still = stage(), turn(0, 3, 0), np.eye(3)
    pose = np.eye(3)
    before = None
    for index in range(5):
        before = tracker.process(scene(index, texture(1), pose, texture(2), pose))
        pose = step @ pose
    assert before is not None
    after = tracker.process(scene(5, texture(7), np.eye(3), texture(8), np.eye(3)))
    assert after.motion.state is Tracking.LOST
    assert np.allclose(after.motion.rotation, before.motion.rotation)
    assert np.allclose(after.motion.view.rotation, np.eye(3))
    assert np.array_equal(after.alpha, scene(0, texture(1), still, texture(2), still).alpha)
    again = tracker.process(scene(6, texture(7), step, texture(8), step))
    assert again.motion.state is Tracking.TRACKED
    assert distance(again.motion.step, step) < 0.2


def zooming(growth: float, frames: int = 10) -> list[Matted]:
    """The view grows by a factor each frame; the alpha of the ground's windows flickers."""
    centre = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
    made = []
    for index in range(frames):
        zoom = np.diag([growth**index, growth**index, 1.0])
        zoom[:2, 2] = centre - growth**index * centre
        now = scene(index, texture(1), zoom, texture(2), zoom)
        alpha = now.alpha.copy()
        alpha[HORIZON + 10 :] = 60 if index % 2 else 0
        made.append(matted(now.frame.planes.y.copy(), alpha, index))
    return made


@pytest.mark.parametrize("growth", [1.0, 1.012, 1 / 1.012])
def test_the_alpha_is_steadied_while_the_camera_zooms(growth: float) -> None:
    tracker = stage()
    levels = [tracker.process(one).alpha[HORIZON + 12 :].astype(float) for one in zooming(growth)]
    changes = [float(np.abs(b - a).mean()) for a, b in pairwise(levels)]
    assert max(changes[4:]) < 25


def test_levelling_acts_on_the_view_alone() -> None:
    """A camera that begins tilted by a roll is taken to be held level later on."""
    tracker, still, rolled = stage(), np.eye(3), turn(0.04, 0, 0)
    tracker.process(scene(0, texture(1), still, texture(2), still))
    now = tracker.process(scene(1, texture(1), rolled, texture(2), rolled)).motion
    later = tracker.process(scene(1801, texture(1), rolled, texture(2), rolled)).motion
    assert vector_from_rotation(now.view.rotation)[2] == pytest.approx(-0.04, abs=0.001)
    assert vector_from_rotation(later.rotation)[2] == pytest.approx(-0.04, abs=0.001)
    assert abs(vector_from_rotation(later.view.rotation)[2]) < 0.01


def test_after_a_cut_nothing_is_predicted() -> None:
    tracker, still = stage(), np.eye(3)
    for index in range(3):
        tracker.process(scene(index, texture(1), still, texture(2), still))
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    ramp = np.broadcast_to(np.linspace(40, 220, WIDTH).astype(np.uint8), (HEIGHT, WIDTH))
    states = [tracker.process(matted(ramp.copy(), alpha, index)).motion.state for index in range(3, 7)]
    assert states == [Tracking.LOST] * 4


@pytest.mark.parametrize("size_wh", [(64, 64), (101, 67), (90, 200), (641, 361), (1280, 720), (1300, 64)])
def test_any_size_is_followed_in_its_own_pixels(size_wh: tuple[int, int]) -> None:
    tracker, sky = TrackingStage(Tracker(), size_wh), texture(3, 1500)
    camera = Camera.from_fov(size_wh, 60.0)
    turned = rotation_from_vector(np.array([1.5, 2.0, 0]) / camera.focal_px)
    step = rotated(camera, turned, camera)
    pose, rotation = np.eye(3), np.eye(3)
    for index in range(4):
        alpha = np.full(size_wh[::-1], 255, np.uint8)
        motion = tracker.process(matted(moved(sky, pose, size_wh), alpha, index)).motion
        off = vector_from_rotation(rotation.T @ motion.rotation)
        assert camera.focal_px * np.hypot(off[0], off[1]) < 0.4
        pose, rotation = step @ pose, rotation @ turned.T


def test_same_frames_same_result_in_any_thread_and_after_reset() -> None:
    def rotations(tracker: TrackingStage) -> list[F64]:
        tracker.reset()
        step = turn(0.01, 3, 1)
        pose, found = np.eye(3), []
        for index in range(5):
            found.append(tracker.process(scene(index, texture(1), pose, texture(2), pose)).motion.rotation)
            pose = step @ pose
        return found

    tracker = stage()
    first, second = rotations(tracker), rotations(tracker)
    with ThreadPoolExecutor(1) as pool:
        third = pool.submit(rotations, stage()).result()
    assert np.array_equal(first, second)
    assert np.array_equal(first, third)


def obstructed(index: int, pose: F64, obstruct: Callable[[U8, U8, int], None]) -> Matted:
    """The scene of land below sky with something before it, which is drawn into luma and alpha."""
    picture = scene(index, texture(1), pose, texture(2), pose)
    luma, alpha = picture.frame.planes.y.copy(), picture.alpha.copy()
    obstruct(luma, alpha, index)
    return matted(luma, alpha, index)


def wiper(luma: U8, alpha: U8, index: int) -> None:
    """A blade that sweeps through the whole picture and back in a second."""
    angle = 1.2 * np.sin(2 * np.pi * index / 30)
    tip = (round(160 + 230 * np.sin(angle)), round(190 - 230 * np.cos(angle)))
    for picture, level in ((luma, 15), (alpha, 0)):
        cv2.line(picture, (160, 190), tip, level, 14)


def birds(luma: U8, alpha: U8, index: int) -> None:
    """A flock that flies through the sky as one; the matte does not see it."""
    for x, y in np.random.default_rng(4).uniform((0, 5), (WIDTH, HORIZON - 20), (25, 2)):
        at = round(x + 4 * index) % WIDTH, round(y + 0.5 * index)
        cv2.ellipse(luma, at, (5, 2), 20, 0, 360, 10, -1)


def reflection(luma: U8, alpha: U8, index: int) -> None:
    """A dashboard's reflection in the windscreen: a fifth of its light over the lower half of the picture."""
    part = luma[HEIGHT // 2 :]
    part[:] = np.clip(part + 0.35 * (texture(6)[: len(part), :WIDTH].astype(np.float64) - 130), 0, 255)


@pytest.mark.parametrize("obstruct", [wiper, birds, reflection])
def test_what_is_before_the_world_does_not_carry_the_sky_along(
    obstruct: Callable[[U8, U8, int], None],
) -> None:
    truth, pose, tracker = turn(0.003, -1.8, 0.5), np.eye(3), stage()
    errors = []
    for index in range(40):
        motion = tracker.process(obstructed(index, pose, obstruct)).motion
        pose = truth @ pose
        if index:
            assert motion.state is Tracking.TRACKED
            errors.append(distance(motion.step, truth))
    assert np.median(errors) < 0.1
    assert max(errors) < 0.4
    true = np.linalg.matrix_power(truth, 39)
    assert distance(pose_of(motion), true) < 0.5


def test_the_world_around_a_thing_with_most_of_the_points_is_followed() -> None:
    """From the first frame on: nothing is known yet of what moves."""
    truth, truck = turn(0, -1.2, 0.4), texture(9)
    tracker, pose = stage(), np.eye(3)
    soft = np.asarray(105 + 0.2 * texture(1), np.uint8)
    errors = []
    for index in range(24):
        luma, alpha = moved(soft, pose), np.zeros((HEIGHT, WIDTH), np.uint8)
        left = 60 + 3 * index
        luma[70:170, left : left + 150] = truck[70:170, :150]
        motion = tracker.process(matted(luma, alpha, index)).motion
        pose = truth @ pose
        if index:
            errors.append(distance(motion.step, truth))
    assert max(errors) < 0.3
