"""Clouds with a body, ceilings and sheets, at their own boundaries."""

import numpy as np

from living import cirrus
from living.clouds import Field, Lamp, Layer, light_volume, march, noise_cube, phase_table, tops_of
from living.weather import PERIOD_M, TEXELS

LAYER = Layer(1200.0, 1500.0, 0.62, 0.42, PERIOD_M / 22, 0.045, 13.0, 19e3, 31e3)
SUN = np.array([0.0, 0.8, 0.6])
AZIMUTHS = ((np.arange(128) + 0.5) / 128 - 0.5) * 2 * np.pi
ELEVATIONS = (0.5 - (np.arange(32) + 0.5) / 64) * np.pi


def field(level: float, offset: tuple[float, float] = (0.0, 0.0)) -> Field:
    y, x = np.mgrid[0:TEXELS, 0:TEXELS] * (2 * np.pi / TEXELS)
    cover = (level + 0.5 * np.cos(9 * x) * np.cos(11 * y)).astype(np.float32)
    return Field(cover, tops_of(cover, LAYER.taper), noise_cube(5), np.array(offset), 0.0)


def painted(at: Field) -> np.ndarray:
    lamp = Lamp(SUN, np.full(3, 0.25), np.full(3, 0.02), np.full(3, 0.01), phase_table())
    return march(at, LAYER, light_volume(at, LAYER, SUN), lamp, AZIMUTHS, ELEVATIONS)


def test_no_cover_no_cloud_much_cover_an_overcast() -> None:
    assert painted(field(-0.6)).max() == 0.0
    overcast = painted(field(0.9))
    assert overcast[:16, :, 3].min() > 0.95
    assert np.isfinite(overcast).all()


def test_the_field_repeats_after_its_period() -> None:
    near, far = painted(field(0.1)), painted(field(0.1, (PERIOD_M, -3 * PERIOD_M)))
    np.testing.assert_allclose(near, far, atol=2e-3)
    assert 0.1 < float(np.mean(near[..., 3] > 0.5)) < 0.95


def test_cloud_shades_what_lies_below_it() -> None:
    depth = light_volume(field(0.6), LAYER, SUN)
    assert (depth[0, ..., 1] >= depth[5, ..., 1] - 1e-6).all()
    assert depth[0, ..., 0].mean() > 3 * depth[10, ..., 0].mean()


def test_tops_leave_no_cloud_out() -> None:
    at = field(0.1)
    everywhere = at._replace(tops=np.ones_like(at.tops))
    np.testing.assert_allclose(painted(at)[..., 3].mean(), painted(everywhere)[..., 3].mean(), rtol=0.03)


def test_cirrus_maps_close_and_their_strands_are_long() -> None:
    fibres, patches = cirrus.sheet_maps(7)
    for tile in (fibres, patches):
        assert np.abs(tile[:, 0] - tile[:, -1]).mean() < 2 * np.abs(np.diff(tile, axis=1)).mean()
        assert np.abs(tile[0] - tile[-1]).mean() < 2 * np.abs(np.diff(tile, axis=0)).mean()
    assert np.abs(np.diff(fibres, axis=0)).mean() > 1.8 * np.abs(np.diff(fibres, axis=1)).mean()
