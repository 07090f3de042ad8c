import math

import numpy as np
import pytest

from app.camera import Camera
from app.frame import F64, Tracking
from app.rotation import rotation_from_vector
from benchmarks.rotations.clips import Truth
from benchmarks.rotations.errors import errors, rotation_of
from benchmarks.rotations.paths import Path, Swing
from benchmarks.rotations.peers import Estimate

CAMERA = Camera.from_fov((1280, 720), 60.0)
COUNT = 60


def truth(parts: F64 | None = None, blank: slice | None = None) -> Truth:
    rotations = Path(20, 5, 8, pitch=Swing(3, 1), roll=Swing(4, 2)).rotations(np.arange(COUNT) / 30)
    seen = np.ones(COUNT, np.bool_)
    if blank:
        seen[blank] = False
    return Truth(rotations, np.zeros(COUNT, int) if parts is None else parts.astype(int), seen)


def homography(after_from_before: F64) -> F64:
    return np.asarray(CAMERA.matrix @ after_from_before @ CAMERA.inverse, np.float64)


def estimates(of: Truth, wrong: F64 | None = None, *, with_rotations: bool = True) -> list[Estimate]:
    """What a tracker says that makes the error `wrong`, a rotation vector, in every step."""
    extra = rotation_from_vector(np.zeros(3) if wrong is None else wrong)
    said = [Estimate(np.eye(3), Tracking.TRACKED, 0.001, *(np.eye(3),) * 2 * with_rotations)]
    rotation = np.eye(3)
    for before, after in zip(of.rotations, of.rotations[1:], strict=False):
        step = extra @ after.T @ before
        rotation = rotation @ step.T
        known = (rotation, rotation) if with_rotations else ()
        said.append(Estimate(homography(step), Tracking.TRACKED, 0.001, *known))
    return said


@pytest.mark.parametrize("with_rotations", [True, False])
def test_the_truth_has_no_error(with_rotations: bool) -> None:
    found = errors(estimates(truth(), with_rotations=with_rotations), truth(), CAMERA)
    assert found.p95_px < 1e-6
    assert found.drift_percent < 1e-6
    assert found.roll_deg < 1e-6
    assert (found.lost_percent, found.predicted_percent, found.missed_cuts) == (0, 0, 0)
    assert found.jump_px is None
    assert found.ms == pytest.approx(1)


@pytest.mark.parametrize("with_rotations", [True, False])
def test_a_yaw_too_much_in_every_step_is_found_in_pixels_and_adds_up(with_rotations: bool) -> None:
    still = Truth(np.broadcast_to(np.eye(3), (COUNT, 3, 3)), np.zeros(COUNT, int), np.ones(COUNT, np.bool_))
    angle = 0.5 / CAMERA.focal_px
    wrong = np.array([0, angle, 0])
    found = errors(estimates(still, wrong, with_rotations=with_rotations), still, CAMERA)
    assert found.centre_px == pytest.approx(0.5, rel=1e-3)
    assert 0.5 < found.median_px < 0.75
    assert found.drift_percent == pytest.approx(100 * 0.5 * (COUNT - 1) / 1280, rel=1e-3)
    assert found.roll_deg == pytest.approx(0, abs=1e-6)


def test_a_roll_too_much_is_no_drift() -> None:
    still = Truth(np.broadcast_to(np.eye(3), (COUNT, 3, 3)), np.zeros(COUNT, int), np.ones(COUNT, np.bool_))
    found = errors(estimates(still, np.array([0, 0, 0.001])), still, CAMERA)
    assert found.roll_deg == pytest.approx(math.degrees(0.001 * (COUNT - 1)))
    assert found.drift_percent == pytest.approx(0, abs=1e-9)
    assert found.centre_px == pytest.approx(0, abs=1e-9)


def test_standing_still_loses_the_whole_pan() -> None:
    of = truth()
    still = [Estimate(np.eye(3), Tracking.LOST, 0.0)] * COUNT
    found = errors(still, of, CAMERA)
    turned = of.rotations[0].T @ of.rotations[-1]
    assert found.drift_percent == pytest.approx(100 * CAMERA.focal_px * math.acos(turned[2, 2]) / 1280)
    assert found.lost_percent == 100


def test_motions_across_a_cut_do_not_count_and_drift_starts_anew() -> None:
    parts = (np.arange(COUNT) >= 30).astype(float)
    of = truth(parts)
    said = estimates(of)
    said[30] = Estimate(homography(rotation_from_vector(np.array([0, 0.2, 0]))), Tracking.TRACKED, 0.001)
    # All later rotations are measured from another start.
    other = rotation_from_vector(np.array([0.1, 0.5, 0.2]))
    for index in range(30, COUNT):
        before = said[index]
        assert index == 30 or before.rotation is not None
        rotation = other @ of.rotations[30].T @ of.rotations[index]
        said[index] = Estimate(before.step, before.state, 0.001, rotation, rotation)
    found = errors(said, of, CAMERA)
    assert found.missed_cuts == 1
    assert found.p95_px < 1e-6
    assert found.drift_percent < 1e-6
    said[30] = Estimate(said[30].step, Tracking.LOST, 0.001, said[30].rotation, said[30].shown)
    found = errors(said, of, CAMERA)
    assert (found.missed_cuts, found.lost_percent) == (0, 0)


def test_after_a_blank_a_jump_of_the_placed_sky_is_found() -> None:
    of = truth(blank=slice(20, 30))
    said = estimates(of)
    for index in range(20, 30):
        said[index] = Estimate(np.eye(3), Tracking.LOST, 0.001, said[index].rotation, said[index].shown)
    quiet = errors(said, of, CAMERA)
    assert quiet.lost_percent == 0
    assert quiet.p95_px < 1e-6
    assert quiet.jump_px == pytest.approx(0, abs=1e-6)
    jump = rotation_from_vector(np.array([0, 3 / CAMERA.focal_px, 0]))
    for index in range(40, COUNT):
        shown = said[index].shown
        assert shown is not None
        said[index] = Estimate(
            said[index].step, Tracking.TRACKED, 0.001, said[index].rotation, np.asarray(jump @ shown)
        )
    found = errors(said, of, CAMERA)
    assert found.jump_px is not None
    assert 3 < found.jump_px < 4.5
    assert found.p95_px < 1e-6


def test_rotation_of_its_homography_and_of_a_shift() -> None:
    rotation = rotation_from_vector(np.array([0.02, -0.03, 0.05]))
    np.testing.assert_allclose(rotation_of(homography(rotation), CAMERA), rotation, atol=1e-9)
    shift = np.array([[1, 0, 10.0], [0, 1, 0], [0, 0, 1]])
    turned = rotation_of(shift, CAMERA)
    # Away from the centre a pixel is a smaller angle than in it.
    assert 0.8 < turned[0, 2] * CAMERA.focal_px / 10 < 1
    assert abs(turned[0, 1]) < 1e-6
