"""
Tip errors of a network over random targets: alone, after Newton steps, and the worst cases.

Every error is the distance between a target and the forward kinematics of the answered angles, not
an error that a solver reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import atan2, hypot

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import TWO_PI, Array
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ModelError
from ik_nn_ros.ik.acceptance import BRANCH_CHOICES, PROPOSAL_LIMIT_TOLERANCE_RAD, SolverConfig
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.refine import refine_batch
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.ik.verification import (
    MAX_TIP_ERROR_RATIO,
    SolveStatistics,
    random_reachable_targets,
    verify,
)

Branches = NDArray[np.int8]

NETWORK = 'network'
"""The network's angles as they are."""
REFINED = 'refined'
"""The network's angles after Newton steps."""
CLOSED_FORM = 'closed_form'
METHODS = (NETWORK, REFINED, CLOSED_FORM)
CLEAR_BRANCH_SINE = 0.05
"""Sine of the elbow's angle from which an arm is clearly on one branch."""
WORST_CASE_COUNT = 10
"""Number of worst targets in a report."""


@dataclass(frozen=True)
class ErrorSummary:
    """
    Summary of tip errors; an error is infinite where an answer is no number.

    :param count: number of errors
    :param p50_m: median, m
    :param p95_m: 95th percentile, m
    :param p99_m: 99th percentile, m
    :param worst_m: largest, m
    """

    count: int
    p50_m: float
    p95_m: float
    p99_m: float
    worst_m: float

    @classmethod
    def from_errors(cls, errors: Array) -> ErrorSummary:
        """Summarize (N,) errors, m, at least one."""
        # 'higher' picks one of the errors: a number and infinity have no mean.
        p50, p95, p99, worst = np.quantile(errors, (0.5, 0.95, 0.99, 1.0), method='higher').tolist()
        return cls(len(errors), p50, p95, p99, worst)


@dataclass(frozen=True)
class Accuracy:
    """
    Errors over random targets, uniform in the joints within their limits.

    :param xy: (N, 2) targets on the branches that the network serves, m
    :param branch: (N,) branches of the targets
    :param errors: by method: (N,) m, infinite where an answer is no number
    :param wrong_branch: share of the network's answers clearly on the wrong branch
    :param outside_limits: share of the network's answers outside the limits on every turn
    :param solver_statistics: answers of the hybrid solver to targets on both branches
    """

    xy: Array
    branch: Branches
    errors: Mapping[str, Array]
    wrong_branch: float
    outside_limits: float
    solver_statistics: SolveStatistics

    def summaries(self) -> dict[str, ErrorSummary]:
        """Return the summary of each method's errors."""
        return {method: ErrorSummary.from_errors(errors) for method, errors in self.errors.items()}


def measure_accuracy(
    arm: ArmModel, network: Network, rng: np.random.Generator, count: int
) -> Accuracy:
    """
    Measure the accuracy of a network over random targets.

    :param arm: model of the arm that errors are measured by
    :param network: the network
    :param rng: draws the targets
    :param count: number of targets
    :raises ModelError: the arm reaches no target on a branch that the network serves
    """
    targets = random_reachable_targets(arm, rng, count)
    branch = np.where(arm.elbow_sine_batch(targets.q) < 0.0, -1, 1).astype(np.int8)
    is_served = np.isin(branch, network.branches)
    if not is_served.any():
        raise ModelError(
            f'model {network.file}',
            got=f'a network for the {network.info.branches} branch',
            expected='one for a branch that the joint limits allow',
        )
    solved = HybridSolver(arm, network).solve_batch(targets.xy, targets.start)
    distance = tip_distance(arm, targets.xy, solved.q)
    xy, branch = targets.xy[is_served], branch[is_served]
    proposed = propose_joints(network, xy, branch)
    elbow_sine = arm.elbow_sine_batch(proposed)
    return Accuracy(
        xy=xy,
        branch=branch,
        errors=errors_by_method(arm, network, xy, branch, targets.start[is_served]),
        wrong_branch=float((branch * elbow_sine < -CLEAR_BRANCH_SINE).mean()),
        outside_limits=float((_limit_excess(arm, proposed) > PROPOSAL_LIMIT_TOLERANCE_RAD).mean()),
        solver_statistics=verify(arm, distance / arm.reach, solved.q, solved.stage),
    )


def _limit_excess(arm: ArmModel, q: Array) -> Array:
    """Return (N,) the distance of the worse joint from its limits on the best turn, rad."""
    difference = np.abs(arm.wrap_into_limits_batch(q, np.array(arm.home)) - q) % TWO_PI
    excess: Array = np.minimum(difference, TWO_PI - difference).max(axis=1)
    return excess


def errors_by_method(
    arm: ArmModel, network: Network, xy: Array, branch: Branches, q_now: Array
) -> dict[str, Array]:
    """
    Return the tip errors of each method on the same targets.

    :param xy: (N, 2) targets, m
    :param branch: (N,) branches that the network serves
    :param q_now: (2,) or (N, 2) current joint positions, rad, which decide the turn
    :return: by method: (N,) m, infinite where an answer is no number
    """
    proposed = propose_joints(network, xy, branch)
    answers = {
        NETWORK: proposed,
        REFINED: refine_proposals(arm, proposed, xy, branch, q_now),
        CLOSED_FORM: arm.rigid.closed_form_batch(xy, branch, q_now),
    }
    distances = {method: tip_distance(arm, xy, q) for method, q in answers.items()}
    return {method: np.where(np.isnan(d), np.inf, d) for method, d in distances.items()}


def propose_joints(network: Network, xy: Array, branch: Branches) -> Array:
    """Return the network's own angles (N, 2), rad; NaN where they are no numbers."""
    q = network.propose_batch(xy, branch)
    return np.where(np.isfinite(q), q, np.nan)


def refine_proposals(
    arm: ArmModel, proposed: Array, xy: Array, branch: Branches, q_now: Array
) -> Array:
    """Return proposals (N, 2), rad, after the solver's Newton steps."""
    q = np.full_like(proposed, np.nan)
    rows = np.flatnonzero(np.isfinite(proposed).all(axis=1))
    start = arm.wrap_into_limits_batch(
        proposed[rows], np.broadcast_to(q_now, xy.shape)[rows], PROPOSAL_LIMIT_TOLERANCE_RAD
    )
    q[rows], _ = refine_batch(arm, xy[rows], branch[rows], start, MAX_TIP_ERROR_RATIO * arm.reach)
    return q


def tip_distance(arm: ArmModel, xy: Array, q: Array) -> Array:
    """
    Return (N,) distances of the tip from its targets, m.

    :param xy: (N, 2) targets, m
    :param q: (N, 2) joint positions, rad; NaN rows give NaN
    """
    offset = arm.fk(q) - xy
    distance: Array = np.hypot(offset[:, 0], offset[:, 1])
    return distance


@dataclass(frozen=True)
class WorstCase:
    """
    A target that the network alone misses by much, and the solver's answer to it.

    :param x_m: target, m
    :param y_m: target, m
    :param branch: +1 or -1
    :param bearing_rad: direction of the target from the first axis, rad
    :param edge_distance_m: distance of the target from where the tip of the stretched or the folded
        arm can be, whichever is nearer, m
    :param network_error_m: error of the network alone, m
    :param solved_error_m: error of the solver's answer on the same branch, m; None: rejected
    :param solved_by: stage of the solver that gave the answer
    """

    x_m: float
    y_m: float
    branch: int
    bearing_rad: float
    edge_distance_m: float
    network_error_m: float
    solved_error_m: float | None
    solved_by: str


def worst_cases(arm: ArmModel, network: Network, accuracy: Accuracy) -> list[WorstCase]:
    """Return the :data:`WORST_CASE_COUNT` worst targets of the network alone, the worst first."""
    errors = accuracy.errors[NETWORK]
    solvers = {
        branch: HybridSolver(arm, network, SolverConfig(branch=name))
        for name, branch in BRANCH_CHOICES.items()
    }
    cases = []
    for row in np.argsort(-errors, kind='stable')[:WORST_CASE_COUNT].tolist():
        (x, y), branch = accuracy.xy[row].tolist(), int(accuracy.branch[row])
        solution, r = solvers[branch].solve(x, y, arm.home), hypot(x, y)
        error = None
        if solution.q is not None:
            tip_x, tip_y = arm.fk_point(*solution.q)
            error = hypot(tip_x - x, tip_y - y)
        cases.append(
            WorstCase(
                x_m=x,
                y_m=y,
                branch=branch,
                bearing_rad=atan2(y, x),
                edge_distance_m=max(0.0, min(arm.reach - r, r - arm.inner_reach)),
                network_error_m=float(errors[row]),
                solved_error_m=error,
                solved_by=solution.stage.name.lower(),
            )
        )
    return cases
