"""Solving of one target: a solution, or a reason code with what was got and what was expected."""

from __future__ import annotations

from math import hypot, isfinite
from typing import NamedTuple

import numpy as np
from geometry_msgs.msg import Point
from nav_msgs.msg import Path
from numpy.typing import NDArray
from rclpy.clock import Clock
from std_msgs.msg import Header

from ik_nn_ros.arm.geometry import Array, JointPair, Point2
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.arm.paths import JointPath
from ik_nn_ros.ik.acceptance import Reason, Solution, Stage, Status
from ik_nn_ros.ik.path import solve_path
from ik_nn_ros.ik.solver import GoalValidityCheck, HybridSolver
from ik_nn_ros.nodes.common.conversions import stamp_to_seconds
from ik_nn_ros.nodes.common.parameters import Parameters
from ik_nn_ros.nodes.ik.frames import Anchor, FrameError, PlaneTransformer


class Target(NamedTuple):
    """
    Target as it was received.

    :param received_at: time of reception on the steady clock, s
    :param header: frame and stamp
    :param position: in that frame, m; of the last pose if it is a path
    :param is_stale: whether it was sent before an outage ended
    :param path: the whole path; None if the target is a point
    """

    received_at: float
    header: Header
    position: Point
    is_stale: bool
    path: Path | None = None


class TargetResult(NamedTuple):
    """
    Result of one target.

    :param code: ACCEPTED, PROJECTED or a reason code
    :param detail: explanation of the code
    :param point: target in the arm's plane, m; None if it is unknown
    :param solution: accepted or projected solution; None if the target was rejected
    :param anchor: what the target is fixed to while frames move; None: nothing
    :param transform_may_arrive: whether a transform that arrives later may change the result
    """

    code: str
    detail: str = ''
    point: Point2 | None = None
    solution: Solution | None = None
    anchor: Anchor | None = None
    transform_may_arrive: bool = False

    @property
    def goal(self) -> JointPair | None:
        """Joint positions to move to, rad; None if the target was rejected."""
        return self.solution.q if self.solution is not None else None


class TargetSolver:
    """
    Solver of the targets of one arm.

    :param solver: solver for points in the arm's plane
    :param plane_transformer: transforms targets into that plane
    :param settings: parameters of the node
    :param clock: clock of the node, for the age of stamps
    """

    def __init__(
        self,
        solver: HybridSolver,
        plane_transformer: PlaneTransformer,
        settings: Parameters,
        clock: Clock,
    ) -> None:
        self._solver = solver
        self._plane_transformer = plane_transformer
        self._settings = settings
        self._clock = clock

    @property
    def solver(self) -> HybridSolver:
        """Solver for points in the arm's plane."""
        return self._solver

    def set_solver(self, solver: HybridSolver) -> None:
        """Use another solver of the same arm for the next targets."""
        self._solver = solver

    def solve(
        self,
        header: Header,
        position: Point,
        seed: JointPair,
        is_goal_allowed: GoalValidityCheck | None = None,
    ) -> TargetResult:
        """
        Solve one target.

        :param header: frame and stamp of the target
        :param position: in that frame, m
        :param seed: joint positions from which branch and turn are chosen, rad
        :param is_goal_allowed: whether the arm may move to a goal, rad; None: to any
        """
        x, y, z = position.x, position.y, position.z
        if not (isfinite(x) and isfinite(y) and isfinite(z)):
            return TargetResult('NOT_FINITE', f'position: got ({x}, {y}, {z}) m, expected finite')
        if (rejection := self._age_rejection(header)) is not None:
            return rejection
        try:
            point, anchor = self._plane_transformer.target_to_plane(header, x, y, z)
        except FrameError as error:
            return _frame_rejection(error)
        return self.solve_point(point, seed, is_goal_allowed, anchor)

    def solve_point(
        self,
        point: Point2,
        seed: JointPair,
        is_goal_allowed: GoalValidityCheck | None = None,
        anchor: Anchor | None = None,
    ) -> TargetResult:
        """
        Solve a target that is given in the arm's plane.

        :param point: in the plane, m
        :param seed: joint positions from which branch and turn are chosen, rad
        :param is_goal_allowed: whether the arm may move to a goal, rad; None: to any
        :param anchor: what the target is fixed to
        """
        solution = self._solver.solve(point[0], point[1], seed, is_goal_allowed)
        if solution.status == Status.ACCEPTED:
            return TargetResult('ACCEPTED', '', point, solution, anchor)
        detail = _rejection_detail(self._solver, solution.reason, point, seed)
        if solution.status == Status.REJECTED:
            return TargetResult(solution.reason.name, detail, point)
        x, y = solution.point
        return TargetResult(
            'PROJECTED', f'{detail}; going to ({x:.6g}, {y:.6g}) m', point, solution, anchor
        )

    def solve_path(self, message: Path, seed: JointPair) -> tuple[TargetResult, JointPath | None]:
        """
        Solve a path, all of it or nothing.

        :param message: poses, all in the frame of the path
        :param seed: joint positions from which branch and turn are chosen, rad
        :return: the result, whose solution is that of the last pose, and the joint path; None if
            the path was rejected
        """
        if not message.poses:
            return TargetResult('EMPTY_PATH', 'poses: got none, expected at least one'), None
        positions = np.array(
            [(p.x, p.y, p.z) for p in (pose.pose.position for pose in message.poses)]
        )
        rejection = self._path_rejection(message, positions)
        if rejection is not None:
            return rejection, None
        try:
            xy = self._plane_transformer.path_to_plane(message.header, positions)
        except FrameError as error:
            return _frame_rejection(error), None
        solved = solve_path(self._solver, xy, seed)
        if solved.path is None or solved.q is None:
            x, y = xy[solved.failed_index].tolist()
            return TargetResult(solved.reason.name, solved.detail, (x, y)), None
        result = _path_result(self._solver.arm, xy, solved.q, solved.projected, solved.branch)
        return result, solved.path

    def _path_rejection(self, message: Path, positions: Array) -> TargetResult | None:
        if (rejection := self._age_rejection(message.header)) is not None:
            return rejection
        frame = message.header.frame_id
        for index, pose in enumerate(message.poses):
            if pose.header.frame_id not in ('', frame):
                got = pose.header.frame_id
                return TargetResult(
                    'BAD_FRAME', f"pose {index}: got {got!r}, expected the path's {frame!r}"
                )
        (not_finite,) = np.nonzero(~np.isfinite(positions).all(axis=1))
        if not_finite.size:
            index = not_finite[0]
            got = tuple(positions[index].tolist())
            return TargetResult('NOT_FINITE', f'pose {index}: got {got} m, expected finite')
        return None

    def _age_rejection(self, header: Header) -> TargetResult | None:
        max_age = self._settings['max_target_age']
        if max_age > 0.0 and (age := self._stamp_age(header)) > max_age:
            return TargetResult(
                'TOO_OLD', f'age of the stamp: got {age:.3f} s, expected <= {max_age:g} s'
            )
        return None

    def _stamp_age(self, header: Header) -> float:
        """Return the age of a stamp, s; 0 for a zero stamp."""
        stamp = stamp_to_seconds(header.stamp)
        return 1e-9 * self._clock.now().nanoseconds - stamp if stamp else 0.0


def _frame_rejection(error: FrameError) -> TargetResult:
    return TargetResult(error.reason, str(error), transform_may_arrive=error.transform_may_arrive)


def _path_result(
    arm: Kinematics, xy: Array, q: Array, is_projected: NDArray[np.bool_], branch: int
) -> TargetResult:
    """
    Return the result of a path that was solved.

    :param arm: the arm
    :param xy: (N, 2) poses in the plane, m
    :param q: (N, 2) joint positions, rad
    :param is_projected: (N,) whether each pose was projected
    :param branch: of the path
    """
    q1, q2 = q[-1].tolist()
    tip = arm.fk_point(q1, q2)
    x, y = xy[-1].tolist()
    (projected,) = np.nonzero(is_projected)
    status = Status.PROJECTED if projected.size else Status.ACCEPTED
    reason = Reason.UNREACHABLE if projected.size else Reason.NONE
    point, error = (tip, 0.0) if is_projected[-1] else ((x, y), hypot(tip[0] - x, tip[1] - y))
    last = Solution((q1, q2), status, Stage.CLOSED_FORM, error, branch, reason, point)
    detail = f'path of {len(xy)} poses'
    if projected.size:
        detail += f', {projected.size} of them projected, the first is pose {projected[0]}'
    return TargetResult(status.name, detail, (x, y), last)


def _rejection_detail(solver: HybridSolver, reason: Reason, point: Point2, seed: JointPair) -> str:
    """Return what was got and what was expected of a target that was not accepted."""
    (x, y), arm = point, solver.arm
    if reason == Reason.UNREACHABLE:
        return (
            f'distance from the first axis: got {hypot(x, y):.6g} m, '
            f'expected {arm.inner_reach:.6g} to {arm.reach:.6g} m'
        )
    if reason == Reason.OBSTRUCTED:
        return f'keep-out zone in the way of ({x:.6g}, {y:.6g}) m'
    unlimited = arm.without_limits()
    solutions = [unlimited.closed_form(x, y, branch, seed) for branch in solver.context.branches]
    got = ' or '.join(f'({q[0]:.4g}, {q[1]:.4g})' for q in solutions if q is not None) or 'none'
    (lower1, lower2), (upper1, upper2) = arm.lower, arm.upper
    return (
        f'joints for ({x:.6g}, {y:.6g}) m: got {got} rad, expected inside the limits '
        f'{lower1:.4g} to {upper1:.4g}, {lower2:.4g} to {upper2:.4g} rad'
    )
