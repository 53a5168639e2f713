"""Before anything loads NumPy: what the command line does for itself. And the tests' order."""

import os

os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')
WAITING = ('nodes', 'commands')
"""Their tests mostly wait: begun first, they leave no worker alone at the end."""


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.parent.name not in WAITING)
