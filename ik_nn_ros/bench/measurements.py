"""How long one solve takes, stage by stage and beside other solvers, on the same targets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.bench import reference_solvers as witnesses
from ik_nn_ros.ik.acceptance import SolverConfig
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.refine import refine
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.ik.verification import (
    MAX_TIP_ERROR_RATIO,
    ReachableTargets,
    SolveStatistics,
    outside_limits,
    random_boundary_targets,
    random_joints,
    random_points,
    random_reachable_targets,
    tip_errors,
    verify,
)

CLOSED_FORM, CHECKED_CLOSED_FORM = 'closed form', 'closed form, checked'
NETWORK, REFINEMENT = 'network', 'refinement of it'
HYBRID, LOOSE_HYBRID = 'hybrid', 'hybrid to 1e-4'
IKPY, PINOCCHIO = 'ikpy', 'Pinocchio DLS'
LOOSE_TOLERANCE_RATIO = 1e-4
"""A fraction of reach at which the network's proposal needs no refinement."""
TARGETS_PER_TURN = 50
"""Targets a method solves before it is the next one's turn: noise falls on all of them."""


@dataclass(frozen=True)
class TimedMethod:
    """
    One way to solve.

    :param name: for the table
    :param call: takes one row of ``rows``
    :param arguments: arguments, one row a target
    """

    name: str
    call: Callable[..., Any]
    arguments: Sequence[tuple[Any, ...]]


@dataclass(frozen=True)
class SolveTime:
    """
    What one method did.

    :param method: its name
    :param median: time of one solve, µs; None: not installed
    :param p99: the same, 99th percentile
    :param solved: share of targets met within 1e-9 of reach and inside the limits
    :param error: median distance of the tip from the target, as a fraction of reach
    :param worst: the largest one
    """

    method: str
    median: float | None = None
    p99: float | None = None
    solved: float | None = None
    error: float | None = None
    worst: float | None = None


def measure_solve_times(
    arm: ArmModel,
    urdf: str,
    links: tuple[str, str],
    network: Network | None,
    targets: ReachableTargets,
) -> list[SolveTime]:
    """
    Time every method on the same targets from the same joint angles, taking turns.

    :param urdf: the arm's description
    :param links: its base link and tip link
    :param network: None: the stages that need one are left out
    """
    methods = list(_timed_methods(arm, network, targets))
    missing = []
    base_link, tip_link = links
    for name, make, given in (
        (IKPY, witnesses.ikpy_solver, (arm, urdf, base_link)),
        (PINOCCHIO, witnesses.pinocchio_solver, (arm, urdf, base_link, tip_link)),
    ):
        try:
            call = make(*given)
        except ImportError:
            missing.append(SolveTime(name))
        else:
            methods.append(TimedMethod(name, call, _solver_arguments(targets)))
    times, answers = _time_in_turns(methods, len(targets.xy))
    results = [
        _summarize_times(arm, method.name, targets, took, answer)
        for method, took, answer in zip(methods, times, answers, strict=True)
    ]
    return results + missing


def _solver_arguments(targets: ReachableTargets) -> list[tuple[Any, ...]]:
    return [(x, y, start) for (x, y), start in zip(targets.points, targets.starts, strict=True)]


def _timed_methods(
    arm: ArmModel, network: Network | None, targets: ReachableTargets
) -> Iterator[TimedMethod]:
    sides = [arm.branch_of(q) for q in targets.q.tolist()]
    rows = _solver_arguments(targets)
    yield TimedMethod(
        CLOSED_FORM,
        arm.rigid.closed_form,
        [(x, y, side, q) for (x, y, q), side in zip(rows, sides, strict=True)],
    )
    yield TimedMethod(CHECKED_CLOSED_FORM, HybridSolver(arm).solve, rows)
    if network is None:
        return
    asked = [(x, y, side) for (x, y, _), side in zip(rows, sides, strict=True)]
    yield TimedMethod(NETWORK, network.propose, asked)
    exact = MAX_TIP_ERROR_RATIO * arm.reach
    proposed = [
        (arm, *ask, arm.wrap_into_limits(network.propose(*ask), start), exact)
        for ask, start in zip(asked, targets.starts, strict=True)
    ]
    yield TimedMethod(REFINEMENT, lambda *row: refine(*row)[0], proposed)
    yield TimedMethod(HYBRID, HybridSolver(arm, network).solve, rows)
    loose = SolverConfig(tolerance=LOOSE_TOLERANCE_RATIO * arm.reach)
    yield TimedMethod(LOOSE_HYBRID, HybridSolver(arm, network, loose).solve, rows)


def _time_in_turns(methods: Sequence[TimedMethod], count: int) -> tuple[Array, list[list[Any]]]:
    """Return (methods, count) times, µs, and the answers."""
    clock = time.perf_counter_ns
    times = np.zeros((len(methods), count))
    answers: list[list[Any]] = [[] for _ in methods]
    for start in range(0, count, TARGETS_PER_TURN):
        for number, method in enumerate(methods):
            call, given = method.call, answers[number]
            for index, row in enumerate(method.arguments[start : start + TARGETS_PER_TURN], start):
                begin = clock()
                answer = call(*row)
                times[number, index] = clock() - begin
                given.append(answer)
    return times * 1e-3, answers


def _summarize_times(
    arm: ArmModel, name: str, targets: ReachableTargets, took: Array, answers: Sequence[Any]
) -> SolveTime:
    q = np.array([_answered_joints(answer) for answer in answers])
    if name == NETWORK:  # on any turn
        q = arm.wrap_into_limits_batch(q, targets.start)
    errors = tip_errors(arm, targets.xy, q)
    solved = (errors <= MAX_TIP_ERROR_RATIO * (1 + 1e-6)) & ~outside_limits(arm, q)
    given = errors[np.isfinite(errors)]
    median, p99 = np.quantile(took, (0.5, 0.99)).tolist()
    return SolveTime(
        name, median, p99, float(solved.mean()), float(np.median(given)), float(given.max())
    )


def _answered_joints(answer: Any) -> JointPair:
    q = getattr(answer, 'q', answer)
    return (np.nan, np.nan) if q is None else q


# MERGED bench.batch_rate: How many targets a second a batch solves, and how its time grows with its size.

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


# MERGED bench.correctness: Whether the answers are right: errors, limits, and which stage gave them.


@dataclass(frozen=True)
class NetworkErrors:
    """Distance of the network's own proposals from their targets, as fractions of reach."""

    targets: int
    p50: float
    p99: float
    worst: float


def verify_reachable_targets(
    solver: HybridSolver, rng: np.random.Generator, count: int
) -> SolveStatistics:
    """Solve reachable targets, a tenth of them on the boundary, in a batch."""
    edge = random_boundary_targets(solver.arm, rng, count // 10)
    inner = random_reachable_targets(solver.arm, rng, count - len(edge.xy))
    xy = np.concatenate((edge.xy, inner.xy))
    solved = solver.solve_batch(xy, np.concatenate((edge.start, inner.start)))
    return verify(solver.arm, tip_errors(solver.arm, xy, solved.q), solved.q, solved.stage)


def verify_targets_one_by_one(
    solver: HybridSolver, rng: np.random.Generator, count: int
) -> SolveStatistics:
    """Solve targets in and around the workspace one by one, as the node does."""
    xy = random_points(solver.arm, rng, count)
    starts = random_joints(solver.arm, rng, count)
    q, stage = np.full((count, 2), np.nan), np.zeros(count, dtype=np.int8)
    for row, ((x, y), start) in enumerate(zip(xy.tolist(), starts.tolist(), strict=True)):
        solution = solver.solve(x, y, (start[0], start[1]))
        if solution.q is not None:
            q[row], stage[row] = solution.q, solution.stage
    return verify(solver.arm, tip_errors(solver.arm, xy, q), q, stage)


def measure_network_errors(
    arm: ArmModel, network: Network, rng: np.random.Generator, count: int
) -> NetworkErrors:
    """Measure the network alone over the whole workspace, on the branches it was trained for."""
    targets = random_reachable_targets(arm, rng, count)
    side = np.where(arm.elbow_sine_batch(targets.q) < 0.0, -1, 1)
    known = np.isin(side, network.branches)
    xy, side = targets.xy[known], side[known]
    errors = tip_errors(arm, xy, network.propose_batch(xy, side))
    p50, p99 = np.quantile(errors, (0.5, 0.99)).tolist()
    return NetworkErrors(len(xy), p50, p99, float(errors.max()))
