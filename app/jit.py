"""The one way this project compiles a function with Numba."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")


def jit(function: Callable[P, R]) -> Callable[P, R]:
    """The function compiled to machine code, releasing the GIL while it runs.

    The code is compiled at the first call with given argument types and kept on disk beside the
    module (or in the user's cache folder where that cannot be written), so later runs start at once.
    Dividing by zero gives inf or nan as in NumPy: Python's check would keep loops from being vectorised.
    """
    try:
        compiled: Callable[P, R] = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # neither folder can be written: compiled anew at every start
        compiled = numba.njit(nogil=True, error_model="numpy")(function)
    return compiled
