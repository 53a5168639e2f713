"""``ik_nn train``: train a network for an arm and write its model file."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from ik_nn_ros.commands.arguments import (
    add_arm_arguments,
    add_calibration_argument,
    add_topic_arguments,
    arm_from_args,
    command_line,
    require_training_packages,
    topics_from_args,
)
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.files import require_writable, write_atomically

if TYPE_CHECKING:
    from ik_nn_ros.arm.model import ArmModel
    from ik_nn_ros.learning.evaluation import TipErrorSummary
    from ik_nn_ros.learning.networks.network import TrainableNetwork
    from ik_nn_ros.learning.training import TrainingResult
    from ik_nn_ros.learning.training_config import TrainingConfig

HELP = 'train a network for an arm and write its model file'
TEST_TARGET_COUNT = 1_000_000
"""Number of targets that the written model is measured on."""

TrainingCurve = list[tuple[str, int, float, float]]
"""Stage, step, median and largest error on held-out targets (fractions of reach) of each check."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_arm_arguments(parser)
    source = parser.add_mutually_exclusive_group()
    add_calibration_argument(source)
    source.add_argument(
        '--recording',
        nargs='+',
        type=Path,
        metavar='FILE',
        help='calibrate from these first; the calibration is written beside the model, .yaml',
    )
    add_topic_arguments(parser)
    parser.add_argument(
        '--network',
        metavar='NAME',
        help='edge_smooth: whole workspace, both branches (default); as_built: the same for a '
        'calibrated arm (default with one); paper: as in the paper, its joint ranges, one branch; '
        'for comparison, both branches: feed_forward (network and loss of the paper), variational '
        '(autoencoder), graph (graph network), policy (reinforcement)',
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
    calibration_file = args.output.with_suffix('.yaml')
    if args.recording:
        require_writable(calibration_file)
        if calibration_file.exists():
            raise ConfigError(
                f'calibration {calibration_file}', got='one that exists', expected='none yet'
            )
    arm = arm_from_args(args)
    with require_training_packages():
        from ik_nn_ros.learning import export  # noqa: F401, all that training needs
        from ik_nn_ros.learning.families import find_family

    calibrated = args.calibration or args.recording
    family = find_family(args.network or ('as_built' if calibrated else 'edge_smooth'))
    config = replace(family.config, seed=args.seed, max_seconds=args.max_seconds)
    if args.recording:
        arm = _calibrate_arm(args, arm, calibration_file)
    start = time.monotonic()
    result, curve = _train_with_progress(family, arm, config)
    errors = _write_model(args, arm, result, curve)
    _print_errors(args.output, arm, result, errors, time.monotonic() - start)
    return 0


def _calibrate_arm(args: argparse.Namespace, arm: ArmModel, output: Path) -> ArmModel:
    from ik_nn_ros.commands.calibrate import fit_calibration

    command = command_line('train', add_arguments, args)
    calibration = fit_calibration(arm, args.recording, topics_from_args(args), command)
    calibration.write(output)
    return calibration.apply(arm)


def _train_with_progress(
    family: type[TrainableNetwork], arm: ArmModel, config: TrainingConfig
) -> tuple[TrainingResult, TrainingCurve]:
    """Train with a progress bar on stderr."""
    from ik_nn_ros.console import progress_bars
    from ik_nn_ros.learning import training

    with progress_bars() as show:
        curve: TrainingCurve = []

        def report(progress: training.TrainingProgress) -> None:
            p50, worst = (float(f'{error:.2e}') for error in (progress.p50, progress.worst))
            curve.append((progress.stage, progress.step, p50, worst))
            errors = f'error of reach: median {progress.p50:.1e}, worst {progress.worst:.1e}'
            show(progress.stage, progress.step, progress.max_steps, errors)

        return training.train(family, arm, config, report), curve


def _write_model(
    args: argparse.Namespace, arm: ArmModel, result: TrainingResult, curve: TrainingCurve
) -> TipErrorSummary:
    """Export the network, measure the exported model, and write it with its training record."""
    import numpy as np

    from ik_nn_ros.ik.network import ModelInfo
    from ik_nn_ros.learning import evaluation, export

    network = result.network
    model = export.to_onnx(network)
    # The training draws from children of the seed; the spawn key makes an independent stream.
    rng = np.random.default_rng(np.random.SeedSequence(args.seed, spawn_key=(99,)))
    targets = network.sample(arm, rng, TEST_TARGET_COUNT).target
    errors = evaluation.measure_tip_errors(model.SerializeToString(), arm, targets)
    info = ModelInfo(
        arm=arm.identity(),
        family=network.family,
        branches=network.branches,
        training={
            'command': command_line('train', add_arguments, args),
            'seed': args.seed,
            'samples': result.samples,
            'stopped_by': result.stopped_by,
            'errors': asdict(errors),
            'torch': version('torch'),
            'curve': curve,
        },
    )
    write_atomically(args.output, export.add_metadata(model, info))
    return errors


def _print_errors(
    output: Path, arm: ArmModel, result: TrainingResult, errors: TipErrorSummary, seconds: float
) -> None:
    from ik_nn_ros.console import TextTable, output_console, print_tables

    rows = [
        (name, f'{value:.2e}', f'{1e3 * arm.reach * value:.2e}')
        for name, value in (('median', errors.p50), ('p99', errors.p99), ('worst', errors.worst))
    ]
    console = output_console()
    console.print(f'{result.network.family} for {arm.name}, alone, on {errors.targets:,} targets:')
    print_tables(console, [TextTable('', ('tip error', 'of reach', 'mm'), rows)])
    console.print(f'{seconds:.0f} s, training ended by: {result.stopped_by}')
    console.print(f'{output}, {output.stat().st_size / 1024:.1f} KiB')
