import threading

from app.worker import Worker


def test_tasks_are_done_in_order_and_a_failure_is_handed_on() -> None:
    done: list[int] = []
    failures: list[str] = []

    def fail() -> None:
        raise ValueError("no")

    worker = Worker("hands", lambda error: failures.append(str(error)))
    for number in range(3):
        worker.do(lambda number=number: done.append(number))  # type: ignore[misc]
    worker.do(fail)
    worker.do(lambda: done.append(3))
    assert worker.close(10)
    assert (done, failures) == ([0, 1, 2, 3], ["no"])


def test_nobody_waits_for_a_task() -> None:
    go_on = threading.Event()
    worker = Worker("hands", lambda error: None)

    def wait() -> None:
        assert go_on.wait(10)

    worker.do(wait)
    assert not worker.close(0)
    go_on.set()
    assert worker.close(10)
