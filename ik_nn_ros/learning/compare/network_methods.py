"""Networks as methods: the file answers, the joints decide the turn."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite

import numpy as np

from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.problem import PROPOSAL_SLACK
from ik_nn_ros.learning.compare.methods import Answers, Command
from ik_nn_ros.learning.compare.path_network import PathNetwork
from ik_nn_ros.learning.compare.results import Kind
from ik_nn_ros.learning.compare.test_set import Paths, Targets
from ik_nn_ros.learning.report.accuracy import propose


class TargetNetwork:
    """
    A network from a target to joints, which ``ik_node`` runs, too.

    :param arm: the arm
    :param network: its model file
    """

    kind = Kind.NETWORK

    def __init__(self, arm: ArmModel, network: Network) -> None:
        self._arm = arm
        self._network = network

    def solve(self, targets: Targets) -> Answers:
        """See :class:`.methods.Method`."""
        q = propose(self._network, targets.xy, targets.branch)
        return Answers(self._arm.into_limits_batch(q, targets.start, PROPOSAL_SLACK))

    def follow(self, paths: Paths) -> Answers:
        """See :class:`.methods.Method`."""
        q = propose(self._network, paths.xy.reshape(-1, 2), paths.side.ravel())
        return Answers(_nearest_turns(self._arm, q.reshape(paths.xy.shape), paths.start))

    def control(self) -> Command:
        """See :class:`.methods.Method`."""
        return _proposing(self._arm, self._network.propose)


class AlongPaths:
    """
    A network from a path of targets to a path of the joints.

    :param arm: the arm
    :param network: its model file
    """

    kind = Kind.PATH_NETWORK

    def __init__(self, arm: ArmModel, network: PathNetwork) -> None:
        self._arm = arm
        self._network = network

    def solve(self, targets: Targets) -> Answers:
        """Say that there is no answer to a target without a path."""
        return Answers(np.full_like(targets.xy, np.nan))

    def follow(self, paths: Paths) -> Answers:
        """See :class:`.methods.Method`."""
        q = self._network.propose(paths.xy, paths.side)
        return Answers(_nearest_turns(self._arm, q, paths.start))

    def control(self) -> Command | None:
        """See :class:`.methods.Method`."""
        step = self._network.stepping()
        return None if step is None else _proposing(self._arm, step)


def _proposing(arm: ArmModel, propose_one: Callable[[float, float, int], Pair]) -> Command:
    def command(x: float, y: float, branch: int, q_now: Pair) -> Pair:
        q1, q2 = propose_one(x, y, branch)
        if not isfinite(q1 + q2):
            return q_now
        return arm.into_limits((q1, q2), q_now, PROPOSAL_SLACK)

    return command


def _nearest_turns(arm: ArmModel, q: Array, start: Array) -> Array:
    """Bring (P, T, 2) angles inside the limits, each on the turn nearest to the one before."""
    near, turned = start, np.empty_like(q)
    for number, proposed in enumerate(q.swapaxes(0, 1)):
        turned[:, number] = arm.into_limits_batch(proposed, near, PROPOSAL_SLACK)
        # What is no number is no place to be near to.
        near = np.where(np.isfinite(turned[:, number]), turned[:, number], near)
    return turned
