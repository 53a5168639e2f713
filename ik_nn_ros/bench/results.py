"""What was measured, and the figures to reach."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from ik_nn_ros.bench.measurements import CLOSED_FORM, HYBRID, BatchRate, NetworkErrors, SolveTime
from ik_nn_ros.ik.verification import MAX_TIP_ERROR_RATIO, ROUNDING_ERROR_RATIO, SolveStatistics


@dataclass(frozen=True)
class RoundTrip:
    """
    From sending a target to having its command.

    :param samples: timed targets
    :param p50: median, µs
    :param p99: 99th percentile, µs
    :param lost: targets without a command
    :param wrong: commands off their target or outside the limits (the relay's always are)
    """

    samples: int
    p50: float
    p99: float
    lost: int
    wrong: int


@dataclass(frozen=True)
class LoadResult:
    """
    Targets at a steady rate.

    :param rate: targets a second, as sent
    :param seconds: for how long
    :param sent: targets
    :param lost: of these without a command
    :param cpu: share of one processor the node used
    """

    rate: float
    seconds: float
    sent: int
    lost: int
    cpu: float


@dataclass(frozen=True)
class NodeResults:
    """
    ``ik_node`` in its own process, a bare relay of the same messages beside it.

    :param first_command: from the start of the process to the first command, s, median
    :param memory: resident after the round trips, MiB
    :param torch: whether torch was loaded
    """

    first_command: float
    memory: float
    torch: bool
    ik_node: RoundTrip
    relay: RoundTrip
    load: LoadResult


@dataclass(frozen=True)
class PanelRoundTrips:
    """
    Two ``ik_node`` at one time.

    :param beside: with the panel and a page open
    :param alone: without
    """

    beside: RoundTrip
    alone: RoundTrip


@dataclass(frozen=True)
class MultiArmLoad:
    """
    Several ``ik_node`` in one process, each with 50 targets a second and smooth motion.

    :param arms: how many
    :param cpu: share of one processor the process used
    :param memory: resident, MiB
    :param rate: commands a second that each arm got
    :param p50: from a target to its answer, the other arms at rest, median, µs
    """

    arms: int
    cpu: float
    rate: float
    memory: float
    p50: float


@dataclass(frozen=True)
class BenchmarkResults:
    """
    Everything; None: not measured, because there is no network or no ROS.

    :param machine: what it was measured on
    :param reachable: reachable targets, in a batch
    :param commands: targets reachable or not, one by one
    :param panel: None also without what the panel needs
    :param arms: empty: not asked for
    """

    machine: dict[str, str | int | float]
    solve: list[SolveTime]
    network: NetworkErrors | None
    reachable: SolveStatistics
    commands: SolveStatistics
    batch: list[BatchRate]
    node: NodeResults | None
    panel: PanelRoundTrips | None
    arms: list[MultiArmLoad]


@dataclass(frozen=True)
class Requirement:
    """
    A figure to reach.

    :param bound: largest right value; the smallest one where ``at_least``
    """

    what: str
    value: float
    bound: float
    unit: str = ''
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the value is on the right side of the bound."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound


def requirements(results: BenchmarkResults) -> list[Requirement]:
    """Return the figures that could be measured."""
    found = list(_solver_requirements(results))
    if results.node is not None:
        found += _node_requirements(results.node)
    if results.panel is not None:
        beside, alone = results.panel.beside, results.panel.alone
        found.append(
            Requirement('round trip with / without panel, p50', beside.p50 / alone.p50, 1.10)
        )
    return found


def _solver_requirements(results: BenchmarkResults) -> Iterator[Requirement]:
    median = {row.method: row.median for row in results.solve}
    yield Requirement('closed form, median', median[CLOSED_FORM] or 0.0, 3.0, 'µs')
    commands, reachable = results.commands, results.reachable
    wrong = commands.off_target + commands.outside_limits
    yield Requirement(f'wrong in {commands.targets:,} targets', wrong, 0)
    yield Requirement(
        'largest error / reach', reachable.worst, MAX_TIP_ERROR_RATIO + ROUNDING_ERROR_RATIO
    )
    yield Requirement('reachable targets answered', reachable.answered, 1.0, at_least=True)
    network, largest = results.network, results.batch[-1]
    if network is None or largest.hybrid is None:
        return
    yield Requirement('one solve with network, median', median[HYBRID] or 0.0, 25.0, 'µs')
    learned = reachable.network + reachable.refined
    yield Requirement('accepted without closed form', learned, 0.999, at_least=True)
    yield Requirement('network alone, median error / reach', network.p50, 1e-6)
    yield Requirement('network alone, largest error / reach', network.worst, 1e-5)
    yield Requirement(f'batch of {largest.size:,}', largest.hybrid, 2e6, '/s', at_least=True)


def _node_requirements(node: NodeResults) -> Iterator[Requirement]:
    yield Requirement('round trip / bare relay, p50', node.ik_node.p50 / node.relay.p50, 1.10)
    yield Requirement('round trip / bare relay, p99', node.ik_node.p99 / node.relay.p99, 1.25)
    yield Requirement('wrong or lost round trips', node.ik_node.wrong + node.ik_node.lost, 0)
    yield Requirement('start to first command', node.first_command, 2.0, 's')
    yield Requirement('resident memory', node.memory, 150.0, 'MiB')
    yield Requirement('torch imported', int(node.torch), 0)
    load = node.load
    yield Requirement(f'lost at {load.rate:.0f} Hz in {load.seconds:.0f} s', load.lost, 0)
    yield Requirement(f'processor at {load.rate:.0f} Hz', load.cpu, 0.6, 'core')


# MERGED bench.effort: How much to measure.


@dataclass(frozen=True)
class BenchmarkSizes:
    """
    The sizes of all measurements; the defaults take about a minute and a half.

    :param solve_targets: targets that every method solves
    :param verified_targets: targets whose answers are checked
    :param batch_sizes: of batches
    :param node_starts: of the node; 0: no node
    :param round_trips: timed after each start
    :param load_s: of load
    :param load_rate_hz: of targets under load, 1/s
    :param arm_counts: how many arms in one process, one measurement each
    :param arms_round_trips: round trips timed with each
    :param arms_load_s: of load with each
    """

    solve_targets: int = 1000
    verified_targets: int = 1_000_000
    batch_sizes: tuple[int, ...] = (1, 10, 100, 1000, 10_000, 100_000, 1_000_000)
    node_starts: int = 3
    round_trips: int = 1500
    load_s: float = 10.0
    load_rate_hz: float = 1000.0
    arm_counts: tuple[int, ...] = ()
    arms_round_trips: int = 100
    arms_load_s: float = 4.0


# MERGED bench.machine: What the numbers were measured on.

VERSIONED_PACKAGES = ('ik_nn_ros', 'numpy', 'onnxruntime')


def machine_info() -> dict[str, str | int | float]:
    """Return processor, load and versions; the load tells how far to trust the rest."""
    return {
        'processor': _processor_name(),
        'cores': len(os.sched_getaffinity(0)),
        'load_before': os.getloadavg()[0],
        'system': platform.platform(terse=True),
        'python': platform.python_version(),
        'ros_distro': os.environ.get('ROS_DISTRO', ''),
        **{package: _package_version(package) for package in VERSIONED_PACKAGES},
    }


def _processor_name() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.machine()


def _package_version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ''
