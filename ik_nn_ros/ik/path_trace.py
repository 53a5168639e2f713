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

from ik_nn_ros.arm.model import TWO_PI, JointPair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.ik.batch import solve_batch
from ik_nn_ros.ik.pose_line import PathParameters, PosePolyline, turn_angles
from ik_nn_ros.ik.problem import BranchSolver
from ik_nn_ros.ik.result import BatchSolution, Reason, Status

INITIAL_SPACING_RATIO, MIN_SPACING_RATIO = 0.04, 1e-7
"""Parts of the reach: points are so far apart at first; nearer ones have no other between them."""
MAX_JOINT_STEP_RAD = 0.1
"""The joints go no farther from one place to the next, rad."""
MAX_SPLINE_DEVIATION_RATIO, SPLINE_DEVIATION_PER_TURN = 5e-4, 0.16
"""
How far (rad, part of the reach) a curve through the places may leave the straight lines between
them; a cubic spline leaves those that turn by an angle by 0.085 of it times their length, by more
where they turn again and again.
"""
CORNER_ANGLE_RAD, JOINT_CORNER_ANGLE_RAD = 0.35, 1.2
"""
Angle (rad) by which the line turns at a corner, and the joints at one that only they have.
"""
MIN_JOINT_STEP_RAD = 1e-7
"""Places nearer than this (rad) are one: where an edge has a corner, many points have that."""
MAX_REFINEMENT_ROUNDS = 40


class PathFailure(NamedTuple):
    """Where a line cannot be followed: number and point (m), why, and how far the joints jump."""

    path_parameter: float
    point: JointPair
    reason: Reason
    joint_jump: float


class PathIk:
    """
    The joints along a line, on one branch, up to the first fault.

    :param solver: the arm, and how to solve
    :param line: of the poses
    :param q_now: (q1, q2), rad, chooses the turn of the first place
    :param branch: the branch, +1 or -1
    """

    def __init__(
        self, solver: BranchSolver, line: PosePolyline, q_now: JointPair, branch: int
    ) -> None:
        self.failure: PathFailure | None = None
        self.path_parameters: PathParameters = np.empty(0)
        """(M,) of the places."""
        self.q: Array = np.empty((0, 2))
        """(M, 2) the places, rad; each may be in a turn of its own."""
        self.reasons: NDArray[np.int8] = np.empty(0, dtype=np.int8)
        """(M,) why they were projected, of :class:`Reason`."""
        self._solver, self._line, self._branch = solver, line, branch
        self._q_now = np.array(q_now)
        self._line_corners = line.corners(
            CORNER_ANGLE_RAD,
            MAX_SPLINE_DEVIATION_RATIO / SPLINE_DEVIATION_PER_TURN * solver.arm.reach,
        )
        self._insert(line.sample_parameters(INITIAL_SPACING_RATIO * solver.arm.reach))
        for _ in range(MAX_REFINEMENT_ROUNDS):
            wide = self._intervals_to_split()
            if not wide.any():
                break
            self._insert((self.path_parameters[:-1][wide] + self.path_parameters[1:][wide]) / 2.0)

    @property
    def corners(self) -> NDArray[np.bool_]:
        """Where (M,) the path turns sharply; at its ends, too."""
        corners: NDArray[np.bool_] = np.isin(self.path_parameters, self._line_corners)
        corners |= self._joint_turn_angles() > JOINT_CORNER_ANGLE_RAD
        corners[[0, -1]] = True
        return corners

    def unwrapped(self) -> Array:
        """Return the places (M, 2), rad, each in the turn that is next to the one before."""
        ahead = np.vstack([np.zeros((1, 2)), np.cumsum(_shortest_steps(self.q), axis=0)])
        q: Array = self.q + TWO_PI * np.round((self.q[:1] + ahead - self.q) / TWO_PI)
        return q

    def _insert(self, path_parameters: PathParameters) -> None:
        """Solve points of the line and put them in."""
        points = self._line.points(path_parameters)
        answer = solve_batch(self._solver, points, self._q_now, self._branch)
        bad = np.flatnonzero(answer.status == Status.REJECTED)
        if len(bad):
            first = bad[0]
            reason = Reason(int(answer.reason[first]))
            self._truncate_at(
                PathFailure(float(path_parameters[first]), _to_point(points[first]), reason, 0.0)
            )
        good = slice(0, bad[0] if len(bad) else None)
        self._merge(path_parameters[good], answer, good)

    def _merge(self, path_parameters: PathParameters, solution: BatchSolution, good: slice) -> None:
        """Put answers between those that are there, in order, but none twice."""
        where = np.searchsorted(self.path_parameters, path_parameters)
        self.path_parameters = np.insert(self.path_parameters, where, path_parameters)
        self.q = np.insert(self.q, where, solution.q[good], axis=0)
        self.reasons = np.insert(self.reasons, where, solution.reason[good])
        moved = np.hypot(*_shortest_steps(self.q).T) > MIN_JOINT_STEP_RAD
        if not moved.all():
            self._select_rows(np.concatenate(([True], moved)))

    def _truncate_at(self, failure: PathFailure) -> None:
        """End before a fault."""
        self.failure = failure
        self._select_rows(self.path_parameters < failure.path_parameter)

    def _select_rows(self, rows: NDArray[np.bool_]) -> None:
        self.path_parameters, self.q, self.reasons = (
            self.path_parameters[rows],
            self.q[rows],
            self.reasons[rows],
        )

    def _joint_turn_angles(self) -> Array:
        """Return the angles (M,), rad, by which the joints turn; 0 at corners of the line."""
        turns = turn_angles(_shortest_steps(self.q)) if len(self.q) else np.empty(0)
        turns[np.isin(self.path_parameters, self._line_corners)] = 0.0
        return turns

    def _intervals_to_split(self) -> NDArray[np.bool_]:
        """Tell between which places (M - 1,) others must be put; cut at a jump."""
        steps, points = (
            np.hypot(*_shortest_steps(self.q).T),
            self._line.points(self.path_parameters),
        )
        apart = np.hypot(*np.diff(points, axis=0).T) > MIN_SPACING_RATIO * self._solver.arm.reach
        jumps = np.flatnonzero((steps > MAX_JOINT_STEP_RAD) & ~apart)
        if len(jumps):
            row = int(jumps[0]) + 1
            reason = Reason(int(self.reasons[row])) or Reason.UNREACHABLE
            number = float(self.path_parameters[row])
            self._truncate_at(
                PathFailure(number, _to_point(points[row]), reason, float(steps[row - 1]))
            )
            steps, apart = steps[: row - 1], apart[: row - 1]
        turns = self._joint_turn_angles()
        wide = steps > MAX_JOINT_STEP_RAD
        for turn in (turns[:-1], turns[1:]):
            wide |= turn * steps > MAX_SPLINE_DEVIATION_RATIO / SPLINE_DEVIATION_PER_TURN
        between: NDArray[np.bool_] = wide & apart
        return between


def _shortest_steps(q: Array) -> Array:
    """Return the steps (N - 1, 2), rad, the short way round."""
    steps = np.diff(q, axis=0)
    short: Array = steps - TWO_PI * np.round(steps / TWO_PI)
    return short


def _to_point(point: Array) -> JointPair:
    x, y = point.tolist()
    return x, y
