"""The demo's page in the browser, apart from the rest: it must import neither rich nor numpy."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

REQUIRED_MODULES = ('viser', 'yourdfpy')
"""Modules that the page needs."""
INSTALL_COMMAND = "pip install 'viser[urdf]'"
"""Command that installs them."""


def missing_module() -> str:
    """Return the first required module that is not installed; empty: all are installed."""
    return next((name for name in REQUIRED_MODULES if find_spec(name) is None), '')


def open_in_browser(url: str) -> None:
    """Open a page in the desktop's browser; without a desktop nothing happens."""
    if os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY'):
        # In a session without this terminal: some browsers write to it, some block until they are
        # closed, and Ctrl-C here must not reach them.
        subprocess.Popen(
            [sys.executable, '-m', 'webbrowser', url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
