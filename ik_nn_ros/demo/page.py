"""The demo's page in the browser: whether there can be one, and how it is opened."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

REQUIRED_MODULES = ('viser', 'yourdfpy')
INSTALL_COMMAND = "pip install 'viser[urdf]'"
"""What installs them."""


def missing_module() -> str:
    """Return the module that the page needs and that is not installed; empty: all are there."""
    return next((name for name in REQUIRED_MODULES if find_spec(name) is None), '')


def open_in_browser(url: str) -> None:
    """Have the desktop's browser show the page; where there is neither, nothing happens."""
    if os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY'):
        # Apart from this terminal: some browsers write to it, some are waited for, and its Ctrl-C
        # is not for them.
        subprocess.Popen(
            [sys.executable, '-m', 'webbrowser', url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
