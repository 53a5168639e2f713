"""``ik_nn compare``: compare traditional and learned inverse kinematics on one arm."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from ik_nn_ros.commands.arguments import (
    add_arm_arguments,
    command_line,
    nominal_arm_from_args,
    require_training_packages,
)
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.files import prepare_folder, to_json, write_atomically

if TYPE_CHECKING:
    from ik_nn_ros.studies.compare.results import Comparison

HELP = 'compare traditional and learned methods on one arm: error, time, robustness'
DEFAULT_OUTPUT = Path('output/compare')
PAGE_FILE = 'report.html'
NUMBERS_FILE = 'comparison.json'
TABLE_FILE = 'comparison.csv'
MODELS_FOLDER = 'models'
TRAINING_TIME_RANGE_S = (1.0, 3600.0)
"""Smallest and largest ``--seconds``."""
SEED_COUNT_RANGE = (1, 20)
"""Smallest and largest ``--seeds``."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_arm_arguments(parser)
    parser.add_argument(
        '--seconds',
        type=float,
        default=60.0,
        metavar='S',
        help='time for each training (default: %(default)g)',
    )
    parser.add_argument(
        '--seeds',
        type=int,
        default=3,
        metavar='N',
        help='trainings of each network (default: %(default)s)',
    )
    parser.add_argument(
        '--methods', nargs='+', metavar='NAME', help='which ones, by name (default: all)'
    )
    parser.add_argument(
        '--output',
        type=Path,
        default=DEFAULT_OUTPUT,
        metavar='DIR',
        help=f'folder for {PAGE_FILE}, {NUMBERS_FILE}, {TABLE_FILE} and {MODELS_FOLDER} '
        '(default: %(default)s); after an interruption the same command goes on where it stopped',
    )


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    _require_in_range('--seconds', args.seconds, *TRAINING_TIME_RANGE_S)
    _require_in_range('--seeds', args.seeds, *SEED_COUNT_RANGE)
    arm = nominal_arm_from_args(args)
    with require_training_packages():
        from ik_nn_ros.studies.compare import comparison
    from ik_nn_ros.bench.machine import machine_info
    from ik_nn_ros.console import progress_bars

    methods = _select_methods(args.methods, comparison.METHODS)
    prepare_folder(args.output, PAGE_FILE, NUMBERS_FILE, TABLE_FILE)
    prepare_folder(args.output / MODELS_FOLDER)
    request = comparison.Request(
        arm=arm,
        output=args.output,
        seconds=args.seconds,
        seeds=args.seeds,
        methods=methods,
        command=command_line('compare', add_arguments, args),
        created=time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime()),
        machine={**machine_info(), 'torch': version('torch')},
    )
    try:
        with progress_bars() as show:
            results = comparison.compare(request, show)
    except KeyboardInterrupt:
        sys.stderr.write('ik_nn compare: interrupted; the same command goes on where it stopped\n')
        return 130
    _write_results(args.output, results)
    return 0


def _require_in_range(name: str, value: float, lower: float, upper: float) -> None:
    if not lower <= value <= upper:
        raise ConfigError(name, got=value, expected=f'{lower:g} to {upper:g}')


def _select_methods(requested: Sequence[str] | None, methods: Sequence[str]) -> tuple[str, ...]:
    """Return the requested methods in the order of the tables."""
    unknown = [name for name in requested or () if name not in methods]
    if unknown:
        raise ConfigError('--methods', got=', '.join(unknown), expected=f'of {", ".join(methods)}')
    return tuple(name for name in methods if requested is None or name in requested)


def _write_results(output: Path, results: Comparison) -> None:
    """Write the files and print the tables."""
    from ik_nn_ros.console import output_console, print_tables, status_console
    from ik_nn_ros.studies.compare.page import to_html
    from ik_nn_ros.studies.compare.results import metrics
    from ik_nn_ros.studies.compare.tables import comparison_tables, to_csv

    write_atomically(output / NUMBERS_FILE, to_json(metrics(results)))
    write_atomically(output / TABLE_FILE, to_csv(results).encode())
    with status_console().status('plots'):
        write_atomically(output / PAGE_FILE, to_html(results).encode())
    console = output_console()
    print_tables(console, comparison_tables(results).values())
    console.print(', '.join(f'{output / name}' for name in (PAGE_FILE, NUMBERS_FILE, TABLE_FILE)))
