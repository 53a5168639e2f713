"""The joints along a smooth path of the tip, the network alone beside the hybrid solver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, pi

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from ik_nn_ros.arm.model import TWO_PI, ArmModel, Array, JointPair
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.studies.accuracy import propose_joints, tip_distance
from ik_nn_ros.studies.report.workspace_map import BranchMap

PATH_POINT_COUNT = 401
"""On the path; the last one is the first one again."""
AXIS_CLEARANCE_RATIO = 0.15
"""
Fraction of reach that the path keeps from the first axis, where joint 1 has to turn at once.
"""
LIMIT_CLEARANCE_RAD = 0.05
"""How far (rad) the path keeps from joint limits: beyond one may lie the next turn."""
MIN_RADIUS_RATIO = 0.97
"""Share of the largest radius that a circle in a better place may have."""
FIGURE_RADIUS_RATIO = 0.85
"""Size of the figure eight as a share of the largest circle that fits into the workspace."""


@dataclass(frozen=True)
class JointPath:
    """
    A figure eight, in N steps.

    :param branch: +1 or -1
    :param path_fraction: (N,) 0 to 1
    :param xy: (N, 2) the path, m
    :param network: (N, 2) joints as proposed, on the nearest turn, rad
    :param hybrid: (N, 2) joints as solved, each from the one before, rad; NaN: refused
    :param closed_form: (N, 2) joints by the closed form, rad
    """

    branch: int
    path_fraction: Array
    xy: Array
    network: Array
    hybrid: Array
    closed_form: Array

    def tip_errors(self, arm: ArmModel, q: Array) -> Array:
        """Return (N,) distances of the tip from the path, m."""
        return tip_distance(arm, self.xy, q)


def largest_joint_step(q: Array) -> float:
    """Return the largest turn of a joint between two neighbours of (N, 2) angles, rad."""
    return float(np.abs(np.diff(q, axis=0)).max())


def measure_path(arm: ArmModel, network: Network, maps: Sequence[BranchMap]) -> JointPath | None:
    """
    Follow the largest figure eight that fits into a branch's workspace.

    :param maps: of the branches to choose from, at least one
    :return: None when none fits
    """
    figure = largest_figure_eight(arm, maps)
    if figure is None:
        return None
    branch, xy, start = figure
    along = np.linspace(0.0, 1.0, PATH_POINT_COUNT)
    side = np.full(PATH_POINT_COUNT, branch, dtype=np.int8)
    proposed = np.unwrap(propose_joints(network, xy, side), axis=0)
    return JointPath(
        branch=branch,
        path_fraction=along,
        xy=xy,
        network=proposed + TWO_PI * np.round((start - proposed[0]) / TWO_PI),
        hybrid=_solve_path(HybridSolver(arm, network), xy, start),
        closed_form=_solve_path(HybridSolver(arm), xy, start),
    )


def largest_figure_eight(
    arm: ArmModel, maps: Sequence[BranchMap]
) -> tuple[int, Array, JointPair] | None:
    """
    Return the largest figure eight that fits into a branch's workspace.

    :param maps: of the branches to choose from, at least one
    :return: the branch, (N, 2) points, m, and joints at the first one, rad; None when none fits
    """
    circles = [(*_largest_circle(arm, branch_map), branch_map.branch) for branch_map in maps]
    radius, center, branch = max(circles, key=lambda circle: circle[0])
    if radius == 0.0:
        return None
    xy = center + FIGURE_RADIUS_RATIO * radius * _figure_eight(
        np.linspace(0.0, 2.0 * pi, PATH_POINT_COUNT)
    )
    x, y = xy[0].tolist()
    return branch, xy, arm.rigid.closed_form(x, y, branch, arm.home)


def _figure_eight(angle: Array) -> Array:
    """Return (N, 2) points within the unit circle."""
    return np.stack((np.sin(angle), 0.5 * np.sin(2.0 * angle)), axis=-1)


def _largest_circle(arm: ArmModel, branch_map: BranchMap) -> tuple[float, Array]:
    """Return radius and center, m, of the largest circle inside the branch's workspace."""
    side = branch_map.coordinates
    x, y = np.meshgrid(side, side)
    free = branch_map.reachable & (np.hypot(x, y) > AXIS_CLEARANCE_RATIO * arm.reach)
    free[free] = _is_clear_of_limits(arm, np.stack((x[free], y[free]), axis=-1), branch_map.branch)
    distance = distance_transform_edt(free)
    # Of those about as large, the one nearest to the middle of the joint ranges.
    ahead_x, ahead_y = arm.fk_point(*arm.home)
    away = np.where(
        distance >= MIN_RADIUS_RATIO * distance.max(), np.hypot(x - ahead_x, y - ahead_y), np.inf
    )
    row, column = np.unravel_index(np.argmin(away), away.shape)
    return float(distance[row, column] * (side[1] - side[0])), np.array([side[column], side[row]])


def _is_clear_of_limits(arm: ArmModel, xy: Array, branch: int) -> NDArray[np.bool_]:
    q = arm.rigid.closed_form_batch(xy, np.full(len(xy), branch, dtype=np.int8), np.array(arm.home))
    half_a_turn = np.where(np.isfinite(arm.lower) | np.isfinite(arm.upper), pi, np.inf)
    room = np.minimum(q - arm.lower, arm.upper - q)
    room = np.minimum(room, half_a_turn - np.abs(q - arm.home))
    clear: NDArray[np.bool_] = room.min(axis=1) > LIMIT_CLEARANCE_RAD
    return clear


def _solve_path(solver: HybridSolver, xy: Array, start: JointPair) -> Array:
    joints, q_now = [], start
    for x, y in xy.tolist():
        solution = solver.solve(x, y, q_now)
        q_now = solution.q or q_now
        joints.append(solution.q or (nan, nan))
    return np.array(joints)
