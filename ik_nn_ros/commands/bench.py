"""``ik_nn bench``: measure solver and node, side by side with others, against the figures set."""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.urdf import read_description
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.files import require_writable, to_json, write_atomically
from ik_nn_ros.share import share_directory

if TYPE_CHECKING:
    from ik_nn_ros.bench.effort import Effort
    from ik_nn_ros.bench.results import ArmsLoad, NodeResults, PanelTrips, Results

HELP = 'measure speed and errors of solver and node, side by side with others'
BASE_LINK, TIP_LINK = 'base_link', 'tip'
SEED = 0
ARMS = (1, 2, 4, 8)
"""In one process, with ``--arms``."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('--json', type=Path, metavar='FILE', help='write all numbers to a file')
    parser.add_argument(
        '--seconds',
        type=float,
        default=10.0,
        help='how long to send targets at 1 kHz (default: %(default)s s; the figure asks for 60)',
    )
    parser.add_argument(
        '--arms', action='store_true', help=f'also measure {_listed(ARMS)} arms in one process'
    )


def _listed(numbers: tuple[int, ...]) -> str:
    return ', '.join(map(str, numbers[:-1])) + f' and {numbers[-1]}'


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    if args.json is not None:
        require_writable(args.json)
    if not (isfinite(args.seconds) and 0.1 <= args.seconds <= 3600.0):
        raise ConfigError('--seconds', got=args.seconds, expected='0.1 to 3600')
    from rich.console import Console

    from ik_nn_ros.bench.effort import Effort
    from ik_nn_ros.bench.results import figures
    from ik_nn_ros.bench.tables import all_tables

    # Without this a SIGTERM would leave the nodes running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    errors = Console(stderr=True)
    with errors.status('') as status:
        effort = Effort(seconds=args.seconds, arms=ARMS if args.arms else ())
        results = measure(effort, status.update, errors.print)
    found = figures(results)
    if args.json is not None:
        rows = [{**asdict(figure), 'reached': figure.reached} for figure in found]
        write_atomically(args.json, to_json({**asdict(results), 'figures': rows}))
    Console().print(all_tables(results, found))
    return 0


def measure(
    effort: Effort, report: Callable[[str], None], remark: Callable[[str], None]
) -> Results:
    """
    Measure everything on the default arm and its network.

    :param report: takes what is being done
    :param remark: takes what is left out and why
    """
    import numpy as np

    from ik_nn_ros.arm import targets
    from ik_nn_ros.bench import batch_rate, correctness, solve_time
    from ik_nn_ros.bench.machine import machine
    from ik_nn_ros.bench.results import Results
    from ik_nn_ros.ik.hybrid import HybridSolver
    from ik_nn_ros.ik.network import Network

    share = share_directory()
    urdf = read_description(share / 'urdf' / 'arm.urdf.xacro')
    arm = ArmModel.from_urdf(urdf, BASE_LINK, TIP_LINK)
    file: Path | None = share / 'models' / 'arm.onnx'
    if not file.is_file():
        remark(f'{file}: no such file; measuring without a network')
        file = None
    network = Network(file, arm) if file else None
    solver, rng = HybridSolver(arm, network), np.random.default_rng(SEED)
    here = machine()
    report('solver: one solve')
    chosen = targets.reachable(arm, rng, effort.solves)
    solve = solve_time.solve_times(arm, urdf, (BASE_LINK, TIP_LINK), network, chosen)
    report('solver: batches')
    batch = batch_rate.batch_rates(
        HybridSolver(arm), solver if network else None, rng, effort.sizes
    )
    report('node')
    node, panel, arms = _measure_node(effort, arm, urdf, file, rng, report, remark)
    report(f'solver: answers to {effort.answers:,} targets')
    return Results(
        machine=here,
        solve=solve,
        network=correctness.network_errors(arm, network, rng, effort.answers) if network else None,
        reachable=correctness.reachable_answers(solver, rng, effort.answers),
        commands=correctness.command_answers(solver, rng, effort.answers),
        batch=batch,
        node=node,
        panel=panel,
        arms=arms,
    )


def _measure_node(
    effort: Effort,
    arm: ArmModel,
    urdf: str,
    model: Path | None,
    rng: Any,
    report: Callable[[str], None],
    remark: Callable[[str], None],
) -> tuple[NodeResults | None, PanelTrips | None, list[ArmsLoad]]:
    if effort.starts == 0:
        return None, None, []
    # Apart from whatever runs on this machine or network; read when rclpy starts.
    os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 100))
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    try:
        from ik_nn_ros.nodes import arms_bench, node_bench, panel_bench
    except ModuleNotFoundError as error:
        remark(f"the node is not measured: {error} (source ROS 2, or pip install '.[ros]')")
        return None, None, []

    with tempfile.TemporaryDirectory() as folder:
        setup = node_bench.Setup(arm, urdf, model, Path(folder))
        node = node_bench.measure(setup, effort, rng, report)
        panel = panel_bench.measure_panel(setup, effort, rng, report)
        return node, panel, arms_bench.measure_arms(setup, effort, report)
