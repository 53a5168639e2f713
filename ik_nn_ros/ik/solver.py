"""
Inverse kinematics of one target: network, refinement, closed form, and one acceptance test.

The stages are tried in this order, all of them on one branch before the other; each answer has to
pass the same test::

    network → accept? → refine → accept? → closed form → accept? → the other branch → reject
"""

from __future__ import annotations

from collections.abc import Callable
from math import hypot, inf, isfinite, nan

import numpy as np
from numpy.typing import ArrayLike

from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.arm.workspace import BOTH_BRANCHES
from ik_nn_ros.ik.acceptance import (
    PROPOSAL_LIMIT_TOLERANCE_RAD,
    BatchSolution,
    Reason,
    Solution,
    SolverConfig,
    SolverContext,
    Stage,
    Status,
)
from ik_nn_ros.ik.batch import solve_batch
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.refine import SINGULAR_SINE, nudge_off_singularity, refine

GoalValidityCheck = Callable[[JointPair], bool]
Branches = tuple[int, ...]


class HybridSolver:
    """
    Solver of single targets and of batches.

    It owns the :class:`SolverContext` that :func:`~ik_nn_ros.ik.batch.solve_batch` and
    :func:`~ik_nn_ros.ik.path.solve_path` work with, too; arm, network, config and tolerance are
    those of the context. Not safe for concurrent calls of :meth:`solve`: it reuses the network's
    input.

    :param arm: the arm
    :param network: its network; None for the closed form only
    :param config: how to solve; None for the defaults
    """

    def __init__(
        self, arm: Kinematics, network: Network | None = None, config: SolverConfig | None = None
    ) -> None:
        self.context = context = SolverContext(arm, network, config)
        self.arm, self.network = arm, network
        self.config, self.tolerance = context.config, context.tolerance

    def solve(
        self, x: float, y: float, q_now: JointPair, is_goal_allowed: GoalValidityCheck | None = None
    ) -> Solution:
        """
        Solve one target.

        :param x: target in the plane, m
        :param y: target in the plane, m
        :param q_now: where the joints are, rad: decides branch, turn and point of the boundary
        :param is_goal_allowed: whether the arm may move to joint positions, rad; None: anywhere
        """
        if not (isfinite(x) and isfinite(y)):
            return _rejected(Reason.NOT_FINITE, x, y)
        context = self.context
        r = hypot(x, y)
        order = self.branch_order(x, y, q_now)
        obstructed: Branches = ()
        if context.min_distance <= r <= context.max_distance:
            solution, obstructed = self._solve_first_branch(order, x, y, q_now, is_goal_allowed)
            if solution is not None:
                return solution
        reason = Reason.JOINT_LIMITS if context.within_reach(r) else Reason.UNREACHABLE
        if obstructed:
            reason = Reason.OBSTRUCTED
        # Where the current branch reaches the target, no other point is nearer.
        if self.config.on_unreachable == 'reject' or order[0] in obstructed:
            return _rejected(reason, x, y)
        for branch in order:
            solution = self._solve_nearest_point(branch, x, y, q_now)
            if solution is not None and solution.q is not None:
                if is_goal_allowed is None or is_goal_allowed(solution.q):
                    return solution._replace(status=Status.PROJECTED, reason=reason)
                obstructed += (branch,)
        return _rejected(Reason.OBSTRUCTED if obstructed else reason, x, y)

    def solve_batch(self, xy: ArrayLike, q_now: ArrayLike) -> BatchSolution:
        """
        Solve many targets independently, on as many threads as there are processors.

        :param xy: (N, 2) targets in the plane, m
        :param q_now: (2,) or (N, 2) where the joints are, rad
        :raises ConfigError: arrays of another shape, or joints that are not finite
        """
        return solve_batch(
            self.context, np.asarray(xy, dtype=float), np.asarray(q_now, dtype=float)
        )

    def _solve_first_branch(
        self,
        branches: Branches,
        x: float,
        y: float,
        q_now: JointPair,
        is_goal_allowed: GoalValidityCheck | None,
    ) -> tuple[Solution | None, Branches]:
        """Return the first branch's solution that is allowed, and the branches whose is not."""
        obstructed: Branches = ()
        # All stages on one branch before the other: a weak network must not cause a branch change.
        for branch in branches:
            solution = None
            if self.network is not None:
                solution = self._solve_with_network(self.network, x, y, branch, q_now)
            if solution is None:
                q = self.context.closed_form(x, y, branch, q_now)
                if q is not None:
                    solution = self._accept(q, Stage.CLOSED_FORM, x, y, branch)
            if solution is not None and solution.q is not None:
                if is_goal_allowed is None or is_goal_allowed(solution.q):
                    return solution, obstructed
                obstructed += (branch,)
        return None, obstructed

    def _solve_nearest_point(
        self, branch: int, x: float, y: float, q_now: JointPair
    ) -> Solution | None:
        """Solve for the nearest point that one branch reaches."""
        q1, q2 = self.context.project(
            np.array([(x, y)]), np.array([branch], dtype=np.int8), np.array([q_now])
        )[0].tolist()
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
        elbow_sine = branch * self.arm.elbow_sine(q)
        if elbow_sine < -SINGULAR_SINE or not self.arm.within_limits(q):
            return None
        if elbow_sine < SINGULAR_SINE:
            nudged = nudge_off_singularity(
                self.arm,
                np.array([q]),
                np.array([branch], dtype=np.int8),
                np.array([(x, y)]),
                self.tolerance,
            )
            q1, q2 = nudged[0].tolist()
            q = q1, q2
        tip_x, tip_y = self.arm.fk_point(q[0], q[1])
        error = hypot(tip_x - x, tip_y - y)
        if not error <= self.tolerance:
            return None
        return Solution(q, Status.ACCEPTED, stage, error, branch, Reason.NONE, (x, y))

    def branch_order(self, x: float, y: float, q_now: JointPair) -> Branches:
        """
        Return the branches to try, the current one first.

        A singular arm is on neither: the nearer one comes first, and the other is no change.

        :param x: target in the plane, m
        :param y: target in the plane, m
        :param q_now: where the joints are, rad
        """
        context = self.context
        if context.configured_branch != BOTH_BRANCHES:
            return context.branches
        elbow_sine = self.arm.elbow_sine(q_now)
        if abs(elbow_sine) < SINGULAR_SINE:
            rigid = self.arm.rigid
            distances = [
                inf if q is None else _joint_distance(q, q_now)
                for q in (rigid.closed_form(x, y, branch, q_now) for branch in (1, -1))
            ]
            first = context.branch_orders[1 if distances[0] <= distances[1] else -1][0]
            return first, -first
        return context.branch_orders[1 if elbow_sine >= 0.0 else -1]


def _rejected(reason: Reason, x: float, y: float) -> Solution:
    return Solution(None, Status.REJECTED, Stage.NONE, nan, 0, reason, (x, y))


def _joint_distance(q: JointPair, other: JointPair) -> float:
    return max(abs(q[0] - other[0]), abs(q[1] - other[1]))
