"""
From a target to joint angles: network, refinement, closed form, and one test that all must pass.

network → accept? → refine → accept? → closed form → accept? → the other branch → refuse
"""

from __future__ import annotations

from collections.abc import Callable
from math import hypot, isfinite, nan

import numpy as np
from numpy.typing import ArrayLike

from ik_nn_ros.arm.closed_form import closed_form
from ik_nn_ros.arm.model import JointPair
from ik_nn_ros.arm.workspace import BOTH_BRANCHES
from ik_nn_ros.ik.acceptance import PROPOSAL_LIMIT_TOLERANCE_RAD, BranchSolver
from ik_nn_ros.ik.batch import solve_batch
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.refine import SINGULAR_SINE, nudge_off_singularity, refine
from ik_nn_ros.ik.result import BatchSolution, Reason, Solution, Stage, Status

GoalValidityCheck = Callable[[JointPair], bool]
Branches = tuple[int, ...]


class HybridSolver(BranchSolver):
    """
    Solves targets.

    Not safe for concurrent calls of :meth:`solve`: it reuses the network's input.

    :param arm: the arm
    :param network: its network; None: closed form only
    :param config: how to solve
    """

    def solve(
        self, x: float, y: float, q_now: JointPair, is_goal_allowed: GoalValidityCheck | None = None
    ) -> Solution:
        """
        Solve one target.

        :param x: target in the plane, m
        :param y: target in the plane, m
        :param q_now: where the joints are, rad: decides branch, turn and place on the edge
        :param is_goal_allowed: tells whether the arm may go to joint angles, rad; None: everywhere
        """
        if not (isfinite(x) and isfinite(y)):
            return _rejected(Reason.NOT_FINITE, x, y)
        r = hypot(x, y)
        order = self.branch_order(x, y, q_now)
        obstructed: Branches = ()
        if self.min_distance <= r <= self.max_distance:
            solution, obstructed = self._solve_first_branch(order, x, y, q_now, is_goal_allowed)
            if solution is not None:
                return solution
        reason = Reason.JOINT_LIMITS if self.within_reach(r) else Reason.UNREACHABLE
        if obstructed:
            reason = Reason.OBSTRUCTED
        # Where the current branch reaches the target there is nothing nearer to go to.
        if self.config.on_unreachable == 'reject' or order[0] in obstructed:
            return _rejected(reason, x, y)
        for side in order:
            solution = self._solve_nearest_point(side, x, y, q_now)
            if solution is not None and solution.q is not None:
                if is_goal_allowed is None or is_goal_allowed(solution.q):
                    return solution._replace(status=Status.PROJECTED, reason=reason)
                obstructed += (side,)
        return _rejected(Reason.OBSTRUCTED if obstructed else reason, x, y)

    def solve_batch(self, xy: ArrayLike, q_now: ArrayLike) -> BatchSolution:
        """
        Solve many targets, each on its own, on as many threads as there are processors.

        :param xy: (N, 2) targets in the plane, m
        :param q_now: (2,) or (N, 2) where the joints are, rad
        """
        return solve_batch(self, np.asarray(xy, dtype=float), np.asarray(q_now, dtype=float))

    def _solve_first_branch(
        self,
        branches: Branches,
        x: float,
        y: float,
        q_now: JointPair,
        is_goal_allowed: GoalValidityCheck | None,
    ) -> tuple[Solution | None, Branches]:
        """Return the first branch's answer that is admitted, and the branches whose is not."""
        obstructed: Branches = ()
        # All stages on one branch before the other: a weak network must not cause a branch change.
        for side in branches:
            solution = None
            if self.network is not None:
                solution = self._solve_with_network(self.network, x, y, side, q_now)
            if solution is None:
                q = self.closed_form(x, y, side, q_now)
                solution = self._accept(q, Stage.CLOSED_FORM, x, y, side)
            if solution is not None and solution.q is not None:
                if is_goal_allowed is None or is_goal_allowed(solution.q):
                    return solution, obstructed
                obstructed += (side,)
        return None, obstructed

    def _solve_nearest_point(
        self, branch: int, x: float, y: float, q_now: JointPair
    ) -> Solution | None:
        """Solve for the nearest point that one branch reaches."""
        given = np.array([(x, y)]), np.array([branch], dtype=np.int8), np.array([q_now])
        q1, q2 = self.project(*given)[0].tolist()
        if not isfinite(q1):
            return None
        x, y = self.arm.fk_point(q1, q2)
        return self._accept((q1, q2), Stage.CLOSED_FORM, x, y, branch)

    def _solve_with_network(
        self, network: Network, x: float, y: float, branch: int, q_now: JointPair
    ) -> Solution | None:
        if branch not in network.branches:
            return None
        q = network.propose(x, y, branch)
        if not (isfinite(q[0]) and isfinite(q[1])):
            return None
        proposed = self.arm.wrap_into_limits(q, q_now, PROPOSAL_LIMIT_TOLERANCE_RAD)
        q, steps = refine(self.arm, x, y, branch, proposed, self.tolerance)
        return self._accept(q, Stage.REFINED if steps else Stage.NETWORK, x, y, branch)

    def _accept(
        self, q: JointPair, stage: Stage, x: float, y: float, branch: int
    ) -> Solution | None:
        """Apply the acceptance test: inside the limits, on the branch, the tip on the target."""
        bend = branch * self.arm.elbow_sine(q)
        if bend < -SINGULAR_SINE or not self.arm.within_limits(q):
            return None
        if bend < SINGULAR_SINE:
            sides = np.array([branch], dtype=np.int8)
            shown = nudge_off_singularity(
                self.arm, np.array([q]), sides, np.array([(x, y)]), self.tolerance
            )
            q1, q2 = shown[0].tolist()
            q = q1, q2
        tip_x, tip_y = self.arm.fk_point(q[0], q[1])
        error = hypot(tip_x - x, tip_y - y)
        if not error <= self.tolerance:
            return None
        return Solution(q, Status.ACCEPTED, stage, error, branch, Reason.NONE, (x, y))

    def branch_order(self, x: float, y: float, q_now: JointPair) -> Branches:
        """
        Return the branches to try, the current one first.

        A straight arm is on neither: the nearer one comes first, and going to the other is no
        change.
        """
        if self.configured_branch != BOTH_BRANCHES:
            return self.branches
        bend = self.arm.elbow_sine(q_now)
        if abs(bend) < SINGULAR_SINE:
            up, down = (closed_form(self.arm, x, y, side, q_now) for side in self.branches)
            first = self.branch_orders[
                1 if _joint_distance(up, q_now) <= _joint_distance(down, q_now) else -1
            ][0]
            return first, -first
        return self.branch_orders[1 if bend >= 0.0 else -1]


def _rejected(reason: Reason, x: float, y: float) -> Solution:
    return Solution(None, Status.REJECTED, Stage.NONE, nan, 0, reason, (x, y))


def _joint_distance(q: JointPair, other: JointPair) -> float:
    return max(abs(q[0] - other[0]), abs(q[1] - other[1]))
