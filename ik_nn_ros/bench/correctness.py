"""Whether the answers are right: errors, limits, and which stage gave them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.bench.targets import (
    EXACT,
    boundary,
    joints,
    outside_limits,
    reachable,
    square,
    tip_errors,
)
from ik_nn_ros.ik.hybrid import HybridSolver
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.result import Stage

ROUNDING = 1e-14
"""How far (fraction of reach) two ways to compute the same tip may be apart."""


@dataclass(frozen=True)
class Answers:
    """
    What became of many targets.

    :param targets: how many
    :param answered: share of them with an answer
    :param network: share answered by the network's proposal as it is
    :param refined: share answered by refining it
    :param closed_form: share answered by the closed form
    :param worst: largest error of an answer, as a fraction of reach
    :param off_target: answers further off than the tolerance
    :param outside_limits: answers outside the limits
    """

    targets: int
    answered: float
    network: float
    refined: float
    closed_form: float
    worst: float
    off_target: int
    outside_limits: int


@dataclass(frozen=True)
class NetworkErrors:
    """Distance of the network's own proposals from their targets, as fractions of reach."""

    targets: int
    p50: float
    p99: float
    worst: float


def reachable_answers(solver: HybridSolver, rng: np.random.Generator, count: int) -> Answers:
    """Solve reachable targets, a tenth of them on the boundary, in a batch."""
    edge = boundary(solver.arm, rng, count // 10)
    inner = reachable(solver.arm, rng, count - len(edge.xy))
    xy = np.concatenate((edge.xy, inner.xy))
    solved = solver.solve_batch(xy, np.concatenate((edge.start, inner.start)))
    return judge(solver.arm, xy, solved.q, solved.stage)


def command_answers(solver: HybridSolver, rng: np.random.Generator, count: int) -> Answers:
    """Solve targets in and around the workspace one by one, as the node does."""
    xy = square(solver.arm, rng, count)
    starts = joints(solver.arm, rng, count)
    q, stage = np.full((count, 2), np.nan), np.zeros(count, dtype=np.int8)
    for row, ((x, y), start) in enumerate(zip(xy.tolist(), starts.tolist(), strict=True)):
        solution = solver.solve(x, y, (start[0], start[1]))
        if solution.q is not None:
            q[row], stage[row] = solution.q, solution.stage
    return judge(solver.arm, xy, q, stage)


def judge(arm: ArmModel, xy: Array, q: Array, stage: np.ndarray) -> Answers:
    """
    Count what is right and what is not.

    :param xy: (N, 2) targets, m
    :param q: (N, 2) answers, rad; NaN where there is none
    :param stage: (N,) of :class:`Stage`
    """
    errors = tip_errors(arm, xy, q)
    answered = np.isfinite(errors)
    share = {stage_: float((stage == stage_).mean()) for stage_ in Stage}
    return Answers(
        targets=len(xy),
        answered=float(answered.mean()),
        network=share[Stage.NETWORK],
        refined=share[Stage.REFINED],
        closed_form=share[Stage.CLOSED_FORM],
        worst=float(np.max(errors[answered], initial=0.0)),
        off_target=int((errors > EXACT + ROUNDING).sum()),
        outside_limits=int(outside_limits(arm, q).sum()),
    )


def network_errors(
    arm: ArmModel, network: Network, rng: np.random.Generator, count: int
) -> NetworkErrors:
    """Measure the network alone over the whole workspace, on the branches it was trained for."""
    targets = reachable(arm, rng, count)
    side = np.where(np.sin(targets.q[:, 1] + arm.signs[1] * arm.offsets[1]) < 0.0, -1, 1)
    known = np.isin(side, network.branches)
    xy, side = targets.xy[known], side[known]
    errors = tip_errors(arm, xy, network.propose_batch(xy, side))
    p50, p99 = np.quantile(errors, (0.5, 0.99)).tolist()
    return NetworkErrors(len(xy), p50, p99, float(errors.max()))
