import numpy as np
import pytest

from app.frame import U8, Planes
from benchmarks.rotations.obstacles import Dashboard, Truck, TruckSide


def picture() -> tuple[Planes, U8]:
    grey = np.full((360, 640), 128, np.uint8)
    return Planes(np.full((720, 1280), 100, np.uint8), grey, grey), np.full((720, 1280), 255, np.uint8)


@pytest.mark.parametrize("way", ["sways", "passes"])
def test_truck_covers_forty_percent_all_the_time_and_moves(way: Truck) -> None:
    truck = TruckSide(way, seed=0)
    seen = [truck.before(*picture(), seconds) for seconds in (0.0, 3.0, 9.9)]
    for planes, alpha in seen:
        assert 0.37 < (alpha == 0).mean() < 0.45
        assert (planes.y[alpha == 255] == 100).all()
        assert planes.y[alpha == 0].std() > 20
    both = (seen[0][1] == 0) & (seen[1][1] == 0)
    moved = np.abs(seen[0][0].y[both].astype(int) - seen[1][0].y[both].astype(int))
    assert moved.mean() > 10


def test_dashboard_stays_but_for_the_clock() -> None:
    dashboard = Dashboard((1280, 720), seed=0)
    first, second = (dashboard.before(*picture(), seconds) for seconds in (1.0, 2.0))
    changed = np.argwhere(first[0].y != second[0].y)
    assert len(changed)
    assert (changed.max(axis=0) < [60, 500]).all()
    assert (first[1][680:, 640] == 0).all()
    assert (first[1][300:500] == 255).all()
