"""The command line that led to a result, to be kept with it."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from pathlib import Path


def command_line(
    name: str, add_arguments: Callable[[argparse.ArgumentParser], None], args: argparse.Namespace
) -> str:
    """
    Return what was typed; a path outside the working directory only by its name.

    :param name: of the subcommand
    :param add_arguments: what declares its arguments
    :param args: as parsed
    """
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = ['ik_nn', name]
    for action in parser._actions:
        value = getattr(args, action.dest, action.default)
        if value == action.default:
            continue
        values = value if isinstance(value, list) else [value]
        words += [*action.option_strings[-1:], *(_argument_text(item) for item in values)]
    return shlex.join(words)


def _argument_text(value: object) -> str:
    if isinstance(value, Path) and (value.is_absolute() or '..' in value.parts):
        here, there = Path.cwd(), value.resolve()
        value = there.relative_to(here) if there.is_relative_to(here) else there.name
    return str(value)
