"""Small networks on a busy machine: more threads only wait for each other."""

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
