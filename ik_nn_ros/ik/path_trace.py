"""
Follow a line of poses on one branch, as closely as its bends ask for.

The line is solved at its poses and at points between them; more are put in where the joints go far
or turn much from one to the next, until a smooth curve through all of them keeps to the line. That
also finds what lies between two poses: a hole, a limit, a jump of the joints.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.model import TURN, Pair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.ik.batch import solve_batch
from ik_nn_ros.ik.pose_line import Numbers, PoseLine, turning
from ik_nn_ros.ik.problem import Problem
from ik_nn_ros.ik.result import BatchSolution, Reason, Status

FIRST, LAST = 0.04, 1e-7
"""Parts of the reach: points are so far apart at first; nearer ones have no other between them."""
FARTHEST = 0.1
"""The joints go no farther from one place to the next, rad."""
OFF, OFF_AT_KINK = 5e-4, 0.16
"""
How far (rad, part of the reach) a curve through the places may leave the straight lines between
them; a cubic spline leaves those that turn by an angle by 0.085 of it times their length, by more
where they turn again and again.
"""
CORNER, SHARP = 0.35, 1.2
"""
Angle (rad) by which the line turns at a corner, and the joints at one that only they have.
"""
SAME = 1e-7
"""Places nearer than this (rad) are one: where an edge has a corner, many points have that."""
ROUNDS = 40


class Fault(NamedTuple):
    """Where a line cannot be followed: number and point (m), why, and how far the joints jump."""

    number: float
    point: Pair
    reason: Reason
    jump: float


class Trace:
    """
    The joints along a line, on one branch, up to the first fault.

    :param solver: the arm, and how to solve
    :param line: of the poses
    :param q_now: (q1, q2), rad, chooses the turn of the first place
    :param side: the branch, +1 or -1
    """

    def __init__(self, solver: Problem, line: PoseLine, q_now: Pair, side: int) -> None:
        self.fault: Fault | None = None
        self.numbers: Numbers = np.empty(0)
        """(M,) of the places."""
        self.q: Array = np.empty((0, 2))
        """(M, 2) the places, rad; each may be in a turn of its own."""
        self.reasons: NDArray[np.int8] = np.empty(0, dtype=np.int8)
        """(M,) why they were projected, of :class:`Reason`."""
        self._solver, self._line, self._side = solver, line, side
        self._q_now = np.array(q_now)
        self._known = line.corners(CORNER, OFF / OFF_AT_KINK * solver.arm.reach)
        self._put_in(line.parts(FIRST * solver.arm.reach))
        for _ in range(ROUNDS):
            wide = self._wide()
            if not wide.any():
                break
            self._put_in((self.numbers[:-1][wide] + self.numbers[1:][wide]) / 2.0)

    @property
    def corners(self) -> NDArray[np.bool_]:
        """Where (M,) the path turns sharply; at its ends, too."""
        corners: NDArray[np.bool_] = np.isin(self.numbers, self._known)
        corners |= self._turns() > SHARP
        corners[[0, -1]] = True
        return corners

    def continuous(self) -> Array:
        """Return the places (M, 2), rad, each in the turn that is next to the one before."""
        ahead = np.vstack([np.zeros((1, 2)), np.cumsum(_short_way(self.q), axis=0)])
        q: Array = self.q + TURN * np.round((self.q[:1] + ahead - self.q) / TURN)
        return q

    def _put_in(self, numbers: Numbers) -> None:
        """Solve points of the line and put them in."""
        points = self._line.points(numbers)
        answer = solve_batch(self._solver, points, self._q_now, self._side)
        bad = np.flatnonzero(answer.status == Status.REJECTED)
        if len(bad):
            first = bad[0]
            reason = Reason(int(answer.reason[first]))
            self._cut(Fault(float(numbers[first]), _pair(points[first]), reason, 0.0))
        good = slice(0, bad[0] if len(bad) else None)
        self._merge(numbers[good], answer, good)

    def _merge(self, numbers: Numbers, answer: BatchSolution, good: slice) -> None:
        """Put answers between those that are there, in order, but none twice."""
        where = np.searchsorted(self.numbers, numbers)
        self.numbers = np.insert(self.numbers, where, numbers)
        self.q = np.insert(self.q, where, answer.q[good], axis=0)
        self.reasons = np.insert(self.reasons, where, answer.reason[good])
        moved = np.hypot(*_short_way(self.q).T) > SAME
        if not moved.all():
            self._keep(np.concatenate(([True], moved)))

    def _cut(self, fault: Fault) -> None:
        """End before a fault."""
        self.fault = fault
        self._keep(self.numbers < fault.number)

    def _keep(self, rows: NDArray[np.bool_]) -> None:
        self.numbers, self.q, self.reasons = self.numbers[rows], self.q[rows], self.reasons[rows]

    def _turns(self) -> Array:
        """Return the angles (M,), rad, by which the joints turn; 0 at corners of the line."""
        turns = turning(_short_way(self.q)) if len(self.q) else np.empty(0)
        turns[np.isin(self.numbers, self._known)] = 0.0
        return turns

    def _wide(self) -> NDArray[np.bool_]:
        """Tell between which places (M - 1,) others must be put; cut at a jump."""
        steps, points = np.hypot(*_short_way(self.q).T), self._line.points(self.numbers)
        apart = np.hypot(*np.diff(points, axis=0).T) > LAST * self._solver.arm.reach
        jumps = np.flatnonzero((steps > FARTHEST) & ~apart)
        if len(jumps):
            row = int(jumps[0]) + 1
            reason = Reason(int(self.reasons[row])) or Reason.UNREACHABLE
            number = float(self.numbers[row])
            self._cut(Fault(number, _pair(points[row]), reason, float(steps[row - 1])))
            steps, apart = steps[: row - 1], apart[: row - 1]
        turns = self._turns()
        wide = steps > FARTHEST
        for turn in (turns[:-1], turns[1:]):
            wide |= turn * steps > OFF / OFF_AT_KINK
        between: NDArray[np.bool_] = wide & apart
        return between


def _short_way(q: Array) -> Array:
    """Return the steps (N - 1, 2), rad, the short way round."""
    steps = np.diff(q, axis=0)
    short: Array = steps - TURN * np.round(steps / TURN)
    return short


def _pair(point: Array) -> Pair:
    x, y = point.tolist()
    return x, y
