"""Networks as methods: the file answers, the joints decide the turn."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite

import numpy as np

from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.problem import PROPOSAL_LIMIT_TOLERANCE_RAD
from ik_nn_ros.learning.compare.methods import MethodSolutions, SingleTargetSolver
from ik_nn_ros.learning.compare.path_network import PathNetwork
from ik_nn_ros.learning.compare.results import MethodKind
from ik_nn_ros.learning.compare.test_set import PathBatch, TargetBatch
from ik_nn_ros.learning.report.accuracy import propose_joints


class TargetNetworkMethod:
    """
    A network from a target to joints, which ``ik_node`` runs, too.

    :param arm: the arm
    :param network: its model file
    """

    kind = MethodKind.NETWORK

    def __init__(self, arm: ArmModel, network: Network) -> None:
        self._arm = arm
        self._network = network

    def solve(self, targets: TargetBatch) -> MethodSolutions:
        """See :class:`.methods.TimedMethod`."""
        q = propose_joints(self._network, targets.xy, targets.branch)
        return MethodSolutions(
            self._arm.wrap_into_limits_batch(q, targets.start, PROPOSAL_LIMIT_TOLERANCE_RAD)
        )

    def solve_paths(self, paths: PathBatch) -> MethodSolutions:
        """See :class:`.methods.TimedMethod`."""
        q = propose_joints(self._network, paths.xy.reshape(-1, 2), paths.branch_by_target.ravel())
        return MethodSolutions(_to_nearest_turns(self._arm, q.reshape(paths.xy.shape), paths.start))

    def single_target_solver(self) -> SingleTargetSolver:
        """See :class:`.methods.TimedMethod`."""
        return _network_solver(self._arm, self._network.propose)


class PathNetworkMethod:
    """
    A network from a path of targets to a path of the joints.

    :param arm: the arm
    :param network: its model file
    """

    kind = MethodKind.PATH_NETWORK

    def __init__(self, arm: ArmModel, network: PathNetwork) -> None:
        self._arm = arm
        self._network = network

    def solve(self, targets: TargetBatch) -> MethodSolutions:
        """Say that there is no answer to a target without a path."""
        return MethodSolutions(np.full_like(targets.xy, np.nan))

    def solve_paths(self, paths: PathBatch) -> MethodSolutions:
        """See :class:`.methods.TimedMethod`."""
        q = self._network.propose(paths.xy, paths.branch_by_target)
        return MethodSolutions(_to_nearest_turns(self._arm, q, paths.start))

    def single_target_solver(self) -> SingleTargetSolver | None:
        """See :class:`.methods.TimedMethod`."""
        step = self._network.single_target_solver()
        return None if step is None else _network_solver(self._arm, step)


def _network_solver(
    arm: ArmModel, propose_one: Callable[[float, float, int], JointPair]
) -> SingleTargetSolver:
    def command(x: float, y: float, branch: int, q_now: JointPair) -> JointPair:
        q1, q2 = propose_one(x, y, branch)
        if not isfinite(q1 + q2):
            return q_now
        return arm.wrap_into_limits((q1, q2), q_now, PROPOSAL_LIMIT_TOLERANCE_RAD)

    return command


def _to_nearest_turns(arm: ArmModel, q: Array, start: Array) -> Array:
    """Bring (P, T, 2) angles inside the limits, each on the turn nearest to the one before."""
    near, turned = start, np.empty_like(q)
    for number, proposed in enumerate(q.swapaxes(0, 1)):
        turned[:, number] = arm.wrap_into_limits_batch(proposed, near, PROPOSAL_LIMIT_TOLERANCE_RAD)
        # What is no number is no place to be near to.
        near = np.where(np.isfinite(turned[:, number]), turned[:, number], near)
    return turned
