"""Builds plans in a process of its own, so that a crash of the library there is one line here.

`python -m engines.building` is that process. It is given one `Order` on its standard input, as a line of
JSON, and answers in lines of JSON: {"share": 0.4} as it goes on, then {"outcome": {...}} or {"error": "...",
"wrong": false}.
When its input ends, which it also does when the process that asked has died, it gives up.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from engines.base import EngineError
from engines.cuda import open_cuda
from engines.driver import find_driver
from engines.kept import open_kept, proven_on
from engines.ort import OrtEngine
from engines.plans import PlanStore, plan_key
from engines.proof import Proof, WrongAnswerError
from engines.tensorrt_build import build_plan
from engines.tensorrt_library import Flavour, load_library

_ROOT = Path(__file__).resolve().parent.parent
_COMMAND = (sys.executable, "-m", "engines.building")
_LOOK_S = 0.05
_GRACE_S = 0.5
"""What a process that is to give up has to do so, before it is killed."""


@dataclass(frozen=True, slots=True)
class Order:
    """A plan that is wanted in the folder: `onnx` is built for these shapes.

    `reference` is the network whose answers on the CPU the plan has to give: `onnx` itself, or what it was
    made of.
    """

    onnx: Path
    reference: Path
    flavour: Flavour
    shapes: Mapping[str, tuple[int, ...]]
    folder: Path

    def to_json(self) -> str:
        """One line."""
        paths = {name: str(getattr(self, name).absolute()) for name in ("onnx", "reference", "folder")}
        return json.dumps({"flavour": self.flavour, "shapes": dict(self.shapes), **paths})

    @classmethod
    def from_json(cls, text: str) -> "Order":
        """What `to_json` was made from, its paths made absolute."""
        values = json.loads(text)
        paths = {name: Path(values[name]) for name in ("onnx", "reference", "folder")}
        shapes = {name: tuple(shape) for name, shape in values["shapes"].items()}
        return cls(flavour=values["flavour"], shapes=shapes, **paths)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an order. `seconds`: what building took, 0 when the plan was kept already.

    `proven`: GPU and driver on which the plan has given the CPU's answers; empty when it could not be run,
    and `unproven` says why.
    """

    seconds: float
    size_bytes: int
    proven: str = ""
    unproven: str = ""


def build_elsewhere(
    order: Order,
    on_progress: Callable[[float], None],
    stop: threading.Event,
    command: Sequence[str] = _COMMAND,
) -> Outcome:
    """Have the plan built, unless it is kept, and proven where it can be run; waits for it.

    `on_progress` is told the share that is done, in [0, 1]. When `stop` is set, the process is ended. Raises
    EngineError: stopped, cannot be built or run, or the process crashed; WrongAnswerError.
    """
    with (
        tempfile.TemporaryFile() as words,
        subprocess.Popen(
            command,
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for the program, which then ends this process
        ) as child,
        _ended_with(child, stop),
    ):
        answer = _answer(child, order, on_progress)
        if "outcome" in answer:
            return Outcome(**answer["outcome"])
        status = child.wait()
        if stop.is_set():
            raise EngineError(f"{order.onnx.name}: the build was stopped")
        if "error" in answer:
            raise (WrongAnswerError if answer["wrong"] else EngineError)(answer["error"])
        raise EngineError(f"{order.onnx.name}: {_crash(order, status, words)}")


def _answer(
    child: "subprocess.Popen[str]", order: Order, on_progress: Callable[[float], None]
) -> dict[str, Any]:
    """The last line, the progress handed on; empty when the process ended without one."""
    assert child.stdin is not None and child.stdout is not None
    with contextlib.suppress(BrokenPipeError, ValueError):  # it has crashed already, or was stopped
        child.stdin.write(order.to_json() + "\n")
        child.stdin.flush()
    for line in child.stdout:
        try:
            answer = json.loads(line)
        except ValueError:  # cut off by a crash
            continue
        if "share" not in answer:
            return dict(answer)
        on_progress(answer["share"])
    return {}


@contextlib.contextmanager
def _ended_with(child: "subprocess.Popen[str]", stop: threading.Event) -> Iterator[None]:
    """The process ends when `stop` is set, and in any case with the block."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK_S):
            if stop.is_set():
                _end(child)
                return

    watching = threading.Thread(target=watch, name="engine build", daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()
        _end(child)


def _end(child: "subprocess.Popen[str]") -> None:
    """Let it give up, so that it leaves no lock behind; kill it if it does not."""
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        child.stdin.close()
    try:
        child.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _crash(order: Order, status: int, words: IO[bytes]) -> str:
    try:
        how = signal.Signals(-status).name if status < 0 else f"status {status}"
    except ValueError:
        how = f"signal {-status}"
    words.seek(0)
    lines = words.read().decode(errors="replace").split("\n")
    last = next((" ".join(line.split()) for line in reversed(lines) if line.strip()), "")
    return f"building it with {order.flavour} crashed ({how})" + (f": {last}" if last else "")


def carry_out(order: Order, on_progress: Callable[[float], bool], go_on: Callable[[], bool]) -> Outcome:
    """The order, in this process. What the callbacks return, False, ends it with EngineError."""
    library, driver, store = load_library(order.flavour), find_driver(), PlanStore(order.folder)
    if driver.reason and order.flavour == "tensorrt":
        raise EngineError(f"{library.name} builds plans only where there is a GPU: {driver.reason}")
    key = plan_key(order.onnx, library.flavour, library.version, driver, order.shapes)
    with store.locked(key, go_on):
        seconds, stored = 0.0, store.find(key)
        if stored is None:
            began = time.perf_counter()
            plan = build_plan(library, order.onnx, order.shapes, on_progress)
            seconds = round(time.perf_counter() - began, 2)
            stored = store.keep(key, plan, seconds)
        unproven = driver.reason or _why_no_cuda()
        if unproven:
            return Outcome(seconds, stored.size_bytes, unproven=unproven)
        with OrtEngine(order.reference, 1) as cpu:
            proof = Proof.of(cpu, order.shapes)
            open_kept(store, key, library, driver, order.onnx, cpu.metadata, proof).close()
        return Outcome(seconds, stored.size_bytes, proven_on(driver))


def _why_no_cuda() -> str:
    try:
        open_cuda()
    except EngineError as error:
        return str(error)
    return ""


def _main() -> int:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not come between the answers
    lock = threading.Lock()
    given_up = threading.Event()
    told = -1

    def answer(**values: object) -> None:
        with lock, contextlib.suppress(BrokenPipeError):
            print(json.dumps(values), file=answers, flush=True)

    def on_progress(share: float) -> bool:
        nonlocal told
        if int(100 * share) > told:
            told = int(100 * share)
            answer(share=round(share, 3))
        return not given_up.is_set()

    def watch() -> None:
        # Not through `sys.stdin`: a thread that waits there holds its lock when the process ends.
        while os.read(0, 1):
            pass
        given_up.set()
        time.sleep(10 * _GRACE_S)
        os._exit(1)

    order = Order.from_json(_first_line())
    threading.Thread(target=watch, name="asker", daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(10)  # pictures are being made meanwhile
    try:
        outcome = carry_out(order, on_progress, lambda: not given_up.is_set())
    except EngineError as error:
        answer(error=str(error), wrong=isinstance(error, WrongAnswerError))
        return 1
    answer(outcome=asdict(outcome))
    return 0


def _first_line() -> str:
    """Of standard input, and not a byte more: the rest is for the thread that watches it."""
    line = bytearray()
    while byte := os.read(0, 1):
        if byte == b"\n":
            break
        line += byte
    return line.decode()


if __name__ == "__main__":
    sys.exit(_main())
