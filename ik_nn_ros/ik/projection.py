"""
The place on the edge of its workspace that an arm goes to for a target beyond it.

That is the nearest one, with one exception. Dragged round behind the base, a target comes to where
two places on the edge are equally near: to follow the nearest would send the arm round the whole
edge, and back again if the target hovers there. So the way of the joints counts a little, too: the
arm follows along the edge from the place it is at, goes over to another one when that is clearly
nearer, and then does not turn back halfway.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.calibrated import FIXED_POINT_ITERATIONS, CalibratedArm
from ik_nn_ros.arm.closed_form import closed_form_batch
from ik_nn_ros.arm.model import TWO_PI, ArmModel, Array
from ik_nn_ros.arm.workspace import Workspace
from ik_nn_ros.ik.refine import SINGULAR_SINE, nudge_elbow

TRAVEL_COST_RATIO_PER_RAD = 0.01
"""How much nearer (fraction of reach) a place must be for each radian of more way to it."""
MAX_DISTANCE_RATIO = 1e9
"""Targets further out than this many reaches are projected as if they were this far."""


class BoundaryProjection:
    """
    The edge of what one branch of an arm reaches within its limits.

    :param arm: the arm
    :param branch: +1 or -1
    """

    def __init__(self, arm: ArmModel, branch: int) -> None:
        self._arm = arm
        self._branch = branch
        self._workspace = Workspace(arm, branch)

    def __bool__(self) -> bool:
        """Tell whether the branch reaches anything at all."""
        return bool(self._workspace.arcs)

    def project(self, xy: Array, q_now: Array) -> Array:
        """
        Return joint angles for the places to go to.

        The edge is that of the rigid arm, moved by the residual of a calibrated one.

        :param xy: (N, 2) points that the branch does not reach, m
        :param q_now: (N, 2) where the joints are, rad
        :return: (N, 2) inside the limits, rad; NaN where nothing can be reached
        """
        if not self:
            return np.full_like(xy, np.nan)
        arm = self._arm
        farthest = MAX_DISTANCE_RATIO * arm.reach
        size = np.abs(xy).max(axis=1)
        xy = xy * np.where(size > farthest, farthest / np.maximum(size, farthest), 1.0)[:, None]
        q = self._project_on_rigid_arm(xy, q_now)
        if isinstance(arm, CalibratedArm):
            for _ in range(FIXED_POINT_ITERATIONS):
                q = self._project_on_rigid_arm(xy - arm.tip_residual(q), q_now)
            q = self._move_to_calibrated_boundary(arm, q)
        return np.clip(q, arm.lower, arm.upper)

    def _project_on_rigid_arm(self, xy: Array, q_now: Array) -> Array:
        """Return joint angles, rad, for the place on the rigid arm's edge to go to."""
        places, distance, beyond = self._workspace.projection_candidates(xy)
        further = distance - distance.min(axis=1, keepdims=True)
        scale = TRAVEL_COST_RATIO_PER_RAD * self._arm.reach
        row, column = np.nonzero((further == 0.0) | (beyond & (further <= TWO_PI * scale)))
        side = np.full(len(row), self._branch, dtype=np.int8)
        q = np.full_like(places, np.nan)
        q[row, column] = closed_form_batch(self._arm, places[row, column], side, q_now[row])
        cost = np.full(distance.shape, np.inf)
        way = np.abs(q[row, column] - q_now[row]).max(axis=1)
        cost[row, column] = further[row, column] + scale * way
        place: Array = q[np.arange(len(xy)), np.argmin(cost, axis=1)]
        return place

    def _move_to_calibrated_boundary(self, arm: CalibratedArm, q: Array) -> Array:
        """Stretch or fold (N, 2) joint angles, rad, to where the arm as built reaches furthest."""
        rigid = np.sin(q[:, 1] + arm.signs[1] * arm.offsets[1])
        past = self._branch * arm.elbow_sine_batch(q) < SINGULAR_SINE
        rows = np.flatnonzero((np.abs(rigid) < SINGULAR_SINE) | past)
        if len(rows):
            side: NDArray[np.int8] = np.full(len(rows), self._branch, dtype=np.int8)
            for _ in range(FIXED_POINT_ITERATIONS):
                q[rows] = np.clip(nudge_elbow(arm, q[rows], side), arm.lower, arm.upper)
        return q
