"""``ik_nn demo``."""

from __future__ import annotations

import argparse

HELP = 'not built yet'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    raise NotImplementedError(args)
