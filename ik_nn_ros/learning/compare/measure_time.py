"""How long the methods take, for one target at a time and for many at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from ik_nn_ros.arm.model import Pair
from ik_nn_ros.learning.compare.methods import Command, Method
from ik_nn_ros.learning.compare.results import Kind
from ik_nn_ros.learning.compare.test_set import TestSet

PATHS = 60
"""How many paths are followed target by target."""
REPEATS = 5
"""Of many targets at once; the median counts."""


def single(methods: Sequence[Method], tests: TestSet) -> list[float | None]:
    """
    Return the median time of one target by itself, µs; None: needs a whole path at once.

    A control loop along smooth paths: one target after the other, the joints where they were left.
    The methods take turns, a path each, so that noise falls on all of them.
    """
    took: list[list[int]] = [[] for _ in methods]
    for number, path in enumerate(tests.paths.xy[:PATHS].tolist()):
        branch, start = int(tests.paths.branch[number]), tuple(tests.paths.start[number].tolist())
        for method, times in zip(methods, took, strict=True):
            command = method.control()
            if command is not None:
                times += _times(command, path, branch, start)
    return [float(np.median(times)) * 1e-3 if times else None for times in took]


def _times(command: Command, path: list[Pair], branch: int, q_now: Pair) -> list[int]:
    """Follow one path; return the time of each target, ns."""
    clock = time.perf_counter_ns
    times = []
    for x, y in path:
        begin = clock()
        q_now = command(x, y, branch, q_now)
        times.append(clock() - begin)
    return times


def batch(methods: Sequence[Method], tests: TestSet) -> list[float]:
    """
    Return how many targets a second each method answers, many at once, the methods taking turns.

    Targets anywhere; along all the paths for what answers only along paths.
    """
    calls = [_call(method, tests) for method in methods]
    took = np.empty((REPEATS, len(methods)))
    for times in took:
        for number, (call, _) in enumerate(calls):
            begin = time.perf_counter()
            call()
            times[number] = time.perf_counter() - begin
    medians: list[float] = np.median(took, axis=0).tolist()
    return [count / median for (_, count), median in zip(calls, medians, strict=True)]


def _call(method: Method, tests: TestSet) -> tuple[Callable[[], object], int]:
    """Return what to time, and how many targets it answers."""
    if method.kind is Kind.PATH_NETWORK:
        return lambda: method.follow(tests.paths), tests.paths.side.size
    return lambda: method.solve(tests.scattered), len(tests.scattered.xy)
