"""Sizes and results of the benchmark, and the requirements on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ik_nn_ros.bench.measurements import CLOSED_FORM, HYBRID, BatchRate, NetworkErrors, SolveTime
from ik_nn_ros.ik.verification import MAX_TIP_ERROR_RATIO, ROUNDING_ERROR_RATIO, SolveStatistics


@dataclass(frozen=True)
class BenchmarkSizes:
    """
    Sizes of all measurements; the defaults take about a minute and a half.

    :param solve_targets: number of targets that every method solves
    :param verified_targets: number of targets whose answers are verified
    :param batch_sizes: sizes of the batches
    :param node_starts: number of starts of the node; 0: the node is not measured
    :param round_trips: number of timed round trips after each start
    :param load_s: duration of the load, s
    :param load_rate_hz: rate of the targets under load, 1/s
    :param arm_counts: numbers of arms in one process, one measurement for each
    :param arms_round_trips: number of round trips for each number of arms
    :param arms_load_s: duration of the load for each number of arms, s
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


@dataclass(frozen=True)
class RoundTrip:
    """
    Times from sending a target to receiving its command.

    :param samples: number of timed targets
    :param p50: median, µs
    :param p99: 99th percentile, µs
    :param lost: number of targets without a command
    :param wrong: number of commands off their target or outside the limits; the relay's always are
    """

    samples: int
    p50: float
    p99: float
    lost: int
    wrong: int


@dataclass(frozen=True)
class LoadResult:
    """
    Result of targets at a constant rate.

    :param rate: rate of the targets, 1/s
    :param seconds: duration, s
    :param sent: number of targets
    :param lost: number of targets without a command
    :param cpu: share of one processor that the node used
    """

    rate: float
    seconds: float
    sent: int
    lost: int
    cpu: float


@dataclass(frozen=True)
class NodeResults:
    """
    Results of ``ik_node`` in a process of its own, and of a bare relay of the same messages.

    :param first_command: median time from the start of the process to the first command, s
    :param memory: resident memory after the round trips, MiB
    :param torch: whether torch was loaded
    :param ik_node: round trips through the node
    :param relay: round trips through the relay
    :param load: result of targets at a constant rate
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
    Round trips of two ``ik_node`` at the same time.

    :param beside: of the node with the panel and an open page
    :param alone: of the node without
    """

    beside: RoundTrip
    alone: RoundTrip


@dataclass(frozen=True)
class MultiArmLoad:
    """
    Results of several ``ik_node`` in one process, each with 50 targets a second, smooth motion.

    :param arms: number of arms
    :param cpu: share of one processor that the process used
    :param rate: rate of the commands of each arm, 1/s
    :param memory: resident memory, MiB
    :param p50: median time from a target to its answer while the other arms stand still, µs
    """

    arms: int
    cpu: float
    rate: float
    memory: float
    p50: float


@dataclass(frozen=True)
class BenchmarkResults:
    """
    All results of the benchmark.

    :param machine: description of the machine
    :param solve: times of one solve, by method
    :param network: errors of the network alone; None: there is no model file
    :param reachable: answers to reachable targets, solved in a batch
    :param commands: answers to targets in and around the workspace, solved one by one
    :param batch: rates of batches, by size
    :param node: results of the node; None: ROS 2 is not installed
    :param panel: round trips with the panel; None: ROS 2 or viser is not installed
    :param arms: results of several arms; empty: not requested
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
    A requirement on a measured quantity.

    :param what: name of the quantity
    :param value: measured value
    :param bound: largest allowed value, or the smallest one if ``at_least``
    :param unit: unit of both
    :param at_least: whether larger values are better
    """

    what: str
    value: float
    bound: float
    unit: str = ''
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the value is within the bound."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound


def requirements(results: BenchmarkResults) -> list[Requirement]:
    """Return the requirements on the quantities that were measured."""
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
