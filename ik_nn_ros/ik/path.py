"""
Solve a whole path: on one branch, continuous in branch and turns, or not at all.

The tip goes through every pose in order and straight from each to the next; it may leave that line
by about 5e-4 of the reach, to go round its bends without a halt. So it does at each bend of less
than 20 degrees, and at poses so dense that it may. At other bends the arm stops; also where the tip
goes on but the joints turn about, as where it touches the edge of the reach.

The network has no part in it. Its answers are within the tolerance, but scatter in there; near the
edge of the reach, where joints move by the root of what the tip does, that is 1e-4 rad, and the arm
would tremble. The closed form does not scatter.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ik_nn_ros.arm.geometry import TWO_PI, Array, JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.arm.paths import JointPath
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.ik.acceptance import SolverContext
from ik_nn_ros.ik.batch import solve_batch
from ik_nn_ros.ik.result import BatchSolution, Reason, Status
from ik_nn_ros.ik.solver import HybridSolver

# MERGED ik.pose_line: The line that a path's poses stand for: straight from each to the next.

PathParameters = NDArray[np.float64]
"""
(M,) of points on the line: a whole one is that of a pose, the parts lie between it and the next.
"""


class PosePolyline:
    """
    Straight lines through poses in the plane.

    :param xy: (N, 2) the poses, finite, at least one, m
    :param min_spacing: poses as near as this to the one before count as one with it, m
    """

    def __init__(self, xy: Array, min_spacing: float) -> None:
        self._pose_indices = _distinct_poses(xy, min_spacing)
        self._xy = xy[self._pose_indices]
        self._steps = np.diff(self._xy, axis=0)
        self._lengths = np.hypot(*self._steps.T)
        numbers = np.searchsorted(self._pose_indices, np.arange(len(xy)), 'right') - 1
        self.pose_parameters: PathParameters = numbers.astype(float)
        """(N,) the number of each pose."""

    def pose_at(self, path_parameter: float) -> tuple[int, bool]:
        """Return which pose a number leads to, and whether it is that pose itself."""
        whole = int(np.ceil(path_parameter))
        return int(self._pose_indices[whole]), whole == path_parameter

    def points(self, path_parameters: PathParameters) -> Array:
        """Return the points (M, 2), m."""
        if not len(self._steps):
            return np.repeat(self._xy, len(path_parameters), axis=0)
        before = np.minimum(path_parameters.astype(int), len(self._steps) - 1)
        points: Array = self._xy[before] + (path_parameters - before)[:, None] * self._steps[before]
        return points

    def sample_parameters(self, max_spacing: float) -> PathParameters:
        """Return numbers of all poses and of points between them, at most so far apart, m."""
        counts = np.maximum(np.ceil(self._lengths / max_spacing), 1.0).astype(int)
        first = np.repeat(np.cumsum(counts) - counts, counts)
        part = (np.arange(counts.sum()) - first) / np.repeat(counts, counts)
        return np.append(np.repeat(np.arange(len(counts)), counts) + part, float(len(counts)))

    def corners(self, min_angle: float, min_deviation: float) -> NDArray[np.intp]:
        """
        Return whole numbers where the line turns and a curve through the poses would leave it.

        :param min_angle: angle, rad
        :param min_deviation: least angle times the distance to the next pose, rad m
        """
        turns = turn_angles(self._steps)
        turns[1:-1] *= turns[1:-1] > min_angle
        turns[1:-1] *= np.maximum(self._lengths[:-1], self._lengths[1:])
        return np.flatnonzero(turns > min_deviation)


def turn_angles(steps: Array) -> Array:
    """Return the angles (N + 1,), rad, between (N, 2) steps; 0 at both ends."""
    turns = np.zeros(len(steps) + 1)
    (x, y), (to_x, to_y) = steps[:-1].T, steps[1:].T
    turns[1:-1] = np.abs(np.arctan2(x * to_y - y * to_x, x * to_x + y * to_y))
    return turns


def _distinct_poses(xy: Array, min_spacing: float) -> NDArray[np.intp]:
    """Return which poses are not one with the one before; the last stands for those at it."""
    kept = [0]
    (x, y), square = xy[0].tolist(), min_spacing * min_spacing
    for index, (to_x, to_y) in enumerate(xy.tolist()):
        if (to_x - x) ** 2 + (to_y - y) ** 2 > square:
            kept.append(index)
            x, y = to_x, to_y
    return np.array(kept)


# MERGED ik.path_trace: Follow a line of poses on one branch, as closely as its bends ask for.  The line is solved at its poses and at points between them; more are put in where the joints go far or turn much from one to the next, until a smooth curve through all of them keeps to the line. That also finds what lies between two poses: a hole, a limit, a jump of the joints.

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
        self, solver: SolverContext, line: PosePolyline, q_now: JointPair, branch: int
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


MIN_POSE_SPACING_RATIO = 1e-5
"""Poses nearer than this part of the reach to the one before are one with it."""
MAX_POSE_DISTANCE_RATIO = 10.0
"""Poses farther away than so many times the reach are not even projected."""
WRAP_TOLERANCE_RAD = 1e-9
"""By how much (rad) another turn may put a place past a limit."""


@dataclass(frozen=True)
class PathSolution:
    """
    The answer to a path: joints for all of it, or which pose cannot be gone to, and why.

    :param q: (N, 2) joints at the poses, rad; None: the path is refused
    :param path: the joints along it; None: it is refused
    :param projected: (N,) which poses were moved to the nearest point that can be reached
    :param branch: +1 or -1; 0: it is refused
    :param failed_index: the first pose that cannot be gone to, from the one before; -1: there is none
    :param reason: why
    :param detail: the same in words, with what was got and what was expected
    """

    q: Array | None
    path: JointPath | None
    projected: NDArray[np.bool_]
    branch: int
    failed_index: int = -1
    reason: Reason = Reason.NONE
    detail: str = ''


def solve_path(solver: HybridSolver, xy: ArrayLike, q_now: JointPair) -> PathSolution:
    """
    Solve a path on the first branch of those to be tried that reaches all of it.

    :param solver: its branch, allow_branch_change and on_unreachable count for the path as a whole
    :param xy: (N, 2) the poses in the plane, m
    :param q_now: where the joints are, rad: decides branch and turn
    :raises ConfigError: no poses, or none of that shape
    """
    xy = np.asarray(xy, dtype=float)
    if xy.ndim != 2 or xy.shape[1] != 2 or not len(xy):
        raise ConfigError('path', got=f'poses of shape {xy.shape}', expected='(N, 2), at least one')
    wrong = np.flatnonzero(~np.isfinite(xy).all(axis=1))
    if len(wrong):
        index = int(wrong[0])
        x, y = xy[index].tolist()
        return _rejected(len(xy), index, Reason.NOT_FINITE, f'got ({x}, {y}) m, expected finite')
    far = np.flatnonzero(np.abs(xy).max(axis=1) > MAX_POSE_DISTANCE_RATIO * solver.arm.reach)
    if len(far):
        index = int(far[0])
        x, y = xy[index].tolist()
        detail = f'got ({x:.6g}, {y:.6g}) m, expected at most {MAX_POSE_DISTANCE_RATIO:g} times the reach'
        return _rejected(len(xy), index, Reason.UNREACHABLE, detail)
    line = PosePolyline(xy, MIN_POSE_SPACING_RATIO * solver.arm.reach)
    exact = SolverContext(solver.arm, None, solver.config)
    x, y = xy[0].tolist()
    tried = []
    for side in solver.branch_order(x, y, q_now):
        tried.append(_solve_on_branch(exact, line, q_now, side))
        if tried[-1].path is not None:
            return tried[-1]
    return max(tried, key=lambda solution: solution.failed_index)


def _solve_on_branch(
    solver: SolverContext, line: PosePolyline, q_now: JointPair, branch: int
) -> PathSolution:
    arm, trace = solver.arm, PathIk(solver, line, q_now, branch)
    if trace.failure is not None:
        return _failed(arm, line, branch, trace.failure)
    q, outside = _wrap_path_into_limits(arm, trace.unwrapped(), q_now)
    if outside < len(q):
        index, _ = line.pose_at(float(trace.path_parameters[outside]))
        detail = 'got joints past their limits on the way to it, expected none, whatever the turn'
        return _rejected(len(line.pose_parameters), index, Reason.JOINT_LIMITS, detail)
    rows = np.searchsorted(trace.path_parameters, line.pose_parameters, 'right') - 1
    projected = trace.reasons[rows] != Reason.NONE
    return PathSolution(q[rows], JointPath(q, trace.corners), projected, branch)


def _wrap_path_into_limits(arm: Kinematics, q: Array, q_now: JointPair) -> tuple[Array, int]:
    """
    Turn a whole path by whole turns into the limits, its beginning as near as can be.

    :param q: (N, 2) places, rad, continuous
    :return: (N, 2), rad, and the first place that is outside whatever the turn; N: none is
    """
    turned, outside = q.copy(), len(q)
    for joint, (low, up) in enumerate(zip(arm.lower, arm.upper, strict=True)):
        way = q[:, joint]
        least = np.ceil((low - way.min() - WRAP_TOLERANCE_RAD) / TWO_PI)
        most = np.floor((up - way.max() + WRAP_TOLERANCE_RAD) / TWO_PI)
        if least <= most:
            turns = np.clip(np.round((q_now[joint] - way[0]) / TWO_PI), least, most)
            turned[:, joint] = np.clip(way + TWO_PI * turns, low, up)
        else:
            outside = min(outside, _count_within_limits(way, low, up))
    return turned, outside


def _count_within_limits(way: Array, low: float, up: float) -> int:
    """Return how many places of a joint's way (N,), rad, lie inside limits, with its best turn."""
    least = np.ceil((low - way[0] - WRAP_TOLERANCE_RAD) / TWO_PI)
    most = np.floor((up - way[0] + WRAP_TOLERANCE_RAD) / TWO_PI)
    tried = way[:, None] + TWO_PI * np.arange(least, most + 1.0)
    bad = (tried < low - WRAP_TOLERANCE_RAD) | (tried > up + WRAP_TOLERANCE_RAD)
    return int(bad.argmax(axis=0).max())


def _failed(arm: Kinematics, line: PosePolyline, side: int, failure: PathFailure) -> PathSolution:
    index, exact = line.pose_at(failure.path_parameter)
    x, y = failure.point
    got = f'({x:.6g}, {y:.6g}) m'
    if not exact:
        got = f'{got} on the straight line to it'
    if failure.joint_jump:
        got, expected = (
            f'a jump of the joints by {failure.joint_jump:.3g} rad at {got}',
            'a continuous way',
        )
    elif failure.reason == Reason.UNREACHABLE:
        got = f'{got}, {hypot(x, y):.6g} m from the first axis'
        expected = f'{arm.inner_reach:.6g} to {arm.reach:.6g} m'
    else:
        branch = 'positive' if side > 0 else 'negative'
        expected = f'what the {branch} branch reaches inside the limits'
    return _rejected(
        len(line.pose_parameters), index, failure.reason, f'got {got}, expected {expected}'
    )


def _rejected(count: int, index: int, reason: Reason, detail: str) -> PathSolution:
    none = np.zeros(count, dtype=bool)
    return PathSolution(None, None, none, 0, index, reason, f'pose {index}: {detail}')
