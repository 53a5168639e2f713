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
from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.files import require_writable, share_directory, to_json, write_atomically

if TYPE_CHECKING:
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
        '--arms',
        action='store_true',
        help=f'also measure {_format_list(ARM_COUNTS)} arms in one process',
    )


def _format_list(numbers: tuple[int, ...]) -> str:
    return ', '.join(map(str, numbers[:-1])) + f' and {numbers[-1]}'


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    if args.json is not None:
        require_writable(args.json)
    if not (isfinite(args.seconds) and 0.1 <= args.seconds <= 3600.0):
        raise ConfigError('--seconds', got=args.seconds, expected='0.1 to 3600')
    from rich.console import Console

    from ik_nn_ros.bench.results import BenchmarkSizes, requirements
    from ik_nn_ros.bench.tables import all_tables

    # Without this a SIGTERM would leave the nodes running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    errors = Console(stderr=True)
    with errors.status('') as status:
        effort = BenchmarkSizes(load_s=args.seconds, arm_counts=ARM_COUNTS if args.arms else ())
        results = measure_all(effort, status.update, errors.print)
    found = requirements(results)
    if args.json is not None:
        rows = [{**asdict(figure), 'reached': figure.is_met} for figure in found]
        write_atomically(args.json, to_json({**asdict(results), 'figures': rows}))
    Console().print(all_tables(results, found))
    return 0


def measure_all(
    sizes: BenchmarkSizes, on_status: Callable[[str], None], on_omission: Callable[[str], None]
) -> BenchmarkResults:
    """
    Measure everything on the default arm and its network.

    :param on_status: takes what is being done
    :param on_omission: takes what is left out and why
    """
    import numpy as np

    from ik_nn_ros.bench import measurements as batch_rate
    from ik_nn_ros.bench import measurements as correctness
    from ik_nn_ros.bench import measurements as solve_time
    from ik_nn_ros.bench.results import BenchmarkResults, machine_info
    from ik_nn_ros.ik import verification as targets
    from ik_nn_ros.ik.network import Network
    from ik_nn_ros.ik.solver import HybridSolver

    share = share_directory()
    urdf = read_description(share / 'urdf' / 'arm.urdf.xacro')
    arm = load_arm(urdf, BASE_LINK, TIP_LINK)
    file: Path | None = share / 'models' / 'arm.onnx'
    if not file.is_file():
        on_omission(f'{file}: no such file; measuring without a network')
        file = None
    network = Network(file, arm) if file else None
    solver, rng = HybridSolver(arm, network), np.random.default_rng(SEED)
    here = machine_info()
    on_status('solver: one solve')
    chosen = targets.random_reachable_targets(arm, rng, sizes.solve_targets)
    solve = solve_time.measure_solve_times(arm, urdf, (BASE_LINK, TIP_LINK), network, chosen)
    on_status('solver: batches')
    batch = batch_rate.measure_batch_rates(
        HybridSolver(arm), solver if network else None, rng, sizes.batch_sizes
    )
    on_status('node')
    node, panel, arms = _measure_node(sizes, arm, urdf, file, rng, on_status, on_omission)
    on_status(f'solver: answers to {sizes.verified_targets:,} targets')
    return BenchmarkResults(
        machine=here,
        solve=solve,
        network=correctness.measure_network_errors(arm, network, rng, sizes.verified_targets)
        if network
        else None,
        reachable=correctness.verify_reachable_targets(solver, rng, sizes.verified_targets),
        commands=correctness.verify_targets_one_by_one(solver, rng, sizes.verified_targets),
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
    # Apart from whatever runs on this machine or network; read when rclpy starts.
    os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 100))
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    try:
        from ik_nn_ros.nodes.bench import deployments as arms_bench
        from ik_nn_ros.nodes.bench import deployments as panel_bench
        from ik_nn_ros.nodes.bench import ik_bench as node_bench
    except ModuleNotFoundError as error:
        on_omission(f"the node is not measured: {error} (source ROS 2, or pip install '.[ros]')")
        return None, None, []

    with tempfile.TemporaryDirectory() as folder:
        setup = node_bench.Deployment(arm, urdf, model, Path(folder))
        node = node_bench.measure_node(setup, sizes, rng, on_status)
        panel = panel_bench.measure_panel(setup, sizes, rng, on_status)
        return node, panel, arms_bench.measure_arms(setup, sizes, on_status)
