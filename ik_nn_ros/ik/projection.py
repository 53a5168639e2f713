"""
Projection of a target that an arm cannot reach onto the boundary of its workspace.

That is the nearest reachable point, with one exception. Where a target behind the base is about as
near to one point of the boundary as to another, following the nearest one would send the arm around
the whole boundary, and back again if the target jitters. So the travel of the joints has a small
cost, too: the arm follows the boundary from the point it is at, changes to another one when that is
clearly nearer, and then does not turn back halfway.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import TWO_PI, Array
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.ik.refine import SINGULAR_SINE, nudge_elbow

TRAVEL_COST_RATIO_PER_RAD = 0.01
"""How much nearer (fraction of reach) a point must be for each radian of longer travel to it."""
MAX_DISTANCE_RATIO = 1e9
"""Targets further out than this many reaches are projected as if they were this far."""
FIXED_POINT_ITERATIONS = 3
"""Iterations that account for the residual; each leaves a few percent of the error before it."""


class BoundaryProjection:
    """
    The boundary of what one branch of an arm reaches within its limits.

    :param arm: the arm
    :param branch: +1 or -1
    """

    def __init__(self, arm: Kinematics, branch: int) -> None:
        self._arm = arm
        self._branch = branch
        self._workspace = arm.workspace(branch)

    def __bool__(self) -> bool:
        """Tell whether the branch reaches anything at all."""
        return bool(self._workspace.arcs)

    def project(self, xy: Array, q_now: Array) -> Array:
        """
        Return joint positions on the boundary for targets beyond it.

        The boundary is that of the rigid arm, moved by the residual where there is one.

        :param xy: (N, 2) points that the branch does not reach, m
        :param q_now: (N, 2) where the joints are, rad
        :return: (N, 2) inside the limits, rad; NaN where nothing can be reached, or where the arm
            has no closed form
        """
        if not self:
            return np.full_like(xy, np.nan)
        arm = self._arm
        max_distance = MAX_DISTANCE_RATIO * arm.reach
        size = np.abs(xy).max(axis=1)
        scale = np.where(size > max_distance, max_distance / np.maximum(size, max_distance), 1.0)
        xy = xy * scale[:, None]
        q = self._project_on_rigid_arm(xy, q_now)
        if arm.rigid is not arm:
            for _ in range(FIXED_POINT_ITERATIONS):
                q = self._project_on_rigid_arm(xy - arm.tip_residual(q), q_now)
            q = self._move_to_boundary_with_residual(q)
        return np.clip(q, arm.lower, arm.upper)

    def _project_on_rigid_arm(self, xy: Array, q_now: Array) -> Array:
        """Return joint positions (N, 2), rad, on the rigid arm's boundary."""
        points, distance, is_beyond = self._workspace.projection_candidates(xy)
        excess = distance - distance.min(axis=1, keepdims=True)
        travel_cost = TRAVEL_COST_RATIO_PER_RAD * self._arm.reach
        row, column = np.nonzero((excess == 0.0) | (is_beyond & (excess <= TWO_PI * travel_cost)))
        branch = np.full(len(row), self._branch, dtype=np.int8)
        candidates = self._arm.rigid.closed_form_batch(points[row, column], branch, q_now[row])
        if candidates is None:
            return np.full_like(xy, np.nan)
        q = np.full_like(points, np.nan)
        q[row, column] = candidates
        cost = np.full(distance.shape, np.inf)
        travel = np.abs(candidates - q_now[row]).max(axis=1)
        cost[row, column] = excess[row, column] + travel_cost * travel
        chosen: Array = q[np.arange(len(xy)), np.argmin(cost, axis=1)]
        return chosen

    def _move_to_boundary_with_residual(self, q: Array) -> Array:
        """Stretch or fold (N, 2) positions, rad, to where the arm with its residual is singular."""
        arm = self._arm
        is_singular = np.abs(arm.rigid.elbow_sine_batch(q)) < SINGULAR_SINE
        is_past = self._branch * arm.elbow_sine_batch(q) < SINGULAR_SINE
        rows = np.flatnonzero(is_singular | is_past)
        if len(rows):
            branch: NDArray[np.int8] = np.full(len(rows), self._branch, dtype=np.int8)
            for _ in range(FIXED_POINT_ITERATIONS):
                q[rows] = np.clip(nudge_elbow(arm, q[rows], branch), arm.lower, arm.upper)
        return q
