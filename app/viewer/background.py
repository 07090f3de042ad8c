"""Work that must not hold up the window."""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

from app.errors import SkyLiveError

T = TypeVar("T")


class Background:
    """Runs calls in threads of their own; what they gave is delivered in the thread that asks for it.

    Threads are daemons: one that hangs, on a device or a network folder, never keeps the program from
    ending.
    """

    def __init__(self) -> None:
        self._arrived: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def start(
        self,
        name: str,
        call: Callable[[], T],
        done: Callable[[T], None],
        failed: Callable[[SkyLiveError], None],
    ) -> None:
        """Run `call` in a thread of that name; `deliver` then calls `done` with what it gave, or `failed`."""

        def run() -> None:
            try:
                given = call()
            except SkyLiveError as error:
                expected = error
                self._arrived.put(lambda: failed(expected))
            except BaseException as error:
                self._arrived.put(_raising(error))
            else:
                self._arrived.put(lambda: done(given))

        threading.Thread(target=run, name=name, daemon=True).start()

    def deliver(self) -> None:
        """Hand over all that has arrived; raises what a call raised beside SkyLiveError."""
        while True:
            try:
                arrived = self._arrived.get_nowait()
            except Empty:
                return
            arrived()


def _raising(error: BaseException) -> Callable[[], None]:
    def arrived() -> None:
        raise error

    return arrived
