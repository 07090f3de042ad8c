"""A thread for what takes time, so that nobody else has to wait."""

import queue
import threading
from collections.abc import Callable


class Worker:
    """Does what it is told, one thing after the other, in a daemon thread of its own.

    An exception of a task is handed to `failed`, in that thread, and the next task follows.
    """

    def __init__(self, name: str, failed: Callable[[Exception], None]) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._failed = failed
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def do(self, task: Callable[[], None]) -> None:
        """Have this done after what is still waiting; returns at once."""
        self._tasks.put(task)

    def close(self, timeout_s: float) -> bool:
        """Finish what waits, for so long at most; True when the thread has ended."""
        self._tasks.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                task()
            except Exception as error:  # a thread must outlive what it is told to do
                self._failed(error)
