"""
Inverse kinematics of a whole path: on one branch, continuous in branch and turns, or not at all.

The tip goes through every pose in order, in a straight line from each to the next; it may leave
these lines by about 5e-4 of the reach to pass their bends without a stop. It does so at bends of
less than 20 degrees, and where poses are dense enough. At other bends the arm stops, and also where
the joints turn back although the tip does not, as where it touches the boundary of the reach.

A path is solved at its poses and at points between them. More are inserted where the joints move
far or turn sharply from one to the next, until a smooth curve through all of them keeps to the
lines. That also finds what lies between two poses: a hole, a limit, a jump of the joints.

The network is not used. Its solutions are within the tolerance, but scatter in it; near the
boundary of the reach, where joints move by the root of the tip's motion, that is 1e-4 rad, and the
arm would tremble. The closed form does not scatter.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ik_nn_ros.arm.geometry import TWO_PI, Array, JointPair, Point2
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.arm.paths import JointPath
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.ik.acceptance import BatchSolution, Reason, SolverContext, Status
from ik_nn_ros.ik.batch import solve_batch
from ik_nn_ros.ik.solver import HybridSolver

PathParameters = NDArray[np.float64]
"""(M,) points of a polyline: whole numbers are its poses, fractions lie between two of them."""

MIN_POSE_SPACING_RATIO = 1e-5
"""Poses nearer than this fraction of reach to the one before count as one with it."""
MAX_POSE_DISTANCE_RATIO = 10.0
"""Poses farther away than this many reaches are not even projected."""
WRAP_TOLERANCE_RAD = 1e-9
"""How far (rad) another turn may put a waypoint past a limit; it is then clipped."""
INITIAL_SPACING_RATIO = 0.04
"""Spacing of the first points, as a fraction of reach."""
MIN_SPACING_RATIO = 1e-7
"""Points nearer than this fraction of reach to each other get no other point between them."""
MAX_JOINT_STEP_RAD = 0.1
"""Largest distance of the joints from one waypoint to the next, rad."""
MIN_JOINT_STEP_RAD = 1e-7
"""Waypoints nearer than this (rad) are one: many points project to a corner of the boundary."""
MAX_SPLINE_DEVIATION_RATIO = 5e-4
"""How far (fraction of reach; rad) a spline through waypoints may leave the lines between them."""
SPLINE_DEVIATION_PER_TURN = 0.16
"""
Deviation of a spline from straight lines, over the angle they turn by (rad) and their length.

A cubic spline deviates by 0.085 at a single turn, by more where the lines turn again and again.
"""
CORNER_ANGLE_RAD = 0.35
"""Angle by which the lines turn at a corner, where the arm stops, rad."""
JOINT_CORNER_ANGLE_RAD = 1.2
"""Angle by which the joints turn at a corner that the lines do not have, rad."""
MAX_REFINEMENT_ROUNDS = 40


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
        """(N,) parameter of each pose."""

    def pose_at(self, path_parameter: float) -> tuple[int, bool]:
        """Return the index of the next pose, and whether the parameter is that of the pose."""
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
        """Return parameters of all poses and of points between, at most ``max_spacing`` m apart."""
        counts = np.maximum(np.ceil(self._lengths / max_spacing), 1.0).astype(int)
        first = np.repeat(np.cumsum(counts) - counts, counts)
        fraction = (np.arange(counts.sum()) - first) / np.repeat(counts, counts)
        return np.append(np.repeat(np.arange(len(counts)), counts) + fraction, float(len(counts)))

    def corners(self, min_angle: float, min_deviation: float) -> NDArray[np.intp]:
        """
        Return the parameters where the lines turn and a curve through the poses would leave them.

        :param min_angle: smallest angle of a corner, rad
        :param min_deviation: smallest angle times the distance to the farther neighbour, rad m
        """
        turns = turn_angles(self._steps)
        turns[1:-1] *= turns[1:-1] > min_angle
        turns[1:-1] *= np.maximum(self._lengths[:-1], self._lengths[1:])
        return np.flatnonzero(turns > min_deviation)


def turn_angles(steps: Array) -> Array:
    """Return the angles (N + 1,), rad, between (N, 2) steps; 0 at both ends."""
    turns = np.zeros(len(steps) + 1)
    (x, y), (next_x, next_y) = steps[:-1].T, steps[1:].T
    turns[1:-1] = np.abs(np.arctan2(x * next_y - y * next_x, x * next_x + y * next_y))
    return turns


def _distinct_poses(xy: Array, min_spacing: float) -> NDArray[np.intp]:
    """Return the indices of poses that are farther than ``min_spacing`` from the last one kept."""
    kept = [0]
    (x, y), square = xy[0].tolist(), min_spacing * min_spacing
    for index, (next_x, next_y) in enumerate(xy.tolist()):
        if (next_x - x) ** 2 + (next_y - y) ** 2 > square:
            kept.append(index)
            x, y = next_x, next_y
    return np.array(kept)


class PathFailure(NamedTuple):
    """
    The first point of a path that the joints cannot follow.

    :param path_parameter: where on the polyline
    :param point: the same in the plane, m
    :param reason: why
    :param joint_jump: how far the joints would jump to it, rad; 0 if they do not
    """

    path_parameter: float
    point: Point2
    reason: Reason
    joint_jump: float


class PathIk:
    """
    The joints along a polyline, on one branch, up to the first failure.

    :param context: the arm, and how to solve
    :param line: through the poses
    :param q_now: (q1, q2), rad, chooses the turn of the first waypoint
    :param branch: the branch, +1 or -1
    """

    def __init__(
        self, context: SolverContext, line: PosePolyline, q_now: JointPair, branch: int
    ) -> None:
        self.failure: PathFailure | None = None
        self.path_parameters: PathParameters = np.empty(0)
        """(M,) of the waypoints."""
        self.q: Array = np.empty((0, 2))
        """(M, 2) waypoints, rad; each may be on a turn of its own."""
        self.reasons: NDArray[np.int8] = np.empty(0, dtype=np.int8)
        """(M,) of :class:`Reason`, why they were projected."""
        self._context, self._line, self._branch = context, line, branch
        self._q_now = np.array(q_now)
        self._line_corners = line.corners(
            CORNER_ANGLE_RAD,
            MAX_SPLINE_DEVIATION_RATIO / SPLINE_DEVIATION_PER_TURN * context.arm.reach,
        )
        self._insert(line.sample_parameters(INITIAL_SPACING_RATIO * context.arm.reach))
        for _ in range(MAX_REFINEMENT_ROUNDS):
            is_wide = self._intervals_to_split()
            if not is_wide.any():
                break
            ends = self.path_parameters[:-1][is_wide], self.path_parameters[1:][is_wide]
            self._insert((ends[0] + ends[1]) / 2.0)

    @property
    def corners(self) -> NDArray[np.bool_]:
        """Whether (M,) the path turns sharply at a waypoint; True at its ends."""
        corners: NDArray[np.bool_] = np.isin(self.path_parameters, self._line_corners)
        corners |= self._joint_turn_angles() > JOINT_CORNER_ANGLE_RAD
        corners[[0, -1]] = True
        return corners

    def unwrapped(self) -> Array:
        """Return the waypoints (M, 2), rad, each on the turn nearest to the one before."""
        steps = np.vstack([np.zeros((1, 2)), np.cumsum(_shortest_steps(self.q), axis=0)])
        q: Array = self.q + TWO_PI * np.round((self.q[:1] + steps - self.q) / TWO_PI)
        return q

    def _insert(self, path_parameters: PathParameters) -> None:
        """Solve points of the line and insert them, up to the first that cannot be solved."""
        points = self._line.points(path_parameters)
        solution = solve_batch(self._context, points, self._q_now, self._branch)
        rejected = np.flatnonzero(solution.status == Status.REJECTED)
        if len(rejected):
            first = rejected[0]
            reason = Reason(int(solution.reason[first]))
            self._truncate_at(
                PathFailure(float(path_parameters[first]), _to_point(points[first]), reason, 0.0)
            )
        solved = slice(0, rejected[0] if len(rejected) else None)
        self._merge(path_parameters[solved], solution, solved)

    def _merge(
        self, path_parameters: PathParameters, solution: BatchSolution, solved: slice
    ) -> None:
        """Insert solutions between the waypoints, in order, without repeating one."""
        rows = np.searchsorted(self.path_parameters, path_parameters)
        self.path_parameters = np.insert(self.path_parameters, rows, path_parameters)
        self.q = np.insert(self.q, rows, solution.q[solved], axis=0)
        self.reasons = np.insert(self.reasons, rows, solution.reason[solved])
        moved = np.hypot(*_shortest_steps(self.q).T) > MIN_JOINT_STEP_RAD
        if not moved.all():
            self._select_rows(np.concatenate(([True], moved)))

    def _truncate_at(self, failure: PathFailure) -> None:
        """End the path before a failure."""
        self.failure = failure
        self._select_rows(self.path_parameters < failure.path_parameter)

    def _select_rows(self, rows: NDArray[np.bool_]) -> None:
        self.path_parameters = self.path_parameters[rows]
        self.q, self.reasons = self.q[rows], self.reasons[rows]

    def _joint_turn_angles(self) -> Array:
        """Return the angles (M,), rad, by which the joints turn; 0 at corners of the line."""
        turns = turn_angles(_shortest_steps(self.q)) if len(self.q) else np.empty(0)
        turns[np.isin(self.path_parameters, self._line_corners)] = 0.0
        return turns

    def _intervals_to_split(self) -> NDArray[np.bool_]:
        """Tell (M - 1,) between which waypoints to insert another; truncate at a jump."""
        steps = np.hypot(*_shortest_steps(self.q).T)
        points = self._line.points(self.path_parameters)
        min_spacing = MIN_SPACING_RATIO * self._context.arm.reach
        is_splittable = np.hypot(*np.diff(points, axis=0).T) > min_spacing
        jumps = np.flatnonzero((steps > MAX_JOINT_STEP_RAD) & ~is_splittable)
        if len(jumps):
            row = int(jumps[0]) + 1
            reason = Reason(int(self.reasons[row])) or Reason.UNREACHABLE
            parameter = float(self.path_parameters[row])
            self._truncate_at(
                PathFailure(parameter, _to_point(points[row]), reason, float(steps[row - 1]))
            )
            steps, is_splittable = steps[: row - 1], is_splittable[: row - 1]
        turns = self._joint_turn_angles()
        is_wide = steps > MAX_JOINT_STEP_RAD
        for turn in (turns[:-1], turns[1:]):
            is_wide |= turn * steps > MAX_SPLINE_DEVIATION_RATIO / SPLINE_DEVIATION_PER_TURN
        to_split: NDArray[np.bool_] = is_wide & is_splittable
        return to_split


def _shortest_steps(q: Array) -> Array:
    """Return the steps (N - 1, 2), rad, the short way round."""
    steps = np.diff(q, axis=0)
    short: Array = steps - TWO_PI * np.round(steps / TWO_PI)
    return short


def _to_point(point: Array) -> Point2:
    x, y = point.tolist()
    return x, y


@dataclass(frozen=True)
class PathSolution:
    """
    The solution of a path: joints for all of it, or the first pose that fails, and why.

    :param q: (N, 2) joint positions at the poses, rad; None where the path is rejected
    :param path: the joints along it; None where it is rejected
    :param projected: (N,) which poses were moved to the nearest reachable point
    :param branch: +1 or -1; 0 where it is rejected
    :param failed_index: first pose that cannot be reached from the one before; -1 without failure
    :param reason: why it fails
    :param detail: the same as text, with got and expected
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

    :param solver: its branch, allow_branch_change and on_unreachable hold for the path as a whole
    :param xy: (N, 2) the poses in the plane, m
    :param q_now: where the joints are, rad: decides branch and turn
    :raises ConfigError: no poses, or an array of another shape
    """
    xy = np.asarray(xy, dtype=float)
    if xy.ndim != 2 or xy.shape[1] != 2 or not len(xy):
        raise ConfigError('path', got=f'poses of shape {xy.shape}', expected='(N, 2), at least one')
    not_finite = np.flatnonzero(~np.isfinite(xy).all(axis=1))
    if len(not_finite):
        index = int(not_finite[0])
        x, y = xy[index].tolist()
        return _rejected(len(xy), index, Reason.NOT_FINITE, f'got ({x}, {y}) m, expected finite')
    far = np.flatnonzero(np.abs(xy).max(axis=1) > MAX_POSE_DISTANCE_RATIO * solver.arm.reach)
    if len(far):
        index = int(far[0])
        x, y = xy[index].tolist()
        expected = f'at most {MAX_POSE_DISTANCE_RATIO:g} times the reach'
        detail = f'got ({x:.6g}, {y:.6g}) m, expected {expected}'
        return _rejected(len(xy), index, Reason.UNREACHABLE, detail)
    line = PosePolyline(xy, MIN_POSE_SPACING_RATIO * solver.arm.reach)
    context = SolverContext(solver.arm, None, solver.config)
    x, y = xy[0].tolist()
    rejected = []
    for branch in solver.branch_order(x, y, q_now):
        solution = _solve_on_branch(context, line, q_now, branch)
        if solution.path is not None:
            return solution
        rejected.append(solution)
    return max(rejected, key=lambda solution: solution.failed_index)


def _solve_on_branch(
    context: SolverContext, line: PosePolyline, q_now: JointPair, branch: int
) -> PathSolution:
    arm, path_ik = context.arm, PathIk(context, line, q_now, branch)
    if path_ik.failure is not None:
        return _failed(arm, line, branch, path_ik.failure)
    q, first_outside = _wrap_path_into_limits(arm, path_ik.unwrapped(), q_now)
    if first_outside < len(q):
        index, _ = line.pose_at(float(path_ik.path_parameters[first_outside]))
        detail = 'got joints past their limits on the way to it, expected none, whatever the turn'
        return _rejected(len(line.pose_parameters), index, Reason.JOINT_LIMITS, detail)
    rows = np.searchsorted(path_ik.path_parameters, line.pose_parameters, 'right') - 1
    projected = path_ik.reasons[rows] != Reason.NONE
    return PathSolution(q[rows], JointPath(q, path_ik.corners), projected, branch)


def _wrap_path_into_limits(arm: Kinematics, q: Array, q_now: JointPair) -> tuple[Array, int]:
    """
    Move a whole path by whole turns into the limits, its start as near to ``q_now`` as possible.

    :param q: (N, 2) waypoints, rad, continuous
    :return: (N, 2), rad, and the first waypoint outside whatever the turn; N if there is none
    """
    wrapped, first_outside = q.copy(), len(q)
    for joint, (low, up) in enumerate(zip(arm.lower, arm.upper, strict=True)):
        angles = q[:, joint]
        min_turn = np.ceil((low - angles.min() - WRAP_TOLERANCE_RAD) / TWO_PI)
        max_turn = np.floor((up - angles.max() + WRAP_TOLERANCE_RAD) / TWO_PI)
        if min_turn <= max_turn:
            turn = np.clip(np.round((q_now[joint] - angles[0]) / TWO_PI), min_turn, max_turn)
            wrapped[:, joint] = np.clip(angles + TWO_PI * turn, low, up)
        else:
            first_outside = min(first_outside, _count_within_limits(angles, low, up))
    return wrapped, first_outside


def _count_within_limits(angles: Array, low: float, up: float) -> int:
    """Return how many of a joint's first angles (N,), rad, lie within limits, on its best turn."""
    min_turn = np.ceil((low - angles[0] - WRAP_TOLERANCE_RAD) / TWO_PI)
    max_turn = np.floor((up - angles[0] + WRAP_TOLERANCE_RAD) / TWO_PI)
    turned = angles[:, None] + TWO_PI * np.arange(min_turn, max_turn + 1.0)
    outside = (turned < low - WRAP_TOLERANCE_RAD) | (turned > up + WRAP_TOLERANCE_RAD)
    return int(outside.argmax(axis=0).max())


def _failed(arm: Kinematics, line: PosePolyline, branch: int, failure: PathFailure) -> PathSolution:
    index, is_pose = line.pose_at(failure.path_parameter)
    x, y = failure.point
    got = f'({x:.6g}, {y:.6g}) m'
    if not is_pose:
        got = f'{got} on the straight line to it'
    if failure.joint_jump:
        got = f'a jump of the joints by {failure.joint_jump:.3g} rad at {got}'
        expected = 'a continuous path'
    elif failure.reason == Reason.UNREACHABLE:
        got = f'{got}, {hypot(x, y):.6g} m from the first axis'
        expected = f'{arm.inner_reach:.6g} to {arm.reach:.6g} m'
    else:
        name = 'positive' if branch > 0 else 'negative'
        expected = f'what the {name} branch reaches inside the limits'
    return _rejected(
        len(line.pose_parameters), index, failure.reason, f'got {got}, expected {expected}'
    )


def _rejected(count: int, index: int, reason: Reason, detail: str) -> PathSolution:
    none = np.zeros(count, dtype=bool)
    return PathSolution(None, None, none, 0, index, reason, f'pose {index}: {detail}')
