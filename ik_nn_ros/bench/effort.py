"""How much to measure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """
    The sizes of all measurements; the defaults take about a minute and a half.

    :param solves: targets that every method solves
    :param answers: targets whose answers are checked
    :param sizes: of batches
    :param starts: of the node; 0: no node
    :param round_trips: timed after each start
    :param seconds: of load
    :param rate: of targets under load, 1/s
    :param arms: how many arms in one process, one measurement each
    :param trips: round trips timed with each
    :param arms_seconds: of load with each
    """

    solves: int = 1000
    answers: int = 1_000_000
    sizes: tuple[int, ...] = (1, 10, 100, 1000, 10_000, 100_000, 1_000_000)
    starts: int = 3
    round_trips: int = 1500
    seconds: float = 10.0
    rate: float = 1000.0
    arms: tuple[int, ...] = ()
    trips: int = 100
    arms_seconds: float = 4.0
