import threading
import time
from collections.abc import Callable

import pytest

from app.errors import SkyLiveError
from app.viewer.background import Background


def deliver_until(background: Background, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not done() and time.monotonic() < deadline:
        background.deliver()
        time.sleep(0.005)
    assert done()


def test_a_call_runs_elsewhere_and_its_answer_comes_back_here() -> None:
    background = Background()
    answers: list[str] = []
    here: list[str] = []

    def done(name: str) -> None:
        answers.append(name)
        here.append(threading.current_thread().name)

    background.start("elsewhere", lambda: threading.current_thread().name, done, lambda error: None)
    deliver_until(background, lambda: bool(answers))
    assert answers == ["elsewhere"]
    assert here == [threading.current_thread().name]


def test_an_error_of_the_user_is_handed_over() -> None:
    background = Background()
    errors: list[SkyLiveError] = []

    def fail() -> None:
        raise SkyLiveError("x.jpg: no picture")

    background.start("fails", fail, lambda given: None, errors.append)
    deliver_until(background, lambda: bool(errors))
    assert str(errors[0]) == "x.jpg: no picture"


def test_any_other_error_is_raised_where_answers_are_awaited() -> None:
    background = Background()

    def fail() -> None:
        raise ZeroDivisionError("bug")

    background.start("fails", fail, lambda given: None, lambda error: None)
    with pytest.raises(ZeroDivisionError, match="bug"):
        deliver_until(background, lambda: False)
