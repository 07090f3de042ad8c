"""Camera faults: colours keep their order, motion smears alpha too, bars are no sky, the dark is noisier."""

import numpy as np

from training.camera import add_bars, add_camera_faults, blur_by_motion, change_colours, overexpose


def test_bars_are_no_sky() -> None:
    for seed in range(6):
        image = np.full((64, 96, 3), 200, np.uint8)
        alpha, valid = np.full((64, 96), 255, np.uint8), np.zeros((64, 96), np.uint8)
        add_bars(image, alpha, valid, np.random.default_rng(seed))
        bars = alpha == 0
        assert 0.05 < bars.mean() < 0.45 and bars[0, 0] and bars[-1, -1]
        assert (image[bars] < 12).all() and (valid[bars] == 255).all()
        assert (image[~bars] == 200).all() and (valid[~bars] == 0).all()


def test_colours_change_but_keep_order() -> None:
    ramp = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    for seed in range(10):
        out = change_colours(ramp, np.random.default_rng(seed)).astype(int).sum(axis=2)[0]
        assert (np.diff(out) >= -1).all()


def test_dark_pictures_are_not_lost() -> None:
    ramp = np.arange(40, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    for seed in range(20):
        out = change_colours(ramp, np.random.default_rng(seed), dark=True).astype(int).sum(axis=2)[0]
        assert out[-1] > out[0] + 20


def test_motion_smears_picture_and_alpha_alike() -> None:
    alpha = np.zeros((60, 80), np.uint8)
    alpha[:, 40:] = 255
    valid = np.full_like(alpha, 255)
    valid[:, :10] = 0
    smeared = 0
    for seed in range(12):
        image, soft, kept = blur_by_motion(
            alpha[..., None].repeat(3, 2), alpha, valid, np.random.default_rng(seed)
        )
        assert np.abs(image[..., 0].astype(int) - soft).max() <= 1
        assert set(np.unique(kept)) == {0, 255} and (kept[:, :10] == 0).sum() > 0
        smeared += bool(((soft > 20) & (soft < 235)).any())
    assert smeared > 6


def test_overexposure_clips_the_sky_and_creeps_over_its_edge() -> None:
    alpha = np.zeros((60, 80), np.uint8)
    alpha[:30] = 255
    image = np.where(alpha[..., None] > 0, 180, 40).astype(np.uint8).repeat(3, axis=2)
    for seed in range(6):
        out = overexpose(image, alpha, np.random.default_rng(seed))
        assert (out[:28] >= 250).all()
        assert out[31].mean() > out[59].mean() > 40


def test_the_dark_is_noisier() -> None:
    grey = np.full((40, 60, 3), 30, np.uint8)

    def noise(dark: bool) -> float:
        return float(
            np.mean([add_camera_faults(grey, np.random.default_rng(s), dark).std() for s in range(40)])
        )

    assert noise(True) > 1.5 * noise(False) > 0
