"""What all tests of the export share."""

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Threads that wait for each other would make small networks slow on a busy machine."""
    torch.set_num_threads(1)
