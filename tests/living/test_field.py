"""Eulerian fields: presets, arrows, integration."""

import math

import numpy as np
import pytest

from living.field import Field, arrow_field, wind_field
from living.specs import Arrow, Wind

SIZE = 640, 360


def test_a_cross_wind_is_level_and_slower_towards_the_horizon() -> None:
    field = wind_field(SIZE, 300.0, Wind(180.0, 10.0))
    velocity = field.at(np.array([320.0] * 4), np.array([0.0, 150.0, 300.0, 350.0]))
    assert np.allclose(velocity[:, 0], [-5.0, -2.5, 0.0, 0.0], atol=0.02)
    assert np.allclose(velocity[:, 1], 0.0, atol=1e-6)
    assert field.fastest == pytest.approx(5.0)


def test_clouds_that_come_nearer_spread_from_the_middle() -> None:
    field = wind_field(SIZE, 300.0, Wind(90.0, 20.0))
    left, middle, right = field.at(np.array([0.0, 319.5, 639.0]), np.array([40.0] * 3))
    assert left[0] < 0 < right[0]
    assert abs(middle[0]) < 1e-5
    assert left[1] < 0 and middle[1] < 0 and right[1] < 0
    assert field.fastest == pytest.approx(10.0)


def test_the_plane_of_cloud_moves_as_a_plane() -> None:
    """On a layer at height 1 a wind shifts all by the same; the table's displacements must do so."""
    horizon, seconds = 330.0, 6.0
    field = wind_field(SIZE, horizon, Wind(30.0, 40.0))
    there = field.displacement(seconds)
    cell_x, cell_y = field.cell_xy
    focal = 0.5 / math.tan(math.radians(30)) * SIZE[0]
    shifts = []
    for row, column in ((5, 40), (15, 50), (25, 60), (10, 30)):
        x, y = column * cell_x, row * cell_y
        before = np.array([x - 319.5, focal]) / (horizon - y)
        moved = x + there[row, column, 0], y + there[row, column, 1]
        shifts.append(np.array([moved[0] - 319.5, focal]) / (horizon - moved[1]) - before)
    assert np.allclose(shifts, shifts[0], atol=0.02 * np.linalg.norm(shifts[0]))
    assert np.linalg.norm(shifts[0]) > 0.1


def test_arrows_have_their_way_at_their_places() -> None:
    arrows = (
        Arrow(0.2, 0.3, Wind(0.0, 20.0)),
        Arrow(0.8, 0.3, Wind(90.0, 40.0)),
        Arrow(0.5, 0.9, Wind(0.0, 0.0)),
    )
    field = arrow_field(SIZE, arrows)
    velocity = field.at(np.array([0.2, 0.8, 0.5]) * 639, np.array([0.3, 0.3, 0.9]) * 359)
    assert np.allclose(velocity, [[10.0, 0.0], [0.0, -20.0], [0.0, 0.0]], atol=0.1)
    between = field.at(np.linspace(0.2, 0.8, 50) * 639, np.full(50, 0.3 * 359))
    assert np.abs(np.diff(between, axis=0)).max() < 2.0
    assert arrow_field(SIZE, ()).fastest == 0.0


def test_displacements_add_up_and_go_back() -> None:
    field = arrow_field(SIZE, (Arrow(0.3, 0.3, Wind(20.0, 30.0)), Arrow(0.7, 0.6, Wind(80.0, 50.0))))
    table = field.table(8.0)
    assert not table.displacement(0.0).any()
    whole, half = table.displacement(8.0), table.displacement(4.0)
    assert np.allclose(field.displacement(8.0), whole, atol=1e-3)
    assert np.allclose(field.displacement(4.0), half, atol=0.15)
    cell_x, cell_y = field.cell_xy
    row, column = 30, 40
    start = np.array([column * cell_x, row * cell_y])
    middle = start + half[row, column]
    fine = 2000
    place = middle.copy()
    for _ in range(fine):
        place += field.at(place[:1], place[1:])[0] * (4.0 / fine)
    assert np.allclose(place - start, whole[row, column], atol=0.1)
    back = table.displacement(-4.0)
    assert back[row, column, 0] < 0 < half[row, column, 0]


def test_no_wind_moves_nothing() -> None:
    field = wind_field(SIZE, 300.0, Wind(45.0, 0.0))
    assert not field.displacement(5.0).any()
    assert not field.table(5.0).displacement(-3.3).any()


def test_the_wind_keeps_its_direction_beside_the_photo() -> None:
    velocity = np.zeros((3, 5, 2), np.float32)
    velocity[..., 0] = np.arange(5)
    field = Field((401, 201), velocity)
    assert np.allclose(field.at(np.array([-100.0, 500.0, 800.0]), np.zeros(3))[:, 0], [1.0, 3.0, 0.0])
