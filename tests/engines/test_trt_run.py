"""The runner of plans against a made-up device and library (`fake_cuda`, `fake_tensorrt`), and the names and
words of the real library."""

import inspect
import logging
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.base import EngineError, TensorSpec
from engines.cuda import CudaRuntime
from engines.driver import find_driver
from engines.tensorrt_library import Flavour
from engines.tensorrt_run import TensorRTEngine
from tests.engines import fake_tensorrt
from tests.engines.fake_cuda import FakeCudaRuntime, Order
from tests.engines.fake_tensorrt import Arrays, CudaGraphStrategy, FakeNetwork, World, fake_library

PATH = Path("models/matte.onnx")
FLAVOURS: list[Flavour] = ["tensorrt", "tensorrt-rtx"]
ORDERS: list[tuple[Order, int]] = [("late", 0), ("eager", 0), *(("random", seed) for seed in range(8))]


def _spec(shape: tuple[int | None, ...], dtype: str = "float32") -> TensorSpec:
    return TensorSpec(shape, np.dtype(dtype))


MATTE = FakeNetwork(
    {"image": _spec((1, 3, 4, 6))},
    {"alpha": _spec((1, 1, 4, 6)), "share": _spec((1,), "int64")},
    lambda feeds: {
        "alpha": feeds["image"][:, 2:3] * 2,
        "share": np.array([int(feeds["image"].sum())]),
    },
)


def _composite(feeds: Arrays) -> Arrays:
    y, sky = feeds["y"], feeds["sky"][:4, :6]
    out = y + sky + 3 * feeds["prev_y"]
    alpha = feeds["prev_alpha"] // 2 + y + np.uint8(9 + feeds["rotation"].sum())
    return {"out": out, "alpha": alpha, "found": np.array([alpha.mean(), y.mean()], np.float32)}


PLANE = _spec((4, 6), "uint8")
FRAME = FakeNetwork(
    {
        "y": PLANE,
        "sky": _spec((5, 7), "uint8"),
        "rotation": _spec((3, 3)),
        "prev_alpha": PLANE,
        "prev_y": PLANE,
    },
    {"out": PLANE, "alpha": PLANE, "found": _spec((2,))},
    _composite,
)
CARRIED = {"prev_alpha": "alpha", "prev_y": "y"}
PLANS = {b"matte": MATTE, b"frame": FRAME}


class Bench:
    """A device and a library, and what must hold when all engines are closed."""

    def __init__(self, order: Order = "late", seed: int = 0, flavour: Flavour = "tensorrt") -> None:
        self.runtime = FakeCudaRuntime(order, seed)
        self.world = World(self.runtime, dict(PLANS))
        self.library = fake_library(self.world, flavour)

    def matte(self, **options: Any) -> TensorRTEngine:
        return TensorRTEngine(
            self.library, b"matte", PATH, {"size": "6x4"}, CudaRuntime(self.runtime), **options
        )

    def frame(self, slots: int = 3, **options: Any) -> TensorRTEngine:
        options = {"carried": CARRIED, "held": {"sky"}, "resident": {"alpha"}} | options
        cuda = CudaRuntime(self.runtime)
        return TensorRTEngine(self.library, b"frame", PATH, {}, cuda, slots=slots, **options)

    def assert_all_given_back(self) -> None:
        assert self.runtime.left() == {}
        assert self.world.violations == []
        assert +self.world.live == {}


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.assert_all_given_back()


def _image(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((1, 3, 4, 6), np.float32)


def _frame_feeds(count: int, new_sky_at: tuple[int, ...] = (0,)) -> list[Arrays]:
    rng = np.random.default_rng(count)
    frames: list[Arrays] = []
    for index in range(count):
        frame: Arrays = {
            "y": rng.integers(0, 256, (4, 6), np.uint8),
            "rotation": rng.random((3, 3), np.float32),
        }
        if index in new_sky_at:
            frame["sky"] = rng.integers(0, 256, (5, 7), np.uint8)
        frames.append(frame)
    return frames


def _one_by_one(frames: list[Arrays]) -> list[Arrays]:
    """What the frames give when each is done before the next."""
    zeros = np.zeros((4, 6), np.uint8)
    held: Arrays = {"prev_alpha": zeros, "prev_y": zeros}
    answers = []
    for frame in frames:
        held |= frame
        answer = _composite(held)
        held |= {"prev_alpha": answer["alpha"], "prev_y": frame["y"]}
        answers.append({name: array for name, array in answer.items() if name != "alpha"})
    return answers


def _assert_same(answers: list[Arrays], expected: list[Arrays]) -> None:
    assert len(answers) == len(expected)
    for index, (answer, right) in enumerate(zip(answers, expected, strict=True)):
        assert answer.keys() == right.keys()
        for name in right:
            np.testing.assert_array_equal(answer[name], right[name], f"{name} of run {index}")


# Right answers, whatever order the device takes.


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(("order", "seed"), ORDERS)
def test_answers_one_run_after_the_other(order: Order, seed: int, flavour: Flavour) -> None:
    bench = Bench(order, seed, flavour)
    with bench.matte() as engine:
        images = [_image(index) for index in range(5)]
        answers = [engine.infer({"image": image}) for image in images]
    _assert_same(answers, [MATTE.compute({"image": image}) for image in images])
    bench.assert_all_given_back()


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(("order", "seed"), ORDERS)
@pytest.mark.parametrize("slots", [2, 3, 4])
def test_answers_with_runs_that_overlap(order: Order, seed: int, flavour: Flavour, slots: int) -> None:
    """Tensors are carried from run to run, the sky changes under way, feeds are changed once submitted."""
    bench = Bench(order, seed, flavour)
    frames = _frame_feeds(12, new_sky_at=(0, 4, 5, 9))
    answers = []
    with bench.frame(slots) as engine:
        for index, frame in enumerate(frames):
            if index >= slots:
                answers.append(engine.collect())
            feeds = {name: array.copy() for name, array in frame.items()}
            engine.submit(feeds)
            for array in feeds.values():
                array[...] = 77
        for _ in range(slots):
            answers.append(engine.collect())
    _assert_same(answers, _one_by_one(frames))
    bench.assert_all_given_back()


def test_carries_from_run_to_run_without_overlap(bench: Bench) -> None:
    frames = _frame_feeds(7)
    with bench.frame(2) as engine:
        _assert_same([engine.infer(frame) for frame in frames], _one_by_one(frames))


def test_tells_what_the_plan_takes_and_gives(bench: Bench) -> None:
    with bench.frame() as engine:
        assert engine.inputs == FRAME.inputs and list(engine.inputs) == list(FRAME.inputs)
        assert engine.outputs == FRAME.outputs and list(engine.outputs) == list(FRAME.outputs)
        assert (engine.path, engine.name, engine.metadata) == (PATH, "tensorrt 11.4.0", {})


def test_each_answer_is_an_array_of_its_own(bench: Bench) -> None:
    with bench.matte() as engine:
        first = engine.infer({"image": _image(0)})["alpha"]
        kept = first.copy()
        engine.infer({"image": _image(1)})
    np.testing.assert_array_equal(first, kept)


def test_feeds_need_not_be_contiguous(bench: Bench) -> None:
    image = np.ascontiguousarray(_image(3).transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    assert not image.flags.c_contiguous
    with bench.matte() as engine:
        np.testing.assert_array_equal(engine.infer({"image": image})["alpha"], image[:, 2:3] * 2)


# No waiting, no copies, no memory but what there has to be.


def test_submitting_waits_for_nothing(bench: Bench) -> None:
    with bench.frame() as engine:
        calls, ran = len(bench.runtime.calls), len(bench.runtime.ran)
        for frame in _frame_feeds(3):
            engine.submit(frame)
        waits = [name for name in bench.runtime.calls[calls:] if name.endswith("Synchronize")]
        assert waits == ["cudaEventSynchronize"]  # of the sky's pinned memory, which was not used yet
        assert len(bench.runtime.ran) == ran


def test_uploads_run_ahead_of_computing(bench: Bench) -> None:
    with bench.frame() as engine:
        frames = _frame_feeds(2)
        for frame in frames:
            engine.submit(frame)
        computed, uploaded = bench.runtime.ran.count("compute"), bench.runtime.ran.count("upload")
        bench.runtime.run_queue_of("upload")
        assert bench.runtime.ran.count("upload") == uploaded + sum(len(frame) for frame in frames)
        assert bench.runtime.ran.count("compute") == computed


def test_computing_runs_ahead_of_downloads(bench: Bench) -> None:
    with bench.frame() as engine:
        for frame in _frame_feeds(3):
            engine.submit(frame)
        computed, downloaded = bench.runtime.ran.count("compute"), bench.runtime.ran.count("download")
        bench.runtime.run_queue_of("compute")
        assert bench.runtime.ran.count("compute") == computed + 3
        assert bench.runtime.ran.count("download") == downloaded


def test_the_next_upload_waits_for_no_more_than_who_reads_what_it_overwrites(bench: Bench) -> None:
    """Run 3 takes the slot of run 0, whose plane run 1 reads: it is uploaded while 2 is computed."""
    with bench.frame() as engine:
        frames = _frame_feeds(4)
        for frame in frames[:3]:
            engine.submit(frame)
        before = bench.runtime.ran.count("compute")
        engine.collect()
        engine.submit(frames[3])
        assert bench.runtime.ran.count("compute") == before + 1
        bench.runtime.run_queue_of("upload")
        assert bench.runtime.ran.count("compute") == before + 2


def test_collecting_waits_for_that_run_only(bench: Bench) -> None:
    with bench.frame() as engine:
        before = bench.runtime.ran.count("compute")
        for frame in _frame_feeds(3):
            engine.submit(frame)
        engine.collect()
        assert bench.runtime.ran.count("compute") == before + 1


def test_takes_memory_once(bench: Bench) -> None:
    with bench.frame() as engine:
        taken = [bench.runtime.calls.count(name) for name in ("cudaMalloc", "cudaHostAlloc")]
        # Three slots of y, rotation, out, alpha, found, and one sky; nothing for carried tensors,
        # and no pinned memory for resident ones.
        assert taken == [3 * 5 + 1, 3 * 4 + 1]
        for frame in _frame_feeds(20):
            engine.infer(frame)
        assert [bench.runtime.calls.count(name) for name in ("cudaMalloc", "cudaHostAlloc")] == taken


def test_moves_only_what_is_fed_and_given(bench: Bench) -> None:
    with bench.frame() as engine:
        frames = _frame_feeds(2)
        engine.infer(frames[0])
        before = [bench.runtime.ran.count(what) for what in ("upload", "download")]
        engine.infer(frames[1])
        after = [bench.runtime.ran.count(what) for what in ("upload", "download")]
        assert [after[0] - before[0], after[1] - before[1]] == [2, 2]  # y, rotation; out, found


def test_feeds_filled_in_place_are_the_same(bench: Bench) -> None:
    frames = _frame_feeds(5)
    answers = []
    with bench.frame() as engine:
        for frame in frames:
            feeds = engine.next_feeds()
            assert feeds.keys() == {"y", "rotation"}
            feeds["y"][...], feeds["rotation"][...] = frame["y"], frame["rotation"]
            engine.submit(feeds | {name: frame[name] for name in frame.keys() & {"sky"}})
            answers.append(engine.collect())
    _assert_same(answers, _one_by_one(frames))


def test_without_copies_answers_last_until_the_slot_is_used_again(bench: Bench) -> None:
    frames = _frame_feeds(4)
    expected = _one_by_one(frames)
    with bench.frame() as engine:
        for frame in frames[:3]:
            engine.submit(frame)
        answer = engine.collect(copy=False)
        _assert_same([answer, engine.collect()], expected[:2])
        _assert_same([answer], expected[:1])
        engine.submit(frames[3])
        engine.collect(), engine.collect()
        np.testing.assert_array_equal(answer["out"], expected[3]["out"])


# CUDA graphs.


def test_after_warming_up_a_graph_is_launched(bench: Bench) -> None:
    with bench.frame() as engine:
        assert len(bench.runtime.graphs) == 3 and not bench.runtime.templates
        launches, replays = bench.world.launches, bench.runtime.calls.count("cudaGraphLaunch")
        for frame in _frame_feeds(6):
            engine.infer(frame)
        assert bench.world.launches == launches
        assert bench.runtime.calls.count("cudaGraphLaunch") == replays + 6


def test_nothing_is_captured_before_it_has_run(bench: Bench) -> None:
    with bench.frame(3):
        assert bench.world.launches == 3 * 3 + 3  # three runs of each of three contexts, then each once more
        first = bench.runtime.calls.index("cudaStreamBeginCapture")
        assert bench.runtime.ran.count("compute") >= 9
        assert bench.runtime.calls[:first].count("cudaStreamSynchronize") >= 3


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_warms_up_with_zeros(flavour: Flavour) -> None:
    """Not with what the memory held before, which may be no numbers at all."""
    bench = Bench(flavour=flavour)
    seen: list[Arrays] = []

    def compute(feeds: Arrays) -> Arrays:
        seen.append(feeds)
        return MATTE.compute(feeds)

    bench.world.plans[b"matte"] = FakeNetwork(MATTE.inputs, MATTE.outputs, compute)
    bench.matte().close()
    assert len(seen) >= 3 and not any(feeds["image"].any() for feeds in seen)


def test_tensorrt_rtx_replays_by_itself() -> None:
    bench = Bench(flavour="tensorrt-rtx")
    with bench.frame() as engine:
        assert bench.world.strategy is CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        launches = bench.world.launches
        for frame in _frame_feeds(6):
            engine.infer(frame)
        assert bench.world.launches == launches + 6
        assert not [name for name in bench.runtime.calls if "Capture" in name or "Graph" in name]
    bench.assert_all_given_back()


@pytest.mark.parametrize("failing", [0, 1, 2])
@pytest.mark.parametrize(
    "function",
    ["cudaStreamBeginCapture", "cudaStreamEndCapture", "cudaGraphInstantiate", "cudaGraphLaunch", "execute"],
)
def test_without_a_graph_it_launches_plainly(
    bench: Bench, function: str, failing: int, caplog: pytest.LogCaptureFixture
) -> None:
    if function == "execute":
        bench.world.refuse["execute_async_v3"] = 9 + failing
    else:
        bench.runtime.failing[function] = failing
    frames = _frame_feeds(6)
    with caplog.at_level(logging.INFO), bench.frame() as engine:
        assert not bench.runtime.graphs and not bench.runtime.templates
        launches = bench.world.launches
        _assert_same([engine.infer(frame) for frame in frames], _one_by_one(frames))
        assert bench.world.launches == launches + 6
    (record,) = caplog.records
    assert re.fullmatch(
        rf"{PATH}: runs without a CUDA graph: .*(function|cuda|refused).*", record.getMessage()
    )


# Failures.


@pytest.mark.parametrize(
    ("function", "flavour", "words"),
    [
        ("Runtime", "tensorrt", "cannot make a runtime"),
        ("deserialize_cuda_engine", "tensorrt", "cannot load its plan"),
        ("create_execution_context", "tensorrt", "cannot make a context"),
        ("create_execution_context", "tensorrt-rtx", "cannot make a context"),
        ("create_runtime_config", "tensorrt-rtx", "cannot make a runtime configuration"),
        ("create_runtime_cache", "tensorrt-rtx", "cannot make a runtime cache"),
        ("set_runtime_cache", "tensorrt-rtx", "cannot use a runtime cache"),
        ("set_tensor_address", "tensorrt", "does not take the address of"),
        ("execute_async_v3", "tensorrt", "cannot run it"),
        ("execute_async_v3", "tensorrt-rtx", "cannot run it"),
    ],
)
def test_what_the_library_refuses_is_an_error_in_its_words(
    function: str, flavour: Flavour, words: str
) -> None:
    for calls_before in (0, 1):
        bench = Bench(flavour=flavour)
        bench.world.refuse[function] = calls_before
        if function in ("Runtime", "deserialize_cuda_engine") or "runtime" in function:
            bench.world.refuse[function] = 0
        with pytest.raises(EngineError) as caught:
            bench.frame()
        message = str(caught.value)
        assert message.startswith(f"{PATH}: {flavour} 11.4.0 ") and "\n" not in message
        assert words in message and message.endswith(f"{function} was refused")
        bench.assert_all_given_back()


@pytest.mark.parametrize("error", [TypeError("factory function returned nullptr"), RuntimeError("no driver")])
def test_a_runtime_that_raises_is_an_error(bench: Bench, error: Exception) -> None:
    bench.world.refuse["Runtime"] = 0
    bench.world.throw["Runtime"] = error
    with pytest.raises(EngineError, match=f"{PATH}: .* cannot make a runtime: {error}"):
        bench.matte()


def test_a_plan_of_something_else_is_an_error(bench: Bench) -> None:
    bench.library.errors.add("what failed long ago")
    with pytest.raises(EngineError, match=rf"{PATH}: .* cannot load its plan: Magic tag does not match"):
        TensorRTEngine(bench.library, b"strange", PATH, {}, CudaRuntime(bench.runtime))


@pytest.mark.parametrize(
    "network",
    [
        FakeNetwork({"image": _spec((1, None))}, {"alpha": _spec((1,))}, dict),
        FakeNetwork({"image": _spec((1, 2))}, {"alpha": _spec((None,))}, dict),
        FakeNetwork({"image": _spec((1, 2))}, {"alpha": _spec((1,))}, dict, host=frozenset({"alpha"})),
        FakeNetwork({"image": _spec((1, 2))}, {"alpha": _spec((1,))}, dict, strange=frozenset({"image"})),
    ],
    ids=["free input", "free output", "host", "type"],
)
def test_tensors_that_cannot_be_fed_are_an_error(bench: Bench, network: FakeNetwork) -> None:
    bench.world.plans[b"odd"] = network
    with pytest.raises(EngineError, match=rf"^{PATH}: .*'(image|alpha)'"):
        TensorRTEngine(bench.library, b"odd", PATH, {}, CudaRuntime(bench.runtime))


_GIVING_BACK = ("Free", "Destroy")


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_whatever_call_fails_while_opening_all_is_given_back(flavour: Flavour) -> None:
    whole = Bench(flavour=flavour)
    cuda_calls = len(whole.runtime.calls)
    with whole.frame():
        cuda_calls = len(whole.runtime.calls)
    failed = 0
    for number in range(cuda_calls):
        bench = Bench(flavour=flavour)
        bench.runtime.fail_at = number
        try:
            engine = bench.frame()
        except EngineError as error:
            failed += 1
            assert "CUDA: cuda" in str(error) and "\n" not in str(error)
            if number > 1:  # before, it is the device that is not there
                assert str(error).startswith(f"{PATH}: ")
        else:
            engine.close()
        name = bench.runtime.calls[number]
        if not any(word in name for word in _GIVING_BACK):
            bench.assert_all_given_back()
    # All but the few of capturing, which it can do without.
    assert failed > 0.7 * cuda_calls


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_whatever_call_fails_in_mid_stream_is_an_error_and_ends_it(flavour: Flavour) -> None:
    frames = _frame_feeds(3)
    whole = Bench(flavour=flavour)
    with whole.frame() as engine:
        before = len(whole.runtime.calls)
        for frame in frames:
            engine.infer(frame)
        in_all = len(whole.runtime.calls)
    for number in range(before, in_all):
        bench = Bench(flavour=flavour)
        engine = bench.frame()
        bench.runtime.fail_at = number
        with pytest.raises(EngineError, match=rf"^{PATH}: CUDA: cuda\w+ failed with error 1 "):
            for frame in frames:
                engine.infer(frame)
        after = len(bench.runtime.calls)
        with pytest.raises(EngineError, match=f"{PATH}: .* has failed before"):
            engine.infer(frames[0])
        with pytest.raises(EngineError, match="has failed before"):
            engine.next_feeds()
        assert len(bench.runtime.calls) == after, "the device is asked again"
        engine.close()
        bench.assert_all_given_back()


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_run_that_the_library_refuses_in_mid_stream(flavour: Flavour) -> None:
    bench = Bench(flavour=flavour)
    bench.runtime.failing["cudaStreamBeginCapture"] = 0
    with bench.matte() as engine:
        engine.infer({"image": _image(0)})
        bench.world.refuse["execute_async_v3"] = 0
        with pytest.raises(
            EngineError, match=rf"{PATH}: {flavour} 11.4.0 cannot run it: execute_async_v3 was refused"
        ):
            engine.infer({"image": _image(0)})
    bench.runtime.failing.clear()
    bench.assert_all_given_back()


def test_a_lost_device_can_be_closed() -> None:
    bench = Bench()
    engine = bench.frame()
    engine.submit(_frame_feeds(1)[0])
    bench.runtime.lost = True
    with pytest.raises(EngineError, match=r"error 700 \(cudaErrorIllegalAddress\)"):
        engine.collect()
    engine.close()
    engine.close()
    # Every piece was tried, one after the other's failure.
    assert bench.runtime.calls.count("cudaFree") == 16 and bench.runtime.calls.count("cudaFreeHost") == 13
    assert bench.runtime.calls.count("cudaStreamDestroy") == 3 and +bench.world.live == {}


# Closing.


def test_closing_twice_and_with_runs_under_way(bench: Bench) -> None:
    engine = bench.frame()
    for frame in _frame_feeds(3):
        engine.submit(frame)
    engine.close()
    bench.assert_all_given_back()
    calls = list(bench.runtime.calls)
    engine.close()
    assert bench.runtime.calls == calls
    with pytest.raises(EngineError, match=f"{PATH}: tensorrt 11.4.0: closed"):
        engine.collect()
    for use in (engine.next_feeds, engine.runtime_cache, lambda: engine.submit({}), lambda: engine.infer({})):
        with pytest.raises(EngineError, match="closed"):
            use()


def test_closes_in_the_order_of_use(bench: Bench) -> None:
    engine = bench.frame()
    before = len(bench.runtime.calls)
    engine.close()
    order = list(dict.fromkeys(bench.runtime.calls[before:]))
    assert order == [
        "cudaStreamSynchronize",
        "cudaGraphExecDestroy",
        "cudaFree",
        "cudaFreeHost",
        "cudaEventDestroy",
        "cudaStreamDestroy",
    ]
    assert bench.world.violations == []


# Wrong use.


@pytest.mark.parametrize(
    ("feeds", "words"),
    [
        ({}, "no 'image' given"),
        ({"picture": _image(0)}, "no 'image' given"),
        ({"image": _image(0), "picture": _image(0)}, "'picture' given; expected image"),
        ({"image": np.zeros((1, 3, 4, 6))}, "given as float64 1x3x4x6; expected float32 1x3x4x6"),
        ({"image": np.zeros((1, 3, 6, 4), np.float32)}, "given as float32 1x3x6x4; expected float32 1x3x4x6"),
    ],
    ids=["nothing", "name", "unknown", "type", "shape"],
)
def test_wrong_feeds_are_an_error_and_no_end(
    bench: Bench, feeds: Mapping[str, NDArray[Any]], words: str
) -> None:
    with bench.matte() as engine:
        with pytest.raises(EngineError, match=rf"^{PATH}: .*{words}$"):
            engine.infer(feeds)
        np.testing.assert_array_equal(engine.infer({"image": _image(1)})["alpha"], _image(1)[:, 2:3] * 2)


def test_what_is_held_has_to_be_given_once(bench: Bench) -> None:
    with bench.frame() as engine:
        with pytest.raises(EngineError, match="no 'sky' given"):
            engine.infer(_frame_feeds(1, new_sky_at=())[0])
        with pytest.raises(EngineError, match="'prev_y' given"):
            engine.infer(_frame_feeds(1)[0] | {"prev_y": np.zeros((4, 6), np.uint8)})


def test_slots_that_are_full_or_empty(bench: Bench) -> None:
    with bench.frame() as engine:
        with pytest.raises(RuntimeError, match="no run was submitted"):
            engine.collect()
        for frame in _frame_feeds(3):
            engine.submit(frame)
        with pytest.raises(RuntimeError, match="all 3 slots"):
            engine.submit(_frame_feeds(1)[0])
        with pytest.raises(RuntimeError, match="all 3 slots"):
            engine.next_feeds()
        with pytest.raises(RuntimeError, match="collected first"):
            engine.infer(_frame_feeds(1)[0])


@pytest.mark.parametrize(
    "options",
    [
        {"slots": 1},
        {"carried": {"prev": "alpha"}},
        {"carried": {"prev_y": "beta"}},
        {"carried": {"prev_y": "prev_alpha", "prev_alpha": "alpha"}},
        {"carried": {"prev_y": "sky"}},
        {"held": {"prev_y", "sky"}},
        {"held": {"ground"}},
        {"resident": {"y"}},
    ],
    ids=lambda options: str(
        {name: sorted(what) if isinstance(what, set) else what for name, what in options.items()}
    ),
)
def test_roles_that_cannot_be(bench: Bench, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="roles"):
        bench.frame(**options)


def test_only_the_same_kind_of_tensor_is_carried(bench: Bench) -> None:
    with pytest.raises(
        EngineError, match="'prev_y' is uint8 4x6 but is to carry 'found', which is float32 2"
    ):
        bench.frame(carried={"prev_y": "found"})


# The runtime cache of TensorRT-RTX.


def test_compiled_kernels_are_handed_over() -> None:
    bench = Bench(flavour="tensorrt-rtx")
    with bench.matte() as engine:
        assert engine.runtime_cache() == b"kernel00"
    with bench.matte(runtime_cache=b"kernel01kernel02") as engine:
        assert engine.runtime_cache() == b"kernel01kernel02"
    bench.assert_all_given_back()


def test_kernels_of_another_driver_are_compiled_anew() -> None:
    bench = Bench(flavour="tensorrt-rtx")
    with bench.matte(runtime_cache=b"old") as engine:
        engine.infer({"image": _image(0)})
        assert engine.runtime_cache() == b"kernel00"
    bench.assert_all_given_back()


def test_a_cache_that_cannot_be_saved_is_an_error() -> None:
    bench = Bench(flavour="tensorrt-rtx")
    bench.world.refuse["serialize"] = 0
    with (
        bench.matte() as engine,
        pytest.raises(EngineError, match="cannot save its runtime cache: serialize was"),
    ):
        engine.runtime_cache()
    bench.assert_all_given_back()


def test_tensorrt_has_no_runtime_cache(bench: Bench) -> None:
    with bench.matte(runtime_cache=b"kernel01") as engine:
        assert engine.runtime_cache() == b""


# The real library.


@pytest.mark.parametrize(
    "fake",
    [
        fake_tensorrt.Runtime,
        fake_tensorrt.ICudaEngine,
        fake_tensorrt.IExecutionContext,
        fake_tensorrt.IRuntimeConfig,
        fake_tensorrt.IRuntimeCache,
    ],
)
def test_the_library_has_all_functions_that_are_used(fake: type[Any]) -> None:
    """The runner works with the fake, so it uses nothing else; what the fake has, the library has to have."""
    real = getattr(pytest.importorskip("tensorrt_rtx"), fake.__name__)
    functions = [name for name in vars(fake) if not name.startswith("_")]
    assert functions
    for name in functions:
        own = inspect.getattr_static(fake, name)
        if isinstance(own, property):
            assert isinstance(inspect.getattr_static(real, name), property)
            continue
        signatures = re.findall(rf"{name}\(self: [\w.]+(.*)\) -> ", getattr(real, name).__doc__)
        taken = [re.findall(r"(\w+): ", signature) for signature in signatures]
        assert list(inspect.signature(own).parameters)[1:] in taken


@pytest.mark.parametrize(
    "fake",
    [
        fake_tensorrt.TensorIOMode,
        fake_tensorrt.TensorLocation,
        fake_tensorrt.CudaGraphStrategy,
        fake_tensorrt.DataType,
    ],
)
def test_the_library_has_all_constants_that_are_used(fake: Any) -> None:
    trt = pytest.importorskip("tensorrt_rtx")
    for member in fake:
        real = getattr(trt, fake.__name__).__members__[member.name]
        if fake is fake_tensorrt.DataType and member is not fake_tensorrt.DataType.BF16:
            assert np.dtype(trt.nptype(real)) == np.dtype(fake_tensorrt.nptype(member))
    with pytest.raises(TypeError):
        trt.nptype(trt.DataType.BF16)


_LOAD = """
import sys
from pathlib import Path
from engines.base import EngineError
from engines.cuda import CudaRuntime
from engines.tensorrt_library import load_library
from engines.tensorrt_run import TensorRTEngine
from tests.engines.fake_cuda import FakeCudaRuntime
runtime = FakeCudaRuntime()
try:
    plan = Path(sys.argv[1]).read_bytes()
    TensorRTEngine(load_library("tensorrt-rtx"), plan, Path("matte.onnx"), {}, CudaRuntime(runtime))
except EngineError as error:
    assert not runtime.left(), runtime.left()
    print(error)
"""


@pytest.mark.parametrize("content", ["empty", "garbage", "plan"])
def test_what_the_library_cannot_load_is_an_error(tmp_path: Path, content: str) -> None:
    """In a process of its own: the library could crash."""
    pytest.importorskip("tensorrt_rtx")
    path = tmp_path / "matte.plan"
    if content == "plan":
        if not find_driver().reason:
            pytest.skip("with a GPU a plan can be loaded")
        path.write_bytes(_real_plan(tmp_path))
    else:
        path.write_bytes(b"no plan " * 100 if content == "garbage" else b"")
    command = [sys.executable, "-c", _LOAD, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"matte\.onnx: tensorrt-rtx [\d.]+ cannot load its plan: [^\n]+\n", done.stdout), (
        done.stdout
    )
    assert done.stderr == ""


def _real_plan(folder: Path) -> bytes:
    from engines.tensorrt_build import build_plan
    from engines.tensorrt_library import load_library
    from tests.fakes import write_network

    network = write_network(folder / "blue.onnx")
    return build_plan(load_library("tensorrt-rtx"), network, {"image": (1, 3, 32, 64)}, None)
