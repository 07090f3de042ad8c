"""Photo loops: exact starts, seams and land; motion as asked; contrast; light."""

import itertools

import cv2
import numpy as np
import pytest

from app.errors import SkyError
from app.frame import U8
from living.field import arrow_field, wind_field
from living.noise import NoiseBank
from living.photo import PhotoLoop, lit, split
from living.specs import Arrow, Wind

SIZE = WIDTH, HEIGHT = 256, 144
FPS = 30
PERIOD = 2.0
ONE_PX = 5.0 * FPS
"""Wind, at 1280 pixels of width, that is one pixel a frame at 256."""


def _clouds(seed: int = 4) -> U8:
    """Texture of all sizes over a gradient."""
    levels = NoiseBank(256, 6, seed=seed).state(np.eye(3))
    texture = sum(
        (
            cv2.resize(level, SIZE, interpolation=cv2.INTER_CUBIC) * (18 / 1.6**i)
            for i, level in enumerate(levels)
        ),
        start=np.zeros((HEIGHT, WIDTH)),
    )
    sky = np.linspace(100, 190, HEIGHT)[:, None] + texture
    return np.dstack([sky - 20, sky, sky + 20]).clip(0, 255).astype(np.uint8)


def _land() -> tuple[U8, U8]:
    """Clouds over a jagged land, its edge soft; and alpha."""
    photo = _clouds().astype(np.float32)
    line = 90 + 12 * np.sign(np.sin(np.arange(WIDTH) / 11))
    alpha = cv2.GaussianBlur((255.0 * (np.arange(HEIGHT)[:, None] < line)).astype(np.float32), (0, 0), 1.0)
    alpha = np.rint(alpha)
    share = alpha[..., None] / 255
    photo = share * photo + (1 - share) * np.array([60, 70, 30])
    return np.rint(photo).astype(np.uint8), alpha.astype(np.uint8)


def _uniform(degrees: float, px_per_s: float) -> PhotoLoop:
    field = arrow_field(SIZE, (Arrow(0.5, 0.5, Wind(degrees, px_per_s)),))
    return PhotoLoop(_clouds(), None, field, PERIOD)


def _grey(loop: PhotoLoop, seconds: float) -> U8:
    return np.asarray(cv2.cvtColor(loop.frame(seconds), cv2.COLOR_RGB2GRAY), np.uint8)


@pytest.mark.parametrize("degrees", [0.0, 60.0, 200.0])
def test_flow_is_as_asked(degrees: float) -> None:
    loop = _uniform(degrees, ONE_PX)
    angle = np.radians(degrees)
    errors, angles = [], []
    for seconds in (0.1, 0.9, 1.5):  # also where the copies take turns
        flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(
            _grey(loop, seconds), _grey(loop, seconds + 1 / FPS), np.zeros((HEIGHT, WIDTH, 2), np.float32)
        )[10:-10, 10:-10]
        errors.append(np.hypot(flow[..., 0] - np.cos(angle), flow[..., 1] + np.sin(angle)).mean())
        x, y = flow.mean(axis=(0, 1))
        angles.append((np.degrees(np.arctan2(-y, x)) - degrees + 180) % 360 - 180)
    assert max(errors) < 0.25
    assert np.abs(angles).max() < 5


def test_no_wind_moves_nothing() -> None:
    photo = _clouds()
    loop = PhotoLoop(photo, None, wind_field(SIZE, 160.0, Wind(30.0, 0.0)), PERIOD)
    assert np.array_equal(loop.frame(0.77), photo)


def test_the_loop_closes_without_a_seam_and_keeps_its_contrast() -> None:
    loop = _uniform(20.0, ONE_PX)
    frames = [loop.frame(i / FPS).astype(np.int16) for i in range(round(PERIOD * FPS))]
    steps = [np.abs(after - before).mean() for before, after in itertools.pairwise(frames)]
    assert np.abs(frames[-1] - frames[0]).mean() <= 1.2 * np.median(steps)
    assert max(steps) < 1.5 * np.median(steps)
    contrast = np.array([frame.std() for frame in frames])
    assert 0.85 * contrast[0] < contrast.min() and contrast.max() < 1.15 * contrast[0]
    assert np.array_equal(loop.frame(0.3), loop.frame(0.3 + PERIOD))
    assert np.array_equal(loop.frame(0.3), loop.frame(0.3 - 3 * PERIOD))


def test_a_plain_cross_fade_would_lose_contrast() -> None:
    """What the loop is spared: two unlike copies in equal shares."""
    photo = _clouds().astype(np.float32)
    mixed = 0.5 * photo + 0.5 * np.roll(photo, WIDTH // 2, axis=1)
    fine = [picture - cv2.GaussianBlur(picture, (0, 0), 8) for picture in (photo, mixed)]
    assert fine[1].std() < 0.8 * fine[0].std()


def test_the_start_is_the_photo_and_land_stands_still() -> None:
    photo, alpha = _land()
    loop = PhotoLoop(photo, alpha, wind_field(SIZE, 110.0, Wind(0.0, 150.0)), PERIOD)
    assert np.array_equal(loop.frame(0.0), photo)
    assert np.array_equal(loop.frame(PERIOD), photo)
    for seconds in (0.2, 0.9, 1.9):
        frame = loop.frame(seconds)
        assert np.array_equal(frame[alpha == 0], photo[alpha == 0])
        assert np.abs(frame[alpha == 255].astype(int) - photo[alpha == 255]).mean() > 2
        # No land is carried into the sky: that is more blue than red.
        assert (frame[:70, :, 2].astype(int) - frame[:70, :, 0]).min() > 0


def test_bands_are_the_picture() -> None:
    photo = _clouds()
    bands = split(photo)
    height, width = bands.broad.shape[:2]
    assert max(height, width) <= 192
    smooth = cv2.resize(bands.still + bands.broad, SIZE, interpolation=cv2.INTER_LINEAR)
    assert np.abs(smooth + bands.fine / 16 - photo).max() < 0.1
    assert np.abs(bands.still[-1].mean() - bands.still[0].mean()) > 60  # the gradient stands still
    assert bands.fine.std() / 16 > bands.broad.std() > 1


def _mean_light(frame: U8, rows: slice) -> float:
    return float(frame[rows].mean())


def test_light_follows_the_hours_and_land_is_lit_as_well() -> None:
    photo, alpha = _land()
    loop = PhotoLoop(
        photo, alpha, wind_field(SIZE, 110.0, Wind(0.0, 20.0)), 8.0, day=(14.0, 20.0), own_sun_deg=40.0
    )
    times = np.linspace(0, 4, 9)  # 14 to 20 hours
    land = [_mean_light(loop.frame(t), slice(120, None)) for t in times]
    assert (np.diff(land) <= 0).all() and land[-1] < 0.3 * land[0]
    sky = [_mean_light(loop.frame(t), slice(0, 60)) for t in times]
    assert sky[-1] < 0.5 * sky[0]
    evening = loop.frame(2.25).astype(float)[40:70].mean(axis=(0, 1))
    assert evening[0] / evening[2] > 1.15 * photo[40:70, :, 0].mean() / photo[40:70, :, 2].mean()
    assert np.abs(loop.frame(0.0).astype(int) - loop.frame(8.0)).max() == 0


def test_more_light_keeps_white_white() -> None:
    one = np.float32(1.0)
    levels = np.arange(256, dtype=np.float32)
    brighter = np.array([lit(level, np.float32(2.0)) for level in levels])
    assert brighter[-1] == pytest.approx(255) and (np.diff(brighter) > 0).all()
    assert lit(np.float32(100), one) == 100
    assert lit(np.float32(100), np.float32(0.5)) == 50


def test_what_cannot_be() -> None:
    photo, alpha = _land()
    field = wind_field(SIZE, 110.0, Wind(0.0, 20.0))
    with pytest.raises(SkyError, match="no sky"):
        PhotoLoop(photo, np.zeros_like(alpha), field, PERIOD)
    with pytest.raises(ValueError, match="differ"):
        PhotoLoop(photo, alpha[:-2], field, PERIOD)
    with pytest.raises(SkyError, match="no length"):
        PhotoLoop(photo, alpha, field, 0.0)
