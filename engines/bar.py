"""A bar for a terminal that says how far a plan is built."""

from types import TracebackType
from typing import NoReturn, Self

from tqdm import tqdm

tqdm.monitor_interval = 0  # the bar is moved by what comes from the build; it needs no thread of its own


class PlanBar:
    """The share of a plan that is built; nothing is shown where standard error is no terminal."""

    def __init__(self, what: str) -> None:
        form = "{desc}: {percentage:3.0f} %|{bar}| {elapsed}"
        self._bar: tqdm[NoReturn] = tqdm(total=100, desc=what, bar_format=form, leave=False, disable=None)

    def move(self, share: float) -> None:
        """Show this share, in [0, 1]."""
        self._bar.update(round(100 * share) - self._bar.n)

    def close(self) -> None:
        """Clear the line."""
        self._bar.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
