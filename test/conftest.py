"""Before anything loads NumPy: what the command line does for itself. And the tests' order."""

import os

os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')
WAITING = ('nodes', 'commands')
"""Their tests mostly wait: begun first, they leave no worker alone at the end."""
HEAVY = 'test_panel_browser'
"""A browser that draws by software takes all processors: beside it only what can wait for them."""


def pytest_collection_modifyitems(items):
    def rank(item):
        if item.path.stem == HEAVY:
            return 1
        return 0 if item.path.parent.name in WAITING else 2

    items.sort(key=rank)
