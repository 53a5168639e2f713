"""Decide on one target: a solution, or a reason code with what was got and what was expected."""

from __future__ import annotations

from dataclasses import replace
from math import hypot, inf, isfinite
from typing import NamedTuple

import numpy as np
from geometry_msgs.msg import Point
from nav_msgs.msg import Path
from rclpy.clock import Clock
from std_msgs.msg import Header

from ik_nn_ros.arm.closed_form import closed_form
from ik_nn_ros.arm.joint_path import JointPath
from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.ik.hybrid import Admits, HybridSolver
from ik_nn_ros.ik.path import PathSolution, solve_path
from ik_nn_ros.ik.result import Reason, Solution, Stage, Status
from ik_nn_ros.nodes.conversions import seconds
from ik_nn_ros.nodes.frames import Anchor, FrameError, Frames
from ik_nn_ros.nodes.parameters import Parameters


class Answer(NamedTuple):
    """
    What becomes of one target.

    ``code`` is ACCEPTED, PROJECTED or a reason code, ``detail`` says why in words, ``point`` is the
    target in the arm's plane (m) as far as it is known, ``solution`` what to carry out, if
    anything. ``anchor`` keeps the target while frames move; ``may_come`` tells that a transform
    still to come may change the answer.
    """

    code: str
    detail: str = ''
    point: Pair | None = None
    solution: Solution | None = None
    anchor: Anchor | None = None
    may_come: bool = False


class Targets:
    """
    Answers targets for one arm.

    :param solver: solves them
    :param frames: brings them into the arm's plane
    :param parameters: the node's parameters
    :param clock: the node's clock, for the age of stamps
    """

    def __init__(
        self, solver: HybridSolver, frames: Frames, parameters: Parameters, clock: Clock
    ) -> None:
        self.solver = solver
        self.frames = frames
        self._parameters = parameters
        self._clock = clock

    def answer(
        self, header: Header, position: Point, q_now: Pair, admits: Admits | None = None
    ) -> Answer:
        """
        Answer one target.

        :param header: frame and stamp of the target
        :param position: in that frame, m
        :param q_now: where the joints are, rad
        :param admits: tells whether the arm may go to joint angles, rad; None: everywhere
        """
        x, y, z = position.x, position.y, position.z
        if not (isfinite(x) and isfinite(y) and isfinite(z)):
            return Answer('NOT_FINITE', f'position: got ({x}, {y}, {z}) m, expected finite')
        if (refusal := self._too_old(header)) is not None:
            return refusal
        try:
            point, anchor = self.frames.locate(header, x, y, z)
        except FrameError as error:
            return Answer(error.reason, str(error), may_come=error.may_come)
        return self.answer_point(point, q_now, admits, anchor)

    def answer_point(
        self, point: Pair, q_now: Pair, admits: Admits | None, anchor: Anchor | None
    ) -> Answer:
        """
        Answer a target whose place in the arm's plane is known.

        :param point: in the plane, m
        :param q_now: where the joints are, rad
        :param admits: as for :meth:`answer`
        :param anchor: what keeps it there
        """
        solution = self.solver.solve(point[0], point[1], q_now, admits)
        if solution.status == Status.ACCEPTED:
            return Answer('ACCEPTED', '', point, solution, anchor)
        why = _why(self.solver, solution.reason, point, q_now)
        if solution.status == Status.REJECTED:
            return Answer(solution.reason.name, why, point)
        x, y = solution.point
        return Answer('PROJECTED', f'{why}; going to ({x:.6g}, {y:.6g}) m', point, solution, anchor)

    def answer_path(self, message: Path, q_now: Pair) -> tuple[Answer, JointPath | None]:
        """
        Answer a path: all of it is solved, or none.

        :param message: its poses' frames are the path's
        :param q_now: where the joints are, rad
        :return: the answer, whose solution is that of the last pose, and the joints along it
        """
        poses = message.poses
        if not poses:
            return Answer('EMPTY_PATH', 'poses: got none, expected at least one'), None
        positions = np.array([(p.x, p.y, p.z) for p in (it.pose.position for it in poses)])
        refusal = self._refusal_of_path(message, positions)
        if refusal is not None:
            return refusal, None
        try:
            xy = self.frames.path_to_plane(message.header, positions)
        except FrameError as error:
            return Answer(error.reason, str(error), may_come=error.may_come), None
        solved = solve_path(self.solver, xy, q_now)
        if solved.path is None or solved.q is None:
            x, y = xy[solved.index].tolist()
            return Answer(solved.reason.name, solved.detail, (x, y)), None
        return _answer_of_path(self.solver.arm, xy, solved), solved.path

    def _refusal_of_path(self, message: Path, positions: Array) -> Answer | None:
        if (refusal := self._too_old(message.header)) is not None:
            return refusal
        frame = message.header.frame_id
        for index, pose in enumerate(message.poses):
            if pose.header.frame_id not in ('', frame):
                got = pose.header.frame_id
                return Answer(
                    'BAD_FRAME', f"pose {index}: got {got!r}, expected the path's {frame!r}"
                )
        wrong = np.flatnonzero(~np.isfinite(positions).all(axis=1))
        if len(wrong):
            got = tuple(positions[wrong[0]].tolist())
            return Answer('NOT_FINITE', f'pose {wrong[0]}: got {got} m, expected finite')
        return None

    def _too_old(self, header: Header) -> Answer | None:
        oldest = self._parameters['max_target_age']
        if oldest > 0.0 and (age := self._age(header)) > oldest:
            return Answer('TOO_OLD', f'age of the stamp: got {age:.3f} s, expected <= {oldest:g} s')
        return None

    def _age(self, header: Header) -> float:
        """Return the age of a stamp, s; no stamp is not old."""
        stamp = seconds(header.stamp)
        return 1e-9 * self._clock.now().nanoseconds - stamp if stamp else 0.0


def _answer_of_path(arm: ArmModel, xy: Array, solved: PathSolution) -> Answer:
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
    return Answer(status.name, detail, (x, y), last)


def _why(solver: HybridSolver, reason: Reason, point: Pair, q_now: Pair) -> str:
    (x, y), arm = point, solver.arm
    if reason == Reason.UNREACHABLE:
        return (
            f'distance from the first axis: got {hypot(x, y):.6g} m, '
            f'expected {arm.inner_reach:.6g} to {arm.reach:.6g} m'
        )
    if reason == Reason.OBSTRUCTED:
        return f'keep-out zone in the way of ({x:.6g}, {y:.6g}) m'
    free = replace(arm, lower=(-inf, -inf), upper=(inf, inf))
    q = [closed_form(free, x, y, side, q_now) for side in solver.sides]
    got = ' or '.join(f'({first:.4g}, {second:.4g})' for first, second in q)
    (low1, low2), (up1, up2) = arm.lower, arm.upper
    return (
        f'joints for ({x:.6g}, {y:.6g}) m: got {got} rad, expected inside the limits '
        f'{low1:.4g} to {up1:.4g}, {low2:.4g} to {up2:.4g} rad'
    )
