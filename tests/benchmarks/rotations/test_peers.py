from fractions import Fraction

import cv2
import numpy as np
import pytest

from app.camera import Camera
from app.frame import U8, Colour, Frame, Planes, Tracking
from app.rotation import rotation_from_vector
from benchmarks.rotations.clips import Truth
from benchmarks.rotations.errors import Errors, errors
from benchmarks.rotations.peers import TRACKERS

CAMERA = Camera.from_fov((480, 270), 60.0)


def clip(textured_sky: bool = True) -> tuple[list[tuple[Frame, U8]], Truth]:
    """Five frames of a far picture, sky in its upper half, before a camera that turns and rolls."""
    rng = np.random.default_rng(0)
    blurred = cv2.GaussianBlur(rng.standard_normal((540, 960)), (0, 0), 3)
    far = np.clip(128 + 40 * blurred / blurred.std(), 0, 255).astype(np.uint8)
    is_sky = np.zeros_like(far)
    is_sky[:270] = 255
    if not textured_sky:
        far[:270] = 180
    far_camera = Camera((960, 540), CAMERA.focal_px)
    rotations = np.stack(
        [rotation_from_vector(np.array([0.002, 0.004, 0.003]) * index) for index in range(5)]
    )
    grey = np.full((135, 240), 128, np.uint8)
    shots = []
    for index, rotation in enumerate(rotations):
        here = CAMERA.matrix @ rotation.T @ far_camera.inverse
        luma, alpha = (
            np.asarray(cv2.warpPerspective(plane, here, CAMERA.size_wh), np.uint8) for plane in (far, is_sky)
        )
        for plane in (luma, alpha, grey):
            plane.setflags(write=False)
        shots.append((Frame(Planes(luma, grey, grey), index, index, Fraction(1, 30), Colour(), 0), alpha))
    return shots, Truth(rotations, np.zeros(5, int), np.ones(5, np.bool_))


def measured(name: str, textured_sky: bool = True) -> Errors:
    shots, truth = clip(textured_sky)
    follow = TRACKERS[name](CAMERA)
    return errors([follow(*shot) for shot in shots], truth, CAMERA)


@pytest.mark.parametrize(
    ("name", "most_px"), [("plain", 0.06), ("ours", 0.5), ("affine", 1.0), ("SkyAR", 1.0)]
)
def test_trackers_follow_an_easy_turn(name: str, most_px: float) -> None:
    still, found = measured("identity"), measured(name)
    assert found.median_px < most_px < still.median_px / 2
    assert found.drift_percent < still.drift_percent / 3
    assert found.lost_percent == 0


def test_identity_stays_where_it_is() -> None:
    found = measured("identity")
    assert found.drift_percent == pytest.approx(
        100 * CAMERA.focal_px * 4 * np.hypot(0.002, 0.004) / 480, rel=0.01
    )


def test_skyars_model_stands_still_below_a_sky_without_texture() -> None:
    found = measured("SkyAR", textured_sky=False)
    assert found.lost_percent == 100
    assert found.drift_percent == pytest.approx(measured("identity").drift_percent)


@pytest.mark.parametrize("name", ["SkyAR", "affine", "plain"])
def test_a_tracker_that_finds_nothing_says_so(name: str) -> None:
    shots, _ = clip()
    blank, all_sky = np.full((270, 480), 90, np.uint8), np.full((270, 480), 255, np.uint8)
    frame = shots[0][0]
    follow = TRACKERS[name](CAMERA)
    nothing = Frame(Planes(blank, frame.planes.u, frame.planes.v), 0, 0, Fraction(1, 30), Colour(), 0)
    follow(nothing, all_sky)
    estimate = follow(nothing, all_sky)
    assert estimate.state is Tracking.LOST
    assert (estimate.step == np.eye(3)).all()
