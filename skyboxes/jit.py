"""Numba's parallel loops, with types, for the offline renderers in this folder."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")


def parallel_jit(function: Callable[P, R]) -> Callable[P, R]:
    """The function compiled with `numba.prange` loops spread over the cores, and kept on disk."""
    compiled: Callable[P, R] = numba.njit(cache=True, fastmath=True, parallel=True)(function)
    return compiled
