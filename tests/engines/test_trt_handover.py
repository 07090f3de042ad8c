"""From the CPU to the GPU between two runs, and back in the middle of a stream."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from app.frame import F32
from engines.base import Engine, EngineError
from engines.handover import HandoverEngine
from engines.loaders import Task
from engines.watch import Preparing, Watch
from tests.engines.plan_fakes import image
from tests.fakes import FakeEngine

FEEDS = image()


def constant(value: float) -> Callable[[F32], F32]:
    return lambda picture: np.full((1, 1, *picture.shape[2:]), value, np.float32)


def engine(name: str, value: float) -> FakeEngine:
    made = FakeEngine(constant(value))
    made.name = name
    return made


class GivenLoader:
    """Gives an engine, or the error, once `go_on` is set."""

    def __init__(self, result: Engine | Exception, name: str = "gpu 1") -> None:
        self.name = name
        self.result = result
        self.go_on = threading.Event()
        self.go_on.set()
        self.tasks: list[Task] = []

    def load(self, task: Task) -> Engine:
        self.tasks.append(task)
        task.report(Preparing(self.name, 0.4))
        while not self.go_on.wait(0.01):
            if task.stop.is_set():
                raise EngineError("stopped")
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


class FailingEngine(FakeEngine):
    """Answers 0.75 a few times and fails from then on."""

    def __init__(self, runs: int) -> None:
        super().__init__(constant(0.75))
        self.name = "gpu 1"
        self.runs = runs
        self.asked = 0

    def infer(self, feeds: Any) -> Any:
        self.asked += 1
        if self.asked > self.runs:
            raise EngineError("matte_fp16.onnx: CUDA: error 700")
        return super().infer(feeds)


class Told:
    """What was told of an engine."""

    def __init__(self) -> None:
        self.preparing: list[Preparing | None] = []
        self.failures: list[str] = []
        self.watch = Watch(self.preparing.append, lambda error: self.failures.append(str(error)))


@pytest.fixture
def told() -> Told:
    return Told()


def alpha(engine: Engine) -> float:
    return float(engine.infer(FEEDS)["alpha"].ravel()[0])


def settle() -> None:
    """Wait until no engine is being made ready any more."""
    for thread in threading.enumerate():
        if thread.name == "engine":
            thread.join(20)
            assert not thread.is_alive()


def test_the_cpu_answers_until_the_gpu_is_ready(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    cpu, gpu = engine("cpu 1", 0.25), engine("gpu 1", 0.75)
    loader = GivenLoader(gpu)
    loader.go_on.clear()
    with caplog.at_level(logging.INFO), HandoverEngine(cpu, [loader], told.watch) as both:
        assert both.name == "cpu 1"
        assert (both.path, both.inputs, both.outputs, both.metadata) == (
            cpu.path,
            cpu.inputs,
            cpu.outputs,
            cpu.metadata,
        )
        assert [alpha(both) for _ in range(3)] == [0.25, 0.25, 0.25]
        loader.go_on.set()
        settle()
        assert both.name == "cpu 1"  # it changes with a run, not between two
        assert [alpha(both) for _ in range(3)] == [0.75, 0.75, 0.75]
        assert both.name == "gpu 1"
        assert loader.tasks[0].shapes == {"image": (1, 3, 32, 64)}
        assert loader.tasks[0].metadata == cpu.metadata
        assert len(gpu.images) == 3
    assert cpu.closed and gpu.closed
    assert told.preparing == [Preparing("gpu 1", 0.4), None]
    assert told.failures == []
    assert [record.getMessage() for record in caplog.records] == ["backend: gpu 1 from now on, fake.onnx"]


def test_each_run_is_answered_by_one_of_them_alone(told: Told) -> None:
    """The proof's run on the CPU is the only one more."""
    cpu, gpu = engine("cpu 1", 0.25), engine("gpu 1", 0.75)
    with HandoverEngine(cpu, [GivenLoader(gpu)], told.watch) as both:
        answers = [alpha(both) for _ in range(50)]
        settle()
        answers += [alpha(both) for _ in range(3)]
    assert answers == sorted(answers) and answers[-1] == 0.75
    assert len(cpu.images) == answers.count(0.25) + 1
    assert len(gpu.images) == answers.count(0.75)


def test_the_next_loader_follows_one_that_refuses_and_it_is_said_why(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    loaders = [GivenLoader(EngineError("no plan")), GivenLoader(engine("gpu 2", 0.75), "gpu 2")]
    with (
        caplog.at_level(logging.INFO),
        HandoverEngine(engine("cpu 1", 0.25), loaders, told.watch) as both,
    ):
        alpha(both)
        settle()
        assert alpha(both) == 0.75
        assert both.name == "gpu 2"
    assert caplog.messages == ["not taken: no plan", "backend: gpu 2 from now on, fake.onnx"]


def test_when_all_refuse_the_cpu_goes_on_and_it_is_said_once(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    loaders = [GivenLoader(EngineError(reason)) for reason in ("half: no plan", "float: no plan")]
    with HandoverEngine(engine("cpu 1", 0.25), loaders, told.watch) as both:
        assert alpha(both) == 0.25
        settle()
        assert [alpha(both) for _ in range(3)] == [0.25] * 3
        assert both.name == "cpu 1"
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == "cpu 1 goes on: half: no plan; float: no plan"
    assert [len(loader.tasks) for loader in loaders] == [1, 1]
    assert told.failures == []


def test_a_gpu_that_fails_leaves_the_stream_to_the_cpu_with_one_message(told: Told) -> None:
    cpu, gpu = engine("cpu 1", 0.25), FailingEngine(runs=4)
    with HandoverEngine(cpu, [GivenLoader(gpu)], told.watch) as both:
        alpha(both)
        settle()
        answers = [alpha(both) for _ in range(10)]
        assert answers == [0.75] * 4 + [0.25] * 6  # the run that failed has its answer too
        assert both.name == "cpu 1"
        assert gpu.asked == 5  # never again
        assert not gpu.closed  # that may take its time
    assert gpu.closed
    assert told.failures == ["gpu 1 failed, cpu 1 goes on: matte_fp16.onnx: CUDA: error 700"]


def test_a_failure_that_nobody_watches_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with HandoverEngine(engine("cpu 1", 0.25), [GivenLoader(FailingEngine(0))]) as both:
        alpha(both)
        settle()
        assert alpha(both) == 0.25
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "gpu 1 failed, cpu 1 goes on" in record.getMessage()


def test_feeds_of_other_sizes_are_the_cpus(told: Told) -> None:
    gpu = engine("gpu 1", 0.75)
    with HandoverEngine(engine("cpu 1", 0.25), [GivenLoader(gpu)], told.watch) as both:
        alpha(both)
        settle()
        answer = both.infer(image(64))["alpha"]
        assert answer.shape == (1, 1, 64, 64) and answer.max() == np.float32(0.25)
        assert alpha(both) == 0.75
    assert {picture.shape for picture in gpu.images} == {(1, 3, 32, 64)}


def test_nothing_is_built_for_feeds_that_fit_no_network(told: Told) -> None:
    class Choosy(FakeEngine):
        def infer(self, feeds: Any) -> Any:
            if "image" not in feeds:
                raise EngineError("fake.onnx: no image")
            return super().infer(feeds)

    loader = GivenLoader(engine("gpu 1", 0.75))
    with HandoverEngine(Choosy(constant(0.25)), [loader], told.watch) as both:
        with pytest.raises(EngineError, match="no image"):
            both.infer({})
        assert loader.tasks == []
        assert alpha(both) == 0.25
        settle()
        assert alpha(both) == 0.75


def test_a_name_waits_for_its_engine_and_the_cpu_answers_nothing(told: Told) -> None:
    loader = GivenLoader(engine("gpu 1", 0.75))
    loader.go_on.clear()
    answers: list[float] = []
    with HandoverEngine(engine("cpu 1", 0.25), [loader], told.watch, only=True) as both:
        assert both.name == "gpu 1"
        asking = threading.Thread(target=lambda: answers.append(alpha(both)))
        asking.start()
        deadline = time.monotonic() + 20
        while told.preparing != [Preparing("gpu 1", 0.4)] and time.monotonic() < deadline:
            time.sleep(0.01)
        assert asking.is_alive() and answers == []
        loader.go_on.set()
        asking.join(20)
        assert [*answers, alpha(both)] == [0.75, 0.75]
    assert told.preparing == [Preparing("gpu 1", 0.4), None]


def test_a_name_that_cannot_be_made_ready_is_an_error_each_time(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    loaders = [GivenLoader(EngineError(reason)) for reason in ("half: no plan", "float: no plan")]
    with HandoverEngine(engine("cpu 1", 0.25), loaders, told.watch, only=True) as both:
        for _ in range(2):
            with pytest.raises(EngineError, match=r"^half: no plan; float: no plan$"):
                alpha(both)
    assert [len(loader.tasks) for loader in loaders] == [1, 1]
    assert caplog.records == []


def test_a_name_that_fails_in_mid_stream_is_an_error(told: Told) -> None:
    with HandoverEngine(
        engine("cpu 1", 0.25), [GivenLoader(FailingEngine(2))], told.watch, only=True
    ) as both:
        assert [alpha(both) for _ in range(2)] == [0.75, 0.75]
        with pytest.raises(EngineError, match="CUDA: error 700"):
            alpha(both)
        with pytest.raises(EngineError, match="made ready for other sizes"):
            both.infer(image(64))
    assert told.failures == []


def test_a_fault_of_the_program_is_shown_and_the_cpu_goes_on(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    with HandoverEngine(engine("cpu 1", 0.25), [GivenLoader(ZeroDivisionError("oh"))], told.watch) as both:
        alpha(both)
        settle()
        assert alpha(both) == 0.25
    (record,) = caplog.records
    assert record.exc_info is not None and record.getMessage() == "cpu 1 goes on: oh"
    with (
        HandoverEngine(engine("cpu 1", 0.25), [GivenLoader(ZeroDivisionError())], only=True) as both,
        pytest.raises(ZeroDivisionError),
    ):
        alpha(both)


def test_closing_gives_up_what_is_being_made_ready(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    loader = GivenLoader(engine("gpu 1", 0.75))
    loader.go_on.clear()
    cpu = engine("cpu 1", 0.25)
    both = HandoverEngine(cpu, [loader, loader], told.watch)
    alpha(both)
    both.close()
    assert loader.tasks[0].stop.is_set()
    assert len(loader.tasks) == 1
    assert cpu.closed
    assert told.preparing[-1] is None
    assert caplog.records == []


def test_an_engine_that_comes_too_late_is_closed(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that is loading a plan cannot be interrupted."""
    gpu = engine("gpu 1", 0.75)
    inside, go_on = threading.Event(), threading.Event()

    class Deaf(GivenLoader):
        def load(self, task: Task) -> Engine:
            inside.set()
            assert go_on.wait(20)
            return gpu

    monkeypatch.setattr("engines.handover._CLOSE_S", 0.01)
    both = HandoverEngine(engine("cpu 1", 0.25), [Deaf(gpu)], told.watch)
    alpha(both)
    assert inside.wait(20)
    both.close()
    assert not gpu.closed
    go_on.set()
    settle()
    assert gpu.closed


def test_one_that_was_ready_but_never_used_is_closed(told: Told) -> None:
    gpu = engine("gpu 1", 0.75)
    with HandoverEngine(engine("cpu 1", 0.25), [GivenLoader(gpu)], told.watch) as both:
        alpha(both)
        settle()
    assert gpu.closed and gpu.images == []
