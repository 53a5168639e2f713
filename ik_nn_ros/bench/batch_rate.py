"""How many targets a second a batch solves, and how its time grows with its size."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ik_nn_ros.arm.targets import random_reachable_targets
from ik_nn_ros.ik.hybrid import HybridSolver

MAX_REPEATED_TARGETS = 1_000_000
"""Smaller batches are repeated, up to so many targets in all."""
MAX_REPEATS = 100
MIN_REPEATS = 3


@dataclass(frozen=True)
class BatchRate:
    """
    Batches of one size.

    :param size: targets in a batch
    :param closed_form: verified solutions a second without a network
    :param hybrid: the same with the network; None: there is none
    """

    size: int
    closed_form: float
    hybrid: float | None


def measure_batch_rates(
    closed_form: HybridSolver,
    hybrid: HybridSolver | None,
    rng: np.random.Generator,
    sizes: Sequence[int],
) -> list[BatchRate]:
    """Time batches of every size, the two solvers taking turns; each from its own joint angles."""
    solvers = [solver for solver in (closed_form, hybrid) if solver is not None]
    targets = random_reachable_targets(closed_form.arm, rng, max(sizes))
    rates = []
    for size in sizes:
        xy, start = targets.xy[:size], targets.start[:size]
        times: list[list[float]] = [[] for _ in solvers]
        for _ in range(max(MIN_REPEATS, min(MAX_REPEATS, MAX_REPEATED_TARGETS // size))):
            for solver, took in zip(solvers, times, strict=True):
                begin = time.perf_counter()
                solver.solve_batch(xy, start)
                took.append(time.perf_counter() - begin)
        found = [size / float(np.median(took)) for took in times]
        rates.append(BatchRate(size, found[0], found[1] if hybrid is not None else None))
    return rates
