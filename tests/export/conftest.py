"""What all tests of the export share."""

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread is faster on a busy machine; and no thread of a progress bar is left behind."""
    torch.set_num_threads(1)
    monkeypatch.setattr("tqdm.std.tqdm.monitor_interval", 0)
