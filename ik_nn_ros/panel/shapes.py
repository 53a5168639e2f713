"""
Shapes that the arm draws: fitting them into the workspace, and leading the tip along them.

Needs no viser.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from ik_nn_ros.arm.geometry import Array, JointPair, Point2
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.arm.paths import ClosedCurve, heading_axes
from ik_nn_ros.ik.acceptance import SolverConfig
from ik_nn_ros.ik.path import solve_path
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.panel.view import Outcome
from ik_nn_ros.trajectory.keep_out import KeepOut

GRID_CELL_COUNT = 80
"""Cells along each axis of the grid on which the center is searched."""
MIN_CLEARANCE_RATIO = 0.9
"""Clearance of an acceptable center, as a fraction of the largest clearance."""
USED_WIDTH_RATIO = 0.9
"""Used fraction of the largest width: at the workspace boundary joint velocities grow."""
BISECTION_COUNT = 7
"""Bisections in the search for the largest width."""

START_TOLERANCE_RATIO = 0.02
"""Distance of the tip from the first point at which the shape begins, as a fraction of reach."""
SLOWDOWN_LAG_RATIO = 0.1
"""Lag of the tip above which the target slows down, as a fraction of reach."""
STOP_LAG_RATIO = 0.2
"""Lag of the tip at which the target stops; at normal speed the tip lags by about 0.15 s."""

STUCK_DISTANCE_M = 1e-3
"""Change of the tip error below which the tip counts as stopped, m."""
STUCK_TIMEOUT_S = 2.0
"""Time without such a change after which the tip is stuck, s."""


class ShapeFitter:
    """
    Fits shapes into the part of the workspace that the arm covers without changing branch.

    :param arm: the arm
    :param branch: nearest, positive or negative
    :param keep_out: zones that the arm has to stay out of
    :param q: current joint positions, rad
    """

    def __init__(self, arm: Kinematics, branch: str, keep_out: KeepOut, q: JointPair) -> None:
        self._arm, self._keep_out, self._q = arm, keep_out, q
        self._solver = HybridSolver(arm, None, SolverConfig(branch))
        self._axes = heading_axes(arm)

    def largest(self, name: str) -> ClosedCurve | None:
        """
        Return the largest shape of that name that fits.

        :return: None if the shape fits in no size
        """
        center = self._clearest_point()
        if center is None:
            return None
        fitting, too_wide = 0.0, 2.0 * self._arm.reach
        for _ in range(BISECTION_COUNT):
            width = (fitting + too_wide) / 2.0
            if self.fits(ClosedCurve(name, width, center, self._axes)):
                fitting = width
            else:
                too_wide = width
        if fitting == 0.0:
            return None
        return ClosedCurve(name, USED_WIDTH_RATIO * fitting, center, self._axes)

    def fits(self, shape: ClosedCurve) -> bool:
        """Return whether the arm can follow the whole shape."""
        q = solve_path(self._solver, shape.points, self._q).q
        return q is not None and self._is_collision_free(q)

    def _clearest_point(self) -> Point2 | None:
        """Return the point farthest from the workspace boundary, near the front of the arm, m."""
        reach = self._arm.reach
        axis = reach * (np.arange(-GRID_CELL_COUNT, GRID_CELL_COUNT + 1, 2) / GRID_CELL_COUNT)
        points = np.stack(np.meshgrid(axis, axis, indexing='ij'), axis=-1)
        free = self._free_mask(points.reshape(-1, 2)).reshape(points.shape[:2])
        clearance = distance_transform_edt(np.pad(free, 1))[1:-1, 1:-1]
        if not clearance.any():
            return None
        candidates = points[clearance >= MIN_CLEARANCE_RATIO * clearance.max()]
        front = (self._arm.inner_reach + reach) / 2.0 * self._axes[0]
        x, y = candidates[np.argmin(np.hypot(*(candidates - front).T))].tolist()
        return x, y

    def _free_mask(self, points: Array) -> NDArray[np.bool_]:
        """Return (N,) which of (N, 2) points, m, are reachable and outside all zones."""
        q = self._solver.solve_batch(points, self._q).q
        free = np.asarray(np.isfinite(q).all(axis=1))
        if self._keep_out:
            free[free] = self._keep_out.clearance(q[free]) >= self._keep_out.margin
        return free

    def _is_collision_free(self, q: Array) -> bool:
        return bool((self._keep_out.clearance(q) >= self._keep_out.margin).all())


class ShapeProgress:
    """
    Moving target on a shape, which waits for the tip.

    :param shape: the shape
    :param lap_time: time for one lap, s
    :param reach: reach of the arm, m
    :param tip: current position of the tip, m; the shape starts at its point nearest to it
    """

    def __init__(self, shape: ClosedCurve, lap_time: float, reach: float, tip: Point2) -> None:
        self.shape = shape
        self._lap_time, self._reach = lap_time, reach
        self._lap_fraction = shape.nearest_fraction(tip)
        self.has_begun = False
        """Whether the tip has reached the first point."""

    def next_target(self, dt: float, tip_distance: float | None) -> Point2:
        """
        Return the next target, m.

        :param dt: time since the previous target, s
        :param tip_distance: distance of the tip from the previous target, m; None: not answered yet
        """
        if tip_distance is not None:
            lag = tip_distance / self._reach
            self.has_begun = self.has_begun or lag <= START_TOLERANCE_RATIO
            if self.has_begun:
                margin = (STOP_LAG_RATIO - lag) / (STOP_LAG_RATIO - SLOWDOWN_LAG_RATIO)
                speed_ratio = min(max(margin, 0.0), 1.0)
                self._lap_fraction += speed_ratio * dt / self._lap_time
                self._lap_fraction %= 1.0
        return self.shape.point_at(self._lap_fraction)


class ArrivalMonitor:
    """Detects a tip that has stopped short of its goal."""

    def __init__(self) -> None:
        self._outcome: Outcome | None = None
        self._error, self._changed_at = 0.0, 0.0

    def is_stuck(self, now: float, outcome: Outcome | None, error: float | None) -> bool:
        """
        Return whether the tip error has not changed for :data:`STUCK_TIMEOUT_S`.

        :param now: monotonic time, s
        :param outcome: result of the last target
        :param error: distance of the tip from the goal of that target, m; None: it has no goal
        """
        if (
            error is None
            or outcome is not self._outcome
            or abs(error - self._error) > STUCK_DISTANCE_M
        ):
            self._outcome, self._error, self._changed_at = outcome, error or 0.0, now
        return now - self._changed_at > STUCK_TIMEOUT_S
