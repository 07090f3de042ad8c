"""Keys made ahead: who waits for them, and that nothing jumps where nobody waits."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from app.sky.keys import Keys

PERIOD = 0.5


def any_key(key: object) -> bool:
    return True


@contextmanager
def keys_of(make: Callable[[float], float], *, patient: bool) -> Iterator[Keys[float]]:
    keys = Keys(make, PERIOD, patient=patient, name="keys")
    try:
        yield keys
    finally:
        keys.close()


def level(keys: Keys[float], seconds: float) -> float:
    """What is shown, where each key is a number."""
    now, then, share = keys.at(seconds, any_key)
    return now if then is None else (1 - share) * now + share * then


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


class Gate:
    """Makes keys, one for each `open`; `begun` and `made` are their times."""

    def __init__(self) -> None:
        self.begun: list[float] = []
        self.made: list[float] = []
        self._gate = threading.Semaphore(1)  # the first key is nobody's to hold back

    def open(self) -> None:
        self._gate.release()

    def make(self, seconds: float) -> float:
        self.begun.append(seconds)
        assert self._gate.acquire(timeout=10)
        self.made.append(seconds)
        return seconds


def test_the_patient_see_time_itself() -> None:
    """Keys that are their own time are faded into the time of each frame."""
    with keys_of(lambda seconds: seconds, patient=True) as keys:
        for frame in range(100):
            assert level(keys, frame / 30) == pytest.approx(frame / 30)


def test_the_patient_see_the_same_whatever_was_asked_before() -> None:
    with keys_of(lambda seconds: seconds, patient=True) as keys:
        for seconds in (3.3, 0.1, 100.7, 100.8, 0.0, 2.0, 1.9, 1.4):
            assert level(keys, seconds) == pytest.approx(seconds)


def test_the_patient_wait_for_slow_keys() -> None:
    def make(seconds: float) -> float:
        time.sleep(0.02)
        return seconds

    with keys_of(make, patient=True) as keys:
        assert [level(keys, seconds) for seconds in (0.25, 1.25, 2.25)] == pytest.approx([0.25, 1.25, 2.25])


def test_keys_lie_on_the_grid_and_few_are_made_ahead() -> None:
    gate = Gate()
    for _ in range(20):
        gate.open()
    with keys_of(gate.make, patient=True) as keys:
        keys.at(0.9, any_key)
        wait_for(lambda: len(gate.made) == 4)
        time.sleep(0.02)
        assert gate.made == [0.0, 0.5, 1.0, 1.5]


def test_the_impatient_never_wait() -> None:
    gate = Gate()
    with keys_of(gate.make, patient=False) as keys:
        assert [level(keys, frame / 30) for frame in range(300)] == [0.0] * 300
        gate.open()


def test_nothing_jumps_where_keys_are_late() -> None:
    """A key that comes late is faded in from the moment at which it comes."""
    gate = Gate()
    with keys_of(gate.make, patient=False) as keys:
        levels = [level(keys, 0.0)]
        for frame in range(1, 200):
            if frame % 37 == 0:  # every 1.23 s, where one each 0.5 s was wanted
                known = len(gate.made)
                gate.open()
                wait_for(lambda known=known: len(gate.made) > known)  # type: ignore[misc]
                time.sleep(0.005)
            levels.append(level(keys, frame / 30))
        gate.open()
    steps = [after - before for before, after in pairwise(levels)]
    assert min(steps) >= 0
    assert max(steps) < 0.6
    assert levels[-1] > 3


def test_keys_that_cannot_be_ready_are_left_out() -> None:
    gate = Gate()
    with keys_of(gate.make, patient=False) as keys:
        keys.at(0.0, any_key)
        wait_for(lambda: len(gate.begun) == 2)
        keys.at(7.6, any_key)
        for _ in range(3):
            gate.open()
        wait_for(lambda: len(gate.made) == 4)
        assert gate.made[2:] == [8.0, 8.5]  # 0.5 was begun before the jump


def test_after_a_jump_back_keys_follow_again() -> None:
    gate = Gate()
    for _ in range(50):
        gate.open()
    with keys_of(gate.make, patient=False) as keys:
        keys.at(60.0, any_key)
        wait_for(lambda: len(gate.made) >= 3)
        wait_for(lambda: keys.at(61.0, any_key).now > 55)
        keys.at(3.0, any_key)
        wait_for(lambda: (keys.at(3.9, any_key).then or 60) < 5)
        assert keys.at(4.5, any_key).now < 5


@pytest.mark.parametrize("patient", [True, False])
def test_what_is_new_is_shown_soon(patient: bool) -> None:
    colour = ["blue"]

    def make(seconds: float) -> str:
        return colour[0]

    keys = Keys(make, PERIOD, patient=patient, name="keys")
    try:
        keys.at(0.2, any_key)
        colour[0] = "red"
        keys.renew()
        if patient:
            assert keys.at(0.3, any_key)[:2] == ("red", "red")
        else:
            wait_for(lambda: keys.at(0.3, any_key).then == "red")
            wait_for(lambda: keys.at(1.1, any_key).now == "red")
    finally:
        keys.close()


@pytest.mark.parametrize("patient", [True, False])
def test_a_failure_is_told_to_who_asks(patient: bool) -> None:
    def make(seconds: float) -> float:
        if seconds:
            raise ArithmeticError("no sky")
        return seconds

    with keys_of(make, patient=patient) as keys, pytest.raises(ArithmeticError, match="no sky"):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            keys.at(0.1, any_key)


def test_closing_ends_the_thread_and_those_who_wait() -> None:
    before = threading.active_count()
    gate = Gate()
    keys = Keys(gate.make, PERIOD, patient=True, name="keys")
    shown: list[float] = []
    asking = threading.Thread(target=lambda: shown.append(keys.at(0.2, any_key).now))
    asking.start()
    wait_for(lambda: threading.active_count() > before + 1)
    gate.open()
    gate.open()
    keys.close()
    keys.close()
    asking.join(10)
    assert shown == [0.0]
    assert threading.active_count() == before


def test_a_sky_that_is_never_shown_has_no_thread() -> None:
    before = threading.active_count()
    with keys_of(lambda seconds: seconds, patient=True):
        assert threading.active_count() == before


def test_the_patient_wait_for_keys_that_fit() -> None:
    """Both keys of a time, whatever was made ahead before it was known what fits."""
    wanted = [1]
    keys = Keys(lambda seconds: wanted[0], PERIOD, patient=True, name="keys")
    try:
        assert keys.at(0.1, lambda key: key >= 1)[:2] == (1, 1)
        wanted[0] = 2
        assert keys.at(0.3, lambda key: key >= 2)[:2] == (2, 2)
        assert keys.at(0.4, lambda key: key >= 1)[:2] == (2, 2)
    finally:
        keys.close()


def test_the_impatient_see_what_there_is_until_there_is_one_that_fits() -> None:
    wanted = [1]
    keys = Keys(lambda seconds: wanted[0], PERIOD, patient=False, name="keys")
    try:
        assert keys.at(0.1, lambda key: key >= 1).now == 1
        wanted[0] = 2
        wait_for(lambda: keys.at(0.2, lambda key: key >= 2).then == 2)
        assert keys.at(0.9, lambda key: key >= 2).now == 2
    finally:
        keys.close()
