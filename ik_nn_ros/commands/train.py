"""``ik_nn train``: train a network for an arm and write its model file."""

from __future__ import annotations

import argparse
import shlex
import time
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.urdf import read_description
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.files import require_writable, write_atomically
from ik_nn_ros.share import share_directory

if TYPE_CHECKING:
    from ik_nn_ros.learning.config import TrainingConfig
    from ik_nn_ros.learning.evaluation import TipErrors
    from ik_nn_ros.learning.networks import Network
    from ik_nn_ros.learning.training import TrainingResult

HELP = 'train a network for an arm and write its model file'
TEST_TARGETS = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        '--urdf', type=Path, metavar='FILE', help='the arm, URDF or xacro (default: the demo arm)'
    )
    parser.add_argument('--base-link', default='base_link', help='default: %(default)s')
    parser.add_argument('--tip-link', default='tip', help='default: %(default)s')
    parser.add_argument(
        '--network',
        default='edge_smooth',
        help='edge_smooth: whole workspace, both branches; paper: as in the paper, its joint '
        'ranges, one branch (default: %(default)s)',
    )
    parser.add_argument('--seed', type=int, default=0, help='default: %(default)s')
    parser.add_argument(
        '--output', type=Path, metavar='FILE', required=True, help='model file to write, .onnx'
    )
    parser.add_argument(
        '--max-seconds', type=float, default=240.0, help='time limit (default: %(default)s s)'
    )


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    require_writable(args.output, '.onnx')
    urdf = args.urdf or share_directory() / 'urdf' / 'arm.urdf.xacro'
    arm = ArmModel.from_urdf(read_description(urdf), args.base_link, args.tip_link)
    try:
        from ik_nn_ros.learning import export  # noqa: F401, all that training needs
        from ik_nn_ros.learning.networks import find_family
    except ModuleNotFoundError as error:
        raise ConfigError(
            'training', got=f'no module {error.name}', expected="the extra: pip install '.[train]'"
        ) from error

    family = find_family(args.network)
    config = replace(family.config, seed=args.seed, max_seconds=args.max_seconds)
    begin = time.monotonic()
    result = _train(family, arm, config)
    errors = _write(args, arm, result)
    _show(args.output, arm, result, errors, time.monotonic() - begin)
    return 0


def _train(family: type[Network], arm: ArmModel, config: TrainingConfig) -> TrainingResult:
    """Train behind a progress bar on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    from ik_nn_ros.learning import training

    columns = (
        TextColumn('{task.description:20}'),
        BarColumn(),
        TextColumn('{task.completed}/{task.total}'),
        TimeElapsedColumn(),
        TextColumn('{task.fields[errors]}'),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def report(progress: training.Progress) -> None:
            if progress.stage not in tasks:
                tasks[progress.stage] = bars.add_task(progress.stage, errors='')
            bars.update(
                tasks[progress.stage],
                completed=progress.done,
                total=progress.total,
                errors=f'error of reach: median {progress.p50:.1e}, worst {progress.worst:.1e}',
            )

        return training.train(family, arm, config, report)


def _write(args: argparse.Namespace, arm: ArmModel, result: TrainingResult) -> TipErrors:
    """Export, measure what was exported, and write it with its record."""
    import numpy as np

    from ik_nn_ros.ik.model_file import ModelInfo
    from ik_nn_ros.learning import evaluation, export

    network = result.network
    model = export.to_onnx(network)
    # The training draws from children of the seed; this is a stream of its own.
    rng = np.random.default_rng(np.random.SeedSequence(args.seed, spawn_key=(99,)))
    targets = network.sample(arm, rng, TEST_TARGETS)
    errors = evaluation.tip_errors(model.SerializeToString(), arm, targets)
    info = ModelInfo(
        arm=arm.identity(),
        family=network.family,
        branches=network.branches,
        training={
            'command': _command(args),
            'seed': args.seed,
            'samples': result.samples,
            'stopped_by': result.stopped_by,
            'errors': asdict(errors),
            'torch': version('torch'),
        },
    )
    write_atomically(args.output, export.add_metadata(model, info))
    return errors


def _command(args: argparse.Namespace) -> str:
    """Return the command line; a path outside the working directory only by its name."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = ['ik_nn', 'train']
    for name, value in vars(args).items():
        flag = '--' + name.replace('_', '-')
        if flag not in parser._option_string_actions or value == parser.get_default(name):
            continue
        if isinstance(value, Path) and (value.is_absolute() or '..' in value.parts):
            here, there = Path.cwd(), value.resolve()
            value = there.relative_to(here) if there.is_relative_to(here) else there.name
        words += [flag, str(value)]
    return shlex.join(words)


def _show(
    output: Path, arm: ArmModel, result: TrainingResult, errors: TipErrors, seconds: float
) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table('tip error')
    table.add_column('of reach', justify='right')
    table.add_column('mm', justify='right')
    for name, value in (('median', errors.p50), ('p99', errors.p99), ('worst', errors.worst)):
        table.add_row(name, f'{value:.2e}', f'{1e3 * arm.reach * value:.2e}')
    console = Console(highlight=False, soft_wrap=True)
    console.print(f'{result.network.family} for {arm.name}, alone, on {errors.targets:,} targets:')
    console.print(table)
    console.print(f'{seconds:.0f} s, training ended by: {result.stopped_by}')
    console.print(f'{output}, {output.stat().st_size / 1024:.1f} KiB', markup=False)
