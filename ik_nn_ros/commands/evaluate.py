"""``ik_nn evaluate``: measure a model file and write a report."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ik_nn_ros.commands.arm_arguments import (
    add_arm_arguments,
    add_calibration_argument,
    add_topic_arguments,
    nominal_arm,
    topics,
)
from ik_nn_ros.commands.command_line import command_line
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.files import prepare_folder, to_json, write_atomically

if TYPE_CHECKING:
    from ik_nn_ros.learning.report.measure import Origin, Report, Subject

HELP = 'measure a model file and write a report with plots'
FEWEST, MOST = 100, 10_000_000
PAGE, NUMBERS = 'report.html', 'metrics.json'
VERSIONS = ('ik_nn_ros', 'python', 'numpy', 'onnxruntime')


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
        help=f'folder for {PAGE} and {NUMBERS}',
    )
    parser.add_argument(
        '--targets', type=int, default=100_000, metavar='N', help='default: %(default)s'
    )
    parser.add_argument('--seed', type=int, default=0, help='of the targets; default: %(default)s')


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    if not FEWEST <= args.targets <= MOST:
        raise ConfigError('--targets', got=args.targets, expected=f'{FEWEST} to {MOST}')
    if args.seed < 0:
        raise ConfigError('--seed', got=args.seed, expected='zero or more')
    from rich.console import Console

    from ik_nn_ros.learning.report.measure import measure
    from ik_nn_ros.learning.report.metrics import metrics
    from ik_nn_ros.learning.report.page import to_html
    from ik_nn_ros.learning.report.recorded import Recordings

    subject = _subject(args)
    recordings = Recordings(tuple(args.recording), topics(args))
    prepare_folder(args.output, PAGE, NUMBERS)
    with Console(stderr=True).status('') as status:
        report = measure(subject, _origin(args), args.targets, recordings, status.update)
        status.update('plots')
        page = to_html(report)
    write_atomically(args.output / NUMBERS, to_json(metrics(report)))
    write_atomically(args.output / PAGE, page.encode())
    _show(report, args.output / PAGE)
    return 0


def _subject(args: argparse.Namespace) -> Subject:
    from ik_nn_ros.arm.calibration import Calibration
    from ik_nn_ros.ik.network import Network
    from ik_nn_ros.learning.report.measure import Subject

    nominal = nominal_arm(args)
    if args.calibration is None:
        return Subject(Network(args.model, nominal), nominal, nominal)
    calibration = Calibration.read(args.calibration)
    arm = calibration.apply(nominal)
    return Subject(Network(args.model, arm), nominal, arm, calibration, args.calibration.name)


def _origin(args: argparse.Namespace) -> Origin:
    from ik_nn_ros.bench.machine import machine
    from ik_nn_ros.learning.report.measure import Origin

    here = machine()
    return Origin(
        command=command_line('evaluate', add_arguments, args),
        created=time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime()),
        seed=args.seed,
        versions={name: str(here[name]) for name in VERSIONS},
    )


def _show(report: Report, page: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from ik_nn_ros.learning.report.html import length
    from ik_nn_ros.learning.report.style import LABELS

    table = Table('tip error')
    for name in ('median', '95 %', '99 %', 'largest'):
        table.add_column(name, justify='right')
    summaries = report.accuracy.summaries()
    rows = {LABELS[method]: summary for method, summary in summaries.items()}
    if report.recorded is not None:
        found = report.recorded.summaries()
        rows |= {f'recorded, {name}': found[name] for name in ('before', 'after') if name in found}
    for name, e in rows.items():
        table.add_row(name, *(length(value) for value in (e.p50_m, e.p95_m, e.p99_m, e.worst_m)))
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    console.print(f'{page}', markup=False)
