from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import pytest

from app.capture import scene as demo_scene
from app.capture.demo import FPS, DemoSource
from app.config import Tracker
from app.frame import F64, NO_SPANS, U8, Colour, Foreground, Found, Frame, Matted, Motion, Planes, Tracking
from app.tracking.rigid import Rigid, fit_rigid
from app.tracking.stage import TrackingStage

WIDTH, HEIGHT = 320, 180
HORIZON = 120


def texture(seed: int, size: int = 900) -> U8:
    """Soft blobs, as clouds and trees have them."""
    noise = np.random.default_rng(seed).normal(size=(size, size)).astype(np.float32)
    smooth = np.asarray(cv2.GaussianBlur(noise, (0, 0), 3), np.float64)
    return np.asarray(np.clip(130 + 45 * smooth / smooth.std(), 0, 255), np.uint8)


def moved(picture: U8, motion: F64, size_wh: tuple[int, int] = (WIDTH, HEIGHT)) -> U8:
    """The middle of a picture after a motion of the points of the view."""
    middle = np.eye(3)
    middle[:2, 2] = (np.array(size_wh) - picture.shape[::-1]) / 2
    view = cv2.warpAffine(picture, (motion @ middle)[:2], size_wh, flags=cv2.INTER_CUBIC)
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
    """A roll about the picture's centre and a shift, in pixel coordinates."""
    matrix = Rigid(roll, x, y).matrix
    centre = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
    matrix[:2, 2] += centre - matrix[:2, :2] @ centre
    return matrix


def distance(motion: F64, truth: F64) -> float:
    """Largest distance, over the sky, between where two motions take a point."""
    corners = np.array([[0, 0, 1], [WIDTH - 1, 0, 1], [0, HORIZON, 1], [WIDTH - 1, HORIZON, 1.0]])
    return float(np.linalg.norm((corners @ (motion - truth).T)[:, :2], axis=1).max())


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


def test_the_first_frame_stands_where_it_stands() -> None:
    [motion] = run(np.eye(3), np.eye(3), frames=1)
    assert motion.state is Tracking.TRACKED
    assert np.array_equal(motion.step, np.eye(3))
    assert np.array_equal(motion.pose, np.eye(3))


@pytest.mark.parametrize(
    "truth",
    [turn(0, 0, 0), turn(0, 4.3, -1.6), turn(0, -9.5, 3), turn(0.03, 0, 0), turn(-0.02, 3, 2)],
    ids=["still", "pan", "fast pan", "roll", "both"],
)
def test_the_sky_is_followed_and_not_the_ground(truth: F64) -> None:
    motions = run(truth, turn(0, -3, 1))
    pose = np.eye(3)
    for motion in motions[1:]:
        pose = truth @ pose
        assert motion.state is Tracking.TRACKED
        assert motion.inliers >= 8
        assert distance(motion.step, truth) < 0.2
        assert distance(motion.pose, pose) < 0.8
        assert np.allclose(motion.pose[:2, :2] @ motion.pose[:2, :2].T, np.eye(2), atol=1e-12)


def test_the_points_that_agreed_lie_where_the_sky_was_and_is() -> None:
    truth = turn(0.02, 4, -2)
    first, *motions = run(truth, turn(0, -3, 1))
    assert first.points.shape == (0, 4)
    for motion in motions:
        assert motion.points.dtype == np.float32
        assert not motion.points.flags.writeable
        assert len(motion.points) == motion.inliers >= 8
        before, after = motion.points[:, :2], motion.points[:, 2:]
        assert (before[:, 1] < HORIZON).all()
        assert np.ptp(before[:, 0]) > WIDTH / 2
        carried = before @ truth[:2, :2].T + truth[:2, 2]
        assert np.median(np.linalg.norm(carried - after, axis=1)) < 0.2


def test_a_sky_without_texture_is_followed_by_the_ground() -> None:
    truth = turn(0.005, 2.5, -1)
    for motion in run(truth, truth, sky=np.full((900, 900), 200, np.uint8))[1:]:
        assert motion.state is Tracking.TRACKED
        # The ground's upper edge stands still in this picture, which disturbs the points beside it.
        assert distance(motion.step, truth) < 0.8


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
            true = points @ truth.T
            true /= true[:, 2:]
            errors.append(np.median(np.linalg.norm(true - points @ motion.step.T, axis=1)))
            shifts.append(np.median(np.linalg.norm(true - points, axis=1)))
    assert np.median(shifts) > 0.4
    assert np.median(errors) < 0.06
    assert max(errors) < 0.12


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
    shifts = [motion.step[0, 2] for motion in motions]
    states = [motion.state for motion in motions]
    assert states[0] is Tracking.PREDICTED
    assert all(len(motion.points) == 0 for motion in motions)
    assert 2.5 < shifts[0] < 4
    assert all(a >= b for a, b in pairwise(shifts))
    assert states[-1] is Tracking.LOST
    assert shifts[-1] == 0
    assert np.allclose(motions[-1].pose, motions[-2].pose, atol=0.01)


def test_a_cut_is_lost_for_a_frame_and_the_pose_goes_on() -> None:
    tracker, step = stage(), turn(0, 3, 0)
    pose = np.eye(3)
    before = None
    for index in range(5):
        before = tracker.process(scene(index, texture(1), pose, texture(2), pose))
        pose = step @ pose
    assert before is not None
    after = tracker.process(scene(5, texture(7), np.eye(3), texture(8), np.eye(3)))
    assert after.motion.state is Tracking.LOST
    assert np.allclose(after.motion.pose, before.motion.pose, atol=0.01)
    assert np.array_equal(after.alpha, before.alpha)
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


def test_the_pose_comes_back_to_a_level_camera() -> None:
    """Half a minute later 1/e of roll and tilt is left, and the heading is kept."""
    tracker, still, moved_by = stage(), np.eye(3), turn(0.04, 6, 5)
    tracker.process(scene(0, texture(1), still, texture(2), still))
    now = tracker.process(scene(1, texture(1), moved_by, texture(2), moved_by)).motion.pose
    later = tracker.process(scene(901, texture(1), moved_by, texture(2), moved_by)).motion.pose
    assert now[1, 0] == pytest.approx(0.04, abs=0.002)
    assert later[1, 0] == pytest.approx(now[1, 0] / np.e, abs=0.001)
    centre = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2, 1])
    (x0, y0, _), (x1, y1, _) = now @ centre - centre, later @ centre - centre
    assert x1 == pytest.approx(x0, abs=0.3)
    assert y1 == pytest.approx(y0 / np.e, abs=0.3)


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
    step = np.array([[1, 0, 2.0], [0, 1, -1.5], [0, 0, 1]])
    pose = np.eye(3)
    for index in range(4):
        alpha = np.full(size_wh[::-1], 255, np.uint8)
        motion = tracker.process(matted(moved(sky, pose, size_wh), alpha, index)).motion
        assert np.linalg.norm(motion.pose[:2, 2] - pose[:2, 2]) < 0.5
        pose = step @ pose


def test_same_frames_same_result_in_any_thread_and_after_reset() -> None:
    def poses(tracker: TrackingStage) -> list[F64]:
        tracker.reset()
        step = turn(0.01, 3, 1)
        pose, found = np.eye(3), []
        for index in range(5):
            found.append(tracker.process(scene(index, texture(1), pose, texture(2), pose)).motion.pose)
            pose = step @ pose
        return found

    tracker = stage()
    first, second = poses(tracker), poses(tracker)
    with ThreadPoolExecutor(1) as pool:
        third = pool.submit(poses, stage()).result()
    assert np.array_equal(first, second)
    assert np.array_equal(first, third)


def test_the_fit_ignores_a_third_of_points_gone_astray() -> None:
    rng = np.random.default_rng(4)
    truth = Rigid(0.05, 6, -3)
    source = rng.uniform(-300, 300, (60, 2))
    target = source @ truth.matrix[:2, :2].T + truth.matrix[:2, 2]
    target[:20] += rng.uniform(10, 60, (20, 2))
    motion, agree = fit_rigid(source, target, np.ones(60), 2.0, 2.0)
    assert np.allclose(motion, truth, atol=1e-3)
    assert not agree[:20].any()
    assert agree[20:].all()


@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_the_fit_keeps_the_roll_of_points_on_a_line_in_a_fast_turn(weight: float) -> None:
    rng = np.random.default_rng(5)
    truth = Rigid(0.053, 14, -1.6)
    source = np.stack([rng.uniform(-350, 450, 60), rng.uniform(60, 140, 60)], axis=1)
    target = source @ truth.matrix[:2, :2].T + truth.matrix[:2, 2] + rng.normal(0, 0.4, (60, 2))
    motion, agree = fit_rigid(source, target, np.full(60, weight), 5.0, 2.0, 0.15)
    assert agree.all()
    assert motion.roll == pytest.approx(truth.roll, abs=1e-3)


def test_the_fit_damps_the_roll_that_few_close_points_suggest() -> None:
    source = np.random.default_rng(6).uniform(-12, 12, (10, 2))
    motion, agree = fit_rigid(source, source @ Rigid(0.05, 0, 0).matrix[:2, :2].T, np.ones(10), 2.0, 2.0)
    assert agree.all()
    assert abs(motion.roll) < 1e-3


def test_a_motion_and_its_inverse_cancel() -> None:
    motion = Rigid(0.3, 5, -2)
    assert np.allclose(motion.then(motion.inverse()), 0)
    assert np.allclose(motion.then(Rigid(-0.1, 1, 7)).matrix, Rigid(-0.1, 1, 7).matrix @ motion.matrix)
