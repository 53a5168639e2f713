"""How long the methods take, for one target at a time and for many at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from ik_nn_ros.arm.model import JointPair
from ik_nn_ros.learning.compare.methods import IkMethod, SingleTargetSolver
from ik_nn_ros.learning.compare.results import MethodKind
from ik_nn_ros.learning.compare.test_set import EvaluationSet

TIMED_PATH_COUNT = 60
"""How many paths are followed target by target."""
BATCH_REPETITIONS = 5
"""Of many targets at once; the median counts."""


def single_target_times_us(
    methods: Sequence[IkMethod], evaluation_set: EvaluationSet
) -> list[float | None]:
    """
    Return the median time of one target by itself, µs; None: needs a whole path at once.

    A control loop along smooth paths: one target after the other, the joints where they were left.
    The methods take turns, a path each, so that noise falls on all of them.
    """
    took: list[list[int]] = [[] for _ in methods]
    for number, path in enumerate(evaluation_set.paths.xy[:TIMED_PATH_COUNT].tolist()):
        branch, start = (
            int(evaluation_set.paths.branch[number]),
            tuple(evaluation_set.paths.start[number].tolist()),
        )
        for method, times in zip(methods, took, strict=True):
            command = method.single_target_solver()
            if command is not None:
                times += _path_times_ns(command, path, branch, start)
    return [float(np.median(times)) * 1e-3 if times else None for times in took]


def _path_times_ns(
    solve_target: SingleTargetSolver, path: list[JointPair], branch: int, q_now: JointPair
) -> list[int]:
    """Follow one path; return the time of each target, ns."""
    clock = time.perf_counter_ns
    times = []
    for x, y in path:
        begin = clock()
        q_now = solve_target(x, y, branch, q_now)
        times.append(clock() - begin)
    return times


def batch_rates_per_s(methods: Sequence[IkMethod], evaluation_set: EvaluationSet) -> list[float]:
    """
    Return how many targets a second each method answers, many at once, the methods taking turns.

    Targets anywhere; along all the paths for what answers only along paths.
    """
    calls = [_batch_call(method, evaluation_set) for method in methods]
    took = np.empty((BATCH_REPETITIONS, len(methods)))
    for times in took:
        for number, (call, _) in enumerate(calls):
            begin = time.perf_counter()
            call()
            times[number] = time.perf_counter() - begin
    medians: list[float] = np.median(took, axis=0).tolist()
    return [count / median for (_, count), median in zip(calls, medians, strict=True)]


def _batch_call(
    method: IkMethod, evaluation_set: EvaluationSet
) -> tuple[Callable[[], object], int]:
    """Return what to time, and how many targets it answers."""
    if method.kind is MethodKind.PATH_NETWORK:
        return lambda: method.solve_paths(
            evaluation_set.paths
        ), evaluation_set.paths.branch_by_target.size
    return lambda: method.solve(evaluation_set.scattered), len(evaluation_set.scattered.xy)
