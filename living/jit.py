"""Numba for the computed sky: as `app.jit`, with sums that may be taken in another order."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")


def fast_jit(function: Callable[P, R]) -> Callable[P, R]:
    """The function compiled for one thread, with fused and reordered arithmetic; one machine, one result."""
    try:
        compiled: Callable[P, R] = numba.njit(nogil=True, fastmath=True, error_model="numpy", cache=True)(
            function
        )
    except RuntimeError:  # no folder for the cache can be written
        compiled = numba.njit(nogil=True, fastmath=True, error_model="numpy")(function)
    return compiled
