"""Makes a TensorRT plan of an ONNX file: strongly typed, for fixed sizes.

A plan is built for one size of everything: its kernels are chosen for it, and a CUDA graph can hold them.
TF32 is off: float32 stays float32, and what may be less exact is exported in half.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engines.base import EngineError, TensorSpec
from engines.tensorrt_library import Library

FLAGS = "strongly typed, fixed sizes, no TF32"
"""What plans are built with, for the key under which they are kept."""

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class ParsedNetwork:
    """An ONNX file as TensorRT understands it. `inputs` and `outputs` keep the file's order.

    `builder` and `parser` own what `network` points to.
    """

    network: Any
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    builder: Any
    parser: Any


def parse_network(library: Library, onnx: Path, shapes: Shapes) -> ParsedNetwork:
    """The network with its inputs of the given shapes; those that the file fixes may be left out.

    Raises EngineError naming the file and the operator, or the input, that is not taken.
    """
    trt = library.module
    if not onnx.is_file():
        raise EngineError(f"{onnx}: no such file; expected an ONNX network")
    library.errors.take()
    builder = _made(library, onnx, lambda: trt.Builder(library.logger))
    # TensorRT 10 needs the flag; to 11 and RTX it is the only way there is.
    typed = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = _made(library, onnx, lambda: builder.create_network(typed))
    parser = _made(library, onnx, lambda: trt.OnnxParser(network, library.logger))
    if not parser.parse_from_file(str(onnx)):
        raise EngineError(f"{onnx}: {library.name} cannot parse it: {_parser_words(parser, library)}")
    if not network.num_outputs:  # an empty file is a network to the parser
        raise EngineError(f"{onnx}: has no outputs; expected an ONNX network")
    tensors = [network.get_input(i) for i in range(network.num_inputs)]
    _fix_shapes(onnx, trt, tensors, shapes)
    outputs = [network.get_output(i) for i in range(network.num_outputs)]
    try:
        specs = [{tensor.name: _spec(trt, tensor) for tensor in part} for part in (tensors, outputs)]
    except RuntimeError as error:  # the sizes do not go together somewhere inside
        reason = library.errors.take() or " ".join(str(error).split())
        raise EngineError(f"{onnx}: {library.name} cannot take it at this size: {reason}") from error
    return ParsedNetwork(network, specs[0], specs[1], builder, parser)


def build_plan(
    library: Library, onnx: Path, shapes: Shapes, on_progress: Callable[[float], bool] | None
) -> bytes:
    """The plan of an ONNX file, to be run by the same library and release.

    `shapes` as in `parse_network`. `on_progress` is told the share that is done, in [0, 1], from any thread;
    what it returns says whether to go on. Raises EngineError: the file is not taken, the build fails or is
    cancelled.
    """
    parsed = parse_network(library, onnx, shapes)
    trt = library.module
    config = _made(library, onnx, parsed.builder.create_builder_config)
    config.clear_flag(trt.BuilderFlag.TF32)
    progress = _Progress(on_progress or (lambda share: True))
    monitor = _monitor(trt, progress)  # the configuration does not keep it alive
    config.progress_monitor = monitor
    plan = parsed.builder.build_serialized_network(parsed.network, config)
    if progress.error:
        raise progress.error
    if progress.cancelled:
        raise EngineError(f"{onnx}: the build was cancelled")
    if plan is None:
        reason = library.errors.take() or "no reason given"
        raise EngineError(f"{onnx}: {library.name} cannot build it: {reason}")
    if on_progress:
        on_progress(1.0)  # the library does not always tell of its last step
    return bytes(memoryview(plan))


def _made(library: Library, onnx: Path, make: Callable[[], Any]) -> Any:
    """What `make` returns; without a usable driver the constructors of TensorRT 10 raise or give None."""
    try:
        made = make()
    except (TypeError, RuntimeError) as error:
        reason = library.errors.take() or " ".join(str(error).split())
        raise EngineError(f"{onnx}: {library.name} cannot start: {reason}") from error
    if made is None:
        raise EngineError(
            f"{onnx}: {library.name} cannot start: {library.errors.take() or 'no reason given'}"
        )
    return made


def _parser_words(parser: Any, library: Library) -> str:
    """What the parser says of each node that it refuses."""
    found = []
    for index in range(parser.num_errors):
        error = parser.get_error(index)
        place = " ".join(part for part in (error.node_operator(), error.node_name()) if part)
        words = " ".join(error.desc().split())
        found.append(f"{place}: {words}" if place else words)
    logged = library.errors.take()
    return "; ".join(dict.fromkeys(found)) or logged or "no reason given"


def _fix_shapes(onnx: Path, trt: Any, tensors: list[Any], shapes: Shapes) -> None:
    """Gives each input its shape; there is no profile then, and nothing is left open to the runtime."""
    names = {tensor.name for tensor in tensors}
    if unknown := shapes.keys() - names:
        raise EngineError(f"{onnx}: has no input {sorted(unknown)[0]!r}; expected {', '.join(sorted(names))}")
    for tensor in tensors:
        spec = _spec(trt, tensor)
        shape = shapes.get(tensor.name)
        if shape is None and None in spec.shape:
            raise EngineError(f"{onnx}: {tensor.name!r} is {spec}; its size must be given to build a plan")
        if shape is not None:
            if not spec.accepts(shape) or min(shape, default=1) < 1:
                raise EngineError(f"{onnx}: {tensor.name!r} is {spec}; not {'x'.join(map(str, shape))}")
            tensor.shape = shape


def _spec(trt: Any, tensor: Any) -> TensorSpec:
    shape = tuple(None if size < 0 else int(size) for size in tensor.shape)
    return TensorSpec(shape, np.dtype(trt.nptype(tensor.dtype)))


class _Phase:
    """A phase of a build: `done` of its `steps` steps, and of the one under way the share `part`."""

    def __init__(self, parent: str | None, steps: int) -> None:
        self.parent = parent
        self.steps = max(1, steps)
        self.done = 0
        self.part = 0.0


class _Progress:
    """Makes one share of a tree of phases. Called from the library's threads.

    How many phases a step will have is not told: each is given half of what is left of it.
    """

    def __init__(self, on_progress: Callable[[float], bool]) -> None:
        self.cancelled = False
        self.error: BaseException | None = None
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._phases: dict[str, _Phase] = {}
        self._share = 0.0

    def start(self, name: str, parent: str | None, steps: int) -> None:
        """A phase begins."""
        with self._lock:
            self._phases[name] = _Phase(parent, steps)

    def step(self, name: str, step: int) -> bool:
        """A step of a phase is done; whether to go on."""
        with self._lock:
            if phase := self._phases.get(name):
                phase.done, phase.part = min(step + 1, phase.steps), 0.0
                self._share = max(self._share, self._share_at(phase))
            return self._tell()

    def finish(self, name: str) -> None:
        """A phase ends, be it after its last step or before."""
        with self._lock:
            phase = self._phases.pop(name, None)
            if phase and (parent := self._phases.get(phase.parent or "")):
                parent.part += 0.5 * (1.0 - parent.part)

    def _share_at(self, phase: _Phase) -> float:
        share = phase.done / phase.steps
        while parent := self._phases.get(phase.parent or ""):
            share = (parent.done + parent.part + 0.5 * (1.0 - parent.part) * share) / parent.steps
            phase = parent
        return min(share, 1.0)

    def _tell(self) -> bool:
        if self.error is None and not self.cancelled:
            try:
                self.cancelled = not self._on_progress(self._share)
            except BaseException as error:  # must not reach the library, which is not Python
                self.error = error
        return self.error is None and not self.cancelled


def _monitor(trt: Any, progress: _Progress) -> Any:
    """The library's view of the progress."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            progress.start(phase_name, parent_phase, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            return progress.step(phase_name, step)

        def phase_finish(self, phase_name: str) -> None:
            progress.finish(phase_name)

    return Monitor()
