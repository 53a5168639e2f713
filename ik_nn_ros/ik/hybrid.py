"""
From a target to joint angles: network, refinement, closed form, and one test that all must pass.

network → accept? → refine → accept? → closed form → accept? → the other branch → refuse
"""

from __future__ import annotations

from math import hypot, isfinite, nan

import numpy as np
from numpy.typing import ArrayLike

from ik_nn_ros.arm.closed_form import closed_form
from ik_nn_ros.arm.model import Pair
from ik_nn_ros.arm.workspace import BOTH
from ik_nn_ros.ik.batch import solve_batch
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.problem import PROPOSAL_SLACK, STRAIGHT, Problem
from ik_nn_ros.ik.refine import refine
from ik_nn_ros.ik.result import BatchSolution, Reason, Solution, Stage, Status


class HybridSolver(Problem):
    """
    Solves targets.

    Not safe for concurrent calls of :meth:`solve`: it reuses the network's input.

    :param arm: the arm
    :param network: its network; None: closed form only
    :param config: how to solve
    """

    def solve(self, x: float, y: float, q_now: Pair) -> Solution:
        """
        Solve one target.

        :param x: target in the plane, m
        :param y: target in the plane, m
        :param q_now: where the joints are, rad: decides branch and turn
        """
        if not (isfinite(x) and isfinite(y)):
            return _rejected(Reason.NOT_FINITE, x, y)
        r = hypot(x, y)
        if self.inner <= r <= self.outer:
            solution = self._solve_inside(x, y, q_now)
            if solution is not None:
                return solution
        reason = Reason.JOINT_LIMITS if self.within_reach(r) else Reason.UNREACHABLE
        if self.config.on_unreachable == 'reject':
            return _rejected(reason, x, y)
        side = np.array([self._order(x, y, q_now)[0]], dtype=np.int8)
        nearest_x, nearest_y = self.project(np.array([[x, y]]), side)[0].tolist()
        if isfinite(nearest_x):
            solution = self._solve_inside(nearest_x, nearest_y, q_now)
            if solution is not None:
                return solution._replace(status=Status.PROJECTED, reason=reason)
        return _rejected(reason, x, y)

    def solve_batch(self, xy: ArrayLike, q_now: ArrayLike) -> BatchSolution:
        """
        Solve many targets, each on its own, on as many threads as there are processors.

        :param xy: (N, 2) targets in the plane, m
        :param q_now: (2,) or (N, 2) where the joints are, rad
        """
        return solve_batch(self, np.asarray(xy, dtype=float), np.asarray(q_now, dtype=float))

    def _solve_inside(self, x: float, y: float, q_now: Pair) -> Solution | None:
        # All stages on one branch before the other: a weak network must not cause a branch change.
        for side in self._order(x, y, q_now):
            solution = None
            if self.network is not None:
                solution = self._learned(self.network, x, y, side, q_now)
            if solution is None:
                q = self.closed_form(x, y, side, q_now)
                solution = self._accept(q, Stage.CLOSED_FORM, x, y, side)
            if solution is not None:
                return solution
        return None

    def _learned(
        self, network: Network, x: float, y: float, side: int, q_now: Pair
    ) -> Solution | None:
        if side not in network.branches:
            return None
        q = network.propose(x, y, side)
        if not (isfinite(q[0]) and isfinite(q[1])):
            return None
        proposed = self.arm.into_limits(q, q_now, PROPOSAL_SLACK)
        q, moved = refine(self.arm, x, y, side, proposed, self.tolerance)
        return self._accept(q, Stage.REFINED if moved else Stage.NETWORK, x, y, side)

    def _accept(self, q: Pair, stage: Stage, x: float, y: float, side: int) -> Solution | None:
        """Apply the acceptance test: inside the limits, on the branch, the tip on the target."""
        if not self.arm.within_limits(q) or side * self.arm.bend(q) < -STRAIGHT:
            return None
        tip_x, tip_y = self.arm.fk_point(q[0], q[1])
        error = hypot(tip_x - x, tip_y - y)
        if not error <= self.tolerance:
            return None
        return Solution(q, Status.ACCEPTED, stage, error, side, Reason.NONE, (x, y))

    def _order(self, x: float, y: float, q_now: Pair) -> tuple[int, ...]:
        """Return the branches to try, the current one first; for a straight arm the nearer one."""
        if self.wanted != BOTH:
            return self.sides
        bend = self.arm.bend(q_now)
        if abs(bend) < STRAIGHT:
            up, down = (closed_form(self.arm, x, y, side, q_now) for side in self.sides)
            bend = _distance(down, q_now) - _distance(up, q_now)
        return self.sides if bend >= 0.0 else self.sides[::-1]


def _rejected(reason: Reason, x: float, y: float) -> Solution:
    return Solution(None, Status.REJECTED, Stage.NONE, nan, 0, reason, (x, y))


def _distance(q: Pair, other: Pair) -> float:
    return max(abs(q[0] - other[0]), abs(q[1] - other[1]))
