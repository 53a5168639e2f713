"""
The subcommands of ``ik_nn``, one module each.

A module offers ``HELP``, ``add_arguments(parser)`` and ``run(args) -> int`` (the exit code). What
is slow to import is imported in ``run``.
"""
