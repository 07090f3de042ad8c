"""What all tests of the renderers share."""

import sys
from typing import Any

import pytest

from skyboxes import noise, render

_RENDERERS = [module for name, module in sys.modules.items() if name.startswith(f"{render.__package__}.")]


@pytest.fixture(autouse=True)
def coarse_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """A volume of noise takes seconds at its full size, and a tiny picture shows nothing of its detail."""
    full = noise.billow_volume

    def coarse(size: int, *rest: Any) -> noise.Volume:
        return full(min(size, 32), *rest)

    for module in _RENDERERS:
        if hasattr(module, "billow_volume"):
            monkeypatch.setattr(module, "billow_volume", coarse)
