"""Decide on one target: a solution, or a reason code with what was got and what was expected."""

from __future__ import annotations

from math import hypot, isfinite
from typing import NamedTuple

import numpy as np
from geometry_msgs.msg import Point
from nav_msgs.msg import Path
from rclpy.clock import Clock
from std_msgs.msg import Header

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.arm.paths import JointPath
from ik_nn_ros.ik.path import PathSolution, solve_path
from ik_nn_ros.ik.result import Reason, Solution, Stage, Status
from ik_nn_ros.ik.solver import GoalValidityCheck, HybridSolver
from ik_nn_ros.nodes.common.conversions import stamp_to_seconds
from ik_nn_ros.nodes.common.parameters import Parameters
from ik_nn_ros.nodes.ik.frames import Anchor, FrameError, PlaneTransformer


class TargetResult(NamedTuple):
    """
    What becomes of one target.

    ``code`` is ACCEPTED, PROJECTED or a reason code, ``detail`` says why in words, ``point`` is the
    target in the arm's plane (m) as far as it is known, ``solution`` what to carry out, if
    anything. ``anchor`` keeps the target while frames move; ``may_come`` tells that a transform
    still to come may change the answer.
    """

    code: str
    detail: str = ''
    point: JointPair | None = None
    solution: Solution | None = None
    anchor: Anchor | None = None
    transform_may_arrive: bool = False


class TargetSolver:
    """
    Answers targets for one arm.

    :param solver: solves them
    :param frames: brings them into the arm's plane
    :param parameters: the node's parameters
    :param clock: the node's clock, for the age of stamps
    """

    def __init__(
        self,
        solver: HybridSolver,
        plane_transformer: PlaneTransformer,
        parameters: Parameters,
        clock: Clock,
    ) -> None:
        self.solver = solver
        self.plane_transformer = plane_transformer
        self._parameters = parameters
        self._clock = clock

    def solve(
        self,
        header: Header,
        position: Point,
        q_now: JointPair,
        is_goal_allowed: GoalValidityCheck | None = None,
    ) -> TargetResult:
        """
        Answer one target.

        :param header: frame and stamp of the target
        :param position: in that frame, m
        :param q_now: where the joints are, rad
        :param is_goal_allowed: tells whether the arm may go to joint angles, rad; None: everywhere
        """
        x, y, z = position.x, position.y, position.z
        if not (isfinite(x) and isfinite(y) and isfinite(z)):
            return TargetResult('NOT_FINITE', f'position: got ({x}, {y}, {z}) m, expected finite')
        if (refusal := self._age_rejection(header)) is not None:
            return refusal
        try:
            point, anchor = self.plane_transformer.target_to_plane(header, x, y, z)
        except FrameError as error:
            return TargetResult(
                error.reason, str(error), transform_may_arrive=error.transform_may_arrive
            )
        return self.solve_point(point, q_now, is_goal_allowed, anchor)

    def solve_point(
        self,
        point: JointPair,
        q_now: JointPair,
        is_goal_allowed: GoalValidityCheck | None,
        anchor: Anchor | None,
    ) -> TargetResult:
        """
        Answer a target whose place in the arm's plane is known.

        :param point: in the plane, m
        :param q_now: where the joints are, rad
        :param is_goal_allowed: as for :meth:`answer`
        :param anchor: what keeps it there
        """
        solution = self.solver.solve(point[0], point[1], q_now, is_goal_allowed)
        if solution.status == Status.ACCEPTED:
            return TargetResult('ACCEPTED', '', point, solution, anchor)
        why = _rejection_detail(self.solver, solution.reason, point, q_now)
        if solution.status == Status.REJECTED:
            return TargetResult(solution.reason.name, why, point)
        x, y = solution.point
        return TargetResult(
            'PROJECTED', f'{why}; going to ({x:.6g}, {y:.6g}) m', point, solution, anchor
        )

    def solve_path(self, message: Path, q_now: JointPair) -> tuple[TargetResult, JointPath | None]:
        """
        Answer a path: all of it is solved, or none.

        :param message: its poses' frames are the path's
        :param q_now: where the joints are, rad
        :return: the answer, whose solution is that of the last pose, and the joints along it
        """
        poses = message.poses
        if not poses:
            return TargetResult('EMPTY_PATH', 'poses: got none, expected at least one'), None
        positions = np.array([(p.x, p.y, p.z) for p in (it.pose.position for it in poses)])
        refusal = self._path_rejection(message, positions)
        if refusal is not None:
            return refusal, None
        try:
            xy = self.plane_transformer.path_to_plane(message.header, positions)
        except FrameError as error:
            return TargetResult(
                error.reason, str(error), transform_may_arrive=error.transform_may_arrive
            ), None
        solved = solve_path(self.solver, xy, q_now)
        if solved.path is None or solved.q is None:
            x, y = xy[solved.failed_index].tolist()
            return TargetResult(solved.reason.name, solved.detail, (x, y)), None
        return _path_result(self.solver.arm, xy, solved), solved.path

    def _path_rejection(self, message: Path, positions: Array) -> TargetResult | None:
        if (refusal := self._age_rejection(message.header)) is not None:
            return refusal
        frame = message.header.frame_id
        for index, pose in enumerate(message.poses):
            if pose.header.frame_id not in ('', frame):
                got = pose.header.frame_id
                return TargetResult(
                    'BAD_FRAME', f"pose {index}: got {got!r}, expected the path's {frame!r}"
                )
        wrong = np.flatnonzero(~np.isfinite(positions).all(axis=1))
        if len(wrong):
            got = tuple(positions[wrong[0]].tolist())
            return TargetResult('NOT_FINITE', f'pose {wrong[0]}: got {got} m, expected finite')
        return None

    def _age_rejection(self, header: Header) -> TargetResult | None:
        oldest = self._parameters['max_target_age']
        if oldest > 0.0 and (age := self._stamp_age(header)) > oldest:
            return TargetResult(
                'TOO_OLD', f'age of the stamp: got {age:.3f} s, expected <= {oldest:g} s'
            )
        return None

    def _stamp_age(self, header: Header) -> float:
        """Return the age of a stamp, s; no stamp is not old."""
        stamp = stamp_to_seconds(header.stamp)
        return 1e-9 * self._clock.now().nanoseconds - stamp if stamp else 0.0


def _path_result(arm: Kinematics, xy: Array, solved: PathSolution) -> TargetResult:
    """Return the answer to a path that can be gone."""
    first, second = solved.q[-1].tolist()
    point = arm.fk_point(first, second)
    x, y = xy[-1].tolist()
    moved = np.flatnonzero(solved.projected)
    status = Status.PROJECTED if len(moved) else Status.ACCEPTED
    error = 0.0 if solved.projected[-1] else hypot(point[0] - x, point[1] - y)
    reason = Reason.UNREACHABLE if len(moved) else Reason.NONE
    place = point if solved.projected[-1] else (x, y)
    last = Solution((first, second), status, Stage.CLOSED_FORM, error, solved.branch, reason, place)
    detail = f'path of {len(xy)} poses'
    if len(moved):
        detail += f', {len(moved)} of them projected, the first is pose {moved[0]}'
    return TargetResult(status.name, detail, (x, y), last)


def _rejection_detail(
    solver: HybridSolver, reason: Reason, point: JointPair, q_now: JointPair
) -> str:
    (x, y), arm = point, solver.arm
    if reason == Reason.UNREACHABLE:
        return (
            f'distance from the first axis: got {hypot(x, y):.6g} m, '
            f'expected {arm.inner_reach:.6g} to {arm.reach:.6g} m'
        )
    if reason == Reason.OBSTRUCTED:
        return f'keep-out zone in the way of ({x:.6g}, {y:.6g}) m'
    unlimited = arm.without_limits()
    solutions = [unlimited.closed_form(x, y, branch, q_now) for branch in solver.context.branches]
    got = ' or '.join(f'({q[0]:.4g}, {q[1]:.4g})' for q in solutions if q is not None) or 'none'
    (low1, low2), (up1, up2) = arm.lower, arm.upper
    return (
        f'joints for ({x:.6g}, {y:.6g}) m: got {got} rad, expected inside the limits '
        f'{low1:.4g} to {up1:.4g}, {low2:.4g} to {up2:.4g} rad'
    )
