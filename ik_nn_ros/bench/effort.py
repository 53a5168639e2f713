"""How much to measure."""

from __future__ import annotations

from dataclasses import dataclass


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
