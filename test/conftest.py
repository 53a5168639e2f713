"""The tests' environment and order."""

import os
from pathlib import Path

# Before NumPy is imported; the command line does the same.
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')
TEST = Path(__file__).parent
WAITING = ('nodes', 'commands', 'launch')
"""Folders whose tests mostly wait: started first, they leave no worker alone at the end."""
HEAVY = 'test_panel_browser'
"""Its browser renders in software on all processors: only tests that can wait run beside it."""


def pytest_collection_modifyitems(items):
    def rank(item):
        if item.path.stem == HEAVY:
            return 1
        return 0 if item.path.relative_to(TEST).parts[0] in WAITING else 2

    items.sort(key=rank)
