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

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ik_nn_ros.arm.joint_path import JointPath
from ik_nn_ros.arm.model import TWO_PI, ArmModel, JointPair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.ik.hybrid import HybridSolver
from ik_nn_ros.ik.path_trace import PathFailure, PathIk
from ik_nn_ros.ik.pose_line import PosePolyline
from ik_nn_ros.ik.problem import BranchSolver
from ik_nn_ros.ik.result import Reason

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
    exact = BranchSolver(solver.arm, None, solver.config)
    x, y = xy[0].tolist()
    tried = []
    for side in solver.branch_order(x, y, q_now):
        tried.append(_solve_on_branch(exact, line, q_now, side))
        if tried[-1].path is not None:
            return tried[-1]
    return max(tried, key=lambda solution: solution.failed_index)


def _solve_on_branch(
    solver: BranchSolver, line: PosePolyline, q_now: JointPair, branch: int
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


def _wrap_path_into_limits(arm: ArmModel, q: Array, q_now: JointPair) -> tuple[Array, int]:
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


def _failed(arm: ArmModel, line: PosePolyline, side: int, failure: PathFailure) -> PathSolution:
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
