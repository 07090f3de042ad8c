"""Whether an engine answers as the CPU does: the same made-up feeds to both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.base import Engine, EngineError, TensorSpec

Arrays = Mapping[str, NDArray[Any]]
Shapes = Mapping[str, tuple[int, ...]]

_WARM_RUNS = 3
_FLOAT_OFF = 0.02
_LEVELS_OFF = 2
_ODD_SHARE = 1e-3


class WrongAnswerError(EngineError):
    """An engine runs, but its answers are not the CPU's."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Feeds, and what the CPU makes of them.

    Floating-point outputs may be off by 0.02, of integer ones a thousandth by more than two levels.
    """

    feeds: Arrays
    expected: Arrays

    @classmethod
    def of(cls, cpu: Engine, shapes: Shapes) -> "Proof":
        """By running the network on the CPU, once. Raises EngineError."""
        feeds = {name: made_up(cpu.inputs[name], shape) for name, shape in shapes.items()}
        return cls(feeds, cpu.infer(feeds))

    def check(self, engine: Engine) -> None:
        """Run the engine until it is warm. Raises EngineError when it fails, WrongAnswerError."""
        for _ in range(_WARM_RUNS):
            answers = engine.infer(self.feeds)
        for name, expected in self.expected.items():
            if name not in answers:
                raise WrongAnswerError(f"{engine.name}: no output {name!r}")
            if fault := _fault(answers[name], expected):
                raise WrongAnswerError(f"{engine.name}: {name!r} is not what the CPU makes of it: {fault}")


def made_up(spec: TensorSpec, shape: tuple[int, ...]) -> NDArray[Any]:
    """Something to feed: floats in [0, 1] or integers in [0, 255], the same each time.

    Bright and even above, dark and grainy below, as many a picture is; a square matrix is the identity.
    """
    if len(shape) == 2 and shape[0] == shape[1] and spec.dtype.kind == "f":
        return np.eye(shape[0], dtype=spec.dtype)
    if len(shape) < 2:
        return np.full(shape, 0.5 if spec.dtype.kind == "f" else 1, spec.dtype)
    down = np.linspace(1.0, 0.0, shape[-2])[:, None]
    grain = np.random.default_rng(0).random(shape)
    channel = np.linspace(0.6, 1.0, shape[-3])[:, None, None] if len(shape) > 2 else 1.0
    values = np.where(down > 0.5, channel * (0.4 + 0.6 * down), 0.5 * down + 0.25 * grain)
    values = np.ascontiguousarray(np.broadcast_to(values, shape))
    return (values if spec.dtype.kind == "f" else np.rint(255 * values)).astype(spec.dtype)


def _fault(answer: NDArray[Any], expected: NDArray[Any]) -> str:
    """What is wrong with an answer; empty when nothing is."""
    if answer.shape != expected.shape or answer.dtype != expected.dtype:
        return f"{answer.dtype} {answer.shape}, not {expected.dtype} {expected.shape}"
    if not np.isfinite(answer).all():
        return "some values are not finite"
    off = np.abs(answer.astype(np.float64) - expected.astype(np.float64))
    if answer.dtype.kind == "f":
        most = float(off.max(initial=0.0))
        return f"off by {most:.3f}" if most > _FLOAT_OFF else ""
    share = float((off > _LEVELS_OFF).mean()) if off.size else 0.0
    return f"{share:.1%} of the values are off by more than {_LEVELS_OFF}" if share > _ODD_SHARE else ""
