"""Before anything loads NumPy: what the command line does for itself. And the tests' order."""

import os

os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')
WAITING = ('nodes', 'commands')
"""Their tests mostly wait: begun first, they leave no worker alone at the end."""
HEAVY = 'test_panel_browser'
"""A browser that draws by software takes all processors: beside it only what can wait for them."""


LONG = 'learning'
"""Long files: what is short comes last, so that no worker is alone at the end."""


def pytest_collection_modifyitems(items):
    def rank(item):
        if item.path.stem == HEAVY:
            return 1
        folder = item.path.parent.name
        return 0 if folder in WAITING else 2 if folder == LONG else 3

    items.sort(key=rank)
