"""Repair of time stamps that are missing or do not increase."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

T = TypeVar("T")


def increasing(stamped: Iterable[tuple[int | None, T]], nominal: Fraction) -> Iterator[tuple[int, bool, T]]:
    """(pts, whether it was replaced, item) for every (stamp or None, item), pts strictly increasing.

    A bad stamp becomes the last one plus `nominal`, the frame time in ticks, but stays before the next
    one where that is good. Only then is an item read ahead, so good stamps pass without delay. Where no
    whole tick is left in between, the next stamp moves too.
    """
    items = iter(stamped)
    ahead: list[tuple[int | None, T]] = []
    last: int | None = None
    exact = Fraction(0)  # of `last` before rounding, so that a run of replaced stamps keeps its rate
    while (current := ahead.pop() if ahead else next(items, None)) is not None:
        stamp, item = current
        good = stamp is not None and (last is None or stamp > last)
        if stamp is not None and good:
            last, exact = stamp, Fraction(stamp)
        else:
            ahead.extend(entry for entry in [next(items, None)] if entry is not None)
            following = ahead[0][0] if ahead else None
            if last is None:
                exact = Fraction(0) if following is None else following - nominal
                last = round(exact)
            else:
                exact += nominal
                if following is not None and last < following <= exact:
                    exact = Fraction(following - 1)
                if round(exact) <= last:
                    exact = Fraction(last + 1)
                last = round(exact)
        yield last, not good, item
