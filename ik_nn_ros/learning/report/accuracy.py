"""
How far the tip is from random targets, by the network alone and with what comes after it.

Every error is the distance between a target and the forward kinematics of the angles answered, not
what a solver says of itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.closed_form import closed_form_batch
from ik_nn_ros.arm.model import TURN, ArmModel
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.arm.targets import EXACT, reachable
from ik_nn_ros.errors import ModelError
from ik_nn_ros.ik.answers import Answers, judge
from ik_nn_ros.ik.hybrid import HybridSolver
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.problem import PROPOSAL_SLACK
from ik_nn_ros.ik.refine import refine_batch

Sides = NDArray[np.int8]

NETWORK, REFINED, CLOSED_FORM = 'network', 'refined', 'closed_form'
METHODS = (NETWORK, REFINED, CLOSED_FORM)
"""The network's angles as they are, the same after Newton steps, and the closed form."""
BENT = 0.05
"""Sine of an elbow's angle from which an arm is clearly on one branch."""


@dataclass(frozen=True)
class ErrorSummary:
    """
    Distances of the tip from where it should be; infinite where an answer is no number.

    :param count: how many
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
    def of(cls, errors: Array) -> ErrorSummary:
        """Sum up (N,) errors, m, at least one."""
        # One of the errors themselves: between a number and infinity there is no mean.
        p50, p95, p99, worst = np.quantile(errors, (0.5, 0.95, 0.99, 1.0), method='higher').tolist()
        return cls(len(errors), p50, p95, p99, worst)


@dataclass(frozen=True)
class Accuracy:
    """
    Errors over random targets, uniform in the joints within their limits.

    :param xy: (N, 2) targets on the branches the network serves, m
    :param side: (N,) their branches
    :param errors: by method: (N,) m, infinite where an answer is no number
    :param wrong_branch: share of the network's answers clearly on the other branch than asked
    :param outside_limits: share of them that no turn brings into the limits, or all but
    :param answers: what the hybrid solver made of targets on either branch
    """

    xy: Array
    side: Sides
    errors: Mapping[str, Array]
    wrong_branch: float
    outside_limits: float
    answers: Answers

    def summaries(self) -> dict[str, ErrorSummary]:
        """Return the errors of each method, summed up."""
        return {method: ErrorSummary.of(errors) for method, errors in self.errors.items()}


def measure_accuracy(
    arm: ArmModel, network: Network, rng: np.random.Generator, count: int
) -> Accuracy:
    """
    Draw targets and measure.

    :param arm: the arm that errors are told by
    :param count: of targets
    :raises ModelError: the arm reaches nothing on a branch the network serves
    """
    targets = reachable(arm, rng, count)
    side = np.where(arm.bend_batch(targets.q) < 0.0, -1, 1).astype(np.int8)
    served = np.isin(side, network.branches)
    if not served.any():
        raise ModelError(
            f'model {network.file}',
            got=f'a network for the {network.info.branches} branch',
            expected='one for a branch that the joint limits allow',
        )
    solved = HybridSolver(arm, network).solve_batch(targets.xy, targets.start)
    distance = tip_distance(arm, targets.xy, solved.q)
    xy, side = targets.xy[served], side[served]
    proposed = propose(network, xy, side)
    return Accuracy(
        xy=xy,
        side=side,
        errors=errors_by_method(arm, network, xy, side, targets.start[served]),
        wrong_branch=float((side * arm.bend_batch(proposed) < -BENT).mean()),
        outside_limits=float((_beyond_limits(arm, proposed) > PROPOSAL_SLACK).mean()),
        answers=judge(arm, distance / arm.reach, solved.q, solved.stage),
    )


def _beyond_limits(arm: ArmModel, q: Array) -> Array:
    """Return (N,) how far past a limit a joint is on the turn that suits it best, rad."""
    apart = np.abs(arm.into_limits_batch(q, np.array(arm.home)) - q) % TURN
    beyond: Array = np.minimum(apart, TURN - apart).max(axis=1)
    return beyond


def errors_by_method(
    arm: ArmModel, network: Network, xy: Array, side: Sides, near: Array
) -> dict[str, Array]:
    """
    Solve targets by each method and measure.

    :param xy: (N, 2) targets, m
    :param side: (N,) branches that the network serves
    :param near: (2,) or (N, 2) where the joints are, rad: decides the turn
    :return: by method: (N,) m, infinite where an answer is no number
    """
    proposed = propose(network, xy, side)
    answers = {
        NETWORK: proposed,
        REFINED: refined(arm, proposed, xy, side, near),
        CLOSED_FORM: closed_form_batch(arm, xy, side, near),
    }
    distances = {method: tip_distance(arm, xy, q) for method, q in answers.items()}
    return {method: np.where(np.isnan(d), np.inf, d) for method, d in distances.items()}


def propose(network: Network, xy: Array, side: Sides) -> Array:
    """Return the network's own angles (N, 2), rad; NaN where it gives no number."""
    q = network.propose_batch(xy, side)
    return np.where(np.isfinite(q), q, np.nan)


def refined(arm: ArmModel, proposed: Array, xy: Array, side: Sides, near: Array) -> Array:
    """Return proposals (N, 2) after Newton steps, as the solver takes them, rad."""
    q = np.full_like(proposed, np.nan)
    rows = np.flatnonzero(np.isfinite(proposed).all(axis=1))
    start = arm.into_limits_batch(
        proposed[rows], np.broadcast_to(near, xy.shape)[rows], PROPOSAL_SLACK
    )
    q[rows], _ = refine_batch(arm, xy[rows], side[rows], start, EXACT * arm.reach)
    return q


def tip_distance(arm: ArmModel, xy: Array, q: Array) -> Array:
    """
    Return how far the tip is from each target, m.

    :param xy: (N, 2) m
    :param q: (N, 2) rad; NaN rows give NaN
    """
    offset = arm.fk(q) - xy
    distance: Array = np.hypot(offset[:, 0], offset[:, 1])
    return distance
