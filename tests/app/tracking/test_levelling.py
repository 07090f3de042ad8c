import numpy as np
import pytest

from app.rotation import angle_of, rotation_from_vector
from app.tracking.levelling import Vertical


def turned(x: float = 0, y: float = 0, z: float = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return rotation_from_vector(np.array([x, y, z]))


def test_a_level_camera_stays_as_it_is_however_it_pans() -> None:
    vertical = Vertical()
    for step in range(600):
        vertical.see(turned(y=0.005 * step), 1 / 30)
    assert angle_of(vertical.levelling) < 1e-9


def test_a_first_frame_that_was_not_level_is_put_right_slowly() -> None:
    tilted = turned(z=0.1)  # the first camera's axes seen from the later, level ones
    vertical = Vertical()
    for second in range(3):
        vertical.see(tilted.T, 1.0)
        assert angle_of(vertical.levelling) < 0.005 * (second + 1)
    for _ in range(300):
        vertical.see(tilted.T, 1.0)
    assert vertical.levelling @ tilted.T @ [0, 1, 0] == pytest.approx([0, 1, 0], abs=1e-3)


def test_a_pan_shows_the_vertical_of_a_camera_that_looks_up() -> None:
    """Tilted by 0.2 in the first frame and all the time; as it pans it turns about the vertical."""
    up = turned(x=0.2)
    vertical = Vertical()
    for step in range(3000):
        vertical.see(up.T @ turned(y=0.6 * np.sin(step / 50)) @ up, 1 / 10)
    assert vertical.levelling @ up.T @ [0, 1, 0] == pytest.approx([0, 1, 0], abs=0.06)


def test_an_aircraft_that_banks_keeps_its_vertical() -> None:
    vertical = Vertical()
    for step in range(600):
        vertical.see(turned(z=0.6 * np.sin(step / 40)) @ turned(y=0.3 * np.sin(step / 90)), 1 / 30)
        assert angle_of(vertical.levelling) < 0.15
