"""The targets that the network alone misses by most, and what the solver makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, hypot

import numpy as np

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.hybrid import HybridSolver
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.problem import BRANCH_CHOICES, SolverConfig
from ik_nn_ros.learning.report.accuracy import NETWORK, Accuracy

WORST_CASE_COUNT = 10


@dataclass(frozen=True)
class WorstCase:
    """
    One target.

    :param x_m: m
    :param y_m: m
    :param branch: +1 or -1
    :param bearing_rad: direction of the target from the first axis, rad
    :param edge_distance_m: to where the arm is stretched or folded, whichever is nearer, m
    :param network_error_m: of the network alone, m
    :param solved_error_m: of the solver's answer on the same branch, m; None: refused
    :param solved_by: the stage that gave the answer
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
    """Return the worst targets of the network alone, the worst first."""
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
