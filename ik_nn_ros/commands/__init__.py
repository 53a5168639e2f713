"""
The subcommands of ``ik_nn``, one module each.

A module has ``HELP``, ``add_arguments(parser)`` and ``run(args) -> int`` (the exit code). It
imports in ``run`` what is slow to import (NumPy and all that needs it), so that ``ik_nn --help`` is
quick.
"""
