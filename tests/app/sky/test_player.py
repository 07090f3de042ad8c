import threading

import numpy as np
import pytest

from app.camera import Camera, View, first_view
from app.config import AS_IT_IS, Placement
from app.frame import F64, Planes
from app.sky.base import SkyView, Sun
from app.sky.player import SkyPlayer
from living.specs import Clock

STILL = first_view(Camera.from_fov((11, 9), 60))
ROWS = (2, 9)


class PlainSky:
    """One level in all planes; remembers whether it was closed."""

    def __init__(self, level: int) -> None:
        self.title = str(level)
        self.placement = AS_IT_IS
        self.sun: Sun | None = None
        self.level = level
        self.closed = False
        self.times: list[float] = []
        self._planes = Planes(
            np.zeros((9, 11), np.uint8), np.zeros((5, 6), np.uint8), np.zeros((5, 6), np.uint8)
        )

    def render(self, seconds: float, view: View, rows: tuple[int, int]) -> SkyView:
        assert not self.closed
        self.times.append(seconds)
        self._planes.y[rows[0] : rows[1]] = self.level
        for plane in self._planes[1:]:
            plane[rows[0] // 2 : (rows[1] + 1) // 2] = self.level + 1
        return SkyView(self._planes, np.array([self.level, 2.0 * self.level, 0.0]), self.sun)

    def close(self) -> None:
        self.closed = True


def level(player: SkyPlayer, seconds: float) -> int:
    view = player.render(seconds, STILL, ROWS)
    (luma,) = np.unique(view.planes.y[2:9])
    (chroma,) = np.unique(np.concatenate([view.planes.u[1:5], view.planes.v[1:5]]))
    assert abs(int(chroma) - int(luma) - 1) <= 1
    assert view.mean_rgb == pytest.approx([luma, 2.0 * luma, 0.0], abs=2)
    return int(luma)


def test_one_sky_is_shown_as_it_is() -> None:
    player = SkyPlayer(PlainSky(70), 1.0)
    assert [level(player, 0.0), level(player, 5.0)] == [70, 70]


def test_a_fade_runs_by_the_frames_time() -> None:
    old, new = PlainSky(40), PlainSky(200)
    player = SkyPlayer(old, 2.0)
    level(player, 0.0)
    player.switch(new)
    times = [10.0, 10.5, 11.0, 11.5, 11.99, 12.0, 13.0]
    assert [level(player, seconds) for seconds in times] == pytest.approx(
        [40, 80, 120, 160, 199, 200, 200], abs=1
    )
    assert not old.closed  # frames do not wait for that: the next switch does it
    player.switch(PlainSky(60))
    assert old.closed and not new.closed


def test_each_sky_has_its_own_time() -> None:
    first, second, third = PlainSky(40), PlainSky(200), PlainSky(100)
    player = SkyPlayer(first, 1.0)
    level(player, 5.0)
    player.switch(second)
    level(player, 10.0)
    player.switch(third)
    for seconds in (10.5, 11.0, 11.5, 12.0):
        level(player, seconds)
    assert first.times == [5.0, 10.0, 10.5]
    assert second.times == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert third.times == [0.0, 0.5]


def test_the_rows_that_are_not_asked_for_are_left_alone() -> None:
    player = SkyPlayer(PlainSky(40), 2.0)
    player.render(0.0, STILL, ROWS)
    player.switch(PlainSky(200))
    player.render(1.0, STILL, ROWS)
    view = player.render(2.0, STILL, ROWS)
    assert (view.planes.y[:2] == 0).all() and (view.planes.u[0] == 0).all()
    empty = player.render(2.5, STILL, (4, 4))
    assert empty.mean_rgb[0] == pytest.approx(40 + 160 * 0.75)


def test_without_a_fade_the_next_frame_shows_the_new_sky() -> None:
    player = SkyPlayer(PlainSky(40), 0.0)
    level(player, 0.0)
    player.switch(PlainSky(200))
    assert level(player, 0.0) == 200


def test_a_switch_during_a_fade_waits_for_its_end_and_nothing_jumps() -> None:
    skies = [PlainSky(v) for v in (40, 200, 100, 60)]
    player = SkyPlayer(skies[0], 1.0)
    shown = []
    for step in range(140):
        if step in (10, 40, 60):
            player.switch(skies[{10: 1, 40: 2, 60: 3}[step]])
        shown.append(level(player, step / 40))
    assert np.abs(np.diff(shown)).max() <= 5
    assert shown[49:51] == [196, 200] and shown[-1] == 60
    # The sky that was overtaken while it waited is never shown, and closed.
    player.switch(PlainSky(50))
    assert [sky.closed for sky in skies] == [True, True, True, False]


def test_a_jump_back_in_time_does_not_stall_the_fade() -> None:
    player = SkyPlayer(PlainSky(40), 1.0)
    level(player, 0.0)
    player.switch(PlainSky(200))
    assert [level(player, s) for s in (100.0, 3.0, 3.5, 4.0)] == [40, 40, 120, 200]


def test_closing_closes_all_skies_and_those_that_come_later() -> None:
    skies = [PlainSky(v) for v in (40, 200, 100, 60)]
    player = SkyPlayer(skies[0], 1.0)
    player.switch(skies[1])
    level(player, 0.0)
    player.switch(skies[2])
    player.close()
    player.close()
    player.switch(skies[3])
    assert all(sky.closed for sky in skies)


def test_switches_from_many_threads_leave_one_sky_open() -> None:
    skies = [PlainSky(v) for v in range(40, 72)]
    player = SkyPlayer(PlainSky(10), 0.0)
    threads = [threading.Thread(target=player.switch, args=(sky,)) for sky in skies]
    for thread in threads:
        thread.start()
        player.render(0.0, STILL, ROWS)
    for thread in threads:
        thread.join()
    last = level(player, 1.0)
    player.switch(PlainSky(10))
    assert [sky.level for sky in skies if not sky.closed] == [last]


def test_the_sky_chosen_last_is_placed() -> None:
    skies = [PlainSky(v) for v in (40, 200, 100)]
    player = SkyPlayer(skies[0], 1.0)
    player.place(Placement(heading=10))
    player.switch(skies[1])
    player.place(Placement(heading=20))
    level(player, 0.0)
    player.switch(skies[2])
    player.place(Placement(heading=30))
    assert [sky.placement.heading for sky in skies] == [10, 20, 30]


def test_the_sun_wanders_from_one_sky_to_the_next() -> None:
    old, new = PlainSky(40), PlainSky(200)
    player = SkyPlayer(old, 2.0)
    ahead, right = np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0])
    assert player.render(0.0, STILL, ROWS).sun is None
    old.sun = Sun(ahead, np.array([255.0, 100, 0]))
    new.sun = Sun(right, np.array([55.0, 100, 200]))
    player.switch(new)
    suns = [player.render(seconds, STILL, ROWS).sun for seconds in (1.0, 2.0, 3.0)]
    directions: list[F64] = [sun.direction for sun in suns if sun is not None]
    assert directions == [
        pytest.approx(expected) for expected in (ahead, (ahead + right) / np.sqrt(2), right)
    ]
    assert suns[1] is not None and suns[1].rgb == pytest.approx([155, 100, 100])
    player.switch(PlainSky(100))  # without a sun
    setting = player.render(4.0, STILL, ROWS).sun
    assert setting is not None and setting.direction == pytest.approx(right)
    assert player.render(6.0, STILL, ROWS).sun is None


class DaylitSky(PlainSky):
    """One with a time of day."""

    hour = 17.0
    clock: Clock | None = None

    def set_clock(self, clock: Clock | None) -> None:
        self.clock = clock


def test_the_clock_is_that_of_the_sky_chosen_last() -> None:
    old, new = DaylitSky(40), DaylitSky(200)
    player = SkyPlayer(old, 1.0)
    level(player, 0.0)
    player.set_clock(Clock(6.0, 0.0))
    player.switch(new)
    new.hour = 5.0
    player.set_clock(Clock(7.0, 0.0))
    assert (old.clock, new.clock) == (Clock(6.0, 0.0), Clock(7.0, 0.0))
    assert (player.daylit, player.hour) == (True, 5.0)


def test_other_skies_have_no_clock() -> None:
    player = SkyPlayer(PlainSky(40), 1.0)
    player.set_clock(Clock(6.0, 0.0))
    assert (player.daylit, player.hour) == (False, None)
