"""``ik_nn paper``: reproduce the paper this package grew from, and what became of its network."""

from __future__ import annotations

import argparse
import time
from importlib.metadata import version
from pathlib import Path

from ik_nn_ros.commands.arguments import require_training_packages
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.files import prepare_folder, to_json, write_atomically

HELP = "reproduce the paper's recipe, beside the same network trained our way and the solver"
DEFAULT_OUTPUT = Path('output/paper')
NUMBERS_FILE, PICTURE_FILE = 'paper.json', 'paper.png'
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


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    if not 1 <= args.seeds <= MAX_SEEDS:
        raise ConfigError('--seeds', got=args.seeds, expected=f'1 to {MAX_SEEDS}')
    with require_training_packages():
        from ik_nn_ros.studies.paper import experiment
    from rich.console import Console

    from ik_nn_ros.bench.results import machine_info
    from ik_nn_ros.commands.progress import progress_bars
    from ik_nn_ros.studies.paper.plot import draw_results
    from ik_nn_ros.studies.paper.results import metrics
    from ik_nn_ros.studies.paper.tables import all_tables

    prepare_folder(args.output, NUMBERS_FILE, PICTURE_FILE)
    here, begin = {**machine_info(), 'torch': version('torch')}, time.monotonic()
    with progress_bars() as show:
        results = experiment.run(experiment.ExperimentSizes(seeds=args.seeds), show)
    seconds = time.monotonic() - begin
    numbers = {'machine': here, 'seconds': seconds, **metrics(results)}
    write_atomically(args.output / NUMBERS_FILE, to_json(numbers))
    write_atomically(args.output / PICTURE_FILE, draw_results(results))
    console = Console(highlight=False)
    console.print(all_tables(results))
    console.print(
        f'{seconds:.0f} s; {args.output / NUMBERS_FILE}, {args.output / PICTURE_FILE}', markup=False
    )
    return 0
