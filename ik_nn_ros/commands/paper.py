"""``ik_nn paper``: reproduce the paper this package grew from, and what became of its network."""

from __future__ import annotations

import argparse
import time
from importlib.metadata import version
from pathlib import Path

from ik_nn_ros.commands.needs import training_needed
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.files import prepare_folder, to_json, write_atomically

HELP = "reproduce the paper's recipe, beside the same network trained our way and the solver"
OUTPUT = Path('output/paper')
NUMBERS, PICTURE = 'paper.json', 'paper.png'
MOST_SEEDS = 100


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
        default=OUTPUT,
        metavar='DIR',
        help=f'folder for {NUMBERS} and {PICTURE} (default: %(default)s)',
    )


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    if not 1 <= args.seeds <= MOST_SEEDS:
        raise ConfigError('--seeds', got=args.seeds, expected=f'1 to {MOST_SEEDS}')
    with training_needed():
        from ik_nn_ros.learning.paper import experiment
    from rich.console import Console

    from ik_nn_ros.bench.machine import machine
    from ik_nn_ros.commands.progress import progress_bars
    from ik_nn_ros.learning.paper.metrics import metrics
    from ik_nn_ros.learning.paper.plot import draw
    from ik_nn_ros.learning.paper.tables import all_tables

    prepare_folder(args.output, NUMBERS, PICTURE)
    here, begin = {**machine(), 'torch': version('torch')}, time.monotonic()
    with progress_bars() as show:
        results = experiment.run(experiment.Effort(seeds=args.seeds), show)
    seconds = time.monotonic() - begin
    numbers = {'machine': here, 'seconds': seconds, **metrics(results)}
    write_atomically(args.output / NUMBERS, to_json(numbers))
    write_atomically(args.output / PICTURE, draw(results))
    console = Console(highlight=False)
    console.print(all_tables(results))
    console.print(
        f'{seconds:.0f} s; {args.output / NUMBERS}, {args.output / PICTURE}', markup=False
    )
    return 0
