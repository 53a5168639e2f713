"""One torch thread: for small networks on a busy machine, further threads only wait."""

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
