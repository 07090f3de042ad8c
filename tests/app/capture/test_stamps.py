"""Repair of time stamps."""

from collections.abc import Iterator
from fractions import Fraction

import pytest

from app.capture.stamps import increasing


def repair(stamps: list[int | None], nominal: Fraction | int = 10) -> list[tuple[int, bool]]:
    return [(pts, bad) for pts, bad, _ in increasing(((s, None) for s in stamps), Fraction(nominal))]


def test_good_stamps_stay_as_uneven_as_they_are() -> None:
    assert repair([-7, 0, 1, 50, 51, 1000]) == [(s, False) for s in (-7, 0, 1, 50, 51, 1000)]


@pytest.mark.parametrize("bad", [None, 10, 3])
def test_a_bad_stamp_becomes_the_last_plus_the_frame_time(bad: int | None) -> None:
    assert repair([0, 10, bad, 30]) == [(0, False), (10, False), (20, True), (30, False)]


def test_it_stays_before_the_next_good_stamp() -> None:
    assert repair([0, None, 8, 20]) == [(0, False), (7, True), (8, False), (20, False)]


def test_the_next_stamp_moves_where_no_tick_is_left() -> None:
    assert repair([0, None, 1, 2, 9]) == [(0, False), (1, True), (2, True), (8, True), (9, False)]


def test_a_missing_first_stamp_is_reckoned_back_from_the_second() -> None:
    assert repair([None, 100, 110]) == [(90, True), (100, False), (110, False)]


def test_without_any_stamps_the_nominal_rate_is_kept_without_drift() -> None:
    stamps = repair([None] * 3001, Fraction(1001, 30))
    assert [bad for _, bad in stamps] == [True] * 3001
    assert [pts for pts, _ in stamps] == [round(i * Fraction(1001, 30)) for i in range(3001)]


def test_after_a_jump_back_time_goes_on() -> None:
    assert [pts for pts, _ in repair([100, 110, 0, 10, 20])] == [100, 110, 120, 130, 140]


def test_only_a_bad_stamp_reads_ahead() -> None:
    taken = []

    def items() -> Iterator[tuple[int | None, str]]:
        for stamp, name in ((0, "a"), (10, "b"), (None, "c"), (30, "d")):
            taken.append(name)
            yield stamp, name

    out = increasing(items(), Fraction(10))
    assert (next(out), next(out), taken) == ((0, False, "a"), (10, False, "b"), ["a", "b"])
    assert (next(out), taken) == ((20, True, "c"), ["a", "b", "c", "d"])
    assert list(out) == [(30, False, "d")]
