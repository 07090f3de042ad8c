"""The ringed planet and the moon by themselves: lit on the sun's side, round, and not flat."""

import numpy as np
import pytest

from skyboxes import ringed_planet, super_moon
from skyboxes.globes import crater_height, craters
from skyboxes.noise import billow_volume

pytestmark = pytest.mark.timeout(600)  # the first run compiles the renderers


def test_planet_is_lit_from_the_suns_side_and_its_rings_are_shadowed() -> None:
    us = np.linspace(-2.4, 2.4, 241)
    sun = np.array([0.8, 0.1, 0.59])
    noise = billow_volume(32, 4, 2, 0.5, 9)
    light = ringed_planet._planet(us, us[::-1].copy(), 0.02, 1, sun, ringed_planet.AXIS, noise)
    assert np.isfinite(light).all()
    assert light.min() >= 0.0
    assert light[0, 0].sum() == 0.0
    globe = light[80:161]
    assert globe[:, 140:150].mean() > 2.0 * globe[:, 82:92].mean()


def test_rings_have_a_gap_and_an_end() -> None:
    noise = billow_volume(32, 4, 2, 0.5, 9)
    dense, gap = ringed_planet._ring_depth(noise, 1.85), ringed_planet._ring_depth(noise, 1.98)
    assert dense > 3.0 * gap
    assert ringed_planet._ring_depth(noise, 1.1) == ringed_planet._ring_depth(noise, 2.4) == 0.0


def test_moon_is_a_disc_with_seas() -> None:
    light, cover = super_moon.moon_disc(40.0, 1)
    assert light.shape == cover.shape == (83, 83, 1)
    assert cover[41, 41, 0] == 1.0
    assert cover[0, 0, 0] == 0.0
    assert cover.mean() == pytest.approx(np.pi * 40.0**2 / 83.0**2, rel=0.02)
    disc = light[cover > 0.5]
    assert disc.min() > 0.0
    assert np.percentile(disc, 90) > 1.5 * np.percentile(disc, 10)


def test_craters_cover_the_globe_and_are_bowls() -> None:
    pits = craters(np.random.default_rng(3), 4000, 0.01, 0.1)
    np.testing.assert_allclose(np.linalg.norm(pits[:, :3], axis=1), 1.0)
    assert np.abs(pits[:, :3].mean(axis=0)).max() < 0.05
    assert 0.01 <= pits[:, 3].min() < np.median(pits[:, 3]) < 0.02 < pits[:, 3].max() <= 0.1
    assert crater_height(0.0) < crater_height(0.7) < crater_height(1.0)
    assert crater_height(1.0) > crater_height(1.5) > 0.0
    assert crater_height(2.3) == 0.0
