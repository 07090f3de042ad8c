from collections.abc import Callable
from typing import Any

from app.jit import jit


def test_a_function_without_a_place_for_its_code_is_compiled_all_the_same() -> None:
    names: dict[str, Callable[[int], int]] = {}
    exec("def double(number):\n    return 2 * number", names)  # no file, so no folder beside it
    compiled: Any = jit(names["double"])
    assert compiled(21) == 42
    assert compiled.signatures
