"""A bounded, closable hand-off between two threads."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from enum import Enum, auto
from typing import Generic, TypeVar

T = TypeVar("T")


class Policy(Enum):
    """What a full channel does with one more item."""

    BLOCK = auto()
    """The sender waits."""
    LATEST = auto()
    """The oldest item waiting is dropped and counted."""


class Channel(Generic[T]):
    """Items from one thread to another, in order; any thread may close it.

    `close()` lets the receiver take what is still waiting; `close(discard=True)` throws that away. Either
    way a sender or receiver that waits is woken.
    """

    def __init__(self, depth: int, policy: Policy) -> None:
        self._depth = depth
        self._policy = policy
        self._items: deque[T] = deque()
        self._closed = False
        self._changed = threading.Condition()
        self._dropped = 0
        self._last_drop_ns: int | None = None

    @property
    def dropped(self) -> int:
        """Items dropped because the channel was full."""
        return self._dropped

    @property
    def last_drop_ns(self) -> int | None:
        """`time.perf_counter_ns()` of the last drop; None = there was none."""
        return self._last_drop_ns

    def wait_empty(self, timeout_s: float) -> bool:
        """True as soon as nothing waits any more, False when the time ran out first."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._items, timeout_s)

    def put(self, item: T) -> bool:
        """True when the item was taken in, False when the channel is closed."""
        with self._changed:
            while self._policy is Policy.BLOCK and len(self._items) >= self._depth and not self._closed:
                self._changed.wait()
            if self._closed:
                return False
            if len(self._items) >= self._depth:
                self._items.popleft()
                self._dropped += 1
                self._last_drop_ns = time.perf_counter_ns()
            self._items.append(item)
            self._changed.notify_all()
            return True

    def __iter__(self) -> Iterator[T]:
        """Items as they come, until the channel is closed and empty."""
        while True:
            with self._changed:
                while not self._items and not self._closed:
                    self._changed.wait()
                if not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item

    def close(self, *, discard: bool = False) -> None:
        """End the channel; may be called again, from any thread."""
        with self._changed:
            self._closed = True
            if discard:
                self._items.clear()
            self._changed.notify_all()
