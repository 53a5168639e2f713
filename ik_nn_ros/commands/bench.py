"""``ik_nn bench``: measure speed and errors of solver and node, side by side with others."""

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

from ik_nn_ros.commands.arguments import add_verbose_argument, demo_arm_description
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.files import require_writable, share_directory, to_json, write_atomically

if TYPE_CHECKING:
    from ik_nn_ros.arm.model import ArmModel
    from ik_nn_ros.bench.results import (
        BenchmarkResults,
        BenchmarkSizes,
        MultiArmLoad,
        NodeResults,
        PanelRoundTrips,
    )

HELP = 'measure speed and errors of solver and node, side by side with others'
BASE_LINK, TIP_LINK = 'base_link', 'tip'
SEED = 0
ARM_COUNTS = (1, 2, 4, 8)
"""Numbers of arms in one process, with ``--arms``."""


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
        '--arms',
        action='store_true',
        help=f'also measure {_format_list(ARM_COUNTS)} arms in one process',
    )
    add_verbose_argument(parser)


def _format_list(numbers: tuple[int, ...]) -> str:
    return ', '.join(map(str, numbers[:-1])) + f' and {numbers[-1]}'


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    if args.json is not None:
        require_writable(args.json)
    if not (isfinite(args.seconds) and 0.1 <= args.seconds <= 3600.0):
        raise ConfigError('--seconds', got=args.seconds, expected='0.1 to 3600')
    from ik_nn_ros.bench.results import BenchmarkSizes, requirements
    from ik_nn_ros.bench.tables import requirement_table, result_tables
    from ik_nn_ros.console import output_console, print_tables, status_console

    # Without this a SIGTERM would leave the nodes running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    errors = status_console()
    with errors.status('') as status:
        sizes = BenchmarkSizes(load_s=args.seconds, arm_counts=ARM_COUNTS if args.arms else ())
        results = measure_all(sizes, status.update, errors.print)
    required = requirements(results)
    if args.json is not None:
        rows = [{**asdict(each), 'reached': each.is_met} for each in required]
        write_atomically(args.json, to_json({**asdict(results), 'figures': rows}))
    tables = result_tables(results)
    if args.verbose:
        tables.append(requirement_table(required))
    print_tables(output_console(), tables)
    return 0


def measure_all(
    sizes: BenchmarkSizes, on_status: Callable[[str], None], on_omission: Callable[[str], None]
) -> BenchmarkResults:
    """
    Measure everything on the demo arm and its network.

    :param sizes: sizes of the measurements
    :param on_status: takes the name of the measurement that begins
    :param on_omission: takes a sentence on a measurement that is left out
    """
    import numpy as np

    from ik_nn_ros.arm.urdf import load_arm
    from ik_nn_ros.bench import measurements
    from ik_nn_ros.bench.machine import machine_info
    from ik_nn_ros.bench.results import BenchmarkResults
    from ik_nn_ros.ik.network import Network
    from ik_nn_ros.ik.solver import HybridSolver
    from ik_nn_ros.ik.verification import random_reachable_targets

    urdf = demo_arm_description()
    arm = load_arm(urdf, BASE_LINK, TIP_LINK)
    model_file = share_directory() / 'models' / 'arm.onnx'
    has_model = model_file.is_file()
    if not has_model:
        on_omission(f'{model_file}: no such file; measuring without a network')
    network = Network(model_file, arm) if has_model else None
    solver, rng = HybridSolver(arm, network), np.random.default_rng(SEED)
    machine = machine_info()
    on_status('solver: one solve')
    targets = random_reachable_targets(arm, rng, sizes.solve_targets)
    solve = measurements.measure_solve_times(arm, urdf, (BASE_LINK, TIP_LINK), network, targets)
    on_status('solver: batches')
    batch = measurements.measure_batch_rates(
        HybridSolver(arm), solver if network else None, rng, sizes.batch_sizes
    )
    on_status('node')
    node, panel, arms = _measure_node(
        sizes, arm, urdf, model_file if has_model else None, rng, on_status, on_omission
    )
    on_status(f'solver: answers to {sizes.verified_targets:,} targets')
    return BenchmarkResults(
        machine=machine,
        solve=solve,
        network=measurements.measure_network_errors(arm, network, rng, sizes.verified_targets)
        if network
        else None,
        reachable=measurements.verify_reachable_targets(solver, rng, sizes.verified_targets),
        commands=measurements.verify_targets_one_by_one(solver, rng, sizes.verified_targets),
        batch=batch,
        node=node,
        panel=panel,
        arms=arms,
    )


def _measure_node(
    sizes: BenchmarkSizes,
    arm: ArmModel,
    urdf: str,
    model: Path | None,
    rng: Any,
    on_status: Callable[[str], None],
    on_omission: Callable[[str], None],
) -> tuple[NodeResults | None, PanelRoundTrips | None, list[MultiArmLoad]]:
    if sizes.node_starts == 0:
        return None, None, []
    # A domain apart from other nodes on this machine or network; rclpy reads it when it starts.
    os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 100))
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    try:
        from ik_nn_ros.nodes.bench.deployments import measure_arms, measure_panel
        from ik_nn_ros.nodes.bench.ik_bench import Deployment, measure_node
    except ModuleNotFoundError as error:
        on_omission(f"the node is not measured: {error} (source ROS 2, or pip install '.[ros]')")
        return None, None, []

    with tempfile.TemporaryDirectory() as folder:
        deployment = Deployment(arm, urdf, model, Path(folder))
        node = measure_node(deployment, sizes, rng, on_status)
        panel = measure_panel(deployment, sizes, rng, on_status)
        return node, panel, measure_arms(deployment, sizes, on_status)
