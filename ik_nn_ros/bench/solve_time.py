"""How long one solve takes, stage by stage and beside other solvers, on the same targets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ik_nn_ros.arm.closed_form import closed_form
from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.arm.targets import EXACT, Reachable, outside_limits, tip_errors
from ik_nn_ros.bench import witnesses
from ik_nn_ros.ik.hybrid import HybridSolver
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.problem import SolverConfig
from ik_nn_ros.ik.refine import refine

CLOSED_FORM, CHECKED = 'closed form', 'closed form, checked'
NETWORK, REFINE = 'network', 'refinement of it'
HYBRID, LOOSE = 'hybrid', 'hybrid to 1e-4'
IKPY, PINOCCHIO = 'ikpy', 'Pinocchio DLS'
LOOSE_TOLERANCE = 1e-4
"""A fraction of reach at which the network's proposal needs no refinement."""
ROUND = 50
"""Targets a method solves before it is the next one's turn: noise falls on all of them."""


@dataclass(frozen=True)
class Method:
    """
    One way to solve.

    :param name: for the table
    :param call: takes one row of ``rows``
    :param rows: arguments, one row a target
    """

    name: str
    call: Callable[..., Any]
    rows: Sequence[tuple[Any, ...]]


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


def solve_times(
    arm: ArmModel, urdf: str, frames: tuple[str, str], network: Network | None, targets: Reachable
) -> list[SolveTime]:
    """
    Time every method on the same targets from the same joint angles, taking turns.

    :param urdf: the arm's description
    :param frames: its base link and tip link
    :param network: None: the stages that need one are left out
    """
    methods = list(_methods(arm, network, targets))
    missing = []
    base_link, tip_link = frames
    for name, make, given in (
        (IKPY, witnesses.ikpy_solver, (arm, urdf, base_link)),
        (PINOCCHIO, witnesses.pinocchio_solver, (arm, urdf, base_link, tip_link)),
    ):
        try:
            call = make(*given)
        except ImportError:
            missing.append(SolveTime(name))
        else:
            methods.append(Method(name, call, _rows(targets)))
    times, answers = _take_turns(methods, len(targets.xy))
    results = [
        _result(arm, method.name, targets, took, answer)
        for method, took, answer in zip(methods, times, answers, strict=True)
    ]
    return results + missing


def _rows(targets: Reachable) -> list[tuple[Any, ...]]:
    return [(x, y, start) for (x, y), start in zip(targets.points, targets.starts, strict=True)]


def _methods(arm: ArmModel, network: Network | None, targets: Reachable) -> Iterator[Method]:
    sides = [arm.branch_of(q) for q in targets.q.tolist()]
    rows = _rows(targets)
    yield Method(
        CLOSED_FORM,
        closed_form,
        [(arm, x, y, side, q) for (x, y, q), side in zip(rows, sides, strict=True)],
    )
    yield Method(CHECKED, HybridSolver(arm).solve, rows)
    if network is None:
        return
    asked = [(x, y, side) for (x, y, _), side in zip(rows, sides, strict=True)]
    yield Method(NETWORK, network.propose, asked)
    exact = EXACT * arm.reach
    proposed = [
        (arm, *ask, arm.into_limits(network.propose(*ask), start), exact)
        for ask, start in zip(asked, targets.starts, strict=True)
    ]
    yield Method(REFINE, lambda *row: refine(*row)[0], proposed)
    yield Method(HYBRID, HybridSolver(arm, network).solve, rows)
    loose = SolverConfig(tolerance=LOOSE_TOLERANCE * arm.reach)
    yield Method(LOOSE, HybridSolver(arm, network, loose).solve, rows)


def _take_turns(methods: Sequence[Method], count: int) -> tuple[Array, list[list[Any]]]:
    """Return (methods, count) times, µs, and the answers."""
    clock = time.perf_counter_ns
    times = np.zeros((len(methods), count))
    answers: list[list[Any]] = [[] for _ in methods]
    for start in range(0, count, ROUND):
        for number, method in enumerate(methods):
            call, given = method.call, answers[number]
            for index, row in enumerate(method.rows[start : start + ROUND], start):
                begin = clock()
                answer = call(*row)
                times[number, index] = clock() - begin
                given.append(answer)
    return times * 1e-3, answers


def _result(
    arm: ArmModel, name: str, targets: Reachable, took: Array, answers: Sequence[Any]
) -> SolveTime:
    q = np.array([_joints(answer) for answer in answers])
    if name == NETWORK:  # on any turn
        q = arm.into_limits_batch(q, targets.start)
    errors = tip_errors(arm, targets.xy, q)
    solved = (errors <= EXACT * (1 + 1e-6)) & ~outside_limits(arm, q)
    given = errors[np.isfinite(errors)]
    median, p99 = np.quantile(took, (0.5, 0.99)).tolist()
    return SolveTime(
        name, median, p99, float(solved.mean()), float(np.median(given)), float(given.max())
    )


def _joints(answer: Any) -> Pair:
    q = getattr(answer, 'q', answer)
    return (np.nan, np.nan) if q is None else q
