"""``ik_nn evaluate``: measure the errors of a model file and write a report."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ik_nn_ros.commands.arguments import (
    add_arm_arguments,
    add_calibration_argument,
    add_topic_arguments,
    command_line,
    nominal_arm_from_args,
    topics_from_args,
)
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.files import prepare_folder, to_json, write_atomically

if TYPE_CHECKING:
    from ik_nn_ros.studies.report.measure import EvaluatedModel, ModelReport, Provenance

HELP = 'measure a model file and write a report with plots'
MIN_TARGETS = 100
MAX_TARGETS = 10_000_000
PAGE_FILE = 'report.html'
NUMBERS_FILE = 'metrics.json'
VERSION_KEYS = ('ik_nn_ros', 'python', 'numpy', 'onnxruntime')
"""Entries of the machine's description that the report repeats."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('--model', type=Path, metavar='FILE', required=True, help='model file')
    add_arm_arguments(parser)
    add_calibration_argument(parser)
    parser.add_argument(
        '--recording',
        type=Path,
        metavar='PATH',
        nargs='+',
        action='extend',
        default=[],
        help='recordings to compare the arm with, before and after calibration; best not those '
        'that the calibration was fitted to',
    )
    add_topic_arguments(parser)
    parser.add_argument(
        '--output',
        type=Path,
        metavar='DIR',
        required=True,
        help=f'folder for {PAGE_FILE} and {NUMBERS_FILE}',
    )
    parser.add_argument(
        '--targets', type=int, default=100_000, metavar='N', help='default: %(default)s'
    )
    parser.add_argument('--seed', type=int, default=0, help='of the targets; default: %(default)s')


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    if not MIN_TARGETS <= args.targets <= MAX_TARGETS:
        raise ConfigError('--targets', got=args.targets, expected=f'{MIN_TARGETS} to {MAX_TARGETS}')
    if args.seed < 0:
        raise ConfigError('--seed', got=args.seed, expected='zero or more')
    from ik_nn_ros.console import status_console
    from ik_nn_ros.studies.report.measure import measure_model, metrics
    from ik_nn_ros.studies.report.page import to_html
    from ik_nn_ros.studies.report.recorded import Recordings

    model = _read_model(args)
    recordings = Recordings(tuple(args.recording), topics_from_args(args))
    prepare_folder(args.output, PAGE_FILE, NUMBERS_FILE)
    with status_console().status('') as status:
        report = measure_model(model, _provenance(args), args.targets, recordings, status.update)
        status.update('plots')
        page = to_html(report)
    write_atomically(args.output / NUMBERS_FILE, to_json(metrics(report)))
    write_atomically(args.output / PAGE_FILE, page.encode())
    _print_errors(report, args.output / PAGE_FILE)
    return 0


def _read_model(args: argparse.Namespace) -> EvaluatedModel:
    from ik_nn_ros.arm.calibrated import Calibration
    from ik_nn_ros.ik.network import Network
    from ik_nn_ros.studies.report.measure import EvaluatedModel

    nominal = nominal_arm_from_args(args)
    if args.calibration is None:
        return EvaluatedModel(Network(args.model, nominal), nominal, nominal)
    calibration = Calibration.read(args.calibration)
    arm = calibration.apply(nominal)
    return EvaluatedModel(
        Network(args.model, arm), nominal, arm, calibration, args.calibration.name
    )


def _provenance(args: argparse.Namespace) -> Provenance:
    from ik_nn_ros.bench.machine import machine_info
    from ik_nn_ros.studies.report.measure import Provenance

    machine = machine_info()
    return Provenance(
        command=command_line('evaluate', add_arguments, args),
        created=time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime()),
        seed=args.seed,
        versions={name: str(machine[name]) for name in VERSION_KEYS},
    )


def _print_errors(report: ModelReport, page: Path) -> None:
    from ik_nn_ros.console import TextTable, format_length, output_console, print_tables
    from ik_nn_ros.studies.plot_style import METHOD_LABELS

    summaries = {
        METHOD_LABELS[method]: summary for method, summary in report.accuracy.summaries().items()
    }
    if report.recorded is not None:
        recorded = report.recorded.summaries()
        for name in ('before', 'after'):
            if name in recorded:
                summaries[f'recorded, {name}'] = recorded[name]
    rows = [
        (name, *map(format_length, (errors.p50_m, errors.p95_m, errors.p99_m, errors.worst_m)))
        for name, errors in summaries.items()
    ]
    console = output_console()
    table = TextTable('', ('tip error', 'median', '95 %', '99 %', 'largest'), rows)
    print_tables(console, [table])
    console.print(f'{page}')
