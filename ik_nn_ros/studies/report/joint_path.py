"""A figure eight of the tip, and the joints along it of the network and of the solver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, pi

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from ik_nn_ros.arm.geometry import TWO_PI, Array, JointPair
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.studies.accuracy import propose_joints, tip_distance
from ik_nn_ros.studies.report.workspace_map import BranchMap

PATH_POINT_COUNT = 401
"""Number of points on the path; the last one equals the first one."""
AXIS_CLEARANCE_RATIO = 0.15
"""Distance of the path from the first axis, where joint 1 would have to jump; of reach."""
LIMIT_CLEARANCE_RAD = 0.05
"""Distance of the path from joint limits, rad; beyond a limit may lie the next turn."""
MIN_RADIUS_RATIO = 0.97
"""Smallest radius of a circle nearer to the middle, as a share of the largest one's."""
FIGURE_RADIUS_RATIO = 0.85
"""Size of the figure eight, as a share of the largest circle in the workspace."""


@dataclass(frozen=True)
class JointPath:
    """
    Joints along a figure eight of N points.

    :param branch: +1 or -1
    :param path_fraction: (N,) 0 to 1
    :param xy: (N, 2) path, m
    :param network: (N, 2) proposals of the network on the nearest turn, rad
    :param hybrid: (N, 2) answers of the solver, each from the one before, rad; NaN: rejected
    :param closed_form: (N, 2) answers of the solver without a network, rad
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
    """Return the largest step of a joint between neighbours of (N, 2) joint positions, rad."""
    return float(np.abs(np.diff(q, axis=0)).max())


def measure_path(arm: ArmModel, network: Network, maps: Sequence[BranchMap]) -> JointPath | None:
    """
    Solve the largest figure eight that fits into a branch's workspace.

    :param arm: the arm
    :param network: the network
    :param maps: maps of the branches to choose from, at least one
    :return: None: no figure fits
    """
    figure = largest_figure_eight(arm, maps)
    if figure is None:
        return None
    branch, xy, start = figure
    branches = np.full(PATH_POINT_COUNT, branch, dtype=np.int8)
    proposed = np.unwrap(propose_joints(network, xy, branches), axis=0)
    return JointPath(
        branch=branch,
        path_fraction=np.linspace(0.0, 1.0, PATH_POINT_COUNT),
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

    :param arm: the arm
    :param maps: maps of the branches to choose from, at least one
    :return: the branch, (N, 2) points, m, and joint positions at the first one, rad; None: no
        figure fits
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
    is_free = branch_map.reachable & (np.hypot(x, y) > AXIS_CLEARANCE_RATIO * arm.reach)
    xy = np.stack((x[is_free], y[is_free]), axis=-1)
    is_free[is_free] = _is_clear_of_limits(arm, xy, branch_map.branch)
    distance = distance_transform_edt(is_free)
    # Of circles that are about as large, the one nearest to the tip of the home position.
    home_x, home_y = arm.fk_point(*arm.home)
    home_distance = np.where(
        distance >= MIN_RADIUS_RATIO * distance.max(), np.hypot(x - home_x, y - home_y), np.inf
    )
    row, column = np.unravel_index(np.argmin(home_distance), home_distance.shape)
    return float(distance[row, column] * (side[1] - side[0])), np.array([side[column], side[row]])


def _is_clear_of_limits(arm: ArmModel, xy: Array, branch: int) -> NDArray[np.bool_]:
    q = arm.rigid.closed_form_batch(xy, np.full(len(xy), branch, dtype=np.int8), np.array(arm.home))
    max_offset = np.where(np.isfinite(arm.lower) | np.isfinite(arm.upper), pi, np.inf)
    margin = np.minimum(q - arm.lower, arm.upper - q)
    margin = np.minimum(margin, max_offset - np.abs(q - arm.home))
    is_clear: NDArray[np.bool_] = margin.min(axis=1) > LIMIT_CLEARANCE_RAD
    return is_clear


def _solve_path(solver: HybridSolver, xy: Array, start: JointPair) -> Array:
    joints, q_now = [], start
    for x, y in xy.tolist():
        solution = solver.solve(x, y, q_now)
        q_now = solution.q or q_now
        joints.append(solution.q or (nan, nan))
    return np.array(joints)
