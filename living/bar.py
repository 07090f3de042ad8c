"""A bar for a terminal that says how many frames are done; nothing where standard error is no terminal."""

from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

tqdm.monitor_interval = 0  # the bar is moved by frames; it needs no thread of its own

T = TypeVar("T")


def counted(frames: Iterable[T], total: int | None, what: str | None = None) -> Iterable[T]:
    """The frames, counted as they come."""
    return tqdm(frames, desc=what, total=total, unit=" frames", disable=None)
