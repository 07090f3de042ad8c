"""What every engine gives: a network's inputs and outputs, and one run of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray


class EngineError(Exception):
    """A network cannot be opened or run; one line that names the file and what was expected."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a network. A dimension of any size is None."""

    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]

    def accepts(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of that shape fits."""
        return len(shape) == len(self.shape) and all(
            own in (None, other) for own, other in zip(self.shape, shape, strict=True)
        )

    def __str__(self) -> str:
        return f"{self.dtype} {'x'.join('?' if size is None else str(size) for size in self.shape)}"


class Engine(Protocol):
    """A network that is ready to run.

    `inputs` and `outputs` keep the file's order. `metadata` is what the file says about itself. `name` is the
    engine's own name and version, for statistics.
    """

    path: Path
    name: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    metadata: Mapping[str, str]

    def infer(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """All outputs by name, in new arrays; without the GIL. Raises EngineError."""
        ...

    def close(self) -> None:
        """Release the network; nothing may be run afterwards."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
