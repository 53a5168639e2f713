"""``ik_nn paper``: reproduce the paper that this package grew from."""

from __future__ import annotations

import argparse
import time
from importlib.metadata import version
from pathlib import Path

from ik_nn_ros.commands.arguments import add_verbose_argument, require_training_packages
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.files import prepare_folder, to_json, write_atomically

HELP = "reproduce the paper's recipe, beside the same network trained our way and the solver"
DEFAULT_OUTPUT = Path('output/paper')
NUMBERS_FILE = 'paper.json'
PICTURE_FILE = 'paper.png'
MAX_SEEDS = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        '--seeds',
        type=int,
        default=3,
        metavar='N',
        help="trainings of the paper's recipe (default: %(default)s)",
    )
    parser.add_argument(
        '--output',
        type=Path,
        default=DEFAULT_OUTPUT,
        metavar='DIR',
        help=f'folder for {NUMBERS_FILE} and {PICTURE_FILE} (default: %(default)s)',
    )
    add_verbose_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    if not 1 <= args.seeds <= MAX_SEEDS:
        raise ConfigError('--seeds', got=args.seeds, expected=f'1 to {MAX_SEEDS}')
    with require_training_packages():
        from ik_nn_ros.studies.paper import experiment
    from ik_nn_ros.bench.machine import machine_info
    from ik_nn_ros.console import output_console, print_tables, progress_bars
    from ik_nn_ros.studies.paper.plot import draw_results
    from ik_nn_ros.studies.paper.results import metrics
    from ik_nn_ros.studies.paper.tables import requirement_table, result_tables

    prepare_folder(args.output, NUMBERS_FILE, PICTURE_FILE)
    machine = {**machine_info(), 'torch': version('torch')}
    start = time.monotonic()
    with progress_bars() as show:
        results = experiment.run(experiment.ExperimentSizes(seeds=args.seeds), show)
    seconds = time.monotonic() - start
    numbers = {'machine': machine, 'seconds': seconds, **metrics(results)}
    write_atomically(args.output / NUMBERS_FILE, to_json(numbers))
    write_atomically(args.output / PICTURE_FILE, draw_results(results))
    tables = result_tables(results)
    if args.verbose:
        tables.append(requirement_table(results))
    console = output_console()
    print_tables(console, tables)
    console.print(f'{seconds:.0f} s; {args.output / NUMBERS_FILE}, {args.output / PICTURE_FILE}')
    return 0
